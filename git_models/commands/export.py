"""The way back: hand models over to Git LFS, in one new commit."""

from __future__ import annotations

import argparse
import os

from git_models import exchange, manifests, repo, selection
from git_models.errors import ModelsError
from git_models.migrate import back, lfs, moving, pointers
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("to", choices=["lfs"], help="what takes the models over")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models (default: all)")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say which")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    names = selection.matching(here, known, args.paths) if args.paths else list(known.models)
    os.chdir(here.top)  # git lists an index from the current folder on
    with moving.alone(here):
        moving.resume(here)
        moving.ready(here)
        whole = back.known_here(here)
        entries = [whole[p] for p in names if p in whole]
        if not entries:
            raise ModelsError("models.yaml names no models that could go to Git LFS", "git models list")
        total = sum({e.sha256: e.size for e in entries}.values())
        for entry in entries[:20]:
            out.result(f"  {entry.path}: {size(entry.size)}")
        if not args.dry_run:
            back.need_lfs()
            lacking = selection.absent_objects(here, [e for e in entries if not os.path.lexists(here.path(e.path))])
            lacking = [e for e in lacking if not os.path.exists(pointers.place(pointers.own_folder(here), e.sha256))]
            if lacking:
                exchange.fetch(here, known, lacking, out)
            with out.progress("Copying", total) as advance:
                back.hand_over(here, entries, advance)
            left = lfs.add_hooks(here)
            back.commit(here, entries)
        what = f"{plural(len(entries), 'model')}, {size(total)}"
        if args.dry_run:
            out.result(f"{what}: would go to Git LFS")
        else:
            for event in left:
                out.warn(f"your {event} hook does not call Git LFS   # git lfs update --manual says what to add")
            out.result(f"{what}: in Git LFS now; git models migrate undo goes back\nnext: git push")
    out.document({"models": [e.path for e in entries], "bytes": total, "dry_run": args.dry_run})
    return 0
