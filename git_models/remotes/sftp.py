"""SFTP over the system's ssh: one connection, many requests on their way at once. The only caller of ssh.

Version 3 of the protocol (draft-ietf-secsh-filexfer-02), which every server speaks, and OpenSSH's
extensions where a server offers them. ssh itself does keys, agent, known hosts and ~/.ssh/config.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from git_models import git
from git_models.errors import ModelsError, Offline, RemoteError, Transient
from git_models.urls import redact

UNDER_WAY = 4 << 20
"""Bytes asked for and not there yet; OpenSSH's own window for a connection is 2 MiB."""

QUESTIONS = 64
"""Small requests under way."""

PIECE = 32 << 10
"""Bytes of a request where the server does not say that it takes more (the draft's bound)."""

_INIT, _VERSION, _OPEN, _CLOSE, _READ, _WRITE, _FSTAT, _OPENDIR, _READDIR = 1, 2, 3, 4, 5, 6, 8, 11, 12
_REMOVE, _MKDIR, _STAT, _RENAME, _EXTENDED = 13, 14, 17, 18, 200
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED_REPLY = 101, 102, 103, 104, 105, 201
_LARGEST = 1 << 20  # bytes of an answer; what is larger is no SFTP

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE = range(5)

READ, CREATE_OR_CONTINUE, CREATE = 0x01, 0x02 | 0x08, 0x02 | 0x08 | 0x10
"""How a file is opened: to read; to write, kept; to write, emptied."""


class Stat(NamedTuple):
    """What a server tells of a file."""

    size: int  # bytes
    mode: int  # type and permissions, 0 if it does not say
    mtime: int  # seconds


class Status(Exception):
    """A request that the server did not grant."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Target(NamedTuple):
    """Whom ssh is asked to call."""

    host: str
    user: str  # "" leaves it to ssh
    port: int | None
    patience: float  # seconds to wait for a connection

    def command(self, *words: str) -> list[str]:
        """ssh, which asks nobody anything and forwards nothing."""
        options = ["BatchMode=yes", f"ConnectTimeout={max(1, round(self.patience))}", "ServerAliveInterval=15"]
        options += ["ServerAliveCountMax=2", "ClearAllForwardings=yes", "ForwardAgent=no", "PermitLocalCommand=no"]
        given = [word for option in options for word in ("-o", option)]
        given += ["-p", str(self.port)] if self.port else []
        return [git.program("ssh"), "-x", "-T", *given, *words]

    @property
    def name(self) -> str:
        """As ssh takes it."""
        return f"{self.user}@{self.host}" if self.user else self.host


def far(target: Target, command: str) -> tuple[int, str]:
    """The exit code and output of a command in the far shell. Raises Offline, Transient, RemoteError for ssh's own."""
    done = subprocess.run(
        target.command("--", target.name, command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=git.without_tokens(),
        check=False,
    )
    if done.returncode == 255:
        raise refused(target, done.stderr.decode("utf-8", "replace"))
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Session:
    """One connection; for one thread at a time."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 # a pipe that nobody reads can stop ssh
        self._process = subprocess.Popen(
            target.command("-s", "--", target.name, "sftp"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=git.without_tokens(),
        )
        assert self._process.stdin and self._process.stdout
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        self._next = 0
        self._waiting: set[int] = set()
        self._answers: dict[int, tuple[int, bytes]] = {}
        try:
            self._write(struct.pack(">IBI", 5, _INIT, 3))
            kind, body = self._packet()
            if kind != _VERSION:
                raise RemoteError(f"{target.host} does not speak SFTP")
            self.extensions = set(_strings(body[4:])[::2])
            self.piece = self._limits()
            self._pieces = UNDER_WAY // self.piece
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; never raises."""
        for stream in (self._to, self._from):
            try:
                stream.close()
            except OSError:
                pass
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    # Files

    def stat_all(self, paths: Sequence[str]) -> list[Stat | None]:
        """What lies under each path, links followed; None where nothing does. Raises Status."""
        found: list[Stat | None] = []
        for start in range(0, len(paths), QUESTIONS):
            for number in [self._ask(_STAT, _string(path)) for path in paths[start : start + QUESTIONS]]:
                kind, body = self._answer(number)
                if kind == _STATUS and _code(body) == NO_SUCH_FILE:
                    found.append(None)
                else:
                    found.append(_attributes(self._expect(_ATTRS, kind, body))[0])
        return found

    def stat(self, path: str) -> Stat | None:
        """What lies under a path, None where nothing does. Raises Status."""
        return self.stat_all([path])[0]

    def open(self, path: str, how: int) -> bytes:
        """A handle. Raises Status."""
        return _first(self._do(_HANDLE, _OPEN, _string(path) + struct.pack(">II", how, 0)))

    def fstat(self, handle: bytes) -> Stat:
        """What an open file is. Raises Status."""
        return _attributes(self._do(_ATTRS, _FSTAT, _string(handle)))[0]

    def close_file(self, handle: bytes) -> None:
        """Raises Status: the server may only now tell that a write failed."""
        self._do(_STATUS, _CLOSE, _string(handle))

    def sync(self, handle: bytes) -> None:
        """Have the bytes on the far disk, where the server can. Raises Status."""
        if b"fsync@openssh.com" in self.extensions:
            self._do(_STATUS, _EXTENDED, _string(b"fsync@openssh.com") + _string(handle))

    def read(self, handle: bytes, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of an open file, in order; whoever leaves early must `settle`. Raises Status."""
        under_way: deque[tuple[int, int, int]] = deque()
        at = start
        while at < stop or under_way:
            while at < stop and len(under_way) < self._pieces:
                length = min(self.piece, stop - at)
                under_way.append((self._ask(_READ, _read(handle, at, length)), at, length))
                at += length
            number, offset, length = under_way.popleft()
            kind, body = self._answer(number)
            while True:
                if kind == _STATUS and _code(body) == EOF:
                    return
                data = _first(self._expect(_DATA, kind, body))
                yield data
                offset, length = offset + len(data), length - len(data)
                if length <= 0:
                    break
                # A server may send less than it was asked for.
                kind, body = self._answer(self._ask(_READ, _read(handle, offset, length)))

    def write(self, handle: bytes, at: int, blocks: Iterable[bytes], advance: Callable[[int], None]) -> None:
        """Write blocks one behind the other; `advance` counts what the server acknowledged. Raises Status."""
        under_way: deque[tuple[int, int]] = deque()

        def settle() -> None:
            number, length = under_way.popleft()
            self._expect(_STATUS, *self._answer(number))
            advance(length)

        for block in blocks:
            for start in range(0, len(block), self.piece):
                piece = block[start : start + self.piece]
                under_way.append(
                    (self._ask(_WRITE, _string(handle) + struct.pack(">Q", at) + _string(piece)), len(piece))
                )
                at += len(piece)
                if len(under_way) >= self._pieces:
                    settle()
        while under_way:
            settle()

    def remove(self, path: str) -> None:
        """Raises Status."""
        self._do(_STATUS, _REMOVE, _string(path))

    def make_folder(self, path: str) -> None:
        """Raises Status."""
        self._do(_STATUS, _MKDIR, _string(path) + struct.pack(">I", 0))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name; the protocol lets it fail where that is taken. Raises Status."""
        self._do(_STATUS, _RENAME, _string(old) + _string(new))

    def list(self, path: str) -> Iterator[tuple[str, Stat]]:
        """Names and what they are. Raises Status."""
        handle = _first(self._do(_HANDLE, _OPENDIR, _string(path)))
        while True:
            kind, body = self._answer(self._ask(_READDIR, _string(handle)))
            if kind == _STATUS and _code(body) == EOF:
                break
            yield from _names(self._expect(_NAME, kind, body))
        self.close_file(handle)

    def full(self, path: str) -> bool:
        """Whether the far disk has no room; a write that failed for it has no error code of its own."""
        if b"statvfs@openssh.com" not in self.extensions:
            return False
        try:
            body = self._do(_EXTENDED_REPLY, _EXTENDED, _string(b"statvfs@openssh.com") + _string(path))
        except (Status, ModelsError):
            return False
        fragment, available = struct.unpack(">Q", body[8:16])[0], struct.unpack(">Q", body[32:40])[0]
        return bool(fragment * available < 1 << 20)

    def settle(self) -> None:
        """Take the answers that are still to come, so that the connection can be used again."""
        for number in sorted(self._waiting):
            self._answer(number)

    # Packets

    def _limits(self) -> int:
        if b"limits@openssh.com" not in self.extensions:
            return PIECE
        body = self._do(_EXTENDED_REPLY, _EXTENDED, _string(b"limits@openssh.com"))
        _, read, write, _ = struct.unpack(">QQQQ", body[:32])
        return max(PIECE, min(read or PIECE, write or PIECE, 255 << 10))

    def _ask(self, kind: int, body: bytes) -> int:
        number = self._next
        self._next += 1
        self._waiting.add(number)
        self._write(struct.pack(">IBI", len(body) + 5, kind, number) + body)
        return number

    def _answer(self, number: int) -> tuple[int, bytes]:
        while number not in self._answers:
            kind, body = self._packet()
            self._answers[struct.unpack(">I", body[:4])[0]] = kind, body[4:]
        self._waiting.discard(number)
        return self._answers.pop(number)

    def _do(self, expected: int, kind: int, body: bytes) -> bytes:
        return self._expect(expected, *self._answer(self._ask(kind, body)))

    def _expect(self, expected: int, kind: int, body: bytes) -> bytes:
        if kind == _STATUS and _code(body) != OK:
            raise Status(_code(body), _first(body[4:]).decode("utf-8", "replace"))
        if kind != expected:
            raise RemoteError(f"{self.target.host} answers SFTP requests with something else ({kind})")
        return body

    def _write(self, data: bytes) -> None:
        try:
            self._to.write(data)
            self._to.flush()
        except OSError:
            raise self._ended() from None

    def _packet(self) -> tuple[int, bytes]:
        head = self._exactly(5)
        length, kind = struct.unpack(">IB", head)
        if not 1 <= length <= _LARGEST:
            raise RemoteError(
                f"{self.target.host} sends {head[:4]!r} where SFTP begins: its shell prints something at log-in",
                f"ssh {self.target.name} true   # must print nothing",
            )
        return kind, self._exactly(length - 1)

    def _exactly(self, count: int) -> bytes:
        data = self._from.read(count)
        if len(data) < count:
            raise self._ended()
        return data

    def _ended(self) -> ModelsError:
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        self._errors.seek(0)
        return refused(self.target, self._errors.read(8192).decode("utf-8", "replace"))


def refused(target: Target, said: str) -> ModelsError:
    """What ssh's last words mean."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = redact(lines[-1]) if lines else "no reason given"
    by_hand = f"ssh {f'-p {target.port} ' if target.port else ''}{target.name}"
    if "Host key verification failed" in said or "host key is known" in said:
        return RemoteError(
            f"ssh does not know the host key of {target.host}, or it has changed",
            f"{by_hand}   # once by hand; compare the key before you say yes",
        )
    if "Permission denied" in said or "Too many authentication failures" in said:
        return RemoteError(f"{target.host} does not let you in: {last}", f"ssh-copy-id {target.name}   # or: ssh-add")
    if "subsystem request failed" in said:
        return RemoteError(f"{target.host} has no SFTP ({last})", "ask its owner for: Subsystem sftp internal-sftp")
    away = ("Could not resolve", "Connection refused", "timed out", "No route to host", "unreachable")
    if any(word in said for word in away):
        return Offline(f"{target.host} cannot be reached: {last}")
    return Transient(f"the ssh connection to {target.host} broke: {last}")


def _string(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return struct.pack(">I", len(data)) + data


def _read(handle: bytes, at: int, length: int) -> bytes:
    return _string(handle) + struct.pack(">QI", at, length)


def _first(body: bytes) -> bytes:
    """The string at the beginning; servers that leave out a message send nothing."""
    if len(body) < 4:
        return b""
    (length,) = struct.unpack(">I", body[:4])
    return body[4 : 4 + length]


def _strings(body: bytes) -> list[bytes]:
    found = []
    while len(body) >= 4:
        found.append(_first(body))
        body = body[4 + len(found[-1]) :]
    return found


def _code(body: bytes) -> int:
    return int(struct.unpack(">I", body[:4])[0])


def _attributes(body: bytes) -> tuple[Stat, int]:
    """A Stat, and the bytes that it took."""
    (flags,) = struct.unpack(">I", body[:4])
    at, size, mode, mtime = 4, 0, 0, 0
    if flags & 0x1:
        (size,) = struct.unpack(">Q", body[at : at + 8])
        at += 8
    at += 8 if flags & 0x2 else 0
    if flags & 0x4:
        (mode,) = struct.unpack(">I", body[at : at + 4])
        at += 4
    if flags & 0x8:
        (mtime,) = struct.unpack(">I", body[at + 4 : at + 8])
        at += 8
    if flags & 0x80000000:
        (count,) = struct.unpack(">I", body[at : at + 4])
        at += 4
        for _ in range(2 * count):
            at += 4 + len(_first(body[at:]))
    return Stat(size, mode, mtime), at


def _names(body: bytes) -> Iterator[tuple[str, Stat]]:
    (count,) = struct.unpack(">I", body[:4])
    at = 4
    for _ in range(count):
        name = _first(body[at:])
        at += 4 + len(name)
        at += 4 + len(_first(body[at:]))  # the same as `ls -l` shows it
        stat, length = _attributes(body[at:])
        at += length
        yield name.decode("utf-8", "surrogateescape"), stat
