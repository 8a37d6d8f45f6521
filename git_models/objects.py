"""The store: a folder of objects, each a plain file named by its SHA-256.

Layout below `<common git dir>/models/`: `objects/ab/cdef…`, `tmp/` (drafts, on the same file system),
`incomplete/` (downloads that can be resumed), `lost/` (objects that failed their hash), `verified`
(which object had which stat when it was last hashed) and `held/` (what a remote was seen to hold).

Nothing is ever written into an object: it arrives by rename, whole, and leaves by rename or unlink.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from git_models import linelog, link, statcache
from git_models.errors import ModelsError
from git_models.hashing import BLOCK, Digests, Hasher

TOGETHER = 100  # files that are handled at once: macOS allows a process 256 open ones, Linux 1,024


# What is appended begins with this: a process may have been killed in the middle of its line.
_AFTER_A_KILL = "\n"


class Draft(NamedTuple):
    """Bytes that lie in `tmp/`, hashed and not yet an object."""

    file: str
    digests: Digests


def path(models: str, oid: str) -> str:
    """Where the object lies, or would."""
    return os.path.join(models, "objects", oid[:2], oid[2:])


def has(models: str, oid: str) -> bool:
    """Whether the store holds the object."""
    return os.path.exists(path(models, oid))


def oids(models: str) -> Iterator[str]:
    """All objects of the store."""
    root = os.path.join(models, "objects")
    for folder in sorted(os.listdir(root)) if os.path.isdir(root) else ():
        for name in sorted(os.listdir(os.path.join(root, folder))):
            yield folder + name


def temp(models: str) -> str:
    """A fresh name in `tmp/`, which exists afterwards."""
    return os.path.join(
        _drafts(os.path.join(models, "tmp")), f"{os.getpid()}-{threading.get_native_id()}-{time.monotonic_ns()}"
    )


@cache
def _drafts(folder: str) -> str:
    """Make the folder, and remove what dead processes left in it."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        pid = name.partition("-")[0]
        if pid.isdecimal() and int(pid) != os.getpid() and not os.path.exists(f"/proc/{pid}"):
            link.remove_old(os.path.join(folder, name))
    return folder


def draft_file(models: str, source: int, advance: Callable[[int], None] = lambda _: None) -> Draft:
    """Copy an open file into `tmp/`, hashing on the way. The caller seals or discards it."""
    file = temp(models)
    target = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        digests = link.hashed(source, target, advance)
    except BaseException:
        os.unlink(file)
        raise
    finally:
        os.close(target)
    return Draft(file, digests)


def draft_bytes(models: str, chunks: Iterable[bytes]) -> Draft:
    """Write bytes that come in pieces into `tmp/`, hashing on the way."""
    file, hasher, done = temp(models), Hasher(), 0
    try:
        with open(file, "xb", buffering=0) as target:
            for chunk in chunks:
                hasher.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[target.write(view) :]
                link.let_go(target.fileno(), done, done + len(chunk))
                done += len(chunk)
    except BaseException:
        hasher.close()
        os.unlink(file)
        raise
    return Draft(file, hasher.digests())


def discard(draft: Draft) -> None:
    """Forget a draft that was not sealed."""
    try:
        os.unlink(draft.file)
    except FileNotFoundError:
        pass


def seal(models: str, drafts: Sequence[Draft]) -> None:
    """Make objects of drafts: first all bytes reach the disk, then each gets its name."""
    take_all(models, [(d.file, d.digests.sha256) for d in drafts])


def flush(files: Sequence[str]) -> None:
    """Bring the bytes of `files` to the disk."""
    for at in range(0, len(files), TOGETHER):
        opened: list[int] = []
        try:
            for file in files[at : at + TOGETHER]:
                opened.append(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
            link.flush(opened)
        finally:
            for fd in opened:
                os.close(fd)


def replace(target: str, temp: str, data: bytes) -> None:
    """Make these the bytes of a file that is the user's as well, in one step; its mode stays.

    `temp` is its name until it is on the disk; what a killed process left there goes.
    """
    try:
        if os.path.lexists(temp):
            os.unlink(temp)
        with open(temp, "xb") as file:
            file.write(data)
        try:
            os.chmod(temp, os.stat(target).st_mode & 0o777)
        except FileNotFoundError:
            pass
        flush([temp])
        os.replace(temp, target)
    except BaseException:
        if os.path.exists(temp):
            os.unlink(temp)
        raise


def take(models: str, file: str, oid: str, was: os.stat_result, parent: int) -> None:
    """Rename a verified, flushed file of the same file system into the store.

    `was` is the stat that the verification rests on, `parent` the open folder of `file`. If the file was
    written to since, the object is not noted as verified: its next use hashes it, and finds out.
    """
    st = _renamed(models, file, oid, parent)
    if (was.st_size, was.st_mtime_ns, was.st_ino) == (st.st_size, st.st_mtime_ns, st.st_ino):
        _verified(models, [statcache.record(oid, "", st, time.time_ns())])


def take_all(models: str, files: Sequence[tuple[str, str]]) -> None:
    """Make objects of (file, SHA-256 of its bytes), files in the store's folders that nobody else writes to.

    First all bytes reach the disk, then each file gets its name.
    """
    for file, _ in files:
        statcache.settle(file)
    flush([file for file, _ in files])
    _verified(models, [statcache.record(oid, "", _renamed(models, file, oid), time.time_ns()) for file, oid in files])


def _renamed(models: str, file: str, oid: str, parent: int | None = None) -> os.stat_result:
    target = path(models, oid)
    try:
        os.rename(file, target, src_dir_fd=parent)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(file, target, src_dir_fd=parent)
    return os.stat(target)


def _log(models: str) -> str:
    return os.path.join(models, "verified")


def _verified(models: str, records: Iterable[statcache.Record]) -> None:
    linelog.append(_log(models), [(r[0], *r[2:]) for r in records], keep=lambda oid: has(models, oid))


def _trusted(oid: str, known: Mapping[str, Sequence[str]], st: os.stat_result) -> bool:
    fields = known.get(oid, ())
    if len(fields) != 5 or not all(f.isdecimal() for f in fields):
        return False
    size, mtime, ctime, inode, at = map(int, fields)
    return statcache.trusted((oid, "", size, mtime, ctime, inode, at), st)


def checked(models: str, wanted: Sequence[str], full: bool = False) -> tuple[list[str], list[str]]:
    """Of the objects that are here: (good, bad), hashing those whose stat is not known.

    A bad one is moved to `lost/`: its name promises bytes that it does not hold, and they may still
    be worth something to somebody.
    """
    known = {} if full else linelog.read(_log(models))
    good, bad, fresh = [], [], []
    for oid in wanted:
        name, at = path(models, oid), time.time_ns()
        try:
            if _trusted(oid, known, os.stat(name)):
                good.append(oid)
                continue
            file = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            st = os.fstat(file)
            if link.hashed(file).sha256 != oid:
                lose(models, oid)
                bad.append(oid)
                continue
            fresh.append(statcache.record(oid, "", st, at))
        finally:
            os.close(file)
        good.append(oid)
    if fresh:
        _verified(models, fresh)
    return good, bad


def lose(models: str, oid: str) -> str:
    """Move an object that failed its hash to `lost/`; returns where it lies now."""
    folder = os.path.join(models, "lost")
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, f"{oid}.{time.time_ns()}")
    os.rename(path(models, oid), target)
    return target


def _held_file(models: str, url: str) -> str:
    return os.path.join(models, "held", hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:16])


def held(models: str, url: str) -> set[str]:
    """The objects that the remote at `url` was seen to hold, size and hash verified."""
    try:
        with open(_held_file(models, url), encoding="ascii") as file:
            return {line.rstrip("\n") for line in file if len(line) == 65}
    except FileNotFoundError:
        return set()


def held_anywhere(models: str) -> set[str]:
    """The objects that some remote was seen to hold."""
    found: set[str] = set()
    folder = os.path.join(models, "held")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with open(os.path.join(folder, name), encoding="ascii") as file:
            found |= {line.rstrip("\n") for line in file if len(line) == 65}
    return found


def note_held(models: str, url: str, seen: Iterable[str]) -> None:
    """Remember that the remote holds these objects."""
    new = set(seen) - held(models, url)
    if new:
        file = _held_file(models, url)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "a", encoding="ascii") as stream:
            stream.write(_AFTER_A_KILL + "".join(f"{oid}\n" for oid in sorted(new)))


def forget_held(models: str, url: str, gone: Iterable[str]) -> None:
    """The remote turned out not to hold these. What another process notes meanwhile is asked for once more."""
    known, lost = held(models, url), set(gone)
    if known & lost:
        draft = temp(models)
        with open(draft, "w", encoding="ascii") as stream:
            stream.write("".join(f"{oid}\n" for oid in sorted(known - lost)))
        os.replace(draft, _held_file(models, url))


def blocks(file: int) -> Iterator[bytes]:
    """The bytes of an open file from where it stands."""
    while data := os.read(file, BLOCK):
        yield data


def need_space(folder: str, count: int, what: str) -> None:
    """Raise ModelsError when `count` more bytes do not fit into the file system of `folder`."""
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    if count > free:
        from git_models.output import size

        raise ModelsError(
            f"no room on the disk for {what}: {size(count)} needed, {size(free)} free in {folder}",
            "free some space, then the same command again",
        )
