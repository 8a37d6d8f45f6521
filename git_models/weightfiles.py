"""Which files of the work tree are weights, by name and content, and which of them nobody recorded."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from git_models import git, layout, patterns
from git_models.manifest import Manifest
from git_models.repo import Repo

HEAD_BYTES = 8192  # what is looked at to tell a weight from text, a page or a pointer
KEEP_BELOW = 1_000_000  # a weight that HEAD tracks stays in git below this many bytes
TEXT_BELOW = 1_000_000  # bytes; a larger text that somebody names is data, no template
TEXT = "it is text"


def globs(repo: Repo, known: Manifest) -> tuple[str, ...]:
    """What counts as a weight here: the defaults, then the manifest's globs, then this clone's."""
    return (*patterns.DEFAULT_TRACK, *known.track, *repo.config.track)


def not_a_weight(head: bytes, size: int) -> str:
    """Why a file with this beginning cannot be a model, "" if it can."""
    if size == 0:
        return "it is empty"
    if patterns.lfs_pointer(head):
        return "it is a Git LFS pointer, not the model (git lfs pull brings the model)"
    return TEXT if patterns.looks_like_text(head) else ""


def find(repo: Repo, path: str, known: Manifest) -> list[str]:
    """The weight files below a folder, ignored ones too; not those behind links, of other repositories or copies."""
    found, wanted = [], globs(repo, known)
    copies = {repo.path(p) for p in layout.copies(repo, known.models)}
    for folder, names, files in os.walk(repo.path(path) if path != "." else repo.top):
        inside = ((n, os.path.join(folder, n)) for n in names)
        names[:] = sorted(
            n for n, p in inside if n != ".git" and p not in copies and not os.path.lexists(os.path.join(p, ".git"))
        )
        for name in sorted(files):
            full = os.path.join(folder, name)
            relative = full[len(repo.top) + 1 :]
            if patterns.matches(wanted, relative) and _is_weight(full):
                found.append(relative)
    return found


def _is_weight(full: str) -> bool:
    """Whether this is a regular file, no link to one, that can be a model. Raises OSError for one that is not read."""
    try:
        file = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as failed:
        if failed.errno in (errno.ELOOP, errno.ENOENT, errno.ENXIO):  # a link, gone by now, a socket
            return False
        raise
    try:
        st = os.fstat(file)
        return stat.S_ISREG(st.st_mode) and not not_a_weight(os.read(file, HEAD_BYTES), st.st_size)
    finally:
        os.close(file)


class Unrecorded(NamedTuple):
    """What git says of them, and the commit that it says it of."""

    untracked: list[str]  # git sees them
    ignored: list[str]  # .gitignore hides them
    head: str  # "" on an unborn branch


def ask_unrecorded(repo: Repo, known: Manifest) -> Callable[[], Unrecorded]:
    """Ask git, which looks through the work tree beside us; the answer waits for it."""
    specs = patterns.pathspecs(globs(repo, known))
    # `traditional`, as `matching` would name an ignored folder and not what is in it.
    flags = ("--no-ahead-behind", "--no-renames", "--untracked-files=all", "--ignored=traditional")
    asked = git.begin(
        "--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z", *flags, "--", *specs, cwd=repo.top
    )
    copies = tuple(f"{folder}/" for folder in layout.copies(repo, known.models))

    def answer() -> Unrecorded:
        found: dict[str, list[str]] = {"?": [], "!": []}
        head = ""
        for item in os.fsdecode(asked()).split("\0"):
            kind, _, path = item.partition(" ")
            if item.startswith("# branch.oid "):
                head = path.removeprefix("branch.oid ").removesuffix("(initial)")
            elif kind in found and path not in known.models and not path.startswith(copies) and _seen(repo, path):
                found[kind].append(path)
        return Unrecorded(found["?"], found["!"], head)

    return answer


def _seen(repo: Repo, path: str) -> bool:
    try:
        return _is_weight(repo.path(path))
    except OSError:
        return False
