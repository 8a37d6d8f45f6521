"""The HTTP that the stand-ins share: requests as values, replies as values, real TCP on loopback.

A stand-in is a function from `Request` to `Reply`. Bodies stream in both directions, so files of any
size pass in constant memory, and a body that raises `HangUp` ends the connection there: that is how
faults in the middle of a transfer are made.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

BLOCK = 1 << 20
_ZEROS = bytes(BLOCK)


class HangUp(Exception):
    """Close the connection now, without another byte."""


class Body:
    """A request's body, read once; `length` is None when the client sent no Content-Length."""

    def __init__(self, stream: Any, length: int | None) -> None:
        self._stream = stream
        self.length = length
        self._left = length or 0

    def read(self, count: int) -> bytes:
        """At most `count` bytes, b"" at the end. Raises HangUp when the client went away."""
        data: bytes = self._stream.read(min(count, self._left))
        self._left -= len(data)
        if not data and self._left and count:
            raise HangUp
        return data

    def blocks(self, stop: int | None = None) -> Iterator[bytes]:
        """Everything up to byte `stop`, or all of it."""
        left = self._left if stop is None else min(stop, self._left)
        while left and (data := self.read(min(BLOCK, left))):
            left -= len(data)
            yield data

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(b"".join(self.blocks()) or b"null")
        except ValueError:
            return None


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    port: int  # the server's
    host: str  # of an absolute-form target (a proxy request), else ""
    target: str  # path and query as they were sent
    headers: Message
    body: Body

    @property
    def path(self) -> str:
        """Decoded, without the query."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The last value of each parameter."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


class Stream(NamedTuple):
    """A body that is made while it is sent; `length` is what Content-Length says."""

    length: int
    blocks: Iterable[bytes]


@dataclass
class Reply:
    """What the server answers."""

    status: int
    body: bytes | Stream = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.length


Serve = Callable[[Callable[[Request], Reply]], str]
"""What the fixture `serve` gives: a function from an answer to the base URL of a server that gives it."""


def json_reply(status: int, value: Any, **headers: str) -> Reply:
    """A JSON answer; `headers` are written with `_` for `-`."""
    named = {"Content-Type": "application/json; charset=utf-8"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return Reply(status, json.dumps(value).encode(), named)


def html_reply(status: int, title: str) -> Reply:
    """A page for people."""
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Reply(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def ranged_reply(request: Request, data: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    """The bytes, or the range of them that the request asks for, unless its If-Range names another ETag."""
    known = dict(headers or {})
    said = request.headers.get("Range", "")
    if not said or request.headers.get("If-Range", known.get("ETag")) != known.get("ETag"):
        return Reply(200, data, known)
    first, _, last = said.removeprefix("bytes=").partition("-")
    start, stop = int(first), min(int(last or len(data)) + 1, len(data))
    if start >= len(data):
        return Reply(416)
    return Reply(206, data[start:stop], known | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


def file_blocks(path: Path, start: int, stop: int) -> Iterator[bytes]:
    """The bytes `start` to `stop` (exclusive) of a file."""
    with path.open("rb") as file:
        file.seek(start)
        while start < stop and (data := file.read(min(BLOCK, stop - start))):
            start += len(data)
            yield data


def write_sparse(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file with holes where the blocks are zero, so that 4 GiB of nothing costs no disk."""
    size = 0
    with path.open("wb") as file:
        for block in blocks:
            if block == _ZEROS[: len(block)]:
                file.seek(len(block), 1)
            else:
                file.write(block)
            size += len(block)
        file.truncate(size)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    context: ssl.SSLContext | None = None  # of a proxy that answers for https hosts itself

    def __init__(self, answer: Callable[[Request], Reply], failed: Callable[[str], None], port: int) -> None:
        self.answer = answer
        self.failed = failed
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.failed(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server
    tunnelled = ""  # the host at the end of the tunnel through which these requests come

    def do_CONNECT(self) -> None:
        """Be the host that is asked for."""
        assert self.server.context
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.server.connections.discard(self.connection)
        self.request = self.server.context.wrap_socket(self.connection, server_side=True)
        self.tunnelled = self.path.rpartition(":")[0]
        self.setup()
        self.close_connection = False

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass
        if self.tunnelled:
            self.connection.close()  # the server closes only the socket that it gave us

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _reply(self) -> None:
        length = self.headers.get("Content-Length")
        host, target = self.tunnelled, self.path
        if target.startswith("http://"):
            parts = urlsplit(target)
            host, target = parts.netloc, parts._replace(scheme="", netloc="").geturl() or "/"
        body = Body(self.rfile, int(length) if length else None)
        request = Request(self.command, self.server.server_port, host, target, self.headers, body)
        try:
            reply = self.server.answer(request)
            for _ in body.blocks():  # a client that is still sending would not read our answer
                pass
            self._send(reply)
        except HangUp:
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        if self.command == "HEAD" or reply.status in (204, 304):
            return
        for block in (reply.body,) if isinstance(reply.body, bytes) else reply.body.blocks:
            self.wfile.write(block)
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _reply
    do_MKCOL = do_MOVE = do_PROPFIND = _reply


@dataclass(frozen=True)
class Listener:
    """A server that runs in a thread of its own."""

    port: int
    _server: _Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Refuse connections from now on and end the open ones."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self._server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def listen(
    answer: Callable[[Request], Reply],
    failed: Callable[[str], None],
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> Listener:
    """Serve on a port of the loopback interface, a free one by default.

    `failed` gets the traceback when `answer` raised what is no `HangUp`: a fault of the stand-in. With
    `context` it is a proxy, too, that answers in the place of every https host.
    """
    server = _Server(answer, failed, port)
    server.context = context
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    return Listener(server.server_port, server, thread)
