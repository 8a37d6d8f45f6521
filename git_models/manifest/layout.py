"""Where in the text each item of a tree stands, and line edits that leave the rest alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from git_models.manifest import emit
from git_models.manifest.tree import FLOW, Map, Seq, Text, value

Order = Callable[[str], Any]
"""The sort key of an item among its siblings; None for one that has no place of its own."""


class Slot(NamedTuple):
    """The lines of one item, counted from 0."""

    lead: int  # first of the comment lines directly above it
    start: int  # where the key (or dash) is
    last: int  # the last line with anything of the value
    stop: int  # behind the comments that are indented deeper than the key

    @property
    def lines(self) -> slice:
        """Everything that goes with the item when it is moved or removed."""
        return slice(self.lead, self.stop)


class Edit(NamedTuple):
    """Lines `start` to `stop` (exclusive) become `lines`."""

    start: int
    stop: int
    lines: Sequence[str]


def apply(lines: Sequence[str], edits: Sequence[Edit]) -> list[str]:
    """The lines after all edits, which must not overlap."""
    done: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.stop)):
        done += lines[at : edit.start]
        done += edit.lines
        at = edit.stop
    return [*done, *lines[at:]]


def is_block(node: Map | Seq, lines: Sequence[str]) -> bool:
    """Whether each item begins on a line of its own, in one column, as `git models` writes it."""
    if node.span.style == FLOW:
        return False
    column = node.span.column
    before = "" if type(node) is Map else "-"
    for item in node:
        mark = item.span
        if lines[mark.line][: mark.column].strip(" ") != before:
            return False
        if before:
            continue
        if mark.column != column or mark.end_line != mark.line:
            return False
    return True


def slots(node: Map | Seq, lines: Sequence[str]) -> list[Slot]:
    """The place of each item of a block, in the order of the file."""
    found: list[Slot] = []
    floor = 0
    column = node.span.column
    for item in node:
        start = item.span.line
        last = max(start, _last(node[item] if type(node) is Map else item, lines))
        lead = start
        while lead > floor and 0 <= _comment(lines[lead - 1]) <= column:
            lead -= 1
        stop = last + 1
        while stop < len(lines) and _comment(lines[stop]) > column:
            stop += 1
        found.append(Slot(lead, start, last, stop))
        floor = stop
    return found


def _comment(line: str) -> int:
    """The column of a line's comment if it holds nothing else, otherwise -1."""
    bare = line.lstrip(" ")
    return len(line) - len(bare) if bare.startswith("#") else -1


def _last(node: Any, lines: Sequence[str]) -> int:
    """The last line that holds anything of a node; -1 for an empty block."""
    if type(node) is Text:
        last = node.span.end_line
        if node.span.style in ("|", ">") and node.span.end_column == 0:
            last -= 1
            while not lines[min(last, len(lines) - 1)].strip() and not node.endswith("\n\n"):
                last -= 1
        return min(last, len(lines) - 1)
    if node.span.style == FLOW:
        return int(node.span.end_line)
    children = node.items() if type(node) is Map else ((child, child) for child in node)
    return max((max(_last(k, lines), _last(v, lines)) for k, v in children), default=-1)


def comments(node: Any, lines: Sequence[str], start: int, stop: int) -> list[str]:
    """The comment lines from `start` to `stop`, without their indentation, outside every scalar."""
    inside: set[int] = set()
    _cover(node, lines, inside)
    return [lines[i].strip() for i in range(start, stop) if i not in inside and _comment(lines[i]) >= 0]


def _cover(node: Any, lines: Sequence[str], inside: set[int]) -> None:
    if type(node) is Text:
        inside.update(range(node.span.line, _last(node, lines) + 1))
    elif type(node) is Map:
        for key, child in node.items():
            _cover(key, lines, inside)
            _cover(child, lines, inside)
    else:
        for child in node:
            _cover(child, lines, inside)


def same(old: Any, new: Any) -> bool:
    """Whether a node of the tree stays as it is."""
    return new is old or (type(new) not in (Text, Map, Seq) and value(old) == new)


def map_edits(old: Map, new: Mapping[str, Any], lines: Sequence[str], trail: tuple[str, ...], order: Any) -> list[Edit]:
    """What turns the block `old` into `new`, whose unchanged values are those of the tree itself."""
    edits: list[Edit] = []
    column = old.span.column
    places = dict(zip(old, slots(old, lines), strict=True))
    for key, slot in places.items():
        if key not in new:
            edits.append(Edit(slot.lead, slot.stop, ()))
        elif not same(old[key], new[key]):
            edits += _value_edits(key, old[key], new[key], lines, slot, (*trail, str(key)), order)
    rank = order(trail)
    for name, node in new.items():
        if name not in places:
            edits.append(insertion(places, name, emit.block(name, node, column, trail == ("remotes",)), rank))
    return edits


def insertion(places: Mapping[Text, Slot], name: str, block: Sequence[str], rank: Order) -> Edit:
    """The edit that puts a new item in its place among its siblings."""
    own = rank(name)
    if own is not None:
        for key, slot in places.items():
            other = rank(key)
            if other is not None and other > own:
                return Edit(slot.lead, slot.lead, block)
    end = max(slot.stop for slot in places.values())
    return Edit(end, end, block)


def _value_edits(
    key: Text, old: Any, new: Any, lines: Sequence[str], slot: Slot, trail: tuple[str, ...], order: Any
) -> list[Edit]:
    """What turns the value of `key` into `new`."""
    if type(old) is Map and isinstance(new, Mapping) and is_block(old, lines):
        edits = map_edits(old, new, lines, trail, order)
        if not new:
            colon = lines[slot.start].index(":", key.span.end_column) + 1
            edits.append(
                Edit(slot.start, slot.start + 1, [f"{lines[slot.start][:colon]} {{}}{lines[slot.start][colon:]}"])
            )
        return edits
    if type(old) is Seq and isinstance(new, list) and new and is_block(old, lines):
        return _seq_edits(old, new, lines)
    if type(old) is Text and old and not isinstance(new, (Mapping, list, tuple)):
        span = old.span
        if span.line == span.end_line and span.style not in ("|", ">"):
            line = lines[span.line]
            return [Edit(span.line, span.line + 1, [line[: span.column] + emit.scalar(new) + line[span.end_column :]])]
    column = key.span.column
    kept = [" " * column + text for text in comments(old, lines, slot.start, slot.last + 1)]
    end = old.span
    if end.end_line == slot.last and (rest := lines[slot.last][end.end_column :].strip()).startswith("#"):
        kept.append(" " * column + rest)
    return [Edit(slot.start, slot.last + 1, [*kept, *emit.block(key, new, column, trail[:-1] == ("remotes",))])]


def _seq_edits(old: Seq, new: list[Any], lines: Sequence[str]) -> list[Edit]:
    """What turns one sequence into another; items that stay keep their lines."""
    places = slots(old, lines)
    edits: list[Edit] = []
    indent = lines[old[0].span.line].index("-")
    at = 0
    for item in new:
        found = next((i for i in range(at, len(old)) if same(old[i], item)), None)
        if found is None:
            where = places[at].lead if at < len(old) else places[-1].stop
            edits.append(Edit(where, where, emit.items([item], indent)))
        else:
            edits += [Edit(p.lead, p.stop, ()) for p in places[at:found]]
            at = found + 1
    return edits + [Edit(p.lead, p.stop, ()) for p in places[at:]]
