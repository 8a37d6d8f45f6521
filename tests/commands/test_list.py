from __future__ import annotations

import time
from pathlib import Path

from tests.commands.conftest import MODEL, answer
from tests.helpers import inside
from tests.helpers.sandbox import Sandbox


def test_it_says_size_and_state_of_each_model(recorded: Sandbox) -> None:
    recorded.weight("weights/gone.pt", seed=1)
    recorded.weight("weights/other.pt", seed=2)
    recorded.models("add", "weights/gone.pt", "weights/other.pt")
    (recorded / "weights/gone.pt").unlink()
    recorded.weight("weights/other.pt", seed=3)
    lines = recorded.models("list").lines
    assert lines[0] == "Trained: 3 models, 12.3 KB"
    day = time.strftime("%Y-%m-%d")
    md5 = {path: entry["md5"][:8] for path, entry in recorded.entries().items()}
    assert [line.split() for line in lines[1:]] == [
        ["weights/best.pt", "4.1", "KB", day, "-", md5["weights/best.pt"], "here"],
        ["weights/gone.pt", "4.1", "KB", "-", "-", md5["weights/gone.pt"], "missing"],
        ["weights/other.pt", "4.1", "KB", day, "-", md5["weights/other.pt"], "modified"],
    ]
    assert all(len(line) <= 80 for line in lines)


def test_what_a_remote_was_seen_to_hold_stands_under_cloud(stored: Sandbox, place: Path) -> None:
    assert f"Cloud: {place.as_uri()} holds 1 object (4.1 KB)" in stored.models("list").lines
    said = answer(stored, "list")
    assert said["cloud"] == [{"url": place.as_uri(), "objects": [stored.sha256(MODEL)]}]
    assert said["models"][0]["on"] == [place.as_uri()]


def test_long_shows_both_hashes(recorded: Sandbox) -> None:
    shown = recorded.models("ls", "--long").out
    assert recorded.sha256(MODEL) in shown
    assert recorded.md5(MODEL) in shown


def test_active_names_are_listed_with_their_models(recorded: Sandbox) -> None:
    with (recorded / "models.yaml").open("a") as file:
        file.write(f'active:\n  detector: "{MODEL}"\n')
    assert recorded.models("ls-files").lines[-2:] == ["Active", f"  detector -> {MODEL}"]


def test_backups_in_folders_have_a_section(lone: Sandbox) -> None:
    inside.models(lone, "backup", MODEL)
    lines = inside.models(lone, "list").lines
    at = lines.index("Backups: 1 backup, 4.1 KB")
    assert lines[at + 1].split()[0].startswith("best_backup_")
    assert [b["source"] for b in inside.answer(lone, "list")["backups"]] == [MODEL]
    assert inside.answer(lone, "list", MODEL)["backups"]


def test_the_version_and_its_date_stand_beside_a_tagged_model(lone: Sandbox) -> None:
    inside.models(lone, "tag", MODEL, "1.2.0")
    (line,) = (row for row in inside.models(lone, "list").lines if MODEL in row)
    assert line.split()[3:5] == [lone.entries()[MODEL]["versions"][0]["date"], "1.2.0"]


def test_a_folder_stands_for_the_models_in_it(recorded: Sandbox) -> None:
    recorded.weight("runs/last.pt", seed=1)
    recorded.models("add", "runs/last.pt")
    assert [m["path"] for m in answer(recorded, "list", "runs")["models"]] == ["runs/last.pt"]


def test_the_keys_of_its_json_are_these(recorded: Sandbox) -> None:
    said = answer(recorded, "list")
    assert list(said) == ["models", "cloud", "active", "active_files", "backups"]
    assert list(said["models"][0]) == [
        "path", "name", "size", "md5", "sha256", "asset", "state", "in_store", "version", "versions", "on",
    ]  # fmt: skip


def test_without_models_it_says_how_to_begin(repo: Sandbox) -> None:
    assert "git models add" in repo.models("list").out
