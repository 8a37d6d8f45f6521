"""safetensors: a JSON header that says where each tensor lies, then the bytes.

Layout: https://github.com/huggingface/safetensors#format. The header's 8-byte length comes first.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, TypeGuard

from git_models.inspect.look import Look
from git_models.inspect.reading import Broken, read_at
from git_models.inspect.report import Ledger, Tensor

MOST_HEADER = 16 << 20  # bytes
_MOST_VALUES = 400_000  # brackets and commas bound what the header can blow up to
_DTYPES = {
    "F64": ("float64", 64), "F32": ("float32", 32), "F16": ("float16", 16), "BF16": ("bfloat16", 16),
    "I64": ("int64", 64), "I32": ("int32", 32), "I16": ("int16", 16), "I8": ("int8", 8), "U64": ("uint64", 64),
    "U32": ("uint32", 32), "U16": ("uint16", 16), "U8": ("uint8", 8), "BOOL": ("bool", 8), "C64": ("complex64", 64),
    "F8_E4M3": ("float8_e4m3fn", 8), "F8_E5M2": ("float8_e5m2", 8), "F8_E8M0": ("float8_e8m0fnu", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8), "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8), "F4": ("float4_e2m1fn_x2", 4),
    "F6_E2M3": ("float6_e2m3", 6), "F6_E3M2": ("float6_e3m2", 6),
}  # fmt: skip


def is_one(head: bytes, size: int) -> bool:
    """Could these be the first bytes of a safetensors file of `size` bytes?"""
    return len(head) > 8 and 2 <= int.from_bytes(head[:8], "little") <= size - 8 and head[8:9] == b"{"


def look(file: BinaryIO, size: int, ledger: Ledger) -> Look:
    """Read the header; what does not fit makes the verdict unknown."""
    length = int.from_bytes(read_at(file, 0, 8), "little")
    try:
        header = _header(file, length)
        found = _tensors(header, 8 + length, size)
    except Broken as error:
        ledger.add("unknown", f"a damaged safetensors header: {error}")
        return Look("safetensors", ledger)
    metadata = header.get("__metadata__")
    texts = metadata if isinstance(metadata, dict) else {}
    shown = {key[:100]: value[:2000] for key, value in texts.items() if isinstance(value, str)}
    return Look("safetensors", ledger, tensors=found, metadata=shown)


def _header(file: BinaryIO, length: int) -> dict[str, Any]:
    if length > MOST_HEADER:
        raise Broken(f"{length} bytes long")
    data = read_at(file, 8, length)
    if sum(data.count(mark) for mark in (b"[", b"{", b",")) > _MOST_VALUES * 3:
        raise Broken("more values than any model needs")
    try:
        header = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Broken("no valid JSON") from None
    if not isinstance(header, dict):
        raise Broken("no JSON object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Broken("a name stands twice")
    return result


def _tensors(header: dict[str, Any], start: int, size: int) -> tuple[Tensor, ...]:
    result: list[Tensor] = []
    spans: list[tuple[int, int]] = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, begin, end = _entry(name, entry)
        elements = math.prod(shape)
        if end - begin != (elements * _DTYPES[dtype][1] + 7) // 8:
            raise Broken(f"{name} has other bytes than its shape needs")
        spans.append((begin, end))
        result.append(Tensor(name, _DTYPES[dtype][0], shape, elements, end - begin, start=start + begin))
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise Broken("holes or overlaps between the tensors")
        at = end
    if start + at != size:
        raise Broken(f"the tensors end at byte {start + at}, the file at {size}")
    return tuple(sorted(result, key=lambda tensor: tensor.start))


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    if isinstance(entry, dict) and isinstance(entry.get("dtype"), str) and entry["dtype"] in _DTYPES:
        shape, span = entry.get("shape"), entry.get("data_offsets")
        if _counts(shape) and len(shape) <= 64 and _counts(span) and len(span) == 2 and span[0] <= span[1]:
            return entry["dtype"], tuple(shape), span[0], span[1]
    raise Broken(f"{name[:100]} is not described as a tensor")


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 62 for one in value)
