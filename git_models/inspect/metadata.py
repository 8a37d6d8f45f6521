"""What a checkpoint says of its training: epoch, date, arguments, metrics. Plain values only."""

from __future__ import annotations

import struct
from typing import Any

from git_models.inspect import allow
from git_models.inspect.machine import Made, Pairs

_MOST_KEYS = 100
_MOST_ITEMS = 50  # of a list that is shown
_MOST_TEXT = 2000  # characters
_MOST_DEPTH = 3
_MOST_VALUES = 5000  # in all: one list can stand in itself very often
_STATES = ("optim", "lr_sched", "scaler", "state_dict", "model_state")  # of use to the trainer alone
_NOTHING = object()
_FLOATS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "u1": "B", "b1": "?"}


def metadata(root: Any) -> dict[str, Any]:
    """The plain values at the top of a checkpoint, as JSON values; tensors and objects are left out."""
    if isinstance(root, Pairs) or (isinstance(root, Made) and root.dotted in allow.CONTAINERS):
        value = _mapping(root, [_MOST_VALUES], 0, _STATES)
        return value if isinstance(value, dict) else {}
    return {}


def plain(value: Any, left: list[int], depth: int = 0) -> Any:
    """`value` as a JSON value; dicts without a single plain value, and everything else, are `_NOTHING`."""
    left[0] -= 1
    if left[0] < 0:
        return _NOTHING
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else _NOTHING
    if isinstance(value, str):
        return value[:_MOST_TEXT]
    if depth > _MOST_DEPTH:
        return _NOTHING
    if isinstance(value, list | tuple):
        if len(value) > _MOST_ITEMS:
            return _NOTHING
        listed = [plain(one, left, depth + 1) for one in value]
        return _NOTHING if _NOTHING in listed or not listed else listed
    if isinstance(value, Made) and value.dotted in allow.SCALARS:
        return _scalar(value)
    if isinstance(value, Made) and value.dotted in allow.PATHS and isinstance(value.args, tuple):
        return "/".join(part for part in value.args if isinstance(part, str))[:_MOST_TEXT]
    return _mapping(value, left, depth)


def _mapping(value: Any, left: list[int], depth: int, without: tuple[str, ...] = ()) -> Any:
    items: list[Any] = []
    if isinstance(value, Pairs):
        items = value.items
    elif isinstance(value, Made) and not allow.is_model_class(value.dotted):
        items = value.items or (value.state.items if isinstance(value.state, Pairs) else [])
    result: dict[str, Any] = {}
    for at in range(0, min(len(items) - 1, 2 * _MOST_KEYS), 2):
        key = items[at]
        if without and isinstance(key, str) and key.startswith(without):
            continue
        if isinstance(key, str | int) and (one := plain(items[at + 1], left, depth + 1)) is not _NOTHING:
            result[str(key)[:100]] = one
    return result or _NOTHING


def _scalar(value: Made) -> Any:
    """A numpy scalar's number."""
    args = value.args
    if not (
        isinstance(args, tuple) and len(args) == 2 and isinstance(args[0], Made) and isinstance(args[0].args, tuple)
    ):
        return _NOTHING
    code = args[0].args[0] if args[0].args else ""
    raw = args[1]
    if isinstance(raw, Made) and isinstance(raw.args, tuple) and raw.args and isinstance(raw.args[0], str):
        raw = raw.args[0].encode("latin-1", "replace")  # protocol 2 writes bytes as text
    letter = _FLOATS.get(code) if isinstance(code, str) else None
    if letter is None or not isinstance(raw, bytes) or len(raw) != struct.calcsize(f"<{letter}"):
        return _NOTHING
    return struct.unpack(f"<{letter}", raw)[0]
