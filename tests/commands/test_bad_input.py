"""What every command answers to a place where it cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import MODEL, snapshot
from tests.helpers.sandbox import Sandbox

COMMANDS = {
    "list": [],
    "verify": [],
    "check": [],
    "doctor": [],
    "rm": [MODEL],
    "mv": [MODEL, "new.pt"],
    "track": ["*.bin"],
    "untrack": ["*.pt"],
    "remote": ["list"],
    "adopt": [],
    "backup": [MODEL],
    "restore": [],
    "activate": [MODEL],
    "du": [],
    "prune": [],
    "gc": ["--remote"],
    "archive": [MODEL, "--to", "x"],
}
BROKEN = "models:\n<<<<<<< HEAD\n  a.pt: {}\n=======\n>>>>>>> side\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_outside_a_repository_it_ends_with_gits_own_words_and_128(tmp_path: Path, name: str) -> None:
    told = Sandbox(tmp_path).models(name, *COMMANDS[name], code=128)
    assert "not a git repository" in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_in_a_bare_repository_it_says_so_and_writes_nothing(origin: Sandbox, name: str) -> None:
    told = origin.models(name, *COMMANDS[name], code=1)
    assert "no work tree" in told.err
    assert not (origin / "models").exists()


@pytest.mark.parametrize("name", [n for n in COMMANDS if n != "remote"])
def test_a_manifest_with_conflict_markers_is_named_with_its_line_and_left_alone(recorded: Sandbox, name: str) -> None:
    recorded.write("models.yaml", BROKEN)
    before = snapshot(recorded)
    told = recorded.models(name, *COMMANDS[name], code=1)
    assert "unresolved conflict in models.yaml line 2" in told.out + told.err
    assert snapshot(recorded) == before


@pytest.mark.parametrize("args", [["list"], ["verify"], ["rm"], ["mv", "new.pt"]], ids=lambda a: a[0])
def test_an_unknown_model_is_answered_with_the_nearest_one(recorded: Sandbox, args: list[str]) -> None:
    before = snapshot(recorded)
    told = recorded.models(args[0], "weights/bets.pt", *args[1:], code=1)
    assert "weights/bets.pt" in told.err
    assert MODEL in told.err
    assert snapshot(recorded) == before


@pytest.mark.parametrize("value", ["hardlink", "symlink"])
def test_links_into_the_store_are_refused_with_the_reason(recorded: Sandbox, value: str) -> None:
    recorded.git("config", "models.link", value)
    told = recorded.models("status", code=1)
    assert "would write through the link" in told.err
    assert "git config --unset models.link" in told.err
