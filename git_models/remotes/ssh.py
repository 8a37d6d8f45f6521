"""A folder on a machine that ssh reaches: the user's own configuration and keys, nothing to install there."""

from __future__ import annotations

import hashlib
import re
import shlex
import stat as modes
import threading
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote

from git_models import urls
from git_models.errors import ModelsError, NotThere, RemoteError, StartOver, Transient, UsageError
from git_models.remotes import sftp
from git_models.remotes.base import BLOCK, Advance, Held, Options, Upload, blocks
from git_models.remotes.sftp import Session, Status, Target
from git_models.remotes.unfinished import is_unfinished, name_for

_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_DIGEST = re.compile(r"\\?([0-9a-f]{64}) [ *]")


def normalise(url: str) -> str:
    """`ssh://[user@]host[:port]/folder`, `/~/folder` below the home there. Raises UsageError."""
    parts, path = _parse(url)
    user = f"{parts.user}@" if parts.user else ""
    port = f":{parts.port}" if parts.port else ""
    return f"ssh://{user}{parts.host}{port}{quote(path, safe='/~')}"


def open(url: str, name: str, options: Options) -> Ssh:
    """The folder that a URL names; it need not exist yet."""
    parts, path = _parse(url)
    return Ssh(Target(parts.host, parts.user, parts.port, options.patience), path, normalise(url), name, options)


def _parse(url: str) -> tuple[urls.Url, str]:
    try:
        parts = urls.split(url)
    except ModelsError as error:
        raise UsageError(error.what) from error
    path = unquote(parts.path, errors="surrogateescape").rstrip("/")
    bad = any(ord(c) < 32 or ord(c) == 127 for c in path) or ".." in path.split("/") or "//" in path
    if parts.query or bad or path in ("", "/~"):
        raise UsageError(f"{urls.redact(url)!r} is not of the form ssh://host/folder or ssh://host/~/folder")
    return parts, path


class Ssh:
    """The Remote protocol over SFTP, with `sha256sum` on the far side where there is one."""

    writable = True
    limit: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    several = True

    def __init__(self, target: Target, path: str, url: str, name: str, options: Options) -> None:
        self.name = name
        self.url = url
        self._target = target
        self._path = path.removeprefix("/~/") if path.startswith("/~/") else path
        self._options = options
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._hashed: dict[str, str] = {}  # what this process put there and saw hashed
        self._hashes: bool | None = None  # whether the far side can
        self._ready = False
        weakref.finalize(self, _close_all, self._idle)

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; the far side hashes what is put, not what is asked for."""
        names = list(assets)
        with self._session() as session:
            found = session.stat_all([self._file(name) for name in names])
        return {n: Held(n, s.size, self._hashed.get(n)) for n, s in zip(names, found, strict=True) if s}

    def list(self) -> Iterator[Held]:
        """See Remote; files that are no asset are passed over."""
        with self._session() as session:
            found = list(session.list(self._path)) if session.stat(self._path) else []
        for name, stat in found:
            if _ASSET.fullmatch(name) and not is_unfinished(name) and (not stat.mode or modes.S_ISREG(stat.mode)):
                yield Held(name, stat.size, at=float(stat.mtime) if stat.mtime else None)

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; a file that a kill left half sent is continued, if the far side can say what it has then."""
        final = self._file(upload.asset)
        with name_for(self._options, self.url, upload.asset) as name, self._session() as session:
            if session.stat(final):
                return  # the queue looks at what is there
            self._make(session)
            temp = f"{self._path}/{name}"
            left = session.stat(temp)
            resume = left.size if left and left.size <= upload.size and self._can_hash() else 0
            try:
                self._write(session, temp, upload, resume, advance)
                self._check(session, temp, upload)
            except Status as failed:
                session.settle()
                told = self._told(failed, session)
                _forget(session, temp)
                raise told from failed
            except RemoteError as error:
                if not isinstance(error, Transient):
                    _forget(session, temp)
                raise
            try:
                session.rename(temp, final)
            except Status as failed:
                _forget(session, temp)
                if not session.stat(final):
                    raise self._told(failed, session) from failed
                return  # another writer was first
            if self._hashes:
                self._hashed[upload.asset] = upload.sha256

    def _write(self, session: Session, temp: str, upload: Upload, resume: int, advance: Advance) -> None:
        """Send the range from byte `resume` on. Raises RemoteError when it is not what was promised."""
        whole = hashlib.sha256()

        def noted(source: Iterator[bytes]) -> Iterator[bytes]:
            for block in source:
                whole.update(block)
                yield block

        handle = session.open(temp, sftp.CREATE_OR_CONTINUE if resume else sftp.CREATE)
        for _ in noted(blocks(upload, 0, resume)):
            pass
        advance(resume)
        session.write(handle, resume, noted(blocks(upload, resume, upload.size)), advance)
        session.sync(handle)
        session.close_file(handle)
        if whole.hexdigest() != upload.sha256:
            raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")

    def _check(self, session: Session, temp: str, upload: Upload) -> None:
        """Raises Transient, once it is gone, for what arrived damaged."""
        there = session.stat(temp)
        digest = self._far_hash(temp) if self._can_hash() else upload.sha256
        if not there or there.size != upload.size or digest != upload.sha256:
            _forget(session, temp)
            raise Transient(f"{upload.asset} arrived damaged at {self._target.host}")

    def finish(self) -> None:
        """See Remote; a folder shows everything at once."""

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Reading:
        """See Source; the tag is made of size and time."""
        session = self._take()
        try:
            handle = session.open(self._file(asset), sftp.READ)
            body = Reading(self, session, handle, session.fstat(handle), start, stop)
        except Status as failed:
            told = self._told(failed, session)
            self.give_back(session)
            if failed.code == sftp.NO_SUCH_FILE:
                told = NotThere(f"{asset} is not in {self.url}", "whoever recorded it: git models push")
            raise told from failed
        except BaseException:
            session.close()
            raise
        if start > (body.total or 0) or tag not in (None, body.tag):
            with body:
                raise StartOver(f"{asset} in {self.url} is not the file that was begun")
        return body

    def delete(self, asset: str) -> None:
        """See Remote."""
        with self._session() as session:
            try:
                session.remove(self._file(asset))
            except Status as failed:
                if failed.code != sftp.NO_SUCH_FILE:
                    raise

    def _file(self, asset: str) -> str:
        if not _ASSET.fullmatch(asset):
            raise RemoteError(f"{asset!r} cannot be a file name in {self.url}")
        return f"{self._path}/{asset}"

    def _make(self, session: Session) -> None:
        # Only the last folder: below a missing mount point a whole path would fill the wrong disk.
        if self._ready:
            return
        if not session.stat(self._path):
            above = self._path.rpartition("/")[0]
            if above and not session.stat(above):
                raise RemoteError(
                    f"{self._path} is not there on {self._target.host} (nor is {above}): is its disk mounted?",
                    f"ssh {self._target.name} mkdir -p {shlex.quote(above)}",
                )
            try:
                session.make_folder(self._path)
            except Status:
                if not session.stat(self._path):  # another writer may just have made it
                    raise
        self._ready = True

    def _can_hash(self) -> bool:
        with self._lock:
            if self._hashes is None:
                self._hashes = self._far_hash("/dev/null") == hashlib.sha256().hexdigest()
            return self._hashes

    def _far_hash(self, path: str) -> str:
        """The SHA-256 of a far file; "" where the far side has no shell or no program for it."""
        word = shlex.quote(path)
        _, said = sftp.far(self._target, f"sha256sum -- {word} 2>/dev/null || shasum -a 256 -- {word}")
        found = _DIGEST.match(said)
        return found[1] if found else ""

    def _take(self) -> Session:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Session(self._target)

    def give_back(self, session: Session) -> None:
        """Keep a connection that has no answer outstanding."""
        with self._lock:
            self._idle.append(session)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A connection; one that failed is not used again."""
        session = self._take()
        try:
            yield session
        except Status as failed:
            told = self._told(failed, session)
            self.give_back(session)
            raise told from failed
        except BaseException:
            session.close()
            raise
        self.give_back(session)

    def _told(self, failed: Status, session: Session) -> ModelsError:
        host = self._target.host
        if failed.code == sftp.PERMISSION_DENIED:
            return RemoteError(
                f"{self._path} on {host}: no permission", f"ssh {self._target.name} ls -ld {shlex.quote(self._path)}"
            )
        if failed.code == sftp.NO_SUCH_FILE:
            return RemoteError(f"{self._path} on {host} is not there")
        if session.full(self._path):
            return RemoteError(f"the disk of {self._path} on {host} is full", "free space there, then: git models push")
        return RemoteError(f"{self._path} on {host}: {urls.redact(str(failed)) or 'the server refuses'}")


class Reading:
    """The Body of one file."""

    def __init__(
        self, place: Ssh, session: Session, handle: bytes, stat: sftp.Stat, start: int, stop: int | None
    ) -> None:
        self._place, self._session, self._handle = place, session, handle
        self.start = start
        self.total: int | None = stat.size
        self.tag: str | None = f'"{stat.size:x}-{stat.mtime:x}"'
        self._blocks = session.read(handle, start, stat.size if stop is None else min(stop, stat.size))

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from _gathered(self._blocks)
        except Status as failed:
            raise Transient(f"{self._place.name}: reading failed ({failed})") from failed

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._session.settle()
            self._session.close_file(self._handle)
        except (ModelsError, Status, OSError):
            self._session.close()
        else:
            self._place.give_back(self._session)


def _gathered(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Larger blocks: hashing threads want them."""
    held: list[bytes] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= BLOCK // 2:
            yield b"".join(held)
            held = []
    if held:
        yield b"".join(held)


def _close_all(sessions: list[Session]) -> None:
    while sessions:
        sessions.pop().close()


def _forget(session: Session, path: str) -> None:
    try:
        session.remove(path)
    except Status:
        pass
