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


def plain(folder: Path) -> Sandbox:
    """`origin.git` and `repo`, a work tree with one commit that is pushed, without any hook."""
    bare, work = Sandbox(folder / "origin.git"), Sandbox(folder / "repo")
    bare.root.mkdir()
    bare.git("init", "--bare")
    work.root.mkdir()
    work.git("init")
    work.git("remote", "add", "origin", bare.root.as_uri())
    work.write("README.md", "# A repository\n")
    work.commit("Begin")
    work.git("push", "-u", "origin", "main")
    return work


def prepared(folder: Path) -> Sandbox:
    """The same after `git models setup`, with the folder `place` for models; all is committed and pushed."""
    work = plain(folder)
    (folder / "place").mkdir()
    work.git("config", "--global", "models.remote", (folder / "place").as_uri())
    work.models("setup")
    work.write("train.py", "print('training')\n")
    work.commit("Prepare")
    work.git("push")
    return work


def begun(folder: Path) -> Sandbox:
    """A repository that is set up, with version 1 of MODEL, recorded and pushed."""
    work = plain(folder)
    (folder / "place").mkdir()
    begin(work, folder / "place")
    assert until(lambda: not list(objects(work))), "the store kept its copy after a push"
    return work


def two(folder: Path) -> Sandbox:
    """Version 1 is checked out, version 2 on the branch `two` lies in the store, both are pushed."""
    work = begun(folder)
    two_versions(work)
    assert until(lambda: [f.read_bytes() for f in objects(work)] == [weights(4096, 2)])
    return work


def lone(folder: Path) -> Sandbox:
    """A repository with one model, recorded and committed, and neither remote nor hooks."""
    work = Sandbox(folder / "repo")
    work.root.mkdir()
    work.git("init")
    work.weight(MODEL)
    work.models("add", MODEL)
    work.git("commit", "-m", "Record a model")
    return work


def recorded(folder: Path) -> Sandbox:
    """A repository with one model, recorded and committed, that is on no remote."""
    work = plain(folder)
    work.weight(MODEL)
    work.models("add", MODEL)
    work.git("commit", "-m", "Record a model")
    return work


def delivered(folder: Path) -> Sandbox:
    """The same, and the model was pushed to the folder `place`, which this clone calls `store`."""
    work = recorded(folder)
    (folder / "place").mkdir()
    work.git("config", "models.store.url", (folder / "place").as_uri())
    work.git("config", "models.remote", "store")
    work.models("push")
    return work


def well(folder: Path) -> Sandbox:
    """The same after `git models setup`: nothing is wrong with it."""
    work = delivered(folder)
    work.models("setup")
    return work


# What a test may begin with, by name.
STAGES = {f.__name__: f for f in (plain, prepared, begun, two, lone, recorded, delivered, well)}


def begin(repo: Sandbox, place: Path, size: int = 4096) -> Sandbox:
    """Set up the repository, record version 1 of MODEL and push both."""
    repo.git("config", "--global", "models.remote", place.as_uri())
    repo.models("setup")
    repo.weight(MODEL, size, seed=1)
    repo.commit("Version 1")
    repo.git("push")
    return repo


def copy(made: Path, folder: Path) -> Sandbox:
    """What a stage once left in the folder `made`, ten times as fast as doing it again."""
    for part in made.iterdir():
        shutil.copytree(part, folder / part.name, symlinks=True, dirs_exist_ok=True)
    repo = Sandbox(folder / "repo")
    config = repo / ".git/config"
    for file in (config, repo / ".git/models/journal"):
        if file.exists():
            file.write_text(file.read_text().replace(made.as_uri(), folder.as_uri()))
    place = folder / "place"
    if (made / "place").exists() and "[models]" not in config.read_text():
        repo.git("config", "--global", "models.remote", place.as_uri())
    for held in (repo / ".git/models/held").glob("*"):
        held.rename(held.with_name(hashlib.sha256(place.as_uri().encode()).hexdigest()[:16]))
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
