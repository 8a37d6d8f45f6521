from __future__ import annotations

import errno
import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL
from tests.fakes.github import GitHub
from tests.helpers.inside import answer, models
from tests.helpers.sandbox import Sandbox, weights

NOON = time.mktime((2023, 12, 1, 12, 0, 0, 0, 0, -1))
NAME = "best_backup_20231201_120000.pt"


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still at noon of the first of December 2023, local time."""
    stamp = time.localtime(NOON)
    monkeypatch.setattr("git_models.backups.time.strftime", lambda form: real(form, stamp))


real = time.strftime


def names(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir())


def test_a_backup_is_named_by_its_date_and_described_beside_it(lone: Sandbox, noon: None) -> None:
    lone.git("config", "models.backup", "../safe")
    told = models(lone, "backup", MODEL, "-m", "before the long training")
    folder = lone.root.parent / "safe"
    assert names(folder) == [NAME, NAME + ".json"]
    assert (folder / NAME).read_bytes() == weights(4096)
    assert told.lines == [f"{folder / NAME} (4.1 KB, md5 {lone.md5(MODEL)})"]
    facts = json.loads((folder / f"{NAME}.json").read_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", facts.pop("date"))
    assert facts == {
        "source": MODEL,
        "md5": lone.md5(MODEL),
        "sha256": lone.sha256(MODEL),
        "size": 4096,
        "version": "",
        "note": "before the long training",
    }


def test_backups_of_one_second_replace_nothing(lone: Sandbox, noon: None) -> None:
    lone.git("config", "models.backup", "../safe")
    models(lone, "backup", MODEL)
    lone.weight(MODEL, seed=1)
    models(lone, "backup", MODEL)
    folder = lone.root.parent / "safe"
    (folder / "best_backup_20231201_120000_3.pt").write_text("somebody's own")
    lone.weight(MODEL, seed=2)
    models(lone, "backup", MODEL)
    held = {n: (folder / n).read_bytes() for n in names(folder) if n.endswith(".pt")}
    assert held == {
        NAME: weights(4096),
        "best_backup_20231201_120000_2.pt": weights(4096, 1),
        "best_backup_20231201_120000_3.pt": b"somebody's own",
        "best_backup_20231201_120000_4.pt": weights(4096, 2),
    }


def test_every_folder_and_remote_gets_one_under_the_same_name(lone: Sandbox, place: Path, noon: None) -> None:
    for where in ("../one", "../two", place.as_uri()):
        lone.git("config", "--add", "models.backup", where)
    (lone.root.parent / "two").mkdir()
    (lone.root.parent / "two" / NAME).write_text("taken here")
    said = answer(lone, "backup", MODEL)
    free = "best_backup_20231201_120000_2.pt"
    assert [b["name"] for b in said["backups"]] == [free] * 3
    for folder in (lone.root.parent / "one", lone.root.parent / "two", place):
        assert (folder / free).read_bytes() == weights(4096)
        assert json.loads((folder / f"{free}.json").read_text())["sha256"] == lone.sha256(MODEL)


def test_a_backup_is_a_copy_that_later_training_does_not_change(lone: Sandbox) -> None:
    (copy,) = answer(lone, "backup", MODEL)["backups"]
    with (lone / MODEL).open("r+b") as file:
        file.write(b"\xff" * 100)
    assert Path(copy["file"]).read_bytes() == weights(4096)
    assert Path(copy["file"]).stat().st_ino != (lone / MODEL).stat().st_ino


def test_a_folder_inside_the_work_tree_is_ignored_by_git_and_no_source_of_models(lone: Sandbox) -> None:
    lone.git("config", "models.backup", "my backups")
    models(lone, "backup", MODEL)
    assert lone.status() == []
    assert "not recorded" not in models(lone, "status").out
    assert "hidden" not in models(lone, "status").out
    models(lone, "add", ".")
    assert list(lone.entries()) == [MODEL]


def test_the_work_tree_itself_is_no_folder_for_backups(lone: Sandbox) -> None:
    lone.git("config", "models.backup", "..")
    assert "a folder of their own" in models(lone, "backup", MODEL, code=1).err


@pytest.mark.parametrize("folder", [".git/objects", ".git/x", "sub/../.git/models/objects"])
def test_gits_own_folder_is_none_for_backups_but_for_the_one_beside_the_store(lone: Sandbox, folder: str) -> None:
    lone.git("config", "models.backup", folder)
    assert "git's own folder" in models(lone, "backup", MODEL, code=1).err
    lone.git("config", "models.backup", ".git/models/backups")
    models(lone, "backup", MODEL)


def test_a_folder_with_models_in_it_is_none_for_backups_and_stays_visible_to_git(lone: Sandbox) -> None:
    lone.git("config", "models.backup", "weights")
    assert f"which holds {MODEL}" in models(lone, "backup", MODEL, code=1).err
    assert f"which holds {MODEL}" in models(lone, "list").err
    lone.weight("weights/new.pt", seed=1)
    models(lone, "add", ".")
    assert "weights/new.pt" in lone.entries()
    lone.weight("weights/newer.pt", seed=2)
    assert lone.status() == ["M  models.yaml", "?? weights/"]


def test_with_a_layout_backups_go_into_its_folder(lone: Sandbox) -> None:
    lone.git("config", "models.layout", "data/models")
    (copy,) = answer(lone, "backup", MODEL)["backups"]
    assert Path(copy["file"]).parent == lone / "data/models/backups"
    assert lone.status() == []


def test_without_any_setting_they_lie_beside_the_store(lone: Sandbox) -> None:
    (copy,) = answer(lone, "backup", MODEL)["backups"]
    assert Path(copy["file"]).parent == lone / ".git/models/backups"


def test_a_second_name_names_the_backup(lone: Sandbox, noon: None) -> None:
    lone.git("config", "models.backup", "../safe")
    models(lone, "backup", MODEL, "detector.pt")
    assert names(lone.root.parent / "safe")[0] == "detector_backup_20231201_120000.pt"
    assert "no name for a backup" in models(lone, "backup", MODEL, "../x.pt", code=2).err


def test_a_model_that_is_only_in_the_store_can_be_backed_up_by_name(lone: Sandbox) -> None:
    (lone / MODEL).unlink()
    (copy,) = answer(lone, "backup", "best.pt")["backups"]
    assert (copy["source"], copy["sha256"]) == (MODEL, lone.entries()[MODEL]["sha256"])


def test_an_earlier_version_can_be_backed_up_and_says_which_it_is(lone: Sandbox) -> None:
    models(lone, "tag", MODEL, "1.0.0")
    lone.git("commit", "-m", "1.0.0")
    lone.weight(MODEL, seed=1)
    models(lone, "add", MODEL)
    (copy,) = answer(lone, "backup", f"{MODEL}@1.0.0")["backups"]
    assert Path(copy["file"]).read_bytes() == weights(4096)
    assert (copy["version"], copy["source"]) == ("1.0.0", MODEL)
    assert "there are: 1.0.0" in models(lone, "backup", f"{MODEL}@2.0.0", code=1).err


def test_the_releases_of_a_repository_can_take_backups(lone: Sandbox, hub: GitHub) -> None:
    lone.git("config", "models.hub.url", hub.remote("owner/repo"))
    lone.git("config", "models.backup", "hub")
    token = {"GH_ENTERPRISE_TOKEN": "rw"}
    lone.models("backup", MODEL, env=token)
    first, second = sorted(hub.assets("owner/repo"))
    assert second == f"{first}.json"
    lone.weight(MODEL, seed=1)
    lone.models("restore", first, env=token)
    assert lone.read(MODEL) == weights(4096)


def test_a_file_outside_and_a_hostile_name_can_be_backed_up(lone: Sandbox, tmp_path: Path) -> None:
    odd = tmp_path / "-odd\n*.pt"
    odd.write_bytes(weights(100))
    (copy,) = answer(lone, "backup", str(odd))["backups"]
    assert copy["source"] == str(odd)
    assert re.fullmatch(r"odd_backup_\d{8}_\d{6}\.pt", copy["name"])
    assert Path(copy["file"]).read_bytes() == weights(100)


def test_all_copies_what_changed_since_its_last_backup(lone: Sandbox) -> None:
    lone.weight("other.pt", seed=1)
    models(lone, "add", "other.pt")
    assert {b["source"] for b in answer(lone, "backup", "--all")["backups"]} == {MODEL, "other.pt"}
    assert answer(lone, "backup", "--all")["backups"] == []
    lone.weight("other.pt", seed=2)
    models(lone, "add", "other.pt")
    assert [b["source"] for b in answer(lone, "backup", "--all")["backups"]] == ["other.pt"]


def test_retention_keeps_the_newest_of_each_model_and_names_what_it_deletes(lone: Sandbox) -> None:
    lone.weight("runs/best.pt", seed=9)
    models(lone, "backup", "runs/best.pt")
    for seed in range(3):
        lone.weight(MODEL, seed=seed)
        models(lone, "backup", MODEL)
    folder = lone / ".git/models/backups"
    before = names(folder)
    dry = models(lone, "backup", "--keep", "1", "-n")
    assert names(folder) == before
    assert [line.split()[:2] for line in dry.lines] == [["would", "delete"], ["would", "delete"], ["2", "backups"]]
    gone = answer(lone, "backup", "--keep", "1")["deleted"]
    assert [g["source"] for g in gone] == [MODEL, MODEL]
    assert {Path(g["file"]).exists() for g in gone} == {False}
    left = [(folder / n).read_bytes() for n in names(folder) if n.endswith(".pt")]
    assert sorted(left) == sorted([weights(4096, 2), weights(4096, 9)])
    assert len(names(folder)) == 4


def test_days_spare_what_is_young_and_always_the_newest(lone: Sandbox) -> None:
    for seed in range(3):
        lone.weight(MODEL, seed=seed)
        models(lone, "backup", MODEL)
    folder = lone / ".git/models/backups"
    for meta in folder.glob("*.json"):
        facts = json.loads(meta.read_text())
        meta.write_text(json.dumps(facts | {"date": "2020-01-01T00:00:00+00:00"}))
    (folder / NAME).write_bytes(b"of another program")
    assert len(answer(lone, "backup", "--keep-days", "7", "--keep", "2")["deleted"]) == 1
    assert len(answer(lone, "backup", "--keep-days", "7")["deleted"]) == 1
    assert answer(lone, "backup", "--keep-days", "7")["deleted"] == []
    assert (folder / NAME).exists()
    assert "--keep N begins at 1" in models(lone, "backup", "--keep", "0", code=2).err


def test_retention_reaches_remotes_too(lone: Sandbox, place: Path) -> None:
    lone.git("config", "models.backup", place.as_uri())
    for seed in range(2):
        lone.weight(MODEL, seed=seed)
        models(lone, "backup", MODEL)
    assert len(names(place)) == 4
    models(lone, "backup", "--keep", "1")
    assert [(place / n).read_bytes() for n in names(place) if n.endswith(".pt")] == [weights(4096, 1)]


def test_one_place_that_fails_keeps_no_other_from_its_copy(lone: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for where in ("../file/below", "../safe"):
        lone.git("config", "--add", "models.backup", where)
    told = models(lone, "backup", MODEL, code=1)
    assert "not in" in told.err
    assert "Not a directory" in told.err
    assert len(names(lone.root.parent / "safe")) == 2


def test_a_full_disk_leaves_nothing_half_written(lone: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    lone.git("config", "models.backup", "../safe")
    room = os.statvfs(lone.root)
    full = os.statvfs_result((*room[:4], 0, *room[5:]))
    monkeypatch.setattr("git_models.objects.os.statvfs", lambda _path: full)
    told = models(lone, "backup", MODEL, code=1)
    assert "no room on the disk for a backup of best.pt: 4.1 KB needed, 0 B free" in told.err
    assert names(lone.root.parent / "safe") == []


def test_a_write_that_fails_in_the_middle_leaves_nothing(lone: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    lone.git("config", "models.backup", "../safe")
    monkeypatch.setattr("git_models.objects.flush", full)
    assert "the disk is full" in models(lone, "backup", MODEL, code=1).err
    assert names(lone.root.parent / "safe") == []


def test_nothing_to_do_is_a_usage_error_and_an_unknown_name_suggests_one(lone: Sandbox) -> None:
    models(lone, "backup", code=2)
    assert "did you mean" in models(lone, "backup", "bset.pt", code=1).err
    assert "is a folder" in models(lone, "backup", "weights", code=1).err


def test_the_journal_remembers_it(lone: Sandbox) -> None:
    from git_models import journal

    (copy,) = answer(lone, "backup", MODEL)["backups"]
    (event,) = journal.read(str(lone / ".git/models"))
    assert event[:4] == ("backup", MODEL, lone.sha256(MODEL), 4096)
    assert (event.place, event.name) == (str(lone / ".git/models/backups"), copy["name"])
