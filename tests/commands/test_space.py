"""du, gc --remote and archive."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL
from tests.fakes.github import GitHub
from tests.helpers import forge
from tests.helpers.inside import answer, models
from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import holds, objects

MONTHS = 100 * 24 * 3600  # seconds


@pytest.fixture
def old(two: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Versions 1 and 2 in a folder, stored months ago; branch `two`, which named version 2, is gone everywhere."""
    now = time.time()
    monkeypatch.setattr("git_models.clearing.time.time", lambda: now + MONTHS)
    two.git("push", "origin", "--delete", "two")
    two.git("branch", "-D", "two")
    two.git("reflog", "expire", "--expire=now", "--all")
    return two


def test_du_counts_every_place_by_model_and_version(two: Sandbox, tmp_path: Path) -> None:
    models(two, "tag", MODEL, "1.0.0")
    models(two, "backup", MODEL)
    said = answer(two, "du")
    assert (said["work_tree"], said["store"], said["unfinished"], said["lost"]) == (4096, 4096, 0, 0)
    assert said["backups"] == [{"folder": str(two / ".git/models/backups"), "count": 1, "bytes": 4096}]
    assert said["remotes"] == [{"url": (tmp_path / "place").as_uri(), "objects": 2, "bytes": 8192}]
    assert [(v["version"], v["in_tree"], v["in_store"]) for v in said["versions"]] == [
        ("1.0.0", True, False),
        ("", False, True),
    ]
    lines = models(two, "du", "--long").lines
    assert [line.split()[:2] for line in lines[:2]] == [["work", "tree"], ["store", "4.1"]]
    assert any(line.split()[:2] == [MODEL, "2"] for line in lines)
    assert any(line.split()[0] == "1.0.0" for line in lines)


def test_du_asks_the_remotes_only_when_told_to(two: Sandbox, tmp_path: Path) -> None:
    for file in (tmp_path / "place").glob("best-*"):
        file.unlink()
    assert answer(two, "du")["remotes"][0]["objects"] == 2
    assert answer(two, "du", "--remote")["remotes"][0]["objects"] == 0


def test_du_shows_what_no_commit_names(lone: Sandbox) -> None:
    lone.weight("never.pt", 100, seed=3)
    models(lone, "add", "never.pt")
    models(lone, "rm", "--cached", "never.pt")
    assert [v["size"] for v in answer(lone, "du")["versions"] if not v["path"]] == [100]
    assert "(in no commit)" in models(lone, "du").out
    assert [v["path"] for v in answer(lone, "du", MODEL)["versions"]] == [MODEL]


def test_gc_deletes_what_no_ref_names_and_only_when_told_to(old: Sandbox, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "README.txt").write_text("not ours")
    old.git("config", "models.backup", place.as_uri())
    models(old, "backup", MODEL)
    before = sorted(place.iterdir())
    dry = answer(old, "gc", "--remote", "--exclusive")
    assert sorted(place.iterdir()) == before
    assert dry["kept"] == {"named": 1, "young": 0, "backups": 2, "foreign": 1}
    assert "nothing was deleted yet" in models(old, "gc", "--remote", "--exclusive").err
    (gone,) = answer(old, "gc", "--remote", "--exclusive", "--delete")["deleted"]
    assert {f.name for f in before} - {f.name for f in place.iterdir()} == {gone["asset"]}
    left = [f.read_bytes() for f in place.glob("best-*")]
    assert left == [weights(4096, 1)]


def test_gc_keeps_what_is_young(two: Sandbox, tmp_path: Path) -> None:
    two.git("push", "origin", "--delete", "two")
    two.git("branch", "-D", "two")
    two.git("reflog", "expire", "--expire=now", "--all")
    said = answer(two, "gc", "--remote", "--exclusive", "--delete")
    assert (said["deleted"], said["kept"]["young"]) == ([], 1)


def test_gc_keeps_tagged_versions_stashes_and_reflogs(two: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    two.git("push", "origin", "--delete", "two")
    two.git("branch", "-D", "two")
    assert answer(two, "gc", "--remote", "--exclusive", "--grace", "0")["deleted"] == []


def test_gc_deletes_nothing_of_a_place_that_others_may_use(old: Sandbox, tmp_path: Path) -> None:
    told = models(old, "gc", "--remote", "--delete", code=1)
    assert "may hold models of other repositories" in told.err
    assert len(list((tmp_path / "place").iterdir())) == 2


def test_gc_refuses_where_it_cannot_know_every_ref(old: Sandbox, tmp_path: Path) -> None:
    shallow = Sandbox(tmp_path / "origin.git").clone("shallow", "--depth", "1")
    assert "shallow" in models(shallow, "gc", "--remote", "--exclusive", code=1).err
    assert "shallow" in models(shallow, "archive", ".", "--to", "file", code=1).err
    other = Sandbox(tmp_path / "origin.git").clone("other")
    other.weight("new.pt", seed=7)
    models(other, "add", "new.pt")
    other.git("commit", "-m", "A branch that old does not know")
    other.git("push", "origin", "HEAD:refs/heads/unseen")
    told = models(old, "gc", "--remote", "--exclusive", "--delete", code=1)
    assert "refs/heads/unseen" in told.err
    assert "git fetch" in told.err


def test_gc_refuses_when_a_commit_has_a_manifest_that_cannot_be_read(old: Sandbox) -> None:
    good = old.read("models.yaml")
    old.write("models.yaml", "models: [broken\n")
    old.git("add", "models.yaml")
    old.git("commit", "-m", "Broken", env={"GIT_MODELS_SKIP": "1"})
    old.write("models.yaml", good)
    old.git("commit", "-am", "Mended", env={"GIT_MODELS_SKIP": "1"})
    assert "cannot be read" in models(old, "gc", "--remote", "--exclusive", "--delete", code=1).err


def test_gc_of_the_releases_of_this_repository_needs_no_claim(
    hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "mine")
    hub.token("mine", can={"ada/models": "write"}, login="ada")
    work = forge.published(hub, tmp_path, "best.pt", name="ada/models")
    work.weight("best.pt", seed=4)
    models(work, "add", "best.pt")
    models(work, "push")
    work.git("checkout", "HEAD", "--", "models.yaml", env={"GIT_MODELS_SKIP": "1"})
    assert len(hub.assets("ada/models")) == 2
    assert answer(work, "gc", "--remote", "--delete")["kept"] == {"named": 1, "young": 1, "backups": 0, "foreign": 0}
    dry = models(work, "gc", "--remote", "--grace", "0").lines
    assert dry[0].startswith("  would delete best-")
    models(work, "gc", "--remote", "--grace", "0", "--delete")
    assert models(work, "gc", "--remote", "--grace", "0").lines[0].startswith("would delete 0 assets")
    work.models("checkout", "--force", "best.pt")
    models(work, "verify", "--remote")


def test_archive_copies_old_versions_and_a_pull_finds_them_there(two: Sandbox, tmp_path: Path) -> None:
    cold = tmp_path / "cold"
    cold.mkdir()
    told = models(two, "archive", MODEL, "--to", cold.as_uri(), code=1)
    assert "git models remote add" in told.err
    models(two, "remote", "add", "cold", cold.as_uri(), "--local")
    for file in objects(two):
        file.unlink()
    assert answer(two, "archive", MODEL, "--to", "cold", "-n")["copied"]
    assert list(cold.iterdir()) == []
    told = models(two, "archive", MODEL, "--to", "cold")
    assert [f.read_bytes() for f in cold.iterdir()] == [weights(4096, 2)]
    assert told.lines[-1] == f"1 old version copied to {cold.as_uri()}, verified"
    assert "1 were there" in models(two, "archive", MODEL, "--to", "cold").lines[-1]
    for file in (tmp_path / "place").glob("best-*"):
        if file.read_bytes() == weights(4096, 2):
            file.unlink()
    for file in objects(two):
        file.unlink()
    two.git("switch", "two")
    assert holds(two, 2)
