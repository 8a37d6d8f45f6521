"""ONNX: a protobuf message with a graph, whose initialisers are the weights.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Data outside the file is
named, never followed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from git_models.inspect.look import Look
from git_models.inspect.reading import Broken, Stream
from git_models.inspect.report import Ledger, Tensor

_MOST_FIELDS = 600_000
_MOST_DEPTH = 12
_MOST_TEXT = 4096  # bytes of a text that is kept
_MOST_KEPT = 100_000  # tensors
_TYPES = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16), 6: ("int32", 32),
    7: ("int64", 64), 8: ("string", 0), 9: ("bool", 8), 10: ("float16", 16), 11: ("float64", 64), 12: ("uint32", 32),
    13: ("uint64", 64), 14: ("complex64", 64), 15: ("complex128", 128), 16: ("bfloat16", 16),
    17: ("float8_e4m3fn", 8), 18: ("float8_e4m3fnuz", 8), 19: ("float8_e5m2", 8), 20: ("float8_e5m2fnuz", 8),
    21: ("uint4", 4), 22: ("int4", 4), 23: ("float4_e2m1", 4), 24: ("float8_e8m0fnu", 8),
}  # fmt: skip
# Operators that onnxruntime itself brings, or that the standard defines.
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"})
_TEXTS = {2: "producer", 3: "producer_version", 4: "domain", 6: "doc"}


class Field(NamedTuple):
    """One field: `value` of a number, or where (`start`, `end`) its bytes lie."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class _Model:
    """What was gathered, and what may still be read."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.left = _MOST_FIELDS
        self.tensors: list[Tensor] = []
        self.metadata: dict[str, str | int] = {}
        self.domains: set[str] = set()
        self.graphs = 0
        self.nodes = 0


def look(file: BinaryIO, size: int, ledger: Ledger) -> Look | None:
    """A model, or None if these bytes are no ONNX message."""
    model = _Model(ledger)
    stream = Stream(file, 0, size)
    try:
        for field in _fields(stream, size, model):
            _top(field, stream, model)
    except Broken as error:
        if not model.graphs:
            return None
        ledger.add("unknown", f"a damaged ONNX file: {error}")
    if not model.graphs or "ir_version" not in model.metadata:
        return None
    for domain in sorted(model.domains - _DOMAINS):
        ledger.needs(f"onnx operators {domain}", "unknown")
        ledger.add("unknown", f"needs operators of the domain {domain}, which are code that you install")
    return Look("ONNX", ledger, tensors=tuple(model.tensors), metadata={**model.metadata, "nodes": model.nodes})


def _varint(stream: Stream) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF
    raise Broken("an endless number")


def _fields(stream: Stream, end: int, model: _Model) -> Iterator[Field]:
    """The fields up to `end`; whatever the caller left of one is passed over."""
    while stream.position < end:
        model.left -= 1
        if model.left < 0:
            raise Broken("more fields than any model needs")
        tag = _varint(stream)
        number, wire, value = tag >> 3, tag & 7, 0
        length = {0: 0, 1: 8, 5: 4}.get(wire, -1)
        if wire == 0:
            value = _varint(stream)
        elif wire == 2:
            length = _varint(stream)
        start = stream.position
        if length < 0 or start + length > end or not 0 < number < 1 << 29:
            raise Broken(f"no field at byte {start}")
        yield Field(number, wire, value, start, start + length)
        stream.skip(start + length - stream.position)


def _text(field: Field, stream: Stream) -> str:
    return stream.take(min(field.end - field.start, _MOST_TEXT)).decode("utf-8", "replace") if field.wire == 2 else ""


def _top(field: Field, stream: Stream, model: _Model) -> None:
    if field.number == 1 and field.wire == 0:
        model.metadata["ir_version"] = field.value
    elif field.number in _TEXTS and (text := _text(field, stream)):
        model.metadata[_TEXTS[field.number]] = text
    elif field.wire != 2:
        return
    elif field.number == 7:
        model.graphs += 1
        _graph(field, stream, model, 0)
    elif field.number == 8:  # opset_import
        domain, version = "", 0
        for part in _fields(stream, field.end, model):
            domain = _text(part, stream) if part.number == 1 else domain
            version = part.value if part.number == 2 else version
        model.metadata[f"opset {domain}".strip()] = version
    elif field.number == 14:  # metadata_props
        pair = {part.number: _text(part, stream) for part in _fields(stream, field.end, model)}
        if len(model.metadata) < 200:
            model.metadata[pair.get(1, "")[:100]] = pair.get(2, "")
    elif field.number == 25:  # functions of the model's own; their nodes are fields 7
        own = ""
        for part in _fields(stream, field.end, model):
            if part.number == 7:
                _node(part, stream, model, 0)
            own = _text(part, stream) if part.number == 10 else own
        model.domains.discard(own)


def _graph(field: Field, stream: Stream, model: _Model, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise Broken("graphs too deep in each other")
    for part in _fields(stream, field.end, model):
        if part.wire != 2:
            continue
        if part.number == 1:
            _node(part, stream, model, depth)
        elif part.number == 5:
            _tensor(part, stream, model, "")
        elif part.number == 15:  # sparse_initializer: its values and indices are fields 1 and 2
            for inner in _fields(stream, part.end, model):
                if inner.number in (1, 2) and inner.wire == 2:
                    _tensor(inner, stream, model, "sparse")


def _node(field: Field, stream: Stream, model: _Model, depth: int) -> None:
    model.nodes += 1
    output = ""
    for part in _fields(stream, field.end, model):
        if part.number == 2 and part.wire == 2:
            output = output or _text(part, stream)
        elif part.number == 7 and (domain := _text(part, stream)) and len(model.domains) < 100:
            model.domains.add(domain)
        elif part.number == 5 and part.wire == 2:  # attribute: tensor 5, graph 6, tensors 10, graphs 11
            for inner in _fields(stream, part.end, model):
                if inner.number in (5, 10) and inner.wire == 2:
                    _tensor(inner, stream, model, output)
                elif inner.number in (6, 11) and inner.wire == 2:
                    _graph(inner, stream, model, depth + 1)


def _tensor(field: Field, stream: Stream, model: _Model, name: str) -> None:
    """A TensorProto; one that lies in a node's attribute is a constant and named after the output."""
    shape: list[int] = []
    kind, start, outside, constant = 0, -1, False, bool(name)
    length = 0
    for part in _fields(stream, field.end, model):
        if part.number == 1 and len(shape) < 64:
            shape += [part.value] if part.wire == 0 else _packed(part, stream)
        elif part.number == 2:
            kind = part.value
        elif part.number == 8 and part.wire == 2:
            name = _text(part, stream) or name
        elif part.number == 9 and part.wire == 2:
            start, length = part.start, part.end - part.start
        elif part.number == 13 and part.wire == 2:
            outside = True
            pair = {inner.number: _text(inner, stream) for inner in _fields(stream, part.end, model)}
            if pair.get(1) == "location":
                _outside(pair.get(2, ""), model.ledger)
    if (constant and not start >= 0 and not outside) or len(model.tensors) >= _MOST_KEPT:
        return
    dtype, bits = _TYPES.get(kind, ("unknown", 0))
    elements = math.prod(shape)
    if elements >= 1 << 62:
        raise Broken("a tensor with very many elements")
    size = (elements * bits + 7) // 8
    if start >= 0 and length != size and bits:
        model.ledger.add("unknown", "a tensor has other bytes than its shape needs", name)
    model.tensors.append(
        Tensor(
            name[:400],
            dtype,
            tuple(shape),
            elements,
            size,
            start=start,
            trained=not constant or dtype.startswith("float"),
        )
    )


def _packed(field: Field, stream: Stream) -> list[int]:
    result: list[int] = []
    while stream.position < field.end and len(result) < 64:
        result.append(_varint(stream))
    return result


def _outside(location: str, ledger: Ledger) -> None:
    """Tensors in another file: readers have followed such names out of the model's folder."""
    parts = location.replace("\\", "/").split("/")
    if location.startswith(("/", "\\")) or ".." in parts or ":" in location or "\0" in location:
        ledger.add("dangerous", f"takes weights from outside its folder: {location}")
    else:
        ledger.add("note", f"its weights lie in a second file, {location}, which must come along")
