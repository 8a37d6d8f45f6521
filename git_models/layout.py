"""The folders of `models.layout`, and which folders of the work tree hold copies that are nobody's models."""

from __future__ import annotations

import os
from collections.abc import Collection

from git_models import paths
from git_models.errors import ModelsError
from git_models.repo import Repo

TRAINED, BACKUPS, ACTIVE, DOWNLOADS = "trained", "backups", "active", "downloads"
"""Below `models.layout`. A fifth, `cloud`, is what store and remotes hold: `list` shows it, no folder copies it."""


def folder(repo: Repo, name: str) -> str:
    """The path of one of the layout's folders in the work tree; "" without a layout. Raises ModelsError."""
    if not repo.config.layout:
        return ""
    check(repo.config.layout)
    return f"{repo.config.layout}/{name}"


def check(path: str) -> None:
    """Raise ModelsError for a layout that is no folder of the work tree."""
    try:
        paths.check(path)
    except ModelsError as failed:
        raise ModelsError(
            f"models.layout is {path!r}: {failed.what.partition(': ')[2]}", "git models setup --layout data/models"
        ) from None


def backup_folder(repo: Repo, text: str) -> str:
    """The folder that a value of `models.backup` names, absolute; relative ones begin at the work tree's root."""
    return os.path.normpath(os.path.join(repo.top, os.path.expanduser(text)))


def is_folder(repo: Repo, text: str) -> bool:
    """Whether a value of `models.backup` is a folder rather than a URL or the name of a place."""
    return "://" not in text and text not in repo.config.urls


def copies(repo: Repo, recorded: Collection[str]) -> list[str]:
    """The folders of the work tree that hold copies: git ignores them, no command takes what is there for models.

    A folder that holds one of the `recorded` paths is none, whatever the settings say.
    """
    found = [folder(repo, name) for name in (BACKUPS, ACTIVE, DOWNLOADS)] if repo.config.layout else []
    for text in repo.config.backup:
        full = backup_folder(repo, text) if is_folder(repo, text) else ""
        inside = full.startswith(repo.top + os.sep)
        if inside and not (full + os.sep).startswith((repo.git_dir + os.sep, repo.common + os.sep)):
            found.append(full[len(repo.top) + 1 :].replace(os.sep, "/"))
    return [f for f in dict.fromkeys(found) if not any(path.startswith(f"{f}/") for path in recorded)]
