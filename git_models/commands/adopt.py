"""Take over objects that only a contributor's fork holds: from its store, verified, into this repository's."""

from __future__ import annotations

import argparse

from git_models import exchange, history, manifests, places, repo, selection
from git_models.errors import ModelsError
from git_models.manifest import Entry
from git_models.output import Output, plural, size
from git_models.places import Place
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "fork",
        nargs="?",
        metavar="OWNER/REPO",
        help="the fork (default: the one that this branch came from)",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be adopted")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    source = places.fork(here, known, args.fork) if args.fork else _fork_of_branch(here)
    entries = {e.sha256: e for e in history.versions(known) if e.sha256 and e.asset and not e.urls}
    failures: dict[str, ModelsError] = {}
    adopted: dict[str, Entry] = {}
    for target in places.ours(here, known):
        if target.url == source.url:
            raise ModelsError(f"{source.url} is where this repository's models are", "git models adopt OWNER/REPO")
        lacking = exchange.lacking(here, target, entries)
        if args.dry_run:
            adopted |= lacking
            continue
        absent = selection.absent_objects(here, lacking.values())
        if absent:
            got = exchange.fetch(here, known, absent, out, only=[source])
            failures |= {f.path: f.error for f in got.failed}
        here_now = {oid: e for oid, e in lacking.items() if e.path not in failures}
        done = exchange.push(here, target, here_now, out, ask=True)
        failures |= {f.path: f.error for f in done.failed}
        adopted |= {e.sha256: e for e in done.sent}
    for path, error in failures.items():
        out.warn(f"git models: {path} was not adopted from {source.url}: {error.what}")
    for fix in dict.fromkeys(e.fix for e in failures.values() if e.fix):
        out.warn(f"  next: {fix}")
    _say(list(adopted.values()), source, args.dry_run, bool(failures), out)
    out.document(
        {
            "from": source.url,
            "dry_run": args.dry_run,
            "adopted": [e.path for e in adopted.values()],
            "failed": [{"path": path, "error": error.what} for path, error in failures.items()],
        }
    )
    return int(bool(failures))


def _fork_of_branch(here: Repo) -> Place:
    found = places.contributor(here)
    if found is None:
        raise ModelsError(
            "nothing tells which fork this branch came from (gh pr checkout would have noted it)",
            "git models adopt OWNER/REPO",
        )
    return found


def _say(adopted: list[Entry], source: Place, dry_run: bool, failed: bool, out: Output) -> None:
    what = f"{plural(len(adopted), 'object')} ({size(sum(e.size for e in adopted))})"
    if adopted:
        out.result(f"would adopt {what}" if dry_run else f"adopted {what} from {source.url}, verified")
    elif not failed:
        out.result("nothing to adopt: this repository's own store has everything that models.yaml names")
