"""A download on disk: the bytes so far, hashed as they come, kept for the next try."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from git_models import jsons, link
from git_models.errors import ModelsError, NotAModel
from git_models.hashing import BLOCK, Digests, Hasher

OLD = 14 * 24 * 3600
"""Seconds after which an unfinished download is given up."""

SMALL = 64 << 10
"""A file of at most so many bytes is begun again rather than continued: keeping account would cost more."""


class Cut(NamedTuple):
    """A stretch of the file with a digest of its own."""

    stop: int  # offset of the first byte behind it
    sha256: str
    asset: str


@contextmanager
def disk(what: str) -> Iterator[None]:
    """OSError in words; `what` is the file that they are about."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelsError(
                f"the disk is full ({what})", fix="free some space, then the same command again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ModelsError(f"no permission to write {what} ({error.strerror})") from error
        raise ModelsError(f"{what}: {error.strerror or error}") from error


class PartFile:
    """An exclusive, growing file in `folder`; everything up to `solid` is there and hashed.

    Another process that fetches the same object keeps the shared name, and this one gets a private
    name: a duplicate download is harmless, two writers in one file are not.
    """

    def __init__(self, folder: str, key: str, cuts: Sequence[Cut] = (), resumable: bool = True) -> None:
        self._cuts = cuts
        self._resumable = resumable
        self._lock = threading.Lock()
        self._note = os.path.join(folder, f"{key}.from")
        self.path = os.path.join(folder, f"{key}.part")
        with disk(folder):
            self.fd = _claim(self.path) if resumable else -1
            if self.fd < 0:
                self.path = os.path.join(folder, f"{key}.{os.getpid()}-{time.monotonic_ns()}.part")
                self._note = f"{self.path}.from"
                self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._noted = self._read_note() if resumable else {}
        self._reset()

    def _reset(self) -> None:
        self.solid = 0
        self._hasher = Hasher()
        self._cut = 0
        self._cut_hasher = hashlib.sha256()

    def resume(self, size: int) -> None:
        """Hash what an earlier try left, at most `size` bytes (-1: all of it), and go on behind it."""
        with disk(self.path):
            there = os.fstat(self.fd).st_size
            known = self._noted.get("solid")
            if isinstance(known, int):  # written by several ranges: there can be holes behind
                there = min(there, known)
            if size >= 0 and there > size:
                there = 0
            if there != os.fstat(self.fd).st_size:
                os.truncate(self.fd, there)
        try:
            self.follow(there)
        except NotAModel:
            self.rewind()

    def write(self, data: bytes) -> None:
        """The next bytes. Raises ModelsError (disk), NotAModel at the end of a bad part."""
        with disk(self.path):
            self.put(data, self.solid)
        self._feed(data)

    def put(self, data: bytes, at: int) -> None:
        """Bytes further on, to be hashed by `follow` later. Raises OSError."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self.fd, view, at)
            link.let_go(self.fd, at, at + done, soon=True)
            view, at = view[done:], at + done

    def follow(self, stop: int) -> None:
        """Hash what `put` wrote, up to `stop`."""
        while self.solid < stop:
            with disk(self.path):
                data = os.pread(self.fd, min(BLOCK, stop - self.solid), self.solid)
            if not data:
                raise ModelsError(f"{self.path} became shorter while it was read")
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._hasher.update(data)
        self.solid += len(data)
        if not self._cuts:
            return
        at = self.solid - len(data)
        view = memoryview(data)
        while view and self._cut < len(self._cuts):
            cut = self._cuts[self._cut]
            piece = view[: cut.stop - at]
            self._cut_hasher.update(piece)
            view, at = view[len(piece) :], at + len(piece)
            if at == cut.stop:
                if self._cut_hasher.hexdigest() != cut.sha256:
                    raise NotAModel(f"{cut.asset} does not have the SHA-256 that models.yaml says")
                self._cut += 1
                self._cut_hasher = hashlib.sha256()

    def rewind(self) -> None:
        """Throw everything away."""
        self._hasher.close()
        with disk(self.path):
            os.truncate(self.fd, 0)
        self._reset()

    def shorten(self) -> None:
        """Cut off what lies behind `solid`, holes and all."""
        with disk(self.path):
            os.truncate(self.fd, self.solid)

    def head(self) -> bytes:
        """The first bytes, to see what arrived instead of a model."""
        with disk(self.path):
            return os.pread(self.fd, 1024, 0)

    def digests(self) -> Digests:
        """Of all bytes; nothing can be written afterwards except after `rewind`."""
        return self._hasher.digests()

    def tag_of(self, source: str) -> str | None:
        """The tag under which `source` served these bytes, None if they came from elsewhere."""
        tag = self._noted.get("tag")
        return tag if self._noted.get("source") == source and isinstance(tag, str) else None

    def note(self, source: str, tag: str | None, ranges: bool) -> None:
        """Remember for the next try where the bytes come from and how many of them are whole."""
        noted: dict[str, object] = {"source": source, "tag": tag} | ({"solid": self.solid} if ranges else {})
        with self._lock, disk(self._note):
            if noted != self._noted and self._resumable:
                temp = f"{self._note}.{os.getpid()}"
                with open(temp, "w", encoding="utf-8") as file:
                    json.dump(noted, file)
                os.replace(temp, self._note)
            self._noted = noted

    def _read_note(self) -> dict[str, object]:
        try:
            with open(self._note, encoding="utf-8") as file:
                noted = jsons.read(file.read(jsons.LARGEST + 1))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def close(self, landed: bool = False) -> None:
        """Let go of the file. What can be continued is kept; so is one that `landed`, to be moved away."""
        self._hasher.close()
        useless = not self._resumable or os.fstat(self.fd).st_size == 0
        noted = self._resumable and (useless or landed)
        for path in ([self.path] if useless and not landed else []) + ([self._note] if noted else []):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        os.close(self.fd)


def _claim(path: str) -> int:
    """The locked file, -1 when somebody else works on it or the file system knows no locks."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return -1
        try:
            # The one who held the lock may have finished and moved the file away.
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd
        except FileNotFoundError:
            pass
        os.close(fd)


def sweep(folder: str) -> None:
    """Remove downloads that nobody went on with for OLD seconds."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if ".part" in entry.name or entry.name.endswith(".from"):
                try:
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > OLD:
                        os.unlink(entry.path)
                except FileNotFoundError:
                    pass
