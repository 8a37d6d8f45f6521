"""A package that other people wrote adds a place: the example of CONTRIBUTING.md, installed and used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import RemoteError, UsageError
from git_models.remotes import contract
from tests.helpers import ROOT, seal
from tests.helpers.sandbox import Sandbox


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The bin folder of a `git-models` beside which the example is installed, and the example's folder."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (toml,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "git_models_sqlite" in block)
    base = tmp_path_factory.mktemp("third")
    (base / "source").mkdir()
    (base / "source" / "pyproject.toml").write_text(toml)
    (base / "source" / "git_models_sqlite.py").write_text(code)
    folder = seal.install(base / "venv")
    (site,) = folder.parent.glob("lib/python3*/site-packages")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run(
        [*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", site, base / "source"], check=True
    )
    return folder, site


@pytest.fixture
def here(installed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(installed[1])
    remotes._installed.cache_clear()
    yield
    remotes._installed.cache_clear()


def test_the_example_is_short() -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 55


def test_the_example_keeps_the_contract(here: None, tmp_path: Path) -> None:
    place = remotes.open(f"sqlite:///{tmp_path}/models.db", "db")
    assert [result for result in contract.run(place, str(tmp_path)) if result.fault] == []
    assert list(place.list()) == []


def test_a_team_uses_the_example(
    installed: tuple[Path, Path],
    repo: Sandbox,
    clone: Callable[..., Sandbox],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"{installed[0]}{os.pathsep}{os.environ['PATH']}")
    repo.models("remote", "add", "db", f"sqlite:///{tmp_path}/models.db")
    repo.models("setup")
    repo.weight("weights/best.pt", 50_000, seed=1)
    repo.commit("First weights")
    repo.git("push")
    other = clone("other")
    assert "git models remote trust db" in other.models("pull", code=1).err  # code of others is used when approved
    other.models("remote", "trust", "db")
    other.models("pull")
    assert other.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]


def test_what_comes_with_git_models_cannot_be_replaced(here: None, tmp_path: Path) -> None:
    info = tmp_path / "evil-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[git_models.remotes]\ngithub = evil\nbroken = evil.missing\n")
    sys.path.insert(0, str(tmp_path))
    try:
        remotes._installed.cache_clear()
        assert type(remotes.open("github://owner/repo", "x")).__name__ == "GitHub"
        with pytest.raises(RemoteError, match=r"what serves broken:// \(evil.missing\) cannot be loaded"):
            remotes.open("broken://x", "x")
        with pytest.raises(UsageError, match="sqlite://"):
            remotes.open("nothing://x", "x")
    finally:
        sys.path.remove(str(tmp_path))
