from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import MODEL, answer, snapshot
from tests.helpers.sandbox import Sandbox, weights


def in_store(work: Sandbox, oid: str) -> Path:
    return work / f".git/models/objects/{oid[:2]}/{oid[2:]}"


def test_entry_and_file_go_and_the_store_keeps_the_bytes(recorded: Sandbox) -> None:
    oid = recorded.sha256(MODEL)
    recorded.models("rm", MODEL)
    assert recorded.entries() == {}
    assert not (recorded / "weights").exists()
    assert in_store(recorded, oid).read_bytes() == weights(4096)
    assert recorded.status() == ["M  models.yaml"]


def test_the_store_keeps_the_bytes_even_if_it_had_given_them_up(stored: Sandbox) -> None:
    oid = stored.sha256(MODEL)
    in_store(stored, oid).unlink()
    stored.models("rm", MODEL)
    assert in_store(stored, oid).read_bytes() == weights(4096)


def test_cached_leaves_the_file(recorded: Sandbox) -> None:
    recorded.models("rm", "--cached", MODEL)
    assert recorded.entries() == {}
    assert recorded.read(MODEL) == weights(4096)
    assert recorded.status() == ["M  models.yaml"]


def test_a_later_sync_does_not_sweep_what_cached_left(recorded: Sandbox) -> None:
    recorded.models("setup")
    recorded.models("rm", "--cached", MODEL)
    recorded.git("commit", "-m", "Not a model any more")
    recorded.models("checkout")
    recorded.git("switch", "-c", "side")
    assert recorded.read(MODEL) == weights(4096)


def test_changed_bytes_that_are_recorded_nowhere_are_refused(recorded: Sandbox) -> None:
    recorded.weight(MODEL, seed=9)
    before = snapshot(recorded)
    told = recorded.models("rm", MODEL, code=1)
    assert "recorded nowhere" in told.err
    assert f"git models rm --force {MODEL}" in told.err
    assert snapshot(recorded) == before


def test_force_keeps_changed_bytes_in_the_store(recorded: Sandbox) -> None:
    recorded.weight(MODEL, seed=9)
    oid = recorded.sha256(MODEL)
    told = recorded.models("rm", "--force", MODEL)
    assert oid in told.out
    assert in_store(recorded, oid).read_bytes() == weights(4096, 9)


def test_a_dry_run_changes_nothing(recorded: Sandbox) -> None:
    before = snapshot(recorded)
    assert recorded.models("rm", "-n", MODEL).lines == [f"would remove {MODEL}"]
    assert answer(recorded, "rm", "-n", MODEL)["dry_run"] is True
    assert snapshot(recorded) == before


def test_a_folder_goes_only_with_r(recorded: Sandbox) -> None:
    recorded.weight("weights/last.pt", seed=1)
    recorded.models("add", "weights/last.pt")
    before = snapshot(recorded)
    assert "git models rm -r weights" in recorded.models("rm", "weights", code=2).err
    assert snapshot(recorded) == before
    recorded.models("rm", "-r", "weights")
    assert recorded.entries() == {}


def test_a_missing_model_loses_its_entry(recorded: Sandbox) -> None:
    (recorded / MODEL).unlink()
    said = answer(recorded, "rm", MODEL)
    assert said == {"dry_run": False, "removed": [{"path": MODEL, "file_removed": False, "kept_as": ""}]}
    assert recorded.entries() == {}


def test_the_other_copy_of_the_same_bytes_stays(recorded: Sandbox) -> None:
    recorded.weight("weights/copy.pt")
    recorded.models("add", "weights/copy.pt")
    recorded.models("rm", MODEL)
    assert list(recorded.entries()) == ["weights/copy.pt"]
    assert recorded.read("weights/copy.pt") == weights(4096)


def test_an_active_name_goes_with_its_model(recorded: Sandbox) -> None:
    with (recorded / "models.yaml").open("a") as file:
        file.write(f'active:\n  detector: "{MODEL}"\n')
    recorded.git("add", "models.yaml")
    recorded.models("rm", MODEL)
    assert "detector" not in recorded.read("models.yaml").decode()


def test_a_file_that_git_tracks_stays_with_git(recorded: Sandbox) -> None:
    recorded.git("add", "-f", MODEL)
    recorded.models("rm", MODEL)
    assert recorded.read(MODEL) == weights(4096)
    assert recorded.status() == ["M  models.yaml", f"A  {MODEL}"]
