"""What the command line of `git commit` means."""

from __future__ import annotations

import pytest

from git_models import caller


@pytest.mark.parametrize(
    ("words", "all_of_it"),
    [
        (["-a"], True),
        (["-am", "Train"], True),
        (["--all", "--message=Train"], True),
        (["-qa"], True),
        (["-m", "Train", "-a"], True),
        ([], True),
        (["-m", "-a"], False),
        (["-m-a"], False),
        (["-ma"], False),
        (["-F", "-a", "file"], False),
        (["-C", "HEAD", "-i", "train.py"], False),
        (["-i", "--", "-a"], False),
        (["-p", "-Sabc"], False),
        (["--amend", "--no-edit", "-i", "x"], False),
    ],
)
def test_commit_all_is_told_from_options_whose_value_looks_like_it(
    monkeypatch: pytest.MonkeyPatch, words: list[str], all_of_it: bool
) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", "/repo/.git/index.lock")
    assert caller.takes_all(words) is all_of_it


def test_only_an_index_that_is_the_lock_file_can_be_commit_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert not caller.takes_all(["-a"])
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert not caller.takes_all(["-a"])


def test_nobody_above_us_is_a_git_commit() -> None:
    assert caller.arguments("a verb that no git has") == []
