"""A folder (a disk, a network mount) as a store: one plain file an asset, nothing else."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from builtins import open as open_  # `open` is this module's own
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote, unquote

from git_models import link
from git_models.errors import ModelsError, NotThere, RemoteError, StartOver, Transient, UsageError, word
from git_models.hashing import BLOCK
from git_models.remotes.base import Advance, Held, Options, Upload

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)  # no leading dot: those are unfinished

_AT_ONCE = 2  # of 1,000 files of 10 KiB: 0.55 s with one thread or two, 0.64 s with four


def normalise(url: str) -> str:
    """`file:///abs/path`; raises UsageError for a host, a relative path or a control character."""
    return "file://" + quote(_path(url))


def open(url: str, name: str, options: Options) -> Folder:
    """The folder that a `file:` URL names; it need not exist yet."""
    return Folder(_path(url), name)


def _path(url: str) -> str:
    rest = url.partition("://")[2]
    path = unquote(rest.removeprefix("localhost"), errors="surrogateescape")
    if not path.startswith("/") or any(ord(c) < 32 or ord(c) == 127 for c in path):
        raise UsageError(f"{url!r} is not of the form file:///folder")
    return os.path.normpath(path)


class Folder:
    """The Remote protocol over a folder that several machines may write at once."""

    writable = True
    limit: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    several = False

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.url = "file://" + quote(path)
        self._hashed: dict[tuple[int, int, int], str] = {}  # what this process wrote or read

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; nobody vouches for what lies in a folder, so the bytes are hashed (once)."""
        found = {}
        with self._words():
            for asset in assets if self._there() else ():
                try:
                    with open_(self._file(asset), "rb") as file:
                        st = os.fstat(file.fileno())
                        if (key := _identity(st)) not in self._hashed:
                            self._hashed[key] = _sha256(file)
                except FileNotFoundError:
                    continue
                found[asset] = Held(asset, st.st_size, self._hashed[key])
        return found

    def link(self, asset: str) -> str:
        """See Linking."""
        return f"{self.url}/{quote(asset)}" if os.path.isfile(self._file(asset)) else ""

    def list(self) -> Iterator[Held]:
        """See Remote; files that are no asset (a README, an unfinished copy) are passed over."""
        with self._words():
            if self._there():
                with os.scandir(self.path) as entries:
                    for entry in entries:
                        if _NAME.fullmatch(entry.name) and entry.is_file():
                            st = entry.stat()
                            yield Held(entry.name, st.st_size, at=max(st.st_mtime, st.st_ctime))

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; the asset appears under its name complete, its bytes on disk, or not at all."""
        final = self._file(upload.asset)
        with self._words():
            self._make()
            if os.path.lexists(final):
                return  # the queue looks at what is there
            temp = os.path.join(self.path, f".{upload.asset}.{secrets.token_hex(6)}.tmp")
            try:
                digest = _copy(upload, temp, advance)
                if _publish(temp, final) and digest:
                    self._hashed[_identity(os.stat(final))] = digest
            finally:
                if os.path.lexists(temp):
                    os.unlink(temp)

    def finish(self) -> None:
        """See Remote; a folder shows everything at once, and after this its names are on disk, too."""
        if os.path.isdir(self.path):
            _sync_folder(self.path)

    def at_once(self) -> int:
        """See Near; a network mount, which has no device here, may take its time for each file."""
        try:
            return _AT_ONCE if os.major(os.stat(self.path).st_dev) else 0
        except OSError:
            return 0

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Reading:
        """See Remote; the tag is made of inode, size and time."""
        with self._words():
            if not self._there():
                raise NotThere(f"{self.path} does not exist: nothing was pushed to {self.name} yet")
            try:
                fd = os.open(self._file(asset), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise NotThere(f"{asset} is not in {self.path}") from None
        body = Reading(self, fd, start, stop)
        if start > (body.total or 0) or tag not in (None, body.tag):
            os.close(fd)
            raise StartOver(f"{asset} in {self.path} is not the file that was begun")
        return body

    def delete(self, asset: str) -> None:
        """See Remote."""
        with self._words():
            if self._there() and os.path.lexists(self._file(asset)):
                os.unlink(self._file(asset))

    def _file(self, asset: str) -> str:
        if not _NAME.fullmatch(asset):
            raise RemoteError(f"{asset!r} cannot be a file name in {self.path}")
        return os.path.join(self.path, asset)

    def _there(self) -> bool:
        """Whether the folder exists. Raises RemoteError when its parent is missing too."""
        if os.path.isdir(self.path):
            return True
        parent = os.path.dirname(self.path)
        if not os.path.isdir(parent):
            raise RemoteError(
                f"{self.path} is not there (nor is {parent}): is the disk or network folder mounted?",
                fix=f"mount it, or: git models remote remove {self.name}",
            )
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise RemoteError(f"{self.path} is not a folder")
        return os.path.isdir(self.path)  # another writer may just have made it

    def _make(self) -> None:
        # Only the last component: below a missing mount point a whole path would fill the wrong disk.
        if not self._there():
            try:
                os.mkdir(self.path)
            except FileExistsError:
                pass

    @contextmanager
    def _words(self) -> Iterator[None]:
        """OSError in words."""
        try:
            yield
        except OSError as error:
            raise self.failure(error) from error

    def failure(self, error: OSError) -> ModelsError:
        """What an OSError in this folder means to the user."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return RemoteError(f"{self.path} is full", fix="free space there, then: git models push")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return RemoteError(f"{self.path}: no permission ({error.strerror})", fix=f"ls -ld {word(self.path)}")
        if error.errno in (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT):
            return Transient(f"{self.path}: {error.strerror}")
        return RemoteError(f"{self.path}: {error.strerror or error}")


class Reading:
    """The Body of one file in a folder."""

    def __init__(self, folder: Folder, fd: int, start: int, stop: int | None) -> None:
        st = os.fstat(fd)
        self._folder, self._fd, self._stop = folder, fd, stop
        self.start = start
        self.total: int | None = st.st_size
        self.tag: str | None = '"{:x}-{:x}-{:x}"'.format(*_identity(st))

    def __iter__(self) -> Iterator[bytes]:
        at = self.start
        while self._stop is None or at < self._stop:
            want = BLOCK if self._stop is None else min(BLOCK, self._stop - at)
            try:
                data = os.pread(self._fd, want, at)
            except OSError as error:
                raise self._folder.failure(error) from error
            if not data:
                return
            link.let_go(self._fd, at, at + len(data))
            at += len(data)
            yield data

    def __enter__(self) -> Reading:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)


def _identity(st: os.stat_result) -> tuple[int, int, int]:
    return st.st_ino, st.st_size, st.st_mtime_ns


def _sha256(file: BinaryIO) -> str:
    hasher = hashlib.sha256()
    while data := file.read(BLOCK):
        hasher.update(data)
    return hasher.hexdigest()


def _copy(upload: Upload, temp: str, advance: Advance) -> str:
    """Copy the range to a new file and wait until it is on disk; the SHA-256 of what was copied.

    Nothing is read where a link does, or where the file system shares blocks ("" then: not hashed here).
    """
    if _linked(upload, temp):
        advance(upload.size)
        return upload.sha256
    with open_(upload.file, "rb") as source, open_(temp, "xb") as target:
        whole = upload.offset == 0 and upload.size == os.fstat(source.fileno()).st_size
        digest = ""
        if whole and link.clone(source.fileno(), target.fileno()):
            advance(upload.size)
        else:
            digest = _copy_range(source, target, upload, advance)
        target.flush()
        os.fsync(target.fileno())
        return digest


def _linked(upload: Upload, temp: str) -> bool:
    """Whether `temp` now is the very file: a second name for verified bytes that stay as they are.

    Not where others write to the folder, too: the file keeps its owner and mode. Whoever moves such a
    file to where it may be written to looks at the number of its names.
    """
    here = os.stat(os.path.dirname(temp))
    whole = upload.offset == 0 and upload.size == os.stat(upload.file).st_size
    if not (upload.lasting and whole) or here.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISGID):
        return False
    try:
        os.link(upload.file, temp, follow_symlinks=False)
    except OSError:
        return False  # another file system, or one without links
    return True


def _copy_range(source: BinaryIO, target: BinaryIO, upload: Upload, advance: Advance) -> str:
    source.seek(upload.offset)
    rest, hasher = upload.size, hashlib.sha256()
    while rest and (data := source.read(min(BLOCK, rest))):
        target.write(data)
        hasher.update(data)
        done = upload.size - rest
        link.let_go(target.fileno(), done, done + len(data))
        rest -= len(data)
        advance(len(data))
    if rest:
        raise RemoteError(f"{upload.file} is shorter than {upload.offset + upload.size} bytes")
    if hasher.hexdigest() != upload.sha256:
        raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")
    return upload.sha256


def _publish(temp: str, final: str) -> bool:
    """Give the finished file its name; False when another writer was first."""
    try:
        os.link(temp, final)
    except FileExistsError:
        return False
    except OSError as error:
        # Some network and FAT file systems have no links. Names carry the hash: the one who comes
        # second in this small window brings the same bytes.
        if error.errno not in link.NO_LINKS:
            raise
        if os.path.lexists(final):
            return False
        os.rename(temp, final)
    return True


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError:
        pass  # some network file systems refuse it for folders
    finally:
        os.close(fd)
