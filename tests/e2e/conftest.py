"""What the end-to-end tests begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.github import GitHub
from tests.helpers import team
from tests.helpers.sandbox import Sandbox

pytest.register_assert_rewrite("tests.helpers.commits")


@pytest.fixture
def work(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A repository after `git models setup`, with a folder as the place for its models; all is committed and pushed."""
    return team.copy(made("prepared"), tmp_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """A GitHub where the token "rw", which git's credential helper knows, may write."""
    monkeypatch.setenv("TOKEN", "rw")
    with GitHub(tmp_path / "hub") as server:
        server.token("rw", can={"owner/repo": "write", "owner/private": "write"})
        yield server
