"""How a comparison of two versions is written: for people, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from git_models.inspect.compare import Comparison
from git_models.inspect.numbers import Measured, Total, Unmeasured, total
from git_models.inspect.report import Tensor
from git_models.output import plural
from git_models.output import size as human

_MOST_LINES = 40  # of each kind, unless all are asked for
_MOST_TEXT = 40  # characters of a training value


def comparison_lines(found: Comparison, everything: bool = False) -> list[str]:
    """Counts, what the training says, and a line for each tensor that differs."""
    pairs = (*found.dtype, *found.shape, *found.content)
    counts = [
        f"{plural(len(pairs), 'tensor')} changed ({human(sum(p.after.bytes for p in pairs))})",
        f"{len(found.same)} the same ({human(sum(p.after.bytes for p in found.same))})",
        *([f"{len(found.added)} added"] if found.added else []),
        *([f"{len(found.removed)} removed"] if found.removed else []),
        *([f"{len(found.unread)} unreadable"] if found.unread else []),
    ]
    measured = [one for one in found.numbers if isinstance(one, Measured)]
    numbered = {one.pair.after.name for one in measured}
    kinds = (
        [f"+ {_shown(t)}" for t in found.added],
        [f"- {_shown(t)}" for t in found.removed],
        [f"~ {_shown(p.before)} -> {p.after.dtype} {list(p.after.shape)}" for p in (*found.dtype, *found.shape)],
        [f"* {_shown(p.after)}" for p in found.content if p.after.name not in numbered],
        [f"? {_shown(p.after)}" for p in found.unread],
    )
    lines = [", ".join(counts)]
    for kind in kinds:
        lines += _some(kind, everything)
    return lines + _table(measured, total(found.numbers), everything)


def training_lines(found: Comparison, everything: bool = False) -> list[str]:
    """What the files say of their training, where they differ: `key before -> after`."""
    before, after = (_flat(side) for side in found.training)
    lines = [
        f"{key} {before.get(key, '-')} -> {after.get(key, '-')}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]
    return _some(lines, everything)


def _some(lines: list[str], everything: bool) -> list[str]:
    if everything or len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more (-v shows all)"]


def _shown(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.dtype} {list(tensor.shape)}"


def _table(measured: list[Measured], all_of_it: Total | None, everything: bool) -> list[str]:
    """The numbers, the greatest change first: in relation to what there was, as layers differ in scale."""
    if not measured:
        return []
    lines = [f"{'L2':>9} {'relative':>9} {'largest':>9}  tensor"]
    if all_of_it:
        lines.append(
            f"{_number(all_of_it.l2)} {_percent(all_of_it.relative)} {_number(all_of_it.largest)}"
            f"  all {plural(all_of_it.tensors, 'parameter tensor')} that changed"
        )
    ordered = sorted(measured, key=lambda one: -math.inf if one.relative is None else -one.relative)
    rows = [
        f"{_number(one.l2)} {_percent(one.relative)} {_number(one.largest)}  {_shown(one.pair.after)}{_odd(one)}"
        for one in ordered
    ]
    return [*lines, *_some(rows, everything)]


def _odd(one: Measured) -> str:
    return f", NaN or infinite {one.odd[0]} -> {one.odd[1]}" if any(one.odd) else ""


def _number(value: float) -> str:
    return f"{value:9.3g}"


def _percent(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{100 * value:8.3g}%"


def _flat(training: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested values under dotted names, as text."""
    result: dict[str, str] = {}
    for key, value in training.items():
        if isinstance(value, Mapping):
            result |= _flat(value, f"{before}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            result[before + key] = text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"
    return result


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Names of the tensors of each kind, counts and bytes."""
    names = {"added": found.added, "removed": found.removed}
    pairs = {"dtype": found.dtype, "shape": found.shape, "content": found.content, "unread": found.unread}
    return {
        **{kind: [t.name for t in tensors] for kind, tensors in names.items()},
        **{kind: [p.after.name for p in both] for kind, both in pairs.items()},
        "same": len(found.same),
        "bytes_changed": sum(p.after.bytes for p in (*found.dtype, *found.shape, *found.content)),
        "bytes_same": sum(p.after.bytes for p in found.same),
    }


def numbers_json(found: Comparison) -> dict[str, Any]:
    """What was measured and why the rest was not; what both files say of their training."""
    everything = total(found.numbers)
    return {
        "total": everything and everything._asdict(),
        "tensors": [
            {
                "name": one.pair.after.name,
                "dtype": one.pair.after.dtype,
                "l2": one.l2,
                "relative": one.relative,
                "largest": one.largest,
                "finite": one.finite,
                "not_finite": {"before": one.odd[0], "after": one.odd[1]},
            }
            for one in found.numbers
            if isinstance(one, Measured)
        ],
        "not_measured": [
            {"name": one.pair.after.name, "why": one.why} for one in found.numbers if isinstance(one, Unmeasured)
        ],
        "training": {"before": dict(found.training[0]), "after": dict(found.training[1])},
    }
