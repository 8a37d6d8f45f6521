"""Which paths may stand in a manifest: judged as strings, by the rules of POSIX and Windows at once.

A manifest is read on every kind of machine, so a path that is harmless here and dangerous there is
refused everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from git_models.errors import PathError

MAX_PATH = 1000
"""Bytes of UTF-8. YAML reads no key of more than 1024 characters, and no file system needs more."""

MAX_NAME = 255
"""Bytes of UTF-8 in one component: the limit of ext4, APFS and NTFS."""

# Texts, not compiled: `re` does that on use and remembers it, and most commands never look at a path.
# A path made of these needs no closer look.
_SIMPLE = r"[A-Za-z0-9_+=@ -][A-Za-z0-9_+=@. -]*(?:/[A-Za-z0-9_+=@ -][A-Za-z0-9_+=@. -]*)*"
_SUSPECT = r"[. ](?:/|\Z)|(?i:(?:\A|/)(?:con|prn|aux|nul|com|lpt|models\.yaml)|git)"

# "Naming Files, Paths, and Namespaces" in Microsoft's documentation; a suffix does not help.
_DEVICE = r"(?i:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\Z"
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_REORDER = "[\u202a-\u202e\u2066-\u2069]"
CONTROLS = "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""A pattern for both kinds, for whoever judges other texts."""

_FORBIDDEN = r'[<>"|?*]'
_SHORT_GIT = r"(?i:git)~[0-9]+\Z"
# Characters that HFS+ leaves out when it compares names (git's utf8.c knows the same list), and
# those that Unicode calls default-ignorable and other file systems may drop.
_IGNORED = "[\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
# The 8.3 names that NTFS gives `.gitmodules` and its like (git's path.c): GITMOD~1, GI7EBA~1.
_SHORT_GIT_FILES = r"(?:gitmod|gitatt|gitign|gi7eba|gi7d29|gi250a)~[0-9]\Z"
_GIT_FILES = frozenset((".gitmodules", ".gitattributes", ".gitignore"))


def check(path: str) -> None:
    """Raise PathError, with the reason, unless `path` is safe and portable: relative, with `/`."""
    if re.fullmatch(_SIMPLE, path) and not re.search(_SUSPECT, path) and len(path) <= MAX_NAME:
        return
    reason = _reason(path)
    if reason:
        raise PathError(f"{path!r} cannot be a model's path: {reason}")


def _reason(path: str) -> str:
    if not path:
        return "it is empty"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8 (rename the file)"
    if length > MAX_PATH:
        return f"it is longer than {MAX_PATH} bytes"
    if found := re.search(_CONTROL, path):
        return f"it holds the control character U+{ord(found[0]):04X}"
    if found := re.search(_REORDER, path):
        return f"it holds U+{ord(found[0]):04X}, which makes text run backwards"
    if "\\" in path:
        return f"it holds a backslash: write {path.replace(chr(92), '/')!r}"
    if path.startswith("/"):
        return "it is absolute: paths are relative to the repository's root"
    if ":" in path:
        return "a colon names a drive or a hidden stream on Windows"
    for part in path.split("/"):
        if reason := _part(part):
            return reason
    if _folded(path) == "models.yaml":
        return "models.yaml is the manifest itself"
    return ""


def _part(part: str) -> str:
    """Why one component is refused, or ""."""
    if part in ("", ".", ".."):
        return f"{part!r} is no name for a file or folder"
    if len(part.encode()) > MAX_NAME:
        return f"a name in it is longer than {MAX_NAME} bytes"
    if part[-1] in ". ":
        return "Windows drops a dot or a space at the end of a name"
    if found := re.search(_FORBIDDEN, part):
        return f"Windows allows no {found[0]} in a name"
    if re.match(_DEVICE, part.split(".")[0].rstrip(" ")):
        return f"{part!r} is a device on Windows"
    name = _folded(part)
    # Whatever a file system may still read as `.git`: its 8.3 names, trailing dots and spaces.
    if name.rstrip(". ") == ".git" or re.match(_SHORT_GIT, name):
        return f"{part!r} is git's own folder"
    if name in _GIT_FILES or re.match(_SHORT_GIT_FILES, name):
        return f"{part!r} is read by git"
    return ""


def _folded(name: str) -> str:
    """The name as the least careful file system would compare it."""
    return unicodedata.normalize("NFKC", re.sub(_IGNORED, "", name)).casefold()


def same_file(path: str) -> str:
    """A key under which two paths are equal where they would be one file on some file system."""
    return (
        path.lower() if path.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    )


def under(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of a path and one that would have to lie inside it: no file is also a folder."""
    known = set(paths)
    found = []
    for path in known:
        folder = path
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in known:
                found.append((folder, path))
    return sorted(found)


def clashes(paths: Iterable[str]) -> list[tuple[str, str, str]]:
    """Pairs that cannot lie side by side everywhere: (one, other, kind).

    `kind` is "prefix" (one is a folder of the other), "case" or "unicode".
    """
    known = sorted(set(paths))
    found = [(one, other, "prefix") for one, other in under(known)]
    first: dict[str, str] = {}
    for path in known:
        other = first.setdefault(same_file(path), path)
        if other != path:
            same = unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", path)
            found.append((other, path, "unicode" if same else "case"))
    return found
