"""A renamed weight keeps its entry and its object: nothing is uploaded twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commits import recorded
from tests.helpers.sandbox import Sandbox, weights

OLD, NEW = "weights/best.pt", "archive/2026/final.pt"
ONE, TWO = weights(4096, 1), weights(5000, 2)


@pytest.fixture
def pushed(work: Sandbox) -> Sandbox:
    """OLD is recorded, described and pushed."""
    work.write(OLD, ONE)
    work.models("add", "-m", "the first good one", OLD)
    work.git("commit", "-m", "Version 1")
    work.git("push")
    return work


def _move(work: Sandbox, old: str = OLD, new: str = NEW) -> None:
    (work / new).parent.mkdir(parents=True, exist_ok=True)
    (work / old).rename(work / new)


@pytest.mark.parametrize(
    "stage", [("add", "-f", NEW), ("add", "-A"), ("models", "add", NEW)], ids=lambda s: s[0] + s[1]
)
def test_a_file_moved_by_hand_moves_its_entry(pushed: Sandbox, place: Path, stage: tuple[str, ...]) -> None:
    before = pushed.entries("HEAD")[OLD]
    _move(pushed)
    pushed.git(*stage)
    pushed.git("commit", "-m", "Rename")
    assert list(pushed.entries("HEAD")) == [NEW]
    assert pushed.entries("HEAD")[NEW] == before
    assert pushed.status() == []
    held = sorted(p.name for p in place.rglob("*.pt"))
    assert len(held) == 1
    pushed.git("push")
    assert sorted(p.name for p in place.rglob("*.pt")) == held


def test_git_mv_of_a_weight_that_is_only_staged_records_it_under_the_new_name(work: Sandbox) -> None:
    work.write(OLD, ONE)
    work.git("add", OLD)
    (work / NEW).parent.mkdir(parents=True)
    work.git("mv", OLD, NEW)
    work.git("commit", "-m", "Train")
    recorded(work, {NEW: ONE})


def test_git_mv_of_a_weight_that_git_tracks_moves_it_out_under_the_new_name(work: Sandbox) -> None:
    work.write(OLD, ONE)
    work.commit("Bypassed", env={"GIT_MODELS_SKIP": "1"})
    (work / NEW).parent.mkdir(parents=True)
    work.git("mv", OLD, NEW)
    work.git("commit", "-m", "Rename")
    recorded(work, {NEW: ONE})
    assert not work.exists(OLD)


def test_a_rename_during_an_aborted_commit_by_path_is_whole_in_the_next_one(pushed: Sandbox) -> None:
    _move(pushed)
    pushed.git("add", "-f", NEW)
    pushed.git("commit", "--", NEW, code=1)
    pushed.git("commit", "-m", "Rename", "--", NEW)
    assert list(pushed.entries("HEAD")) == [NEW]
    assert pushed.status() == []


def test_a_rename_and_a_new_version_at_the_old_path_are_two_models(pushed: Sandbox) -> None:
    _move(pushed)
    pushed.write(OLD, TWO)
    pushed.git("add", "-f", NEW, OLD)
    pushed.git("commit", "-m", "Archive and retrain")
    assert sorted(pushed.entries("HEAD")) == [NEW, OLD]
    assert pushed.status() == []
    assert pushed.entries("HEAD")[NEW]["asset"] != pushed.entries("HEAD")[OLD]["asset"]


def test_a_copy_is_a_second_model_with_the_same_asset(pushed: Sandbox, place: Path) -> None:
    pushed.write(NEW, ONE)
    pushed.commit("Copy")
    entries = pushed.entries("HEAD")
    assert entries[NEW]["asset"] == entries[OLD]["asset"]
    pushed.git("push")
    assert len(list(place.rglob("*.pt"))) == 1


def test_a_rename_in_letter_case_only_moves_the_entry(pushed: Sandbox) -> None:
    _move(pushed, OLD, "weights/Best.pt")
    pushed.git("add", "-A")
    pushed.git("commit", "-m", "Case")
    assert list(pushed.entries("HEAD")) == ["weights/Best.pt"]
    assert pushed.status() == []


def test_a_colleague_gets_the_file_under_its_new_name_without_a_download(
    pushed: Sandbox, place: Path, clone: Callable[..., Sandbox]
) -> None:
    other = clone("colleague")
    other.models("setup")
    other.models("pull")
    _move(pushed)
    pushed.commit("Rename")
    pushed.git("push")
    for file in place.rglob("*.pt"):
        file.unlink()
    other.git("pull", "--ff-only")
    assert other.read(NEW) == ONE
    assert not other.exists(OLD)


@pytest.mark.parametrize("back", [("reset", "--hard"), ("stash",)])
def test_a_rename_that_is_taken_back_needs_no_download(pushed: Sandbox, back: tuple[str, ...]) -> None:
    pushed.models("mv", OLD, NEW)
    said = pushed.git(*back)
    assert "pull" not in said.err, said.err
    assert pushed.read(OLD) == ONE
    assert not pushed.exists(NEW)


def test_a_second_model_with_the_same_bytes_needs_no_download(pushed: Sandbox, place: Path) -> None:
    pushed.git("switch", "-c", "two")
    pushed.write(NEW, ONE)
    pushed.commit("A copy")
    pushed.git("push", "-u", "origin", "two")
    pushed.git("switch", "main")
    assert not pushed.exists(NEW)
    pushed.models("pull")
    assert not list((pushed / ".git/models/objects").glob("*/*"))
    for file in place.rglob("*.pt"):
        file.unlink()
    said = pushed.git("switch", "two")
    assert "pull" not in said.err, said.err
    assert pushed.read(NEW) == pushed.read(OLD) == ONE


def test_a_deleted_file_is_missing_until_the_entry_is_removed(pushed: Sandbox) -> None:
    (pushed / OLD).unlink()
    pushed.git("commit", "-am", "Nothing", code=1)
    assert list(pushed.entries()) == [OLD]
    assert "missing" in pushed.models("status").out
    pushed.models("rm", OLD)
    pushed.git("commit", "-m", "Remove")
    assert pushed.entries("HEAD") == {}
    assert pushed.status() == []
