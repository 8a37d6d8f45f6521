"""Upload the objects that the remote lacks, and verify each one there."""

from __future__ import annotations

import argparse

from git_models import argtypes, exchange, history, manifests, messages, places, releasing, repo, selection
from git_models.errors import ModelsError
from git_models.exchange import Failure, Pushed
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")
    parser.add_argument("--remote", metavar="R", help="the place by name or URL (default: models.remote, or origin's)")
    parser.add_argument("--all", action="store_true", help="every version that any branch or tag names")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be uploaded")
    parser.add_argument("-j", "--jobs", type=argtypes.count, metavar="N", help="transfers at once")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.jobs:
        here = repo.with_jobs(here, args.jobs)
    known = manifests.current(here)
    entries = {e.sha256: e for e in history.versions(known) if e.sha256}
    if args.all:
        entries |= history.named(here, ["--branches", "--tags"])
    if args.paths:
        names = set(selection.matching(here, known, args.paths))
        entries = {oid: e for oid, e in entries.items() if e.path in names}
    entries = {oid: e for oid, e in entries.items() if not e.urls}
    targets = [places.by_name(here, known, args.remote)] if args.remote else places.for_push(here, known)
    reports, failed = [], False
    for place in targets:
        try:
            done = exchange.push(here, place, entries, out, dry_run=args.dry_run, ask=True)
        except ModelsError as error:
            if len(targets) == 1:
                raise
            # The other places get theirs all the same.
            done = Pushed(place, (), 0, 0, (Failure(place.name, error),))
        total = sum(e.size for e in done.sent)
        if args.dry_run:
            out.result(f"would upload {plural(len(done.sent), 'object')} ({size(total)}) to {place.url}")
        elif done.sent:
            out.result(f"uploaded {plural(len(done.sent), 'object')} ({size(total)}) to {place.url}, verified")
        elif not done.failed:
            out.result(
                f"{place.url} holds {'all ' if done.already != 1 else ''}{plural(done.already, 'object')} already"
            )
        if done.upstream:
            out.result(f"{plural(done.upstream, 'object stays', 'objects stay')} where models.yaml says")
        for failure in done.failed:
            out.warn(messages.told(failure.named()))
        failed = failed or bool(done.failed)
        reports.append(
            {
                "remote": place.url,
                "uploaded": [e.path for e in done.sent],
                "bytes": total,
                "already": done.already,
                "failed": [{"path": f.path, "error": f.error.what} for f in done.failed],
            }
        )
    releasing.release(here, known)
    out.document({"dry_run": args.dry_run, "remotes": reports})
    return int(failed)
