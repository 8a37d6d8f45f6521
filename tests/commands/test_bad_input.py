"""What every command answers to a place where it cannot work."""

from __future__ import annotations

import shutil
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


@pytest.mark.parametrize("link", ["gitdir: ../.git/modules/gone\n", "rubbish\n"])
def test_a_folder_whose_repository_is_gone_is_none(tmp_path: Path, link: str) -> None:
    (tmp_path / ".git").write_text(link)
    told = Sandbox(tmp_path).models("status", code=128)
    assert "next: git init" in told.err


def test_a_file_below_a_folder_called_like_the_manifest_is_no_manifest(repo: Sandbox) -> None:
    repo.write("models.yaml/foo", "x: [\n")
    repo.commit("A folder")
    shutil.rmtree(repo / "models.yaml")
    repo.weight("a.pt")
    repo.models("add", "a.pt")
    assert list(repo.entries()) == ["a.pt"]


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


@pytest.mark.parametrize(
    "line",
    [
        ["checkout", "--force", ""],
        ["rm", "-r", ""],
        ["mv", MODEL, ""],
        ["add", ""],
        ["push", ""],
        ["log", ""],
        ["upload", MODEL, ""],
        ["download", "best.pt", ""],
        ["restore", ""],
        ["setup", "--layout", ""],
        ["setup", "--remote", ""],
        ["setup", "--track", ""],
        ["pull", "-I", ""],
        ["gc", "--remote", ""],
        ["tag", MODEL, ""],
        ["export", "lfs", ""],
        ["migrate", "history", "--include="],
        ["import", "https://example.invalid/a.pt", "a.pt", "--sha256", ""],
    ],
    ids=" ".join,
)
def test_an_empty_word_is_a_variable_that_was_not_set_and_never_means_everything(
    recorded: Sandbox, line: list[str]
) -> None:
    recorded.weight(MODEL, 5000, seed=9)
    before = snapshot(recorded)
    assert "is empty" in recorded.models(*line, code=2).err
    assert snapshot(recorded) == before


def test_a_text_may_be_empty(recorded: Sandbox) -> None:
    recorded.models("edit", MODEL, "--notes", "x")
    recorded.models("edit", MODEL, "--notes", "", "--created", "", "--name", "")
    assert "notes" not in recorded.entries()[MODEL]


@pytest.mark.parametrize(
    "line",
    [
        *(["push", "-j", n] for n in ("0", "-3", "x", "1.5")),
        *(["pull", "-j", n] for n in ("0", "-3")),
        *(["log", "-n", n] for n in ("0", "-1")),
        *(["prune", "--grace", n] for n in ("-1", "nan", "inf")),
        *(["gc", "--remote", "--exclusive", "--grace", n] for n in ("-1", "nan")),
        *(["backup", "--all", "--keep-days", n] for n in ("-1", "nan")),
    ],
    ids=" ".join,
)
def test_a_number_that_makes_no_sense_is_a_question_of_usage(recorded: Sandbox, line: list[str]) -> None:
    before = snapshot(recorded)
    assert "is no number" in recorded.models(*line, code=2).err
    assert snapshot(recorded) == before


@pytest.mark.parametrize("dest", [".git/hooks/pre-push", ".git/", ".GIT/x", "sub/.git/config", "models.yaml"])
@pytest.mark.parametrize("verb", ["download", "restore"])
def test_neither_gits_own_folder_nor_the_manifest_is_a_place_for_a_model(
    recorded: Sandbox, verb: str, dest: str
) -> None:
    recorded.models("backup", MODEL)
    before = snapshot(recorded)
    told = recorded.models(verb, "--force", "best.pt", dest, code=1)
    assert "next: name " in told.err
    assert snapshot(recorded) == before
    assert not [*(recorded / ".git").glob("best*"), *(recorded / ".git/hooks").glob("pre-push")]


def test_a_name_that_begins_with_a_dash_is_no_option_in_what_is_advised(recorded: Sandbox) -> None:
    recorded.models("backup", MODEL)
    told = recorded.models("restore", "best.pt", "--", "-dash.pt").err
    assert "git models add ./-dash.pt" in told
    recorded.models("add", "./-dash.pt")
    assert "-dash.pt" in recorded.entries()


@pytest.mark.parametrize("kind", ["a link", "a file"])
def test_a_layout_that_cannot_be_is_refused_with_the_reason(recorded: Sandbox, kind: str) -> None:
    if kind == "a link":
        (recorded / "models").symlink_to("elsewhere")
    else:
        recorded.write("models", "x")
    told = recorded.models("setup", "--layout", "models/mine", code=1).err
    assert f"models cannot lie in models/mine: models is {kind}" in told
    assert "next: git models setup --layout" in told
    assert not recorded.git("config", "models.layout", code=None).out


def test_the_journal_of_a_model_it_does_not_know_is_not_called_empty(recorded: Sandbox) -> None:
    recorded.models("backup", MODEL)
    assert "nothing has happened here to nope.pt" in recorded.models("log", "--local", "nope.pt").err


def test_in_gits_own_folder_it_says_where_it_is(recorded: Sandbox) -> None:
    told = recorded.models("list", code=1, cwd=".git").err
    assert "git's own folder, not the work tree" in told
    assert "next: cd .." in told


def test_a_fetch_that_failed_does_not_say_that_all_is_here(recorded: Sandbox) -> None:
    clone = recorded.clone("clone")
    told = clone.models("fetch", code=1)
    assert told.out == ""
    assert told.err.count("git models: ") == 1


@pytest.mark.parametrize(
    "line",
    [
        ["edit", MODEL, "--notes", "x"],
        ["tag", MODEL, "1.0.0"],
        ["add", "new.pt"],
        ["upload", "new.pt", "other.pt"],
        ["mv", MODEL, "moved.pt"],
        ["track", "*.b"],
        ["activate", "best.pt"],
    ],
    ids=lambda line: line[0],
)
def test_a_lock_that_a_killed_git_left_is_named_with_the_command_that_removes_it(
    recorded: Sandbox, place: Path, line: list[str]
) -> None:
    recorded.models("setup", "--remote", place.as_uri())
    recorded.git("commit", "-m", "A place", code=None)
    recorded.weight("new.pt", 3000, seed=5)
    lock = recorded.write(".git/index.lock")
    before = snapshot(recorded)
    told = recorded.models(*line, code=1).err
    assert f"one was killed: {lock} is there" in told
    assert f"next: rm {lock}" in told
    assert snapshot(recorded) == before
    lock.unlink()
    recorded.models(*line)
    assert recorded.status()
