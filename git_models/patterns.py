"""Which files are weights: by name first, by content where names lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count

from git_models.paths import CONTROLS

DEFAULT_TRACK = (
    "*.pt",
    "*.pth",
    "*.pth.tar",
    "*.ckpt",
    "*.safetensors",
    "*.onnx",
    "*.gguf",
    "*.torchscript",
    "*.tflite",
    "*.keras",
)
"""What a commit may not carry unless `models.track` says otherwise."""


WILDCARDS = 5
"""The most `*` and `**` in one glob of a manifest: with eight, git takes half a minute for one long path."""


def fault(glob: str) -> str:
    """Why a glob may not stand in a manifest, as the end of "GLOB …"; "" if it may."""
    if re.search(CONTROLS, glob):
        return "holds a line break or a control character"
    if len(re.findall(r"\*+", glob)) > WILDCARDS:
        return f"has more than {WILDCARDS} wildcards"
    return ""


def matches(patterns: Sequence[str], path: str) -> bool:
    """Whether the last pattern that fits `path` is not an exception (`!glob`).

    Globs are those of `.gitignore`: without a slash they fit a name at any depth, with one the path
    from the root, `**` any number of folders, a trailing slash everything in a folder. Letters
    match in either case, since `Best.PT` is a weight too.
    """
    return _compiled(tuple(patterns))(path)


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """One regular expression for each run of patterns that say the same, the last run first."""
    runs: list[tuple[bool, list[str]]] = []
    groups = count()
    for pattern in patterns:
        wanted = not pattern.startswith("!")
        glob = _regex(pattern if wanted else pattern[1:], lambda: f"g{next(groups)}")
        if not runs or runs[-1][0] is not wanted:
            runs.append((wanted, []))
        runs[-1][1].append(glob)
    tests = [(wanted, re.compile("|".join(globs), re.I | re.S).fullmatch) for wanted, globs in reversed(runs)]

    def test(path: str) -> bool:
        for wanted, fits in tests:
            if fits(path):
                return wanted
        return False

    return test


def _regex(glob: str, group: Callable[[], str]) -> str:
    """A regular expression for one glob without its `!`; `group` gives an unused name.

    What follows a wildcard is taken where it comes first and not given back for the sake of a later wildcard:
    another place would only leave less for the rest. So a hostile glob takes no longer than others.
    """

    def once(start: int) -> str:
        """`out` with its end from `start` on as an atomic group, in words that Python 3.10 knows."""
        if start < 0:
            return out
        name = group()
        return f"{out[:start]}(?=(?P<{name}>{out[start:]}))(?P={name})"

    inside = glob.endswith("/")
    body = glob.strip("/")
    out = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    i = 0
    folders = star = -1  # where in `out` the last `**/` begins, and the last `*` of this name
    while i < len(body):
        rest = body[i:]
        if rest.startswith("**/") and (i == 0 or body[i - 1] == "/"):
            out = once(folders)
            folders, star = len(out), -1
            out, i = out + "(?:.*?/)??", i + 3
        elif rest == "**" and (i == 0 or body[i - 1] == "/"):
            out, i = out + ".+", i + 2
        elif rest[0] == "*":
            out = once(star)
            star = len(out)
            out, i = out + "[^/]*?", i + len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            out, i = out + "[^/]", i + 1
        elif (found := re.match(r"\[(!|(?!!))(\]?[^\]]+|\])\]", rest)) is not None:
            out, i = out + _class(found[2], bool(found[1])), i + found.end()
        elif rest[0] == "\\" and len(rest) > 1:
            out, i = out + re.escape(rest[1]), i + 2
        else:
            star = -1 if rest[0] == "/" else star
            out, i = out + re.escape(rest[0]), i + 1
    return f"(?:{out}{'/.+' if inside else '(?:/.+)?'})"


def _class(members: str, others: bool) -> str:
    """One character that is among `members` (or is not); a range that runs backwards holds none."""
    found = re.findall("(.)-(.)|(.)", members, re.S)
    kept = "".join(f"{re.escape(a)}-{re.escape(b)}" if a and a <= b else re.escape(one) for a, b, one in found)
    return f"(?!/)[{'^' if others else ''}{kept}]" if kept else "[^/]" if others else "(?!)"


def pathspecs(patterns: Sequence[str]) -> list[str]:
    """git pathspecs that find at least what `matches` accepts; git does the first sifting.

    git knows no "last match wins", so an exception is only passed on when no later pattern could
    bring its files back.
    """
    last = max((i for i, pattern in enumerate(patterns) if not pattern.startswith("!")), default=-1)
    found = []
    for i, pattern in enumerate(patterns):
        wanted = not pattern.startswith("!")
        if wanted or i > last >= 0:
            found += [f":({'' if wanted else 'exclude,'}glob,icase){spec}" for spec in _specs(pattern.lstrip("!"))]
    return found


def _specs(glob: str) -> list[str]:
    """Globs in git's own words for one of ours: the file, and everything in a folder of the name."""
    body = glob.strip("/")
    root = body if "/" in glob.rstrip("/") else f"**/{body}"
    if glob.endswith("/"):
        return [f"{root}/**"]
    return [root] if root.endswith("/**") else [root, f"{root}/**"]


_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")


def looks_like_text(head: bytes) -> bool:
    """Whether a file that begins with these bytes (8000 are enough) is text, and so no weight.

    Stricter than git, which asks for a NUL only: weights may hold none for a while. Text is UTF-8
    without control characters except tab, line ends, form feed and escape. An empty file is text.
    """
    head = head[:8000]
    if b"\0" in head:
        return False
    if any((byte < 0x20 and byte not in _TEXT_CONTROLS) or byte == 0x7F for byte in set(head)):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The cut may have split the last character.
        return error.reason == "unexpected end of data" and len(head) - error.start < 4
    return True


def lfs_pointer(head: bytes) -> bool:
    """Whether these bytes are the text that Git LFS keeps in place of a file."""
    return head.startswith((b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/"))


def page(head: bytes) -> str:
    """What arrived in place of a model, in words: "an HTML page"; "" if nothing tells."""
    if lfs_pointer(head):
        return "a Git LFS pointer"
    start = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "an HTML page"
    if start.startswith(b"<?xml"):
        return "an HTML page" if b"<html" in start else "an XML error" if b"<error" in start else "an XML document"
    if start.startswith(b"<error"):
        return "an XML error"
    if start.startswith(b"<!doctype"):
        return "an HTML page"
    if re.match(rb'[\[{]\s*(?:"[^"]*"\s*:|[\[{"\]}])', start) and looks_like_text(head[:1024]):
        return "a JSON answer"
    return ""
