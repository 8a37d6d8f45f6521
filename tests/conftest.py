"""Every test runs sealed: its own HOME, git configuration and locale, no token, no network but loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import git_models
from tests.helpers import ROOT, seal, team
from tests.helpers.sandbox import Sandbox

# git_models.hooks is the folder hooks/ of the checkout; an installed package has it inside.
git_models.__path__.append(str(ROOT))

# The same examples in each run, however slow the machine is: no change fails for what it has nothing to do with.
# HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


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
    """A bare repository, as a server keeps it: empty, unless the test asks for `repo` or `work` as well."""
    bare = Sandbox(tmp_path / "origin.git")
    if not bare.root.exists():
        bare.root.mkdir()
        bare.git("init", "--bare")
    return bare


@pytest.fixture
def repo(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A work tree with one commit, pushed to `origin`, without any hook."""
    return team.copy(made("plain"), tmp_path)


@pytest.fixture
def clone(origin: Sandbox) -> Callable[..., Sandbox]:
    """`clone("name", *options)`: a colleague's plain `git clone` of `origin`."""
    return origin.clone


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for a `file:` remote; its URL is `place.as_uri()`."""
    folder = tmp_path / "place"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, _sealed_session: None) -> Callable[[str], Path]:
    """`made(STAGE)`: a folder with `origin.git`, `repo` and `place` as `team.STAGES` makes them, once a session."""
    folders: dict[str, Path] = {}

    def make(stage: str) -> Path:
        if stage not in folders:
            folder = tmp_path_factory.mktemp(stage)
            with pytest.MonkeyPatch.context() as patch:
                for name, value in seal.personal(tmp_path_factory.mktemp("home") / "home").items():
                    patch.setenv(name, value)
                team.STAGES[stage](folder)
            folders[stage] = folder
        return folders[stage]

    return make


@pytest.fixture
def ready(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A work tree with version 1 of a model, recorded and pushed; `origin` and the place are beside it."""
    return team.copy(made("begun"), tmp_path)
