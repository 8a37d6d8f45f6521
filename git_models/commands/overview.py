"""What `git models` alone prints: this repository in a few lines, and the common commands."""

from __future__ import annotations

import argparse

from git_models import manifests, repo
from git_models.commands import usage
from git_models.errors import NotARepository
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace, out: Output) -> int:
    try:
        here = repo.find()
    except NotARepository:
        out.result(usage())
        return 0
    known = manifests.current(here)
    total = sum(max(e.size, 0) for e in known.models.values())
    out.result(f"{here.top}: {plural(len(known.models), 'model')} in models.yaml, {size(total)}")
    out.result("")
    out.result("\n".join(usage().splitlines()[4:13]))
    out.result("")
    out.result("git models -h lists all commands")
    out.document({"models": len(known.models), "bytes": total})
    return 0
