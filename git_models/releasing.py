"""One copy: what the store gives up because it also lies in the work tree and on a remote (promise 5)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from git_models import history, link, lock, objects, statcache
from git_models.manifest import Manifest
from git_models.repo import Repo
from git_models.sight import Sight


def releasable(repo: Repo) -> Callable[[str], bool]:
    """Whether the store may give up an object: a remote was seen to hold it and a pushed commit names it."""
    if repo.config.keep == "all":
        return lambda _oid: False

    @cache
    def pushed() -> frozenset[str]:
        return frozenset(history.names_pushed(repo, objects.held_anywhere(repo.models)))

    return lambda oid: oid in pushed()


def release(repo: Repo, known: Manifest) -> list[str]:
    """Let the store give up what also lies in the work tree, once that is safe (promise 5); returns the objects."""
    here = {e.sha256 for e in known.models.values() if e.sha256 and objects.has(repo.models, e.sha256)}
    if not here & objects.held_anywhere(repo.models):
        return []
    return drop(repo, known, releasable(repo), Sight(repo))


def drop(repo: Repo, known: Manifest, releasable: Callable[[str], bool], sight: Sight) -> list[str]:
    """Drop store objects that also lie in the work tree, once a remote holds them and a pushed commit names them."""
    dropped = []
    with lock.hold(repo.models, "giving copies up"):
        for path, entry in known.models.items():
            if not entry.sha256 or not objects.has(repo.models, entry.sha256) or not releasable(entry.sha256):
                continue
            record = sight.cache.get(path)
            st = link.regular(repo.top, path) if record else None
            if record and st and record[0] == entry.sha256 and statcache.trusted(record, st):
                os.unlink(objects.path(repo.models, entry.sha256))
                dropped.append(entry.sha256)
    return dropped
