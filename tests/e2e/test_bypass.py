"""Commits that got past the hooks and track a path that is recorded and ignored here."""

from __future__ import annotations

import pytest

from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL, holds


@pytest.fixture
def trained_again(ready: Sandbox) -> Sandbox:
    """A colleague without `git models` pushed the weight itself; ours is a new version, recorded nowhere."""
    other = Sandbox(ready.root.parent / "origin.git").clone("other")
    other.weight(MODEL, seed=7)
    other.commit("Trained")
    other.git("push", "origin", "HEAD:main", "HEAD:side")
    ready.weight(MODEL, seed=2)
    return ready


def refused(repo: Sandbox, *command: str) -> None:
    """git stops, naming the file, which stays as it is."""
    before = repo.head()
    stopped = repo.git(*command, code=None)
    assert stopped.code != 0
    assert MODEL in stopped.err
    assert repo.head() == before
    assert holds(repo, 2)


@pytest.mark.parametrize("command", [("pull",), ("pull", "--rebase"), ("pull", "--no-rebase", "--no-ff")])
def test_pull_does_not_overwrite_what_was_trained_since(trained_again: Sandbox, command: tuple[str, ...]) -> None:
    refused(trained_again, *command)


def test_nor_does_a_pull_of_a_url_which_moves_no_ref(trained_again: Sandbox) -> None:
    url = trained_again.git("remote", "get-url", "origin").out.strip()
    refused(trained_again, "pull", "--no-rebase", url, "side")


def test_nor_does_a_new_branch_that_was_fetched(trained_again: Sandbox) -> None:
    trained_again.git("fetch", "origin", "side:here")
    refused(trained_again, "checkout", "here")


def test_nor_going_back_to_a_commit_of_ones_own(ready: Sandbox) -> None:
    ready.weight(MODEL, seed=3)
    ready.git("add", "-f", MODEL)
    ready.git("commit", "--no-verify", "-m", "Bypassed")
    ready.git("checkout", "--detach", "HEAD^")
    ready.weight(MODEL, seed=2)
    refused(ready, "checkout", "main")


def test_the_hook_that_was_there_hears_of_every_phase(ready: Sandbox) -> None:
    hook = ready / ".git/hooks/reference-transaction.before-git-models"
    hook.write_text('#!/bin/sh\necho "$1 $(cat)" >>.git/heard\n')
    hook.chmod(0o755)
    ready.git("branch", "other")
    heard = ready.read(".git/heard").decode()
    assert heard.count("refs/heads/other") == 2
    assert heard.startswith("prepared ")
