"""From the work tree or the index into the store and the manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from git_models import (
    index,
    link,
    lock,
    manifest,
    manifests,
    objects,
    paths,
    recording,
    safety,
    sight,
    statcache,
    tagging,
    weightfiles,
)
from git_models.errors import ModelsError, word
from git_models.hashing import Digests
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo

Advance = Callable[[int], None]


class Kept(NamedTuple):
    """A file whose bytes are in the store now."""

    path: str
    digests: Digests
    record: statcache.Record | None  # of the work tree's file; None where the index alone had these bytes
    doubt: str = ""  # why nobody knows whether it is safe to load, said once


def keep_file(repo: Repo, path: str, advance: Advance = lambda _: None) -> tuple[objects.Draft, statcache.Record]:
    """Copy a file of the work tree into a draft. Raises ModelsError for what is no model.

    A writer may be at work on it: a copy that the file's stat says is torn is made again, up to three
    times; the draft in any case holds exactly the bytes that its digests name.
    """
    paths.check(path)
    file = link.open_file(repo.top, path)
    try:
        return keep_open(repo, file, path, advance)
    finally:
        os.close(file)


def keep_open(
    repo: Repo, file: int, path: str, advance: Advance = lambda _: None
) -> tuple[objects.Draft, statcache.Record]:
    """The same for an open file, wherever it lies; `path` is what it is called in messages."""
    st = os.fstat(file)
    reason = weightfiles.not_a_weight(os.pread(file, weightfiles.HEAD_BYTES, 0), st.st_size)
    if reason and not (reason == weightfiles.TEXT and st.st_size >= weightfiles.TEXT_BELOW):
        raise ModelsError(f"{path} was not added: {reason}")
    objects.need_space(repo.common, st.st_size, path)
    for _ in range(3):
        at = time.time_ns()  # before the settling: what is written meanwhile is too young to be believed
        link.settle(file)
        st = os.fstat(file)
        draft = objects.draft_file(repo.models, file, advance)
        after = os.fstat(file)
        if (after.st_size, after.st_mtime_ns) == (st.st_size, st.st_mtime_ns) and draft.digests.size == st.st_size:
            return draft, statcache.record(draft.digests.sha256, draft.digests.md5, after, at)
        objects.discard(draft)
    raise ModelsError(
        f"{path} is being written to by another program", f"git models add {word(path)}   # when it is finished"
    )


def keep_blob(repo: Repo, oid: str, size: int) -> objects.Draft:
    """Copy a blob of git's object database into a draft."""
    os.makedirs(repo.models, exist_ok=True)
    objects.need_space(repo.common, size, "the staged file")
    return objects.draft_bytes(repo.models, index.stream(oid))


def _parts(file: str, asset: str, size: int, part_size: int) -> tuple[manifest.Part, ...]:
    if size <= part_size:
        return ()
    from git_models import transfer

    return transfer.parts_of(file, asset, part_size)


def make_entry(
    repo: Repo,
    old: Entry | None,
    alike: Iterable[Entry],
    path: str,
    digests: Digests,
    file: str,
    fields: Mapping[str, Any],
) -> Entry:
    """The entry for these bytes at this path, which had `old`; what a person wrote about the model stays.

    `alike` are the entries with the same bytes: one asset serves them all. `file` holds the bytes
    (read once more only when they go up in parts).
    """
    twin = next((e for e in alike if e.asset), None)
    asset = twin.asset if twin else manifest.asset_name(path, digests.sha256)
    parts = twin.parts if twin else _parts(file, asset, digests.size, repo.config.part_size)
    entry = renewed(old, path, digests, asset, parts)
    if old is not None and "metrics" in fields and old.sha256 != digests.sha256:
        entry = entry._replace(metrics={})  # measured anew; where nobody says so, they are taken to hold
    return tagging.described(entry, fields) if fields else entry


def renewed(old: Entry | None, path: str, digests: Digests, asset: str, parts: tuple[manifest.Part, ...]) -> Entry:
    """The entry for these bytes; what `old` says of the model besides stays."""
    if old is None:
        return Entry(path=path, md5=digests.md5, sha256=digests.sha256, size=digests.size, asset=asset, parts=parts)
    # Links lead to the bytes that were here before.
    urls = old.urls if old.sha256 == digests.sha256 or (not old.sha256 and old.md5 == digests.md5) else ()
    return old._replace(md5=digests.md5, sha256=digests.sha256, size=digests.size, asset=asset, parts=parts, urls=urls)


class Added(NamedTuple):
    """What an `add` did, by path."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    unchanged: tuple[str, ...]
    size: int  # bytes that went into the store
    doubts: tuple[tuple[str, str], ...] = ()  # path, why nobody knows whether it is safe to load


NOTHING = Added((), (), (), (), 0)


def keep_files(repo: Repo, wanted: Sequence[str], advance: Advance) -> list[Kept]:
    """Bring files of the work tree into the store, all or none."""
    drafts: dict[str, objects.Draft] = {}
    records = {}
    try:
        for path in wanted:
            drafts[path], records[path] = keep_file(repo, path, advance)
        doubts = safety.admit(repo, drafts)
        objects.seal(repo.models, list(drafts.values()))
    except BaseException:
        for draft in drafts.values():
            objects.discard(draft)
        raise
    return [Kept(p, draft.digests, records[p], doubts.get(p, "")) for p, draft in drafts.items()]


def add(repo: Repo, wanted: Sequence[str], fields: Mapping[str, Any], advance: Advance) -> Added:
    """Record files of the work tree: store, manifest, index, exclude block, stat cache, in this order.

    Killed in between, the bytes are in the store or the file is untouched, and the same call
    finishes the job. Raises ModelsError, with nothing recorded, when one of them cannot be.
    """
    known, staged = manifests.current(repo), _staged(repo, wanted)
    cache = statcache.load(sight.stat_file(repo))
    fresh, recorded, unchanged = [], [], []
    tracked = index.entries(wanted) if len(wanted) <= 1000 else index.entries()
    for path in wanted:
        entry = known.models.get(path)
        if path in tracked or fields or not entry or not _complete(entry) or not _seen(repo, entry, cache):
            fresh.append(path)
        elif _names(staged, entry):
            unchanged.append(path)
        else:  # the work tree's manifest has it already, the index's not yet
            recorded.append(Kept(path, Digests(entry.md5, entry.sha256, cache[path][2]), cache[path]))
    _refuse_submodules(fresh)
    kept = [*keep_files(repo, fresh, advance), *recorded]
    remove = {p: tracked[p][1] for p in fresh if p in tracked}
    done = register(repo, known, kept, fields, remove=remove)
    return done._replace(unchanged=(*unchanged, *done.unchanged))


def _complete(entry: Entry) -> bool:
    """Whether the entry has all that we write; a person may write less."""
    return bool(entry.md5 and entry.sha256 and entry.size >= 0 and entry.asset)


def _seen(repo: Repo, entry: Entry, cache: Mapping[str, statcache.Record]) -> bool:
    """Whether the file at the entry's path has its bytes, by stat alone."""
    record = cache.get(entry.path)
    st = link.regular(repo.top, entry.path) if record else None
    return bool(record and st and record[0] == entry.sha256 and statcache.trusted(record, st))


def _staged(repo: Repo, paths: Sequence[str]) -> dict[str, Entry]:
    """What the index's manifest says of these paths; the rest of it need not stay in memory."""
    models = manifests.at(repo, "").models
    return {path: models[path] for path in paths if path in models}


def _names(models: Mapping[str, Entry], entry: Entry) -> bool:
    """Whether a manifest's models have the entry's bytes at its path."""
    return entry.path in models and models[entry.path].sha256 == entry.sha256


def register(
    repo: Repo,
    known: Manifest,
    kept: Sequence[Kept],
    fields: Mapping[str, Any],
    *,
    remove: Mapping[str, str],
    stage: bool = True,
) -> Added:
    """Write entries for bytes that the store holds now, and take `remove` (path -> blob) out of the index.

    Without `stage` the index stays as it is.
    """
    plan = _plan(repo, known, kept, fields, stage)
    changes, moved = plan.changes, plan.moved
    # Once, when the manifest is made: a fork's clone could not know where its upstream keeps the bytes.
    readers: Mapping[str, str] = {}
    if changes and not known.models:
        from git_models import places

        readers = places.for_readers(repo, known)
    recording.record(repo, changes, remove=remove, remotes=readers, stage=stage)
    with lock.hold(repo.models, "the stat cache"):
        cache = statcache.load(sight.stat_file(repo))
        for item in kept:
            if item.record is not None:
                cache[item.path] = item.record
            else:
                cache.pop(item.path, None)
        for old_path, _ in moved:
            cache.pop(old_path, None)
        sight.save_stat(repo, cache)
    total = sum(item.digests.size for item in kept)
    doubts = tuple((item.path, item.doubt) for item in kept if item.doubt)
    return Added(tuple(plan.new), tuple(plan.changed), tuple(moved), tuple(plan.unchanged), total, doubts)


class _Plan(NamedTuple):
    """What becomes of files whose bytes are kept."""

    new: list[str]
    changed: list[str]
    unchanged: list[str]
    moved: list[tuple[str, str]]  # from, to
    changes: dict[str, Entry | None]  # of the manifest


def _plan(repo: Repo, known: Manifest, kept: Sequence[Kept], fields: Mapping[str, Any], stage: bool) -> _Plan:
    new: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    moved: list[tuple[str, str]] = []
    changes: dict[str, Entry | None] = {}
    staged = manifests.at(repo, "")
    by_bytes, staged_by_bytes = _by_bytes(known), _by_bytes(staged)
    for item in kept:
        old = known.models.get(item.path)
        alike = by_bytes.get(item.digests.sha256, ())
        source = _moved_from(repo, alike, item, changes) if old is None else None
        if source is not None:
            changes[source.path] = None
            changes[item.path] = tagging.described(source._replace(path=item.path), fields)
            moved.append((source.path, item.path))
            continue
        file = objects.path(repo.models, item.digests.sha256)
        entry = make_entry(repo, old, alike, item.path, item.digests, file, fields)
        # A commit that was aborted may have moved the entry on disk and not in the index.
        stale = _moved_from(repo, staged_by_bytes.get(item.digests.sha256, ()), item, changes)
        if stale is not None and stale.path not in known.models:
            changes[stale.path] = None
        # What the manifest says already may be new to the index: a process was killed, or `--watch` wrote it.
        before = staged.models.get(item.path) if entry == old and stage else old
        same = entry == old and before is not None and before.sha256 == entry.sha256
        (unchanged if same else changed if before else new).append(item.path)
        changes[item.path] = entry
    return _Plan(new, changed, unchanged, moved, changes)


def _by_bytes(known: Manifest) -> Mapping[str, Sequence[Entry]]:
    """The entries by their SHA-256."""
    found: dict[str, list[Entry]] = {}
    for entry in known.models.values():
        found.setdefault(entry.sha256, []).append(entry)
    return found


def _moved_from(repo: Repo, alike: Iterable[Entry], item: Kept, changes: Mapping[str, Entry | None]) -> Entry | None:
    """The entry, of those with the same bytes, whose file was renamed to this path: at the old one is none any more."""
    for entry in alike:
        if entry.path != item.path and entry.path not in changes and not os.path.lexists(repo.path(entry.path)):
            return entry
    return None


def _refuse_submodules(wanted: Iterable[str]) -> None:
    """Raise ModelsError for a path inside a submodule: its weights belong to its own manifest."""
    folders = {p[:i] for p in wanted for i, c in enumerate(p) if c == "/"}
    if not folders:
        return
    for path, (mode, _) in index.entries(sorted(folders) if len(folders) < 500 else ()).items():
        if mode == "160000" and path in folders:
            raise ModelsError(
                f"{path} is a submodule; its models belong to its own models.yaml",
                f"cd {word(path)} && git models add …",
            )


def unstaged(repo: Repo, known: Manifest, cache: Mapping[str, statcache.Record]) -> list[str]:
    """Recorded models that are as their entry says, and the index's manifest does not say it."""
    staged = manifests.at(repo, "").models
    return [p for p, entry in known.models.items() if not _names(staged, entry) and _seen(repo, entry, cache)]


def modified(repo: Repo, known: Manifest, cache: Mapping[str, statcache.Record]) -> list[str]:
    """Recorded models whose file may have other bytes than the entry says (by stat alone).

    While a sync is due, as in a rebase that stopped, those that only wait for it are not among them.
    """
    raw = manifests.data(repo)
    waiting = {} if manifests.is_synced(repo, raw) else manifests.synced(repo).models
    found = []
    for path, entry in known.models.items():
        try:
            st = os.lstat(repo.path(path))
        except OSError:
            continue
        if path in cache and cache[path][0] == entry.sha256 and statcache.trusted(cache[path], st):
            continue
        if path not in waiting or not _has_bytes(repo, path, waiting[path].sha256):
            found.append(path)
    return found


def _has_bytes(repo: Repo, path: str, oid: str) -> bool:
    file = link.open_file(repo.top, path)
    try:
        return link.hashed(file).sha256 == oid
    finally:
        os.close(file)
