"""Backups, restores, pruning and activation, killed at any step or several at once: no byte is lost."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.test_crash import SIZE, every_step, needs_strace, whole
from tests.helpers import team
from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, holds, objects

pytestmark = pytest.mark.slow


@pytest.fixture
def two(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """Version 1 is checked out, version 2 on the branch `two` lies in the store, both are pushed."""
    return team.copy(made("two"), tmp_path)


def backed_up(folder: Path) -> set[bytes]:
    """The bytes of all backups; each has its metadata beside it, and they are true."""
    found = set()
    for file in folder.glob("[!.]*.pt"):
        facts = json.loads(file.with_name(file.name + ".json").read_text())
        assert hashlib.sha256(file.read_bytes()).hexdigest() == facts["sha256"]
        found.add(file.read_bytes())
    return found


@needs_strace
def test_a_killed_backup_leaves_whole_copies_with_their_metadata_or_none(ready: Sandbox, tmp_path: Path) -> None:
    for folder in ("safe", "safe2"):
        ready.git("config", "--add", "models.backup", str(tmp_path / folder))

    def again(turn: int) -> tuple[str, ...]:
        ready.weight(MODEL, SIZE, seed=100 + turn)
        return "models", "backup", MODEL

    def check(turn: int) -> None:
        assert ready.read(MODEL) == weights(SIZE, 100 + turn)
        backed_up(tmp_path / "safe")
        backed_up(tmp_path / "safe2")

    turns = every_step(ready, again, check)
    assert turns > 12
    assert weights(SIZE, 100 + turns) in backed_up(tmp_path / "safe") & backed_up(tmp_path / "safe2")


@needs_strace
def test_a_killed_restore_loses_neither_the_backup_nor_the_file_in_its_way(ready: Sandbox, tmp_path: Path) -> None:
    ready.git("config", "models.backup", str(tmp_path / "safe"))
    ready.models("backup", MODEL)
    (copy,) = (tmp_path / "safe").glob("*.pt")

    def again(turn: int) -> tuple[str, ...]:
        ready.weight(MODEL, SIZE, seed=100 + turn)
        return "models", "restore", copy.name

    def check(turn: int) -> None:
        unrecorded = weights(SIZE, 100 + turn)
        assert ready.read(MODEL) in (unrecorded, weights(SIZE, 1))
        assert unrecorded in backed_up(tmp_path / "safe") | {ready.read(MODEL)}
        assert copy.read_bytes() == weights(SIZE, 1)

    assert every_step(ready, again, check) > 12
    assert holds(ready, 1)


@needs_strace
def test_a_killed_prune_leaves_whole_objects_and_the_next_one_goes_on(two: Sandbox, tmp_path: Path) -> None:
    (stored,) = objects(two)

    def again(_: int) -> tuple[str, ...]:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(weights(SIZE, 2))
        return "models", "prune", "--grace", "0"

    def check(_: int) -> None:
        whole(two, MODEL, 1, 2)
        assert holds(two, 1)
        assert {f.read_bytes() for f in (tmp_path / "place").glob("best-*")} == {weights(SIZE, 1), weights(SIZE, 2)}

    assert every_step(two, again, check) > 5
    assert list(objects(two)) == []
    two.git("switch", "two")
    assert holds(two, 2)


@needs_strace
def test_a_killed_activate_leaves_a_whole_file_and_the_next_one_puts_it_there(two: Sandbox) -> None:
    two.git("config", "models.layout", "data/models")
    file = "data/models/active/best.pt"
    commits = (two.head("main")[:12], two.head("two")[:12])
    two.models("activate", MODEL)

    def again(turn: int) -> tuple[str, ...]:
        return "models", "activate", f"{MODEL}@{commits[turn % 2]}"

    def check(_: int) -> None:
        assert two.read(file) in (weights(SIZE, 1), weights(SIZE, 2))
        assert holds(two, 1)

    turns = every_step(two, again, check)
    assert turns > 6
    assert two.read(file) == weights(SIZE, turns % 2 + 1)


def test_several_prunes_and_a_checkout_at_once_lose_nothing(two: Sandbox, tmp_path: Path) -> None:
    for turn in range(3):
        prunes = [
            subprocess.Popen(
                ["git", "models", "prune", "--grace", "0"], cwd=two.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(4)
        ]
        branch = ("two", "main")[turn % 2]
        two.git("switch", branch)
        said = [(*p.communicate(), p.returncode) for p in prunes]
        assert [code for *_, code in said] == [0] * 4, said
        two.models("pull")
        assert holds(two, 2 if branch == "two" else 1)
        whole(two, MODEL, 1, 2)
    assert {f.read_bytes() for f in (tmp_path / "place").glob("best-*")} == {weights(SIZE, 1), weights(SIZE, 2)}


def test_several_backups_at_once_each_get_a_name_of_their_own(ready: Sandbox, tmp_path: Path) -> None:
    ready.git("config", "models.backup", str(tmp_path / "safe"))
    files = [ready.weight(f"run{n}/best.pt", SIZE, seed=50 + n) for n in range(6)]
    running = [subprocess.Popen(["git", "models", "backup", "-q", str(f)], cwd=ready.root) for f in files]
    assert [p.wait() for p in running] == [0] * 6
    assert backed_up(tmp_path / "safe") == {weights(SIZE, 50 + n) for n in range(6)}
