"""JSON that somebody else wrote, or that lay where others may write: read within bounds."""

from __future__ import annotations

import math
from typing import Any, NoReturn

LARGEST = 16 << 20
"""Bytes; GitHub's answer about 100 releases has half a megabyte."""

_DEEPEST = 50
"""Levels; what json reads at 900 levels, json.dump and recursive code no longer take."""

_MOST_VALUES = 1_000_000
"""16 MiB of `[],[],…` would become 360 MB."""


def read(text: bytes | str) -> Any:
    """The value. Raises ValueError for what is no JSON, and for what is larger or nested deeper than any honest one."""
    import json

    if len(text) > LARGEST:
        raise ValueError(f"more than {LARGEST >> 20} MiB of JSON")
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    if data.count(b",") + data.count(b"[") + data.count(b"{") > _MOST_VALUES:
        raise ValueError("more values than any honest JSON has")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _finite(text: str) -> float:
    """int() of an infinite number raises something else than ValueError."""
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
