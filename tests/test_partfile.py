"""A download on disk: what is kept between tries, and what is not believed."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from git_models.errors import ModelsError, NotAModel
from git_models.partfile import OLD, Cut, PartFile, disk, sweep
from tests.helpers.sandbox import weights


def test_a_resumed_file_has_the_hashes_of_the_whole(tmp_path: Path) -> None:
    data = weights(3_000_000)
    first = PartFile(str(tmp_path), "k")
    first.write(data[:1_234_567])
    first.close()
    second = PartFile(str(tmp_path), "k")
    second.resume(len(data))
    assert second.solid == 1_234_567
    second.write(data[1_234_567:])
    assert second.digests().sha256 == hashlib.sha256(data).hexdigest()
    second.close(landed=True)
    assert Path(second.path).read_bytes() == data


def test_holes_that_ranges_left_are_not_believed(tmp_path: Path) -> None:
    part = PartFile(str(tmp_path), "k")
    part.write(b"x" * 1000)
    part.note("source", '"tag"', ranges=True)
    part.put(b"y" * 1000, 5000)
    os.close(part.fd)  # killed
    again = PartFile(str(tmp_path), "k")
    again.resume(10_000)
    assert again.solid == 1000
    assert os.stat(again.path).st_size == 1000
    assert again.tag_of("source") == '"tag"'
    assert again.tag_of("another") is None
    again.close()


def test_more_bytes_than_the_model_has_are_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "k.part").write_bytes(bytes(2000))
    part = PartFile(str(tmp_path), "k")
    part.resume(1000)
    assert part.solid == 0
    part.close()


def test_nothing_is_left_of_a_download_that_got_nothing(tmp_path: Path) -> None:
    part = PartFile(str(tmp_path), "k")
    part.note("source", None, ranges=False)
    part.close()
    assert list(tmp_path.iterdir()) == []


def test_a_broken_note_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "k.part").write_bytes(b"abc")
    (tmp_path / "k.from").write_bytes(b"\xff{")
    part = PartFile(str(tmp_path), "k")
    part.resume(10)
    assert part.solid == 3
    part.close()


@pytest.mark.parametrize("block", [1, 7, 100, 1000])
def test_each_stretch_is_checked_where_it_ends(tmp_path: Path, block: int) -> None:
    data = weights(250)
    cuts = [
        Cut(stop, hashlib.sha256(data[start:stop]).hexdigest(), f"p{stop}") for start, stop in ((0, 100), (100, 250))
    ]
    part = PartFile(str(tmp_path), "k", cuts)
    for at in range(0, 250, block):
        part.write(data[at : at + block])
    assert part.solid == 250
    part.close()
    bad = PartFile(str(tmp_path), "bad", cuts)
    with pytest.raises(NotAModel, match="p250"):
        for at in range(0, 250, block):
            bad.write((data[:200] + bytes(50))[at : at + block])
    bad.close()


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("precious")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "k.part").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelsError):
        PartFile(str(tmp_path / "in"), "k")
    assert (tmp_path / "outside").read_text() == "precious"


def test_old_rests_are_swept_and_young_ones_kept(tmp_path: Path) -> None:
    for name in ("old.part", "old.from", "young.part"):
        (tmp_path / name).write_text("x")
    for name in ("old.part", "old.from"):
        os.utime(tmp_path / name, (1, 1))
    sweep(str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["young.part"]
    assert OLD > 7 * 24 * 3600


def test_a_full_disk_and_a_missing_permission_are_told_apart() -> None:
    with pytest.raises(ModelsError, match="disk is full"), disk("x.part"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ModelsError, match="no permission"), disk("x.part"):
        raise OSError(errno.EACCES, "Permission denied")
