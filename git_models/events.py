"""One git event: what it starts. Each imports what it needs and no more, as git waits for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from git_models import repo
from git_models.errors import ModelsError, NotARepository
from git_models.output import Output
from git_models.repo import Repo

LONGEST_PUSH = 6 * 3600.0  # seconds


def handle(event: str, arguments: Sequence[str], stdin: TextIO, out: Output, *, framework: bool = False) -> int:
    """Run the event; the exit code stops git only for the pre-* ones (the shim sees to that).

    With `framework` the pre-commit framework runs us, which hands over neither arguments nor stdin.
    """
    if framework and os.environ.get("GIT_MODELS_SKIP"):
        return 0
    here = repo.find()
    if event in ("pre-commit", "pre-merge-commit", "post-commit"):
        return _commit(here, event, out, framework)
    if event == "pre-push":
        from git_models import history, pushing

        if not framework:
            return pushing.pre_push(here, history.read_updates(stdin), arguments, out)
        updates, arguments = history.framework_updates(os.environ)
        return pushing.pre_push(here, updates[:1], arguments, out, also=updates[1:])
    if event == "reclaim":
        from git_models import reclaim

        reclaim.now(here, arguments)
    elif event == "release":
        from git_models import behind, manifests, pruning, releasing

        behind.wait_for(int(arguments[0]), LONGEST_PUSH)
        releasing.release(here, manifests.current(here))
        pruning.to_limit(here, manifests.current(here))
    else:
        _follow(here, event, arguments, out)
    return 0


def _commit(here: Repo, event: str, out: Output, framework: bool) -> int:
    from git_models import committing, githooks, manifests

    if event == "pre-merge-commit":
        return committing.pre_merge_commit(here, out)
    if event == "post-commit":
        return committing.post_commit(here, out)
    if framework and not githooks.uploads(here):
        committing.refuse_without_push(here)
    code = committing.pre_commit(here, out)
    githooks.write_pathspecs(here, manifests.current(here))
    return code


def _follow(here: Repo, event: str, arguments: Sequence[str], out: Output) -> None:
    """What follows on something that git did. Promise 4: git goes on whatever happens to us."""
    from git_models import excludes, syncing

    try:
        if event == "reference-transaction":
            excludes.rebuild(here)
        elif event == "fsmonitor":
            syncing.watch(here)
        elif event == "post-index-change":
            syncing.sync(here, out, network=False)
        elif event in ("post-checkout", "post-merge", "post-rewrite"):
            # `git checkout -- FILE` (flag 0) is not the moment for a download.
            syncing.sync(here, out, network=event != "post-checkout" or arguments[2:] != ["0"])
    except (ModelsError, NotARepository, OSError) as failed:
        from git_models import messages

        out.warn(messages.told(failed if isinstance(failed, ModelsError) else ModelsError(str(failed))))
