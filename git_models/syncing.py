"""After git changed the manifest or a model changed on disk: make the two agree."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_models import (
    caller,
    git,
    githooks,
    manifests,
    messages,
    releasing,
    repo,
    selection,
    worktree,
)
from git_models.manifest import Entry, Manifest
from git_models.output import Output
from git_models.repo import Repo
from git_models.sight import MODIFIED, Sight, states

PATIENCE = 3.0  # seconds of a dead network before a hook gives up
# git runs another hook of ours after these have changed the index, and that one may fetch.
_FETCHING = {"checkout", "switch", "clone", "worktree", "merge", "pull", "rebase", "bisect"}


def sync(here: Repo, out: Output, *, network: bool) -> None:
    """Make the models on disk match the manifest after git changed it; fetch within the limits if allowed."""
    raw = manifests.data(here)
    if raw and manifests.unmerged(here):
        return
    known = manifests.parse(here, raw)
    if raw and _renamed(here, known):
        return
    done = _place(here, known, out)
    missing = [e for e in done.missing if e.sha256]
    if missing and _salvaged(here, missing):
        done = _place(here, known, out)
        missing = [e for e in done.missing if e.sha256]
    if unpinned := [e.path for e in done.missing if not e.sha256]:
        out.warn(messages.unpinned(unpinned))
        if not missing:
            manifests.note_synced(here, raw, due=False)  # said once; there is nothing more to do
    if missing and network:
        _fetch(here, known, missing, out)
    elif missing and not caller.command(_FETCHING):
        out.note(messages.still_missing(len(missing), sum(max(e.size, 0) for e in missing)))
    releasing.release(here, known)
    if known.active and here.config.layout:
        from git_models import activation

        activation.refresh(here, known, out)
    githooks.write_pathspecs(here, known)


def _salvaged(here: Repo, missing: Sequence[Entry]) -> bool:
    from git_models import salvage

    return bool(salvage.from_git(here, missing))


def watch(here: Repo) -> None:
    """Record the models that changed in the work tree's manifest, and there alone: git may hold the index's lock.

    The bytes go into the store first. A file that is being written to is left for the next time.
    """
    if not manifests.is_synced(here, manifests.data(here)) or manifests.unmerged(here) or repo.operation(here):
        return
    known, sight = manifests.current(here), Sight(here)
    changed = [s.path for s in states(here, known, sight) if s.state == MODIFIED]
    sight.save(known)
    if changed:
        from git_models import staging

        staging.register(here, known, staging.keep_files(here, changed, lambda _: None), {}, remove={}, stage=False)


def _renamed(here: Repo, known: Manifest) -> bool:
    """Whether a model is not at its path because somebody is renaming it: git will hear of that later.

    Only asked when the manifest is the one last synced; a file of the model's size lies elsewhere then.
    """
    if not manifests.is_synced(here, manifests.data(here)):
        return False
    gone = {e.size for p, e in known.models.items() if not os.path.lexists(here.path(p))}
    others = git.run("ls-files", "-z", "--others", "--exclude-standard", cwd=here.top) if gone else b""
    return any(os.lstat(here.path(os.fsdecode(p))).st_size in gone for p in others.split(b"\0")[:-1])


def _place(here: Repo, known: Manifest, out: Output) -> worktree.Synced:
    done = worktree.sync(here, skip=selection.unwanted(here, known), releasable=releasing.releasable(here))
    tell(done, out)
    return done


def _fetch(here: Repo, known: Manifest, missing: list[Entry], out: Output) -> None:
    total = sum(max(e.size, 0) for e in missing)
    if here.config.fetch == "manual":
        out.note(messages.still_missing(len(missing), total))
    elif total > here.config.fetch_limit:
        out.note(messages.above_limit(len(missing), total, here.config.fetch_limit))
    else:
        from git_models import exchange

        got = exchange.fetch(here, known, missing, out, patience=PATIENCE)
        if got.got:
            _place(here, known, out)
        if got.offline:
            out.note(messages.offline(len(got.failed)))
            return
        for failure in got.failed:
            out.warn(messages.told(failure.named()))
    # Asked and answered: the next hook with the same manifest has nothing to do.
    manifests.note_synced(here, manifests.data(here), due=False)


def tell(done: worktree.Synced, out: Output) -> None:
    """What a sync did, a line each for what was not done."""
    for path in done.kept:
        out.warn(messages.kept_local(path))
    for path, reason in done.refused:
        out.warn(f"{path} was not put in place: {reason}")
    for path, reason in done.doubts:
        from git_models import safety

        out.warn(safety.doubtful(path, reason))
