"""What the hot paths cost, in counts that no busy machine changes: processes started, bytes read and written."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import team
from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]

MIB = 1 << 20


def traced(repo: Sandbox, calls: str, line: str) -> list[str]:
    """The system calls `calls` of a command and of all that it starts, those that failed left out."""
    # A file for each process: in one for all, calls at the same time are torn into two lines.
    logs = Path(tempfile.mkdtemp(dir=repo.root.parent))
    repo.run(f"strace -ff -qq -y -e signal=none -e trace={calls} -o '{logs}/log' {line}")
    rows = [row for log in logs.iterdir() for row in log.read_text(errors="replace").splitlines()]
    return [row for row in rows if " = -1 " not in row]


def programs(repo: Sandbox, line: str) -> list[str]:
    """The programs that a command starts, itself among them."""
    started = (re.search(r'execve\("([^"]*)"', row) for row in traced(repo, "execve", line))
    return [Path(found[1]).name for found in started if found]


def moved(repo: Sandbox, line: str, *calls: str) -> int:
    """Bytes that a command reads or writes in files of the work tree, the store and the place."""
    rows = traced(repo, ",".join(calls), line)
    counts = (re.search(r"<[^>]*(?:/weights/|/models/|/place/)[^>]*>.* = (\d+)", row) for row in rows)
    return sum(int(found[1]) for found in counts if found)


@pytest.fixture
def settled(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A recorded and pushed model that was looked at once it had settled: its stat is believed.

    So is that of the other files: git writes its index again while one is as young, in seconds, as the index.
    """
    repo = team.copy(made("begun"), tmp_path)
    repo.run(f"touch -d '1 hour ago' {MODEL} $(git ls-files) && git update-index -q --refresh")
    repo.models("status")
    return repo


@pytest.mark.parametrize(
    ("line", "most"),
    [
        ("git commit -q --allow-empty -m Code", 15),
        ("git checkout -q -b side", 13),
        ("git push -q", 13),
        ("git status", 1),
        ("git models status", 6),
        ("git models pull", 8),
        ("git models push", 4),
        ("git models list", 5),
    ],
)
def test_a_command_with_nothing_to_do_starts_few_programs(settled: Sandbox, line: str, most: int) -> None:
    found = programs(settled, line)
    assert len(found) <= most, found
    assert not any(name.startswith("python") for name in found), found  # but the command itself, where it is ours


def test_a_commit_of_a_manifest_that_we_staged_starts_no_python(settled: Sandbox) -> None:
    settled.weight("weights/new.pt", seed=4)
    settled.models("add", "weights/new.pt")
    found = programs(settled, "git commit -q -m New")
    assert len(found) <= 16 and not any(name.startswith("python") for name in found), found
    assert list(settled.entries("HEAD")) == [MODEL, "weights/new.pt"]
    assert settled.status() == []


def test_add_touches_each_byte_once(settled: Sandbox) -> None:
    settled.weight("weights/large.pt", 8 * MIB, seed=4)
    assert moved(settled, "git models add weights/large.pt", "read", "pread64", "copy_file_range") <= 9 * MIB


def test_a_push_to_a_folder_on_the_same_disk_writes_no_byte_of_a_model(settled: Sandbox) -> None:
    settled.weight("weights/large.pt", 8 * MIB, seed=4)
    settled.models("add", "weights/large.pt")
    assert moved(settled, "git models push", "write", "pwrite64", "copy_file_range") < MIB


def test_switching_between_pushed_versions_reads_no_byte_of_a_model(settled: Sandbox) -> None:
    settled.git("switch", "-q", "-c", "two")
    team.retrain(settled, 2, size=8 * MIB)
    settled.git("push", "-q", "-u", "origin", "two")
    assert team.until(lambda: not list(team.objects(settled)))
    settled.git("switch", "-q", "main")
    settled.git("switch", "-q", "two")
    settled.run(f"touch -d '1 hour ago' {MODEL}")
    settled.models("status")
    for branch, seed, size in (("main", 1, 4096), ("two", 2, 8 * MIB), ("main", 1, 4096), ("two", 2, 8 * MIB)):
        assert moved(settled, f"git switch -q {branch}", "read", "pread64", "copy_file_range") < MIB
        assert team.holds(settled, seed, size=size)
