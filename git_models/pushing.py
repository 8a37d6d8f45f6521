"""Before git pushes: bytes before refs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from git_models import behind, caller, exchange, excludes, git, history, messages, objects, places
from git_models.errors import ModelsError
from git_models.manifest import Entry
from git_models.output import Output
from git_models.remotes.base import EmptyRepository
from git_models.repo import Repo

STORE_TAG = "refs/tags/git-models"


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
    if any(u.local_ref.startswith(excludes.BACKUP) for u in updates):
        raise messages.backup_refs()
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
    arguments = caller.arguments("push")
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
