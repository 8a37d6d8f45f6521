"""What is built to run code is neither recorded nor put in place unless somebody says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import MODEL, answer
from tests.helpers.sandbox import Sandbox
from tests.inspect.assembler import call, good_state, make, pickled, torch_zip

EVIL = torch_zip(pickled(call("os", "system", "echo marker")))
STRANGE = torch_zip(pickled(make("somebody.models", "Net", {"a": 1})))
SOUND = torch_zip(good_state())


@pytest.fixture
def poisoned(stored: Sandbox) -> Sandbox:
    """A colleague's push of a file that runs something, in a fresh clone without it."""
    stored.write("weights/evil.pt", EVIL)
    stored.models("add", "--allow-dangerous", "weights/evil.pt")
    stored.commit("Trust me", "models.yaml")
    stored.models("push")
    stored.git("push", "origin", "main", "--no-verify")
    other = stored.clone("other")
    for key in ("models.store.url", "models.remote"):
        other.git("config", key, stored.git("config", key).out.strip())
    return other


def test_add_refuses_what_runs_code_and_keeps_nothing_of_it(repo: Sandbox) -> None:
    repo.write("evil.pt", EVIL)
    said = repo.models("add", "evil.pt", code=1).err
    assert "evil.pt was not recorded: it is built to run code" in said
    assert "git models add --allow-dangerous evil.pt" in said
    assert repo.entries() == {}
    assert not list((repo / ".git/models").glob("objects/*/*"))


def test_add_records_it_when_told_to(repo: Sandbox) -> None:
    repo.write("evil.pt", EVIL)
    repo.models("add", "--allow-dangerous", "evil.pt")
    assert list(repo.entries()) == ["evil.pt"]


def test_a_commit_refuses_it_too_until_the_scan_is_off(repo: Sandbox) -> None:
    repo.models("setup")
    repo.write("evil.pt", EVIL)
    repo.git("add", "evil.pt")
    before = repo.head()
    assert "it is built to run code" in repo.git("commit", "-m", "Work", code=1).err
    assert repo.head() == before
    repo.git("-c", "models.scan=off", "commit", "-m", "Work")
    assert repo.files_at() == ["README.md", "models.yaml"]


def test_a_doubt_is_mentioned_once_and_stops_nothing(repo: Sandbox) -> None:
    repo.write("strange.pt", STRANGE)
    assert "nobody knows whether it is safe to load" in repo.models("add", "strange.pt").err
    repo.write("again.pt", STRANGE)
    assert "nobody knows" not in repo.models("add", "again.pt").err


def test_block_refuses_what_is_unknown_and_takes_what_is_sound(repo: Sandbox) -> None:
    repo.git("config", "models.scan", "block")
    repo.write("strange.pt", STRANGE)
    assert "strange.pt was not recorded" in repo.models("add", "strange.pt", code=1).err
    repo.write("sound.pt", SOUND)
    repo.models("add", "sound.pt")


def test_a_verdict_is_remembered_and_another_suffix_asks_anew(repo: Sandbox) -> None:
    repo.write("sound.pt", SOUND)
    repo.write("sound.safetensors", SOUND)
    assert "its name says safetensors" in repo.models("add", "sound.pt", "sound.safetensors").err
    oid = repo.sha256("sound.pt")
    notes = sorted(f.name for f in (repo / ".git/models/scans").iterdir())
    assert notes == [f"{oid}.pt", f"{oid}.safetensors"]


def test_pull_leaves_it_in_the_store_and_brings_the_rest(poisoned: Sandbox) -> None:
    said = poisoned.models("pull", code=1).err
    assert "weights/evil.pt was not put in place: it is built to run code" in said
    assert not poisoned.exists("weights/evil.pt")
    assert poisoned.exists(MODEL)
    poisoned.models("checkout", "--allow-dangerous", "weights/evil.pt")
    assert poisoned.read("weights/evil.pt") == EVIL


def test_pull_puts_it_in_place_when_told_to(poisoned: Sandbox) -> None:
    poisoned.models("pull", "--allow-dangerous")
    assert poisoned.read("weights/evil.pt") == EVIL


def test_a_checkout_of_git_does_not_bring_it_back(poisoned: Sandbox) -> None:
    poisoned.models("pull", "--allow-dangerous")
    poisoned.git("checkout", "HEAD^")
    assert not poisoned.exists("weights/evil.pt")
    said = poisoned.git("checkout", "main").err
    assert "weights/evil.pt was not put in place: it is built to run code" in said
    assert not poisoned.exists("weights/evil.pt")


def test_the_refusal_is_in_the_json(poisoned: Sandbox) -> None:
    (refused,) = answer(poisoned, "pull", code=1)["refused"]
    assert refused["path"] == "weights/evil.pt"


def test_a_setting_that_makes_no_sense_is_named(repo: Sandbox) -> None:
    repo.git("config", "models.scan", "loud")
    assert "models.scan is 'loud'; it can be warn, block, off" in repo.models("status", code=1).err


def test_the_scanner_is_not_even_loaded_for_a_known_verdict(repo: Sandbox, bin_folder: Path) -> None:
    repo.write("sound.pt", SOUND)
    repo.models("add", "sound.pt")
    repo.write("again.pt", SOUND)
    traced = repo.run(f"{bin_folder}/python -I -X importtime -m git_models add again.pt").err
    assert "git_models.safety" in traced
    assert "git_models.inspect" not in traced
