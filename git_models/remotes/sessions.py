"""The only importer of requests: sessions that connect in time, and only where they may."""

from __future__ import annotations

import queue
import socket
import threading
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from git_models.errors import ModelsError, Offline, RemoteError, Transient
from git_models.urls import public_address, redact

SEND = 256 << 10
"""Bytes of an upload handed to the socket at a time; urllib3's 16 KiB halve the speed over TLS."""

LINE = (OSError, urllib3.exceptions.HTTPError)
"""What the libraries raise when the network fails; those of requests are OSErrors."""


class PrivateAddress(OSError):
    """A name that must be public resolved to an address inside somebody's network."""


def _resolve_in_time(host: str, port: int, seconds: float) -> None:
    """Raise TimeoutError if the name is not resolved in time: `getaddrinfo` itself knows no limit."""
    answers: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(None)
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer to the question where {host} is") from None
    if error:
        raise error


class _InTime:
    """What both connection classes add: a limit on the name look-up, and a look at the peer."""

    public_only = False

    def _new_conn(self) -> socket.socket:
        timeout = self.timeout  # type: ignore[attr-defined]
        try:
            _resolve_in_time(self.host, self.port, timeout if isinstance(timeout, (int, float)) else 30.0)  # type: ignore[attr-defined]
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        # The address that was connected to, not one looked up before: names can change in between.
        if self.public_only and not public_address(sock.getpeername()[0]):
            sock.close()
            raise PrivateAddress(f"{self.host} is inside a private network")  # type: ignore[attr-defined]
        return sock


class _Http(_InTime, HTTPConnection):
    pass


class _Https(_InTime, HTTPSConnection):
    pass


class _PublicHttp(_Http):
    public_only = True


class _PublicHttps(_Https):
    public_only = True


def _pool(base: Any, connection: Any) -> Any:
    return type(base.__name__, (base,), {"ConnectionCls": connection})


_POOLS = {
    False: {"http": _pool(HTTPConnectionPool, _Http), "https": _pool(HTTPSConnectionPool, _Https)},
    True: {"http": _pool(HTTPConnectionPool, _PublicHttp), "https": _pool(HTTPSConnectionPool, _PublicHttps)},
}


class _Adapter(HTTPAdapter):
    def __init__(self, public_only: bool) -> None:
        self._public_only = public_only
        super().__init__(pool_maxsize=2)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, blocksize=SEND)
        # Through a proxy it is the proxy that connects; only direct connections are looked at.
        self.poolmanager.pool_classes_by_scheme = _POOLS[self._public_only]


def new(public_only: bool) -> requests.Session:
    """A session for one thread; nothing of the environment is read, no retry is made."""
    session = requests.Session()
    session.trust_env = False  # it would send what ~/.netrc holds; proxies and CA are passed with each call
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(public_only))
    return session


def environment_proxies(url: str) -> dict[str, str]:
    """What HTTPS_PROXY, ALL_PROXY and NO_PROXY say about a URL."""
    return dict(requests.utils.get_environ_proxies(url))


def bypassed(url: str) -> bool:
    """Whether NO_PROXY names the host."""
    return bool(requests.utils.should_bypass_proxies(url, None))


def send(
    session: requests.Session,
    method: str,
    url: str,
    headers: dict[str, str],
    data: Any,
    proxies: dict[str, str],
    verify: str | bool,
    timeout: tuple[float, float],
) -> requests.Response:
    """One request, no redirect followed, the body not yet read. Raises Offline, Transient, RemoteError."""
    try:
        prepared = session.prepare_request(requests.Request(method, url, headers=headers, data=data))
        # As it was given: a signature can depend on how the URL is spelt.
        prepared.url = url
        return session.send(
            prepared, stream=True, allow_redirects=False, timeout=timeout, proxies=proxies, verify=verify
        )
    except LINE as error:
        raise explain(error, url) from error


def private(host: str) -> RemoteError:
    """A stranger's address leads into somebody's network."""
    return RemoteError(
        f"{host} is an address inside a private network, and only models.yaml names it: not asked",
        fix="if you trust it: git models remote trust NAME",
    )


def explain(error: Exception, url: str) -> ModelsError:
    """What a failure of the network means."""
    host = urllib3.util.parse_url(url).netloc or url
    chain: list[BaseException] = []
    link: object = error
    while isinstance(link, BaseException) and link not in chain:
        chain.append(link)
        inner = [arg for arg in link.args if isinstance(arg, BaseException)]
        link = getattr(link, "reason", None) or (inner[0] if inner else link.__cause__)

    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(one, types) for one in chain)

    said = redact(str(chain[-1]))
    if has(PrivateAddress):
        return private(host)
    if has(requests.exceptions.SSLError):
        return RemoteError(
            f"the certificate of {host} is not trusted ({said}). "
            "A company proxy that looks into TLS needs its certificate named here",
            fix="export REQUESTS_CA_BUNDLE=/path/to/company-ca.pem (or: git config --global http.sslCAInfo PATH)",
        )
    if has(requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema):
        return RemoteError(f"{redact(url)} cannot be asked: {said}")
    if has(requests.exceptions.ProxyError):
        return Offline(f"the proxy on the way to {host} does not let us through: {said}", fix="check HTTPS_PROXY")
    if has(
        requests.exceptions.ConnectTimeout,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
    ):
        return Offline(f"{host} cannot be reached: {said}")
    if has(requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
        return Transient(f"{host} stopped answering")
    return Transient(f"the connection to {host} broke: {said}")
