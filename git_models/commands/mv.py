"""Rename a model: its file and its entry. Nothing is uploaded again."""

from __future__ import annotations

import argparse
import os

from git_models import manifests, removing, repo, selection
from git_models.errors import ModelsError
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="A", help="a model")
    parser.add_argument("target", metavar="B", help="its new path, or the folder that it goes into")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be renamed")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    found = selection.matching(here, known, [args.source])
    if len(found) != 1:
        raise ModelsError(
            f"{args.source} stands for {len(found)} models; they are renamed one by one", "git models list"
        )
    old, new = found[0], here.relative(args.target)
    if os.path.isdir(here.path(new)) or args.target.endswith("/"):
        new = os.path.basename(old) if new == "." else f"{new}/{os.path.basename(old)}"
    if not args.dry_run:
        removing.move(here, known, old, new)
    out.result(f"{'would rename' if args.dry_run else 'renamed'} {old} -> {new}")
    if not args.dry_run:
        out.note("models.yaml is staged. Next: git commit")
    out.document({"dry_run": args.dry_run, "from": old, "to": new})
    return 0
