"""`setup --watch`: git sees by itself that a model changed."""

from __future__ import annotations

import os

import pytest

from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, holds, objects, two_versions


@pytest.fixture
def watched(ready: Sandbox) -> Sandbox:
    ready.models("setup", "--watch")
    return ready


def test_status_shows_a_changed_model_as_a_changed_manifest(watched: Sandbox) -> None:
    assert watched.status() == []
    watched.weight(MODEL, seed=2)
    assert watched.status() == [" M models.yaml"]
    assert watched.entries()[MODEL]["sha256"] == watched.sha256(MODEL)
    assert weights(4096, 2) in [f.read_bytes() for f in objects(watched)]
    assert watched.status() == [" M models.yaml"]


def test_commit_a_records_a_changed_model_at_the_first_try(watched: Sandbox) -> None:
    watched.weight(MODEL, seed=2)
    watched.git("commit", "-a", "-m", "Version 2")
    assert watched.entries("HEAD")[MODEL]["sha256"] == watched.sha256(MODEL)
    assert MODEL not in watched.files_at()
    assert watched.status() == []


def test_add_all_and_commit_record_a_changed_model(watched: Sandbox) -> None:
    watched.weight(MODEL, seed=2)
    watched.git("add", "-A")
    watched.git("commit", "-m", "Version 2")
    assert watched.entries("HEAD")[MODEL]["sha256"] == watched.sha256(MODEL)


def test_switching_never_writes_the_old_bytes_into_the_other_branchs_manifest(watched: Sandbox) -> None:
    two_versions(watched)
    for branch, seed in (("two", 2), ("main", 1), ("two", 2), ("main", 1)):
        watched.git("switch", branch)
        assert watched.status() == []
        assert holds(watched, seed)


def test_git_refuses_to_switch_away_from_a_changed_model(watched: Sandbox) -> None:
    two_versions(watched)
    watched.weight(MODEL, seed=9)
    said = watched.git("switch", "two", code=1).err
    assert "models.yaml" in said
    assert holds(watched, 9)


def test_other_files_are_seen_as_always(watched: Sandbox) -> None:
    watched.write("README.md", "changed\n")
    watched.write("new.txt", "new\n")
    assert watched.status() == [" M README.md", "?? new.txt"]
    for skip in ({"GIT_MODELS_SKIP": "1"}, {"GIT_MODELS_RUNNING": "1"}):
        watched.write("README.md", f"changed by {skip}\n")
        assert " M README.md" in watched.git("status", "--porcelain", env=skip).lines


def test_a_file_that_git_tracked_as_unchanged_is_looked_at_again(watched: Sandbox) -> None:
    watched.git("status")
    file = watched / "README.md"
    times = file.stat()
    file.write_text("# A repository!\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watched.status() == [" M README.md"]


def test_a_monitor_of_somebody_else_is_left_alone(ready: Sandbox) -> None:
    ready.git("config", "core.fsmonitor", "true")
    said = ready.models("setup", "--watch", code=1).err
    assert "core.fsmonitor" in said
    assert ready.git("config", "core.fsmonitor").out == "true\n"


def test_uninstall_gives_the_setting_back(watched: Sandbox) -> None:
    watched.models("setup", "--uninstall")
    assert watched.git("config", "--get-regexp", "^core.fsmonitor", code=1).out == ""
    watched.weight(MODEL, seed=2)
    watched.git("status")


@pytest.mark.parametrize("words", [("add", MODEL), ("add", "-u")])
def test_add_stages_what_the_work_trees_manifest_says_already(watched: Sandbox, words: tuple[str, ...]) -> None:
    watched.weight(MODEL, seed=2)
    assert watched.status() == [" M models.yaml"]
    assert f"recorded the new version of {MODEL}" in watched.models(*words).err
    assert watched.status() == ["M  models.yaml"]
    watched.git("commit", "-m", "Version 2")
    assert watched.entries("HEAD")[MODEL]["sha256"] == watched.sha256(MODEL)
    assert "recorded" not in watched.models(*words).err
