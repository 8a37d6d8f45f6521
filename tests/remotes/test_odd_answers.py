"""What is no answer of the service (a proxy's page, other JSON than was asked for) is told and never believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_models import git, remotes
from git_models.errors import ModelsError, RemoteError
from git_models.remotes.base import Options, Remote
from tests.fakes.web import Listener, Reply, listen
from tests.helpers.uploads import made

ASSET = "best-0123456789ab.pt"
DATA = b"\0weights" * 999
PAGE = Reply(
    200,
    b"<!DOCTYPE html><title>Blocked</title><p>Our company does not allow this site. token=abcdefgh12345678",
    {"Content-Type": "text/html; charset=utf-8"},
)
ANSWERS = {
    "page": PAGE,
    "nothing": Reply(200, b""),
    "empty": Reply(200, b"{}", {"Content-Type": "application/json"}),
    "list": Reply(200, b"[]", {"Content-Type": "application/json"}),
    "numbers": Reply(200, b"[1, [2]]", {"Content-Type": "application/json"}),
    "null": Reply(200, b"null", {"Content-Type": "application/json"}),
    "strange": Reply(
        200,
        b'{"files": 7, "entries": [3], "objects": 5, "size": "large", "name": [], "error": 1, "id": {}}',
        {"Content-Type": "application/json"},
    ),
    "refused": Reply(403, PAGE.body, PAGE.headers),
    "refused oddly": Reply(
        409, b'{"error": [1], "error_summary": {}, "message": 5}', {"Content-Type": "application/json"}
    ),
    "broken": Reply(502, PAGE.body, PAGE.headers),
    "xml": Reply(207, b"<?xml version='1.0'?><multistatus xmlns='DAV:'><response/></multistatus>"),
}
KINDS = ("dropbox", "gdrive", "hf", "https", "webdav")


@pytest.fixture
def serve() -> Iterator[Callable[[Reply], str]]:
    listeners: list[Listener] = []
    faults: list[str] = []

    def start(reply: Reply) -> str:
        listeners.append(listen(lambda _: Reply(reply.status, reply.body, dict(reply.headers)), faults.append))
        return f"http://127.0.0.1:{listeners[-1].port}"

    yield start
    for one in listeners:
        one.stop()
    assert faults == []


def place(kind: str, url: str, patch: pytest.MonkeyPatch) -> Remote:
    if kind in ("https", "webdav"):
        return remotes.open(f"{'webdav+' if kind == 'webdav' else ''}{url}/models", "there", Options(patience=2))
    git.run("config", "--global", "models.there.endpoint", url)
    for name in ("DROPBOX_ACCESS_TOKEN", "GOOGLE_ACCESS_TOKEN", "HF_TOKEN"):
        patch.setenv(name, "the-secret-token")
    urls = {"dropbox": "dropbox:///models", "gdrive": "gdrive://FOLDER", "hf": "hf://ada/weights"}
    return remotes.open(urls[kind], "there", Options(patience=2))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_told_in_words(
    kind: str, answer: str, serve: Callable[[Reply], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = place(kind, serve(ANSWERS[answer]), monkeypatch)
    wanted = made(tmp_path, ASSET, data=DATA)
    told: list[str] = []

    def put() -> None:
        there.put(wanted, lambda _: None)
        there.finish()

    def get() -> None:
        with there.get(ASSET) as body:
            assert b"".join(body) != DATA

    steps: tuple[Callable[[], object], ...] = (
        lambda: there.has([ASSET]),
        lambda: list(there.list()),
        put,
        get,
        lambda: there.delete(ASSET),
    )
    for step in steps:
        try:
            step()
        except ModelsError as error:
            assert isinstance(error, RemoteError)
            told.append(error.what + error.fix)
    for secret in ("the-secret-token", "abcdefgh12345678"):
        assert not any(secret in words for words in told)
    held = {}
    try:
        held = there.has([ASSET])
    except ModelsError:
        pass
    assert ASSET not in held or held[ASSET].sha256 != wanted.sha256
