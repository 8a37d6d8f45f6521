"""`git models check --history`: what lies where, and what a migration would save."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.messy import LARGE, everything
from tests.helpers.sandbox import Sandbox
from tests.migrate.conftest import Moved

BEST, SIDE = "weights/best.pt", "side/half trained.ckpt"


def survey(work: Sandbox, code: int = 1) -> Any:
    return json.loads(work.models("check", "--history", "--json", code=code).out)


def test_every_version_is_named_with_size_commit_and_path_and_nothing_changes(project: Sandbox) -> None:
    project.weight("staged.pt", LARGE, seed=5)
    project.git("add", "staged.pt")
    project.write(".gitignore", "*.onnx\n")
    project.weight("hidden.onnx", LARGE, seed=6)
    before = everything(project)
    found = survey(project)
    assert everything(project) == before and not (project / ".git/models/objects").exists()
    first = project.head("light")
    assert {(v["path"], v["size"]) for v in found["history"]} == {
        *((BEST, LARGE + n) for n in range(3)),
        (SIDE, LARGE),
    }
    assert [v["commit"] for v in found["history"] if (v["path"], v["size"]) == (BEST, LARGE)] == [first]
    assert found["staged"] == [["staged.pt", LARGE]] and found["loose"] == [["hidden.onnx", LARGE]]
    assert found["saves_unpushed"] == found["saves_everything"] > 4 * LARGE
    said = project.models("check", "--history", code=1).out
    assert f"1.2 MB  {first[:10]}  {BEST}" in said and "next: git models migrate history   # not pushed" in said


def test_what_no_manifest_can_hold_is_not_passed_over(repo: Sandbox) -> None:
    repo.weight('in "quotes".pt', LARGE)
    repo.commit("Weights")
    found = survey(repo)
    assert [v["path"] for v in found["history"]] == ['in "quotes".pt'] == [path for path, _ in found["refused"]]
    assert found["saves_everything"] == 0
    said = repo.models("check", "--history", code=1).out
    assert "Windows allows no" in said and "git rebase -i" in said and "migrate history" not in said


@pytest.mark.slow
def test_what_is_published_costs_a_rewrite_and_a_shallow_clone_is_not_called_clean(
    repo: Sandbox, clone: Callable[..., Sandbox]
) -> None:
    repo.weight("w.pt", LARGE)
    repo.commit("Weights")
    repo.git("rm", "-q", "w.pt")
    repo.git("commit", "-m", "No weights")
    repo.git("push")
    assert survey(repo)["saves_unpushed"] == 0
    assert "--everything" in repo.models("check", "--history", code=1).out
    shallow = clone("shallow", "--depth", "1")
    told = shallow.models("check", "--history", code=1)
    assert "no weights or large files in any commit that is here" in told.out and "--unshallow" in told.err


def test_after_the_migration_there_is_nothing_left(moved: Moved) -> None:
    assert survey(moved.repo, code=0)["history"] == []
