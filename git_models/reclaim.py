"""The disk space of what `git add` of a weight left in git's own object database."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from git_models import behind, git, index
from git_models.git import GitError
from git_models.repo import Repo

YOUNG = 3600.0  # seconds; `git add` writes the blob first and the index, which names it, a little later


class Loose(NamedTuple):
    """A blob that only its own file holds, with the bytes of a model."""

    blob: str  # git's name
    sha256: str
    size: int  # bytes


def later(repo: Repo, oids: Sequence[str]) -> None:
    """Give back the disk space of blobs that `git add` wrote and no commit, index or reflog names.

    Asking git what it still reaches takes as long as the history is, so a process of its own does
    it, after the commit. Only loose objects are touched.
    """
    loose = [o for o in oids if os.path.exists(_loose(repo, o))]
    if loose:
        behind.start(repo, "reclaim", *loose)


def now(repo: Repo, oids: Sequence[str]) -> list[str]:
    """The second half of `later`: returns the blobs that were removed."""
    undo(repo)
    before = {o: os.stat(_loose(repo, o)).st_mtime_ns for o in oids if os.path.exists(_loose(repo, o))}
    return sorted(oid for oid in _unreachable(before) if _give_back(repo, oid, before[oid]))


def _unreachable(oids: Collection[str]) -> set[str]:
    """Those that no ref, reflog or index of any worktree reaches; none where git cannot say."""
    unnamed = set(oids) - {oid for _, _, oid, _ in index.stages()}
    # An index of the user's own was looked at; git looks at the usual ones of all worktrees.
    os.environ.pop("GIT_INDEX_FILE", None)
    if not unnamed:
        return set()
    with git.popen("rev-list", "--objects", "--no-object-names", "--all", "--reflog", "--indexed-objects") as process:
        assert process.stdout is not None
        for line in process.stdout:
            unnamed.discard(line.decode().strip())
    return set() if process.returncode else unnamed


def undo(repo: Repo) -> None:
    """Put back what a process that was killed had only set aside: somebody may have counted on it meanwhile."""
    for oid in os.listdir(_aside(repo)) if os.path.isdir(_aside(repo)) else ():
        os.makedirs(os.path.dirname(_loose(repo, oid)), exist_ok=True)
        try:
            os.rename(os.path.join(_aside(repo), oid), _loose(repo, oid))
        except FileNotFoundError:
            pass  # another process did, or the one that set it aside goes on


def _give_back(repo: Repo, oid: str, mtime: int) -> bool:
    """Remove a loose object, unless git was given these bytes again since it had `mtime` (ns).

    `git add` of bytes that are here only touches the file, before it writes the index: so the name goes
    first, then the stamp tells whether somebody counts on it.
    """
    file, aside = _loose(repo, oid), os.path.join(_aside(repo), oid)
    os.makedirs(_aside(repo), exist_ok=True)
    try:
        os.rename(file, aside)
        wanted = os.stat(aside).st_mtime_ns != mtime
        if wanted and not os.path.exists(file):
            os.rename(aside, file)
        else:
            os.unlink(aside)
    except FileNotFoundError:
        return False  # a commit that began meanwhile has put it back
    return not wanted


def _aside(repo: Repo) -> str:
    return os.path.join(repo.models, "aside")


def _loose(repo: Repo, oid: str) -> str:
    return os.path.join(repo.common, "objects", oid[:2], oid[2:])


def leftovers(repo: Repo, sizes: Collection[int], recorded: Callable[[str], bool]) -> list[Loose]:
    """The loose blobs that nothing reaches and whose bytes are recorded: models that were staged once.

    `sizes` (bytes) are those of the recorded models: only blobs of such a size are read. What is younger
    than YOUNG is left: a command may be about to name it.
    """
    sized = {oid: size for oid, size in index.sizes(_all_loose(repo)).items() if size in sizes}
    found = []
    for oid in sorted(_unreachable(sized)) if sized else ():
        hasher = hashlib.sha256()
        try:
            for data in index.stream(oid):
                hasher.update(data)
        except GitError:
            continue  # a commit or a tree, or gone by now
        if recorded(hasher.hexdigest()):
            found.append(Loose(oid, hasher.hexdigest(), sized[oid]))
    return found


def _all_loose(repo: Repo) -> Iterator[str]:
    root = os.path.join(repo.common, "objects")
    for folder in os.listdir(root):
        if len(folder) == 2:
            for name in os.listdir(os.path.join(root, folder)):
                try:
                    if time.time() - os.stat(os.path.join(root, folder, name)).st_mtime > YOUNG and name.isalnum():
                        yield folder + name
                except FileNotFoundError:
                    continue
