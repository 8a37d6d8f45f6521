"""Where weights and large files lie: work tree, index and history; read, never changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from git_models import git, index
from git_models.manifest import Manifest
from git_models.migrate import choose
from git_models.repo import Repo
from git_models.weightfiles import HEAD_BYTES

EVERYWHERE = ("--branches", "--tags", "--remotes", "HEAD")


class Version(NamedTuple):
    """A version of a file in git's history."""

    path: str
    blob: str
    size: int  # bytes
    disk: int  # bytes that git's object database takes for it
    commit: str  # the oldest one that has it
    unpushed: bool  # whether no remote has that commit


class Survey(NamedTuple):
    """What was found; (path, bytes) of what no commit has: in the index (`staged`), in the work tree (`loose`)."""

    history: list[Version]
    staged: list[tuple[str, int]]
    loose: list[tuple[str, int]]
    lfs: int  # files of HEAD that Git LFS keeps
    dvc: int  # files of HEAD that name data of DVC
    shallow: bool
    refused: list[tuple[str, str]]  # paths above that no manifest can hold, and why


def survey(here: Repo, known: Manifest, wanted: choose.Rules) -> Survey:
    """Look everywhere for what the rules want."""
    head = index.head()
    revs = [r for r in EVERYWHERE if r != "HEAD" or head]
    choice = choose.choose(revs, wanted)
    found = sorted([*choice.found, *choice.stuck])
    unpushed: set[str] = set()
    if found:
        tips = [r for r in choose.UNPUSHED if r != "HEAD" or head]
        unpushed = set(git.text("rev-list", *tips).split())
    disk = _on_disk(f.oid for f in found)
    versions = [Version(*f[:3], disk.get(f.oid, 0), f.commit, f.commit in unpushed) for f in found]
    entries = index.entries()
    in_index = choose.choose_from(wanted, [(p, mode, oid) for p, (mode, oid) in entries.items()])
    staged = sorted([*in_index.found, *in_index.stuck])
    committed = {(v.path, v.blob) for v in versions}
    paths = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD").split(b"\0") if head else []
    return Survey(
        history=versions,
        staged=[(f.path, f.size) for f in staged if (f.path, f.oid) not in committed],
        loose=_others(here, known, wanted),
        lfs=_lfs(entries),
        dvc=sum(p.endswith(b".dvc") or p.rpartition(b"/")[2] == b"dvc.lock" for p in paths),
        shallow=git.text("rev-parse", "--is-shallow-repository") == "true",
        refused=sorted({*choice.refused, *in_index.refused}),
    )


def _on_disk(oids: Iterable[str]) -> dict[str, int]:
    names = "\n".join(dict.fromkeys(oids)).encode()
    if not names:
        return {}
    answer = git.run("cat-file", "--batch-check=%(objectname) %(objectsize:disk)", input=names).decode()
    return {oid: int(count) for oid, _, count in (line.partition(" ") for line in answer.splitlines())}


def _others(here: Repo, known: Manifest, wanted: choose.Rules) -> list[tuple[str, int]]:
    """Files that neither git nor the manifest has, ignored ones included."""
    found = []
    for raw in git.run("ls-files", "-z", "--others", "--full-name", cwd=here.top).split(b"\0")[:-1]:
        path = os.fsdecode(raw)
        try:
            st = os.lstat(here.path(path))
        except OSError:
            continue
        if stat.S_ISREG(st.st_mode) and path not in known.models and _is_large(here, wanted, path, st.st_size):
            found.append((path, st.st_size))
    return sorted(found)


def _is_large(here: Repo, wanted: choose.Rules, path: str, count: int) -> bool:
    if not choose.noticed(wanted, path, count):
        return False
    try:
        with open(here.path(path), "rb") as file:
            return choose.is_wanted(wanted, path, count, file.read(HEAD_BYTES))
    except OSError:
        return False


def _lfs(entries: dict[str, tuple[str, str]]) -> int:
    """How many files the attributes give to Git LFS; 0 at once where no attributes name it."""
    if not any(p.rpartition("/")[2] == ".gitattributes" for p in entries):
        return 0
    return sum(worth == "lfs" for worth in index.attributes("filter", list(entries)).values())
