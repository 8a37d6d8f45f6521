"""What every HTTP request keeps to: where it goes, what it carries, through what, and how failures are told."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from git_models import git, urls
from git_models.errors import ModelsError, NotThere, Offline, RemoteError, StartOver, Transient
from git_models.remotes import http as ours
from git_models.remotes import sessions
from git_models.remotes.base import Options, RateLimited, Upload
from tests.fakes.web import HangUp, Reply, Request, Serve, Stream


@pytest.fixture
def client() -> ours.Client:
    return ours.Client(Options(patience=2))


def test_a_token_stays_with_the_origin_it_was_sent_to(serve: Serve, client: ours.Client) -> None:
    seen: list[tuple[str, str | None]] = []

    def final(request: Request) -> Reply:
        seen.append(("other", request.headers.get("Authorization")))
        return Reply(302, headers={"Location": f"{first}/back"})

    def start(request: Request) -> Reply:
        seen.append((request.path, request.headers.get("Authorization")))
        if request.path == "/back":
            return Reply(200, b"bytes")
        return Reply(302, headers={"Location": "/again" if request.path == "/" else f"{other}/x"})

    first, other = serve(start), serve(final)
    response, _ = client.follow(f"{first}/", private=ours.bearer("secret"))
    response.close()
    assert seen == [
        ("/", "Bearer secret"),
        ("/again", "Bearer secret"),
        ("other", None),
        ("/back", None),  # gone for good
    ]


def test_a_location_is_passed_on_as_it_is(serve: Serve, client: ours.Client) -> None:
    seen: list[str] = []
    odd = "/b?sig=a%2Bb%3D%7e~'()&rscd=attachment%3B%20filename%3Dx&empty="

    def answer(request: Request) -> Reply:
        seen.append(request.target)
        return Reply(302, headers={"Location": odd}) if request.path == "/" else Reply(200, b"x")

    client.get(f"{serve(answer)}/").close()
    assert seen[1].replace("%7E", "%7e") == odd  # urllib3 writes hex digits in capitals


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "", "javascript:alert(1)"])
def test_a_redirect_to_anything_but_http_is_not_followed(serve: Serve, client: ours.Client, target: str) -> None:
    base = serve(lambda request: Reply(302, headers={"Location": target}))
    with pytest.raises(RemoteError, match="not followed"):
        client.get(f"{base}/")


def test_redirects_are_bounded(serve: Serve, client: ours.Client) -> None:
    base = serve(lambda request: Reply(302, headers={"Location": request.path}))
    with pytest.raises(RemoteError, match="too many redirects"):
        client.get(f"{base}/")


def test_an_encoding_that_was_not_asked_for_is_decoded(serve: Serve, client: ours.Client) -> None:
    import gzip

    asked: list[str | None] = []

    def answer(request: Request) -> Reply:
        asked.append(request.headers.get("Accept-Encoding"))
        return Reply(200, gzip.compress(b"weights" * 1000), {"Content-Encoding": "gzip", "ETag": '"x"'})

    with client.get(f"{serve(answer)}/") as body:
        assert (body.total, body.tag) == (None, None)
        assert b"".join(body) == b"weights" * 1000
    assert asked == ["identity"]


def test_a_weak_etag_is_none(serve: Serve, client: ours.Client) -> None:
    with client.get(serve(lambda _: Reply(200, b"x", {"ETag": 'W/"1"'}))) as body:
        assert body.tag is None


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (404, {}, NotThere, None),
        (410, {}, NotThere, None),
        (416, {}, StartOver, None),
        (429, {"Retry-After": "7"}, RateLimited, 7.0),
        (503, {"Retry-After": "7"}, RateLimited, 7.0),
        (429, {}, RateLimited, 60.0),
        (500, {}, Transient, None),
        (403, {}, RemoteError, None),
    ],
)
def test_a_status_says_whether_to_try_again(
    serve: Serve, client: ours.Client, status: int, headers: dict[str, str], kind: type, after: float | None
) -> None:
    with pytest.raises(RemoteError) as caught:
        client.get(serve(lambda _: Reply(status, b"", headers)))
    assert type(caught.value) is kind
    assert getattr(caught.value, "after", None) == after


def test_a_date_in_retry_after_is_understood(serve: Serve, client: ours.Client) -> None:
    from email.utils import formatdate

    with pytest.raises(RateLimited) as caught:
        client.get(serve(lambda _: Reply(429, b"", {"Retry-After": formatdate(time.time() + 100, usegmt=True)})))
    assert caught.value.after == pytest.approx(100, abs=3)


def test_a_secret_in_a_url_is_in_no_message(serve: Serve, client: ours.Client) -> None:
    with pytest.raises(NotThere) as caught:
        client.get(serve(lambda _: Reply(404)) + "/x?X-Amz-Signature=abcdef0123456789&sig=topsecret")
    assert "abcdef0123456789" not in caught.value.what
    assert "topsecret" not in caught.value.what


def test_nothing_of_netrc_is_sent(serve: Serve, client: ours.Client, home: Path) -> None:
    seen: list[str | None] = []
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (home / ".netrc").chmod(0o600)

    def answer(request: Request) -> Reply:
        seen.append(request.headers.get("Authorization"))
        return Reply(200, b"x")

    client.get(serve(answer)).close()
    assert seen == [None]


def test_a_connection_that_is_refused_is_offline(serve: Serve, client: ours.Client) -> None:
    with pytest.raises(Offline, match=r"127\.0\.0\.1 cannot be reached|cannot be reached"):
        client.get("http://127.0.0.1:9/")


def test_a_connection_that_breaks_is_transient(serve: Serve, client: ours.Client) -> None:
    def answer(request: Request) -> Reply:
        raise HangUp

    with pytest.raises(Transient) as caught:
        client.get(serve(answer))
    assert not isinstance(caught.value, Offline)


def test_a_name_that_is_not_resolved_in_time_is_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(sessions.socket, "getaddrinfo", lambda *a, **k: never.wait(60))
    began = time.monotonic()
    with pytest.raises(Offline, match="no answer to the question where"):
        ours.Client(Options(patience=0.2)).get("http://localhost:1/")
    never.set()
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_inside_is_refused_for_strangers_before_a_byte_is_sent(serve: Serve, host: str) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(200, b"secret")

    url = serve(answer).replace("127.0.0.1", host)
    with pytest.raises(RemoteError, match="private network"):
        ours.Client(Options(from_manifest=True)).get(url)
    assert asked == []


def test_blocks_that_came_before_a_break_are_not_lost(serve: Serve, client: ours.Client) -> None:
    def half() -> Iterator[bytes]:
        yield b"x" * 1000
        raise HangUp

    base = serve(lambda _: Reply(200, Stream(2000, half())))
    got = []
    with client.get(base) as body, pytest.raises(Transient):
        got.extend(iter(body))
    assert b"".join(got) == b"x" * 1000


def test_an_upload_has_a_length_and_is_read_as_it_goes(serve: Serve, client: ours.Client, tmp_path: Path) -> None:
    seen: list[tuple[str | None, str | None, bytes]] = []

    def answer(request: Request) -> Reply:
        body = b"".join(request.body.blocks())
        seen.append((request.headers.get("Content-Length"), request.headers.get("Transfer-Encoding"), body))
        return Reply(201)

    file = tmp_path / "x.pt"
    file.write_bytes(bytes(range(256)) * 4000)
    moved: list[int] = []
    with ours.Stream(Upload("x", str(file), 1000, 600_000, "", "", ""), moved.append) as stream:
        client.send("POST", serve(answer), {}, stream).close()
    assert seen == [("600000", None, file.read_bytes()[1000:601_000])]
    assert max(moved) == sessions.SEND


def test_proxies_of_the_environment_are_used_and_no_proxy_is_kept(
    serve: Serve, client: ours.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.host)
        return Reply(200, b"x")

    proxy = serve(answer)
    monkeypatch.setenv("http_proxy", proxy)
    client.get("http://models.example/x").close()
    assert seen == ["models.example"]
    client.get(f"{proxy}/").close()
    assert seen == ["models.example", ""]


def test_the_proxy_of_git_wins_and_can_be_for_one_host(serve: Serve, client: ours.Client) -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.host)
        return Reply(200, b"x")

    git.run("config", "--global", "http.http://models.example/.proxy", serve(answer))
    client.get("http://models.example/x").close()
    assert seen == ["models.example"]
    with pytest.raises(Offline, match="proxy"):
        client.get("http://elsewhere.example/x")  # the environment's leads nowhere


class _Tls(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"bytes")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own, and that certificate's file."""
    cert, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(cert), "-keyout", str(key)]
    subprocess.run([*made.split(), *named], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Tls)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/", cert
    server.shutdown()
    server.server_close()


def test_a_certificate_nobody_vouches_for_is_refused_in_words(tls: tuple[str, Path], client: ours.Client) -> None:
    with pytest.raises(RemoteError, match="certificate of 127") as caught:
        client.get(tls[0])
    assert not isinstance(caught.value, Transient)
    assert "REQUESTS_CA_BUNDLE" in caught.value.fix


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"])
def test_a_companys_certificate_is_taken_from_the_environment(
    tls: tuple[str, Path], client: ours.Client, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tls[1]))
    with client.get(tls[0]) as body:
        assert b"".join(body) == b"bytes"


def test_a_companys_certificate_is_taken_from_git(tls: tuple[str, Path], client: ours.Client) -> None:
    git.run("config", "--global", "http.sslCAInfo", str(tls[1]))
    with client.get(tls[0]) as body:
        assert b"".join(body) == b"bytes"


def test_verification_is_never_switched_off(tls: tuple[str, Path], client: ours.Client) -> None:
    git.run("config", "--global", "http.sslVerify", "false")
    with pytest.raises(RemoteError, match="certificate"):
        client.get(tls[0])


def test_a_ca_file_that_is_missing_is_named(client: ours.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(RemoteError, match=r"/nowhere/ca\.pem does not exist"):
        client.get("https://127.0.0.1:9/")


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_should_be_small_is_not_read_for_ever(serve: Serve, client: ours.Client, packed: bool) -> None:
    sent = []

    def blocks() -> Iterator[bytes]:
        bomb = zlib.compressobj(9, wbits=31)
        for _ in range(100):
            block = bytes(1 << 20)
            sent.append(block := bomb.compress(block) + bomb.flush(zlib.Z_SYNC_FLUSH) if packed else block)
            yield block

    def answer(_: Request) -> Reply:
        return Reply(200, Stream(100 << 20, blocks()), {"Content-Encoding": "gzip"} if packed else {})

    with (
        client.send("GET", serve(answer)) as response,
        pytest.raises(RemoteError, match="is larger than 16 MiB"),
    ):
        ours.whole(response)


def test_a_small_answer_is_read_whole_as_often_as_it_is_asked_for(serve: Serve, client: ours.Client) -> None:
    said = bytes(range(256)) * 4096
    with client.send("GET", serve(lambda _: Reply(200, said))) as response:
        assert ours.whole(response) == ours.whole(response) == said


class _Told(NamedTuple):
    """As much of an answer as `redirect` looks at."""

    status_code: int
    headers: dict[str, str]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://github.com/x", "http://github.com/x", None),
        ("https://github.com/x", "HTTP://github.com/x", None),
        ("https://github.com/x", "ftp://github.com/x", None),
        ("https://github.com/x", "file:///etc/passwd", None),
        ("https://github.com/x", "", None),
        ("https://github.com/x", "//evil.example/y", "https://evil.example/y"),
        ("https://github.com/x", "/y", "https://github.com/y"),
        ("http://127.0.0.1/x", "https://github.com/y", "https://github.com/y"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leaves_https(url: str, location: str, target: str | None, status: int) -> None:
    told: Any = _Told(status, {"Location": location})
    if target is None:
        with pytest.raises(RemoteError, match="not followed"):
            ours.redirect(told, url)
    else:
        assert ours.redirect(told, url) == target


@pytest.mark.parametrize(
    "location",
    [
        "https://github.com@evil/x",
        "https://github.com\\@evil/x",
        "https:///github.com/x",
        "https://github.com%0a.evil/x",
        "http://2130706433/x",
        "http://0x7f000001/x",
        "http://127.1/x",
    ],
)
def test_a_redirect_to_a_url_that_can_be_read_in_two_ways_is_refused(
    serve: Serve, client: ours.Client, location: str
) -> None:
    base = serve(lambda _: Reply(302, headers={"Location": location}))
    with pytest.raises(ModelsError):
        client.get(f"{base}/", 0)


def test_each_hop_is_looked_at_not_the_first_alone(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def inside(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(200, b"secret")

    inner = serve(inside).replace("127.0.0.1", "127.0.0.2")
    outer = serve(lambda _: Reply(302, headers={"Location": f"{inner}/latest/meta-data"}))
    for module in (sessions, urls):
        monkeypatch.setattr(module, "public_address", lambda ip: ip == "127.0.0.1")
    with pytest.raises(RemoteError, match="private network"):
        ours.Client(Options(from_manifest=True)).get(f"{outer}/model.pt")
    assert asked == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/latest/meta-data", "http://[::ffff:169.254.169.254]/", "http://[::1]/"),
        *("http://127.0.0.1/", "https://10.0.0.1/x.pt", "https://[fd00::1]/x.pt", "http://2130706433/"),
        *("http://0x7f000001/", "http://127.1/", "http://[64:ff9b::a9fe:a9fe]/"),
    ],
)
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", ""])
def test_a_strangers_url_into_a_private_network_is_not_asked_directly_or_through_a_proxy(
    url: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(_self: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    for kind in (sessions.HTTPConnection, sessions.HTTPSConnection):
        monkeypatch.setattr(kind, "_new_conn", connect)
    with pytest.raises(ModelsError, match=r"private network|different ways"):
        ours.Client(Options(from_manifest=True, patience=1)).get(url)
