"""The merge driver for models.yaml in one clone: what makes git call `git models merge-driver`."""

from __future__ import annotations

import os
import shlex
import sys

from git_models import git, manifest
from git_models.repo import Repo

NAME = "git-models"
_LINE = f"/{manifest.NAME} merge={NAME}\n"


def install(repo: Repo) -> None:
    """Tell git of the driver: in this clone's configuration and attributes, which nobody else gets."""
    command = f"{shlex.quote(sys.executable)} -I -m git_models merge-driver %O %A %B %P"
    if git.text("config", "--get", f"merge.{NAME}.driver", cwd=repo.top, ok=(0, 1)) != command:
        git.run("config", f"merge.{NAME}.name", "models.yaml, model by model", cwd=repo.top)
        git.run("config", f"merge.{NAME}.driver", command, cwd=repo.top)
    text = _read(_file(repo))
    if _LINE not in text:
        os.makedirs(os.path.dirname(_file(repo)), exist_ok=True)
        # The line comes first: what the user wrote below it wins, and stays as it is to the byte.
        _write(_file(repo), _LINE + text)


def uninstall(repo: Repo) -> None:
    """Take both out; the rest stays to the byte."""
    git.run("config", "--remove-section", f"merge.{NAME}", cwd=repo.top, ok=(0, 128))
    text = _read(_file(repo))
    if text == _LINE:
        os.unlink(_file(repo))
    elif _LINE in text:
        _write(_file(repo), text.replace(_LINE, "", 1))


def _file(repo: Repo) -> str:
    return os.path.join(repo.common, "info", "attributes")


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def _write(file: str, text: str) -> None:
    temp = f"{file}.{os.getpid()}"
    with open(temp, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write(text)
    os.replace(temp, file)
