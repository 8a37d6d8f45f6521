"""The way most people come here: GitHub has refused a push."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.github import GitHub
from tests.helpers.forge import another, begin
from tests.helpers.messy import LARGE, strict
from tests.helpers.sandbox import Sandbox, weights

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("empty", [False, True])
def test_a_refused_push_goes_through_after_one_command_and_the_weights_are_in_the_release(
    hub: GitHub, tmp_path: Path, empty: bool
) -> None:
    there = hub.repository("owner/repo", empty=empty)
    strict(Sandbox(there.git))
    work = begin(hub, tmp_path)
    work.git("config", "http.postBuffer", "100000000")  # the stand-in reads no chunks
    if not empty:
        work.git("pull", "origin", "main")
    for seed in (1, 2):
        work.weight("weights/best.pt", LARGE, seed)
        work.commit(f"Version {seed}")
    assert "GH001" in work.git("push", "-u", "origin", "main", code=1).err
    work.models("migrate", "history")
    # To an empty repository git's own push comes second and calls that a failure, as it says.
    work.git("push", "-u", "origin", "main", code=1 if empty else 0)
    work.git("push", "-u", "origin", "main")
    assert {asset.bytes() for asset in hub.assets("owner/repo").values()} == {weights(LARGE, 1), weights(LARGE, 2)}
    other = another(hub, tmp_path)
    other.models("pull")
    assert other.read("weights/best.pt") == weights(LARGE, 2)
    other.git("checkout", "-q", "HEAD^")
    assert other.read("weights/best.pt") == weights(LARGE, 1)
