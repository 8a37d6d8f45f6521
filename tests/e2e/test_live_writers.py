"""A training process is at work on the file while it is recorded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import until

pytestmark = pytest.mark.slow

PATH = "weights/last.pt"
SIZE = 3_000_000

# Each writes version after version into the file named by the first argument, until it is killed.
WRITERS = {
    "rewrites it in place": """
import itertools, sys
with open(sys.argv[1], "r+b") as file:
    for number in itertools.count():
        file.seek(0)
        file.write(b"\\0" + bytes([number % 251]) * int(sys.argv[2]))
        file.flush()
""",
    "replaces it": """
import itertools, os, sys
for number in itertools.count():
    with open(sys.argv[1] + ".tmp", "wb") as file:
        file.write(b"\\0" + bytes([number % 251]) * int(sys.argv[2]))
    os.replace(sys.argv[1] + ".tmp", sys.argv[1])
""",
    "maps it": """
import itertools, mmap, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as pages:
    for number in itertools.count():
        pages[1:] = bytes([number % 251]) * (len(pages) - 1)
""",
    "grows it": """
import os, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(0, 2)
    while True:
        file.write(os.urandom(4096))
        file.flush()
        if file.tell() > 40_000_000:
            file.seek(-4096, 2)
""",
}


@contextmanager
def training(work: Sandbox, how: str) -> Iterator[None]:
    """Somebody writes into PATH all the time."""
    process = subprocess.Popen([sys.executable, "-c", WRITERS[how], str(work / PATH), str(SIZE)])
    try:
        first = work.read(PATH)
        assert until(lambda: work.read(PATH) != first)
        yield
        assert process.poll() is None, "the writer died: its file was taken away"
    finally:
        process.kill()
        process.wait()


def _objects_are_what_they_say(work: Sandbox) -> int:
    found = [f for f in (work / ".git/models/objects").rglob("*") if f.is_file()]
    for file in found:
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.parent.name + file.name
    return len(found)


@pytest.mark.parametrize("how", WRITERS)
def test_whatever_a_writer_does_no_object_differs_from_its_name(work: Sandbox, how: str) -> None:
    work.write(PATH, weights(SIZE, 1))
    work.models("add", PATH)
    with training(work, how):
        inode = (work / PATH).stat().st_ino
        for _ in range(3):
            done = work.models("add", PATH, code=None)
            assert done.code == 0 or "is being written to by another program" in done.err
            # git itself may refuse a file that changes under its hands: then there is nothing to commit.
            work.git("add", "-f", PATH, code=None)
            assert "bug" not in work.git("commit", "-m", "Train", code=None).err
        if how != "replaces it":
            assert (work / PATH).stat().st_ino == inode
    assert _objects_are_what_they_say(work) >= 1
    entry = work.entries()[PATH]
    named = work / f".git/models/objects/{entry['sha256'][:2]}/{entry['sha256'][2:]}"
    assert named.stat().st_size == entry["size"]
    assert PATH not in work.files_at()
    work.models("add", PATH)
    assert work.entries()[PATH]["sha256"] == work.sha256(PATH)


def test_a_writer_that_held_the_file_open_all_along_goes_on_in_the_same_file(work: Sandbox) -> None:
    work.write(PATH, weights(SIZE, 1))
    with open(work / PATH, "r+b") as file:
        work.commit("Train")
        recorded = work.entries("HEAD")[PATH]["sha256"]
        assert recorded == work.sha256(PATH)
        file.write(b"\0more")
        file.flush()
        assert work.read(PATH)[:5] == b"\0more"
    assert _objects_are_what_they_say(work) == 1
    assert f"modified, not pushed   {PATH}" in work.models("status").out
