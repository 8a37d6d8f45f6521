"""What the end-to-end tests begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox

pytest.register_assert_rewrite("tests.helpers.commits")


@pytest.fixture
def work(repo: Sandbox, place: Path) -> Sandbox:
    """A repository after `git models setup`, with a folder as the place for its models; all is committed and pushed."""
    repo.models("setup", "--remote", place.as_uri())
    repo.write("train.py", "print('training')\n")
    repo.commit("Prepare")
    repo.git("push")
    return repo
