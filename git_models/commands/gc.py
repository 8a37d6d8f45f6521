"""Delete from a remote what no ref of this repository names. Nothing is deleted without --delete.

Every version that any commit of any branch or tag names stays, tagged versions too, and so does what is
younger than the grace time: somebody may be about to push it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from git_models import argtypes, clearing, manifests, places, repo
from git_models.errors import UsageError
from git_models.output import Output, plural, size
from git_models.remotes.base import Held


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remote", nargs="?", const=(), metavar="REMOTE", help="the place by name or URL (default: where models go)"
    )
    parser.add_argument("--delete", action="store_true", help="delete what is listed without it")
    parser.add_argument(
        "--grace", type=argtypes.days, default=clearing.GRACE, metavar="DAYS", help="keep what was stored since (30)"
    )
    parser.add_argument(
        "--exclusive", action="store_true", help="no other repository keeps models at this place: I know it"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    if args.remote is None:
        raise UsageError("gc clears remotes", "git models gc --remote, or git models prune for this clone")
    here = repo.find()
    known = manifests.current(here)
    place = places.by_name(here, known, args.remote) if args.remote else places.ours(here, known)[0]
    found = clearing.look(here, place, args.grace, args.exclusive)
    gone = clearing.delete(here, place, found) if args.delete else found.gone
    for held in gone:
        out.result(f"  {'deleted' if args.delete else 'would delete'} {held.asset} ({size(held.size)})")
    verb = "deleted" if args.delete else "would delete"
    out.result(f"{verb} {_sum(gone)} at {place.url}")
    for what, kept in (
        ("named by a commit", found.named),
        (f"younger than {args.grace:g} days, or of unknown age", found.young),
        ("backups", found.backups),
        ("not put there by git models", found.foreign),
    ):
        if kept:
            out.result(f"kept {_sum(kept)}: {what}")
    if gone and not args.delete:
        out.note("nothing was deleted yet. Next: the same command with --delete")
    out.document(
        {
            "dry_run": not args.delete,
            "remote": place.url,
            "deleted": [{"asset": h.asset, "size": h.size} for h in gone],
            "kept": {
                "named": len(found.named),
                "young": len(found.young),
                "backups": len(found.backups),
                "foreign": len(found.foreign),
            },
        }
    )
    return 0


def _sum(found: Sequence[Held]) -> str:
    return f"{plural(len(found), 'asset')} ({size(sum(h.size for h in found))})"
