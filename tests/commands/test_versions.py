"""tag, log, edit, rollback, and names of versions in commands that read one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from git_models import manifest, tagging
from tests.commands.conftest import MODEL, answer, snapshot
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox, weights


@pytest.fixture
def twice(ready: Sandbox) -> Sandbox:
    """Version 1.0.0 of a model pushed, version 1.1.0 committed."""
    entry = manifest.parse(ready.read("models.yaml")).models[MODEL]
    tagged = tagging.tag(entry, "1.0.0", "the first")
    ready.write("models.yaml", manifest.update(ready.read("models.yaml"), {MODEL: tagged}))
    ready.weight(MODEL, seed=2)
    ready.models("add", MODEL, "--tag", "v1.1.0", "-m", "longer", "--metric", "mAP50=0.91", "--metric", "data=coco")
    ready.git("commit", "--no-verify", "-m", "Train longer")
    return ready


def test_a_tag_names_bytes_that_models_yaml_alone_can_fetch(twice: Sandbox) -> None:
    first, second = twice.entries()[MODEL]["versions"]
    assert (first["version"], first["note"], first["size"]) == ("1.0.0", "the first", 4096)
    assert second["metrics"] == {"mAP50": 0.91, "data": "coco"}
    assert {"md5", "sha256", "asset", "date"} <= first.keys()
    assert (second["sha256"], second["note"]) == (twice.sha256(MODEL), "longer")
    before = snapshot(twice)
    assert "is there already" in twice.models("tag", MODEL, "1.1.0").out
    assert "tagged already, with other bytes" in twice.models("tag", MODEL, "1.0.0", code=1).err
    assert "--force" in twice.models("tag", MODEL, "1.0.5", code=1).err
    assert "PATH 2.1.0" in twice.models("tag", MODEL, "2.1", code=2).err
    assert snapshot(twice) == before
    assert answer(twice, "tag", f"{MODEL}@HEAD~1", "0.9.0", "--force")["sha256"] == first["sha256"]


def test_a_file_that_changed_is_not_tagged_by_mistake(recorded: Sandbox) -> None:
    recorded.weight(MODEL, seed=2)
    assert "add weights/best.pt --tag 1.0.0" in recorded.models("tag", MODEL, "1.0.0", code=1).err


def test_log_is_the_changelog(twice: Sandbox) -> None:
    new, old = answer(twice, "log", MODEL)["log"]
    assert (new["version"], new["note"], new["metrics"]["mAP50"]) == ("1.1.0", "longer", 0.91)
    assert (old["version"], old["author"], old["subject"]) == ("1.0.0", "Ada Tester", "Version 1")
    assert (new["md5"], new["commit"]) == (twice.md5(MODEL), twice.head())
    table = twice.models("log", "--markdown", "-n", "1").lines
    assert table[0] == "# best.pt"
    assert table[-1].endswith(f"| {twice.md5(MODEL)} | longer | mAP50 0.91, data coco |")
    assert "no model is called 'bset.pt'" in twice.models("log", "bset.pt", code=1).err
    assert all(len(line) <= 80 for line in twice.models("log").lines)


def test_going_back_keeps_a_changed_file_and_brings_bytes_that_only_the_remote_has(twice: Sandbox) -> None:
    twice.git("push")
    twice.weight(MODEL, seed=3)
    unrecorded = twice.sha256(MODEL)
    said = answer(twice, "rollback", MODEL, "@1.0.0")
    assert twice.read(MODEL) == weights(4096, 1)
    assert twice.entries()[MODEL]["sha256"] == twice.sha256(MODEL) == said["sha256"]
    assert len(twice.entries()[MODEL]["versions"]) == 2
    with open(said["kept"], "rb") as kept:
        assert kept.read() == weights(4096, 3)
    assert unrecorded[2:] in said["kept"]
    assert twice.status() == ["M  models.yaml"]
    twice.git("commit", "-m", "Go back")
    twice.models("rollback", "best.pt")
    assert twice.read(MODEL) == weights(4096, 2), "previous is what one came from"
    before = snapshot(twice)
    twice.models("rollback", f"{MODEL}@1.0.0", "--dry-run")
    assert "there are: 1.0.0, 1.1.0" in twice.models("rollback", f"{MODEL}@3.0.0", code=1).err
    assert snapshot(twice) == before


def test_versions_have_names_in_commands_that_read_one(twice: Sandbox) -> None:
    assert answer(twice, "show", "best.pt@previous")["version"] == "1.0.0"
    assert answer(twice, "show", "best.pt")["state"] == "ok"
    (pair,) = answer(twice, "diff", "best.pt@1.0.0")["changed"]
    assert (pair["before"]["version"], pair["after"]["version"]) == ("1.0.0", "1.1.0")
    assert answer(twice, "diff", "best.pt@1.1.0", "best.pt@HEAD")["changed"] == []
    assert "rollback best.pt@1.0.0" in twice.models("pull", "best.pt@1.0.0", code=1).err
    twice.models("scan", "best.pt@1.0.0", code=1)
    assert answer(twice, "fetch", "best.pt@1.0.0")["failed"] == []


def test_edit_sets_what_models_yaml_says_and_nothing_else(recorded: Sandbox) -> None:
    before = recorded.entries()[MODEL]
    recorded.models(
        "edit", "best.pt", "-m", 'finds "cats"\n', "--license", "MIT", "--metric", "mAP50=0.5", "--name", "cat"
    )
    recorded.models("edit", "cat", "--license", "", "--metric", "mAP50=", "--metric", "epochs=3", "--stage", "draft")
    entry = recorded.entries()[MODEL]
    changes = {"description": 'finds "cats"\n', "metrics": {"epochs": 3}, "stage": "draft", "name": "cat"}
    assert entry == before | changes
    assert recorded.status() == ["M  models.yaml"]
    for wrong in (["--metric", "x"], ["--name", "a/b"], ["--name", "a@b"], ["--created", "31.12.2020"]):
        models(recorded, "edit", MODEL, *wrong, code=2)
    typing = "sed -i -e s/draft/production/ -e s/epochs=3/epochs=4/ -e '/description/d' -e '$a notes = short'"
    recorded.models("edit", "cat", env={"GIT_EDITOR": typing})
    changes = {"metrics": {"epochs": 4}, "stage": "production", "name": "cat", "notes": "short"}
    assert recorded.entries()[MODEL] == before | changes
    assert "nothing changed" in recorded.models("edit", "cat", env={"GIT_EDITOR": "true"}).out
    before = recorded.read("models.yaml")
    for failing in ("false", "/nowhere/vi", "sed -i -e s/short/long/ $1; exit 3 #", "kill -9 $$; :"):
        failed = recorded.models("edit", "cat", env={"GIT_EDITOR": failing}, code=1)
        assert (failed.out, recorded.read("models.yaml")) == ("", before)
        assert "the editor failed, so nothing was changed\n  next: git models edit" in failed.err
    misspelt = recorded.models("edit", "cat", env={"GIT_EDITOR": "sed -i -e '$a licence = MIT'"}, code=1).err
    assert "no field 'licence'" in misspelt and "did you mean license" in misspelt


@pytest.mark.slow
def test_names_follow_the_pattern_of_models_naming(ready: Sandbox) -> None:
    ready.git("config", "models.naming", "{model_type}_{version}_{date}.pt")
    ready.weight("yolo.pt", seed=4)
    before = snapshot(ready)
    refused = ready.models("add", "yolo.pt", "--tag", "2.0.0", code=1).err
    better = f"yolo_2.0.0_{time.strftime('%Y%m%d')}.pt"
    assert f"git models add yolo.pt --name {better}" in refused
    assert "is not named like" in ready.models("upload", "yolo.pt", code=1).err
    assert snapshot(ready) == before
    ready.models("add", "yolo.pt", "--tag", "2.0.0", "--name", better)
    found = answer(ready, "check", code=1)["findings"]
    assert [f["path"] for f in found] == [MODEL], "only the one that was recorded before"


@pytest.mark.slow
def test_a_tagged_version_is_pushed_and_needs_no_history(ready: Sandbox, tmp_path: Path) -> None:
    ready.weight(MODEL, seed=8)
    ready.models("add", MODEL, "--tag", "1.0.0")
    ready.weight(MODEL, seed=9)
    ready.models("add", MODEL, "--tag", "1.1.0")
    ready.git("commit", "-m", "Two versions in one commit")
    ready.git("push")
    ready.git("clone", "--depth", "1", (tmp_path / "origin.git").as_uri(), str(tmp_path / "shallow"))
    shallow = Sandbox(tmp_path / "shallow")
    shallow.models("download", f"{MODEL}@1.0.0", "old.pt")
    assert shallow.read("old.pt") == weights(4096, 8)
    assert [row["version"] for row in answer(shallow, "log", MODEL)["log"]] == ["1.1.0", "1.0.0"]
