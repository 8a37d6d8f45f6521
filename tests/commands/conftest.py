"""What the tests of commands share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.github import GitHub
from tests.helpers import seal
from tests.helpers.sandbox import Sandbox

MODEL = "weights/best.pt"


@pytest.fixture
def recorded(repo: Sandbox) -> Sandbox:
    """A repository with one model, recorded and committed, that is on no remote."""
    repo.weight(MODEL)
    repo.models("add", MODEL)
    repo.git("commit", "-m", "Record a model")
    return repo


@pytest.fixture(scope="session")
def _lone_once(tmp_path_factory: pytest.TempPathFactory, _sealed_session: None) -> Path:
    work = Sandbox(tmp_path_factory.mktemp("lone") / "repo")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seal.personal(tmp_path_factory.mktemp("lone-home") / "home").items():
            patch.setenv(name, value)
        work.root.mkdir()
        work.git("init")
        work.weight(MODEL)
        work.models("add", MODEL)
        work.git("commit", "-m", "Record a model")
    return work.root


@pytest.fixture
def lone(_lone_once: Path, tmp_path: Path) -> Sandbox:
    """A repository with one model, recorded and committed, and no remote: a copy, made in a moment."""
    return Sandbox(Path(shutil.copytree(_lone_once, tmp_path / "repo", symlinks=True)))


@pytest.fixture
def stored(recorded: Sandbox, place: Path) -> Sandbox:
    """A repository whose one model was pushed to the folder `place`."""
    recorded.git("config", "models.store.url", place.as_uri())
    recorded.git("config", "models.remote", "store")
    recorded.models("push")
    return recorded


def answer(work: Sandbox, *args: str, code: int | None = 0) -> Any:
    """The JSON document that a command prints."""
    return json.loads(work.models(*args, "--json", code=code).out)


def snapshot(work: Sandbox) -> dict[str, str]:
    """Everything a failing command must leave alone: files, index, configuration."""
    files = {
        str(f.relative_to(work.root)): work.sha256(str(f.relative_to(work.root)))
        for f in work.root.rglob("*")
        if f.is_file() and ".git" not in f.relative_to(work.root).parts
    }
    return files | {"index": work.git("ls-files", "-s").out, "config": work.read(".git/config").decode()}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """A stand-in with the public repository owner/repo, a token that may write to it and one that may not."""
    with GitHub(tmp_path / "hub") as server:
        server.repository("owner/repo")
        server.token("rw", can={"owner/repo": "write"}, login="ada")
        server.token("ro", can={"owner/repo": "read"}, login="bob")
        yield server
