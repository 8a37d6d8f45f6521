"""`git models pull` and Debian's `gh release download` get the same bytes from the same store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ground_truth.conftest import Checked
from tests.ground_truth.test_clients import gh
from tests.helpers.forge import another, published


def test_gh_downloads_what_git_models_pulls(hub: Checked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "rw")
    hub.token("rw", can={"owner/repo": "write"})
    published(hub, tmp_path, "weights/best.pt", "weights/last.pt", size=2_000_000)
    other = another(hub, tmp_path)
    other.models("pull")
    gh(hub, tmp_path, "download", "git-models", "--dir", "by-gh")
    by_gh = {file.read_bytes() for file in (tmp_path / "by-gh").iterdir()}
    assert by_gh == {other.read("weights/best.pt"), other.read("weights/last.pt")}
    assert len(by_gh) == 2
