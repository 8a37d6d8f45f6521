"""Where a repository's parts lie: the one small context that is passed around."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from git_models import config, git
from git_models.errors import ModelsError, NotARepository


class Repo(NamedTuple):
    """A repository with a work tree. All paths are absolute."""

    top: str  # the work tree
    git_dir: str  # of this worktree
    common: str  # shared by all worktrees
    prefix: str  # the current folder below `top`: "" or "sub/"
    config: config.Config

    @property
    def models(self) -> str:
        """The store and what all worktrees share."""
        return os.path.join(self.common, "models")

    @property
    def state(self) -> str:
        """What belongs to this worktree alone: the stat cache and the manifest last synced."""
        return os.path.join(self.git_dir, "models")

    def path(self, relative: str) -> str:
        """The absolute path of a path of the manifest."""
        return os.path.join(self.top, relative)

    def relative(self, path: str) -> str:
        """The manifest's form of a path as a user typed it in the current folder.

        Raises ModelsError for a path outside the work tree. Symlinks are not resolved: git names the
        link, too.
        """
        here = os.path.join(self.top, self.prefix)
        full = os.path.normpath(os.path.join(here, path))
        if os.path.isabs(path) and not full.startswith(self.top + os.sep):
            # The work tree may have been entered through a link.
            full = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        if full == self.top:
            return "."
        if not full.startswith(self.top + os.sep):
            raise ModelsError(f"{path} is outside the repository at {self.top}")
        return full[len(self.top) + 1 :]


def find(folder: str | None = None) -> Repo:
    """The repository of the current folder (or of `folder`).

    Raises NotARepository with git's own words, or ModelsError for a repository without work tree.
    """
    env = git.elsewhere() if folder else None
    configured = _ask_settings(folder)
    try:
        answer = git.run(
            "rev-parse",
            *("--absolute-git-dir", "--git-common-dir", "--show-prefix", "--show-toplevel"),
            cwd=folder,
            env=env,
        )
    except git.GitError as failed:
        with suppress(git.GitError):
            configured()  # it is to end, whatever it says
        # Not by git's words, which come in the user's language.
        kind = git.run("rev-parse", "--is-bare-repository", "--is-inside-git-dir", cwd=folder, env=env, ok=(0, 128))
        if kind.startswith(b"true"):
            raise ModelsError(
                "this repository has no work tree, so there are no models in it to manage",
                "git models clone URL",
            ) from None
        if kind == b"false\ntrue\n":
            raise ModelsError(
                "this is git's own folder, not the work tree", "cd ..   # and the same command again"
            ) from None
        raise NotARepository(failed.stderr.strip(), "git init") from None
    settings, lines = config.parse(configured()), os.fsdecode(answer).split("\n")
    if len(lines) != 5:
        raise ModelsError("the path of this repository contains a line break, which git models cannot handle")
    git_dir, common, prefix, top, _ = lines
    common = os.path.normpath(os.path.join(folder or os.getcwd(), common))
    return Repo(top=top, git_dir=git_dir, common=common, prefix=prefix, config=settings)


def settings() -> config.Config:
    """The settings that hold here, also outside a repository: then the user's and the machine's."""
    return config.parse(_ask_settings()())


def _ask_settings(folder: str | None = None) -> Callable[[], bytes]:
    env = git.elsewhere() if folder else None
    return git.begin("config", "-z", "--get-regexp", config.PATTERN, cwd=folder, env=env, ok=(0, 1))


def worktrees(repo: Repo) -> list[str]:
    """The work trees of this repository that are there, this one first."""
    if repo.common == repo.path(".git") and not os.path.isdir(os.path.join(repo.common, "worktrees")):
        return [repo.top]  # the main one, and git makes that folder for the second
    listing = git.run("worktree", "list", "--porcelain")
    tops = [os.fsdecode(line[9:]) for line in listing.split(b"\n") if line.startswith(b"worktree ")]
    return [top for top in dict.fromkeys([repo.top, *tops]) if os.path.isdir(top)]


def with_jobs(repo: Repo, jobs: int) -> Repo:
    """The same repository with another number of transfers at once."""
    return repo._replace(config=repo.config._replace(jobs=jobs))


def operation(repo: Repo) -> str:
    """What git is in the middle of: "rebase", "merge", "cherry-pick", "revert", "bisect" or ""."""
    marks = (
        ("rebase-merge", "rebase"),
        ("rebase-apply", "rebase"),
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
    )
    return next((name for mark, name in marks if os.path.exists(os.path.join(repo.git_dir, mark))), "")
