"""What the tests of commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.github import GitHub
from tests.helpers import team
from tests.helpers.sandbox import Sandbox

MODEL = "weights/best.pt"


@pytest.fixture
def recorded(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A repository with one model, recorded and committed, that is on no remote."""
    return team.copy(made("recorded"), tmp_path)


@pytest.fixture
def lone(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A repository with one model, recorded and committed, and neither remote nor hooks."""
    return team.copy(made("lone"), tmp_path)


@pytest.fixture
def two(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """Version 1 is checked out, version 2 on the branch `two` lies in the store, both are pushed."""
    return team.copy(made("two"), tmp_path)


@pytest.fixture
def stored(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A repository whose one model was pushed to the folder `place`."""
    return team.copy(made("delivered"), tmp_path)


def answer(work: Sandbox, *args: str, code: int | None = 0) -> Any:
    """The JSON document that a command prints."""
    return json.loads(work.models(*args, "--json", code=code).out)


def snapshot(work: Sandbox) -> dict[str, str]:
    """Everything a failing command must leave alone: files, index, configuration."""
    files = {
        str(f.relative_to(work.root)): work.sha256(str(f.relative_to(work.root)))
        for f in work.root.rglob("*")
        if f.is_file() and ".git" not in f.relative_to(work.root).parts
    }
    return files | {"index": work.git("ls-files", "-s").out, "config": work.read(".git/config").decode()}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """A stand-in with the public repository owner/repo, a token that may write to it and one that may not."""
    with GitHub(tmp_path / "hub") as server:
        server.repository("owner/repo")
        server.token("rw", can={"owner/repo": "write"}, login="ada")
        server.token("ro", can={"owner/repo": "read"}, login="bob")
        yield server
