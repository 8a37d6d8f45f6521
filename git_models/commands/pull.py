"""Fetch the models that are missing, check their hashes and put them in place."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from git_models import (
    activation,
    argtypes,
    exchange,
    excludes,
    githooks,
    manifests,
    messages,
    places,
    pruning,
    releasing,
    repo,
    safety,
    selection,
    worktree,
)
from git_models.errors import ModelsError
from git_models.manifest import Entry
from git_models.output import Output, plural, size
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    arguments(parser)
    parser.add_argument("--allow-dangerous", action="store_true", help="put in place what is built to run code, too")
    parser.add_argument("--no-setup", action="store_true", help="do not install hooks in a fresh clone")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What pull and fetch have in common."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")
    parser.add_argument("-I", "--include", action="append", default=[], metavar="GLOB", help="only what matches")
    parser.add_argument("-X", "--exclude", action="append", default=[], metavar="GLOB", help="not what matches")
    parser.add_argument("-j", "--jobs", type=argtypes.count, metavar="N", help="transfers at once")
    parser.add_argument("--from", dest="source", metavar="REMOTE", help="only from this place")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    known = manifests.current(here)
    if not known.models:
        out.result(messages.NO_MODELS if manifests.data(here) else messages.NO_MANIFEST)
        out.document({"fetched": [], "placed": [], "missing": []})
        return 0
    if not args.no_setup and all(h.state == "none" for h in githooks.look(here)):
        from git_models.commands import setup

        setup.prepare(here, out)
    return pull(args, here, out, place=True)


def pull(args: argparse.Namespace, here: Repo, out: Output, *, place: bool, more: Sequence[Entry] | None = None) -> int:
    """Fetch what the store lacks, then (with `place`) put it in place. 1 when something is still missing.

    `more` are versions besides those that the manifest names; given them and no path, only they are fetched.
    """
    if args.jobs:
        here = repo.with_jobs(here, args.jobs)
    known = manifests.current(here)
    whole = not (args.paths or args.include or args.exclude)
    names = selection.selected(here, known, args.include, args.exclude)
    if args.paths or more:
        chosen = set(selection.matching(here, known, args.paths))
        names = [p for p in names if p in chosen]
    free = releasing.releasable(here)
    wanted = None if whole else names
    skip = selection.unwanted(here, known)
    if place:
        first = worktree.sync(here, wanted=wanted, skip=skip, releasable=free)
        missing = [*first.missing, *activation.absent(here, known)]
    else:
        first = None
        missing = [*selection.absent(here, known, names), *selection.absent_objects(here, more or ())]
    only = [places.by_name(here, known, args.source)] if args.source else None
    got = exchange.fetch(here, known, missing, out, only=only) if missing else None
    final = first
    if place and got and got.got:
        again = worktree.sync(here, wanted=wanted, skip=skip, pinned=got.pinned, releasable=releasing.releasable(here))
        assert first is not None
        final = again._replace(
            placed=(*first.placed, *again.placed),
            removed=first.removed + again.removed,
            doubts=first.doubts + again.doubts,
        )
    if place:
        releasing.release(here, known)
        activation.refresh(here, known, out)
        excludes.rebuild(here)
        githooks.write_pathspecs(here, known)
    if spared := pruning.to_limit(here, known):
        total = size(sum(row.size for row in spared))
        out.note(f"{plural(len(spared), 'object')} ({total}) left the store: it had more than models.maxStore")
    failures = got.failed if got else ()
    _tell(failures, out)
    fetched = got.got if got else ()
    if final is not None:
        for path in final.kept:
            out.warn(messages.kept_local(path))
        for path, reason in final.refused:
            out.warn(f"git models: {path} was not put in place: {reason}")
        for path, doubt in final.doubts:
            out.warn(safety.doubtful(path, doubt))
    if not failures or fetched or final:
        _summary(names, fetched, final, out)
    out.document(
        {
            "fetched": [e.path for e in fetched],
            "bytes": sum(max(e.size, 0) for e in fetched),
            "failed": [{"path": f.path, "error": f.error.what} for f in failures],
            **(worktree.summary(final) if final else {}),
        }
    )
    return int(bool(failures) or bool(final and (final.refused or final.kept)))


def _tell(failures: Sequence[exchange.Failure], out: Output) -> None:
    """Each failure, and the same advice only once."""
    for at, failure in enumerate(failures):
        error = failure.named()
        last = all(later.error.fix != error.fix for later in failures[at + 1 :])
        out.warn(messages.told(error if last else ModelsError(error.what)))


def _summary(names: Sequence[str], fetched: Sequence[Entry], final: worktree.Synced | None, out: Output) -> None:
    total = sum(max(e.size, 0) for e in fetched)
    if fetched:
        out.result(f"fetched {plural(len(fetched), 'object')} ({size(total)}), hashes checked")
    if final is None:
        if not fetched:
            out.result("the store has everything already")
        return
    if final.placed:
        out.result(f"{plural(len(final.placed), 'model')} put in place")
    if final.removed:
        out.result(
            f"{plural(len(final.removed), 'model')} no longer named: taken out of the work tree, kept in the store"
        )
    if not (fetched or final.placed or final.removed or final.missing or final.kept or final.refused):
        out.result(f"all {plural(len(names), 'model')} here and unchanged")
