"""How git and its companions are found and called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import git
from git_models.errors import ModelsError
from git_models.git import program
from tests.helpers.sandbox import Sandbox

NAMES = ("git", "gh", "rclone", "ssh")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    program.cache_clear()
    yield
    program.cache_clear()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work tree whose commits hold programs, and where somebody stands."""
    top = tmp_path / "tree"
    for folder in ("", "bin", "sub/bin"):
        (top / folder).mkdir(parents=True, exist_ok=True)
        _programs(top / folder)
    (top / ".git").mkdir()
    monkeypatch.chdir(top)
    return top


def _programs(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("entry", ["", ".", "bin", "./bin", "../tree/bin", "{top}", "{top}/bin", "{top}/sub/../bin/"])
@pytest.mark.parametrize("below", ["", "sub"])
def test_a_program_in_the_work_tree_is_passed_over(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, entry: str, below: str
) -> None:
    outside = _programs(tmp_path / "outside")
    monkeypatch.chdir(tree / below)
    monkeypatch.setenv("PATH", os.pathsep.join((entry.format(top=tree), str(outside))))
    assert program(name) == str(outside / name)


def test_where_there_is_no_other_it_is_not_run_and_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tree}/bin")
    with pytest.raises(ModelsError, match="is not run: it lies in the work tree"):
        program("rclone")
    monkeypatch.setenv("PATH", "bin:.:")
    with pytest.raises(ModelsError, match="rclone is not installed"):
        program("rclone")


def test_a_link_from_outside_does_not_hide_where_a_program_lies(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = _programs(tmp_path / "outside")
    (tmp_path / "folder").symlink_to(tree / "bin")
    (tmp_path / "file").mkdir()
    (tmp_path / "file/ssh").symlink_to(tree / "bin/ssh")
    monkeypatch.setenv("PATH", f"{tmp_path}/folder:{tmp_path}/file:{outside}")
    assert program("ssh") == str(outside / "ssh")


def test_a_link_to_the_work_tree_does_not_hide_it(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = _programs(tmp_path / "outside")
    (tmp_path / "alias").symlink_to(tree)
    monkeypatch.chdir(tmp_path / "alias")
    monkeypatch.setenv("PATH", f"{tmp_path}/alias/bin:{outside}")
    assert program("gh") == str(outside / "gh")


def test_a_work_tree_that_git_was_told_of_counts(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = _programs(tmp_path / "outside")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tree}/bin:{outside}")
    assert program("git") == str(tree / "bin/git"), "it is a program like any other here"
    program.cache_clear()
    monkeypatch.setenv("GIT_WORK_TREE", str(tree))
    assert program("git") == str(outside / "git")


def test_what_lies_beside_our_own_python_is_ours(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = _programs(tree / "bin")
    monkeypatch.setattr(sys, "executable", str(venv / "python3"))
    monkeypatch.setenv("PATH", str(venv))
    assert program("rclone") == str(venv / "rclone")


def test_neither_a_file_nor_a_folder_of_that_name_is_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = _programs(tmp_path / "outside")
    (tmp_path / "a/git").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/git").write_text("no program")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b:{outside}")
    assert program() == str(outside / "git")


def test_a_start_in_a_folder_that_is_gone_finds_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert os.path.isabs(program())


def test_what_git_calls_local_is_cleared_for_another_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True)
    names = listed.stdout.split()
    assert set(names) <= set(git.LOCAL_ENV_VARS)
    for name in names:
        monkeypatch.setenv(name, "x")
    assert not set(names) & set(git.elsewhere())


def test_a_commit_cannot_put_its_own_git_in_our_way(repo: Sandbox) -> None:
    real = shutil.which("git")
    repo.write("bin/git", f'#!/bin/sh\ntouch "{repo.root}/ran"\nexec "{real}" "$@"\n').chmod(0o755)
    path = os.environ["PATH"]
    for evil in (f"bin:{path}", f"{repo.root}/bin:{path}"):
        repo.run(f"{shutil.which('git-models')} status", env={"PATH": evil})
    assert not repo.exists("ran")
