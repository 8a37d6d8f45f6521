"""The models of the work tree as they lie there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from git_models import index, link, manifests, statcache
from git_models.errors import ManifestError, ModelsError
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo

OK, MISSING, MODIFIED, TRACKED, UNPINNED = "ok", "missing", "modified", "tracked", "unpinned"


class State(NamedTuple):
    """A model as it lies on disk."""

    path: str
    entry: Entry
    state: str  # OK, MISSING, MODIFIED, TRACKED (git itself has the path) or UNPINNED (md5 alone, and not here)
    oid: str = ""  # of the bytes on disk, where there are any


class Sight:
    """The work tree's models as they are, hashing what the stat cache does not know; saved once."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.cache = statcache.load(stat_file(repo))
        self._dirty = False
        self._walked: set[str] = set()

    def digests(
        self, path: str, advance: Callable[[int], None] = lambda _: None, full: bool = False
    ) -> tuple[str, str] | None:
        """(sha256, md5) of the regular file at `path`; None where there is none."""
        st = link.regular(self.repo.top, path, self._walked)
        if st is None:
            return None
        known = self.cache.get(path)
        if known and not full and statcache.trusted(known, st):
            advance(st.st_size)
            return known[0], known[1]
        at = time.time_ns()
        file = link.open_file(self.repo.top, path)
        try:
            link.settle(file)
            if st.st_nlink > 1:
                link.finish(self.repo.top, path)
            before = os.fstat(file)
            found = link.hashed(file, advance=advance)
            after = os.fstat(file)
        finally:
            os.close(file)
        if before.st_mtime_ns == after.st_mtime_ns and before.st_size == found.size:
            self.cache[path] = statcache.record(found.sha256, found.md5, after, at)
            self._dirty = True
        return found.sha256, found.md5

    def warm(self, path: str) -> None:
        """Hash the file now if that is needed; what stands in the way is found again later."""
        try:
            self.digests(path)
        except (ModelsError, OSError):
            pass

    def learn(self, path: str, oid: str, md5: str) -> None:
        """These bytes were just put there by us."""
        at = time.time_ns()
        st = link.regular(self.repo.top, path, self._walked)
        if st:
            self.cache[path] = statcache.record(oid, md5, st, at)
            self._dirty = True

    def forget(self, path: str) -> None:
        self._dirty = self.cache.pop(path, None) is not None or self._dirty

    def save(self, known: Manifest | None = None) -> None:
        """Write the cache if it changed; records of paths that `known` does not name go."""
        if known is not None and any(p not in known.models for p in self.cache):
            self.cache = {p: r for p, r in self.cache.items() if p in known.models}
            self._dirty = True
        if self._dirty:
            save_stat(self.repo, self.cache)
            self._dirty = False


def same(entry: Entry, found: tuple[str, str]) -> bool:
    """Whether bytes with these (sha256, md5) are the entry's."""
    return found[0] == entry.sha256 if entry.sha256 else found[1] == entry.md5


def states(repo: Repo, known: Manifest, sight: Sight, wanted: Sequence[str] | None = None) -> list[State]:
    """How each model (of `wanted`, or all) lies on disk, sorted by path."""
    names = list(known.models) if wanted is None else list(wanted)
    listed = index.ask_entries(names if len(names) <= 500 else ()) if names else dict
    found = []
    for path in names:
        entry = known.models[path]
        try:
            digests = sight.digests(path)
        except ModelsError:
            digests = None
        if digests is None:
            state = MISSING
        elif same(entry, digests):
            state = OK
        else:
            state = MODIFIED
        found.append(State(path, entry, state, digests[0] if digests else ""))
    in_git = listed()
    return [s._replace(state=TRACKED) if s.path in in_git else s for s in found] if in_git else found


def tracked_by_git(names: Sequence[str]) -> set[str]:
    if not names:
        return set()
    return set(index.entries(names if len(names) <= 500 else ())) & set(names)


def inside_others(repo: Repo, names: Sequence[str]) -> dict[str, str]:
    """Path -> the folder above it that belongs to another repository: a submodule, also one that is not there yet."""
    folders: set[str] = set()
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    others = {f for f in folders if os.path.lexists(os.path.join(repo.path(f), ".git"))}
    if folders and os.path.lexists(repo.path(".gitmodules")):
        listed = index.entries(sorted(folders) if len(folders) <= 500 else ())
        others |= {path for path, (mode, _) in listed.items() if mode == "160000" and path in folders}
    return {name: folder for name in names for folder in others if name.startswith(f"{folder}/")}


def stat_file(repo: Repo) -> str:
    """The stat cache of this worktree."""
    return os.path.join(repo.state, "stat")


def save_stat(repo: Repo, records: dict[str, statcache.Record]) -> None:
    """Replace the stat cache, noting which files differ from the manifest: the hook asks for that."""
    try:
        named = {path: e.sha256 for path, e in manifests.current(repo).models.items() if e.sha256}
    except ManifestError:
        named = {}
    statcache.save(stat_file(repo), records, named)
    statcache.watch(os.path.join(repo.state, "watched"), repo.top, stat_file(repo))
