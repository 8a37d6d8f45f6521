"""Web servers and WebDAV: which URLs, whose passwords, and every refusal as a sentence."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import NotThere, RemoteError, Transient, UsageError
from git_models.remotes.base import Options, Remote, Upload
from tests.fakes.web import Reply, Request, Serve
from tests.helpers.sandbox import Sandbox
from tests.helpers.uploads import made

DATA = b"\0weights" * 999
ADA = "Basic " + base64.b64encode(b"ada:engine no. 1").decode()


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return made(tmp_path, data=DATA)


def keep(home: Path, user: str, password: str) -> None:
    """git's credential helper knows a user and a password for everything."""
    Sandbox(home).git(
        *("config", "--global", "credential.helper"),
        f"!f() {{ echo >> ~/asked; echo username={user}; echo 'password={password}'; }}; f",
    )


def dav(url: str, **options: bool) -> Remote:
    return remotes.open(f"webdav+{url}/models", "dav", Options(patience=2, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Models.Example.com:443/a/b/", "https://models.example.com/a/b"),
        ("https://models.example.com", "https://models.example.com"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("webdav+https://dav.example.com/remote.php/dav/files/ada/My%20models/?put=1",) * 2,
        ("https://models.example.com/a+b%c3%a9@c", "https://models.example.com/a+b%C3%A9@c"),
    ],
)
def test_a_url_has_one_form(url: str, normal: str) -> None:
    assert remotes.normalise(url) == normal.replace("/?", "?")


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.com/x",
        "webdav+http://10.0.0.1/x",
        "http://127.0.0.1.example.com/x",
        "https://github.com@evil.example/x",
        "https://models.example.com/a/../b",
        "https://models.example.com/a%2fb",
        "https://models.example.com/a//b",
        "https://models.example.com/x?put=1",
        "webdav+https://models.example.com/x?put=2",
        "webdav+https://ada@models.example.com/x",
        "https:///x",
        "https://models.example.com/%0a",
    ],
)
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        remotes.normalise(url)


def test_the_password_comes_from_git_after_a_401_and_stays_at_home(serve: Serve, home: Path) -> None:
    seen: list[tuple[str, str | None]] = []

    def elsewhere(request: Request) -> Reply:
        seen.append(("elsewhere", request.headers.get("Authorization")))
        return Reply(200, DATA)

    def answer(request: Request) -> Reply:
        seen.append((request.path, request.headers.get("Authorization")))
        if request.headers.get("Authorization") != ADA:
            return Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return Reply(302, headers={"Location": f"{other}/x"})

    other, base = serve(elsewhere), serve(answer)
    keep(home, "ada", "engine no. 1")
    place = remotes.open(f"{base}/models", "web")
    for _ in range(2):
        with place.get("best.pt") as body:
            assert b"".join(body) == DATA
    asked = "/models/best.pt"
    assert seen == [(asked, None), (asked, ADA), ("elsewhere", None), (asked, ADA), ("elsewhere", None)]
    assert (home / "asked").read_text() == "\n"


def test_the_user_bearer_has_a_token(serve: Serve, home: Path) -> None:
    def answer(request: Request) -> Reply:
        good = request.headers.get("Authorization") == "Bearer abc123"
        return Reply(200, DATA) if good else Reply(401, headers={"WWW-Authenticate": "Bearer"})

    keep(home, "bearer", "abc123")
    assert remotes.open(serve(answer), "web").has(["x.pt"])["x.pt"].size == len(DATA)


@pytest.mark.parametrize("option", ["from_manifest", "anonymous"])
def test_a_place_that_only_the_manifest_names_never_gets_a_password(serve: Serve, home: Path, option: str) -> None:
    keep(home, "ada", "engine no. 1")
    place = remotes.open(serve(lambda _: Reply(401)), "web", Options(**{option: True}))
    with pytest.raises(RemoteError):
        place.has(["x.pt"])
    assert not (home / "asked").exists()


@pytest.mark.parametrize(
    ("status", "headers", "words", "fix"),
    [
        (401, {"WWW-Authenticate": "Basic realm=x"}, "wants a user and a password", "git models login 127.0.0.1:"),
        (401, {"WWW-Authenticate": "Digest realm=x"}, "wants digest authentication", ""),
        (403, {}, "does not let you write", "ask its owner for the right to write"),
        (405, {}, "takes no files below", "WebDAV is not switched on|to read only"),
        (413, {}, "refuses files of this size", "client_max_body_size"),
        (507, {}, "is full", "free space there"),
        (301, {"Location": "https://other.example/?token=abcdef"}, r"https://other.example/.token=\*\*\*: not fol", ""),
        (423, {}, "somebody has locked", ""),
        (503, {"Retry-After": "7"}, "asks to wait", ""),
        (429, {}, "asks to wait", ""),
        (409, {}, "does not exist and could not be made", ""),
        (500, {}, "failed with status 500", ""),
        (400, {}, "status 400", ""),
    ],
)
def test_every_refusal_is_a_sentence(
    serve: Serve, upload: Upload, status: int, headers: dict[str, str], words: str, fix: str
) -> None:
    def answer(request: Request) -> Reply:
        return Reply(status, headers=headers) if request.method == "PUT" else Reply(404)

    moved: list[int] = []
    with pytest.raises(RemoteError, match=words) as caught:
        dav(serve(answer)).put(upload, moved.append)
    assert fix in caught.value.fix or any(f in caught.value.fix + caught.value.what for f in fix.split("|"))
    assert sum(moved) == 0
    assert "engine" not in str(caught.value) + caught.value.fix


def test_a_server_without_move_leads_to_plain_put(serve: Serve, upload: Upload) -> None:
    files: dict[str, bytes] = {}

    def answer(request: Request) -> Reply:
        if request.method == "PUT":
            files[request.path] = b"".join(request.body.blocks())
            return Reply(201)
        if request.method == "DELETE":
            return Reply(204 if files.pop(request.path, None) is not None else 404)
        if request.method in ("HEAD", "GET"):
            return Reply(200, files[request.path]) if request.path in files else Reply(404)
        return Reply(405)

    base = serve(answer)
    with pytest.raises(RemoteError, match="has no MOVE") as caught:
        dav(base).put(upload, lambda _: None)
    assert "?put=1" in caught.value.fix
    assert files == {}
    plain = remotes.open(f"webdav+{base}/models?put=1", "dav")
    plain.put(upload, lambda _: None)
    assert files == {f"/models/{upload.asset}": DATA}


def test_an_upload_that_arrived_short_never_gets_its_name(serve: Serve, upload: Upload) -> None:
    files: dict[str, bytes] = {}

    def answer(request: Request) -> Reply:
        if request.method == "PUT":
            files[request.path] = b"".join(request.body.blocks())[:-1]
            return Reply(201)
        if request.method == "DELETE":
            files.pop(request.path, None)
            return Reply(204)
        if request.method == "MOVE":
            pytest.fail("it was given its name")
        return Reply(200, files[request.path]) if request.path in files else Reply(404)

    base = serve(answer)
    with pytest.raises(Transient, match="arrived damaged"):
        dav(base).put(upload, lambda _: None)
    with pytest.raises(Transient, match="arrived damaged"):
        remotes.open(f"webdav+{base}/models?put=1", "dav").put(upload, lambda _: None)
    assert files == {}


def test_a_page_in_place_of_an_asset_is_not_held(serve: Serve) -> None:
    page = Reply(200, b"<!DOCTYPE html><p>Not here</p>", {"Content-Type": "text/html; charset=utf-8"})
    assert remotes.open(serve(lambda _: page), "web").has(["best.pt"]) == {}


def test_a_server_without_head_is_asked_for_one_byte(serve: Serve) -> None:
    def answer(request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(405)
        if request.path != "/best.pt":
            return Reply(404)
        return Reply(206, DATA[:1], {"Content-Range": f"bytes 0-0/{len(DATA)}"})

    held = remotes.open(serve(answer), "web").has(["best.pt", "other.pt"])
    assert {name: one.size for name, one in held.items()} == {"best.pt": len(DATA)}


def test_an_expired_signed_link_is_told(serve: Serve) -> None:
    xml = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    base = serve(lambda _: Reply(403, xml, {"Content-Type": "application/xml"}))
    with pytest.raises(RemoteError, match="has expired") as caught:
        remotes.links().get(f"{base}/best.pt?X-Amz-Signature=abcdef0123")
    assert "abcdef0123" not in caught.value.what


def test_a_list_with_definitions_is_not_read(serve: Serve) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><multistatus xmlns="DAV:"/>'
    with pytest.raises(RemoteError, match="definitions"):
        list(dav(serve(lambda _: Reply(207, bomb))).list())


def test_nothing_there_is_told(serve: Serve) -> None:
    with pytest.raises(NotThere, match=r"best\.pt is not at"):
        remotes.open(serve(lambda _: Reply(404)), "web").get("best.pt")
