"""What the stand-in for GitHub keeps: tokens, repositories, releases, assets, and their git side."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from git_models import git

Role = Literal["read", "write", "admin"]
Kind = Literal["classic", "fine-grained", "integration"]

ENV = {
    "GIT_AUTHOR_NAME": "GitHub",
    "GIT_AUTHOR_EMAIL": "noreply@github.com",
    "GIT_COMMITTER_NAME": "GitHub",
    "GIT_COMMITTER_EMAIL": "noreply@github.com",
}


@dataclass(frozen=True)
class User:
    id: int
    login: str


@dataclass
class Token:
    """A token's owner and what it may do; `can` maps OWNER/REPO to a role."""

    user: User
    can: dict[str, Role]
    kind: Kind
    scopes: str  # of a classic token
    sso: str  # an organisation that has not authorised this token yet, or ""


@dataclass
class Asset:
    id: int
    name: str
    label: str
    content_type: str
    size: int  # bytes
    sha256: str | None
    state: str  # uploaded, starter, new, open
    uploader: User
    created: float  # epoch seconds
    updated: float
    file: Path
    downloads: int = 0

    def bytes(self) -> bytes:
        """What is stored."""
        return self.file.read_bytes()


@dataclass
class Release:
    id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    latest: str  # make_latest: "true", "false", "legacy"
    author: User
    created: float
    published: float | None = None
    immutable: bool = False
    untagged: str = field(default_factory=lambda: f"untagged-{secrets.token_hex(10)}")  # the tag in a draft's URLs
    assets: list[Asset] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """The tag as its URLs spell it."""
        return self.untagged if self.draft else self.tag


@dataclass
class Repository:
    id: int
    owner: str
    name: str
    private: bool
    immutable: bool  # releases are frozen once they are published
    git: Path  # a bare repository
    description: str | None = None
    releases: list[Release] = field(default_factory=list)
    burnt: set[str] = field(default_factory=set)  # tags of immutable releases that were deleted

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def default_branch(self) -> str:
        """What HEAD names, as GitHub shows it."""
        return call(self, "symbolic-ref", "--short", "HEAD")

    @property
    def empty(self) -> bool:
        """Whether nothing was ever pushed."""
        return not refs(self, "refs/heads")


def call(repo: Repository, *args: str, input: bytes | None = None, **extra: str) -> str:
    """git in the repository; its stdout without the final newline. Raises GitError."""
    env = git.elsewhere() | ENV | extra
    return os.fsdecode(git.run(f"--git-dir={repo.git}", *args, input=input, env=env)).removesuffix("\n")


def file_at(repo: Repository, revision: str, path: str) -> bytes | None:
    """A file as a commit has it, None where there is none."""
    command = (f"--git-dir={repo.git}", "cat-file", "blob", f"{revision}:{path}")
    code, data = git.call(*command, env=git.elsewhere() | ENV, ok=(0, 128))
    return data if code == 0 else None


def refs(repo: Repository, *patterns: str) -> dict[str, str]:
    """The refs under the patterns and the ids that they hold."""
    lines = call(repo, "for-each-ref", "--format=%(refname) %(objectname)", *patterns).splitlines()
    return dict(line.split(" ") for line in lines)


def resolve(repo: Repository, name: str) -> str | None:
    """The commit that a branch's name or an id stands for."""
    try:
        return call(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except git.GitError:
        return None


def kind(repo: Repository, sha: str) -> str | None:
    """ "commit", "tree", … or None when there is no such object."""
    try:
        return call(repo, "cat-file", "-t", sha)
    except git.GitError:
        return None


def make_tree(repo: Repository, entries: Sequence[dict[str, Any]], base: str | None) -> str:
    """A tree of API entries on top of the tree `base`. Raises GitError, KeyError for bad entries."""
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index")
        if base:
            call(repo, "read-tree", base, GIT_INDEX_FILE=index)
        for entry in entries:
            blob = entry.get("sha") or call(repo, "hash-object", "-w", "--stdin", input=str(entry["content"]).encode())
            info = f"{entry['mode']},{blob},{entry['path']}"
            call(repo, "update-index", "--add", "--cacheinfo", info, GIT_INDEX_FILE=index)
        return call(repo, "write-tree", GIT_INDEX_FILE=index)


def make_commit(repo: Repository, tree: str, parents: Sequence[str], message: str, now: float) -> str:
    """A commit. Raises GitError when the tree or a parent is none."""
    date = f"@{int(now)} +0000"
    options = [word for parent in parents for word in ("-p", parent)]
    return call(
        repo, "commit-tree", tree, *options, input=message.encode(), GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date
    )


def settle(repo: Repository) -> None:
    """A published release whose tag is gone is a draft again."""
    if not any(not release.draft for release in repo.releases):
        return
    tags = refs(repo, "refs/tags")
    for release in repo.releases:
        if not release.draft and f"refs/tags/{release.tag}" not in tags:
            release.draft = True
            release.published = None
