"""What is built to run code is neither recorded nor put in place unless somebody says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL, answer
from tests.fakes.web import Reply, listen
from tests.helpers import inside
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
    for name in ("one.bin", "two.bin"):
        repo.write(name, STRANGE)
    assert repo.models("add", "one.bin", "two.bin").err.count("nobody knows") == 1


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
    notes = [line.split("\t")[0] for line in (repo / ".git/models/scans").read_text().split("\n") if line]
    assert sorted(notes) == [f"{oid}.pt", f"{oid}.safetensors"]
    repo.models("add", "sound.pt", "sound.safetensors")
    assert (repo / ".git/models/scans").read_text().count(oid) == 2


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


PATH = "weights/evil.pt"


@pytest.fixture
def within(poisoned: Sandbox, tmp_path: Path) -> Sandbox:
    """The colleague's clone with all that brings files: a layout, a shelf of backups, the bytes."""
    poisoned.git("config", "models.layout", "data")
    poisoned.git("config", "models.backup", "../safe")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/evil.pt").write_bytes(EVIL)
    poisoned.write(PATH, EVIL)
    inside.models(poisoned, "backup", PATH)
    (poisoned / PATH).unlink()
    inside.models(poisoned, "fetch")
    return poisoned


def _landed(tmp_path: Path) -> list[str]:
    """Where a program would find it: not in git's folders, nor where it came from."""
    whole = ("place", "safe", "theirs", "home")
    files = (f for f in tmp_path.rglob("*") if f.is_file() and not f.is_symlink())
    mine = (f for f in files if ".git" not in f.parts and f.relative_to(tmp_path).parts[0] not in whole)
    return [str(f.relative_to(tmp_path)) for f in mine if f.stat().st_size == len(EVIL) and f.read_bytes() == EVIL]


COMMANDS = (
    "pull",
    f"pull {PATH}",
    "checkout",
    f"checkout {PATH}",
    "download evil.pt",
    "download evil.pt ../out/innocent.bin",
    "download evil.pt ../out/ --force",
    "activate evil.pt",
    "activate evil.pt --as innocent",
    f"restore {PATH}",
    f"restore {PATH} --original",
    f"restore {PATH} ../out/",
    "upload ../theirs/evil.pt again.pt",
)


def test_no_command_puts_it_in_place_unless_it_is_told_to(within: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "repo" / PATH).unlink()
    for command in COMMANDS:
        said = inside.models(within, *command.split(), code=1).err
        assert "it is built to run code" in said, command
        assert _landed(tmp_path) == [], command
    for command in COMMANDS:
        inside.models(within, "fetch")
        inside.models(within, *command.split(), "--allow-dangerous")
        (landed,) = _landed(tmp_path)
        (tmp_path / landed).unlink()


def test_nor_a_rollback(within: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "repo" / PATH).unlink()
    within.write(PATH, SOUND)
    inside.models(within, "add", PATH)
    before = within.read("models.yaml")
    assert "it is built to run code" in inside.models(within, "rollback", f"{PATH}@HEAD", code=1).err
    assert (within.read(PATH), within.read("models.yaml")) == (SOUND, before)
    inside.models(within, "rollback", f"{PATH}@HEAD", "--allow-dangerous")
    assert within.read(PATH) == EVIL


def test_nor_does_an_active_name_before_it_is_told_to(within: Sandbox) -> None:
    within.write(PATH, EVIL)  # what lies in the work tree is as dangerous elsewhere
    shutil.rmtree(within / ".git/models/objects")
    before = within.read("models.yaml")
    assert "built to run code" in inside.models(within, "activate", "evil.pt", code=1).err
    assert within.read("models.yaml") == before, "nobody else gets it either"
    assert not (within / "data/active").exists()


def test_nor_an_import(within: Sandbox, tmp_path: Path) -> None:
    server = listen(lambda _: Reply(200, EVIL), lambda _: None)
    try:
        (tmp_path / "repo" / PATH).unlink()
        url = f"http://127.0.0.1:{server.port}/evil.pt"
        said = inside.models(within, "import", "--mirror", url, "weights/new.pt", code=1).err
        assert "it is built to run code" in said
        assert _landed(tmp_path) == []
        inside.models(within, "import", "--mirror", "--allow-dangerous", url, "weights/new.pt")
        assert _landed(tmp_path) == ["other/weights/new.pt"]
    finally:
        server.stop()


@pytest.mark.slow
def test_nor_does_git(within: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "repo" / PATH).unlink()
    inside.models(within, "setup")
    for command in ("reset --hard origin/main", "merge origin/main", "stash pop"):
        within.git("reset", "--hard", "HEAD" if command == "stash pop" else "origin/main^")
        if command == "stash pop":
            within.git("reset", "--soft", "origin/main^")
            within.git("stash")
        said = within.git(*command.split()).err
        assert "was not put in place: it is built to run code" in said, command
        assert _landed(tmp_path) == [], command


def test_block_refuses_what_is_unknown_in_every_command(within: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "repo" / PATH).unlink()
    within.write("strange.pt", STRANGE)
    inside.models(within, "add", "strange.pt")
    inside.models(within, "backup", "strange.pt")
    within.git("config", "models.scan", "block")
    for command in ("activate strange.pt", "restore strange.pt ../out/", "download strange.pt ../out/"):
        assert "nobody knows whether it is safe" in inside.models(within, *command.split(), code=1).err
