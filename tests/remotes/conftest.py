from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.remotes import credentials, http
from git_models.remotes.base import Remote
from tests.fakes import drive, dropbox
from tests.fakes.github import GitHub
from tests.fakes.hub import Hub
from tests.fakes.web import Listener, Reply, Request, Serve, listen
from tests.helpers.sandbox import Sandbox
from tests.helpers.transfers import Bench


@pytest.fixture(autouse=True)
def _fresh_look_ups() -> None:
    """Tokens and proxies are looked up once a process; each test is a process of its own."""
    credentials.find.cache_clear()
    credentials.authorization.cache_clear()
    http.settings.cache_clear()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """A stand-in for GitHub with owner/repo and owner/private, and a token in the environment that may write."""
    with GitHub(tmp_path / "hub") as server:
        server.repository("owner/repo")
        server.repository("owner/private", private=True)
        server.token("rw", can={"owner/repo": "write", "owner/private": "write"})
        monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "rw")
        yield server


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(answer)`: a server on a port of its own; its base URL."""
    listeners: list[Listener] = []
    faults: list[str] = []

    def start(answer: Callable[[Request], Reply]) -> str:
        listeners.append(listen(answer, faults.append))
        return f"http://127.0.0.1:{listeners[-1].port}"

    yield start
    for one in listeners:
        one.stop()
    assert faults == []


@pytest.fixture
def bench(tmp_path: Path, hub: GitHub) -> Bench:
    """A folder with models, and a clock that GitHub's stand-in goes by."""
    bench = Bench(tmp_path)
    bench.clock.with_it = hub.tick
    return bench


@pytest.fixture(params=["file", "github", "github private", "hf", "hf parts", "dropbox", "gdrive"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """One of every kind of place, empty and writable."""
    if request.param == "file":
        yield remotes.open((tmp_path / "store").as_uri(), "nas")
        return
    if request.param == "dropbox":
        account = dropbox.Dropbox()
        with dropbox.serve(account):
            Sandbox(tmp_path).git("config", "--global", "models.box.endpoint", account.url)
            monkeypatch.setenv("DROPBOX_ACCESS_TOKEN", "access-0")
            yield remotes.open("dropbox:///Apps/models", "box")
        return
    if request.param == "gdrive":
        account = drive.Drive()
        with drive.serve(account):
            Sandbox(tmp_path).git("config", "--global", "models.drive.endpoint", account.url)
            monkeypatch.setenv("GOOGLE_ACCESS_TOKEN", "access-0")
            yield remotes.open(f"gdrive://{drive.FOLDER}", "drive")
        return
    if request.param.startswith("hf"):
        with Hub(private=True, chunk=100_000 if "parts" in request.param else 0) as server:
            monkeypatch.setenv("HF_ENDPOINT", server.url)
            monkeypatch.setenv("HF_TOKEN", "hf_writer")
            yield remotes.open("hf://ada/weights/models", "hub")
        return
    hub: GitHub = request.getfixturevalue("hub")
    yield remotes.open(hub.remote("owner/private" if "private" in request.param else "owner/repo"), "github")
