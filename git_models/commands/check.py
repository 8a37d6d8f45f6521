"""Look for what should not be in git: weights, large files, a broken manifest. Changes nothing; for CI and hooks."""

from __future__ import annotations

import argparse
import os

from git_models import audit, findings, history, repo
from git_models.errors import UsageError
from git_models.output import Output, plural


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these files (default: all that git tracks)")
    parser.add_argument("--all-files", action="store_true", help="all files that git tracks")
    parser.add_argument("--from-ref", metavar="A", help="what the commits after A …")
    parser.add_argument("--to-ref", metavar="B", help="… up to B bring into git")
    parser.add_argument("--remote", action="store_true", help="ask the remotes whether they hold every model")


def run(args: argparse.Namespace, out: Output) -> int:
    if (args.from_ref is None) != (args.to_ref is None):
        raise UsageError("--from-ref and --to-ref belong together", "git models check --from-ref main --to-ref HEAD")
    here = repo.find()
    known, about_manifest = audit.manifest_of(here)
    found, notes = about_manifest
    if args.to_ref is not None:
        blobs, hidden = audit.history_of(here, args.from_ref, args.to_ref)
        found += hidden
    else:
        some = [here.relative(f) for f in args.files]
        blobs = audit.in_index(None if args.all_files or not some else _files(here, some))
    about_files = audit.files(here, known, blobs)
    found += about_files.found
    notes += about_files.notes
    if args.remote:
        found += audit.on_remotes(here, known, list(history.versions(known)))[0]
    for note in notes:
        out.warn(note)
    if not found:
        out.result(f"{plural(len(blobs), 'file')} and {plural(len(known.models), 'model')} checked: nothing wrong")
    out.document(
        {"files": len(blobs), "models": len(known.models), "findings": findings.document(found), "notes": notes}
    )
    return findings.tell(found, out)


def _files(here: repo.Repo, some: list[str]) -> list[str]:
    """Files as they are, folders as the files in them."""
    tracked = [b.path for b in audit.in_index()] if any(os.path.isdir(here.path(p)) for p in some) else some
    return [p for p in tracked if any(s in (p, ".") or p.startswith(s + "/") for s in some)]
