"""Make the work tree's models match a manifest, without losing anybody's bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from git_models import excludes, lock, manifests, objects, placing, safety
from git_models.errors import ModelsError
from git_models.manifest import Entry
from git_models.repo import Repo
from git_models.sight import Sight, inside_others, same, tracked_by_git


class Synced(NamedTuple):
    """What a sync did and what it left alone."""

    placed: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]  # bytes that are recorded nowhere, left where they are
    missing: tuple[Entry, ...]  # not in the store
    refused: tuple[tuple[str, str], ...]  # path, reason
    doubts: tuple[tuple[str, str], ...] = ()  # put in place; path, why nobody knows whether it is safe to load


def sync(
    repo: Repo,
    *,
    wanted: Sequence[str] | None = None,
    skip: Collection[str] = (),
    pinned: Mapping[str, str] | None = None,
    force: bool = False,
    releasable: Callable[[str], bool] = lambda _oid: False,
    advance: Callable[[int], None] = lambda _: None,
) -> Synced:
    """Place from the store what the work tree's manifest names, and take away what it no longer names.

    Without `wanted` the whole manifest but `skip`, including models that the manifest last synced had and this
    one has not. A file goes only when its bytes are in the store or held by a remote; anything else
    is left and reported in `kept` (with `force` it is moved into the store first). `releasable(oid)`
    says whether the store may give its only copy to the work tree. `pinned` gives the sha256 for
    entries that name only an md5.
    """
    sight = Sight(repo)
    for path in manifests.current(repo).models if wanted is None else wanted:
        if path not in skip:
            sight.warm(path)  # the long work comes before the lock
    with lock.hold(repo.models, "putting models in place"):
        raw = manifests.data(repo)
        done = _sync(repo, raw, sight, wanted, skip, pinned or {}, force, releasable, advance)
    if wanted is None:
        if not manifests.is_synced(repo, raw):
            excludes.rebuild(repo)
        # Last: a process killed before it leaves the hooks to finish.
        manifests.settle(repo, raw, due=bool(done.missing))
    return done


def _sync(
    repo: Repo,
    raw: bytes,
    sight: Sight,
    wanted: Sequence[str] | None,
    skip: Collection[str],
    pinned: Mapping[str, str],
    force: bool,
    releasable: Callable[[str], bool],
    advance: Callable[[int], None],
) -> Synced:
    new, old = manifests.parse(repo, raw), manifests.synced(repo)
    names = [p for p in new.models if p not in skip] if wanted is None else list(wanted)
    gone = [p for p in old.models if p not in new.models] if wanted is None else []
    tracked, others = tracked_by_git([*names, *gone]), inside_others(repo, [*names, *gone])
    plan: list[Entry] = []
    kept, missing, refused, removed = [], [], [], []
    # First: a model that was renamed is wanted at its new path.
    for path in gone:
        if path in tracked or path in others:
            continue
        try:
            found = sight.digests(path)
            if found and (same(old.models[path], found) or _recorded(repo, found[0], None)):
                placing.put_away(repo, path, sight)
                removed.append(path)
            elif found:
                kept.append(path)
        except ModelsError as failed:
            refused.append((path, failed.what))
        sight.forget(path)
    lying = {record[0]: path for path, record in sight.cache.items()}
    for path in names:
        entry = new.models[path]
        if path in tracked:
            continue
        if path in others:
            refused.append((path, f"it lies in the repository {others[path]}, whose own models.yaml counts there"))
            continue
        if not entry.sha256 and entry.md5 in pinned:
            entry = entry._replace(sha256=pinned[entry.md5])
        try:
            found = sight.digests(path)
            blocked = found is None and os.path.lexists(repo.path(path))
        except ModelsError as failed:
            refused.append((path, failed.what))
            continue
        if found is None:
            sight.forget(path)  # else the hooks would ask again and again for what cannot be had now
        if blocked:
            refused.append((path, "a link or a folder is in its place"))
        elif found and same(entry, found):
            continue
        elif found and not force and not _recorded(repo, found[0], old.models.get(path)):
            kept.append(path)
        elif not entry.sha256 or not placing.rescue(repo, entry, lying.get(entry.sha256, "")):
            missing.append(entry)
        else:
            plan.append(entry)
    good, _bad = objects.checked(repo.models, list({e.sha256: None for e in plan}))
    whole = set(good)
    missing += [e for e in plan if e.sha256 not in whole]
    plan = [e for e in plan if e.sha256 in whole]
    plan, unsafe, doubts = safety.sift(repo, plan)
    refused += unsafe
    placed, more = placing.place(repo, plan, sight, releasable, advance)
    refused += more
    sight.save(new)
    return Synced(tuple(placed), tuple(removed), tuple(kept), tuple(missing), tuple(refused), tuple(doubts))


def _recorded(repo: Repo, oid: str, before: Entry | None) -> bool:
    """Whether these bytes can be had again: the store has them, a remote was seen to, or they are the last synced ones.

    The last go into the store before anything takes their place.
    """
    if before is not None and before.sha256 == oid:
        return True
    return objects.has(repo.models, oid) or oid in objects.held_anywhere(repo.models)


def summary(done: Synced) -> Mapping[str, object]:
    """The sync as the stable keys of `--json`."""
    return {
        "placed": list(done.placed),
        "removed": list(done.removed),
        "kept": list(done.kept),
        "missing": [e.path for e in done.missing],
        "refused": [{"path": p, "reason": r} for p, r in done.refused],
        "doubtful": [{"path": p, "reason": r} for p, r in done.doubts],
    }
