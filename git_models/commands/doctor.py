"""Find what is wrong with this clone: hooks, places, token, sizes, disk, permissions, backups. Each with its cure."""

from __future__ import annotations

import argparse

from git_models import checkup, diagnosis, findings, manifest, manifests, repo
from git_models.errors import ManifestError
from git_models.findings import Finding
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    try:
        known = manifests.current(here)
    except ManifestError:
        known = manifest.EMPTY  # the check of the manifest says what is wrong with it
    case = diagnosis.Case(here, known)
    found: list[Finding] = []
    report = []
    for name, check in {**diagnosis.CHECKS, **checkup.CHECKS}.items():
        said = list(check(case))
        out.result(f"{'ok' if not said else 'PROBLEM':<8} {name}")
        for finding in said:
            out.result(f"  {finding.what}")
            if finding.fix:
                out.result(f"    next: {finding.fix}")
        found += said
        report.append({"check": name, "ok": not said, "findings": findings.document(said)})
    out.document({"checks": report})
    return int(bool(found))
