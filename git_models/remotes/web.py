"""A web server that only hands out files: every asset lies under one https URL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from git_models import urls
from git_models.errors import ModelsError, NotThere, RemoteError, Transient, UsageError
from git_models.remotes import credentials, http
from git_models.remotes.base import Advance, Held, Options, Upload

if TYPE_CHECKING:
    import requests

ASKED_AT_ONCE = 8
"""Questions (HEAD) at the same time: a hundred assets take seconds instead of a minute."""

_UNESCAPED = "/!$'()*+,;=:@~-._"


class Base(NamedTuple):
    """What a URL of this kind says."""

    root: str  # http or https, ends in "/"
    put: bool  # ?put=1: plain PUT under the final name

    @property
    def origin(self) -> str:
        """Scheme and host with the port."""
        return self.root[: self.root.index("/", 8)]

    @property
    def host(self) -> str:
        """The host with the port: what git keeps a password for."""
        return self.origin.partition("://")[2]


def normalise(url: str) -> str:
    """`https://host/folder`; raises UsageError for a query, a user, or plain http to another machine."""
    return parse(url).root.rstrip("/")


def open(url: str, name: str, options: Options) -> Web:
    """The web server that a URL names."""
    return Web(parse(url), name, options)


def parse(url: str, queries: Collection[str] = ("",)) -> Base:
    """The parts of a URL whose scheme is http or https. Raises UsageError."""
    shown = urls.redact(url)
    try:
        parts = urls.split(url)
    except ModelsError as error:
        raise UsageError(error.what) from error
    if parts.scheme == "http" and not http.loopback(parts.host):
        raise UsageError(f"{shown!r}: plain http is for this machine alone; write https://")
    if parts.query not in queries:
        raise UsageError(f"{shown!r}: nothing may follow a ? in the URL of this place")
    segments = [unquote(s, errors="surrogateescape") for s in parts.path.split("/")[1:]]
    while segments and not segments[-1]:
        segments.pop()
    if any(s in ("", ".", "..") or "/" in s for s in segments):
        raise UsageError(f"{shown!r}: the path holds an empty part, a dot or an encoded slash")
    path = "".join(quote(s, safe=_UNESCAPED, errors="surrogateescape") + "/" for s in segments)
    port = f":{parts.port}" if parts.port and parts.port != {"https": 443, "http": 80}[parts.scheme] else ""
    return Base(f"{parts.scheme}://{parts.host}{port}/{path}", bool(parts.query))


def accepts(base: Base, options: Options, secret: str) -> bool:
    """Whether a server takes this Authorization header, or wants none. Raises Offline, Transient, RemoteError."""
    response, _ = http.Client(options).follow(base.root, private={"Authorization": secret}, method="HEAD")
    response.close()
    return response.status_code != 401


class Site:
    """Requests below one URL; what opens it is asked of git's credential helpers once it answers 401."""

    def __init__(self, base: Base, options: Options) -> None:
        self.base = base
        self.host = base.host
        self._options = options
        self._client = http.Client(options)
        self._secret = ""  # an Authorization header
        self._lock = threading.Lock()

    def url(self, asset: str) -> str:
        """Where an asset lies."""
        return self.base.root + quote(asset, safe="")

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> tuple[requests.Response, str]:
        """GET or HEAD along redirects: the final answer and its URL. Raises as `Client.follow`."""
        return self._opened(lambda secret: self._client.follow(url, headers, secret, method))

    def do(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> requests.Response:
        """A request that is not followed elsewhere. Raises RemoteError for a redirect."""
        return self._opened(
            lambda secret: (self._client.send(method, url, {**(headers or {}), **secret}, data, long=True), url)
        )[0]

    def send(self, url: str, upload: Upload, advance: Advance, headers: Mapping[str, str]) -> requests.Response:
        """PUT a range of a file."""

        def once(secret: Mapping[str, str]) -> tuple[requests.Response, str]:
            moved = 0

            def count(number: int) -> None:
                nonlocal moved
                moved += number
                advance(number)

            with http.Stream(upload, count) as body:
                data = body if upload.size else b""
                response = self._client.send("PUT", url, {**headers, **secret}, data, long=True)
            if response.status_code >= 300:
                advance(-moved)
            return response, url

        return self._opened(once)[0]

    def _opened(
        self, once: Callable[[Mapping[str, str]], tuple[requests.Response, str]]
    ) -> tuple[requests.Response, str]:
        """Ask; after 401 ask again with what git knows."""
        secret = self._secret
        response, final = once({"Authorization": secret} if secret else {})
        if response.status_code == 401 and final.startswith(self.base.origin + "/"):
            known = self._known()
            if known and known != secret:
                response.close()
                self._secret = known
                response, final = once({"Authorization": known})
        return response, final

    def _known(self) -> str:
        if self._options.from_manifest or self._options.anonymous:
            return ""
        scheme = self.base.origin.partition("://")[0]
        with self._lock:  # git's helper is asked once, not by every thread
            return credentials.authorization(scheme, self.host, self._options.top)

    def refusal(self, response: requests.Response, url: str, doing: str) -> ModelsError:
        """What an answer other than success means; `doing` is "read" or "write"."""
        status = response.status_code
        if status == 401:
            login = f"git models login {self.host}"
            if self._secret:
                return RemoteError(f"{self.host} does not accept the user and password that git holds for it", login)
            kinds = {w.partition(" ")[0].lower() for w in response.headers.get("WWW-Authenticate", "basic").split(", ")}
            if not kinds & {"basic", "bearer"}:
                return RemoteError(f"{self.host} wants {' or '.join(sorted(kinds))} authentication; basic works here")
            return RemoteError(f"{self.host} wants a user and a password (or token), and git holds none for it", login)
        if status == 403:
            return RemoteError(
                f"{self.host} does not let you {doing} {urls.redact(url)}",
                f"ask its owner for the right to {doing} below {self.base.root}",
            )
        if status in (301, 302, 303, 307, 308):
            target = urls.redact(response.headers.get("Location", ""))
            return RemoteError(
                f"{self.host} sends {doing} requests on to {target}: not followed",
                "git models remote remove NAME, then git models remote add NAME with the other URL",
            )
        return http.refusal(response, url)


class Web:
    """The Remote protocol over a web server; it cannot be written to."""

    writable = False
    limit: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    several = True

    def __init__(self, base: Base, name: str, options: Options) -> None:
        self.name = name
        self.url = base.root.rstrip("/")
        self.site = Site(base, options)
        self.options = options

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; one HEAD each."""
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            found = list(pool.map(self.look, list(assets)))
        return {held.asset: held for held in found if held}

    def look(self, asset: str) -> Held | None:
        """What lies there under one name, None if nothing does. Raises Transient, RemoteError."""
        url = self.site.url(asset)
        response, final = self.site.ask("HEAD", url)
        with response:
            status = response.status_code
            length = response.headers.get("Content-Length", "")
            encoded = response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
            if status == 200 and not encoded and length.isdigit():
                # A page for people in place of "not found".
                page = "text/html" in response.headers.get("Content-Type", "")
                return None if page else Held(asset, int(length))
            if status in (404, 410):
                return None
            if status not in (200, 400, 405, 501):
                raise self.site.refusal(response, final, "read")
        try:  # a server that has no HEAD, or no length in it
            with self.get(asset, 0, 1) as body:
                return None if body.total is None else Held(asset, body.total)
        except NotThere:
            return None

    def list(self) -> Iterator[Held]:
        """See Remote; a web server tells no list."""
        raise RemoteError(f"{self.site.host} cannot be asked which files it has: it is a plain web server")

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; refused."""
        raise RemoteError(
            f"{self.name} ({self.url}) can only be read",
            f"if it takes WebDAV: git models remote add NAME webdav+{self.url}",
        )

    def finish(self) -> None:
        """See Remote."""

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> http.Answer:
        """See Source."""
        response, final = self.site.ask("GET", self.site.url(asset), http.ranged(start, stop, tag))
        if response.status_code in (401, 403):
            with response:
                raise self.site.refusal(response, final, "read")
        if response.status_code in (404, 410):
            response.close()
            raise NotThere(f"{asset} is not at {self.url}", fix="whoever recorded it: git models push")
        return http.answer(response, final, start, tag)

    def link(self, asset: str) -> str:
        """See Linking."""
        url = self.site.url(asset)
        response, _ = http.Client(self.options).follow(url, method="HEAD")  # as anybody: without a password
        response.close()
        return url if response.status_code == 200 else ""

    def delete(self, asset: str) -> None:
        """See Remote; refused."""
        raise RemoteError(f"{self.name} ({self.url}) can only be read")


def broken(what: str) -> Transient:
    """Something that did not arrive whole."""
    return Transient(f"{what} arrived damaged")
