"""What the models take up: in the work tree, the store, backups and on remotes; by model and by version.

Remotes count with what they were seen to hold; --remote asks them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby

from git_models import manifests, messages, repo, selection, space
from git_models.errors import ModelsError
from git_models.output import Output, plural, size
from git_models.space import Report, Version


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")
    parser.add_argument("-l", "--long", action="store_true", help="every version as well")
    parser.add_argument("--remote", action="store_true", help="ask the remotes what they hold")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    names = set(selection.matching(here, known, args.paths)) if args.paths else None
    report, troubles = space.survey(here, known, args.remote)
    for place, failed in troubles:
        out.warn(messages.told(ModelsError(f"{place} could not be asked: {failed.what}", failed.fix)))
    rows = [v for v in report.versions if names is None or v.path in names]
    if names is None:
        _totals(report, len(known.models), out)
    _by_model(rows, args.long, out)
    out.document(
        {
            "work_tree": report.work_tree,
            "store": sum(v.size for v in report.versions if v.in_store),
            "unfinished": report.unfinished,
            "lost": report.lost,
            "git": report.git,
            "backups": [{"folder": f, "count": n, "bytes": total} for f, (n, total) in report.backups.items()],
            "remotes": [{"url": url, "objects": n, "bytes": total} for url, (n, total) in report.remotes.items()],
            "versions": [v._asdict() for v in rows],
        }
    )
    return int(bool(troubles))


def _totals(report: Report, models: int, out: Output) -> None:
    stored = [v.size for v in report.versions if v.in_store]
    out.result(f"{'work tree':<10} {size(report.work_tree):>8}  {plural(models, 'model')}")
    out.result(f"{'store':<10} {size(sum(stored)):>8}  {plural(len(stored), 'object')}")
    for what, count in (("unfinished", report.unfinished), ("damaged", report.lost)):
        if count:
            out.result(f"{what:<10} {size(count):>8}")
    for folder, (number, count) in report.backups.items():
        out.result(f"{'backups':<10} {size(count):>8}  {number} in {folder}")
    out.result(f"{'git':<10} {size(report.git):>8}  its own objects")
    for url, (number, count) in report.remotes.items():
        out.result(f"{'remote':<10} {size(count):>8}  {plural(number, 'object')} at {url}")


def _by_model(rows: Sequence[Version], long: bool, out: Output) -> None:
    groups = [(path, list(group)) for path, group in groupby(rows, key=lambda v: v.path)]
    width = max((len(_name(path)) for path, _ in groups), default=0)
    if groups:
        out.result(f"{'':<{width}}  versions  work tree     store    remote")
    for path, group in groups:
        sums = [
            sum(v.size for v in group if v.in_tree),
            sum(v.size for v in group if v.in_store),
            sum(v.size for v in group if v.remotes),
        ]
        shown = "  ".join(f"{size(s) if s else '-':>{w}}" for s, w in zip(sums, (9, 8, 8), strict=True))
        out.result(f"{_name(path):<{width}}  {len(group):>8}  {shown}")
        for v in group if long else ():
            where = [
                w
                for w, there in (("work tree", v.in_tree), ("store", v.in_store), *((u, True) for u in v.remotes))
                if there
            ]
            out.result(
                f"  {v.version or '-':<8} {v.sha256[:12]} {size(v.size):>8}  {', '.join(where) or 'nowhere known'}"
            )


def _name(path: str) -> str:
    return path or "(in no commit)"
