"""From bytes to a Manifest: every rule of the format, each failure with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from git_models import paths, patterns, urls
from git_models.errors import ManifestError, PathError
from git_models.manifest.tree import Map, Seq, Text, decode, fail, line, load, no_collection, number_like, value
from git_models.manifest.values import EMPTY, Entry, Manifest, Part, Version

MAX_SIZE = 1 << 53
"""Bytes: the largest integer that every JSON reader keeps exactly."""

_HEX = re.compile(r"[0-9a-fA-F]*\Z")
_DIGITS = re.compile(r"[0-9]{1,16}\Z")
_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}\Z")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_ENTRY_FIELDS = frozenset(Entry._fields) - {"path", "extra"}
_VERSION_FIELDS = frozenset(Version._fields) - {"extra"}


@lru_cache(maxsize=2)  # what was just written is read back, and then asked for by others
@no_collection()
def parse(data: bytes) -> Manifest:
    """The manifest in `data`; no bytes are an empty one. Raises ManifestError with the line."""
    tree = load(decode(data))
    return EMPTY if tree is None else build(tree)


def build(tree: Map) -> Manifest:
    """The manifest in a tree. Raises ManifestError with the line."""
    _version(tree)
    remotes = {}
    for name, node in _map(tree, "remotes").items():
        url = node.get("url") if type(node) is Map else node
        if not _NAME.match(name):
            raise fail(f"{str(name)!r} is no name for a remote: use letters, digits, - and _", line(name))
        if type(url) is not Text or not url:
            raise fail(f"the remote {name} has no url", line(name))
        remotes[str(name)] = _url(url)
    models = {}
    for path, node in _map(tree, "models").items():
        models[str(path)] = _entry(path, node)
    for folder, inside in paths.under(models):
        here = next(k for k in tree["models"] if k == inside)
        raise fail(f"{inside!r} lies under {folder!r}, which is a model and not a folder", line(here))
    active = {str(name): _active(name, node) for name, node in _map(tree, "active").items()}
    ordered = {path: models[path] for path in sorted(models)}
    return Manifest(1, remotes, ordered, _globs(tree, "track"), active)


def warnings(manifest: Manifest) -> list[str]:
    """One sentence for each pair of paths that some file system takes for one file."""
    reasons = {"case": "differ only in case", "unicode": "differ only in their Unicode form"}
    return [
        f"{one!r} and {other!r} {reasons[kind]}: on some systems they are one file"
        for one, other, kind in paths.clashes(manifest.models)
        if kind in reasons
    ]


def _version(tree: Map) -> None:
    node = tree.get("version")
    if node is None:
        raise fail("there is no version: begin the file with version: 1", line(tree))
    number = value(node)
    if isinstance(number, int) and not isinstance(number, bool) and number > 1:
        raise fail(f"its format is version {number}, newer than this program", line(node), "pip install -U git-models")
    if number != 1 or isinstance(number, bool):
        raise fail(f"version must be 1, not {str(node)!r}", line(node))


def _entry(path: Text, node: Any) -> Entry:
    """One entry, checked."""
    try:
        paths.check(path)
    except PathError as error:
        raise fail(error.what, line(path), error.fix) from None
    if type(node) is not Map:
        raise fail(f"{str(path)!r} has no md5 and no sha256", line(path))
    md5, sha256 = _hash(node, "md5", 32), _hash(node, "sha256", 64)
    if not (md5 or sha256):
        raise fail(f"{str(path)!r} has no md5 and no sha256: nothing could be verified", line(path))
    entry = Entry(str(path), md5, sha256, _size(node), _asset(node))
    if len(node) == 4 and entry.size >= 0 and entry.asset and md5 and sha256:
        return entry
    more: dict[str, Any] = {"extra": _extra(node, _ENTRY_FIELDS)}
    if "name" in node:
        more["name"] = _name(node, "name")
    for field in ("description", "notes", "license", "source", "created", "stage"):
        if field in node:
            more[field] = _text(node, field)
    if "metrics" in node:
        more["metrics"] = value(_map(node, "metrics"))
    if "urls" in node:
        more["urls"] = tuple(map(_url, _seq(node, "urls")))
    if "parts" in node:
        more["parts"] = _parts(node, entry.size)
    if "versions" in node:
        more["versions"] = _versions(node)
    return entry._replace(**more)


def _versions(entry: Map) -> tuple[Version, ...]:
    found: dict[str, Version] = {}
    for node in _seq(entry, "versions"):
        if type(node) is not Map:
            raise fail("a version is a mapping: {version: …, sha256: …}", line(node))
        name = _name(node, "version")
        if not name:
            raise fail("a version has no name", line(node))
        if name in found:
            raise fail(f"the version {name!r} is here twice", line(node))
        md5, sha256, size = _hash(node, "md5", 32), _hash(node, "sha256", 64), _size(node)
        if not (md5 or sha256):
            raise fail(f"the version {name!r} has no md5 and no sha256", line(node))
        found[name] = Version(
            name,
            _name(node, "date"),
            md5,
            sha256,
            size,
            _asset(node),
            _text(node, "note"),
            value(_map(node, "metrics")),
            _parts(node, size),
            _extra(node, _VERSION_FIELDS),
        )
    return tuple(found.values())


def _parts(node: Map, whole: int) -> tuple[Part, ...]:
    found = []
    for part in _seq(node, "parts"):
        if type(part) is not Map:
            raise fail("a part is a mapping: {asset: …, size: …, sha256: …}", line(part))
        made = Part(_asset(part), _size(part), _hash(part, "sha256", 64), _hash(part, "md5", 32))
        if not made.asset or made.size < 0 or not made.sha256:
            raise fail("a part needs asset, size and sha256", line(part))
        found.append(made)
    if found and whole >= 0 and sum(part.size for part in found) != whole:
        raise fail(f"the parts together are not {whole} bytes", line(_get(node, "parts")))
    return tuple(found)


def _get(node: Map, key: str) -> Any:
    return node.get(key)


def _extra(node: Map, known: frozenset[str]) -> dict[str, Any]:
    return {str(key): value(child) for key, child in node.items() if key not in known}


def _null(node: Any) -> bool:
    return node is None or (type(node) is Text and value(node) is None)


def _map(node: Map, key: str) -> Mapping[Text, Any]:
    child = _get(node, key)
    if type(child) is Map:
        return child
    if _null(child):
        return {}
    raise fail(f"{key} must be a mapping", line(child))


def _seq(node: Map, key: str) -> list[Any]:
    child = _get(node, key)
    if type(child) is Seq:
        return child
    if _null(child):
        return []
    raise fail(f"{key} must be a list", line(child))


def _text(node: Map, key: str) -> str:
    child = _get(node, key)
    if child is None:
        return ""
    if type(child) is not Text:
        raise fail(f"{key} must be a text", line(child))
    return "" if _null(child) else str(child)


def _name(node: Map, key: str) -> str:
    """A text that stands in lists and sentences: a line break in it could forge another line."""
    found = _text(node, key)
    if re.search(paths.CONTROLS, found):
        raise fail(f"{key} holds a line break or a control character", line(node[key]))
    return found


def _globs(node: Map, key: str) -> tuple[str, ...]:
    """Globs; git is asked with them as well, one a line."""
    found = _seq(node, key)
    for child in found:
        if type(child) is not Text or not child:
            raise fail(f"{key} must be a list of texts", line(child))
        if reason := patterns.fault(child):
            raise fail(f"{key}: {str(child)!r} {reason}", line(child))
    return tuple(map(str, found))


def _hash(node: Map, key: str, length: int) -> str:
    """A hash in lower case, "" if the key is absent."""
    child = _get(node, key)
    if child is None:
        return ""
    if type(child) is Text:
        if child.plain and number_like(child):
            what = f"{key} is read as a number: put it in quotes" if child else f"{key} is empty"
            raise fail(what, line(child))
        if len(child) == length and _HEX.match(child):
            return str(child).lower()
    raise fail(f"{key} must be {length} hexadecimal digits in quotes", line(child) or line(node))


def _size(node: Map) -> int:
    """Bytes, -1 if the key is absent."""
    child = _get(node, "size")
    if child is None:
        return -1
    if type(child) is Text and child.plain and _DIGITS.match(child) and (size := int(child)) <= MAX_SIZE:
        return size
    raise fail("size must be a whole number of bytes from 0 to 2^53", line(child))


def _asset(node: Map) -> str:
    """A name that is safe on every remote, "" if the key is absent."""
    child = _get(node, "asset")
    if child is None:
        return ""
    if type(child) is Text and _ASSET.match(child):
        return str(child)
    raise fail("asset must be a name of letters, digits, dot, dash and underscore", line(child))


def _url(node: Any) -> str:
    if type(node) is not Text or not node:
        raise fail("a URL must be a text", line(node))
    if reason := urls.secret(node):
        raise fail(f"this URL {reason}; everybody who reads the repository would see it", line(node))
    return str(node)


def _active(name: Text, node: Any) -> str:
    if type(node) is not Text or not node:
        raise fail(f"active: {name} must name a model, as in path or path@version", line(name))
    _checked(name, name)
    if "/" in name:
        raise fail(f"active: {str(name)!r} is no file name", line(name))
    _checked(node.rpartition("@")[0] or node, node)
    return str(node)


def _checked(path: str, node: Text) -> None:
    try:
        paths.check(path)
    except PathError as error:
        raise fail(error.what, line(node), error.fix) from None


__all__ = ["ManifestError", "build", "parse", "warnings"]
