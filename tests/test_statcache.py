"""A record of a file's bytes is believed only while its stat allows it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from git_models import statcache

SECOND = 10**9


def old_file(folder: Path, name: str = "a.pt", content: bytes = b"\0one") -> Path:
    """A file that was written a while ago."""
    file = folder / name
    file.write_bytes(content)
    os.utime(file, ns=(0, time.time_ns() - SECOND))
    return file


def recorded(file: Path) -> statcache.Record:
    return statcache.record("1" * 64, "2" * 32, file.stat(), time.time_ns())


def test_an_untouched_file_is_trusted(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    assert statcache.trusted(recorded(file), file.stat())


def test_a_file_written_in_the_instant_of_the_look_is_not_trusted(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(b"\0one")
    assert not statcache.trusted(statcache.record("", "", file.stat(), file.stat().st_mtime_ns), file.stat())


def test_same_size_and_time_but_other_bytes_are_noticed(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    before, known = file.stat(), recorded(file)
    file.write_bytes(b"\0two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not statcache.trusted(known, file.stat())


def test_another_file_under_the_name_is_noticed(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    known = recorded(file)
    os.replace(old_file(tmp_path, "b.pt", b"\0two"), file)
    assert not statcache.trusted(known, file.stat())


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xfb", None])
def test_a_broken_or_absent_cache_knows_nothing(tmp_path: Path, content: bytes | None) -> None:
    cache = tmp_path / "stat"
    if content is not None:
        cache.write_bytes(content)
    assert statcache.load(str(cache)) == {}
    assert not statcache.changed(str(cache), str(tmp_path))


def asked(cache: Path) -> int:
    """The hooks' question, asked as they ask it."""
    script = statcache.__file__
    return subprocess.run([sys.executable, "-I", "-S", script, str(cache), str(cache.parent)]).returncode


def test_the_script_says_whether_a_model_changed(tmp_path: Path) -> None:
    file, cache = old_file(tmp_path), tmp_path / "stat"
    statcache.save(str(cache), {"a.pt": recorded(file)}, {"a.pt": "1" * 64})
    assert statcache.load(str(cache))["a.pt"][:6] == recorded(file)[:6]
    assert asked(cache) == 0
    file.write_bytes(b"\0another")
    assert asked(cache) == 1
    file.unlink()
    assert asked(cache) == 0


def newer(folder: Path) -> list[str]:
    """What `find` says of the watched files, asked as the hooks ask it."""
    names = (folder / "watched").read_bytes().split(b"\0")[:-1]
    command = ["find", *names, "-prune", "-cnewer", folder / "watched"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.split()


def watched(folder: Path, record: statcache.Record) -> list[str]:
    """`newer` after the list was written for one file."""
    statcache.save(str(folder / "stat"), {"a.pt": record}, {"a.pt": "1" * 64})
    statcache.watch(str(folder / "watched"), str(folder), str(folder / "stat"))
    return newer(folder)


def test_a_watched_file_is_newer_than_the_list_whatever_is_done_to_it(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    while watched(tmp_path, recorded(file)):
        pass  # for as long as the clock's tick makes the new file a suspect
    before = file.stat()
    file.write_bytes(b"\0two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert newer(tmp_path) == ["./a.pt"]


def test_a_file_that_changed_before_the_list_was_written_stays_a_suspect(tmp_path: Path) -> None:
    known = recorded(old_file(tmp_path))
    old_file(tmp_path, content=b"\0two")
    assert watched(tmp_path, known) == ["./a.pt"]
    assert watched(tmp_path, known) == ["./a.pt"]


def test_a_file_that_differs_from_the_manifest_counts_as_changed(tmp_path: Path) -> None:
    file, cache = old_file(tmp_path), tmp_path / "stat"
    statcache.save(str(cache), {"a.pt": recorded(file)}, {"a.pt": "3" * 64})
    assert asked(cache) == 1


def test_a_cache_that_cannot_be_written_stops_nobody_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = old_file(tmp_path)
    stat, watched = str(tmp_path / "stat"), tmp_path / "watched"
    statcache.save(stat, {"a.pt": recorded(file)}, {})
    statcache.watch(str(watched), str(tmp_path), stat)
    before = sorted(tmp_path.iterdir())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        statcache.save(stat, {}, {})
        statcache.watch(str(watched), str(tmp_path), stat)
    assert sorted(tmp_path.iterdir()) == before
    assert "a.pt" in statcache.load(stat)
    assert watched.stat().st_mtime_ns == 0, "an old list must suspect every file"


def test_a_file_of_ours_is_believed_at_once_and_a_write_of_others_in_the_same_instant_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"ours")
    statcache.settle(str(file))
    known = statcache.record("oid", "md5", file.stat(), time.time_ns())
    assert statcache.trusted(known, file.stat())
    file.write_bytes(b"them")
    assert not statcache.trusted(known, file.stat())
