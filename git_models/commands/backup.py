"""Dated copies of a model in every place of models.backup, with metadata beside each; and which of them stay.

FILE is a file or a recorded model; best.pt becomes best_backup_20231201_120000.pt. Without FILE,
--keep and --keep-days clear old backups away.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence

from git_models import (
    argtypes,
    backups,
    excludes,
    lineage,
    manifests,
    messages,
    repo,
    retention,
    rolling,
    selection,
    whereabouts,
)
from git_models.backups import Backup, Shelf
from git_models.errors import ModelsError, UsageError
from git_models.manifest import Manifest
from git_models.output import Output, plural, size
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="a file, or a recorded model, also NAME@VERSION")
    parser.add_argument("name", nargs="?", metavar="NAME", help="call the backup after this name instead")
    parser.add_argument("--all", action="store_true", help="every recorded model that changed since its last backup")
    parser.add_argument("-m", "--note", type=str, default="", metavar="TEXT", help="kept in the metadata")
    parser.add_argument("--keep", type=int, metavar="N", help="then delete all but the N newest backups of each model")
    parser.add_argument(
        "--keep-days", type=argtypes.days, metavar="D", help="then delete backups that are older than D days"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be copied and deleted")


def run(args: argparse.Namespace, out: Output) -> int:
    clearing = args.keep is not None or args.keep_days is not None
    if bool(args.file) == args.all and (args.all or not clearing):
        raise UsageError("give either a file or --all", "git models backup FILE [NAME], or git models backup --all")
    if args.keep is not None and args.keep < 1:
        raise UsageError(
            "the newest backup of a model always stays: --keep N begins at 1", "git models backup --keep 1"
        )
    if args.name and (os.path.basename(args.name) != args.name or args.name in (".", "..")):
        raise UsageError(f"{args.name!r} is no name for a backup: where backups lie is the setting models.backup")
    here = repo.find()
    known = manifests.current(here)
    where = backups.shelves(here, known)
    jobs = list(_jobs(here, known, where, args, out))
    made: list[Backup] = []
    failed: list[tuple[str, ModelsError]] = []
    if args.dry_run:
        for _, name, source in jobs:
            out.result(f"would back up {source} as {backups.name_of(name, 'DATE', 1)} in {_named(where)}")
    elif jobs:
        if not all(s.place for s in where):
            excludes.rebuild(here)
        total = sum(os.path.getsize(file) for file, _, _ in jobs)
        with out.progress("Backing up", total * sum(1 for s in where if not s.place)) as advance:
            for file, name, source in jobs:
                done = backups.make(
                    here,
                    where,
                    file,
                    name,
                    source=source,
                    version=lambda oid: _version(known, oid),
                    note=args.note,
                    advance=advance,
                )
                made += done.copies
                failed += done.failed
                for copy in done.copies:
                    out.result(f"{copy.file} ({size(copy.size)}, md5 {copy.md5})")
    for place, error in failed:
        out.warn(messages.told(ModelsError(f"not in {place}: {error.what}", error.fix)))
    gone = _clear(here, where, {j[2] for j in jobs} if args.file else None, args, out) if clearing else []
    out.document(
        {
            "dry_run": args.dry_run,
            "backups": [described(b) for b in made],
            "failed": [{"place": place, "error": error.what} for place, error in failed],
            "deleted": [described(b) for b in gone],
        }
    )
    return int(bool(failed))


def _jobs(
    here: Repo, known: Manifest, where: Sequence[Shelf], args: argparse.Namespace, out: Output
) -> Iterator[tuple[str, str, str]]:
    """(file with the bytes, name, where they come from) of what is to be copied."""
    if args.all:
        latest = {(b.shelf, b.source): b.sha256 for s in where for b in backups.held(here, s)}
        for path, entry in known.models.items():
            if entry.sha256 and all(latest.get((s, path)) == entry.sha256 for s in where):
                out.detail(f"{path} is unchanged since its last backup")
                continue
            try:
                yield whereabouts.file_of(here, entry), os.path.basename(path), path
            except ModelsError as absent:
                out.warn(f"git models: {absent.what}, so it was not backed up")
    elif args.file and os.path.lexists(args.file):
        if os.path.isdir(args.file):
            raise ModelsError(f"{args.file} is a folder", "git models backup FILE, or git models backup --all")
        full = os.path.abspath(args.file)
        try:
            source = here.relative(args.file)
        except ModelsError:
            source = full  # a file outside the work tree
        yield full, args.name or os.path.basename(full), source
    elif args.file and lineage.names_version(here, known, args.file):
        entry = lineage.find(here, known, args.file)
        rolling.bring(here, known, entry, out)
        yield whereabouts.file_of(here, entry), args.name or os.path.basename(entry.path), entry.path
    elif args.file:
        for path in selection.matching(here, known, [args.file]):
            yield whereabouts.file_of(here, known.models[path]), args.name or os.path.basename(path), path


def _version(known: Manifest, oid: str) -> str:
    """The tagged version that these bytes are, "" if none."""
    return next((v.version for e in known.models.values() for v in e.versions if v.sha256 == oid), "")


def _clear(
    here: Repo, where: Sequence[Shelf], sources: set[str] | None, args: argparse.Namespace, out: Output
) -> list[Backup]:
    """Delete, or with -n only name, what need not be kept; of these sources, or of all."""
    found = [b for s in where for b in backups.held(here, s) if sources is None or b.source in sources]
    gone = retention.plan(found, args.keep, args.keep_days, time.time())
    if not args.dry_run:
        retention.delete(here, gone)
    for backup in gone:
        out.result(f"{'would delete' if args.dry_run else 'deleted'} {backup.file} ({size(backup.size)})")
    out.result(
        f"{plural(len(gone), 'backup')} ({size(sum(b.size for b in gone))}) "
        f"{'would go' if args.dry_run else 'deleted'}, {len(found) - len(gone)} kept"
    )
    return gone


def _named(where: Sequence[Shelf]) -> str:
    return ", ".join(s.where for s in where)


def described(backup: Backup) -> dict[str, object]:
    """A backup as the stable keys of `--json`."""
    keys = ("name", "sha256", "md5", "size", "date", "source", "version", "note")
    return {"file": backup.file, **{key: getattr(backup, key) for key in keys}}
