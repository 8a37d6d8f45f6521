"""Several places at once: each gets everything, each is named, and a project moves between them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import answer
from tests.helpers import team
from tests.helpers.sandbox import Sandbox


def names(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir())


@pytest.fixture
def second(ready: Sandbox, tmp_path: Path) -> Path:
    """Another folder that the clone knows as `second`."""
    folder = tmp_path / "second"
    folder.mkdir()
    ready.models("remote", "add", "second", str(folder), "--local")
    return folder


def first(work: Sandbox) -> str:
    (name,) = (r["name"] for r in answer(work, "remote", "list")["remotes"] if r["default"])
    return str(name)


def test_a_project_moves_to_another_place_and_leaves_nothing_here(ready: Sandbox, second: Path, place: Path) -> None:
    old = first(ready)
    before = list(team.objects(ready))
    would = answer(ready, "copy", "--from", old, "--to", "second", "-n")
    assert (len(would["copied"]), names(second)) == (1, [])
    done = answer(ready, "copy", "--from", old, "--to", "second")
    assert (len(done["copied"]), done["already"], done["failed"]) == (1, 0, [])
    assert names(second) == names(ready.root.parent / "place")
    assert list(team.objects(ready)) == before  # what passed through is gone again
    again = answer(ready, "copy", "--from", old, "--to", "second")
    assert (again["copied"], again["already"]) == ([], 1)


def test_all_copies_every_version_that_a_branch_names(ready: Sandbox, second: Path) -> None:
    old = first(ready)
    ready.weight("weights/best.pt", 20_000, seed=7)
    ready.models("add", "-u")
    ready.commit("Second")
    ready.git("push")
    told = ready.models("copy", "--from", old, "--to", "second")
    assert "copied 1 object" in told.out
    assert "git models remote default second" in told.err
    assert "copied 1 object" in ready.models("copy", "--from", old, "--to", "second", "--all").out
    assert len(names(second)) == 2


def test_what_the_source_lacks_is_named(ready: Sandbox, second: Path, tmp_path: Path) -> None:
    (tmp_path / "third").mkdir()
    ready.models("remote", "add", "third", str(tmp_path / "third"), "--local")
    path = next(iter(ready.entries()))
    (ready / path).unlink()
    failed = answer(ready, "copy", "--from", "third", "--to", "second", code=1)
    assert [f["path"] for f in failed["failed"]] == [path]
    assert names(second) == []


def test_a_place_is_not_copied_to_itself(ready: Sandbox, second: Path) -> None:
    assert "are one place" in ready.models("copy", "--from", "second", "--to", str(second.as_uri()), code=2).err
    assert "no place is called" in ready.models("copy", "--from", "nowhere", "--to", "second", code=1).err


def test_status_and_list_say_where_each_model_is(ready: Sandbox, second: Path) -> None:
    old = first(ready)
    ready.models("copy", "--from", old, "--to", "second")
    assert f"; on {old}, second)" in ready.models("status", "-v").out
    assert f"    on {old}, second\n" in ready.models("list", "-l").out
    (model,) = answer(ready, "status")["models"]
    assert len(model["on"]) == 2


def test_several_defaults_all_get_what_is_pushed_although_one_fails(ready: Sandbox, second: Path) -> None:
    old = first(ready)
    told = ready.models("remote", "default", "second", old)
    assert "models go to second" in told.out
    assert sum(r["default"] for r in answer(ready, "remote", "list")["remotes"]) == 2
    ready.weight("weights/best.pt", 20_000, seed=7)
    ready.models("add", "-u")
    shutil.rmtree(second)
    second.write_text("a file where the folder was")
    done = answer(ready, "push", code=1)
    kept, lost = sorted(done["remotes"], key=lambda report: len(report["failed"]))
    assert "is not a folder" in lost["failed"][0]["error"]
    assert len(kept["uploaded"]) == 1
