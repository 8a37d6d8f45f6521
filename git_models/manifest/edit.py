"""Changing `models.yaml` without disturbing what people wrote in it.

The text is changed line by line where a value really changes; whatever has an unusual shape (flow
style, `? key`) is written anew, the smallest block that holds it. What comes out is read again and
must say exactly what was meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from git_models.errors import ManifestError, word
from git_models.manifest import emit
from git_models.manifest.layout import Edit, Order, apply, comments, insertion, is_block, map_edits, slots
from git_models.manifest.read import build, parse
from git_models.manifest.tree import Map, decode, load, no_collection, value
from git_models.manifest.values import EMPTY, HEADER, Entry, Manifest, Version

_SECTIONS = ("version", "remotes", "track", "models", "active")
_FIELDS = tuple(f for f in Entry._fields if f not in ("path", "extra"))


@no_collection()
def update(
    text: bytes,
    models: Mapping[str, Entry | None] = {},
    *,
    remotes: Mapping[str, str | None] = {},
    track: Sequence[str] | None = None,
    active: Mapping[str, str | None] = {},
) -> bytes:
    """The manifest with these models, remotes and active names set, or removed where None.

    Every line that need not change stays byte for byte; with nothing to change so does the whole
    file. Raises ManifestError when `text`, or what would be written, is not a valid manifest.
    """
    source = decode(text)
    tree = load(source)
    old = build(tree) if tree is not None else EMPTY
    new = _intended(old, models, remotes, track, active)
    if new == old and tree is not None:
        return text
    if tree is None:
        return _created(source, new)
    done = _edited(source, tree, old, new)
    del tree  # a tree of 10,000 models takes 30 MB, and reading `done` makes another
    return done if done and _says(done, new) else _rewritten(source, old, new)


@no_collection()
def move(text: bytes, old: str, new: str) -> bytes:
    """The manifest with the entry of `old` at `new`: its comments and unknown keys go with it.

    Raises ManifestError when there is no entry `old`, or one at `new` already.
    """
    source = decode(text)
    tree = load(source)
    manifest = build(tree) if tree is not None else EMPTY
    if tree is None or old not in manifest.models:
        raise ManifestError(f"{old!r} is not in models.yaml", fix="git models list")
    if new in manifest.models:
        raise ManifestError(f"{new!r} is in models.yaml already", fix=f"git models rm --cached {word(new)}")
    entry = manifest.models[old]._replace(path=new)
    meant = _intended(manifest, {old: None, new: entry}, {}, None, {})
    lines = source[:-1].split("\n")
    section: Map = tree["models"]
    key = next(k for k in section if k == old)
    mark = key.span
    if is_block(tree, lines) and is_block(section, lines):
        places = dict(zip(section, slots(section, lines), strict=True))
        slot = places[key]
        block = lines[slot.lines]
        at = mark.line - slot.lead
        block[at] = block[at][: mark.column] + emit.key(new) + block[at][mark.end_column :]
        edits = [Edit(slot.lead, slot.stop, ()), insertion(places, new, block, order(("models",)))]
        done = _text(apply(lines, edits))
        if _says(done, meant):
            return done
    return _rewritten(source, manifest, meant)


def _intended(
    old: Manifest,
    models: Mapping[str, Entry | None],
    remotes: Mapping[str, str | None],
    track: Sequence[str] | None,
    active: Mapping[str, str | None],
) -> Manifest:
    """The manifest that is meant."""
    entries = _changed(old.models, {path: e and _normal(path, e) for path, e in models.items()})
    return Manifest(
        1,
        _changed(old.remotes, remotes),
        {path: entries[path] for path in sorted(entries)},
        old.track if track is None else tuple(track),
        _changed(old.active, active),
    )


def _changed(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: new for name, new in {**old, **changes}.items() if new is not None}


def _normal(path: str, entry: Entry) -> Entry:
    """The entry as it will be read again."""
    versions = tuple(v._replace(metrics=value(v.metrics), extra=value(v.extra)) for v in entry.versions)
    return entry._replace(path=path, metrics=value(entry.metrics), extra=value(entry.extra), versions=versions)


def _created(source: str, new: Manifest) -> bytes:
    """A manifest where there was none but comments."""
    data: dict[str, Any] = {"version": 1}
    if new.remotes:
        data["remotes"] = {name: {"url": url} for name, url in new.remotes.items()}
    if new.track:
        data["track"] = list(new.track)
    data["models"] = {path: emit.entry(entry) for path, entry in new.models.items()}
    if new.active:
        data["active"] = dict(new.active)
    done = ((source or HEADER) + "".join(f"{row}\n" for k, v in data.items() for row in emit.block(k, v, 0))).encode()
    return _checked(done, new)


def _edited(source: str, tree: Map, old: Manifest, new: Manifest) -> bytes:
    """The text with the lines changed in which `old` and `new` differ; b"" for a shape that is beyond line edits."""
    lines = source[:-1].split("\n")
    if not is_block(tree, lines):
        return b""
    return _text(apply(lines, map_edits(tree, _data(tree, old, new), lines, (), order)))


def _rewritten(source: str, old: Manifest, new: Manifest) -> bytes:
    """Everything anew, the comments first."""
    lines = source[:-1].split("\n")
    tree = load(source)
    assert tree is not None
    data = _data(tree, old, new)
    ordered = sorted(data.items(), key=lambda item: order(())(item[0]) or 0)
    rows = comments(tree, lines, 0, len(lines)) + [row for k, v in ordered for row in emit.block(k, v, 0)]
    return _checked(_text(rows), new)


def _data(tree: Map, old: Manifest, new: Manifest) -> dict[str, Any]:
    """The new manifest as plain data; what stays is the tree's own node."""
    data: dict[str, Any] = dict(tree)
    if old.models != new.models:
        section: dict[str, Any] = dict(data.get("models") or {})
        for path in old.models.keys() - new.models.keys():
            del section[path]
        for path, entry in new.models.items():
            before = old.models.get(path)
            if before != entry:
                section[path] = emit.entry(entry) if before is None else _entry(section[path], before, entry)
        data["models"] = {path: section[path] for path in sorted(section)}
    if old.remotes != new.remotes:
        section = dict(data.get("remotes") or {})
        for name in old.remotes.keys() - new.remotes.keys():
            del section[name]
        for name, url in new.remotes.items():
            if old.remotes.get(name) != url:
                node = section.get(name)
                section[name] = url if isinstance(node, str) else {**(node or {}), "url": url}
        data["remotes"] = section
    if old.track != new.track:
        data["track"] = list(new.track)
    if old.active != new.active:
        data["active"] = dict(new.active)
    for name in ("remotes", "track", "active"):
        if name in data and not data[name] and not getattr(new, name) and getattr(old, name):
            del data[name]
    return data


def _entry(node: Map, old: Entry, new: Entry) -> dict[str, Any]:
    """An entry as plain data; what stays is the tree's own node."""
    data: dict[str, Any] = dict(node)
    for name in _FIELDS:
        if getattr(old, name) != getattr(new, name):
            fresh = emit.field(new, name)
            if fresh is None:
                data.pop(name, None)
            elif name == "versions":
                nodes = {v.version: (v, n) for v, n in zip(old.versions, old.versions and node[name], strict=True)}
                data[name] = [_kept_version(v, *nodes.get(v.version, (None, None))) for v in new.versions]
            else:
                data[name] = fresh
    for name in old.extra.keys() - new.extra.keys():
        del data[name]
    for name, worth in new.extra.items():
        if name not in old.extra or old.extra[name] != worth:
            data[name] = worth
    return data


def _kept_version(new: Version, old: Version | None, node: Any) -> Any:
    return node if new == old else emit.version(new)


def order(trail: tuple[str, ...]) -> Order:
    """How items are sorted at a place of the tree."""
    if trail == ():
        return lambda name: _SECTIONS.index(name) if name in _SECTIONS else None
    if trail == ("models",):
        return str.__str__
    if trail[0] == "models" and len(trail) == 2:
        return lambda name: emit.ENTRY.index(name) if name in emit.ENTRY else None
    return lambda _name: None


def _text(rows: Sequence[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()


def _says(done: bytes, meant: Manifest) -> bool:
    try:
        return parse(done) == meant
    except ManifestError:
        return False


def _checked(done: bytes, meant: Manifest) -> bytes:
    """`done`, if it says what was meant; raises ManifestError where that cannot be written."""
    if parse(done) != meant:
        raise ManifestError("models.yaml cannot hold this change; the file is as it was")
    return done
