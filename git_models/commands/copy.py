"""Copy objects from one place to another, verified there; directly where the services can."""

from __future__ import annotations

import argparse

from git_models import argtypes, copying, history, manifests, messages, places, repo, selection
from git_models.errors import UsageError
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")
    parser.add_argument("--from", dest="source", metavar="A", required=True, help="the place by name or URL")
    parser.add_argument("--to", dest="target", metavar="B", required=True, help="the place by name or URL")
    parser.add_argument("--all", action="store_true", help="every version that any branch or tag names")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be copied")
    parser.add_argument("-j", "--jobs", type=argtypes.count, metavar="N", help="transfers at once")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.jobs:
        here = repo.with_jobs(here, args.jobs)
    known = manifests.current(here)
    source, target = (places.by_name(here, known, text) for text in (args.source, args.target))
    if source.url == target.url:
        raise UsageError(f"{args.source} and {args.target} are one place: {source.url}", "git models remote list")
    entries = {e.sha256: e for e in history.versions(known) if e.sha256}
    if args.all:
        entries |= history.named(here, ["--branches", "--tags"])
    if args.paths:
        names = set(selection.matching(here, known, args.paths))
        entries = {oid: e for oid, e in entries.items() if e.path in names}
    entries = {oid: e for oid, e in entries.items() if e.asset and not e.urls}
    done = copying.copy(here, source, target, entries, out, args.dry_run)
    for failure in done.failed:
        out.warn(messages.told(failure.named()))
    total = sum(e.size for e in done.sent)
    what = f"{plural(len(done.sent), 'object')} ({size(total)})"
    if args.dry_run:
        out.result(f"would copy {what} from {source.url} to {target.url}")
    elif done.sent:
        out.result(f"copied {what} from {source.url} to {target.url}, verified")
        if done.direct:
            out.note(f"{done.direct} of them without passing through this machine")
    if done.already:
        out.result(f"{plural(done.already, 'object')} there already")
    if not args.dry_run and not done.failed and here.config.remote and target.name not in here.config.remote:
        out.note(f"models still go elsewhere. To change that: git models remote default {target.name}")
    out.document(
        {
            "from": source.url,
            "to": target.url,
            "dry_run": args.dry_run,
            "copied": [e.path for e in done.sent],
            "bytes": total,
            "direct": done.direct,
            "already": done.already,
            "failed": [{"path": f.path, "error": f.error.what} for f in done.failed],
        }
    )
    return int(bool(done.failed))
