"""Logs of one line a record: appended by many, read again and again."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from git_models import linelog


def everything(_key: str) -> bool:
    return True


@pytest.fixture
def log(tmp_path: Path) -> str:
    return str(tmp_path / "log")


def test_no_file_has_no_records(log: str) -> None:
    assert linelog.read(log) == {}


def test_the_last_record_of_a_key_counts(log: str) -> None:
    linelog.append(log, [("a", 1, "x y"), ("b", 2)], everything)
    assert linelog.read(log) == {"a": ["1", "x y"], "b": ["2"], "": []}
    linelog.append(log, [("a", 3)], everything)
    assert linelog.read(log)["a"] == ["3"]


def test_what_was_read_is_not_read_again(log: str) -> None:
    linelog.append(log, [("a", 1)], everything)
    linelog.read(log)
    text = Path(log).read_bytes().replace(b"1", b"9")  # of the same length: nobody looks there any more
    Path(log).write_bytes(text + b"b\t2\n")
    assert (linelog.read(log)["a"], linelog.read(log)["b"]) == (["1"], ["2"])


@pytest.mark.parametrize("end", [b"a\t7", b"a\t7\t\xff\xfe", b"\0\0"])
def test_a_line_that_a_killed_process_left_does_not_spoil_the_next(log: str, end: bytes) -> None:
    Path(log).write_bytes(b"a\t1\n" + end)
    assert linelog.read(log) == {"a": ["1"]}
    linelog.append(log, [("b", 2)], everything)
    assert linelog.read(log)["b"] == ["2"]


def test_another_process_may_write_the_log_anew(log: str) -> None:
    linelog.append(log, [("a", 1), ("b", 2)], everything)
    linelog.read(log)
    Path(log + ".new").write_bytes(b"b\t3\n")
    os.replace(log + ".new", log)
    assert linelog.read(log) == {"b": ["3"]}
    os.unlink(log)
    assert linelog.read(log) == {}


def test_a_long_log_is_left_with_what_is_worth_keeping(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linelog, "_LONG", 100)
    for number in range(100):
        linelog.append(log, [(f"k{number % 5}", number)], lambda key: key in ("k1", "k2"))
    assert os.path.getsize(log) <= 120
    assert {"k1", "k2"} <= linelog.read(log).keys()
    assert os.listdir(os.path.dirname(log)) == ["log"]


def test_a_log_of_which_much_is_worth_keeping_is_seldom_written_anew(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linelog, "_LONG", 100)
    replaced: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (replaced.append(new), replace(old, new)))
    for number in range(500):
        linelog.append(log, [(f"k{number}", number)], everything)
    assert len(linelog.read(log)) == 501  # and the line that is none
    assert 0 < len(replaced) <= 10


def _append(log: str, who: int) -> None:
    for number in range(100):
        linelog.append(log, [(f"{who}-{number}", "x" * 50)], everything)


def test_several_processes_append_at_once(log: str, tmp_path: Path) -> None:
    start: Callable[..., multiprocessing.Process] = multiprocessing.get_context("fork").Process
    workers = [start(target=_append, args=(log, who)) for who in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(linelog.read(log).keys() - {""}) == 400


def test_a_log_that_cannot_be_written_stops_nobody(log: str) -> None:
    os.mkdir(log)  # in the way, as a full disk or a folder without permission would be
    linelog.append(log, [("a", 1)], keep=lambda _: True)
    assert os.listdir(log) == []
