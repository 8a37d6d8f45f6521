"""One function for each git event that starts Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from git_models import (
    behind,
    committing,
    exchange,
    excludes,
    git,
    githooks,
    history,
    manifests,
    messages,
    objects,
    places,
    pruning,
    reclaim,
    repo,
    safety,
    salvage,
    staging,
    worktree,
)
from git_models.errors import ModelsError, NotARepository
from git_models.manifest import Entry, Manifest
from git_models.output import Output
from git_models.remotes.base import EmptyRepository
from git_models.repo import Repo
from git_models.sight import MODIFIED, Sight, states

LONGEST_PUSH = 6 * 3600.0  # seconds
HOOK_PATIENCE = 3.0  # seconds of a dead network before a hook gives up
# git runs another hook of ours after these have changed the index, and that one may fetch.
_FETCHING = {"checkout", "switch", "clone", "worktree", "merge", "pull", "rebase", "bisect"}
STORE_TAG = "refs/tags/git-models"


def handle(event: str, arguments: Sequence[str], stdin: TextIO, out: Output, *, framework: bool = False) -> int:
    """Run the event; the exit code stops git only for the pre-* ones (the shim sees to that).

    With `framework` the pre-commit framework runs us, which hands over neither arguments nor stdin.
    """
    if framework and os.environ.get("GIT_MODELS_SKIP"):
        return 0
    here = repo.find()
    if event == "pre-commit":
        if framework and not githooks.uploads(here):
            committing.refuse_without_push(here)
        code = committing.pre_commit(here, out)
        githooks.write_pathspecs(here, manifests.current(here))
        return code
    if event == "pre-merge-commit":
        return committing.pre_merge_commit(here, out)
    if event == "post-commit":
        return committing.post_commit(here, out)
    if event == "pre-push" and framework:
        updates, arguments = history.framework_updates(os.environ)
        return pre_push(here, updates[:1], arguments, out, also=updates[1:])
    if event == "pre-push":
        return pre_push(here, history.read_updates(stdin), arguments, out)
    if event == "reclaim":
        reclaim.now(here, arguments)
        return 0
    if event == "release":
        behind.wait_for(int(arguments[0]), LONGEST_PUSH)
        exchange.release(here, manifests.current(here))
        pruning.to_limit(here, manifests.current(here))
        return 0
    if event == "reference-transaction":
        return _quietly(lambda: excludes.rebuild(here), out)
    if event == "fsmonitor":
        return _quietly(lambda: watch(here), out)
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
        out.warn(messages.told(failed))
    except OSError as failed:
        out.warn(messages.told(ModelsError(str(failed))))
    return 0


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
    if missing and salvage.from_git(here, missing):
        missing = [e for e in _place(here, known, out).missing if e.sha256]
    if missing and network:
        _fetch(here, known, missing, out)
    elif missing and not committing.parent_command(_FETCHING):
        out.note(messages.still_missing(len(missing), sum(max(e.size, 0) for e in missing)))
    exchange.release(here, known)
    excludes.rebuild(here)
    githooks.write_pathspecs(here, known)


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
        out.warn(safety.doubtful(path, reason))


def pre_push(
    here: Repo,
    updates: Sequence[history.Update],
    arguments: Sequence[str],
    out: Output,
    also: Sequence[history.Update] = (),
) -> int:
    """Bytes before refs: refuse what GitHub would refuse, then bring every object that the commits name.

    `also` may be pushed with the rest, nobody knows: the objects of these commits are brought as well.
    """
    git_remote, url = (*arguments, "", "")[:2]
    gone = [u.remote_ref for u in updates if history.is_zero(u.local_oid) and u.remote_ref.startswith(STORE_TAG)]
    gone += _mirrored_away(git_remote or url)
    if gone:
        raise messages.store_tag(gone[0])
    revs = history.outgoing(updates, git_remote)
    if revs:
        _refuse_large(here, revs)
    updates = [*updates, *also]
    if not history.outgoing(updates, git_remote):
        return 0
    known, wanted = exchange.manifest_of_push(here, updates, git_remote)
    wanted = {oid: e for oid, e in wanted.items() if not e.urls}
    if not wanted:
        return 0
    failures = []
    for place in places.for_push(here, known, git_remote, url):
        try:
            _store(here, place, wanted, url, out)
        except EmptyRepository:
            _first_push(here, place, wanted, updates, git_remote or url, out)
        except ModelsError as failed:
            failures.append(failed)  # the other places get theirs all the same
    for other in failures[1:]:
        out.warn(f"git models: {other.what}")
    if failures:
        raise failures[0]
    # The store gives up its copies when the remote-tracking ref names them: when this push is over.
    pusher = os.environ.get("GIT_MODELS_PARENT", "")
    if pusher.isdecimal() and any(objects.has(here.models, oid) for oid in wanted):
        behind.start(here, "release", pusher)
    return 0


def _store(here: Repo, place: places.Place, wanted: Mapping[str, Entry], url: str, out: Output) -> None:
    """Bring all objects to one place. Raises ModelsError unless all of them are there."""
    done = exchange.push(here, place, wanted, out, warn_idle=_over_ssh(url))
    if done.failed:
        first = done.failed[0]
        raise messages.upload_failed(len(done.failed), place.url, first.named().what, first.error.fix)
    if done.sent:
        out.note(messages.stored(len(done.sent), sum(e.size for e in done.sent), place.url))


def _over_ssh(url: str) -> bool:
    """Whether git has a connection open that the server closes when it is idle for minutes."""
    return url.startswith(("ssh:", "git+ssh:")) or ("://" not in url and ":" in url.partition("/")[0])


def _first_push(
    here: Repo,
    place: places.Place,
    wanted: Mapping[str, Entry],
    updates: Sequence[history.Update],
    git_remote: str,
    out: Output,
) -> None:
    """A release needs a commit to hang on: push the refs ahead, then store the models.

    Always raises: git has read the remote's refs before this hook ran, finds them moved, and calls
    its own push of the same refs a failure.
    """
    refs = [f"{u.local_oid}:{u.remote_ref}" for u in updates if not history.is_zero(u.local_oid)]
    out.note("this repository is empty: its refs go first, then the models")
    git.run("push", "--no-verify", "--quiet", git_remote, *refs)
    try:
        _store(here, place, wanted, "", out)
    except ModelsError as failed:
        raise messages.first_push_failed(failed) from failed
    raise messages.first_push(place.url)


def _mirrored_away(git_remote: str) -> list[str]:
    """The store's tags that a push with --mirror or --prune would delete, of which git tells no hook."""
    arguments = committing.parent_arguments("push")
    mirror = git.text("config", "--bool", f"remote.{git_remote}.mirror", ok=(0, 1)) == "true"
    if not mirror and not {"--mirror", "--prune"} & set(arguments):
        return []
    theirs = [line.split("\t")[1] for line in git.text("ls-remote", git_remote, f"{STORE_TAG}*").splitlines()]
    ours = git.text("for-each-ref", "--format=%(refname)", f"{STORE_TAG}*").splitlines()
    return [ref for ref in theirs if ref not in ours]


def _refuse_large(here: Repo, revs: Sequence[str]) -> None:
    limit = here.config.limit
    if limit:
        found = history.large(revs, max(limit, 1))
        if found:
            raise messages.gh001([(item.path, item.size, item.commit) for item in found])
