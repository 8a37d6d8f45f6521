"""Make the work tree's models match a manifest, without losing anybody's bytes."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from git_models import index, link, lock, manifests, objects, statcache
from git_models.errors import ModelsError
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo
from git_models.staging import save_stat, stat_file

OK, MISSING, MODIFIED, TRACKED, UNPINNED = "ok", "missing", "modified", "tracked", "unpinned"


class State(NamedTuple):
    """A model as it lies on disk."""

    path: str
    entry: Entry
    state: str  # OK, MISSING, MODIFIED, TRACKED (git itself has the path) or UNPINNED (md5 alone, and not here)
    oid: str = ""  # of the bytes on disk, where there are any


class Synced(NamedTuple):
    """What a sync did and what it left alone."""

    placed: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]  # bytes that are recorded nowhere, left where they are
    missing: tuple[Entry, ...]  # not in the store
    refused: tuple[tuple[str, str], ...]  # path, reason


class Sight:
    """The work tree's models as they are, hashing what the stat cache does not know; saved once."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.cache = statcache.load(stat_file(repo))
        self._dirty = False

    def digests(
        self, path: str, advance: Callable[[int], None] = lambda _: None, full: bool = False
    ) -> tuple[str, str] | None:
        """(sha256, md5) of the regular file at `path`; None where there is none."""
        st = link.regular(self.repo.top, path)
        if st is None:
            return None
        known = self.cache.get(path)
        if known and not full and statcache.trusted(known, st):
            advance(st.st_size)
            return known[0], known[1]
        at = time.time_ns()
        file = link.open_file(self.repo.top, path)
        try:
            before = os.fstat(file)
            found = link.hashed(file, advance=advance)
            after = os.fstat(file)
        finally:
            os.close(file)
        if before.st_mtime_ns == after.st_mtime_ns and before.st_size == found.size:
            self.cache[path] = statcache.record(found.sha256, found.md5, after, at)
            self._dirty = True
        return found.sha256, found.md5

    def warm(self, path: str) -> None:
        """Hash the file now if that is needed; what stands in the way is found again later."""
        try:
            self.digests(path)
        except (ModelsError, OSError):
            pass

    def learn(self, path: str, oid: str, md5: str) -> None:
        """These bytes were just put there by us."""
        at = time.time_ns()
        st = link.regular(self.repo.top, path)
        if st:
            self.cache[path] = statcache.record(oid, md5, st, at)
            self._dirty = True

    def forget(self, path: str) -> None:
        self._dirty = self.cache.pop(path, None) is not None or self._dirty

    def save(self, known: Manifest | None = None) -> None:
        """Write the cache if it changed; records of paths that `known` does not name go."""
        if known is not None and any(p not in known.models for p in self.cache):
            self.cache = {p: r for p, r in self.cache.items() if p in known.models}
            self._dirty = True
        if self._dirty:
            save_stat(self.repo, self.cache)
            self._dirty = False


def same(entry: Entry, found: tuple[str, str]) -> bool:
    """Whether bytes with these (sha256, md5) are the entry's."""
    return found[0] == entry.sha256 if entry.sha256 else found[1] == entry.md5


def states(repo: Repo, known: Manifest, sight: Sight, wanted: Sequence[str] | None = None) -> list[State]:
    """How each model (of `wanted`, or all) lies on disk, sorted by path."""
    names = list(known.models) if wanted is None else list(wanted)
    tracked = _tracked(names)
    found = []
    for path in names:
        entry = known.models[path]
        try:
            digests = sight.digests(path)
        except ModelsError:
            digests = None
        if digests is None:
            state = MISSING
        elif same(entry, digests):
            state = OK
        else:
            state = MODIFIED
        if path in tracked:
            state = TRACKED
        found.append(State(path, entry, state, digests[0] if digests else ""))
    return found


def _tracked(names: Sequence[str]) -> set[str]:
    if not names:
        return set()
    return set(index.entries(names if len(names) <= 500 else ())) & set(names)


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
        return _sync(repo, sight, wanted, skip, pinned or {}, force, releasable, advance)


def _sync(
    repo: Repo,
    sight: Sight,
    wanted: Sequence[str] | None,
    skip: Collection[str],
    pinned: Mapping[str, str],
    force: bool,
    releasable: Callable[[str], bool],
    advance: Callable[[int], None],
) -> Synced:
    raw = manifests.data(repo)
    new, old = manifests.parse(repo, raw), manifests.synced(repo)
    names = [p for p in new.models if p not in skip] if wanted is None else list(wanted)
    gone = [p for p in old.models if p not in new.models] if wanted is None else []
    tracked = _tracked([*names, *gone])
    plan: list[Entry] = []
    kept, missing, refused, removed = [], [], [], []
    for path in names:
        entry = new.models[path]
        if path in tracked:
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
        elif not entry.sha256 or not objects.has(repo.models, entry.sha256):
            missing.append(entry)
        else:
            plan.append(entry)
    good, _bad = objects.checked(repo.models, list({e.sha256: None for e in plan}))
    whole = set(good)
    missing += [e for e in plan if e.sha256 not in whole]
    plan = [e for e in plan if e.sha256 in whole]
    for path in gone:
        if path in tracked:
            continue
        try:
            found = sight.digests(path)
            if found and (same(old.models[path], found) or _recorded(repo, found[0], None)):
                put_away(repo, path, found[0])
                removed.append(path)
            elif found:
                kept.append(path)
        except ModelsError as failed:
            refused.append((path, failed.what))
        sight.forget(path)
    placed, more = _place(repo, plan, sight, releasable, advance)
    refused += more
    sight.save(new)
    if wanted is None:
        manifests.note_synced(repo, raw if raw.strip() else None, due=bool(missing))
    return Synced(tuple(placed), tuple(removed), tuple(kept), tuple(missing), tuple(refused))


def _recorded(repo: Repo, oid: str, before: Entry | None) -> bool:
    """Whether these bytes can be had again: the store has them, a remote was seen to, or they are the last synced ones.

    The last go into the store before anything takes their place.
    """
    if before is not None and before.sha256 == oid:
        return True
    return objects.has(repo.models, oid) or oid in objects.held_anywhere(repo.models)


def put_away(repo: Repo, path: str, oid: str) -> None:
    """Take a file with these bytes out of the work tree; the store has them afterwards.

    The bytes lie in the store, verified, before the work tree's name goes. A rename, when nobody
    writes into the file and it has one name only; otherwise a copy. Raises ModelsError when the file
    turned out to have other bytes, and leaves it then.
    """
    parent, name = link.open_parent(repo.top, path)
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            st = os.fstat(file)
            if objects.checked(repo.models, [oid])[0]:
                os.unlink(name, dir_fd=parent)
            elif st.st_nlink == 1 and not link.written_by_others(file) and os.stat(repo.common).st_dev == st.st_dev:
                os.fsync(file)
                objects.take(repo.models, name, oid, parent=parent, was=st)
            else:
                draft = objects.draft_file(repo.models, file)
                if draft.digests.sha256 != oid:
                    objects.discard(draft)
                    raise ModelsError(f"{path} is being written to; it was left as it is")
                objects.seal(repo.models, [draft])
                os.unlink(name, dir_fd=parent)
        finally:
            os.close(file)
    finally:
        os.close(parent)


def _place(
    repo: Repo, plan: Sequence[Entry], sight: Sight, releasable: Callable[[str], bool], advance: Callable[[int], None]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Put objects at their paths: temp files beside them, one flush, then the renames."""
    uses: dict[str, int] = {}
    for entry in plan:
        uses[entry.sha256] = uses.get(entry.sha256, 0) + 1
    ready: list[tuple[Entry, int, str, str]] = []  # entry, folder, name, temp name ("" is the object itself)
    placed: list[str] = []
    refused: list[tuple[str, str]] = []
    try:
        for entry in plan:
            try:
                parent, name = link.open_parent(repo.top, entry.path, create=True)
            except (ModelsError, OSError) as failed:
                refused.append((entry.path, _reason(failed)))
                continue
            try:
                uses[entry.sha256] -= 1
                lone = uses[entry.sha256] == 0 and releasable(entry.sha256)
                same_fs = os.fstat(parent).st_dev == os.stat(repo.common).st_dev
                temp = "" if lone and same_fs else _copy(repo, entry, parent, name)
                advance(entry.size)
            except OSError as failed:
                os.close(parent)
                if failed.errno == errno.ENOSPC:
                    raise ModelsError(
                        f"no room on the disk for {entry.path}", "free some space, then the same command again"
                    ) from None
                refused.append((entry.path, _reason(failed)))
                continue
            ready.append((entry, parent, name, temp))
        if any(temp for *_, temp in ready):
            _flush(ready)
        while ready:
            entry, parent, name, temp = ready[0]
            try:
                _land(repo, sight, entry, parent, name, temp)
                sight.learn(entry.path, entry.sha256, entry.md5)
                placed.append(entry.path)
            except (ModelsError, OSError) as failed:
                refused.append((entry.path, _reason(failed)))
                _drop(parent, temp)
            os.close(parent)
            ready.pop(0)
    finally:
        for _, parent, _, temp in ready:
            _drop(parent, temp)
            os.close(parent)
    return placed, refused


def _reason(failed: Exception) -> str:
    return (
        failed.what
        if isinstance(failed, ModelsError)
        else os.strerror(failed.errno or 0)
        if isinstance(failed, OSError)
        else str(failed)
    )


def _drop(parent: int, temp: str) -> None:
    if temp:
        try:
            os.unlink(temp, dir_fd=parent)
        except FileNotFoundError:
            pass


def _copy(repo: Repo, entry: Entry, parent: int, name: str) -> str:
    temp = link.unfinished(name)
    _drop(parent, temp)
    source = os.open(objects.path(repo.models, entry.sha256), os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=parent)
        try:
            link.copy(source, target)
            if os.fstat(target).st_size != os.fstat(source).st_size:
                raise OSError(errno.EIO, "short copy")
        except BaseException:
            os.unlink(temp, dir_fd=parent)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)
    return temp


def _flush(ready: Sequence[tuple[Entry, int, str, str]]) -> None:
    if len(ready) > 8:
        os.sync()
        return
    for _, parent, _, temp in ready:
        if temp:
            file = os.open(temp, os.O_RDONLY, dir_fd=parent)
            try:
                os.fsync(file)
            finally:
                os.close(file)


def _land(repo: Repo, sight: Sight, entry: Entry, parent: int, name: str, temp: str) -> None:
    """Give the new file its name. What is in the way is put away first; its mode stays."""
    mode = None
    found = sight.digests(entry.path)
    if found is not None:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode & 0o777
        put_away(repo, entry.path, found[0])
    if temp:
        os.rename(temp, name, src_dir_fd=parent, dst_dir_fd=parent)
    else:
        os.rename(objects.path(repo.models, entry.sha256), name, dst_dir_fd=parent)
    if mode is not None:
        os.chmod(name, mode, dir_fd=parent)


def release(repo: Repo, known: Manifest, releasable: Callable[[str], bool], sight: Sight) -> list[str]:
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


def summary(done: Synced) -> Mapping[str, object]:
    """The sync as the stable keys of `--json`."""
    return {
        "placed": list(done.placed),
        "removed": list(done.removed),
        "kept": list(done.kept),
        "missing": [e.path for e in done.missing],
        "refused": [{"path": p, "reason": r} for p, r in done.refused],
    }
