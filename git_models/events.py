"""One function for each git event that starts Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TextIO

from git_models import behind, committing, exchange, excludes, githooks, history, manifests, messages, objects, places, repo, salvage, worktree
from git_models.errors import ModelsError, NotARepository
from git_models.manifest import Entry, Manifest
from git_models.output import Output
from git_models.repo import Repo

LONGEST_PUSH = 6 * 3600.0  # seconds
HOOK_PATIENCE = 3.0  # seconds of a dead network before a hook gives up
# git runs another hook of ours after these have changed the index, and that one may fetch.
_FETCHING = {"checkout", "switch", "clone", "worktree", "merge", "pull", "rebase", "bisect"}


def handle(event: str, arguments: Sequence[str], stdin: TextIO, out: Output) -> int:
    """Run the event; the exit code stops git only for the pre-* ones (the shim sees to that)."""
    here = repo.find()
    if event == "pre-commit":
        code = committing.pre_commit(here, out)
        githooks.write_pathspecs(here, manifests.current(here))
        return code
    if event == "pre-merge-commit":
        return committing.pre_merge_commit(here, out)
    if event == "post-commit":
        return committing.post_commit(here, out)
    if event == "pre-push":
        return pre_push(here, history.read_updates(stdin), arguments, out)
    if event == "reclaim":
        committing.reclaim_now(here, arguments)
        return 0
    if event == "release":
        behind.wait_for(int(arguments[0]), LONGEST_PUSH)
        exchange.release(here, manifests.current(here))
        return 0
    if event == "post-index-change":
        return _quietly(lambda: sync(here, out, network=False), out)
    if event in ("post-checkout", "post-merge", "post-rewrite"):
        # `git checkout -- FILE` (flag 0) is not the moment for a download.
        whole = event != "post-checkout" or arguments[2:] != ["0"]
        return _quietly(lambda: sync(here, out, network=whole), out)
    return 0


def _quietly(job: Callable[[], None], out: Output) -> int:
    """Promise 4: git goes on whatever happens to us."""
    try:
        job()
    except (ModelsError, NotARepository) as failed:
        out.warn(f"git models: {failed.what}" + (f"\n  next: {failed.fix}" if failed.fix else ""))
    except OSError as failed:
        out.warn(f"git models: {failed}")
    return 0


def sync(here: Repo, out: Output, *, network: bool) -> None:
    """Make the models on disk match the manifest after git changed it; fetch within the limits if allowed."""
    raw = manifests.data(here)
    if raw and manifests.unmerged(here):
        return
    known = manifests.parse(here, raw)
    done = _place(here, known, out)
    missing = [e for e in done.missing if e.sha256]
    if missing and salvage.from_git(here, missing):
        missing = [e for e in _place(here, known, out).missing if e.sha256]
    if missing and network:
        _fetch(here, known, missing, out)
    elif missing and not _FETCHING & set(committing.parent_arguments()):
        out.note(messages.still_missing(len(missing), sum(max(e.size, 0) for e in missing)))
    exchange.release(here, known)
    excludes.rebuild(here)
    githooks.write_pathspecs(here, known)


def _place(here: Repo, known: Manifest, out: Output) -> worktree.Synced:
    done = worktree.sync(here, skip=exchange.unwanted(here, known), releasable=exchange.releasable(here))
    tell(done, out)
    return done


def _fetch(here: Repo, known: Manifest, missing: list[Entry], out: Output) -> None:
    total = sum(max(e.size, 0) for e in missing)
    if here.config.fetch == "manual":
        out.note(messages.still_missing(len(missing), total))
    elif total > here.config.fetch_limit:
        out.note(messages.above_limit(len(missing), total, here.config.fetch_limit))
    else:
        got = exchange.fetch(here, known, missing, out, patience=HOOK_PATIENCE)
        if got.got:
            _place(here, known, out)
        if got.offline:
            out.note(messages.offline(len(got.failed)))
            return
        for failure in got.failed:
            out.warn(f"git models: {failure.path}: {failure.error.what}")
    # Asked and answered: the next hook with the same manifest has nothing to do.
    manifests.note_synced(here, manifests.data(here), due=False)


def tell(done: worktree.Synced, out: Output) -> None:
    """What a sync did, a line each for what was not done."""
    for path in done.kept:
        out.warn(messages.kept_local(path))
    for path, reason in done.refused:
        out.warn(f"{path} was not put in place: {reason}")


def pre_push(here: Repo, updates: list[history.Update], arguments: Sequence[str], out: Output) -> int:
    """Bytes before refs: refuse what GitHub would refuse, then bring every object that the commits name."""
    git_remote, url = (*arguments, "", "")[:2]
    for update in updates:
        if history.is_zero(update.local_oid) and update.remote_ref.startswith("refs/tags/git-models"):
            raise messages.store_tag(update.remote_ref)
    revs = history.outgoing(updates, git_remote)
    if not revs:
        return 0
    _refuse_large(here, revs)
    known, wanted = exchange.manifest_of_push(here, updates, git_remote)
    wanted = {oid: e for oid, e in wanted.items() if not e.urls}
    if not wanted:
        return 0
    for place in places.for_push(here, known, git_remote, url):
        done = exchange.push(here, place, wanted, out)
        if done.failed:
            raise messages.upload_failed(
                len(done.failed), place.url, f"{done.failed[0].path}: {done.failed[0].error.what}"
            )
        if done.sent:
            total = sum(e.size for e in done.sent)
            out.note(messages.stored(len(done.sent), total, place.url))
    # The store gives up its copies when the remote-tracking ref names them: when this push is over.
    pusher = os.environ.get("GIT_MODELS_PARENT", "")
    if pusher.isdecimal() and any(objects.has(here.models, oid) for oid in wanted):
        behind.start(here, "release", pusher)
    return 0


def _refuse_large(here: Repo, revs: Sequence[str]) -> None:
    limit = here.config.limit
    if limit:
        found = history.large(revs, max(limit, 1))
        if found:
            raise messages.gh001([(item.path, item.size, item.commit) for item in found])
