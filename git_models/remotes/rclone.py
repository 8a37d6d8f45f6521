"""Whatever rclone reaches: one of the remotes that the user configured there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from builtins import open as open_  # `open` is this module's own
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from git_models import git, jsons
from git_models.errors import ModelsError, NotThere, Offline, RemoteError, StartOver, Transient, UsageError
from git_models.remotes.base import Advance, Held, Options, RateLimited, Source, Upload
from git_models.remotes.unfinished import is_unfinished, name_for
from git_models.urls import redact

BLOCK = 1 << 20

# A name from the user's configuration. With a colon in front or a comma behind it, rclone would take
# a whole configuration from the URL, programs to run among it.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)
_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_NO_FOLDER, _NO_FILE, _LATER = 3, 4, 5  # rclone's exit codes


class Place(NamedTuple):
    """A remote of rclone's configuration, and a path there."""

    name: str
    path: str

    @property
    def url(self) -> str:
        """The URL in its normal form."""
        return f"rclone://{self.name}/{quote(self.path, safe='/@+')}".rstrip("/")

    def at(self, asset: str = "") -> str:
        """As rclone writes it."""
        return f"{self.name}:{self.path}{'/' if asset and self.path else ''}{asset}"


class Can(NamedTuple):
    """What a remote can do."""

    move: bool  # give a file another name without sending it again
    hashes: tuple[str, ...]  # of sha256 and md5, the better one first


def normalise(url: str) -> str:
    """`rclone://NAME/path` (`//path` behind the name: an absolute one). Raises UsageError."""
    return _parse(url).url


def open(url: str, name: str, options: Options) -> Rclone:
    """The remote and path that a URL names."""
    return Rclone(_parse(url), name, options)


def _parse(url: str) -> Place:
    remote, _, path = url.partition("://")[2].partition("/")
    path = unquote(path, errors="surrogateescape").rstrip("/")
    bad = any(ord(c) < 32 or ord(c) == 127 for c in path) or ".." in path.split("/")
    if not _NAME.fullmatch(remote) or bad or "?" in url or "#" in url:
        raise UsageError(
            f"{redact(url)!r} is not of the form rclone://NAME/path with a NAME that `rclone listremotes` shows"
        )
    return Place(remote, path)


class Rclone:
    """The Remote protocol over the program."""

    writable = True
    limit: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    several = False

    def __init__(self, place: Place, name: str, options: Options) -> None:
        _program()  # says what is not installed
        self.name = name
        self.url = place.url
        self._place = place
        self._options = options
        self._features: dict[str, Any] | None = None
        self._hashed: dict[str, str] = {}  # what this process put there and saw hashed

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; one listing of the folder."""
        wanted = set(assets)
        return {h.asset: h._replace(sha256=self._hashed.get(h.asset)) for h in self.list() if h.asset in wanted}

    def list(self) -> Iterator[Held]:
        """See Remote; files that are no asset are passed over."""
        status, said = self._run(("lsjson",), ("--files-only", "--no-modtime", "--no-mimetype"), self._place.at())
        for item in [] if status == _NO_FOLDER else self._json(said):
            name = str(item.get("Name", ""))
            if _ASSET.fullmatch(name) and not is_unfinished(name):
                yield Held(name, int(item.get("Size", -1)))

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; under another name first, where the service can rename. Others show only what is whole."""
        self._checked(upload.asset)
        if self._stat(upload.asset):
            return  # the queue looks at what is there
        can = self._can()
        with name_for(self._options, self.url, upload.asset) as temp:
            name = temp if can.move else upload.asset
            try:
                self._send(name, upload, advance)
                self._check(name, upload, can)
            except RemoteError:
                self._forget(name)
                raise
            if can.move:
                self._run(("moveto",), ("--ignore-existing",), self._place.at(temp), self._place.at(upload.asset))
                self._forget(temp)  # still there if another writer was first
        if can.hashes:
            self._hashed[upload.asset] = upload.sha256

    def _send(self, name: str, upload: Upload, advance: Advance) -> None:
        """Raises RemoteError, also when the bytes are not as promised."""
        whole, rest = hashlib.sha256(), upload.size
        command = _command(self._options, ("rcat",), ("--size", str(upload.size)), self._place.at(name))
        with _started(command, stdin=subprocess.PIPE) as (process, errors), open_(upload.file, "rb") as file:
            assert process.stdin
            file.seek(upload.offset)
            try:
                while rest and (data := file.read(min(BLOCK, rest))):
                    process.stdin.write(data)
                    whole.update(data)
                    rest -= len(data)
                    advance(len(data))
                process.stdin.close()
            except BrokenPipeError:
                pass  # rclone's own words say why
            if process.wait() != 0:
                raise self._told(process.returncode, errors())
        if rest or whole.hexdigest() != upload.sha256:
            raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")

    def _check(self, name: str, upload: Upload, can: Can) -> None:
        """Raises Transient for what arrived damaged."""
        found = self._stat(name, can.hashes[:1])
        good = found is not None and found.get("Size") == upload.size
        if found and can.hashes:
            digest = found.get("Hashes", {}).get(can.hashes[0])
            good = good and digest == {"sha256": upload.sha256, "md5": upload.md5}[can.hashes[0]]
        if not good:
            raise Transient(f"{upload.asset} arrived damaged at {self._place.name}")

    def finish(self) -> None:
        """See Remote."""

    def take(self, source: Source, upload: Upload) -> bool:
        """See Taking; rclone lets the services copy where they can, and compares hashes where both tell them."""
        can = self._can()
        if not isinstance(source, Rclone) or not can.hashes:
            return False
        name = self._checked(upload.asset)
        if not self._stat(name):
            self._run(("copyto",), ("--ignore-existing",), source._place.at(name), self._place.at(name))
            self._check(name, upload, can)
            self._hashed[name] = upload.sha256
        return True

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Reading:
        """See Source; the tag is made of size and time."""
        found = self._stat(self._checked(asset))
        if not found:
            raise NotThere(f"{asset} is not in {self.url}", "whoever recorded it: git models push")
        size, now = int(found["Size"]), f'"{found["Size"]}-{found.get("ModTime", "")}"'
        if start > size or tag not in (None, now):
            raise StartOver(f"{asset} in {self.url} is not the file that was begun")
        count = (size if stop is None else min(stop, size)) - start
        flags = ("--offset", str(start), "--count", str(count))
        command = _command(self._options, ("cat",), flags, self._place.at(asset))
        return Reading(self, command, start, size, now, empty=count == 0)

    def delete(self, asset: str) -> None:
        """See Remote."""
        if self._stat(self._checked(asset)):
            self._run(("deletefile",), (), self._place.at(asset))

    def _checked(self, asset: str) -> str:
        if not _ASSET.fullmatch(asset):
            raise RemoteError(f"{asset!r} cannot be a file name in {self.url}")
        return asset

    def _can(self) -> Can:
        if self._features is None:
            self._features = self._json(self._run(("backend", "features"), (), f"{self._place.name}:")[1]) or {}
        features = self._features
        hashes = tuple(kind for kind in ("sha256", "md5") if kind in (features.get("Hashes") or ()))
        return Can(bool(features.get("Features", {}).get("Move")), hashes)

    def _stat(self, asset: str, hashes: tuple[str, ...] = ()) -> dict[str, Any] | None:
        wanted = ("--hash", "--hash-type", hashes[0]) if hashes else ()
        status, said = self._run(("lsjson",), ("--stat", "--no-mimetype", *wanted), self._place.at(asset))
        found = None if status in (_NO_FOLDER, _NO_FILE) else self._json(said)
        return found if isinstance(found, dict) and not found.get("IsDir") else None

    def _forget(self, name: str) -> None:
        with contextlib.suppress(ModelsError):
            if self._stat(name):
                self._run(("deletefile",), (), self._place.at(name))

    def _run(self, verb: Sequence[str], flags: Sequence[str], *paths: str) -> tuple[int, str]:
        """The exit code (0, or that something does not exist) and the output. Raises RemoteError."""
        with _started(_command(self._options, verb, flags, *paths), stdin=subprocess.DEVNULL) as (process, errors):
            assert process.stdout
            said = process.stdout.read().decode("utf-8", "replace")
            status = process.wait()
            if status in (0, _NO_FOLDER, _NO_FILE):
                return status, said
            raise self._told(status, errors())

    def _json(self, said: str) -> Any:
        try:
            return jsons.read(said or "null")
        except ValueError:
            raise RemoteError(f"rclone's answer about {self._place.name} cannot be read") from None

    def _told(self, status: int, said: str) -> ModelsError:
        return explain(self._place.name, status, said)


def explain(name: str, status: int, said: str) -> ModelsError:
    """What rclone's last words mean; `name` is that of its remote."""
    lines = [re.sub(r"^[\d/]+ [\d:]+ (?:[A-Z]+ *: *)*", "", line).strip() for line in said.splitlines()]
    last = redact(next((line for line in reversed(lines) if line), f"exit code {status}"))[:300]
    low = said.lower()

    def has(*words: str) -> bool:
        return any(word in low for word in words)

    if has("didn't find section in config file"):
        return RemoteError(
            f"rclone has no remote called {name}", "rclone config   # rclone listremotes shows those there"
        )
    if has("couldn't decrypt configuration", "configuration is encrypted", "unable to decrypt"):
        return RemoteError(
            "rclone's configuration is encrypted", "export RCLONE_CONFIG_PASS=…   # or RCLONE_PASSWORD_COMMAND"
        )
    if has("couldn't fetch token", "invalid_grant", "token expired", "401 unauthorized", "expired_access_token"):
        return RemoteError(f"rclone is no longer signed in at {name}: {last}", f"rclone config reconnect {name}:")
    if has("quota", "insufficient storage", "no space left", "insufficient_space", "over capacity"):
        return RemoteError(f"{name} is full: {last}", "free space there, then: git models push")
    if has("429", "rate limit", "ratelimit", "too many requests", "slow down"):
        return RateLimited(f"{name} asks to wait: {last}", after=30.0, exact=False)
    if has("permission denied", "forbidden", "accessdenied", "access denied", "insufficient permission"):
        return RemoteError(f"{name} does not let you do this: {last}", f"rclone config show {name}   # which account?")
    if has("no such host", "connection refused", "network is unreachable", "dial tcp", "no route to host"):
        return Offline(f"{name} cannot be reached: {last}")
    if status == _LATER or has("timeout", "connection reset", "unexpected eof"):
        return Transient(f"{name}: {last}")
    return RemoteError(f"{name}: {last}")


class Reading:
    """The Body of one file: rclone's output."""

    def __init__(self, place: Rclone, command: list[str], start: int, size: int, tag: str, empty: bool) -> None:
        self._place, self._command, self._empty = place, command, empty
        self.start = start
        self.total: int | None = size
        self.tag: str | None = tag

    def __iter__(self) -> Iterator[bytes]:
        if self._empty:
            return
        with _started(self._command, stdin=subprocess.DEVNULL) as (process, errors):
            assert process.stdout
            while data := process.stdout.read(BLOCK):
                yield data
            if process.wait() != 0:
                told = explain(self._place.name, process.returncode, errors())
                raise told if isinstance(told, Transient) else Transient(told.what, told.fix)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        pass  # the program ends with the iteration


@contextlib.contextmanager
def _started(command: list[str], stdin: int) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """rclone, and a function for what it said on stderr; ended when the block is left early."""
    # In the home folder: paths of a `local` remote are relative to where rclone stands.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=os.path.expanduser("~"),
            env=git.without_tokens(),
        )

        def said() -> str:
            errors.seek(0)
            return errors.read()[-16384:].decode("utf-8", "replace")

        try:
            yield process, said
        finally:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()


def _command(options: Options, verb: Sequence[str], flags: Sequence[str], *paths: str) -> list[str]:
    # Retries belong to the queue; nobody is there to be asked for a password.
    patience = f"{max(1, round(options.patience))}s"
    common = ["--retries", "1", "--ask-password=false", "--contimeout", patience, "--timeout", "60s", "--stats", "0"]
    return [_program(), *verb, *common, *flags, "--", *paths]


@cache
def _program() -> str:
    """The program: in PATH, else beside this Python, where the extra puts it. Raises RemoteError."""
    try:
        return git.program("rclone")
    except ModelsError:
        beside = os.path.join(os.path.dirname(sys.executable), "rclone")
        if os.access(beside, os.X_OK):
            return beside
    raise RemoteError(
        "this place needs rclone, which is not installed", "pip install 'git-models[rclone]'   # or: apt install rclone"
    )
