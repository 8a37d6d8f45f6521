"""YAML as a tree of scalars, mappings and sequences that know where in the text they stand.

The manifest is attacker's input: everything that YAML can do and a manifest does not need is
refused while the events come in, before any value is built from it.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from git_models.errors import ManifestError
from git_models.manifest.values import MAX_BYTES

MAX_DEPTH = 8
MEBIBYTE = 1 << 20

_MARKER = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.M)
# libyaml takes these for line ends, editors and git do not: a comment would hide what follows it.
_LINE_ENDS = re.compile("[\r\x85\u2028\u2029]")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
NAN = float("nan")  # the one NaN: equal to itself wherever Python compares identity first
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), NAN),
}


class Span(NamedTuple):
    """Where a node stands in the file. With YAML's own events a tree of 10,000 models takes 56 MB instead of 30."""

    line: int  # from 0
    column: int
    end_line: int  # of the first character behind it
    end_column: int
    style: str  # FLOW for a collection in brackets; of a scalar "'", '"', "|", ">" or "" for none
    plain: bool = False  # a scalar without quotes


FLOW = "{"


class Text(str):
    """A scalar; what it means depends on where it stands, see `value`."""

    __slots__ = ("span",)
    span: Span

    @property
    def plain(self) -> bool:
        """Written without quotes."""
        return self.span.plain


class Map(dict[Any, Any]):
    """A mapping; its keys are Text."""

    __slots__ = ("span",)
    span: Span


class Seq(list[Any]):
    """A sequence."""

    __slots__ = ("span",)
    span: Span


def line(node: Any) -> int:
    """The line, from 1, on which a node of the tree begins; 0 if it is not from a file."""
    span = getattr(node, "span", None)
    return span.line + 1 if span else 0


def value(node: Any) -> Any:
    """What a node means where nothing more is known of it: None, bool, int, float, str, list, dict."""
    if type(node) is Text:
        text = str(node)
        if not node.plain:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text
    if isinstance(node, dict):
        return {str(k): value(v) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return [value(v) for v in node]
    return NAN if node != node else node


def number_like(text: str) -> bool:
    """Whether YAML would read these characters, without quotes, as a number."""
    return _FLOAT.match(text) is not None


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's garbage collector stands still: walking a tree that only grows doubles the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def decode(data: bytes) -> str:
    """The text of a manifest with LF and a final newline. Raises ManifestError."""
    hashes = max(data.count(b"md5"), data.count(b"sha256"))
    limit = min(MAX_BYTES, MEBIBYTE * max(1, -(-hashes // 1000)))
    if len(data) > limit:
        raise ManifestError(f"models.yaml is larger than {limit >> 20} MiB: it would not be read safely")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"models.yaml line {number}: not UTF-8", number, "save the file as UTF-8") from None
    text = text.replace("\r\n", "\n")
    if ("<<<<<<<" in text or ">>>>>>>" in text) and (found := _MARKER.search(text)):
        number = text.count("\n", 0, found.start()) + 1
        raise ManifestError(
            f"unresolved conflict in models.yaml line {number}",
            number,
            "git models checkout --ours PATH   (or --theirs, or --union to keep both sides' models)",
        )
    if ("\r" in text or not text.isascii()) and (found := _LINE_ENDS.search(text)):
        number = text.count("\n", 0, found.start()) + 1
        raise ManifestError(
            f"models.yaml line {number}: the line separator U+{ord(found[0]):04X} is not allowed", number
        )
    return text if text.endswith("\n") or not text else text + "\n"


def load(text: str) -> Map | None:
    """The tree of a decoded manifest, None if it holds nothing. Raises ManifestError."""
    import yaml

    parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return _build(parser.get_event, yaml)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise fail(f"not valid YAML: {error.problem or error.context}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise fail(f"not valid YAML: {str(error).splitlines()[0]}", 0) from None
    finally:
        parser.dispose()


def fail(what: str, number: int, fix: str = "") -> ManifestError:
    """The error for a line of the manifest."""
    where = f"models.yaml line {number}" if number else "models.yaml"
    return ManifestError(f"{where}: {what}", number, fix)


def _build(get_event: Any, yaml: Any) -> Map | None:
    """The tree from the parser's events."""
    scalar, map_start, seq_start = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
    ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
    root: Any = None
    documents = 0
    stack: list[Map | Seq] = []
    keys: list[Text | None] = []  # for each open mapping the key that waits for its value
    top: Any = None
    key: Text | None = None
    while True:
        event = get_event()
        kind = type(event)
        if kind is scalar:
            node: Any = Text(event.value)
        elif kind is map_start:
            node = Map()
        elif kind is seq_start:
            node = Seq()
        elif kind in ends:
            end = event.end_mark
            top.span = top.span._replace(end_line=end.line, end_column=end.column)
            stack.pop()
            top = stack[-1] if stack else None
            key = keys.pop()
            continue
        elif kind is yaml.StreamEndEvent:
            break
        elif kind is yaml.AliasEvent:
            raise fail("aliases (*name) are not allowed", event.start_mark.line + 1)
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise fail("a second document begins here", event.start_mark.line + 1)
            if event.version or event.tags:
                raise fail("directives (%YAML, %TAG) are not allowed", event.start_mark.line + 1)
            continue
        else:
            continue
        if event.anchor is not None or event.tag is not None:
            what = "anchors (&name)" if event.anchor is not None else "tags (!type)"
            raise fail(f"{what} are not allowed", event.start_mark.line + 1)
        start, end = event.start_mark, event.end_mark
        if kind is scalar:
            style, plain = event.style or "", bool(event.implicit[0])
        else:
            style, plain = FLOW if event.flow_style else "", False
        node.span = Span(start.line, start.column, end.line, end.column, style, plain)
        if top is None:
            root = node
        elif type(top) is Seq:
            top.append(node)
        elif key is None:
            if kind is not scalar:
                raise fail("a key must be a plain word or a quoted text", event.start_mark.line + 1)
            if node == "<<" and node.plain:
                raise fail("merge keys (<<) are not allowed", event.start_mark.line + 1)
            if node in top:
                raise fail(f"{str(node)!r} is here twice", event.start_mark.line + 1, "remove one of the two")
            key = node
            continue
        else:
            top[key] = node
            key = None
        if kind is not scalar:
            if len(stack) == MAX_DEPTH:
                raise fail(f"nested more than {MAX_DEPTH} deep", event.start_mark.line + 1)
            stack.append(node)
            keys.append(key)
            top, key = node, None
    if root is None or (type(root) is Text and root == "" and root.plain):
        return None
    if type(root) is not Map:
        raise fail("a manifest is a mapping that begins with version: 1", line(root))
    return root
