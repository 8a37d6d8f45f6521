"""Remove models from the manifest and the work tree; their bytes stay in the store."""

from __future__ import annotations

import argparse

from git_models import manifests, removing, repo, selection
from git_models.errors import UsageError, word
from git_models.output import Output, plural
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="models, or with -r folders")
    parser.add_argument("--cached", action="store_true", help="leave the file where it is, as an ordinary file")
    parser.add_argument("-r", "--recursive", action="store_true", help="every model in the folders named")
    parser.add_argument(
        "-f", "--force", action="store_true", help="even bytes that are recorded nowhere; kept in the store"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be removed")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    if not args.recursive:
        _refuse_folders(here, args.paths, known.models)
    names = selection.matching(here, known, args.paths)
    removals = removing.plan(here, known, names, cached=args.cached, force=args.force)
    if not args.dry_run:
        removing.remove(here, known, removals)
    for removal in removals:
        verb = "would remove" if args.dry_run else "removed"
        stays = "" if removal.oid else "; the file stays" if args.cached else "; no file of ours was here"
        out.result(f"{verb} {removal.path}{stays}")
        if removal.oid and not removal.recorded:
            out.result(f"  its changed bytes are kept as {removal.oid} in .git/models")
    if not args.dry_run:
        out.note(f"{plural(len(removals), 'model')} taken out of models.yaml, staged. Next: git commit")
    out.document(
        {
            "dry_run": args.dry_run,
            "removed": [{"path": r.path, "file_removed": bool(r.oid), "kept_as": r.oid} for r in removals],
        }
    )
    return 0


def _refuse_folders(here: Repo, typed: list[str], known: object) -> None:
    for text in typed:
        path = here.relative(text)
        inside = [p for p in known if path == "." or p.startswith(path + "/")]  # type: ignore[attr-defined]
        if inside:
            raise UsageError(
                f"{text} is a folder with {plural(len(inside), 'model')}", f"git models rm -r {word(text)}"
            )
