"""Three-way merge of `models.yaml`, by model and by field, and choosing sides in a conflict.

Lines are taken over as they are wherever only one side changed an item, so comments and order
survive; values decide where both did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from git_models import paths
from git_models.errors import ManifestError
from git_models.manifest import emit
from git_models.manifest.edit import order
from git_models.manifest.layout import comments, is_block, slots
from git_models.manifest.read import build, parse
from git_models.manifest.tree import FLOW, Map, Seq, decode, load, no_collection, value

OURS, THEIRS, UNION = "ours", "theirs", "union"

# What makes up a model's bytes: never half from one side and half from the other.
_BYTES = ("md5", "sha256", "size", "asset", "parts")
# The sections that merge item by item; within them a conflict is shown around one item.
_SECTIONS = ("models", "remotes", "active")


class _Item(NamedTuple):
    """One item of a mapping or a sequence in one of the three texts."""

    node: Any
    chunk: Sequence[str]  # its lines, with the blank lines and comments above
    head: Sequence[str]  # the chunk's lines up to its key
    lines: Sequence[str]  # the whole text
    first: int  # the lines of the value's own items; -1: wherever they are
    stop: int


class _View(NamedTuple):
    """A mapping or a sequence in one of the three texts."""

    items: Mapping[str, _Item]
    tail: Sequence[str]  # lines behind the last item
    column: int
    sequence: bool = False


class _Conflict(Exception):
    """Both sides changed the same value."""


class _Rules(NamedTuple):
    """How this merge decides."""

    conflicts: list[str]  # what could not be merged, filled in as it is found
    settled: Mapping[str, str]  # path → the side to take
    forced: frozenset[str]  # paths that are a conflict wherever the sides differ
    strict: bool  # every difference outside `settled` is a conflict


@no_collection()
def merge(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, tuple[str, ...]]:
    """What both sides made of `base`, and what is left for people to decide.

    Each name returned (a model's path, or a section of the file) stands between conflict markers,
    whole blocks of both sides. Raises ManifestError when one of the three is no valid manifest.
    """
    if ours == theirs or base == theirs:
        return ours, ()
    if base == ours:
        return theirs, ()
    sides = decode(base), decode(ours), decode(theirs)
    done, left = _merged(*sides, _Rules([], {}, frozenset(), False))
    if left:
        return done, left
    try:
        parse(done)
    except ManifestError:
        # Each side is valid and together they are not: a model where the other side has a folder.
        both = {*parse(ours).models, *parse(theirs).models}
        forced = frozenset(path for pair in paths.under(both) for path in pair)
        done, left = _merged(*sides, _Rules([], {}, forced, False))
        if not left:
            raise
    return done, left


@no_collection()
def resolve(text: bytes, side: str, path: str | None = None) -> bytes:
    """A manifest with conflict markers, with one side ("ours", "theirs") chosen, or both ("union").

    With `path` only that model is decided and the rest stays in markers. "union" keeps what only
    one side has; a model that both changed stays in markers. Raises ManifestError when a side is no
    valid manifest, or when neither has `path`.
    """
    ours, theirs = _side(text, OURS), _side(text, THEIRS)
    if side != UNION and path is None:
        return (ours if side == OURS else theirs).encode()
    if path is not None and not any(path in _models(each) for each in (ours, theirs)):
        raise ManifestError(f"{path!r} is in neither side of the conflict", fix="git models status")
    settled = {} if path is None else {path: side}
    return _merged("", ours, theirs, _Rules([], settled, frozenset(), strict=path is not None))[0]


def _side(text: bytes, side: str) -> str:
    """One side's whole text; raises ManifestError unless it is a manifest."""
    kept = []
    where = ""
    for row in text.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").split("\n"):
        mark = row[:7] if re.match(r"(?:<{7}|\|{7}|={7}|>{7})(?: |$)", row) else ""
        if mark == "<<<<<<<":
            where = OURS
        elif where and mark == "|||||||":
            where = "base"
        elif where and mark == "=======":
            where = THEIRS
        elif where and mark == ">>>>>>>":
            where = ""
        elif where in ("", side):
            kept.append(row)
    try:
        source = decode("\n".join(kept).encode("utf-8", "surrogateescape"))
        _models(source)
    except ManifestError as error:
        raise ManifestError(
            f"models.yaml: the side {side!r} of the conflict is no manifest ({error.what})",
            error.line,
            "edit models.yaml by hand, or git checkout --merge -- models.yaml to start again",
        ) from None
    return source


def _models(source: str) -> Mapping[str, Any]:
    tree = load(source)
    return build(tree).models if tree is not None else {}


def _merged(base: str, ours: str, theirs: str, rules: _Rules) -> tuple[bytes, tuple[str, ...]]:
    views = []
    for source in (base, ours, theirs):
        tree = load(source)
        if tree is not None:
            build(tree)
        rows = source[:-1].split("\n") if source else []
        views.append(_view(tree, rows, 0, len(rows), 0))
    rows = _items(views[0], views[1], views[2], (), rules)
    return ("\n".join(rows) + "\n").encode(), tuple(rules.conflicts)


def _view(node: Any, lines: Sequence[str], first: int, stop: int, column: int) -> _View:
    """The items of `node` in `lines`, from `first` to `stop`; written anew if the shape is unusual."""
    if not isinstance(node, (Map, Seq)) or not node:
        return _View({}, lines[first:stop], column)
    if not is_block(node, lines):
        rows = [" " * column + text for text in comments(node, lines, max(first, 0), stop)]
        listed = type(node) is Seq
        items = {key: _fresh("" if listed else key, child, lines, column) for key, child in _children(node)}
        return _View(items, rows, column, listed)
    places = slots(node, lines)
    at = places[0].lead if first < 0 else first
    items = {}
    for (key, child), place in zip(_children(node), places, strict=True):
        chunk, head = lines[at : place.stop], lines[at : place.start + 1]
        items[key] = _Item(child, chunk, head, lines, place.start + 1, place.stop)
        at = place.stop
    return _View(items, lines[at:stop], node.span.column, type(node) is Seq)


def _fresh(key: str, node: Any, lines: Sequence[str], column: int, above: Sequence[str] = ()) -> _Item:
    """An item written anew in a column; `key` is "" for an item of a sequence."""
    rows = emit.block(key, node, column) if key else emit.items([node], column)
    above = [" " * column + text for text in above]
    return _Item(node, [*above, *rows], [*above, rows[0]], lines, -1, 0)


def _children(node: Map | Seq) -> list[tuple[str, Any]]:
    """The items by what identifies them: a version by its name, anything else in a list by itself."""
    if type(node) is Map:
        return [(str(key), child) for key, child in node.items()]
    found: dict[str, Any] = {}
    for child in node:
        key = str((type(child) is Map and child.get("version")) or repr(value(child)))
        while key in found:
            key += "+"
        found[key] = child
    return list(found.items())


def _items(base: _View, ours: _View, theirs: _View, trail: tuple[str, ...], rules: _Rules) -> list[str]:
    """The merged lines of one mapping or sequence."""
    rows: list[str] = []
    for key in _keys(ours, theirs, trail):
        b, o, t = base.items.get(key), ours.items.get(key), theirs.items.get(key)
        if t is not None and ours.items and theirs.column != ours.column:
            t = _fresh("" if theirs.sequence else key, t.node, t.lines, ours.column, _comments(t.chunk))
        try:
            rows += _item(b, o, t, (*trail, key), rules)
        except _Conflict:
            if len(trail) > 1:
                raise
            rules.conflicts.append(key if trail in ((), ("models",)) else f"{trail[0]}.{key}")
            rows += _marked(o.chunk if o else (), t.chunk if t else ())
    if ours.tail == base.tail:
        return [*rows, *theirs.tail]
    return [*rows, *ours.tail, *_added(theirs.tail, ours.tail, base.tail)]


def _marked(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Both sides between markers as git writes them."""
    blank = 0
    while ours[blank : blank + 1] == theirs[blank : blank + 1] == [""]:
        blank += 1
    return [*ours[:blank], "<<<<<<< ours", *ours[blank:], "=======", *theirs[blank:], ">>>>>>> theirs"]


def _comments(chunk: Sequence[str]) -> list[str]:
    return [row.strip() for row in chunk if row.lstrip().startswith("#")]


def _added(new: Sequence[str], mine: Sequence[str], old: Sequence[str]) -> list[str]:
    """The comment lines that only `new` has."""
    known = {*_comments(mine), *_comments(old)}
    return [row for row in new if row.lstrip().startswith("#") and row.strip() not in known]


def _keys(ours: _View, theirs: _View, trail: tuple[str, ...]) -> list[str]:
    """The keys of both sides in the order of the result, the same whichever side is ours."""
    keys = list(ours.items)
    rank = _rank(ours, theirs, trail)
    before = ""
    for key in theirs.items:
        if key not in ours.items:
            own = rank(key)
            at = keys.index(before) + 1 if before else 0
            if own is not None:
                later = (i for i, k in enumerate(keys) if (other := rank(k)) is not None and other > own)
                at = next(later, len(keys))
            else:
                while at < len(keys) and keys[at] not in theirs.items and keys[at] < key:
                    at += 1
            keys.insert(at, key)
        before = key
    return keys


def _rank(ours: _View, theirs: _View, trail: tuple[str, ...]) -> Callable[[str], Any]:
    if trail[-1:] != ("versions",):
        return order(trail)
    nodes = {key: item.node for key, item in (*theirs.items.items(), *ours.items.items())}
    return lambda key: (str(nodes[key].get("date", "")), key)


def _item(b: _Item | None, o: _Item | None, t: _Item | None, trail: tuple[str, ...], rules: _Rules) -> Sequence[str]:
    """The merged lines of one item, none if it is gone. Raises _Conflict."""
    is_model = len(trail) == 2 and trail[0] == "models"
    texts = [list(item.chunk) if item else [] for item in (b, o, t)]
    section = len(trail) == 1 and trail[0] in _SECTIONS
    if texts[1] == texts[2]:
        return texts[1]
    if is_model and trail[1] in rules.settled and (side := rules.settled[trail[1]]) != UNION:
        return texts[1 if side == OURS else 2]
    if is_model and trail[1] in rules.forced:
        raise _Conflict
    strict = rules.strict and len(trail) <= 2 and not (is_model and trail[1] in rules.settled)
    if strict and not section:
        raise _Conflict
    if not rules.strict:
        if texts[0] == texts[1]:
            return texts[2]
        if texts[0] == texts[2]:
            return texts[1]
    if not section:
        if o is None or t is None:
            if b is None:
                return texts[1] or texts[2]
            if value(b.node) == value((o or t or b).node):
                return []
            raise _Conflict
        before = value(b.node) if b else None
        if (mine := value(o.node)) == (other := value(t.node)) or (b and other == before):
            return _commented(o, t, b)
        if b and mine == before:
            return _commented(t, o, b)
        if is_model and _clash(before or {}, mine, other):
            raise _Conflict
    return _nested(b, o, t, trail, rules)


def _clash(base: Any, ours: Any, theirs: Any) -> bool:
    """Whether both sides gave a model other bytes."""
    states = [tuple(side.get(name) for name in _BYTES) for side in (base, ours, theirs)]
    return states[1] != states[2] and states[0] not in states[1:]


def _commented(item: _Item, other: _Item, base: _Item | None) -> list[str]:
    """The item's lines with the comments that the other side added, above its key."""
    above = len(item.head) - 1
    added = _added(other.chunk, item.chunk, base.chunk if base else ())
    indent = " " * (len(item.head[-1]) - len(item.head[-1].lstrip()))
    return [*item.chunk[:above], *(indent + row.strip() for row in added), *item.chunk[above:]]


def _nested(b: _Item | None, o: _Item | None, t: _Item | None, trail: tuple[str, ...], rules: _Rules) -> list[str]:
    """The lines of an item that both sides changed, merged item by item. Raises _Conflict."""
    full = [item for item in (o, t) if item and value(item.node)]
    if {type(item.node) for item in full} not in ({Map}, {Seq}):
        raise _Conflict
    first = full[0]
    indent = " " * (len(first.head[-1]) - len(first.head[-1].lstrip(" ")))
    views = [
        _view(item.node, item.lines, item.first, item.stop, len(indent) + 2) if item else _View({}, (), len(indent) + 2)
        for item in (b, o, t)
    ]
    rows = _items(views[0], views[1], views[2], trail, rules)
    head = list(first.head)
    if first.first < 0 or first.node.span.style == FLOW:
        head[-1] = f"{indent}{emit.key(trail[-1])}:"
    if o and t:
        other = t if first is o else o
        head[-1:] = [*_added(other.head, first.head, b.head if b else ()), head[-1]]
    if any(row.strip() and not row.lstrip().startswith("#") for row in rows):
        return head + rows
    return [*head[:-1], f"{indent}models: {{}}", *rows] if trail == ("models",) else []
