"""What is said of a model file: verdict, findings, tensors, metadata; and how that is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from git_models.output import plural
from git_models.output import size as human

Verdict = Literal["weights-only", "needs classes", "unknown", "dangerous"]
Severity = Literal["note", "needs classes", "unknown", "dangerous"]

VERDICTS: tuple[Verdict, ...] = ("weights-only", "needs classes", "unknown", "dangerous")
_RANK: dict[str, int] = {"note": 0, "weights-only": 0, "needs classes": 1, "unknown": 2, "dangerous": 3}
_MOST_FINDINGS = 200
_MOST_CLASSES = 2000

MEANING: dict[Verdict, str] = {
    "weights-only": "nothing in it runs: torch.load(weights_only=True) or the format's own reader takes it",
    "needs classes": "it needs code that you must have installed; all of it is on the list of usual model classes",
    "unknown": "it needs something that nobody vouched for: load it only if you trust where it comes from",
    "dangerous": "it is built to run code, or hides what it holds: do not load it",
}


class Finding(NamedTuple):
    """One reason for a verdict. `where` is an entry of the archive and a byte offset, as far as known."""

    severity: Severity
    what: str
    where: str = ""


class Report(NamedTuple):
    """The answer to "is this model safe to load?".

    `classes` are the dotted names that are needed beyond what `torch.load(weights_only=True)` takes.
    """

    verdict: Verdict
    format: str
    classes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class Tensor(NamedTuple):
    """One tensor. Offsets and sizes are in bytes; an unknown offset is -1, an unknown CRC is 0."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    elements: int
    bytes: int
    storage: str = ""  # key of the storage that holds it; renumbered at each save
    offset: int = -1  # of its first element in the storage, -1 if its elements are strewn about
    start: int = -1  # of its first element in the file
    crc: int = 0  # CRC-32 of the whole storage, from the archive's directory
    layout: tuple[int, ...] = ()  # first element and strides, in elements; () if it is all of the storage, row by row
    trained: bool = True  # False for buffers, optimiser state and second copies


class Description(NamedTuple):
    """What is in a model file."""

    format: str
    size: int  # bytes
    report: Report
    tensors: tuple[Tensor, ...]
    parameters: int  # trained elements, shared ones counted once
    metadata: Mapping[str, Any]  # JSON values only
    classes: tuple[str, ...]


@dataclass
class Ledger:
    """Collects findings and classes while a file is read; both are capped, the verdict is not."""

    findings: dict[Finding, None] = field(default_factory=dict)
    classes: dict[str, None] = field(default_factory=dict)
    rank: int = 0

    def add(self, severity: Severity, what: str, where: str = "") -> None:
        self.rank = max(self.rank, _RANK[severity])
        if len(self.findings) < _MOST_FINDINGS or (severity == "dangerous" and len(self.findings) < 2 * _MOST_FINDINGS):
            self.findings[Finding(severity, what[:300], where[:200])] = None

    def needs(self, name: str, severity: Severity) -> None:
        """The file needs the class or function `name`."""
        self.rank = max(self.rank, _RANK[severity])
        if len(self.classes) < _MOST_CLASSES:
            self.classes[name[:200]] = None

    def merge(self, other: Ledger, where: str = "") -> None:
        """Take over what was found in a part of the file."""
        for finding in other.findings:
            place = " ".join(part for part in (where, finding.where) if part)
            self.add(finding.severity, finding.what, place)
        for name in other.classes:
            self.needs(name, "note")
        self.rank = max(self.rank, other.rank)

    def report(self, form: str) -> Report:
        worst_first = sorted(self.findings, key=lambda finding: -_RANK[finding.severity])
        return Report(VERDICTS[self.rank], form, tuple(self.classes), tuple(worst_first))


def report_lines(report: Report, most: int = 20) -> list[str]:
    """`report` for people: the verdict, what it means, why. At most `most` classes and findings each."""
    lines = [f"{report.verdict} ({report.format}): {MEANING[report.verdict]}"]
    for finding in report.findings[:most]:
        place = f" [{finding.where}]" if finding.where else ""
        lines.append(f"  {finding.severity}: {finding.what}{place}")
    if len(report.findings) > most:
        lines.append(f"  and {len(report.findings) - most} more findings")
    if report.classes:
        shown = ", ".join(report.classes[:most])
        more = f" and {len(report.classes) - most} more" if len(report.classes) > most else ""
        lines.append(f"  needs {shown}{more}")
    return lines


def report_json(report: Report) -> dict[str, Any]:
    """`report` as one JSON object with stable keys."""
    return {
        "verdict": report.verdict,
        "format": report.format,
        "classes": list(report.classes),
        "findings": [finding._asdict() for finding in report.findings],
    }


def description_lines(description: Description, tensors: bool = False) -> list[str]:
    """`description` for people; `tensors` adds one line for each tensor."""
    kinds: dict[str, int] = {}
    for tensor in description.tensors:
        kinds[tensor.dtype] = kinds.get(tensor.dtype, 0) + 1
    dtypes = ", ".join(f"{dtype} {count}" for dtype, count in sorted(kinds.items(), key=lambda kind: -kind[1]))
    lines = [f"format      {description.format}, {human(description.size)}"]
    if description.tensors:
        lines.append(f"parameters  {description.parameters:,}")
        lines.append(f"tensors     {plural(len(description.tensors), 'tensor')} ({dtypes})")
    for key, value in description.metadata.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name}={item}" for name, item in list(value.items())[:12])
        lines.append(f"{key:<11} {str(value)[:200]}")
    lines.append(f"safe        {report_lines(description.report)[0]}")
    if description.classes:
        lines.append(f"needs       {', '.join(description.classes[:12])}")
    if tensors:
        lines += [f"  {one.name}  {one.dtype}  {list(one.shape)}" for one in description.tensors]
    return lines


def description_json(description: Description, tensors: bool = True) -> dict[str, Any]:
    """`description` as one JSON object with stable keys."""
    document: dict[str, Any] = {
        "format": description.format,
        "size": description.size,
        "parameters": description.parameters,
        "tensor_count": len(description.tensors),
        "metadata": dict(description.metadata),
        "classes": list(description.classes),
        "scan": report_json(description.report),
    }
    if tensors:
        document["tensors"] = [
            {"name": one.name, "dtype": one.dtype, "shape": list(one.shape), "bytes": one.bytes}
            for one in description.tensors
        ]
    return document
