"""HTTP as all remotes need it: redirects by hand, credentials that stay home, ranges that are checked.

requests is imported when the first request is made, not before.
"""

from __future__ import annotations

import email.utils
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from git_models import __version__, git, urls
from git_models.errors import ModelsError, NotThere, RemoteError, StartOver, Transient
from git_models.remotes.base import Advance, Options, RateLimited, Upload

if TYPE_CHECKING:
    import requests

HOPS = 6
"""Redirects followed for one answer; GitHub needs one, a renamed repository two."""

READ = 256 << 10
"""Bytes gathered before they are handed on (hashing threads want large blocks) …"""

GATHER = 1.0
"""… unless they take longer than so many seconds."""

SILENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""

PROCESSING = 180.0
"""Seconds that a service may take to answer once it has all of an upload."""

SMALL = 16 << 20
"""Bytes of a manifest of 16,000 models."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Settings(NamedTuple):
    """How to get to one origin."""

    proxies: dict[str, str]
    verify: str | bool


class Client:
    """Makes requests for one remote, from any thread."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._local = threading.local()

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, data: Any = None, *, long: bool = False
    ) -> requests.Response:
        """One request and its answer, a redirect included; the body is not read.

        `long` waits for the answer to an upload. Raises Offline, Transient, RemoteError.
        """
        from git_models.remotes import sessions

        parts = urls.split(url)
        if parts.scheme not in ("http", "https"):
            raise RemoteError(f"{urls.redact(url)}: only http and https are asked")
        if self._options.from_manifest and urls.inside(parts.host):
            raise sessions.private(parts.host)  # a proxy would connect there without asking us
        if not hasattr(self._local, "session"):
            self._local.session = sessions.new(self._options.from_manifest)
        way = settings(f"{parts.scheme}://{parts.host}{f':{parts.port}' if parts.port else ''}/", self._options.top)
        # Identity: the bytes are hashed and counted as they come.
        all_headers = {"User-Agent": f"git-models/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
        connect = max(self._options.patience, SILENCE) if data is not None else self._options.patience
        timeout = (connect, PROCESSING if long else SILENCE)
        return sessions.send(self._local.session, method, url, all_headers, data, way.proxies, way.verify, timeout)

    def follow(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        private: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> tuple[requests.Response, str]:
        """GET (or HEAD) along redirects: the final answer and its URL.

        The `private` headers are sent to the origin of `url` and to no other, and gone for good once
        that was left.
        """
        private = private or {}
        for _ in range(HOPS):
            response = self.send(method, url, {**(headers or {}), **private})
            target = redirect(response, url)
            if target is None:
                return response, url
            response.close()
            if origin(target) != origin(url):
                private = {}
            url = target
        raise RemoteError(f"{urls.redact(url)}: too many redirects")

    def get(self, url: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Answer:
        """The bytes of a public link. Raises as `Remote.get`."""
        response, final = self.follow(url, ranged(start, stop, tag))
        return answer(response, final, start, tag)


def bearer(token: str | None) -> dict[str, str]:
    """The header for a token, none without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what a credential belongs to. Raises UrlError."""
    parts = urls.split(url)
    return parts.scheme, parts.host, parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)


def loopback(host: str) -> bool:
    """Whether a host is this machine, as `github+http` demands."""
    return host in ("localhost", "127.0.0.1", "[::1]")


def redirect(response: requests.Response, url: str) -> str | None:
    """Where an answer sends us; None if it is no redirect. Raises RemoteError for a place we do not go to."""
    if response.status_code not in (301, 302, 303, 307, 308):
        return None
    location = response.headers.get("Location", "")
    target = location if "://" in location else urljoin(url, location)
    scheme = target.partition("://")[0].lower()
    if not location or scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:")):
        response.close()
        raise RemoteError(f"{urls.redact(url)} redirects to {urls.redact(location) or 'nowhere'}: not followed")
    return target


def ranged(start: int, stop: int | None, tag: str | None) -> dict[str, str]:
    """The headers that ask for a range, and for the same bytes as before."""
    if start == 0 and stop is None:
        return {}
    headers = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
    return headers | ({"If-Range": tag} if tag else {})


def answer(response: requests.Response, url: str, start: int, tag: str | None) -> Answer:
    """The body of an answer to a ranged GET, checked. Raises NotThere, StartOver, Transient, RemoteError."""
    if response.status_code not in (200, 206):
        with response:
            raise refusal(response, url)
    body = Answer(response, url)
    if body.start not in (0, start):
        body.close()
        raise StartOver(f"{host_of(url)} sent bytes from {body.start} on instead of {start}")
    if start and tag and body.tag and body.tag != tag:
        body.close()
        raise StartOver(f"{host_of(url)} now has other bytes than those that were begun")
    return body


def limited(body: Iterable[bytes], what: str) -> bytes:
    """All of a small file. Raises RemoteError where it is none."""
    data = bytearray()
    for block in body:
        data += block
        if len(data) > SMALL:
            raise RemoteError(f"{what} is larger than {SMALL >> 20} MiB")
    return bytes(data)


def refusal(response: requests.Response, url: str) -> ModelsError:
    """What a status other than success means where nothing more is known of the service."""
    status, host = response.status_code, host_of(url)
    after = retry_after(response)
    if status == 404 or status == 410:
        return NotThere(f"{host} has nothing under {urls.redact(url)}")
    if status == 416:
        return StartOver(f"{host} does not have the range that was asked for")
    if status == 429 or (status == 503 and after is not None):
        return RateLimited(f"{host} asks to wait (status {status})", after=after or 60.0, exact=after is not None)
    if status >= 500 or status in (408, 425):
        return Transient(f"{host} failed with status {status}", after=after)
    if status in (400, 403) and _expired(response):
        return RemoteError(f"the signed link to {host} has expired: {urls.redact(url)}", "ask for a new link")
    return RemoteError(f"{host} refuses {urls.redact(url)} (status {status}): the link may have expired or be private")


def _expired(response: requests.Response) -> bool:
    """Whether a store that signs links says, in XML, that this one is too old."""
    if "xml" not in response.headers.get("Content-Type", ""):
        return False
    try:
        return b"expired" in response.raw.read(4096, decode_content=True).lower()
    except Exception:  # what it says is only for the message
        return False


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the service asks to wait, from either form of the header."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdigit():
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, TypeError):
        return None


def host_of(url: str) -> str:
    """The host for messages."""
    return urls.split(url).host


def whole(response: requests.Response) -> bytes:
    """The whole body of an answer that is small. Raises Transient when the line breaks, RemoteError for a large one."""
    from git_models.remotes import sessions

    # Several look at one answer: which error it is, then what it says. A stream is read once.
    kept = vars(response)
    try:
        if "whole" not in kept:
            # In small pieces: what was packed against our wish can be a thousand times as large once unpacked.
            pieces = response.iter_content(SMALL >> 10)
            kept["whole"] = limited(pieces, f"the answer of {host_of(response.url)}")
        return bytes(kept["whole"])
    except sessions.LINE as error:
        raise sessions.explain(error, response.url) from error


class Answer:
    """A Body whose bytes come from a response."""

    def __init__(self, response: requests.Response, url: str) -> None:
        self._response, self._url = response, url
        headers = response.headers
        self._encoded = headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
        self.start = 0
        length = headers.get("Content-Length", "")
        self.total: int | None = int(length) if length.isdigit() and not self._encoded else None
        if response.status_code == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
            if not found:
                response.close()
                raise StartOver(f"{host_of(url)} sent a range without saying which")
            self.start = int(found[1])
            self.total = int(found[3]) if found[3] != "*" else None
        tag = headers.get("ETag", "")
        # A weak tag says that two bodies mean the same, not that they are the same bytes (RFC 9110, 8.8.1).
        self.tag: str | None = tag if tag.startswith('"') and not self._encoded else None

    def __iter__(self) -> Iterator[bytes]:
        from git_models.remotes import sessions

        try:
            if self._encoded:  # against what was asked: decoded, its length and tag mean nothing
                yield from self._response.raw.stream(SMALL >> 10, decode_content=True)
            else:
                yield from _gathered(self._response.raw)
        except sessions.LINE as error:
            raise sessions.explain(error, self._url) from error

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, or give it back when everything was read."""
        self._response.close()


def _gathered(raw: Any) -> Iterator[bytes]:
    """Blocks of about READ bytes, or what came within GATHER seconds: a trickle must be noticed."""
    read = getattr(raw, "read1", None) or raw.read
    blocks: list[bytes] = []
    count, since = 0, time.monotonic()
    try:
        while data := read(READ):
            blocks.append(data)
            count += len(data)
            if count >= READ or time.monotonic() - since >= GATHER:
                yield b"".join(blocks)
                blocks, count, since = [], 0, time.monotonic()
    except Exception:
        if blocks:
            yield b"".join(blocks)  # the next try goes on behind these
        raise
    if blocks:
        yield b"".join(blocks)


class Stream:
    """A range of a file as the body of an upload: read when it is sent, counted as it goes."""

    def __init__(self, upload: Upload, advance: Advance) -> None:
        self._file = open(upload.file, "rb")  # noqa: SIM115
        self._file.seek(upload.offset)
        self._rest = self._size = upload.size
        self._advance = advance

    def __len__(self) -> int:
        return self._size

    def read(self, count: int = -1) -> bytes:
        """The next bytes; raises RemoteError when the file ends too early."""
        data = self._file.read(self._rest if count < 0 else min(count, self._rest))
        if not data and self._rest:
            raise RemoteError(f"{self._file.name} became shorter while it was sent")
        self._rest -= len(data)
        self._advance(len(data))
        return data

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@cache
def settings(base: str, top: str | None) -> Settings:
    """Proxy and CA for an origin: git's own settings win over the environment, as they do in git."""
    from git_models.remotes import sessions

    said = git.call("config", "--get-urlmatch", "http", base, cwd=top, ok=(0, 1))[1]
    config = dict(line.partition(" ")[::2] for line in os.fsdecode(said).splitlines())
    here = loopback(urls.split(base).host)  # no proxy leads from here to here
    proxies = {} if here else sessions.environment_proxies(base)
    if "http.proxy" in config and not here and not sessions.bypassed(base):
        proxy = config["http.proxy"]
        proxies = {"http": proxy, "https": proxy} if proxy else {}
    bundles = (
        os.environ.get(key) for key in ("GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    )
    verify = next((path for path in bundles if path), config.get("http.sslcainfo"))
    if verify and not os.path.exists(os.path.expanduser(verify)):
        raise RemoteError(
            f"the CA file {verify} does not exist", fix="check REQUESTS_CA_BUNDLE and git's http.sslCAInfo"
        )
    return Settings(proxies, os.path.expanduser(verify) if verify else True)
