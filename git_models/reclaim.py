"""The disk space of what `git add` of a weight left in git's own object database."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_models import behind, git, index
from git_models.repo import Repo


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
    unnamed = set(before) - {oid for _, _, oid, _ in index.stages()}
    # An index of the user's own was looked at; git looks at the usual ones of all worktrees.
    os.environ.pop("GIT_INDEX_FILE", None)
    if not unnamed:
        return []
    with git.popen("rev-list", "--objects", "--no-object-names", "--all", "--reflog", "--indexed-objects") as process:
        assert process.stdout is not None
        for line in process.stdout:
            unnamed.discard(line.decode().strip())
    if process.returncode:
        return []
    return sorted(oid for oid in unnamed if _give_back(repo, oid, before[oid]))


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
