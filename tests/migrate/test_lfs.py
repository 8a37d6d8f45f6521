"""What Git LFS has, with git alone: attributes, pointers, and where their bytes may lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from git_models.migrate import attributes, lfs
from git_models.repo import find
from tests.helpers.messy import everything
from tests.helpers.sandbox import Sandbox, weights

LFS = " filter=lfs diff=lfs merge=lfs -text"


@pytest.mark.parametrize(
    ("text", "kept", "keep", "left", "globs"),
    [
        (f"*.pt{LFS}\n", [], [], "", ["*.pt"]),
        (f"# weights\n*.pt{LFS}\n*.txt text\n", [], [], "# weights\n*.txt text\n", ["*.pt"]),
        (f"*.pt{LFS} lockable\n*.md{LFS} linguist-vendored", [], [], "*.md linguist-vendored\n", ["*.pt", "*.md"]),
        (f"[attr]big{LFS}\n*.pt big\n", [], [], "", ["*.pt"]),
        (f'"a b.pt"{LFS}\nc[[:space:]]d.pt{LFS}\n', [], [], "", ["a b.pt", "c d.pt"]),
        (f"*.psd{LFS}\n*.pt{LFS}\n", ["x.psd"], ["*.psd"], f"*.psd{LFS}\n", ["*.pt"]),
        (f"*.psd{LFS}\n", [], ["*.psd"], f"*.psd{LFS}\n", []),
        (f"*{LFS}\n", ["a/[1] b.psd"], [], f"/a/\\[1\\][[:space:]]b.psd{LFS}\n", ["*"]),
        (f"/w/*.pt{LFS}\r\n", [], [], "", ["/w/*.pt"]),
        ("*.pt -filter\n*.bin filter=other\n", [], [], "*.pt -filter\n*.bin filter=other\n", []),
    ],
)
def test_the_lines_of_git_lfs_go_and_all_others_stay(
    text: str, kept: list[str], keep: list[str], left: str, globs: list[str]
) -> None:
    moved = ["w/x.pt", "a b.pt", "c d.pt", "x.md"]
    assert attributes.without(".gitattributes", text, moved, kept, keep) == (left, globs)


def test_a_pattern_in_a_folder_means_files_below_it() -> None:
    found = attributes.lines("sub/.gitattributes", f"*.pt{LFS}\n/x/*.bin{LFS}\n")
    assert [line.glob for line in found] == ["sub/**/*.pt", "sub/x/*.bin"]


@pytest.mark.parametrize(
    ("path", "given"),
    [("w/a.pt", True), ("tpl/a.pt", False), ("old/a.pt", False), ("old/new/a.pt", True), ("a.bin", False)],
)
def test_the_last_line_decides_what_git_lfs_has(path: str, given: bool) -> None:
    texts = {
        ".gitattributes": f"*.pt{LFS}\n*.bin{LFS}\n*.bin filter=other\ntpl/*.pt -filter -diff text\n",
        "old/.gitattributes": "*.pt !filter\n",
        "old/new/.gitattributes": f"*.pt{LFS}\n",
    }
    assert attributes.gives(path, [(n, texts[n]) for n in attributes.above(path) if n in texts]) is given


def test_in_history_real_files_that_git_lfs_never_or_no_longer_has_stay_in_git(repo: Sandbox, place: Path) -> None:
    repo.git("config", "models.remote", place.as_uri())
    repo.weight("a.pt", 5000, seed=1)  # before anybody thought of Git LFS
    repo.commit("Plain")
    repo.write(".gitattributes", f"*.pt{LFS}\n*.json{LFS}\ntpl/*.pt -filter -diff -merge text\n")
    repo.write("a.pt", pointer(weights(5000, 2)))
    repo.write("b.json", pointer(b"{}"))
    repo.write("tpl/page.pt", "<html>\n")
    repo.commit("Git LFS")
    repo.write(".gitattributes", f"*.pt{LFS}\ntpl/*.pt -filter -diff -merge text\n")
    repo.write("b.json", '{"now": "in git"}')
    repo.commit("JSON out of it")
    for content in (weights(5000, 2), b"{}"):
        put(repo / ".git/lfs/objects", content)
    repo.models("migrate", "lfs", "--everything")
    assert repo.files_at() == [".gitattributes", "README.md", "b.json", "models.yaml", "tpl/page.pt"]
    assert set(repo.entries("HEAD~1")) == {"a.pt", "b.json"} and set(repo.entries("HEAD~2")) == {"a.pt"}
    assert "*.json" not in repo.models("track").out


def pointer(content: bytes) -> str:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


def put(folder: Path, content: bytes) -> None:
    oid = hashlib.sha256(content).hexdigest()
    file = folder / oid[:2] / oid[2:4] / oid
    file.parent.mkdir(parents=True)
    file.write_bytes(content)


@pytest.fixture
def pointers(repo: Sandbox, place: Path) -> Sandbox:
    """Two models in Git LFS, in a clone whose filters are not installed; the store has one of them."""
    repo.git("config", "models.remote", place.as_uri())
    repo.git("config", "lfs.url", "http://127.0.0.1:9/")  # nobody is there
    repo.write(".gitattributes", f"*.pt{LFS}\n")
    repo.write("a.pt", pointer(weights(5000, 1)))
    repo.write("sub/b.pt", pointer(weights(6000, 2)))
    repo.commit("Pointers")
    put(repo / ".git/lfs/objects", weights(5000, 1))
    return repo


def test_a_missing_object_is_named_and_any_clone_that_has_it_is_enough(pointers: Sandbox, tmp_path: Path) -> None:
    before = everything(pointers)
    said = pointers.models("migrate", "lfs", code=1).err
    assert "sub/b.pt (6.0 KB), sha256" in said and "nothing was changed" in said
    assert everything(pointers) == before
    put(tmp_path / "other/.git/lfs/objects", weights(6000, 2))
    pointers.models("migrate", "lfs", "--from", "../../other", cwd="sub")
    assert pointers.files_at() == ["README.md", "models.yaml"]
    assert pointers.read("a.pt") == weights(5000, 1) and pointers.read("sub/b.pt") == weights(6000, 2)
    pointers.models("migrate", "undo")
    assert pointers.files_at() == [".gitattributes", "README.md", "a.pt", "sub/b.pt"]
    assert pointers.read("a.pt") == weights(5000, 1), "the bytes stay where they are"


@pytest.mark.parametrize("pushed", [False, True])
def test_objects_that_a_push_still_sends_to_git_lfs_are_told_of(pointers: Sandbox, pushed: bool) -> None:
    put(pointers / ".git/lfs/objects", weights(6000, 2))
    if pushed:
        pointers.git("push")
    said = pointers.models("migrate", "lfs").err
    assert ("2 files of Git LFS in commits that were not pushed yet" in said) is not pushed


@pytest.mark.slow
def test_commits_that_were_not_pushed_can_be_freed_of_pointers_alone(pointers: Sandbox) -> None:
    put(pointers / ".git/lfs/objects", weights(6000, 2))
    pointers.git("push")
    published = pointers.head()
    assert "no remote has   # git models migrate lfs" in pointers.models("migrate", "lfs", "--unpushed").out
    for seed in (3, 4):
        pointers.write("a.pt", pointer(weights(5000, seed)))
        put(pointers / ".git/lfs/objects", weights(5000, seed))
        pointers.commit(f"Trained {seed}")
    said = pointers.models("migrate", "lfs", "--unpushed")
    assert "git push sends them" not in said.err and "2 commits rewritten" in said.out
    assert pointers.head("HEAD~2") == published
    for at, seed in (("HEAD~1", 3), ("HEAD", 4)):
        assert pointers.files_at(at) == ["README.md", "models.yaml"]
        digests = {path: entry["sha256"] for path, entry in pointers.entries(at).items()}
        expected = {"a.pt": weights(5000, seed), "sub/b.pt": weights(6000, 2)}
        assert digests == {path: hashlib.sha256(content).hexdigest() for path, content in expected.items()}
    assert pointers.read("a.pt") == weights(5000, 4) and pointers.read("sub/b.pt") == weights(6000, 2)
    pointers.models("migrate", "undo")
    assert pointers.files_at() == [".gitattributes", "README.md", "a.pt", "sub/b.pt"]


@pytest.mark.slow
def test_an_object_with_other_bytes_than_its_name_says_is_not_taken(pointers: Sandbox) -> None:
    bad = hashlib.sha256(weights(6000, 2)).hexdigest()
    file = pointers.write(f".git/lfs/objects/{bad[:2]}/{bad[2:4]}/{bad}", weights(6000, 3))
    assert "do not have the bytes that their pointers name" in pointers.models("migrate", "lfs", code=1).err
    assert file.exists() and "models.yaml" not in pointers.files_at()
    pointers.models("migrate", "lfs", "--skip-missing")
    assert set(pointers.entries("HEAD")) == {"a.pt"}
    assert pointers.read(".gitattributes").decode() == f"/sub/b.pt{LFS}\n"


def test_a_folder_with_a_line_break_in_its_name_hides_no_pattern(
    repo: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("-\nx/.gitattributes", "*.txt text\n")
    repo.write(".gitattributes", "*.pt filter=lfs diff=lfs merge=lfs -text\n")
    repo.commit("With Git LFS")
    hook = repo.write(".git/hooks/pre-push", '#!/bin/sh\ngit lfs pre-push "$@"\n')
    monkeypatch.chdir(repo.root)
    assert lfs.drop_hooks(find(str(repo.root))) == [] and hook.exists()
