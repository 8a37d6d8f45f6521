from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL
from tests.helpers.inside import answer, models
from tests.helpers.sandbox import Sandbox, weights


@pytest.fixture
def backed(lone: Sandbox) -> Sandbox:
    """One model with one backup in ../safe; the model was trained again since."""
    lone.git("config", "models.backup", "../safe")
    models(lone, "backup", MODEL, "-m", "a note")
    lone.weight(MODEL, seed=1)
    return lone


def backup_of(work: Sandbox, content: bytes = weights(4096)) -> Path:
    (found,) = (f for f in (work.root.parent / "safe").glob("*.pt") if f.read_bytes() == content)
    return found


def test_without_a_name_it_lists(backed: Sandbox) -> None:
    lines = models(backed, "restore").lines
    name = backup_of(backed).name
    day = f"{name[12:16]}-{name[16:18]}-{name[18:20]}"
    assert lines[0].split() == [name, "4.1", "KB", day, "-", backed.entries()[MODEL]["md5"][:8], MODEL]
    assert lines[1].startswith("1 backup, 4.1 KB.")
    assert all(len(line) <= 100 for line in lines)
    (said,) = answer(backed, "restore")["backups"]
    assert (said["name"], said["note"], said["source"]) == (name, "a note", MODEL)


def test_without_a_layout_it_goes_back_to_where_it_came_from_and_what_was_there_is_kept(backed: Sandbox) -> None:
    (backed / MODEL).chmod(0o640)
    told = models(backed, "restore", backup_of(backed).name)
    assert backed.read(MODEL) == weights(4096)
    assert (backed / MODEL).stat().st_mode & 0o777 == 0o640
    kept = backup_of(backed, weights(4096, 1))
    assert f"what was there is kept as {kept}" in told.err
    assert json.loads(kept.with_name(kept.name + ".json").read_text())["note"].startswith("in the way of best_backup_")
    assert told.lines[0].startswith(f"restored {MODEL} (verified, 4.1 KB) from ")


def test_with_a_layout_it_goes_into_trained_under_its_own_name(backed: Sandbox) -> None:
    backed.git("config", "models.layout", "data/models")
    name = backup_of(backed).name
    models(backed, "restore", name)
    assert backed.read(f"data/models/trained/{name}") == weights(4096)
    assert backed.read(MODEL) == weights(4096, 1)
    models(backed, "restore", "--original", name)
    assert backed.read(MODEL) == weights(4096)


def test_a_destination_is_a_file_or_a_folder_and_replaced_only_with_force(backed: Sandbox, tmp_path: Path) -> None:
    name = backup_of(backed).name
    models(backed, "restore", name, "new/folder/")
    assert backed.read(f"new/folder/{name}") == weights(4096)
    models(backed, "restore", name, str(tmp_path / "there.pt"))
    assert (tmp_path / "there.pt").read_bytes() == weights(4096)
    assert "these very bytes" in models(backed, "restore", name, str(tmp_path / "there.pt")).out
    (tmp_path / "there.pt").write_bytes(b"mine")
    told = models(backed, "restore", name, str(tmp_path / "there.pt"), code=1)
    assert "git models restore --force" in told.err
    assert (tmp_path / "there.pt").read_bytes() == b"mine"
    models(backed, "restore", "--force", name, str(tmp_path / "there.pt"))
    assert (tmp_path / "there.pt").read_bytes() == weights(4096)
    assert backup_of(backed, b"mine").name.startswith("there_backup_")


def test_a_model_stands_for_its_newest_backup(backed: Sandbox) -> None:
    models(backed, "backup", MODEL)
    backed.weight(MODEL, seed=2)
    told = models(backed, "restore", "best.pt", cwd="weights")
    assert "the newest backup of best.pt is best_backup_" in told.err
    assert backed.read(MODEL) == weights(4096, 1)


def test_a_damaged_copy_is_never_put_in_place(backed: Sandbox) -> None:
    bad = backup_of(backed)
    bad.write_bytes(b"\0" * 4096)
    told = models(backed, "restore", bad.name, code=1)
    assert "is damaged" in told.err
    assert backed.read(MODEL) == weights(4096, 1)
    assert not list(backed.root.glob("weights/.*"))


def test_the_next_place_stands_in_for_a_damaged_or_missing_copy(backed: Sandbox, place: Path) -> None:
    backed.git("config", "--add", "models.backup", place.as_uri())
    backed.weight(MODEL, seed=3)
    models(backed, "backup", MODEL)
    near = backup_of(backed, weights(4096, 3))
    near.write_bytes(b"\0" * 4096)
    backed.weight(MODEL, seed=4)
    told = models(backed, "restore", near.name)
    assert "the next copy is taken" in told.err
    assert backed.read(MODEL) == weights(4096, 3)
    near.unlink()
    backed.weight(MODEL, seed=4)
    models(backed, "restore", near.name)
    assert backed.read(MODEL) == weights(4096, 3)


def test_parts_on_a_remote_come_back_as_one_file(lone: Sandbox, place: Path) -> None:
    lone.git("config", "models.backup", place.as_uri())
    lone.git("config", "models.partSize", "1500")
    models(lone, "backup", MODEL)
    assert len(list(place.glob("*.part-*"))) == 3
    (lone / MODEL).unlink()
    models(lone, "restore", "best.pt")
    assert lone.read(MODEL) == weights(4096)


def test_a_backup_of_another_program_is_listed_and_restored_with_a_word_of_warning(lone: Sandbox) -> None:
    file = lone.write("../safe/best_backup_20231201_120000.pt", weights(500))
    lone.git("config", "models.backup", "../safe")
    assert "no metadata" in models(lone, "restore").out
    assert "nobody knows where it came from" in models(lone, "restore", file.name, code=1).err
    told = models(lone, "restore", file.name, "old.pt")
    assert "no metadata beside it" in told.err
    assert "verified" not in told.out
    assert lone.read("old.pt") == weights(500)


def test_a_backup_can_be_named_by_its_file_wherever_it_lies(backed: Sandbox, tmp_path: Path) -> None:
    moved = tmp_path / "usb"
    (backed.root.parent / "safe").rename(moved)
    models(backed, "restore", str(next(moved.glob("*.pt"))))
    assert backed.read(MODEL) == weights(4096)


def test_metadata_of_a_shared_place_lead_nowhere_out_of_the_work_tree(backed: Sandbox, tmp_path: Path) -> None:
    copy = backup_of(backed)
    meta = copy.with_name(copy.name + ".json")
    facts = json.loads(meta.read_text())
    (backed / "outlink").symlink_to(tmp_path)
    for source in ("../../x.pt", str(tmp_path / "x.pt"), ".git/hooks/pre-commit", "outlink/x.pt", "a\nb"):
        meta.write_text(json.dumps(facts | {"source": source}))
        models(backed, "restore", copy.name, "--original", code=1)
    assert not (tmp_path / "x.pt").exists()


def test_a_link_or_a_folder_in_the_way_is_left_alone(backed: Sandbox) -> None:
    (backed / MODEL).unlink()
    (backed / MODEL).symlink_to(backed / "README.md")
    assert "left alone" in models(backed, "restore", "best.pt", code=1).err
    assert os.path.islink(backed / MODEL)


def test_a_file_that_is_being_written_to_is_left_alone(backed: Sandbox) -> None:
    with (backed / MODEL).open("r+b"):
        told = models(backed, "restore", "best.pt", code=1)
    assert "is being written to" in told.err
    assert backed.read(MODEL) == weights(4096, 1)


def test_an_unknown_name_suggests_the_nearest(backed: Sandbox) -> None:
    name = backup_of(backed).name
    told = models(backed, "restore", name.replace("best", "bset"), code=1)
    assert f"did you mean {name}?" in told.err
    (backed.root.parent / "safe").rename(backed.root.parent / "elsewhere")
    assert "git models backup FILE" in models(backed, "restore", "best.pt", code=1).err


def test_a_full_disk_is_one_sentence_and_leaves_nothing(backed: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs(backed.root)
    full = os.statvfs_result((*room[:4], 0, *room[5:]))
    monkeypatch.setattr("git_models.objects.os.statvfs", lambda _path: full)
    told = models(backed, "restore", "best.pt", "fresh.pt", code=1)
    assert told.err.count("\n") <= 3
    assert "no room on the disk" in told.err
    assert [f for f in os.listdir(backed.root) if f.endswith((".git-models", "fresh.pt"))] == []
