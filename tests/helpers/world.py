"""Two clones, their origin and a folder for models, and a reference of which bytes may never be lost.

The reference knows nothing of how models are kept. After each command it reads what lies on disk and
holds it against what was there before: see `World.look`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.sandbox import Result, Sandbox, weights

NAMES = ("A", "B")
PATHS = ("w/a.pt", "w/b.pt", "c.pt")
EVERYTHING = frozenset(PATHS)
STRACE = shutil.which("strace")
# Each of them brings files from one state to the next, so between two of them lies a fault point.
CALLS = ("rename", "renameat", "link", "linkat", "unlink", "unlinkat", "fsync", "mkdir", "copy_file_range", "write")
OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def git_name(content: bytes) -> str:
    """git's name for these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@cache
def named(raw: bytes) -> dict[str, str]:
    """Path -> sha256 of a manifest; fails when it does not parse."""
    found = yaml.safe_load(raw) or {}
    return {path: entry["sha256"] for path, entry in (found.get("models") or {}).items()}


def version(number: int) -> bytes:
    """The weight that the user writes as number so and so: each has its own bytes and its own size."""
    return weights(1024 + 13 * number, number)


@dataclass
class World:
    """All repositories, and the reference. `folder` is made anew from a template for every sequence."""

    folder: Path
    written: dict[str, bytes] = field(default_factory=dict)  # sha256 -> bytes, all that the user ever wrote
    recorded: set[str] = field(default_factory=set)  # sha256 of all that a manifest ever named
    at: dict[str, set[str]] = field(default_factory=dict)  # path -> sha256 of what may lie there, whole
    commits: dict[str, set[str]] = field(default_factory=dict)  # clone -> commits that were looked at
    log: list[str] = field(default_factory=list)
    killed: bool = False  # a killed command may leave a temp file behind

    @property
    def place(self) -> Path:
        return self.folder / "place"

    @property
    def origin(self) -> Sandbox:
        return Sandbox(self.folder / "origin.git")

    def clone(self, who: str) -> Sandbox:
        return Sandbox(self.folder / who)

    # What the user does

    def write(self, who: str, path: str, content: bytes, *, replace: bool = False) -> None:
        """Write a weight, into the file that is there or as a new one in its place."""
        self.written[sha256(content)] = content
        self.at.setdefault(path, set()).add(sha256(content))
        self.log.append(f"{who}: write {path} {sha256(content)[:8]}")
        if replace:
            self.clone(who).write(f"{path}.new", content).rename(self.clone(who) / path)
        else:
            self.clone(who).write(path, content)

    def run(
        self,
        who: str,
        *command: str,
        kill: tuple[str, int] | None = None,
        may_destroy: Collection[str] = (),
        commits: bool = False,
    ) -> Result:
        """Run a command in a clone and look at everything afterwards.

        With `kill` the first process that is about to make the n-th call of this name is killed. git may destroy
        unrecorded bytes at the paths `may_destroy`. `commits` says that this is a commit with pre-commit.
        """
        before = self.files(who)
        line = " ".join(command)
        self.log.append(f"{who}: {line}" + (f" [killed at {kill[0]} {kill[1]}]" if kill else ""))
        if kill:
            assert STRACE
            call, number = kill
            inject = f"inject={call}:signal=SIGKILL:when={number}"
            command = (STRACE, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, *command)
        clone = self.clone(who)
        result = clone._call(list(command), code=None)
        self.log[-1] += f" -> {result.code}" + "".join(
            f"\n      | {s}" for s in (result.out + result.err).splitlines()[:12]
        )
        if kill:
            self._clear_locks(who)
        else:
            assert result.code != 3, self.story("a bug was met")
            assert "Traceback" not in result.err, self.story("a traceback was printed")
        self.look(who, before, may_destroy, commits=commits)
        return result

    def _clear_locks(self, who: str) -> None:
        """git asks its user to remove the lock files of a git that was killed."""
        settle(self.folder)
        self.killed = True
        for file in (self.clone(who) / ".git").rglob("*.lock"):
            file.unlink()
        for file in self.origin.root.rglob("*.lock"):
            file.unlink()

    # What is there

    def files(self, who: str) -> dict[str, bytes]:
        """The weights in a work tree, by path."""
        root = self.clone(who)
        return {p: root.read(p) for p in PATHS if root.exists(p)}

    def tracked(self, who: str, revision: str = "") -> set[str]:
        """The weights' paths that git itself has in the index, or at a revision."""
        clone = self.clone(who)
        if revision:
            return set(clone.git("ls-tree", "-r", "--name-only", revision, code=None).lines)
        return set(clone.git("ls-files").lines)

    def operation(self, who: str) -> str:
        """What git is in the middle of, or ""."""
        return next((name for mark, name in OPERATIONS if (self.clone(who) / ".git" / mark).exists()), "")

    def unmerged(self, who: str) -> bool:
        return bool(self.clone(who).git("ls-files", "-u", "--", "models.yaml").out)

    def stored(self, who: str) -> dict[str, Path]:
        """sha256 -> file of a clone's store."""
        root = self.clone(who) / ".git/models/objects"
        return {f.parent.name + f.name: f for f in root.glob("??/*")}

    def placed(self) -> set[str]:
        """The sha256 of the files of the place that bear a finished asset's name."""
        return {sha256(f.read_bytes()) for f in self.place.iterdir() if not f.name.startswith(".")}

    # The reference

    def look(
        self, who: str, before: dict[str, bytes], may_destroy: Collection[str] = (), *, commits: bool = False
    ) -> None:
        """Hold everything against the reference; `before` are the weights before the last command."""
        there = self.placed()
        stores = {name: self.stored(name) for name in NAMES}
        for oid, file in stores[who].items():
            assert sha256(file.read_bytes()) == oid, self.story(f"object {oid[:8]} of {who} has other bytes")
        self._learn(who, commits)
        safe = there.union(*stores.values())
        lost = self.recorded - safe
        assert not lost, self.story(f"recorded bytes are lost: {[o[:8] for o in lost]}")
        now = self.files(who)
        on_disk = {sha256(c) for c in now.values()}
        for path, content in before.items():
            oid = sha256(content)
            if oid in on_disk or oid in safe or path in may_destroy:
                continue
            held = self.clone(who).git("cat-file", "-e", git_name(content), code=None).code == 0
            assert held, self.story(f"{path} lost its bytes {oid[:8]}")
        for path, content in now.items():
            fine = sha256(content) in self.at.get(path, ())
            assert fine, self.story(f"{path} of {who} holds {sha256(content)[:8]}, which never belonged there")
        if not self.killed:
            left = [f for f in self.clone(who).root.rglob("*git-models*") if ".git" not in f.parts[:-1]]
            assert not [f for f in left if ".git/" not in str(f)], self.story(f"temp files: {left}")

    def _learn(self, who: str, by_commit: bool) -> None:
        """Read the manifests of work tree, index and new commits; look at what new commits hold."""
        clone = self.clone(who)
        if clone.exists("models.yaml") and not self.unmerged(who) and b"<<<<<<<" not in clone.read("models.yaml"):
            self._record(clone.read("models.yaml"), f"work tree of {who}")
        staged = clone.git("cat-file", "blob", ":models.yaml", code=None).out.encode()
        if b"<<<<<<<" not in staged:  # `git add -A` in the middle of a conflict; no commit may have it
            self._record(staged, f"index of {who}")
        seen = self.commits.setdefault(who, set())
        for line in clone.git("log", "--all", "--reflog", "--format=%H %P").lines:
            commit, *parents = line.split(" ")
            if commit in seen:
                continue
            seen.add(commit)
            raw = clone.git("cat-file", "blob", f"{commit}:models.yaml", code=None).out.encode()
            if by_commit or b"<<<<<<<" not in raw:
                self._record(raw, commit)
            self._look_into(clone, commit, parents, by_commit)
        tips = self.origin.git("rev-parse", "--branches").lines
        for commit in self.origin.git("rev-list", *tips, "--", "models.yaml").lines if tips else ():
            if commit not in self.commits.setdefault("origin", set()):
                raw = self.origin.git("cat-file", "blob", f"{commit}:models.yaml", code=None).out.encode()
                absent = set(named(raw).values()) - self.placed()
                assert not absent, self.story(f"{commit[:8]} was pushed without {[o[:8] for o in absent]}")
                self.commits["origin"].add(commit)

    def _record(self, raw: bytes, where: str) -> None:
        try:
            entries = named(raw)
        except (yaml.YAMLError, KeyError, TypeError) as failed:
            raise AssertionError(self.story(f"models.yaml of {where} does not parse: {failed}")) from failed
        for path, oid in entries.items():
            self.recorded.add(oid)
            self.at.setdefault(path, set()).add(oid)

    def _look_into(self, clone: Sandbox, commit: str, parents: Sequence[str], by_commit: bool) -> None:
        ours = {git_name(content) for content in self.written.values()}
        rows = [line.split(None, 3) for line in clone.git("ls-tree", "-r", commit).lines]
        held = {path: blob for _, _, blob, path in rows if blob in ours}
        if held and by_commit:
            known = self.tracked(clone.root.name, parents[0]) if parents else set()
            assert not held.keys() - known, self.story(f"{commit[:8]} holds {sorted(held)}")
        for path, blob in held.items():
            self.at.setdefault(path, set()).update(o for o, c in self.written.items() if git_name(c) == blob)

    def story(self, what: str) -> str:
        """The failure and all that led to it."""
        return "\n".join([what, *(f"  {n:2} {line}" for n, line in enumerate(self.log, 1))])

    def converge(self, who: str) -> None:
        """Finish what is in progress; then `pull` brings every model, or names what the user changed."""
        clone = self.clone(who)
        operation = self.operation(who)
        if operation:
            self.run(who, "git", operation, "--abort", may_destroy=EVERYTHING)
        if self.operation(who):
            self.run(who, "git", operation, "--quit")
        if self.unmerged(who) or (clone.exists("models.yaml") and b"<<<<<<<" in clone.read("models.yaml")):
            self.run(who, "git", "models", "checkout", "--theirs")
        assert not self.unmerged(who), self.story(f"the conflict in {who} is not settled")
        if not clone.exists("models.yaml"):
            return
        pulled = self.run(who, "git", "models", "pull")
        states = self.states(who)
        wrong = {p: s for p, s in states.items() if s not in ("ok", "modified", "tracked")}
        assert not wrong, self.story(f"after pull in {who}: {wrong}")
        changed = [p for p, s in states.items() if s == "modified"]
        assert pulled.code == bool(changed), self.story(f"pull said {pulled.code}, changed are {changed}")
        if changed:
            added = self.run(who, "git", "models", "add", "-u")
            assert added.code == 0, self.story("add -u failed")
        states = self.states(who)
        assert set(states.values()) <= {"ok", "tracked"}, self.story(f"after add -u in {who}: {states}")
        if "tracked" not in states.values():
            assert self.run(who, "git", "models", "verify").code == 0, self.story("verify finds fault")

    def states(self, who: str) -> dict[str, str]:
        result = self.clone(who).models("status", "--json", code=None)
        assert result.code == 0, self.story(f"status failed: {result.err}")
        document: dict[str, Any] = yaml.safe_load(result.out)
        return {m["path"]: m["state"] for m in document["models"]}


def begin(folder: Path) -> World:
    """Both clones are set up and hold branches `main` and `topic`, which record different models and versions."""
    world = World(folder)
    world.place.mkdir(parents=True)
    world.origin.root.mkdir()
    world.origin.git("init", "--bare")
    first, second = world.clone("A"), world.clone("B")
    world.origin.git("clone", str(world.origin.root), str(first.root))
    first.models("setup", "--remote", world.place.as_uri())
    first.write("train.py", "print('training')\n")
    for number, (branch, path) in enumerate(
        (("", PATHS[0]), ("topic", PATHS[0]), ("topic", PATHS[1]), ("main", PATHS[1]), ("main", PATHS[0]))
    ):
        if branch:
            first.git("checkout", *(("-b",) if number == 1 else ()), branch)
        world.write("A", path, version(number))
        first.models("add", path)
        first.commit(f"Version {number}")
    first.git("push", "-u", "origin", "main", "topic")
    world.origin.git("clone", str(world.origin.root), str(second.root))
    second.models("setup")
    second.models("pull")
    second.git("branch", "topic", "origin/topic")
    settle(folder)
    return world


def settle(folder: Path) -> None:
    """Wait for what commands left running behind their back: it must not meet the next sequence."""
    end = time.monotonic() + 20
    while time.monotonic() < end and any(_works_in(pid, str(folder)) for pid in os.listdir("/proc") if pid.isdecimal()):
        os.sched_yield()


def _works_in(pid: str, folder: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd").startswith(folder) and int(pid) != os.getpid()
    except OSError:
        return False
