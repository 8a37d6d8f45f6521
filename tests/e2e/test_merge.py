"""Two people change models.yaml: what git can merge by itself, and how the rest is settled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL, begin, holds, retrain


def branches(repo: Sandbox, ours: str, theirs: str) -> None:
    """Two branches that each add a model, `theirs` and (checked out) `ours`."""
    repo.git("switch", "-c", "theirs")
    repo.weight(theirs, seed=20)
    repo.commit("Theirs")
    repo.git("switch", "-c", "ours", "main")
    repo.weight(ours, seed=30)
    repo.commit("Ours")


def clash(repo: Sandbox) -> None:
    """A merge that stops: version 3 is ours, version 2 is theirs."""
    repo.git("switch", "-c", "theirs")
    retrain(repo, 2)
    repo.git("switch", "main")
    retrain(repo, 3)
    repo.git("merge", "theirs", code=1)


@pytest.mark.parametrize(("ours", "theirs"), [("a.pt", "b.pt"), ("z.pt", "y.pt")])
def test_independent_additions_merge_by_themselves(ready: Sandbox, ours: str, theirs: str) -> None:
    branches(ready, ours, theirs)
    ready.git("merge", "theirs")
    assert sorted(ready.entries("HEAD")) == sorted([ours, theirs, MODEL])
    assert holds(ready, 30, ours) and holds(ready, 20, theirs) and holds(ready, 1)
    assert ready.status() == []


def test_an_addition_and_a_removal_merge_by_themselves_in_a_rebase(ready: Sandbox) -> None:
    ready.git("switch", "-c", "theirs")
    ready.models("rm", MODEL)
    ready.git("commit", "-m", "Gone")
    ready.git("switch", "-c", "ours", "main")
    ready.weight("a.pt", seed=30)
    ready.commit("Ours")
    ready.git("rebase", "theirs")
    assert list(ready.entries("HEAD")) == ["a.pt"]
    assert holds(ready, 30, "a.pt") and not ready.exists(MODEL)


def test_different_fields_of_one_model_merge_by_themselves(ready: Sandbox) -> None:
    text = ready.read("models.yaml").decode()
    block = f"  {MODEL}:\n"
    ready.git("switch", "-c", "theirs")
    ready.write("models.yaml", text.replace(block, f'{block}    description: "A detector"\n'))
    ready.git("commit", "-am", "Describe")
    ready.git("switch", "main")
    ready.write("models.yaml", text.replace(block, f'{block}    license: "MIT"\n'))
    ready.git("commit", "-am", "License")
    ready.git("merge", "theirs")
    entry = ready.entries("HEAD")[MODEL]
    assert entry["description"] == "A detector" and entry["license"] == "MIT"


def test_the_same_model_changed_on_both_sides_is_a_conflict_that_names_it(ready: Sandbox) -> None:
    clash(ready)
    text = ready.read("models.yaml").decode()
    assert text.index("<<<<<<<") < text.index("=======") < text.index(">>>>>>>")
    assert ready.status() == ["UU models.yaml"]
    assert holds(ready, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("side", "seed"), [("--ours", 3), ("--theirs", 2)])
@pytest.mark.parametrize("named", [True, False])
def test_a_conflict_is_settled_by_choosing_a_side(ready: Sandbox, side: str, seed: int, named: bool) -> None:
    clash(ready)
    ready.models("checkout", side, *([MODEL] if named else []))
    assert ready.status() == (["M  models.yaml"] if seed == 2 else [])
    ready.git("commit", "-m", "Settled")
    assert holds(ready, seed)
    assert len(ready.git("show", "-s", "--format=%P").out.split()) == 2


def test_without_the_driver_union_keeps_what_both_sides_added(ready: Sandbox) -> None:
    ready.git("config", "--remove-section", "merge.git-models")
    (ready / ".git/info/attributes").unlink()
    branches(ready, "a.pt", "b.pt")
    ready.git("merge", "theirs", code=1)
    ready.models("checkout", "--union")
    ready.git("commit", "-m", "Both")
    assert sorted(ready.entries("HEAD")) == ["a.pt", "b.pt", MODEL]
    assert holds(ready, 30, "a.pt") and holds(ready, 20, "b.pt")


def test_a_driver_that_cannot_start_leaves_a_conflict_and_both_sides(ready: Sandbox) -> None:
    ready.git("config", "merge.git-models.driver", "/nowhere/python %O %A %B %P")
    branches(ready, "a.pt", "b.pt")
    ready.git("merge", "theirs", code=1)
    assert ready.status() == ["UU models.yaml"]
    assert "b.pt" in ready.git("show", ":3:models.yaml").out


def test_a_broken_side_leaves_a_conflict(ready: Sandbox) -> None:
    ready.git("switch", "-c", "theirs")
    ready.write("models.yaml", "version: 1\nmodels: [oh\n")
    ready.git("commit", "-am", "Broken", "--no-verify")
    ready.git("switch", "main", code=None)
    ready.git("checkout", "-f", "main")
    retrain(ready, 3)
    ready.git("merge", "theirs", code=1)
    assert ready.status() == ["UU models.yaml"]
    assert holds(ready, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "model"),
    [("--continue", 2), ("--skip", 3), ("--abort", 3)],
)
def test_a_conflict_in_the_middle_of_a_series_of_picks(ready: Sandbox, way: str, model: int) -> None:
    ready.git("switch", "-c", "theirs")
    retrain(ready, 2)
    ready.weight("b.pt", seed=20)
    ready.commit("Another")
    ready.git("switch", "main")
    retrain(ready, 3)
    ready.git("cherry-pick", "main..theirs", code=1)
    assert "models.yaml" in ready.models("add", "-u", code=1).err
    if way == "--continue":
        ready.models("checkout", "--theirs")
    ready.git("cherry-pick", way)
    assert holds(ready, model)
    assert ready.exists("b.pt") == (way != "--abort") == ("b.pt" in ready.entries("HEAD"))
    assert ready.entries("HEAD")[MODEL]["sha256"] == ready.sha256(MODEL)
    assert ready.status() == []


def test_uninstall_takes_the_driver_out_and_leaves_the_rest_to_the_byte(repo: Sandbox, place: Path) -> None:
    attributes = "*.png binary\n# no final newline"
    repo.write(".git/info/attributes", attributes)
    before = repo.read(".git/info/attributes"), repo.git("config", "--local", "--list").lines
    begin(repo, place)
    repo.models("setup")
    assert repo.read(".git/info/attributes").count(b"merge=git-models") == 1
    assert repo.git("check-attr", "merge", "models.yaml").out.endswith(": git-models\n")
    repo.models("setup", "--uninstall")
    assert repo.read(".git/info/attributes") == before[0]
    left = set(repo.git("config", "--local", "--list").lines) - set(before[1])
    assert not [line for line in left if line.startswith(("merge.", "diff.", "core.fsmonitor"))]
