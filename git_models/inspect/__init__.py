"""What is in a model file, and is it safe to load? Nothing in it is ever imported, called or run.

`scan` and `describe` take any open file with `seek` and `read` and its size in bytes, so that bytes
behind a network can be looked at too; both answer within bounded time and memory, whatever the
bytes. They raise only what reading the file raises.
"""

from __future__ import annotations

from typing import BinaryIO

from git_models.inspect.changes import comparison_json, comparison_lines, numbers_json, training_lines
from git_models.inspect.compare import Comparison, compare, tensor_digests
from git_models.inspect.metadata import metadata
from git_models.inspect.numbers import Measured, Unmeasured
from git_models.inspect.numbers import require as require_numpy
from git_models.inspect.numbers import total as total_change
from git_models.inspect.report import (
    Description,
    Finding,
    Report,
    Tensor,
    Verdict,
    description_json,
    description_lines,
    report_json,
    report_lines,
)
from git_models.inspect.sides import Pair
from git_models.inspect.sniff import look
from git_models.inspect.tensors import parameters, tensors

__all__ = [
    "Comparison",
    "Description",
    "Finding",
    "Measured",
    "Pair",
    "Report",
    "Tensor",
    "Unmeasured",
    "Verdict",
    "compare",
    "comparison_json",
    "comparison_lines",
    "describe",
    "description_json",
    "description_lines",
    "numbers_json",
    "report_json",
    "report_lines",
    "require_numpy",
    "scan",
    "tensor_digests",
    "total_change",
    "training_lines",
]


def scan(file: BinaryIO, size: int, name: str = "") -> Report:
    """Is this file safe to load? `name` matters only where it promises another format."""
    seen = look(file, size, name)
    return seen.ledger.report(seen.format)


def describe(file: BinaryIO, size: int, name: str = "", *, thorough: bool = False) -> Description:
    """Format, tensors, parameters, training metadata and the verdict.

    Reads headers and pickles only: some hundred KB of a file of any size. Its verdict lacks the
    checks that need every part of the file, unless it is to be as `thorough` as `scan`, the gate.
    """
    seen = look(file, size, name, thorough=thorough)
    report = seen.ledger.report(seen.format)
    found = seen.tensors or tensors(seen)
    shown = {**metadata(seen.root), **seen.metadata}
    return Description(seen.format, size, report, found, parameters(found), shown, report.classes)
