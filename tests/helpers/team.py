"""Two people who share a repository and a folder for its models."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.helpers.sandbox import Sandbox, weights

MODEL = "weights/best.pt"
DEADLINE = 20.0  # seconds that something behind the back of a command may take


def begin(repo: Sandbox, place: Path, size: int = 4096) -> Sandbox:
    """Set up the repository, record version 1 of MODEL and push both."""
    repo.git("config", "--global", "models.remote", place.as_uri())
    repo.models("setup")
    repo.weight(MODEL, size, seed=1)
    repo.commit("Version 1")
    repo.git("push")
    return repo


def copy(begun: Path, folder: Path) -> Sandbox:
    """The same as `begin`, ten times as fast: a copy of what it once left in the folder `begun`."""
    for part in begun.iterdir():
        shutil.copytree(part, folder / part.name, symlinks=True)
    repo = Sandbox(folder / "repo")
    config = repo / ".git/config"
    config.write_text(config.read_text().replace(begun.as_uri(), folder.as_uri()))
    place = (folder / "place").as_uri()
    (held,) = (repo / ".git/models/held").iterdir()
    held.rename(held.with_name(hashlib.sha256(place.encode()).hexdigest()[:16]))
    repo.git("config", "--global", "models.remote", place)
    repo.git("update-index", "-q", "--refresh")
    return repo


def retrain(repo: Sandbox, seed: int, path: str = MODEL, size: int = 4096) -> None:
    """Another version of a recorded model, committed."""
    repo.weight(path, size, seed)
    repo.models("add", path)
    repo.git("commit", "-m", f"Version {seed}")


def two_versions(repo: Sandbox) -> None:
    """Version 2 on the branch `two`, which is pushed; the work tree is back on main."""
    repo.git("switch", "-c", "two")
    retrain(repo, 2)
    repo.git("push", "-u", "origin", "two")
    repo.git("switch", "main")


def holds(repo: Sandbox, seed: int, path: str = MODEL, size: int = 4096) -> bool:
    """Whether the file is there with the bytes of this version."""
    return repo.exists(path) and repo.read(path) == weights(size, seed)


def objects(repo: Sandbox) -> Iterator[Path]:
    """The files of the store."""
    return (file for file in (repo / ".git/models/objects").rglob("*") if file.is_file())


def stored(repo: Sandbox) -> int:
    """Bytes in the store, drafts and leftovers included."""
    folder = repo / ".git/models"
    parts = [folder / name for name in ("objects", "tmp", "incomplete", "lost")]
    return sum(file.stat().st_size for part in parts if part.is_dir() for file in part.rglob("*") if file.is_file())


def until(true: Callable[[], bool], seconds: float = DEADLINE) -> bool:
    """Ask again and again, giving the processor away in between, until it is true or the time is over."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        os.sched_yield()
    return True
