"""Put files into the work tree and take them out of it, so that at every instant their bytes lie somewhere."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence

from git_models import link, objects, statcache
from git_models.errors import ModelsError
from git_models.manifest import Entry
from git_models.repo import Repo
from git_models.sight import Sight


def put_away(repo: Repo, path: str, sight: Sight) -> None:
    """Take the file that `sight` saw at `path` out of the work tree; the store has its bytes afterwards.

    The bytes lie in the store, verified, before the work tree's name goes. A rename, when nobody
    writes into the file and it has one name only; otherwise a copy. Raises ModelsError for a file that is not the
    one any more whose bytes are known, and leaves it.
    """
    seen = sight.cache.get(path)
    parent, name = link.open_parent(repo.top, path)
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            st = os.fstat(file)
            oid = seen[0] if seen else ""
            if not oid:
                raise _being_written(path)
            if objects.checked(repo.models, [oid])[0]:
                pass
            elif st.st_nlink == 1 and not link.written_by_others(file) and os.stat(repo.common).st_dev == st.st_dev:
                os.fsync(file)
                _need_as_seen(path, seen, parent, name)
                objects.take(repo.models, name, oid, st, parent)
                return
            else:
                draft = objects.draft_file(repo.models, file)
                if draft.digests.sha256 != oid:
                    objects.discard(draft)
                    raise _being_written(path)
                objects.seal(repo.models, [draft])
            # Hashing an object, or copying one, takes its time: a training may have saved meanwhile.
            _need_as_seen(path, seen, parent, name)
            os.unlink(name, dir_fd=parent)
        finally:
            os.close(file)
    finally:
        os.close(parent)


def _need_as_seen(path: str, seen: statcache.Record | None, parent: int, name: str) -> None:
    """Raise ModelsError where the name does not stand for the very file that was hashed, as it was then."""
    if seen is None or not statcache.same(seen, os.stat(name, dir_fd=parent, follow_symlinks=False)):
        raise _being_written(path)


def _being_written(path: str) -> ModelsError:
    return ModelsError(f"{path} is being written to; it was left as it is")


def place(
    repo: Repo, plan: Sequence[Entry], sight: Sight, releasable: Callable[[str], bool], advance: Callable[[int], None]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Put objects at their paths: temp files beside them, one flush, then the renames; a hundred at a time.

    Returns the paths, and (path, reason) of those that could not be. Raises ModelsError for a full disk.
    """
    uses = Counter(entry.sha256 for entry in plan)  # how many of the paths still wait for the object
    placed: list[str] = []
    refused: list[tuple[str, str]] = []
    for at in range(0, len(plan), objects.TOGETHER):
        some = plan[at : at + objects.TOGETHER]
        _place(repo, some, sight, uses, releasable, advance, placed, refused)
    return placed, refused


def _place(
    repo: Repo,
    plan: Sequence[Entry],
    sight: Sight,
    uses: Counter[str],
    releasable: Callable[[str], bool],
    advance: Callable[[int], None],
    placed: list[str],
    refused: list[tuple[str, str]],
) -> None:
    spare: set[str] = set()  # objects that were copied, and are kept elsewhere: a folder links to them
    ready: list[tuple[Entry, int, str, str]] = []  # entry, folder, name, temp name ("" is the object itself)
    try:
        for entry in plan:
            try:
                parent, name = link.open_parent(repo.top, entry.path, create=True)
            except (ModelsError, OSError) as failed:
                refused.append((entry.path, reason(failed)))
                continue
            try:
                uses[entry.sha256] -= 1
                lone = uses[entry.sha256] == 0 and releasable(entry.sha256)
                same_fs = os.fstat(parent).st_dev == os.stat(repo.common).st_dev
                temp = "" if lone and same_fs and _one_name(repo, entry) else _copy(repo, entry, parent, name)
                spare |= {entry.sha256} if lone and temp else set()
                advance(entry.size)
            except OSError as failed:
                os.close(parent)
                if failed.errno == errno.ENOSPC:
                    raise ModelsError(
                        f"no room on the disk for {entry.path}", "free some space, then the same command again"
                    ) from None
                refused.append((entry.path, reason(failed)))
                continue
            ready.append((entry, parent, name, temp))
        if any(temp for *_, temp in ready):
            _flush(ready)
        while ready:
            entry, parent, name, temp = ready[0]
            try:
                _land(repo, sight, entry, parent, name, temp)
                if entry.sha256 in spare:
                    spare.remove(entry.sha256)
                    os.unlink(objects.path(repo.models, entry.sha256))
                sight.learn(entry.path, entry.sha256, entry.md5)
                placed.append(entry.path)
            except (ModelsError, OSError) as failed:
                refused.append((entry.path, reason(failed)))
                if temp:
                    link.remove(temp, parent)
            os.close(parent)
            ready.pop(0)
    finally:
        for _, parent, _, temp in ready:
            if temp:
                link.remove(temp, parent)
            os.close(parent)


def reason(failed: Exception) -> str:
    """Why a file could not be put in place, for people."""
    if isinstance(failed, ModelsError):
        return failed.what
    if isinstance(failed, FileExistsError):
        return "another program saved a file there just now"
    return os.strerror(failed.errno or 0) if isinstance(failed, OSError) else str(failed)


def _copy(repo: Repo, entry: Entry, parent: int, name: str) -> str:
    temp = link.unfinished(name)
    # Left by a process that was killed: we hold the lock, so nobody is at work on it.
    link.remove(temp, parent)
    source = os.open(objects.path(repo.models, entry.sha256), os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=parent)
        try:
            link.copy(source, target, repo.config.link)
            statcache.settle(target)
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


def _one_name(repo: Repo, entry: Entry) -> bool:
    """Whether the object has one name: a folder that keeps models may link to it."""
    return os.stat(objects.path(repo.models, entry.sha256)).st_nlink == 1


def _move(repo: Repo, entry: Entry, parent: int, name: str) -> None:
    """Rename the object to the path. Under its temp name no push finds it any more to link to it."""
    file, temp = objects.path(repo.models, entry.sha256), link.unfinished(name)
    link.remove(temp, parent)
    os.rename(file, temp, dst_dir_fd=parent)
    try:
        lone = os.stat(temp, dir_fd=parent, follow_symlinks=False).st_nlink == 1
        if lone:
            link.rename_new(temp, name, parent, parent)
            return
    except BaseException:
        if not link.same_file(temp, name, parent):  # else an interrupt came when it was done
            os.rename(temp, file, src_dir_fd=parent)
        raise
    os.rename(temp, file, src_dir_fd=parent)
    temp = _copy(repo, entry, parent, name)
    _flush([(entry, parent, name, temp)])
    link.rename_new(temp, name, parent, parent)
    os.unlink(file)


def rescue(repo: Repo, entry: Entry, lying: str) -> bool:
    """Whether the store holds the object; what a killed process had half moved to the entry's path comes back first.

    And the store gets a copy of the model at the path `lying`, where the same bytes are said to be ("": nowhere).
    """
    if objects.has(repo.models, entry.sha256) or _half_moved(repo, entry):
        return True
    return bool(lying) and _copied(repo, entry, lying)


def _copied(repo: Repo, entry: Entry, lying: str) -> bool:
    try:
        st = link.regular(repo.top, lying)
        if st is None or st.st_size != entry.size:
            return False
        file = link.open_file(repo.top, lying)
        try:
            draft = objects.draft_file(repo.models, file)
        finally:
            os.close(file)
    except (ModelsError, OSError):
        return False
    if draft.digests.sha256 != entry.sha256:
        objects.discard(draft)
        return False
    objects.seal(repo.models, [draft])
    return True


def _half_moved(repo: Repo, entry: Entry) -> bool:
    try:
        parent, name = link.open_parent(repo.top, entry.path)
    except (ModelsError, OSError):
        return False
    temp = link.unfinished(name)
    try:
        file = os.open(temp, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        try:
            st = os.fstat(file)
            ours = stat.S_ISREG(st.st_mode) and st.st_size == entry.size and st.st_nlink == 1
            if not ours or link.hashed(file).sha256 != entry.sha256:
                return False
            objects.take(repo.models, temp, entry.sha256, st, parent)
            return True
        finally:
            os.close(file)
    except OSError:
        return False
    finally:
        os.close(parent)


def _flush(ready: Sequence[tuple[Entry, int, str, str]]) -> None:
    opened: list[int] = []
    try:
        for _, parent, _, temp in ready:
            if temp:
                opened.append(os.open(temp, os.O_RDONLY | os.O_CLOEXEC, dir_fd=parent))
        link.flush(opened)
    finally:
        for file in opened:
            os.close(file)


def _land(repo: Repo, sight: Sight, entry: Entry, parent: int, name: str, temp: str) -> None:
    """Give the new file its name. What is in the way is put away first; its mode stays."""
    mode = None
    found = sight.digests(entry.path)
    if found is not None:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode & 0o777
        put_away(repo, entry.path, sight)
    if temp:
        link.rename_new(temp, name, parent, parent)
    else:
        _move(repo, entry, parent, name)
    if mode is not None:
        os.chmod(name, mode, dir_fd=parent)
