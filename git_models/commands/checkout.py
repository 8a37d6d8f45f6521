"""Put models in place from the store, as models.yaml names them."""

from __future__ import annotations

import argparse

from git_models import (
    exchange,
    excludes,
    lock,
    manifest,
    manifests,
    messages,
    releasing,
    repo,
    safety,
    selection,
    worktree,
)
from git_models.errors import UsageError
from git_models.output import Output, plural


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")
    parser.add_argument(
        "-f", "--force", action="store_true", help="replace changed files (their bytes go into the store)"
    )
    parser.add_argument("--allow-dangerous", action="store_true", help="put in place what is built to run code, too")
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--ours", dest="side", action="store_const", const="ours", help="settle a conflict: our version")
    side.add_argument("--theirs", dest="side", action="store_const", const="theirs", help="settle a conflict: theirs")
    side.add_argument(
        "--union", dest="side", action="store_const", const="union", help="settle a conflict: both additions"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    if args.side:
        _resolve(here, args.side, args.paths)
    elif args.force and not args.paths:
        raise UsageError("--force wants to know which models", "git models checkout --force PATH")
    known = manifests.current(here)
    wanted = selection.matching(here, known, args.paths) if args.paths else None
    skip = selection.unwanted(here, known)
    done = worktree.sync(here, wanted=wanted, skip=skip, force=args.force, releasable=releasing.releasable(here))
    if args.force and done.missing and exchange.fetch(here, known, done.missing, out).got:
        # After a push only the remote has the recorded version: the store keeps no second copy.
        done = worktree.sync(here, wanted=wanted, skip=skip, force=True, releasable=releasing.releasable(here))
    excludes.rebuild(here)
    for path in done.kept:
        out.warn(messages.kept_local(path))
    for path, reason in done.refused:
        out.warn(f"git models: {path} was not put in place: {reason}")
    for path, doubt in done.doubts:
        out.warn(safety.doubtful(path, doubt))
    if done.missing:
        out.warn(messages.still_missing(len(done.missing), sum(max(e.size, 0) for e in done.missing)))
    out.result(f"{plural(len(done.placed), 'model')} put in place")
    out.document(worktree.summary(done))
    return int(bool(done.kept or done.refused or done.missing))


def _resolve(here: repo.Repo, side: str, paths: list[str]) -> None:
    chosen: list[str | None] = [here.relative(p) for p in paths] if paths else [None]
    with lock.hold(here.models, "settling a conflict"):
        raw = manifests.data(here)
        for path in chosen:
            raw = manifest.resolve(raw, side, path)
        manifests.write(here, raw)
        if b"<<<<<<<" not in raw:
            manifests.stage(here, raw)
