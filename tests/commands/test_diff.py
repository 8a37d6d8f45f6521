from __future__ import annotations

import math
import struct
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import answer
from tests.helpers import inside
from tests.helpers.sandbox import Sandbox
from tests.inspect.assembler import good_state, pickled, torch_entries, zipped

MODEL = "weights/best.pt"


def trained(first: float) -> bytes:
    """A checkpoint whose first tensor begins with this number; its second is always the same."""
    entries = dict(torch_entries(good_state())) | {"archive/data/0": struct.pack("<2f", first, 2)}
    return zipped(entries.items())


@pytest.fixture
def twice(repo: Sandbox) -> Sandbox:
    """Two commits with two versions of one model."""
    for first in (1, 5):
        repo.write(MODEL, trained(first))
        repo.models("add", MODEL)
        repo.git("commit", "-m", f"Version {first}")
    return repo


def test_nothing_differs_in_a_clean_work_tree(twice: Sandbox) -> None:
    said = twice.models("diff")
    assert (said.out, said.err) == ("", "no model differs\n")
    assert answer(twice, "diff") == {"added": [], "changed": [], "moved": [], "removed": []}


def test_a_model_trained_again_and_not_recorded_is_a_change(twice: Sandbox) -> None:
    twice.write(MODEL, trained(7))
    (changed,) = answer(twice, "diff")["changed"]
    assert changed["after"]["sha256"] == twice.sha256(MODEL)
    assert changed["before"]["sha256"] == twice.entries()[MODEL]["sha256"]


@pytest.mark.parametrize("revisions", [("HEAD^",), ("HEAD^", "HEAD"), ("HEAD^..HEAD",), ("HEAD^..",)])
def test_revisions_are_named_as_git_names_them(twice: Sandbox, revisions: tuple[str, ...]) -> None:
    assert twice.models("diff", *revisions).lines == [f"changed  {MODEL} (931 B -> 931 B)"]


def test_tensors_say_what_was_trained_and_what_was_frozen(twice: Sandbox) -> None:
    said = twice.models("diff", "HEAD^", "--tensors").lines
    assert said[1].split() == ["1", "tensor", "changed", "(8", "B),", "1", "the", "same", "(8", "B)"]
    assert said[2].split() == ["*", "state_dict.weight", "float32", "[2]"]
    (changed,) = answer(twice, "diff", "HEAD^", "--tensors", "--verify")["changed"]
    assert changed["tensors"]["content"] == ["state_dict.weight"]
    assert changed["tensors"]["same"] == 1


def test_what_is_not_here_is_named_with_the_command_that_brings_it(twice: Sandbox) -> None:
    for file in (twice / ".git/models/objects").glob("*/*"):
        file.unlink()
    said = twice.models("diff", "HEAD^", "HEAD", "--tensors", code=1)
    assert said.lines == [f"changed  {MODEL} (931 B -> 931 B)"]
    assert f"the bytes of {MODEL} are not here" in said.err
    assert "next: the same command with --fetch" in said.err


def test_fetch_brings_the_versions_that_are_compared(twice: Sandbox, place: Path) -> None:
    twice.git("config", "models.store.url", place.as_uri())
    twice.git("config", "models.remote", "store")
    for revision in ("HEAD^", "main"):
        twice.git("checkout", "-q", revision)
        twice.models("checkout")
        twice.models("push")
    for file in (twice / ".git/models/objects").glob("*/*"):
        file.unlink()
    said = twice.models("diff", "HEAD^", "--tensors", "--fetch").lines
    assert "1 tensor changed" in said[1]


def test_models_that_come_go_and_move_are_told_apart(twice: Sandbox) -> None:
    twice.models("mv", MODEL, "moved.pt")
    twice.weight("new.pt", seed=9)
    twice.models("add", "new.pt")
    assert twice.models("diff").lines == ["added    new.pt (4.1 KB)", f"moved    {MODEL} -> moved.pt (931 B)"]
    twice.git("commit", "-m", "Move")
    twice.models("rm", "new.pt")
    assert twice.models("diff").lines == ["removed  new.pt (4.1 KB)"]


def test_paths_narrow_what_is_told(twice: Sandbox) -> None:
    twice.weight("new.pt", seed=9)
    twice.models("add", "new.pt")
    assert twice.models("diff", "HEAD^", "weights").lines == [f"changed  {MODEL} (931 B -> 931 B)"]
    assert twice.models("diff", "new.pt").lines == ["added    new.pt (4.1 KB)"]


def test_a_word_that_means_nothing_is_an_error_and_not_an_empty_answer(twice: Sandbox) -> None:
    for words in (["mian"], ["HEAD^", "HEAD", "weights/bst.pt"], ["weights/bes"]):
        said = twice.models("diff", *words, code=1)
        assert said.out == ""
        assert f"{words[-1]} is no revision, no model and no folder of models" in said.err
    assert "next: git models diff weights/best.pt" in said.err
    twice.models("rm", MODEL)
    assert twice.models("diff", MODEL).lines == [f"removed  {MODEL} (931 B)"]


def test_metrics_stand_side_by_side(twice: Sandbox) -> None:
    text = twice.read("models.yaml").decode()
    twice.write("models.yaml", text.rstrip("\n") + "\n    metrics: {map50: 0.91}\n")
    twice.git("commit", "-m", "Measure", "models.yaml")
    assert twice.models("diff", "HEAD~2").lines[1].split() == ["map50", "-", "->", "0.91"]


def test_stat_says_how_far_each_tensor_moved(twice: Sandbox) -> None:
    pytest.importorskip("numpy", reason="numpy is not installed (it is part of the extra dev)")
    said = twice.models("diff", "HEAD^", "--stat").lines
    assert said[1].strip() == "1 tensor changed (8 B), 1 the same (8 B)"
    assert [line.split() for line in said[2:]] == [
        ["L2", "relative", "largest", "tensor"],
        ["4", "179%", "4", *["all", "1", "parameter", "tensor", "that", "changed"]],
        ["4", "179%", "4", "state_dict.weight", "float32", "[2]"],
    ]
    (changed,) = answer(twice, "diff", "HEAD^", "--stat")["changed"]
    assert changed["tensors"]["content"] == ["state_dict.weight"]
    (tensor,) = changed["stat"]["tensors"]
    assert tensor.pop("relative") == changed["stat"]["total"].pop("relative") == pytest.approx(4 / 5**0.5)
    assert tensor == {
        "name": "state_dict.weight",
        "dtype": "float32",
        "l2": 4.0,
        "largest": 4.0,
        "finite": 2,
        "not_finite": {"before": 0, "after": 0},
    }
    assert changed["stat"]["total"] == {"tensors": 1, "l2": 4.0, "largest": 4.0, "where": "state_dict.weight"}
    assert changed["stat"]["not_measured"] == []


def test_stat_puts_what_the_files_say_of_their_training_side_by_side(repo: Sandbox) -> None:
    pytest.importorskip("numpy", reason="numpy is not installed (it is part of the extra dev)")
    for epoch, more in ((3, {"lr": 0.1}), (9, {"lr": 0.1, "mAP50": math.nan})):
        root = pickled({"state_dict": {}, "epoch": epoch, "args": more, "name": "\x1b[2J\u202e"})
        repo.write(MODEL, zipped(torch_entries(root)))
        repo.models("add", MODEL, "--metric", f"mAP50=0.{epoch}")
        repo.git("commit", "-m", f"Epoch {epoch}")
    lines = [line.strip() for line in repo.models("diff", "HEAD^", "--stat").lines]
    assert lines[1:] == [
        "mAP50 0.3 -> 0.9",
        "epoch 3 -> 9",
        "args.mAP50 - -> NaN",
        "0 tensors changed (0 B), 0 the same (0 B)",
    ]
    (changed,) = answer(repo, "diff", "HEAD^", "--stat")["changed"]
    assert changed["stat"]["training"]["after"]["args"] == {"lr": 0.1, "mAP50": None}  # JSON knows no NaN


def test_stat_without_numpy_names_the_command_that_installs_it(twice: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    said = inside.models(twice, "diff", "HEAD^", "--stat", code=1)
    assert said.out == ""
    assert "numpy" in said.err and "next: pip install 'git-models[numpy]'" in said.err
