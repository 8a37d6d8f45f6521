"""Killed at any step, out of room, or several at once: no recorded byte is lost and the same command goes on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, holds, objects, retrain, two_versions

pytestmark = pytest.mark.slow

SIZE = 4096
# The calls with which a step becomes visible to others.
CALLS = ("fsync", "link", "linkat", "rename", "renameat", "unlink", "unlinkat")
MOST = 400  # no command makes as many of one of these calls

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def killed(repo: Sandbox, call: str, step: int, *command: str) -> bool:
    """Run a command whose processes each die (SIGKILL) before their `step`th such system call; False if it ended."""
    traced = ("strace", "-f", "-qq", "-o", ".git/trace.out", "-e", f"trace={call}")
    done = subprocess.run(
        [*traced, "-e", f"inject={call}:signal=KILL:when={step}", *command], cwd=repo.root, capture_output=True
    )
    return "killed by SIGKILL" in (repo / ".git/trace.out").read_text() or done.returncode < 0


def every_step(repo: Sandbox, again: Callable[[int], tuple[str, ...]], check: Callable[[int], None]) -> int:
    """Kill what `again(turn)` prepares and names, at every visible step in turn, and `check`; the number of turns.

    strace counts each system call by itself, so one is taken after the other. The last turn is not killed.
    """
    turn = 0
    for call in CALLS:
        for step in range(1, MOST):
            turn += 1
            got_killed = killed(repo, call, step, *inside(repo, *again(turn)))
            recover(repo)
            check(turn)
            if not got_killed:
                break
    return turn


def recover(repo: Sandbox) -> None:
    """What git itself asks for after it was killed."""
    for lock in (repo / ".git").rglob("*.lock"):
        lock.unlink()


def whole(repo: Sandbox, path: str, *seeds: int) -> None:
    """At the path are the bytes of one of these versions, or nothing; every object has the bytes of its name."""
    if repo.exists(path):
        assert repo.read(path) in [weights(SIZE, seed) for seed in seeds]
    for file in objects(repo):
        assert Sandbox(file.parent).sha256(file.name) == file.parent.name + file.name


def survives(repo: Sandbox, place: Path, seed: int) -> None:
    """The bytes of this version are in the work tree, the store or the place."""
    wanted = weights(SIZE, seed)
    here = [*objects(repo), *(f for f in place.rglob("*") if f.is_file())]
    files = [*here, *(repo / "weights").glob("*.pt")]
    assert any(f.read_bytes() == wanted for f in files)


def inside(repo: Sandbox, *words: str) -> tuple[str, ...]:
    """The command as strace starts it, from the folder .git."""
    return ("git", "-C", str(repo.root), *words)


@needs_strace
@pytest.mark.parametrize("command", [("models", "add", MODEL), ("models", "push"), ("commit", "-a", "-m", "Version 2")])
def test_a_killed_command_loses_nothing_and_the_next_run_converges(
    ready: Sandbox, tmp_path: Path, command: tuple[str, ...]
) -> None:
    place = tmp_path / "place"

    def again(turn: int) -> tuple[str, ...]:
        ready.weight(MODEL, SIZE, seed=100 + turn)
        ready.write("README.md", f"{turn}\n")
        if "push" in command:
            ready.models("add", MODEL)
        return command

    def check(turn: int) -> None:
        whole(ready, MODEL, 100 + turn)
        survives(ready, place, 1)
        survives(ready, place, 100 + turn)

    turns = every_step(ready, again, check)
    ready.models("add", "-u")
    ready.git("add", "README.md")
    ready.git("commit", "-m", "Done", code=None)
    ready.git("push")
    assert ready.status() == []
    assert ready.entries("HEAD")[MODEL]["sha256"] == ready.sha256(MODEL)
    assert MODEL not in ready.files_at()
    assert weights(SIZE, 100 + turns) in [f.read_bytes() for f in place.rglob("*") if f.is_file()]


@needs_strace
@pytest.mark.parametrize("command", [("switch", "two"), ("models", "pull")])
def test_a_killed_switch_or_pull_loses_nothing_and_the_next_run_converges(
    ready: Sandbox, tmp_path: Path, command: tuple[str, ...]
) -> None:
    place = tmp_path / "place"
    two_versions(ready)

    def again(_: int) -> tuple[str, ...]:
        ready.git("switch", "-f", "main", code=None)
        ready.models("pull")
        if "pull" in command:
            (ready / MODEL).unlink()
            shutil.rmtree(ready / ".git/models/objects")
        return command

    def check(_: int) -> None:
        whole(ready, MODEL, 1, 2)
        survives(ready, place, 1)
        survives(ready, place, 2)

    every_step(ready, again, check)
    assert holds(ready, 2 if "switch" in command else 1)
    assert ready.status() == []


@needs_strace
@pytest.mark.parametrize("words", [(), ("--cached",)])
def test_a_killed_removal_loses_nothing_and_leaves_a_file_where_it_is_to_stay(
    ready: Sandbox, tmp_path: Path, words: tuple[str, ...]
) -> None:
    def again(_: int) -> tuple[str, ...]:
        ready.git("checkout", "-f", "HEAD", "--", "models.yaml")
        ready.models("pull")
        return "models", "rm", *words, MODEL

    def check(_: int) -> None:
        whole(ready, MODEL, 1)
        survives(ready, tmp_path / "place", 1)
        if words:
            ready.git("commit", "--allow-empty", "-m", "Go on")  # the hooks see what is left to do
            assert ready.exists(MODEL)
            ready.git("reset", "HEAD^")
        else:
            assert MODEL in ready.entries() or not ready.exists(MODEL)

    assert every_step(ready, again, check) > 10
    assert ready.entries() == {} and ready.exists(MODEL) == bool(words)


@needs_strace
def test_a_killed_rename_has_the_file_at_one_of_both_paths_and_the_next_call_goes_on(
    ready: Sandbox, tmp_path: Path
) -> None:
    target = "other/x.pt"

    def again(_: int) -> tuple[str, ...]:
        ready.git("checkout", "-f", "HEAD", "--", "models.yaml")
        ready.run("rm -rf other")
        ready.models("pull")
        return "models", "mv", MODEL, target

    def check(_: int) -> None:
        whole(ready, MODEL, 1)
        whole(ready, target, 1)
        assert ready.exists(MODEL) or ready.exists(target)
        if MODEL in ready.entries():
            ready.models("mv", MODEL, target)
        assert list(ready.entries()) == [target] and ready.exists(target) and not ready.exists(MODEL)
        assert not list(ready.root.glob("**/.*.git-models"))

    assert every_step(ready, again, check) > 10
    assert ready.status() == ["M  models.yaml"]


@needs_strace
def test_a_killed_rollback_loses_nothing_and_the_next_one_converges(ready: Sandbox, tmp_path: Path) -> None:
    first = ready.head()
    retrain(ready, 2)

    def again(turn: int) -> tuple[str, ...]:
        ready.git("checkout", "-f", "HEAD", "--", "models.yaml")
        ready.weight(MODEL, SIZE, seed=100 + turn)
        return "models", "rollback", f"{MODEL}@{first}"

    def check(turn: int) -> None:
        whole(ready, MODEL, 1, 100 + turn)
        for seed in (1, 2, 100 + turn):
            survives(ready, tmp_path / "place", seed)

    every_step(ready, again, check)
    assert holds(ready, 1)
    assert ready.entries()[MODEL]["sha256"] == ready.sha256(MODEL)


@needs_strace
@pytest.mark.parametrize("command", ["upload", "download"])
def test_a_killed_upload_or_download_loses_nothing_and_the_next_one_converges(
    ready: Sandbox, tmp_path: Path, command: str
) -> None:
    place = tmp_path / "place"
    ready.git("config", "models.layout", "data/models")
    target = "data/models/trained/custom.pt"
    outside = tmp_path / "new.pt"
    words = ["upload", str(outside), "custom.pt"] if command == "upload" else ["download", "--force", MODEL, target]

    def again(turn: int) -> tuple[str, ...]:
        if command == "upload":
            outside.write_bytes(weights(SIZE, 100 + turn))
        else:
            ready.weight(target, SIZE, 100 + turn)
        return "models", *words

    def check(turn: int) -> None:
        seed = 100 + turn
        if command == "download":
            assert ready.read(target) in (weights(SIZE, seed), weights(SIZE, 1)), "never half, never gone"
            kept = [f.read_bytes() for f in (ready / "data/models").rglob("*.pt")]
            assert weights(SIZE, seed) in kept, "what was in the way is backed up before it goes"
        else:
            whole(ready, target, *range(100, seed + 1))
        survives(ready, place, 1)

    turns = every_step(ready, again, check)
    if command == "upload":
        assert ready.entries()[target]["sha256"] == ready.sha256(target)
        assert weights(SIZE, 100 + turns) in [f.read_bytes() for f in place.iterdir()]
    else:
        assert ready.read(target) == weights(SIZE, 1)


# Room and permission


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_nothing_is_left_half_done(ready: Sandbox, small: Path) -> None:
    shutil.move(ready / ".git/models", small / "models")
    (ready / ".git/models").symlink_to(small / "models")
    ready.weight("large.pt", 400_000, seed=5)
    before = ready.read("models.yaml")
    said = ready.models("add", "large.pt", code=1).err
    assert "room" in said or "full" in said
    assert ready.read("models.yaml") == before
    assert not list(small.rglob("*-*.tmp")) and not list((small / "models/tmp").glob("*"))
    ready.weight("small.pt", 4096, seed=6)
    ready.models("add", "small.pt")


def test_a_pull_onto_a_full_disk_keeps_the_old_file(ready: Sandbox, small: Path) -> None:
    retrain(ready, 2, size=400_000)
    ready.git("push")
    ready.git("clone", (ready.root.parent / "origin.git").as_uri(), str(small / "clone"))
    other = Sandbox(small / "clone")
    said = other.models("pull", code=1).err
    assert "room" in said or "full" in said
    assert not other.exists(MODEL)


def test_a_folder_that_may_not_be_written_is_named(ready: Sandbox, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    two_versions(ready)
    (ready / "weights").chmod(0o555)
    try:
        said = ready.git("switch", "two").err
    finally:
        (ready / "weights").chmod(0o755)
    assert MODEL in said and "ermission" in said
    assert holds(ready, 1)
    ready.models("pull")
    assert holds(ready, 2)


# Several at once


def together(repo: Sandbox, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Run commands at the same time: exit code and stderr of each."""
    running = [
        subprocess.Popen(["git", "models", *words], cwd=repo.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for words in commands
    ]
    said = [process.communicate()[1].decode() for process in running]
    return [(process.returncode, text) for process, text in zip(running, said, strict=True)]


def test_eight_adds_at_once_record_all_eight(ready: Sandbox) -> None:
    for number in range(8):
        ready.weight(f"f{number}.pt", seed=number + 10)
    done = together(ready, *(("add", f"f{number}.pt") for number in range(8)))
    assert [code for code, _ in done] == [0] * 8, done
    assert sorted(ready.entries()) == [*(f"f{n}.pt" for n in range(8)), MODEL]
    assert ready.status() == ["M  models.yaml"]


def test_eight_pulls_at_once_all_end_with_the_right_files(ready: Sandbox) -> None:
    for number in range(4):
        ready.weight(f"f{number}.pt", 100_000, seed=number + 10)
    ready.commit("Four more")
    ready.git("push")
    other = Sandbox(ready.root.parent / "origin.git").clone("other")
    other.models("setup")
    done = together(other, *[("pull",)] * 8)
    assert [code for code, _ in done] == [0] * 8, done
    for number in range(4):
        assert holds(other, number + 10, f"f{number}.pt", 100_000)
    assert other.status() == []


def test_the_lock_of_a_dead_process_is_taken_over(ready: Sandbox) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    ready.write(".git/models/lock", f"{child.pid} {socket.gethostname()} models.yaml\n")
    ready.weight(MODEL, seed=2)
    ready.models("add", MODEL)
    assert not ready.exists(".git/models/lock")
