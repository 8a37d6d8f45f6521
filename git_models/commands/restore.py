"""Bring a backup back, verified; without NAME, list the backups.

NAME is a backup's name or file, or a model, of which the newest backup is taken. It goes to DEST; without
DEST into trained/ of the layout under the backup's name, or (--original, and without a layout) to where it
came from. A file in the way is backed up first.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from git_models import backups, manifests, repo, restoring, safety
from git_models.backups import Backup
from git_models.commands.backup import described
from git_models.errors import UsageError, word
from git_models.output import Output, plural, safe, size
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a backup, or a model")
    parser.add_argument("dest", nargs="?", metavar="DEST", help="a file or a folder")
    parser.add_argument("--original", action="store_true", help="to where it was copied from")
    parser.add_argument("-f", "--force", action="store_true", help="replace DEST; what is there is backed up first")
    parser.add_argument("--allow-dangerous", action="store_true", help="also what is built to run code")


def run(args: argparse.Namespace, out: Output) -> int:
    if args.dest and args.original:
        raise UsageError("DEST and --original are two places", "git models restore NAME DEST")
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    if not args.name:
        return _list(here, out)
    known = manifests.current(here)
    copies = restoring.find(here, known, args.name)
    first = copies[0]
    if os.path.basename(args.name) != first.name:
        out.note(f"the newest backup of {args.name} is {first.name}")
    if not first.sha256:
        out.warn(f"git models: {first.name} has no metadata beside it, so nobody can tell whether it is whole")
    where = restoring.target(here, first, args.dest, args.original)
    with out.progress("Restoring", max(first.size, 0)) as advance:
        # A place that was not typed is ours to choose: what lies there is backed up unasked.
        done = restoring.restore(here, copies, where, out, force=args.force or not args.dest, advance=advance)
    if done.kept:
        out.note(f"what was there is kept as {done.kept.file}")
    shown = os.path.relpath(where)
    if done.doubt:
        out.warn(safety.doubtful(shown, done.doubt))
    if done.done:
        checked = "verified, " if done.backup.sha256 else ""
        out.result(f"restored {shown} ({checked}{size(done.backup.size)}) from {done.backup.file}")
    else:
        out.result(f"{shown} has these very bytes already")
    if where.startswith(here.top + os.sep) and done.done:
        out.note(f"Next: git models add {word(shown)}")
    out.document(
        {
            "restored": where,
            "changed": done.done,
            "backup": described(done.backup),
            "kept": described(done.kept) if done.kept else None,
        }
    )
    return 0


def _list(here: Repo, out: Output) -> int:
    found, troubles = restoring.everything(here, manifests.current(here))
    for line in rows(found):
        out.result(line)
    for place, failed in troubles:
        out.warn(f"git models: {place} could not be asked: {failed.what}")
    if not found and not troubles:
        out.result("no backups yet. Next: git models backup FILE")
    elif found:
        total = sum(max(b.size, 0) for b in found)
        out.result(f"{plural(len(found), 'backup')}, {size(total)}. Next: git models restore NAME [DEST]")
    out.document({"backups": [described(b) for b in found]})
    return int(bool(troubles))


def rows(found: Sequence[Backup]) -> list[str]:
    """A line a backup: name, size, date, version, the beginning of its MD5, and where it came from."""
    width = max((len(b.name) for b in found), default=0)
    several = len({b.shelf for b in found}) > 1
    lines = []
    for b in found:
        stamp = backups.stamp_of(b.name)
        day = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}"
        where = f"  in {b.shelf.where}" if several else ""
        facts = f"{size(max(b.size, 0)):>8}  {day}  {safe(b.version) or '-':<8} {b.md5[:8] or '-':<8}"
        lines.append(f"  {safe(b.name):<{width}}  {facts}  {safe(b.source) or 'no metadata'}{where}")
    return lines
