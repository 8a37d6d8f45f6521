"""What is wrong, each with the command that mends it: the common language of check, verify and doctor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from git_models.output import Output, plural

SHOWN = 50


class Finding(NamedTuple):
    """One thing that is wrong."""

    what: str  # a sentence that names the file, the place or the setting
    fix: str  # the command to type next
    path: str = ""  # the model or file, where there is one


def tell(found: Sequence[Finding], out: Output) -> int:
    """Print the findings; the exit code: 1 if there are any."""
    for finding in found[:SHOWN]:
        out.result(finding.what)
        if finding.fix:
            out.result(f"  next: {finding.fix}")
    if len(found) > SHOWN:
        out.result(f"and {len(found) - SHOWN} more (all of them: --json)")
    if found:
        out.warn(f"git models: {plural(len(found), 'problem')} found")
    return int(bool(found))


def document(found: Sequence[Finding]) -> list[dict[str, str]]:
    """The findings as the stable keys of `--json`."""
    return [{"path": f.path, "problem": f.what, "fix": f.fix} for f in found]
