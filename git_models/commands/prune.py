"""Remove from the store the versions that a remote holds, seen just now, and that nothing here needs.

What HEAD, the index, stashes and worktrees name stays, and what was checked out lately. Staged weights that
git still holds, although they are models by now, go as well.
"""

from __future__ import annotations

import argparse

from git_models import argtypes, manifests, messages, pruning, repo
from git_models.errors import ModelsError
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would go, and why the rest stays")
    parser.add_argument(
        "--grace",
        type=argtypes.days,
        default=pruning.GRACE,
        metavar="DAYS",
        help="keep what was checked out since (14)",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    decided = pruning.plan(here, known, args.grace)
    for place, failed in decided.troubles:
        out.warn(messages.told(ModelsError(f"{place} could not be asked: {failed.what}", failed.fix)))
    gone, loose = decided.gone, decided.loose
    if not args.dry_run:
        gone, loose = pruning.carry_out(here, decided, args.grace)
    verb = "would remove" if args.dry_run else "removed"
    for row in gone:
        out.result(f"  {verb} {row.path} {row.oid[:12]} ({size(row.size)}), held by {', '.join(row.places)}")
    for item in loose:
        out.result(f"  {verb} git's copy of {item.sha256[:12]} ({size(item.size)}), which was staged once")
    total = sum(r.size for r in gone) + sum(b.size for b in loose)
    out.result(f"{verb} {plural(len(gone), 'object')} and {plural(len(loose), 'staged weight')} ({size(total)})")
    kept: dict[str, list[int]] = {}
    for row in decided.objects:
        if row.why:
            kept.setdefault(row.why, []).append(row.size)
    for why, sizes in sorted(kept.items()):
        out.result(f"kept {plural(len(sizes), 'object')} ({size(sum(sizes))}): {why}")
    out.document(
        {
            "dry_run": args.dry_run,
            "bytes": total,
            "removed": [{"path": r.path, "sha256": r.oid, "size": r.size, "places": list(r.places)} for r in gone],
            "staged": [{"blob": b.blob, "sha256": b.sha256, "size": b.size} for b in loose],
            "kept": [{"path": r.path, "sha256": r.oid, "size": r.size, "why": r.why} for r in decided.objects if r.why],
            "not_asked": [{"place": place, "error": failed.what} for place, failed in decided.troubles],
        }
    )
    return int(bool(decided.troubles))
