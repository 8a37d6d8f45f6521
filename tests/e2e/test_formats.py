"""Repositories that are not of the usual kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL, begin, holds, retrain

pytestmark = pytest.mark.slow


def story(repo: Sandbox, other: Sandbox) -> None:
    """A new version goes from one clone to the other, and both switch back and forth."""
    retrain(repo, 2)
    repo.git("push")
    other.git("pull")
    assert holds(other, 2)
    for work in (repo, other):
        work.git("checkout", "HEAD^")
        assert holds(work, 1)
        work.git("checkout", "main")
        assert holds(work, 2)
        assert MODEL not in work.files_at()
        assert work.status() == []


def test_a_repository_with_sha256_names_works_like_any_other(tmp_path: Path, place: Path) -> None:
    bare, repo = Sandbox(tmp_path / "origin.git"), Sandbox(tmp_path / "repo")
    for work, options in ((bare, ["--bare"]), (repo, [])):
        work.root.mkdir()
        work.git("init", "--object-format=sha256", *options)
    repo.git("remote", "add", "origin", bare.root.as_uri())
    repo.write("README.md", "# A repository\n")
    repo.commit("Begin")
    repo.git("push", "-u", "origin", "main")
    begin(repo, place)
    other = bare.clone("other")
    other.models("pull")
    story(repo, other)


def test_a_sparse_index_works_like_any_other(ready: Sandbox) -> None:
    for number in range(3):
        ready.write(f"src{number}/code.py", "")
    ready.write("weights/train.py", "")
    ready.commit("Code")
    ready.git("push")
    other = Sandbox(ready.root.parent / "origin.git").clone("other", "--sparse")
    other.git("sparse-checkout", "set", "--cone", "--sparse-index", "weights")
    assert "src0/\n" in other.git("ls-files", "--sparse").out
    other.models("pull")
    story(ready, other)
    other.weight("weights/more.pt", seed=5)
    other.commit("One more")
    other.git("push")
    ready.git("pull")
    assert holds(ready, 5, "weights/more.pt")


def test_a_partial_clone_works_like_any_other(ready: Sandbox) -> None:
    bare = Sandbox(ready.root.parent / "origin.git")
    bare.git("config", "uploadpack.allowFilter", "true")
    bare.git("config", "uploadpack.allowAnySHA1InWant", "true")
    other = bare.clone("other", "--filter=blob:none")
    other.models("pull")
    assert holds(other, 1)
    story(ready, other)
    retrain(other, 3)
    other.git("push")
    ready.git("pull")
    assert holds(ready, 3)
