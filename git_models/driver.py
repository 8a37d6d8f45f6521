"""What git knows of models.yaml in one clone: how to merge it, and where in it a model begins."""

from __future__ import annotations

import os
import shlex
import sys

from git_models import git, manifest, usertext
from git_models.repo import Repo

NAME = "git-models"
_LINES = (f"/{manifest.NAME} merge={NAME}\n", f"/{manifest.NAME} diff={NAME}\n")
# Hunks of `git diff` are then headed by a model, and `git log -L:NAME:models.yaml` tells its history.
_ENTRY = r"^  ([^ #].*):[[:space:]]*$|^[a-z]+:.*$"


def install(repo: Repo) -> None:
    """Tell git: in this clone's configuration and attributes, which nobody else gets."""
    command = f"{shlex.quote(sys.executable)} -I -m git_models merge-driver %O %A %B %P"
    if _configured(repo, f"merge.{NAME}.driver") != command:
        git.run("config", f"merge.{NAME}.name", "models.yaml, model by model", cwd=repo.top)
        git.run("config", f"merge.{NAME}.driver", command, cwd=repo.top)
    text = usertext.read(_file(repo))
    lines = [line for line in _LINES if line not in text]
    if _LINES[1] in lines and not _is_free(repo):
        lines.remove(_LINES[1])
    elif _configured(repo, f"diff.{NAME}.xfuncname") != _ENTRY:
        git.run("config", f"diff.{NAME}.xfuncname", _ENTRY, cwd=repo.top)
    if lines:
        # The lines come first: what the user wrote below them wins, and stays as it is to the byte.
        usertext.replace(_file(repo), "".join(lines) + text)


def installed(repo: Repo) -> bool:
    """Whether `setup` was here; the hooks ask the same."""
    return git.call("config", "--local", f"merge.{NAME}.driver", cwd=repo.top, ok=(0, 1))[0] == 0


def _configured(repo: Repo, key: str) -> str:
    return repo.config.raw.get(key, ("",))[-1]


def _is_free(repo: Repo) -> bool:
    """Has nobody said yet how models.yaml is to be compared?"""
    return git.text("check-attr", "diff", "--", manifest.NAME, cwd=repo.top).endswith(": unspecified")


def uninstall(repo: Repo) -> None:
    """Take both out; the rest stays to the byte."""
    for section in (f"merge.{NAME}", f"diff.{NAME}"):
        git.run("config", "--remove-section", section, cwd=repo.top, ok=(0, 128))
    text = before = usertext.read(_file(repo))
    for line in _LINES:
        text = text.replace(line, "", 1)
    if before and not text:
        os.unlink(_file(repo))
    elif text != before:
        usertext.replace(_file(repo), text)


def _file(repo: Repo) -> str:
    return os.path.join(repo.common, "info", "attributes")
