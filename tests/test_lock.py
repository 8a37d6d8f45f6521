"""One writer at a time."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
from pathlib import Path

import pytest

from git_models import lock
from git_models.errors import ModelsError

HERE = socket.gethostname()


def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def count(folder: str, file: str, times: int) -> None:
    for _ in range(times):
        with lock.hold(folder, "counting"):
            with open(file) as stream:
                number = int(stream.read())
            with open(file, "w") as stream:
                stream.write(str(number + 1))


def test_the_lock_is_gone_afterwards_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="oops"), lock.hold(str(tmp_path), "a test"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()} {HERE} a test\n"
        raise ValueError("oops")
    assert list(tmp_path.iterdir()) == []


def test_writers_take_turns(tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.write_text("0")
    folder = tmp_path / "lock"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=count, args=(str(folder), str(file), 25)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert file.read_text() == "100"
    assert list(folder.iterdir()) == []


def test_a_wait_is_bounded_and_names_the_owner(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"{os.getppid()} {HERE} the other job\n")
    with pytest.raises(ModelsError, match="the other job") as caught, lock.hold(str(tmp_path), "a test", patience=0):
        pass
    assert str(os.getppid()) in caught.value.what
    assert caught.value.fix.startswith("rm ")
    assert [f.name for f in tmp_path.iterdir()] == ["lock"]


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"{dead_pid()} {HERE} a killed job\n")
    with lock.hold(str(tmp_path), "a test", patience=0):
        assert (tmp_path / "lock").read_text().endswith("a test\n")
    assert list(tmp_path.iterdir()) == []


def test_a_process_of_another_machine_is_never_taken_for_dead(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(f"{dead_pid()} elsewhere.invalid a job\n")
    with pytest.raises(ModelsError, match=r"elsewhere\.invalid"), lock.hold(str(tmp_path), "a test", patience=0):
        pass


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system tells no states of processes")
def test_a_killed_process_that_nobody_asked_for_is_dead(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"])
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    (tmp_path / "lock").write_text(f"{child.pid} {HERE} a killed job\n")
    with lock.hold(str(tmp_path), "a test", patience=0):
        assert (tmp_path / "lock").read_text().endswith("a test\n")
    child.wait()


def test_a_lock_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError), lock.hold(str(tmp_path), "\udcff"):
        pass
    assert list(tmp_path.iterdir()) == []
