"""What random sequences of commands found: each once more, in a few lines."""

from __future__ import annotations

import shutil

import pytest

from tests.helpers.sandbox import Sandbox, weights

PATH, OTHER = "weights/best.pt", "weights/last.pt"
ONE, TWO, THREE = weights(4096, 1), weights(5000, 2), weights(6000, 3)
killing = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def killed(work: Sandbox, call: str, number: int, command: str) -> None:
    """Run a command of which the process that is about to make the n-th `call` is killed."""
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    work.run(f"strace -f -qq -o /dev/null -e trace={call} -e {inject} {command}", code=None)


@killing
@pytest.mark.parametrize(
    ("call", "number", "placed"), [("copy_file_range", 1, False), ("linkat", 1, False), ("unlinkat", 2, True)]
)
def test_a_checkout_that_was_killed_leaves_nothing_that_git_would_commit(
    work: Sandbox, call: str, number: int, placed: bool
) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    (work / PATH).unlink()
    killed(work, call, number, "git models checkout")
    assert work.exists(PATH) == placed
    assert work.status() == []
    work.models("checkout")
    assert [p.name for p in (work / "weights").iterdir()] == ["best.pt"]
    assert work.read(PATH) == ONE


@killing
@pytest.mark.parametrize("number", range(1, 7))
def test_an_add_that_was_killed_leaves_nothing_that_git_would_commit(work: Sandbox, number: int) -> None:
    work.write(PATH, ONE)
    killed(work, "rename", number, f"git models add {PATH}")
    assert {line[3:] for line in work.status()} <= {"models.yaml", "weights/"}
    work.models("add", PATH)
    assert work.status() == ["A  models.yaml"]
    assert work.entries("")[PATH]["sha256"] == work.sha256(PATH)
    assert not [p.name for p in work.root.iterdir() if "git-models" in p.name]


@killing
@pytest.mark.parametrize("number", range(1, 11))
def test_a_commit_that_was_killed_leaves_what_is_still_to_do_to_the_next_one(work: Sandbox, number: int) -> None:
    work.write(PATH, ONE)
    work.write("train.py", "print('more')\n")
    work.git("add", "-A")
    killed(work, "rename", number, "git commit -m 'Version 1'")
    for lock in (work / ".git").rglob("*.lock"):
        lock.unlink()
    work.git("commit", "--allow-empty", "-m", "Version 1")
    assert work.entries("HEAD")[PATH]["sha256"] == work.sha256(PATH)
    assert work.status() == []


def test_a_commit_of_one_path_that_was_aborted_does_not_touch_the_next_commit(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    work.write(PATH, TWO)
    work.git("add", "-f", PATH)
    work.git("commit", "-m", "", "--", PATH, code=1)
    work.write("train.py", "print('more')\n")
    work.git("commit", "-m", "Code", "--", "train.py")
    assert work.entries()[PATH]["sha256"] == work.sha256(PATH)
    assert PATH in work.git("ls-files").lines
    work.git("commit", "-m", "Version 2")
    assert work.entries("HEAD")[PATH]["sha256"] == work.sha256(PATH)
    assert work.status() == []


def test_commit_all_does_not_call_a_model_recorded_that_was_only_touched(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    work.write(PATH, ONE)
    said = work.git("commit", "-am", "Nothing", code=1)
    assert "run" not in said.err and "recorded" not in said.err, said.err


def test_commit_all_in_a_rebase_does_not_record_the_models_that_wait_for_its_end(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Base")
    work.git("checkout", "-b", "topic")
    work.write("train.py", "print('topic')\n")
    work.commit("Topic")
    work.write("notes.txt", "notes\n")
    work.commit("Notes")
    work.git("checkout", "main")
    work.write(PATH, TWO)
    work.models("add", PATH)
    work.write("train.py", "print('main')\n")
    work.commit("Main")
    work.git("checkout", "topic")
    work.git("rebase", "main", code=1)
    work.write("train.py", "print('both')\n")
    work.git("commit", "-am", "Topic")
    work.git("rebase", "--continue")
    assert work.entries("HEAD") == work.entries("main")
    assert work.read(PATH) == TWO
    assert work.status() == []
