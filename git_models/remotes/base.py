"""What the transfer queue knows of a place that keeps objects.

An adapter only moves bytes. Retries, resuming, progress, hashing and verification belong to the
queue (`git_models.transfer`); an adapter translates its service's answers into `git_models.errors`
and lets nothing else out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from types import TracebackType
from typing import NamedTuple, Protocol, runtime_checkable

from git_models.errors import RemoteError, Transient

BLOCK = 1 << 20

Advance = Callable[[int], None]
"""Called with the number of bytes that have just moved; negative when they must be sent again."""


class EmptyRepository(RemoteError):
    """A repository without a commit can hold no release: its refs must be pushed first."""


class RateLimited(Transient):
    """The service counts our requests and wants us to wait.

    `exact` is False when `after` is only our guess, which grows with every further refusal.
    """

    def __init__(self, what: str, fix: str = "", after: float | None = None, exact: bool = True) -> None:
        super().__init__(what, fix, after)
        self.exact = exact


def missing_extra(extra: str, library: str) -> RemoteError:
    """What a place needs is not installed."""
    return RemoteError(f"this place needs {library}, which is not installed", f"pip install 'git-models[{extra}]'")


class Options(NamedTuple):
    """What an adapter is told besides its URL."""

    top: str | None = None  # folder in which git's configuration is asked (proxy, CA, credentials)
    cache: str | None = None  # folder for listings, asked for again only if they changed
    from_manifest: bool = False  # the URL may be an attacker's: no credentials, public addresses only
    anonymous: bool = False  # no credentials, at a host that the user knows
    patience: float = 30.0  # seconds to wait for a connection


class Held(NamedTuple):
    """An asset that a remote holds, complete."""

    asset: str
    size: int  # bytes
    sha256: str | None = None  # 64 hex, where the service computes or keeps it
    at: float | None = None  # when it was stored, in seconds since the epoch; None where `list` does not tell


def moment(text: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 or HTTP date, None for anything else."""
    import email.utils
    import re
    from datetime import datetime

    try:
        # Python 3.10 does not know the Z; Drive writes fractions of a second, which do not matter here.
        return datetime.fromisoformat(re.sub(r"(?:\.\d+)?Z\Z", "+00:00", text)).timestamp()
    except ValueError:
        pass
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None


class Upload(NamedTuple):
    """A file, or a range of one, on its way to a remote."""

    asset: str  # name on the remote: only [A-Za-z0-9._-]
    file: str  # local path
    offset: int  # first byte of the range
    size: int  # bytes
    sha256: str  # of the range, 64 hex
    md5: str  # of the range, 32 hex
    label: str  # for people who look at the remote: path and version
    lasting: bool = False  # verified, and nobody will ever write to the file: a link to it is as good as a copy


def blocks(upload: Upload, start: int, stop: int) -> Iterator[bytes]:
    """The bytes `start` to `stop` of what is sent. Raises RemoteError when the file ends too early."""
    with open(upload.file, "rb") as file:
        file.seek(upload.offset + start)
        rest = stop - start
        while rest:
            data = file.read(min(BLOCK, rest))
            if not data:
                raise RemoteError(f"{upload.file} became shorter while it was sent")
            rest -= len(data)
            yield data


class Body(Protocol):
    """An open answer to `Remote.get`; leaving the `with` block closes it.

    Iterating gives the bytes in blocks and raises Transient when the line breaks. An answer that
    ends early without an error is possible: the queue counts.
    """

    start: int  # offset of the first byte in the asset; 0 when the service ignored the range
    total: int | None  # size of the whole asset in bytes, if the service says so
    tag: str | None  # changes when the asset's bytes change (a strong ETag); None if unknown

    def __iter__(self) -> Iterator[bytes]: ...
    def __enter__(self) -> Body: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Source(Protocol):
    """What assets can be fetched from."""

    name: str  # as in `git models remote list`
    url: str  # without any credential
    several: bool  # whether several connections for one asset can help

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Body:
        """The bytes `start` to `stop` (exclusive; None is the end) of an asset.

        `tag` is that of an earlier answer: the service is asked to continue only the same bytes. An
        adapter that cannot seek may answer from byte 0 and say so in `Body.start`. Raises
        NotThere, StartOver (range refused, or other bytes), Transient, RemoteError.
        """
        ...


class Remote(Source, Protocol):
    """A place that keeps objects for others. Safe to use from several threads."""

    writable: bool  # False for places that can only be read
    limit: int | None  # the largest asset in bytes
    per_minute: int | None  # how many `put` a minute the service bears …
    per_hour: int | None  # … and an hour

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """Those of `assets` that are there, complete and visible to readers, by name."""
        ...

    def list(self) -> Iterator[Held]:
        """Every complete asset of the store, of this repository or not."""
        ...

    def put(self, upload: Upload, advance: Advance) -> None:
        """Store one asset; never replaces one that is there with other bytes.

        Returns when the service has acknowledged it. The caller verifies with `has` (and `get`
        where the service tells no digest). What an interrupted `put` left behind is cleared away by
        the next one for the same asset.
        """
        ...

    def finish(self) -> None:
        """Make what was put visible to readers, and lasting; called once after the last `put` of a batch."""
        ...

    def delete(self, asset: str) -> None:
        """Remove one asset; no error when it is not there."""
        ...


@runtime_checkable
class Linking(Protocol):
    """A remote from which a program that knows nothing of it can get an asset, with a URL alone."""

    def link(self, asset: str) -> str:
        """That URL; "" where the asset is not there or not public. Raises Transient, RemoteError."""
        ...


@runtime_checkable
class Near(Protocol):
    """A remote from which bytes come so fast that more transfers at once only wait for each other."""

    def at_once(self) -> int:
        """How many transfers at once pay; 0 where there is no such number."""
        ...


@runtime_checkable
class Taking(Protocol):
    """A remote that can get an asset from another one without the bytes passing through this program."""

    def take(self, source: Source, upload: Upload) -> bool:
        """Copy it; False where these two cannot. The caller verifies with `has`. Raises as `Remote.put`.

        `upload` says what it must be; it has no file.
        """
        ...
