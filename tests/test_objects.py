"""The store: an object always has the bytes of its name."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from pathlib import Path

import pytest

from git_models import linelog, link, objects
from git_models.errors import ModelsError
from tests.helpers.sandbox import weights

URL = "file:///place"


@pytest.fixture
def models(tmp_path: Path) -> str:
    return str(tmp_path / "models")


def keep(models: str, *contents: bytes) -> list[str]:
    """Objects with these bytes; returns their names."""
    drafts = [objects.draft_bytes(models, [c[:3], c[3:]]) for c in contents]
    objects.seal(models, drafts)
    return [d.digests.sha256 for d in drafts]


def test_sealed_drafts_are_objects_and_nothing_else_is_left(models: str) -> None:
    oids = keep(models, *(weights(100, seed) for seed in range(10)))
    assert sorted(oids) == list(objects.oids(models))
    assert all(objects.has(models, oid) for oid in oids)
    assert objects.checked(models, oids) == (oids, [])
    assert os.listdir(os.path.join(models, "tmp")) == []


def test_what_was_hashed_on_its_way_into_the_store_is_not_hashed_again(
    models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    oids = keep(models, weights(5000, 1), weights(6000, 2))
    monkeypatch.setattr(link, "hashed", None)
    assert objects.checked(models, oids) == (oids, [])


def test_a_discarded_draft_is_gone(models: str) -> None:
    draft = objects.draft_bytes(models, [b"\0abc"])
    objects.discard(draft)
    objects.discard(draft)
    assert list(objects.oids(models)) == []


def test_a_draft_that_breaks_off_leaves_nothing(models: str) -> None:
    def broken() -> object:
        yield b"\0abc"
        raise ValueError

    with pytest.raises(ValueError):
        objects.draft_bytes(models, broken())  # type: ignore[arg-type]
    assert os.listdir(os.path.join(models, "tmp")) == []


def test_drafts_of_dead_processes_are_removed_after_an_hour(models: str) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    old, young = (Path(models, "tmp", f"{child.pid}-{n}") for n in (1, 2))
    old.parent.mkdir(parents=True)
    old.touch()
    young.touch()
    os.utime(old, (0, time.time() - 7200))
    objects.temp(models)
    assert not old.exists() and young.exists()


def test_an_object_that_fails_its_hash_is_moved_to_lost_and_never_deleted(models: str) -> None:
    (oid,) = keep(models, weights(100))
    Path(objects.path(models, oid)).write_bytes(b"\0damaged")
    assert objects.checked(models, [oid]) == ([], [oid])
    assert not objects.has(models, oid)
    (lost,) = Path(models, "lost").iterdir()
    assert lost.read_bytes() == b"\0damaged" and lost.name.startswith(oid)


def test_damage_that_leaves_the_stat_alone_is_found_by_a_full_check(models: str) -> None:
    (oid,) = keep(models, weights(100))
    file = Path(objects.path(models, oid))
    os.utime(file, ns=(0, time.time_ns() - 10**9))
    assert objects.checked(models, [oid]) == ([oid], [])
    assert objects.checked(models, [oid], full=True) == ([oid], [])
    file.write_bytes(weights(100, 1))
    assert objects.checked(models, [oid], full=True) == ([], [oid])


def test_an_absent_object_is_neither_good_nor_bad(models: str) -> None:
    assert objects.checked(models, ["0" * 64]) == ([], [])


def test_a_broken_line_in_the_log_of_verified_objects_does_no_harm(models: str) -> None:
    (oid,) = keep(models, weights(100))
    with open(os.path.join(models, "verified"), "ab") as log:
        log.write(b"\xff\xff garbage\n" + oid.encode() + b"\t1\t2\n")
    assert objects.checked(models, [oid]) == ([oid], [])


def test_a_long_log_of_verified_objects_is_written_anew(models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = keep(models, weights(100), weights(200, 1))
    monkeypatch.setattr(linelog, "_LONG", 10)
    os.unlink(objects.path(models, first))
    (third,) = keep(models, weights(300, 2))
    log = Path(models, "verified").read_text().split()
    assert first not in log and log.count(second) == log.count(third) == 1


def test_what_a_remote_holds_is_remembered_for_each_remote(models: str) -> None:
    objects.note_held(models, URL, ["a" * 64, "b" * 64])
    objects.note_held(models, URL, ["a" * 64])
    objects.note_held(models, "file:///other", ["c" * 64])
    assert objects.held(models, URL) == {"a" * 64, "b" * 64}
    assert objects.held_anywhere(models) == {"a" * 64, "b" * 64, "c" * 64}
    objects.forget_held(models, URL, ["a" * 64])
    assert objects.held(models, URL) == {"b" * 64}


def test_several_processes_forget_at_once(models: str) -> None:
    every = [f"{n:064x}" for n in range(400)]
    objects.note_held(models, URL, every)

    def forget(who: int) -> None:
        for oid in every[who::4]:
            objects.forget_held(models, URL, [oid])

    workers = [multiprocessing.get_context("fork").Process(target=forget, args=(who,)) for who in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [w.exitcode for w in workers] == [0] * 4
    assert objects.held(models, URL) <= set(every)


def test_a_half_written_note_of_a_killed_process_is_not_believed(models: str) -> None:
    objects.note_held(models, URL, ["a" * 64])
    (file,) = Path(models, "held").iterdir()
    with file.open("a") as stream:
        stream.write("b" * 40)
    assert objects.held(models, URL) == {"a" * 64}
    objects.note_held(models, URL, ["c" * 64])
    assert "c" * 64 in objects.held(models, URL)


def test_too_little_room_is_said_before_anything_is_written(models: str, tmp_path: Path) -> None:
    with pytest.raises(ModelsError, match=r"no room on the disk for best\.pt"):
        objects.need_space(str(tmp_path), 2**60, "best.pt")
