"""Paths are walked without following links, and what is copied is what is hashed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from git_models import link
from git_models.errors import ModelsError
from git_models.hashing import BLOCK, Hasher
from tests.helpers.sandbox import weights


def test_hashing_and_copying_agree(tmp_path: Path) -> None:
    content = weights(2 * BLOCK + 7)
    (tmp_path / "a").write_bytes(content)
    source = os.open(tmp_path / "a", os.O_RDONLY)
    target = os.open(tmp_path / "b", os.O_RDWR | os.O_CREAT)
    seen: list[int] = []
    digests = link.hashed(source, target, seen.append)
    hasher = Hasher()
    hasher.update(content)
    assert digests == hasher.digests()
    assert (tmp_path / "b").read_bytes() == content
    assert sum(seen) in (0, len(content))  # shared extents are hashed once, from the copy


def test_a_copy_has_all_bytes(tmp_path: Path) -> None:
    content = weights(3 * BLOCK + 1)
    (tmp_path / "a").write_bytes(content)
    target = os.open(tmp_path / "b", os.O_RDWR | os.O_CREAT)
    link.copy(os.open(tmp_path / "a", os.O_RDONLY), target)
    assert (tmp_path / "b").read_bytes() == content


def test_a_writer_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    reader = os.open(tmp_path / "a", os.O_RDONLY)
    assert not link.written_by_others(reader)
    writer = os.open(tmp_path / "a", os.O_WRONLY)
    assert link.written_by_others(reader)
    os.close(writer)
    assert not link.written_by_others(reader)


@pytest.mark.parametrize("path", ["out/a.pt", "in/out/a.pt"])
def test_a_link_on_the_way_is_refused_and_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "top/in").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.pt").write_bytes(b"\0")
    (tmp_path / "top" / path).parent.symlink_to(tmp_path / "outside")
    top = str(tmp_path / "top")
    for call in (link.open_parent, link.regular, link.open_file):
        with pytest.raises(ModelsError, match="is a link, not a folder"):
            call(top, path)
    with pytest.raises(ModelsError, match="is a link"):
        link.open_parent(top, path.replace("a.pt", "new/b.pt"), create=True)
    assert [f.name for f in (tmp_path / "outside").iterdir()] == ["a.pt"]


def test_a_link_a_pipe_and_a_folder_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"\0")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "folder", "pipe"):
        assert link.regular(str(tmp_path), name) is None
        with pytest.raises((ModelsError, OSError)):
            link.open_file(str(tmp_path), name)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert link.regular(str(tmp_path), "a.pt") is None
    assert link.regular(str(tmp_path), "no/folder/a.pt") is None


def test_folders_are_made_only_when_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link.open_parent(str(tmp_path), "x/y/a.pt")
    parent, name = link.open_parent(str(tmp_path), "x/y/a.pt", create=True)
    os.close(parent)
    assert name == "a.pt" and (tmp_path / "x/y").is_dir()


def test_a_plain_copy_shares_no_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bool:
        raise AssertionError("asked the kernel to share")

    content = weights(BLOCK + 1)
    (tmp_path / "a").write_bytes(content)
    target = os.open(tmp_path / "b", os.O_RDWR | os.O_CREAT)
    monkeypatch.setattr(link, "clone", never)
    monkeypatch.setattr(os, "copy_file_range", never)
    link.copy(os.open(tmp_path / "a", os.O_RDONLY), target, "copy")
    assert (tmp_path / "b").read_bytes() == content


def test_a_finished_file_takes_no_name_that_is_taken_with_or_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    for name in ("linked", "renamed"):
        (tmp_path / "temp").write_bytes(b"new")
        assert link.publish(str(tmp_path / "temp"), str(tmp_path / name))
        assert not (tmp_path / "temp").exists()
        (tmp_path / "temp").write_bytes(b"other")
        assert not link.publish(str(tmp_path / "temp"), str(tmp_path / name))
        assert (tmp_path / name).read_bytes() == b"new"
        monkeypatch.setattr(os, "link", refuse)


def test_what_a_dead_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    old, young = tmp_path / ".4194304-1.git-models", tmp_path / ".4194304-2.git-models"
    for file in (old, young, tmp_path / "mine"):
        file.write_bytes(b"")
        os.utime(file, (1, 1))
    os.utime(young)
    assert link.draft(str(tmp_path)).endswith(".git-models")
    assert sorted(f.name for f in tmp_path.iterdir()) == [young.name, "mine"]


def test_a_folder_that_cannot_be_made_is_told_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(PermissionError) as caught:
        link.open_parent(str(tmp_path), "data/active/best.pt", create=True)
    assert caught.value.filename == str(tmp_path / "data")
