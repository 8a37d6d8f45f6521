"""These tests need Git LFS and DVC: `scripts/migrations` runs them, and says where DVC is.

Without its variable they are no part of a test run; with it, a missing tool fails them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox

DVC = os.environ.get("GIT_MODELS_DVC", "")
collect_ignore_glob = [] if DVC else ["test_*.py"]


def with_dvc(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put `dvc` into PATH, without the rest of its environment; `folder` is made for that."""
    folder.mkdir()
    (folder / "dvc").symlink_to(DVC)
    patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    patch.setenv("DVC_NO_ANALYTICS", "1")
    patch.setenv("DVC_SITE_CACHE_DIR", str(folder / "site"))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dvc` in this test's PATH."""
    with_dvc(monkeypatch, tmp_path / "with-dvc")


@pytest.fixture
def kept(repo: Sandbox, place: Path) -> Sandbox:
    """A work tree whose models will go to the folder `place`."""
    repo.git("config", "models.remote", place.as_uri())
    return repo
