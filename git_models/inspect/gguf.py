"""GGUF: typed key-value pairs, then a table of tensors, then their bytes.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3).
"""

from __future__ import annotations

import math
import struct
from typing import Any, BinaryIO

from git_models.inspect.look import Look
from git_models.inspect.reading import Broken, Stream
from git_models.inspect.report import Ledger, Tensor

_MOST_PAIRS = 100_000
_MOST_TENSORS = 200_000
_MOST_STRINGS = 4_000_000  # in all arrays together: a vocabulary has some 100,000
_MOST_TEXT = 1 << 20
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
# Type: name, elements of a block, bytes of a block (ggml.c, type_traits).
_TYPES = {
    0: ("float32", 1, 4), 1: ("float16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("int8", 1, 1), 25: ("int16", 1, 2), 26: ("int32", 1, 4), 27: ("int64", 1, 8), 28: ("float64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("bfloat16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}  # fmt: skip


def look(file: BinaryIO, size: int, ledger: Ledger) -> Look:
    """Read the header; what does not fit makes the verdict unknown."""
    stream = Stream(file, 4, size)
    metadata: dict[str, Any] = {}
    try:
        found = _read(stream, size, metadata)
    except Broken as error:
        ledger.add("unknown", f"a damaged GGUF header: {error}")
        found = ()
    template = metadata.get("tokenizer.chat_template", "")
    if isinstance(template, str) and "__" in template:
        # llama-cpp-python rendered such templates outside a sandbox (CVE-2024-34359).
        ledger.add("dangerous", "its chat template reaches for Python's internals", "tokenizer.chat_template")
    shown = {key: value[:2000] if isinstance(value, str) else value for key, value in metadata.items()}
    return Look("GGUF", ledger, tensors=found, metadata=shown)


def _read(stream: Stream, size: int, metadata: dict[str, Any]) -> tuple[Tensor, ...]:
    version = stream.number(4)
    if version not in (2, 3):
        raise Broken(f"version {version}")
    tensors, pairs = stream.number(8), stream.number(8)
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise Broken("more entries than any model needs")
    left = [_MOST_STRINGS]
    for _ in range(pairs):
        key = _text(stream)
        value = _value(stream, stream.number(4), left)
        if value is not None and len(metadata) < 1000:
            metadata[key[:200]] = value
    table = [_tensor(stream) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= 1 << 20:
        raise Broken("an impossible alignment")
    start = -(-stream.position // alignment) * alignment
    if any(start + tensor.start + tensor.bytes > size for tensor in table):
        raise Broken("a tensor goes beyond the end of the file")
    return tuple(tensor._replace(start=start + tensor.start) for tensor in table)


def _text(stream: Stream) -> str:
    length = stream.number(8)
    if length > _MOST_TEXT:
        raise Broken("a string of unusual length")
    return stream.take(length).decode("utf-8", "replace")


def _value(stream: Stream, kind: int, left: list[int]) -> Any:
    """A value, or None for an array, which is only passed over."""
    if kind == _STRING:
        return _text(stream)
    if (letter := _SCALARS.get(kind)) is not None:
        return struct.unpack(f"<{letter}", stream.take(struct.calcsize(f"<{letter}")))[0]
    if kind != _ARRAY:
        raise Broken(f"a value of unknown kind {kind}")
    inner, count = stream.number(4), stream.number(8)
    if (letter := _SCALARS.get(inner)) is not None:
        stream.skip(count * struct.calcsize(f"<{letter}"))
    elif inner == _STRING:
        left[0] -= count
        if left[0] < 0:
            raise Broken("more strings than any model needs")
        for _ in range(count):
            stream.skip(stream.number(8))
    else:
        raise Broken("arrays in arrays")
    return None


def _tensor(stream: Stream) -> Tensor:
    name = _text(stream)[:400]
    dimensions = stream.number(4)
    if dimensions > 8:
        raise Broken("a tensor with very many dimensions")
    shape = tuple(stream.number(8) for _ in range(dimensions))[::-1]  # the file has the fastest one first
    kind, offset = stream.number(4), stream.number(8)
    if kind not in _TYPES:
        raise Broken(f"a tensor of unknown kind {kind}")
    dtype, block, width = _TYPES[kind]
    elements = math.prod(shape)
    if elements >= 1 << 62:
        raise Broken("a tensor with very many elements")
    return Tensor(name, dtype, shape, elements, -(-elements // block) * width, start=offset)
