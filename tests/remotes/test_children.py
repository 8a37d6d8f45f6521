"""What other programs get to see of a token: nothing in their arguments, nothing in an environment that needs none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_models import git, remotes
from git_models.errors import ModelsError
from git_models.remotes import rclone
from tests.fakes.github import GitHub
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox

TOKEN = "ghp_SECRETabcdefgh12345678"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Arguments and environment of every program that is started from here."""
    seen: list[tuple[list[str], dict[str, str]]] = []
    real = subprocess.Popen.__init__

    def noted(self: Any, args: Any, *more: Any, **options: Any) -> None:
        seen.append(([os.fsdecode(a) for a in args], dict(options.get("env") or os.environ)))
        real(self, args, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    return seen


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every token that we know in the environment; `ssh` and `rclone` write down what they get, and fail."""
    for name in git.TOKENS:
        monkeypatch.setenv(name, TOKEN)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("ssh", "rclone", "dvc"):
        (folder / name).write_text(
            f'#!/bin/sh\nenv > "{tmp_path}/seen-{name}"\necho "$@" >> "{tmp_path}/seen-{name}"\nexit 9\n'
        )
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    git.program.cache_clear()
    rclone._program.cache_clear()
    yield folder
    git.program.cache_clear()
    rclone._program.cache_clear()


@pytest.mark.parametrize(("url", "name"), [("ssh://h.example/srv", "ssh"), ("rclone://drive/models", "rclone")])
def test_a_program_that_needs_no_token_of_ours_gets_none(programs: Path, tmp_path: Path, url: str, name: str) -> None:
    with pytest.raises(ModelsError):
        list(remotes.open(url, "x").list())
    said = (tmp_path / f"seen-{name}").read_text()
    assert "PATH=" in said and "SECRET" not in said


def test_nor_does_dvc(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelsError):
        git.tool("dvc", "fetch")
    assert "SECRET" not in (tmp_path / "seen-dvc").read_text()


def test_no_argument_of_any_program_holds_a_token(
    ready: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: list[tuple[list[str], dict[str, str]]]
) -> None:
    with GitHub(tmp_path / "hub") as hub:
        hub.repository("owner/repo")
        hub.token(TOKEN, can={"owner/repo": "write"})
        monkeypatch.setenv("GH_ENTERPRISE_TOKEN", TOKEN)
        ready.git("config", "--unset-all", "models.remote", code=None)
        ready.git("config", "--global", "--unset-all", "models.remote", code=None)
        models(ready, "remote", "add", "hub", hub.remote("owner/repo"))
        for command in ("push", "verify --remote", "status", "doctor", "remote test hub", "list"):
            models(ready, *command.split(), code=None)
        monkeypatch.delenv("GH_ENTERPRISE_TOKEN")
        ready.git("config", "credential.helper", f"store --file={tmp_path}/kept")
        (tmp_path / "kept").write_text(f"http://x:{TOKEN}@127.0.0.1%3a{hub.url.rpartition(':')[2]}\n")
        models(ready, "push", "--all", code=None)
    assert len(children) > 20
    for args, _ in children:
        assert not any("SECRET" in arg for arg in args), args
    assert not any("SECRET" in line for line in (ready / ".git/config").read_text().splitlines())
    for file in (ready / ".git/models").rglob("*"):
        assert not file.is_file() or b"SECRET" not in file.read_bytes(), file
