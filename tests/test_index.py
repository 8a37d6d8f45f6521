"""Reading and editing the index and the object database."""

from __future__ import annotations

import os

import pytest

from git_models import index
from tests.helpers.sandbox import Sandbox, weights


@pytest.mark.parametrize("count", [3, index._MANY + 5])
def test_heads_are_the_first_bytes_however_many_blobs_there_are(
    repo: Sandbox, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.root)
    contents = [weights(5000, seed) for seed in range(count)]
    known = {index.write_blob(content): len(content) for content in contents}
    assert index.heads(known, 100) == {oid: content[:100] for oid, content in zip(known, contents, strict=True)}


def test_heads_are_read_by_git_where_libgit2_cannot_open_the_repository(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("sha256")
    Sandbox(folder).git("init", "--object-format=sha256")
    monkeypatch.chdir(folder)
    known = {index.write_blob(weights(500, seed)): 500 for seed in range(index._MANY)}
    assert {len(oid) for oid in known} == {64}
    assert sorted(index.heads(known, 50).values()) == sorted(weights(500, seed)[:50] for seed in range(index._MANY))


def test_an_edit_removes_and_adds_in_one_step_and_leaves_the_rest(
    repo: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.root)
    repo.write("żółw\n.txt", "odd")
    repo.weight("-dash.pt")
    repo.git("add", "--all")
    before = index.entries()
    blob = index.write_blob(b"version: 1\n")
    index.edit(remove={"-dash.pt": before["-dash.pt"][1]}, add={"models.yaml": blob})
    after = index.entries()
    assert set(after) == {"README.md", "żółw\n.txt", "models.yaml"}
    assert after["models.yaml"] == ("100644", blob)
    assert os.path.exists("-dash.pt")


def test_a_stream_may_stop_early(repo: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.root)
    oid = index.write_blob(weights(3_000_000))
    assert b"".join(index.stream(oid, 10)) == weights(3_000_000)[:10]
    assert b"".join(index.stream(oid)) == weights(3_000_000)
