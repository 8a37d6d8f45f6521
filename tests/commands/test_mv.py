from __future__ import annotations

import os

import pytest

from git_models import link, manifests, removing, repo
from git_models.errors import ModelsError
from tests.commands.conftest import MODEL, answer, snapshot
from tests.helpers.sandbox import Sandbox, weights


def test_file_and_entry_get_the_new_path_and_the_asset_stays(recorded: Sandbox) -> None:
    before = recorded.entries()[MODEL]
    recorded.models("mv", MODEL, "models/detector.pt")
    assert recorded.entries() == {"models/detector.pt": before}
    assert recorded.read("models/detector.pt") == weights(4096)
    assert not (recorded / "weights").exists()
    assert recorded.status() == ["M  models.yaml"]


@pytest.mark.parametrize("target", ["docs", "docs/", "new/folder/"])
def test_a_folder_as_target_keeps_the_name(recorded: Sandbox, target: str) -> None:
    (recorded / "docs").mkdir()
    recorded.models("mv", MODEL, target)
    assert list(recorded.entries()) == [f"{target.rstrip('/')}/best.pt"]


def test_comments_and_unknown_keys_move_with_the_entry(recorded: Sandbox) -> None:
    text = recorded.read("models.yaml").decode()
    text = text.replace(f"  {MODEL}:\n", f"  # our best\n  {MODEL}:\n    colour: blue  # really\n")
    recorded.write("models.yaml", text)
    recorded.models("mv", MODEL, "a.pt")
    moved = recorded.read("models.yaml").decode()
    assert "  # our best\n  a.pt:\n    colour: blue  # really\n" in moved


@pytest.mark.parametrize("there", ["file", "model", "tracked"])
def test_nothing_is_overwritten(recorded: Sandbox, there: str) -> None:
    recorded.weight("taken.pt", seed=5)
    if there == "model":
        recorded.models("add", "taken.pt")
    if there == "tracked":
        recorded.git("add", "taken.pt")
        (recorded / "taken.pt").unlink()
    before = snapshot(recorded)
    assert "taken.pt" in recorded.models("mv", MODEL, "taken.pt", code=1).err
    assert snapshot(recorded) == before


def test_a_file_that_is_at_the_new_path_already_is_enough(recorded: Sandbox) -> None:
    (recorded / MODEL).rename(recorded / "best.pt")
    recorded.models("mv", MODEL, "best.pt")
    assert list(recorded.entries()) == ["best.pt"]
    assert recorded.read("best.pt") == weights(4096)
    assert recorded.status() == ["M  models.yaml"]


def test_another_file_at_the_new_path_is_no_model_that_has_arrived(recorded: Sandbox) -> None:
    (recorded / MODEL).unlink()
    recorded.weight("best.pt", seed=5)
    before = snapshot(recorded)
    assert "best.pt" in recorded.models("mv", MODEL, "best.pt", code=1).err
    assert snapshot(recorded) == before


def test_a_killed_call_left_both_names_and_the_next_one_leaves_the_new(recorded: Sandbox) -> None:
    os.link(recorded / MODEL, recorded / "best.pt")
    recorded.models("mv", MODEL, "best.pt")
    assert recorded.read("best.pt") == weights(4096)
    assert (recorded / "best.pt").stat().st_nlink == 1
    assert not (recorded / "weights").exists()
    assert not list(recorded.root.glob(".*.git-models"))


@pytest.mark.parametrize("words", [("add", "new.pt"), ("mv", MODEL, "moved.pt"), ("edit", MODEL, "--notes", "x")])
def test_where_another_git_holds_the_index_nothing_changes(recorded: Sandbox, words: tuple[str, ...]) -> None:
    recorded.weight("new.pt", seed=5)
    recorded.write(".git/index.lock", "")  # as `git commit -a` has it while the editor is open
    before = recorded.read("models.yaml"), snapshot(recorded)
    assert "index.lock" in recorded.models(*words, code=1).err
    assert (recorded.read("models.yaml"), snapshot(recorded)) == before
    (recorded / ".git/index.lock").unlink()
    recorded.models(*words)
    assert "M  models.yaml" in recorded.status()


def test_the_first_model_leaves_no_manifest_where_another_git_holds_the_index(repo: Sandbox) -> None:
    repo.weight("new.pt")
    repo.write(".git/index.lock", "")
    repo.models("add", "new.pt", code=1)
    assert not repo.exists("models.yaml")


@pytest.mark.parametrize("target", ["../out.pt", ".git/hooks/pre-commit", "models.yaml/x.pt", "CON.pt"])
def test_a_path_that_no_model_may_have_is_refused(recorded: Sandbox, target: str) -> None:
    before = snapshot(recorded)
    recorded.models("mv", MODEL, target, code=1)
    assert snapshot(recorded) == before


def test_a_model_that_git_tracks_as_well_stays_where_it_is(recorded: Sandbox) -> None:
    recorded.git("add", "-f", MODEL)
    before = snapshot(recorded)
    assert f"git rm --cached {MODEL}" in recorded.models("mv", MODEL, "a.pt", code=1).err
    assert snapshot(recorded) == before


def test_a_model_that_is_not_here_can_be_renamed(recorded: Sandbox) -> None:
    (recorded / MODEL).unlink()
    assert answer(recorded, "mv", MODEL, "a.pt") == {"dry_run": False, "from": MODEL, "to": "a.pt"}
    assert list(recorded.entries()) == ["a.pt"]


def test_a_changed_file_moves_with_its_changes(recorded: Sandbox) -> None:
    recorded.weight(MODEL, seed=7)
    recorded.models("mv", MODEL, "a.pt")
    assert recorded.read("a.pt") == weights(4096, 7)
    assert answer(recorded, "status")["models"][0]["state"] == "modified"


def test_an_active_name_follows(recorded: Sandbox) -> None:
    with (recorded / "models.yaml").open("a") as file:
        file.write(f'active:\n  detector: "{MODEL}@1.0"\n')
    recorded.models("mv", MODEL, "a.pt")
    assert 'detector: "a.pt@1.0"' in recorded.read("models.yaml").decode()


def test_a_dry_run_changes_nothing(recorded: Sandbox) -> None:
    before = snapshot(recorded)
    assert recorded.models("mv", "-n", MODEL, "a.pt").lines == [f"would rename {MODEL} -> a.pt"]
    assert snapshot(recorded) == before


def test_paths_are_those_of_the_current_folder(recorded: Sandbox) -> None:
    recorded.models("mv", "best.pt", "../a.pt", cwd="weights")
    assert list(recorded.entries()) == ["a.pt"]


def test_a_renamed_model_is_neither_swept_nor_fetched_by_the_next_checkout(recorded: Sandbox) -> None:
    recorded.models("setup")
    recorded.models("mv", MODEL, "a.pt")
    recorded.git("commit", "-m", "Rename")
    recorded.git("switch", "-c", "side")
    assert recorded.read("a.pt") == weights(4096)
    assert recorded.status() == []


def test_a_file_that_comes_to_the_new_path_in_that_instant_stays(
    recorded: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recorded.root)
    here = repo.find()
    known, look = manifests.current(here), link.regular

    def late(top: str, path: str, walked: set[str] | None = None) -> os.stat_result | None:
        recorded.weight("a.pt", seed=9)
        return look(top, path, walked)

    monkeypatch.setattr(link, "regular", late)
    with pytest.raises(ModelsError, match=r"a\.pt just now; it was not overwritten"):
        removing.move(here, known, MODEL, "a.pt")
    assert recorded.read("a.pt") == weights(4096, 9)
    assert list(recorded.entries()) == [MODEL] and recorded.read(MODEL) == weights(4096)
