"""Every test runs sealed: its own HOME, git configuration and locale, no token, no network but loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import git_models
from tests.helpers import ROOT, seal, team
from tests.helpers.sandbox import Sandbox

# git_models.hooks is the folder hooks/ of the checkout; an installed package has it inside.
git_models.__path__.append(str(ROOT))


@pytest.fixture(scope="session")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `git-models` of this checkout lies; first in every test's PATH."""
    return seal.install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session", autouse=True)
def _sealed_session(tmp_path_factory: pytest.TempPathFactory, bin_folder: Path) -> Iterator[None]:
    env = seal.environment(bin_folder) | seal.personal(tmp_path_factory.mktemp("session") / "home")
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(env):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        seal.refuse_network(patch)
        yield


@pytest.fixture(autouse=True)
def home(_sealed_session: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's HOME, outside its `tmp_path`; the test starts in an empty folder that is no repository."""
    base = tmp_path_factory.mktemp("sealed")
    for name, value in seal.personal(base / "home").items():
        monkeypatch.setenv(name, value)
    (base / "cwd").mkdir()
    monkeypatch.chdir(base / "cwd")
    return base / "home"


@pytest.fixture
def origin(tmp_path: Path) -> Sandbox:
    """A bare repository with nothing in it, as a server keeps it."""
    bare = Sandbox(tmp_path / "origin.git")
    bare.root.mkdir()
    bare.git("init", "--bare")
    return bare


@pytest.fixture
def repo(origin: Sandbox) -> Sandbox:
    """A work tree with one commit, pushed to `origin`, without any hook."""
    work = Sandbox(origin.root.parent / "repo")
    work.root.mkdir()
    work.git("init")
    work.git("remote", "add", "origin", origin.root.as_uri())
    work.write("README.md", "# A repository\n")
    work.commit("Begin")
    work.git("push", "-u", "origin", "main")
    return work


@pytest.fixture
def clone(origin: Sandbox) -> Callable[..., Sandbox]:
    """`clone("name", *options)`: a colleague's plain `git clone` of `origin`."""
    return origin.clone


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for a `file:` remote; its URL is `place.as_uri()`."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, _sealed_session: None) -> Path:
    """Made once: `origin.git`, `repo` and `place` with one model, recorded and pushed."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seal.personal(tmp_path_factory.mktemp("begin") / "home").items():
            patch.setenv(name, value)
        bare, work = Sandbox(folder / "origin.git"), Sandbox(folder / "repo")
        (folder / "place").mkdir()
        bare.root.mkdir()
        bare.git("init", "--bare")
        work.root.mkdir()
        work.git("init")
        work.git("remote", "add", "origin", bare.root.as_uri())
        work.write("README.md", "# A repository\n")
        work.commit("Begin")
        work.git("push", "-u", "origin", "main")
        team.begin(work, folder / "place")
        assert team.until(lambda: not list(team.objects(work))), "the store kept its copy after a push"
    return folder


@pytest.fixture
def ready(begun: Path, tmp_path: Path) -> Sandbox:
    """A work tree with version 1 of a model, recorded and pushed; `origin` and the place are beside it."""
    return team.copy(begun, tmp_path)
