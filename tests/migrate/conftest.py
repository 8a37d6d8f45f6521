"""What the tests of migrations share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers import messy, seal
from tests.helpers.sandbox import Result, Sandbox


@pytest.fixture(scope="session")
def untidy(tmp_path_factory: pytest.TempPathFactory, _sealed_session: None) -> Path:
    """Made once: see `messy.make`."""
    folder = tmp_path_factory.mktemp("messy")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seal.personal(tmp_path_factory.mktemp("make") / "home").items():
            patch.setenv(name, value)
        messy.make(folder)
    return folder


@pytest.fixture
def project(untidy: Path, tmp_path: Path) -> Sandbox:
    """A project with weights in commits that the server at `origin` refuses; `place` is for models."""
    (tmp_path / "place").mkdir()
    repo = messy.copy(untidy, tmp_path)
    repo.git("config", "models.remote", (tmp_path / "place").as_uri())
    return repo


class Moved(NamedTuple):
    """What a migration left, made once and only looked at."""

    folder: Path
    repo: Sandbox
    refused: Result
    said: Result


@pytest.fixture(scope="session")
def moved(untidy: Path, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """The project after a push that was refused, `git models migrate history` and the same push."""
    folder = tmp_path_factory.mktemp("moved")
    (folder / "place").mkdir()
    repo = messy.copy(untidy, folder)
    repo.git("config", "models.remote", (folder / "place").as_uri())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seal.personal(tmp_path_factory.mktemp("move") / "home").items():
            patch.setenv(name, value)
        refused = repo.git("push", "origin", "main", code=1)
        said = repo.models("migrate", "history")
        repo.git("push", "origin", "main", "side", "--tags")
    return Moved(folder, repo, refused, said)
