"""Folders on other file systems than the one of the tests: the contract, full disks, and bytes that cross."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import RemoteError
from git_models.remotes import contract, file
from git_models.remotes.base import Upload
from tests.helpers.sandbox import Sandbox

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")

SIZES = {"tmpfs": 4, "ext4": 8, "btrfs": 120}
"""MB; the least that each can be made with."""


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk of the file system that the test names."""
    kind, folder = request.param, tmp_path / "disk"
    folder.mkdir()
    if kind == "tmpfs":
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZES[kind]}m", "tmpfs", str(folder)]
    else:
        image = tmp_path / "image"
        with image.open("wb") as made:
            made.truncate(SIZES[kind] << 20)
        maker = shutil.which(f"mkfs.{kind}", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
        assert maker, f"mkfs.{kind} is not installed: make places does that"
        subprocess.run([maker, "-q", str(image)], check=True)
        mount = ["mount", "-o", "loop", str(image), str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine mounts no {kind}: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def upload(folder: Path, name: str, data: bytes, lasting: bool = False) -> Upload:
    (folder / name).write_bytes(data)
    md5, sha256 = hashlib.md5(data, usedforsecurity=False).hexdigest(), hashlib.sha256(data).hexdigest()
    return Upload(name, str(folder / name), 0, len(data), sha256, md5, name, lasting)


@pytest.mark.parametrize("disk", SIZES, indirect=True)
def test_every_file_system_keeps_the_contract(disk: Path, tmp_path: Path) -> None:
    place = remotes.open((disk / "models").as_uri(), "memory")
    assert [r for r in contract.run(place, str(tmp_path)) if r.fault] == []
    assert list(place.list()) == []


@pytest.mark.parametrize("disk", ["tmpfs", "ext4"], indirect=True)
def test_a_full_disk_is_told_and_keeps_what_it_has(disk: Path, tmp_path: Path) -> None:
    place = remotes.open((disk / "models").as_uri(), "small")
    small = b"\0small" * 1000
    place.put(upload(tmp_path, "small.pt", small), lambda _: None)
    with pytest.raises(RemoteError, match="is full") as caught:
        place.put(upload(tmp_path, "large.pt", b"\0large" * 1_500_000), lambda _: None)
    assert caught.value.fix == "free space there, then: git models push"
    assert [f.name for f in (disk / "models").iterdir()] == ["small.pt"]
    assert (disk / "models" / "small.pt").read_bytes() == small


@pytest.mark.parametrize("disk", ["btrfs"], indirect=True)
def test_a_file_system_that_shares_blocks_is_asked_to(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_copy_range", None)  # nothing is read or written
    place = remotes.open((disk / "models").as_uri(), "shared")
    up = upload(disk, "best.pt", b"\0weights" * 100_000)
    place.put(up, lambda _: None)
    there = disk / "models" / "best.pt"
    assert there.read_bytes() == (disk / "best.pt").read_bytes()
    assert there.stat().st_ino != (disk / "best.pt").stat().st_ino
    assert place.has(["best.pt"])["best.pt"].sha256 == up.sha256


@pytest.mark.parametrize("disk", ["ext4"], indirect=True)
def test_models_cross_from_one_file_system_to_another_and_back(
    disk: Path, repo: Sandbox, origin: Sandbox, tmp_path: Path
) -> None:
    repo.models("remote", "add", "usb", str(disk / "models"))
    repo.models("setup")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.commit("First weights")
    repo.git("push")
    (kept,) = (disk / "models").iterdir()
    assert kept.stat().st_nlink == 1  # a link cannot lead there
    shutil.rmtree(repo / ".git/models/objects")
    other = Sandbox(disk / "clone")  # its store and work tree lie beside the place
    other.root.mkdir()
    other.git("clone", "-q", str(origin.root), ".")
    other.models("remote", "add", "usb", str(disk / "models"), "--local")
    other.models("pull")
    assert other.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]
    (repo / "weights/best.pt").unlink()
    repo.models("pull")
    assert repo.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]
