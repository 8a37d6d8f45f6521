"""A folder as a store: plain files, whole or not at all, and no surprise at a missing mount."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from pathlib import Path

import pytest

from git_models import remotes, transfer
from git_models.errors import RemoteError
from git_models.remotes.base import Upload
from git_models.remotes.file import Folder
from tests.helpers.transfers import Bench, only_error


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def nas(tmp_path: Path) -> Folder:
    remote = remotes.open((tmp_path / "nas").as_uri(), "nas")
    assert isinstance(remote, Folder)
    return remote


def test_a_person_needs_nothing_but_md5sum(bench: Bench, nas: Folder) -> None:
    item = bench.model("best.pt")
    bench.upload([item], nas)
    assert os.listdir(nas.path) == ["best.pt"]
    said = subprocess.run(["md5sum", "best.pt"], cwd=nas.path, capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == item.md5


def test_parts_are_joined_by_cat(bench: Bench, nas: Folder) -> None:
    item = bench.model("large.pt", size=100_000, part=9_000)
    bench.upload([item], nas)
    joined = subprocess.run("cat large.pt.part-*", shell=True, cwd=nas.path, capture_output=True, check=True).stdout
    assert hashlib.md5(joined, usedforsecurity=False).hexdigest() == item.md5


def test_overwriting_the_local_file_in_place_leaves_the_folder_as_it_was(bench: Bench, nas: Folder) -> None:
    item = bench.model("best.pt")
    bench.upload([item], nas)
    with open(bench.root / "best.pt", "r+b") as file:
        file.write(b"training goes on")
    assert hashlib.sha256(Path(nas.path, "best.pt").read_bytes()).hexdigest() == item.sha256


def test_an_object_that_nobody_writes_to_is_linked_and_not_copied(bench: Bench, nas: Folder) -> None:
    item = bench.model("best.pt")
    assert not bench.upload([item], nas, lasting=True).failed
    assert os.path.samefile(bench.root / "best.pt", Path(nas.path, "best.pt"))


def test_in_a_folder_to_which_others_write_a_file_is_never_linked(bench: Bench, nas: Folder) -> None:
    os.mkdir(nas.path)
    os.chmod(nas.path, 0o775)
    assert not bench.upload([bench.model("best.pt")], nas, lasting=True).failed
    assert not os.path.samefile(bench.root / "best.pt", Path(nas.path, "best.pt"))


def test_a_folder_is_made_but_never_its_parents(bench: Bench, tmp_path: Path) -> None:
    item = bench.model("best.pt")
    assert not bench.upload([item], remotes.open((tmp_path / "new").as_uri(), "nas")).failed
    with pytest.raises(RemoteError, match="mounted"):
        bench.upload([item], remotes.open((tmp_path / "mnt" / "nas" / "models").as_uri(), "nas"))
    assert not (tmp_path / "mnt").exists()


def test_a_url_that_names_a_file_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RemoteError, match="not a folder"):
        bench.upload([bench.model("best.pt")], remotes.open((tmp_path / "file").as_uri(), "nas"))


def test_other_bytes_there_are_found_and_kept(bench: Bench, nas: Folder) -> None:
    item = bench.model("best.pt")
    Path(nas.path).mkdir()
    Path(nas.path, "best.pt").write_bytes(bytes(item.size))
    assert transfer.missing([item], nas) == [item]
    assert "Nothing was replaced" in only_error(bench.upload([item], nas)).what
    assert Path(nas.path, "best.pt").read_bytes() == bytes(item.size)


def test_several_writers_leave_one_whole_file(bench: Bench, nas: Folder) -> None:
    item = bench.model("best.pt", size=3_000_000)
    up = Upload(item.asset, str(bench.root / item.asset), 0, item.size, item.sha256, item.md5, "")
    writers = [threading.Thread(target=nas.put, args=(up, lambda _: None)) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert os.listdir(nas.path) == ["best.pt"]
    assert Path(nas.path, "best.pt").read_bytes() == (bench.root / "best.pt").read_bytes()


def test_a_copy_that_breaks_off_leaves_nothing(bench: Bench, nas: Folder) -> None:
    item = bench.model("best.pt")
    up = Upload(item.asset, str(bench.root / item.asset), 0, item.size + 1, item.sha256, item.md5, "")
    with pytest.raises(RemoteError, match="shorter"):
        nas.put(up, lambda _: None)
    assert os.listdir(nas.path) == []


def test_unfinished_and_foreign_files_are_no_assets(bench: Bench, nas: Folder) -> None:
    bench.upload([bench.model("best.pt")], nas)
    Path(nas.path, ".best.pt.0011.tmp").write_text("unfinished")
    Path(nas.path, "old versions").mkdir()
    Path(nas.path, "a name with spaces.pt").write_text("a person's")
    assert [held.asset for held in nas.list()] == ["best.pt"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "a\0b"])
def test_a_name_that_leaves_the_folder_is_refused(nas: Folder, name: str) -> None:
    Path(nas.path).mkdir()
    for ask in (lambda: nas.has([name]), lambda: nas.get(name), lambda: nas.delete(name)):
        with pytest.raises(RemoteError):
            ask()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said_so(bench: Bench, nas: Folder) -> None:
    Path(nas.path).mkdir(mode=0o500)
    assert "no permission" in only_error(bench.upload([bench.model("best.pt")], nas)).what


def test_a_full_disk_is_told_apart(nas: Folder) -> None:
    import errno

    assert "is full" in nas.failure(OSError(errno.ENOSPC, "No space left on device")).what
    assert "no permission" in nas.failure(OSError(errno.EROFS, "Read-only file system")).what


def test_two_transfers_at_once_are_enough_for_a_disk_of_this_machine(
    nas: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nas.at_once() == 0, "nothing is known of a folder that is not there yet"
    os.mkdir(nas.path)
    assert Folder("/proc", "proc").at_once() == 0, "as a network mount, it has no device"
    assert remotes.at_once([Folder("/proc", "proc")], 4) == 4
    monkeypatch.setattr(os, "major", lambda _device: 8)  # here it may be any
    assert (remotes.at_once([nas], 4), remotes.at_once([nas], 1)) == (2, 1)
    web = remotes.open("https://example.com/models", "web")
    assert remotes.at_once([nas, web], 4) == 4, "the web may be the one that is asked"
    assert remotes.at_once([], 4) == 4
