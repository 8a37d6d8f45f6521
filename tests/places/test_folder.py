"""Folders on other file systems than the one of the tests: a memory disk, a full disk."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import RemoteError
from git_models.remotes import contract
from git_models.remotes.base import Upload

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A memory disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_memory_disk_keeps_the_contract(disk: Path, tmp_path: Path) -> None:
    place = remotes.open((disk / "models").as_uri(), "memory")
    assert [r for r in contract.run(place, str(tmp_path)) if r.fault] == []
    assert list(place.list()) == []


def test_a_full_disk_is_told_and_keeps_what_it_has(disk: Path, tmp_path: Path) -> None:
    place = remotes.open((disk / "models").as_uri(), "small")
    small, large = b"\0small" * 1000, b"\0large" * 1_000_000
    for name, data in (("small.pt", small), ("large.pt", large)):
        (tmp_path / name).write_bytes(data)
        md5, sha256 = hashlib.md5(data, usedforsecurity=False).hexdigest(), hashlib.sha256(data).hexdigest()
        upload = Upload(name, str(tmp_path / name), 0, len(data), sha256, md5, name)
        if name == "small.pt":
            place.put(upload, lambda _: None)
            continue
        with pytest.raises(RemoteError, match="is full") as caught:
            place.put(upload, lambda _: None)
        assert caught.value.fix == "free space there, then: git models push"
    assert [f.name for f in (disk / "models").iterdir()] == ["small.pt"]
    assert (disk / "models" / "small.pt").read_bytes() == small
