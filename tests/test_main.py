"""The edge of the command line: exit codes, one message for each way of going wrong, nothing changed."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from git_models import main
from git_models.commands import parse
from tests.commands.conftest import snapshot
from tests.fakes.github import GitHub
from tests.helpers.sandbox import Sandbox

BEST = "weights/best.pt"
VERBS = {
    "add": [BEST],
    "status": [],
    "push": [],
    "pull": [],
    "fetch": [],
    "checkout": [],
    "setup": [],
}


@pytest.fixture
def recorded(repo: Sandbox, place: Path) -> Sandbox:
    """A clone with one committed model that is not pushed."""
    repo.models("setup", "--remote", place.as_uri())
    repo.weight(BEST, 5000)
    repo.commit("Weights")
    return repo


def one_message(said: str) -> str:
    """The error, after making sure that there is just one and that it says what to do."""
    assert said.count("git models: ") == 1, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("verb", VERBS)
def test_outside_a_repository_the_code_is_128_and_nothing_is_made(tmp_path: Path, verb: str) -> None:
    said = one_message(Sandbox(tmp_path).models(verb, *VERBS[verb], code=128).err)
    assert "not a git repository" in said
    assert "next: git init" in said
    assert list(tmp_path.iterdir()) == []


def test_git_models_alone_outside_a_repository_is_a_question_and_no_failure(tmp_path: Path) -> None:
    assert "usage: git models" in Sandbox(tmp_path).models().out


@pytest.mark.parametrize("verb", VERBS)
def test_a_bare_repository_has_no_models(origin: Sandbox, verb: str) -> None:
    before = sorted(origin.root.rglob("*"))
    assert "no work tree" in one_message(origin.models(verb, *VERBS[verb], code=1).err)
    assert sorted(origin.root.rglob("*")) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_broken_manifest_is_named_with_its_line(recorded: Sandbox, verb: str) -> None:
    recorded.write("models.yaml", recorded.read("models.yaml") + b"  oops: [\n")
    before = snapshot(recorded)
    assert "models.yaml line" in one_message(recorded.models(verb, *VERBS[verb], code=1).err)
    assert snapshot(recorded) == before


def test_a_push_to_nowhere_says_how_to_name_a_place(repo: Sandbox) -> None:
    repo.models("setup")
    repo.weight(BEST, 5000)
    repo.commit("Weights")
    said = one_message(repo.models("push", code=1).err)
    assert "next: git models remote add NAME URL" in said


@pytest.mark.parametrize("verb", ["push", "pull", "fetch", "checkout"])
def test_an_unknown_model_is_answered_with_the_nearest_one(recorded: Sandbox, verb: str) -> None:
    before = snapshot(recorded)
    assert f"did you mean {BEST}?" in one_message(recorded.models(verb, "weights/bets.pt", code=1).err)
    assert snapshot(recorded) == before


def test_a_file_that_is_not_there_cannot_be_added(recorded: Sandbox) -> None:
    before = snapshot(recorded)
    assert "there is no file no-such.pt" in one_message(recorded.models("add", "no-such.pt", code=1).err)
    assert snapshot(recorded) == before


def test_without_a_token_a_private_store_says_so(recorded: Sandbox, tmp_path: Path) -> None:
    with GitHub(tmp_path / "hub") as hub:
        hub.repository("ada/detector", private=True)
        said = one_message(recorded.models("push", "--remote", hub.remote("ada/detector"), code=1).err)
    assert "no token" in said
    assert "git models login" in said


def test_an_unknown_command_is_code_2_and_names_the_nearest(repo: Sandbox) -> None:
    said = one_message(repo.models("psuh", code=2).err)
    assert "there is no command 'psuh'" in said
    assert "next: git models push" in said


def test_an_unknown_option_is_code_2(repo: Sandbox) -> None:
    assert "--no-such" in repo.models("pull", "--no-such", code=2).err


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("restore NAME --force DEST", {"name": "NAME", "dest": "DEST", "force": True}),
        ("download NAME -q DEST", {"model": "NAME", "dest": "DEST", "quiet": True}),
        ("diff A --stat B", {"words": ["A", "B"], "stat": True}),
        ("pull -I a x -I b y", {"paths": ["x", "y"], "include": ["a", "b"]}),
        ("add -- -dash.pt", {"paths": ["-dash.pt"]}),
    ],
)
def test_options_may_stand_between_words(line: str, values: dict[str, object]) -> None:
    found = vars(parse(line.split()))
    assert {name: found[name] for name in values} == values


@pytest.mark.parametrize("line", ["restore A --force B C", "remote add A B C", "restore A --never", "tag A --force"])
def test_a_word_too_many_or_too_few_is_a_question_of_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(line.split())
    assert raised.value.code == 2 and "error:" in capsys.readouterr().err


def test_an_error_is_a_document_under_json(repo: Sandbox) -> None:
    told = json.loads(repo.models("add", "no-such.pt", "--json", code=1).out)
    assert set(told) == {"error", "fix"}
    assert "no-such.pt" in told["error"]


def confined(*wanted: str) -> list[str]:
    """The start of a command line that runs the rest under the restriction; skips where the system forbids it."""
    if subprocess.run([*wanted, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"{' '.join(wanted)} is not possible here")
    return list(wanted)


def test_a_full_disk_is_named_and_nothing_is_recorded(recorded: Sandbox) -> None:
    recorded.weight("weights/large.pt", 3_000_000)
    before = snapshot(recorded)
    small = "mount -t tmpfs -o size=1m none .git/models && exec git models add weights/large.pt"
    command = [*confined("unshare", "--map-root-user", "--mount"), "sh", "-c", small]
    done = subprocess.run(command, cwd=recorded.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    said = one_message(done.stderr)
    assert "the disk is full" in said
    assert "next: df -h" in said
    assert snapshot(recorded) == before


def test_an_answer_that_cannot_be_written_is_a_failure(recorded: Sandbox) -> None:
    assert "the disk is full" in one_message(recorded.run("git models status -v > /dev/full", code=1).err)


@pytest.mark.parametrize(
    ("code", "words", "fix"),
    [
        (errno.ENOSPC, "the disk is full", "df -h /mnt\n"),
        (errno.EDQUOT, "the disk is full", "df -h /mnt\n"),
        (errno.EACCES, "no permission", "ls -ld /mnt\n"),
        (errno.EROFS, "no permission", "ls -ld /mnt\n"),
    ],
)
def test_what_the_system_refuses_is_put_into_words(bin_folder: Path, code: int, words: str, fix: str) -> None:
    done = failing(bin_folder, f"OSError({code}, 'refused', '/mnt/models')")
    assert done.returncode == 1
    said = one_message(done.stderr)
    assert words in said
    assert "/mnt/models" in said
    assert fix in said


def test_a_bug_is_code_3_and_leaves_a_log_for_the_report(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = failing(bin_folder, "RuntimeError('token=abcdef0123 went wrong')")
    assert done.returncode == 3
    said = one_message(done.stderr)
    (log,) = tmp_path.glob("git-models-*.log")
    assert f"next: report it with {log}" in said
    assert "RuntimeError" in log.read_text()
    assert "abcdef0123" not in said + log.read_text(), "secrets do not get into reports"


def failing(bin_folder: Path, error: str) -> subprocess.CompletedProcess[str]:
    """A process of its own in which the overview raises `error`."""
    program = (
        "import sys\n"
        "from git_models import main\n"
        "from git_models.commands import overview\n"
        f"def run(options, out): raise {error}\n"
        "overview.run = run\n"
        "sys.exit(main.main([]))\n"
    )
    command = [bin_folder / "python", "-I", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_folder_that_may_not_be_written_is_named(recorded: Sandbox) -> None:
    recorded.weight("weights/new.pt", 5000)
    before = snapshot(recorded)
    objects = recorded / ".git/models"
    objects.chmod(0o555)
    # Root may write everywhere, unless it gives up that privilege.
    plain = [] if os.geteuid() else confined("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")
    try:
        command = [*plain, "git", "models", "add", "weights/new.pt"]
        done = subprocess.run(command, cwd=recorded.root, capture_output=True, text=True, check=False)
    finally:
        objects.chmod(0o755)
    assert done.returncode == 1, done.stderr
    said = one_message(done.stderr)
    assert "no permission" in said
    assert str(objects) in said
    assert snapshot(recorded) == before


def test_an_interrupted_command_is_code_130_and_goes_on_next_time(recorded: Sandbox, tmp_path: Path) -> None:
    with GitHub(tmp_path / "hub") as hub:
        hub.repository("ada/detector")
        hub.token("writer", can={"ada/detector": "write"})
        hub.silent = True
        command = ["git-models", "push", "--remote", hub.remote("ada/detector")]
        env = os.environ | {"GH_ENTERPRISE_TOKEN": "writer"}
        with subprocess.Popen(command, cwd=recorded.root, env=env, stderr=subprocess.PIPE, text=True) as running:
            hub.wait_for_stall()
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=60)
        assert running.returncode == 130, said
        assert "goes on where it stopped" in one_message(said)
        hub.silent = False
        hub.resume()
        recorded.models("push", "--remote", hub.remote("ada/detector"), env={"GH_ENTERPRISE_TOKEN": "writer"})
        assert len(hub.assets("ada/detector")) == 1


def test_one_ctrl_c_is_one_interrupt_though_git_passes_it_on_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main._interrupt_once()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # in the middle of what the first one made us clean up
        monkeypatch.setattr(main, "TWICE", -1.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_reader_that_goes_away_is_no_error(recorded: Sandbox) -> None:
    assert recorded.run("git models status -v | true").err == ""


def test_of_a_crowd_that_is_recorded_the_first_are_named(repo: Sandbox) -> None:
    for number in range(30):
        repo.weight(f"w/{number:02}.pt", 100, seed=number + 1)
    told = repo.models("add", "w").err.splitlines()
    assert told[:1] + told[18:] == [
        "recorded w/00.pt",
        "recorded w/18.pt",
        "… and 11 more (-v names them)",
        "30 models in models.yaml, staged. Next: git commit",
    ]
