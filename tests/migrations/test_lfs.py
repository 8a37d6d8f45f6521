"""Real projects of Git LFS come over, with and without history, and go back; the bytes are the same throughout."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.messy import everything, manifest, pairs
from tests.helpers.sandbox import Sandbox, weights

BEST, DATA, ODD, ART = "weights/best.pt", "data/all.bin", "odd name/[1] ü.h5", "art/logo.psd"
FILES = {BEST: (30_000, 2), DATA: (9_000, 3), ODD: (8_000, 4), ART: (7_000, 5)}


@pytest.fixture
def project(kept: Sandbox) -> Sandbox:
    """Four files in Git LFS, one of them in two versions, tagged and pushed; one text attribute of its own."""
    kept.git("lfs", "install", "--local")
    kept.write(".gitattributes", "*.txt text\n")
    kept.git("lfs", "track", "*.pt", "data/*.bin", "*.psd")
    kept.git("lfs", "track", "--filename", ODD)
    kept.weight(BEST, 30_000, seed=1)
    kept.commit("First version")
    kept.git("tag", "v1")
    for path, (size, seed) in FILES.items():
        kept.weight(path, size, seed)
    kept.commit("Second version")
    kept.git("push", "origin", "main", "v1")
    assert len(kept.git("lfs", "ls-files").lines) == 4
    return kept


def whole(work: Sandbox, *paths: str) -> None:
    """The work tree has exactly the bytes that were committed."""
    for path in paths or FILES:
        assert work.read(path) == weights(*FILES[path]), path


def migrate(work: Sandbox, *args: str, code: int = 0) -> Any:
    return json.loads(work.models("migrate", "lfs", "--json", *args, code=code).out)


def ls(work: Sandbox, *args: str) -> set[str]:
    """The paths that Git LFS says it has (3.3 has no --json)."""
    return {row.split(" ", 2)[2] for row in work.git("lfs", "ls-files", *args).lines}


def test_one_commit_takes_everything_over_and_git_lfs_is_content(project: Sandbox, tmp_path: Path) -> None:
    before = everything(project)
    planned = migrate(project, "--dry-run")
    assert everything(project) == before
    assert {f["path"] for f in planned["files"]} == set(FILES) and planned["missing"] == []
    said = project.models("migrate", "lfs")
    assert "hooks of Git LFS taken out" in said.err
    whole(project)
    assert {p: e["sha256"] for p, e in project.entries("HEAD").items()} == {p: project.sha256(p) for p in FILES}
    assert project.read(".gitattributes") == b"*.txt text\n"
    assert ls(project) == set() and project.git("lfs", "fsck").code == 0
    assert [f for f in (project / ".git/hooks").iterdir() if "git lfs" in f.read_text()] == []
    project.git("push")
    colleague = Sandbox(tmp_path / "origin.git").clone("colleague")
    colleague.models("pull", "--from", (tmp_path / "place").as_uri())
    whole(colleague)
    project.models("migrate", "undo")
    assert everything(project)["index"] == before["index"] and ls(project) == set(FILES)
    whole(project)
    assert project.git("lfs", "fsck").code == 0


def test_the_hooks_stay_while_a_commit_with_a_pointer_waits_to_be_pushed(project: Sandbox, tmp_path: Path) -> None:
    project.weight("late.pt", 4_000, seed=8)
    project.commit("Not pushed yet")
    project.models("migrate", "lfs")
    assert "git lfs pre-push" in (project / ".git/hooks/pre-push.before-git-models").read_text()
    project.git("push")
    late = project.sha256("late.pt")
    assert (tmp_path / "origin.git/lfs/objects" / late[:2] / late[2:4] / late).is_file()
    assert project.entries("HEAD")["late.pt"]["sha256"] == late


def test_with_history_no_commit_holds_a_pointer_any_more(project: Sandbox) -> None:
    old = {name: project.head(name) for name in ("HEAD", "v1")}
    said = project.models("migrate", "lfs", "--everything").out
    assert "published commits were rewritten" in said
    commits = pairs(project)
    assert {name: project.head(name) for name in old} == {name: commits[oid] for name, oid in old.items()}
    assert manifest(project, "v1") == {BEST: hashlib.sha256(weights(30_000, 1)).hexdigest()}
    assert set(manifest(project, "HEAD")) == set(FILES)
    assert ls(project, "main") == set() and ls(project, "v1") == set()
    whole(project)
    project.git("push", "--force", "origin", "main", "v1")
    assert project.git("lfs", "fsck", "main").code == 0


def test_pointers_in_the_work_tree_give_way_to_bytes_that_git_lfs_fetches(project: Sandbox, tmp_path: Path) -> None:
    fresh = Sandbox(tmp_path / "origin.git").clone("fresh")
    assert fresh.read(BEST).startswith(b"version https://git-lfs")
    fresh.git("config", "models.remote", (tmp_path / "place").as_uri())
    said = fresh.models("migrate", "lfs").err
    assert "4 files of Git LFS not here (54.0 KB): asking git lfs fetch" in said
    whole(fresh)


@pytest.fixture
def exhausted(project: Sandbox, tmp_path: Path) -> Sandbox:
    """A fresh clone whose server gives nothing out any more, and that has one of the objects."""
    fresh = Sandbox(tmp_path / "origin.git").clone("fresh")
    fresh.git("config", "models.remote", (tmp_path / "place").as_uri())
    fresh.git("lfs", "fetch", "-I", ART)
    shutil.rmtree(tmp_path / "origin.git/lfs")
    return fresh


def test_an_exhausted_quota_is_named_file_by_file_and_any_clone_is_enough(exhausted: Sandbox, project: Sandbox) -> None:
    before = everything(exhausted)
    said = exhausted.models("migrate", "lfs", code=1).err
    assert everything(exhausted) == before
    assert "3 files of Git LFS cannot be had" in said and "nothing was changed" in said
    assert all(f"{path} (" in said for path in (BEST, DATA, ODD)) and "--from CLONE" in said
    exhausted.models("migrate", "lfs", "--from", str(project.root))
    whole(exhausted)


def test_what_cannot_be_had_may_stay_with_git_lfs(exhausted: Sandbox) -> None:
    exhausted.models("migrate", "lfs", "--skip-missing")
    assert set(exhausted.entries("HEAD")) == {ART}
    whole(exhausted, ART)
    assert ls(exhausted) == {BEST, DATA, ODD}
    assert exhausted.git("check-attr", "filter", "--", ODD).out.endswith("filter: lfs\n")
    assert exhausted.status() == [f"?? {ART.split('/')[0]}/"]


@pytest.mark.parametrize("rewrite", [False, True])
def test_some_files_can_be_left_to_git_lfs_with_its_hooks(project: Sandbox, tmp_path: Path, rewrite: bool) -> None:
    project.models("migrate", "lfs", "--keep-lfs", "*.psd", *(["--everything"] if rewrite else []))
    assert ls(project) == {ART} and set(project.entries("HEAD")) == set(FILES) - {ART}
    assert project.read(".gitattributes").decode() == "*.txt text\n*.psd filter=lfs diff=lfs merge=lfs -text\n"
    whole(project)
    project.weight("art/new.psd", 5_000, seed=9)
    project.weight("late.pt", 5_000, seed=10)
    project.commit("One for each", "art/new.psd", "late.pt")
    assert "late.pt" in project.entries("HEAD") and ls(project) == {ART, "art/new.psd"}
    project.git("push", "--force")
    assert len([f for f in (tmp_path / "origin.git/lfs/objects").rglob("*") if f.is_file()]) >= 6
    assert project.git("lfs", "fsck").code == 0


def test_the_way_back_gives_git_lfs_the_same_bytes(project: Sandbox, tmp_path: Path) -> None:
    project.models("migrate", "lfs")
    project.git("push")
    shutil.rmtree(project / ".git/lfs")
    shutil.rmtree(tmp_path / "origin.git/lfs")
    project.models("export", "lfs")
    whole(project)
    assert ls(project) == set(FILES) and project.status() == [] and project.entries("HEAD") == {}
    assert project.git("lfs", "fsck").code == 0
    project.git("push")
    clone = Sandbox(tmp_path / "origin.git").clone("clone")
    clone.git("lfs", "install", "--local")
    clone.git("lfs", "pull")
    whole(clone)
    assert clone.git("lfs", "fsck").code == 0


def test_a_real_file_at_a_path_of_git_lfs_moves_as_well(project: Sandbox, tmp_path: Path) -> None:
    project.weight("plain.pt", 6_000, seed=7)
    blob = project.git("hash-object", "-w", "--no-filters", "plain.pt").out.strip()
    project.git("update-index", "--add", "--cacheinfo", f"100644,{blob},plain.pt")
    project.git("commit", "--no-verify", "-m", "Should have been a pointer")
    project.git("push")
    # A clone without the filters: with them git finds such a file changed as soon as it looks.
    fresh = Sandbox(tmp_path / "origin.git").clone("fresh")
    fresh.git("config", "models.remote", (tmp_path / "place").as_uri())
    fresh.models("migrate", "lfs")
    assert fresh.read("plain.pt") == weights(6_000, 7)
    assert fresh.entries("HEAD")["plain.pt"]["sha256"] == fresh.sha256("plain.pt")
    whole(fresh)
