from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import yaml

from tests.commands.conftest import MODEL, snapshot
from tests.helpers import team
from tests.helpers.inside import answer, models
from tests.helpers.sandbox import Sandbox, weights

FILE = "data/models/active/best.pt"


@pytest.fixture
def laid(lone: Sandbox) -> Sandbox:
    """A layout, version 1.0.0 of a model, and a newer one that has no version."""
    lone.git("config", "models.layout", "data/models")
    models(lone, "tag", MODEL, "1.0.0")
    lone.git("commit", "-m", "Version 1.0.0")
    lone.weight(MODEL, seed=1)
    models(lone, "add", MODEL)
    lone.git("commit", "-m", "A newer one")
    return lone


def active(work: Sandbox) -> dict[str, str]:
    return yaml.safe_load(work.read("models.yaml")).get("active") or {}


def test_setup_notes_the_layout_and_makes_the_one_folder_that_people_fill(lone: Sandbox) -> None:
    lone.git("config", "models.remote", lone.root.as_uri())
    models(lone, "setup", "--layout", "data/models", "--no-hooks")
    assert lone.git("config", "models.layout").out == "data/models\n"
    assert [f.name for f in (lone / "data/models").iterdir()] == ["trained"]
    for bad in ("..", ".", "/tmp/x", ".git/models"):
        assert models(lone, "setup", "--layout", bad, "--no-hooks", code=1).err


def test_a_version_is_recorded_under_active_and_its_file_put_there(laid: Sandbox) -> None:
    told = models(laid, "activate", "best.pt@1.0.0")
    assert told.lines == [f"best.pt -> {MODEL}@1.0.0  {FILE}"]
    assert laid.read(FILE) == weights(4096)
    assert laid.read(MODEL) == weights(4096, 1)
    assert active(laid) == {"best.pt": f"{MODEL}@1.0.0"}
    assert laid.status() == ["M  models.yaml"]
    lines = models(laid, "list").lines
    assert lines[-2:] == ["Active", f"  best.pt -> {MODEL}@1.0.0  {FILE} (ok)"]
    assert lines[1].endswith("here active")
    assert answer(laid, "list")["active_files"][0]["state"] == "ok"


def test_without_a_version_it_takes_the_tagged_one_or_follows_the_model(laid: Sandbox) -> None:
    told = models(laid, "activate", MODEL)
    assert active(laid) == {"best.pt": MODEL}
    assert "it has no version yet" in told.err
    assert laid.read(FILE) == weights(4096, 1)
    models(laid, "tag", MODEL, "1.1.0")
    models(laid, "activate", MODEL)
    assert active(laid) == {"best.pt": f"{MODEL}@1.1.0"}


def test_an_untagged_earlier_version_goes_by_its_commit(laid: Sandbox) -> None:
    before = laid.head()
    laid.weight(MODEL, seed=2)
    models(laid, "add", MODEL)
    laid.git("commit", "-m", "The newest")
    models(laid, "activate", f"{MODEL}@{before[:8]}")
    assert active(laid) == {"best.pt": f"{MODEL}@{before[:12]}"}
    assert laid.read(FILE) == weights(4096, 1)
    assert answer(laid, "list")["active_files"][0]["state"] == "ok"
    assert "no version that others could find" in models(laid, "activate", f"{MODEL}@previous", code=1).err


def test_another_name_can_be_given_and_gets_the_suffix(laid: Sandbox) -> None:
    models(laid, "activate", f"{MODEL}@1.0.0", "--as", "detector")
    assert active(laid) == {"detector": f"{MODEL}@1.0.0"}
    assert laid.read("data/models/active/detector.pt") == weights(4096)
    assert "cannot be the name" in models(laid, "activate", MODEL, "--as", "a/b", code=1).err
    assert "cannot be the name" in models(laid, "activate", MODEL, "--as", "..", code=1).err


def test_a_name_that_is_another_models_needs_as(laid: Sandbox) -> None:
    models(laid, "activate", MODEL)
    laid.weight("other/best.pt", seed=5)
    models(laid, "add", "other/best.pt")
    told = models(laid, "activate", "other/best.pt", code=1)
    assert f"best.pt is the active name of {MODEL} already" in told.err
    models(laid, "activate", "other/best.pt", "--as", "best.pt")
    assert active(laid) == {"best.pt": "other/best.pt"}
    assert laid.read(FILE) == weights(4096, 5)


def test_what_is_recorded_is_replaced_and_what_is_not_is_backed_up(laid: Sandbox) -> None:
    models(laid, "activate", f"{MODEL}@1.0.0")
    assert "is kept as" not in models(laid, "activate", MODEL).err
    laid.write(FILE, b"somebody's own")
    assert answer(laid, "list")["active_files"][0]["state"] == "modified"
    told = models(laid, "activate", f"{MODEL}@1.0.0")
    assert "is kept as" in told.err
    (kept,) = (laid / "data/models/backups").glob("*.pt")
    assert kept.read_bytes() == b"somebody's own"
    assert laid.read(FILE) == weights(4096)


def test_the_file_is_a_copy_that_training_does_not_change(laid: Sandbox) -> None:
    models(laid, "activate", MODEL)
    with (laid / MODEL).open("r+b") as file:
        file.write(b"\xff" * 9)
    assert laid.read(FILE) == weights(4096, 1)
    with (laid / FILE).open("r+b") as file:
        file.write(b"\xff" * 9)
    models(laid, "verify", MODEL, code=1)
    assert models(laid, "checkout", "--force", MODEL)
    assert laid.read(MODEL) == weights(4096, 1)


def test_remove_takes_name_and_file_away_but_no_bytes_that_are_recorded_nowhere(laid: Sandbox) -> None:
    models(laid, "activate", MODEL)
    models(laid, "activate", "--remove", "best.pt")
    assert active(laid) == {}
    assert not laid.exists(FILE)
    models(laid, "activate", MODEL)
    laid.write(FILE, b"mine")
    assert "was left there" in models(laid, "activate", "--remove", "best.pt").err
    assert laid.read(FILE) == b"mine"
    assert "there are: none" in models(laid, "activate", "--remove", "bset.pt", code=1).err


def test_without_a_layout_it_is_only_recorded(lone: Sandbox) -> None:
    told = models(lone, "activate", MODEL)
    assert active(lone) == {"best.pt": MODEL}
    assert "git models setup --layout" in told.err
    assert lone.status() == ["M  models.yaml"]


def test_a_missing_version_lists_those_there_are(laid: Sandbox) -> None:
    assert "there are: 1.0.0" in models(laid, "activate", f"{MODEL}@9.9", code=1).err
    assert "did you mean" in models(laid, "activate", "bset.pt", code=1).err


def test_a_colleague_gets_the_active_file_with_the_pull(ready: Sandbox, clone: object) -> None:
    ready.git("config", "models.layout", "data/models")
    models(ready, "tag", MODEL, "1.0.0")
    models(ready, "activate", MODEL)
    ready.git("commit", "-m", "In use")
    ready.git("push")
    other = Sandbox(ready.root.parent / "origin.git").clone("other")
    other.git("config", "models.layout", "in use")
    told = models(other, "pull")
    assert f"best.pt is {MODEL}@1.0.0 now" in told.err
    assert other.read("in use/active/best.pt") == weights(4096, 1)
    other.write("in use/active/best.pt", b"mine")
    models(other, "pull")
    assert other.read("in use/active/best.pt") == b"mine"
    models(other, "activate")
    assert other.read("in use/active/best.pt") == weights(4096, 1)


def test_the_active_file_follows_the_branch(two: Sandbox) -> None:
    two.git("config", "models.layout", "data/models")
    models(two, "activate", MODEL)
    two.git("commit", "-m", "In use")
    assert two.read(FILE) == weights(4096, 1)
    two.git("switch", "two")
    two.git("switch", "-c", "three")
    models(two, "activate", MODEL)
    two.git("commit", "-m", "In use")
    assert two.read(FILE) == weights(4096, 2)
    two.git("switch", "main")
    assert team.holds(two, 1)
    assert two.read(FILE) == weights(4096, 1)


def test_a_model_that_runs_code_is_not_put_there(laid: Sandbox) -> None:
    evil = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R." + weights(3000)
    laid.write("evil.pt", evil)
    models(laid, "add", "--allow-dangerous", "evil.pt")
    told = models(laid, "activate", "evil.pt", code=1)
    assert "built to run code" in told.err
    assert not laid.exists("data/models/active/evil.pt")


def test_a_disk_without_room_for_the_file_changes_nothing(laid: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(laid)
    monkeypatch.setattr(os, "statvfs", lambda _folder: SimpleNamespace(f_bavail=0, f_frsize=4096))
    assert "no room on the disk for data/models/active/best.pt" in models(laid, "activate", "best.pt", code=1).err
    assert snapshot(laid) == before
    assert active(laid) == {}
