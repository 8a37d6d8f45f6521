from __future__ import annotations

import os
from pathlib import Path

from tests.helpers.inside import answer, models
from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, holds, objects, retrain


def kept(work: Sandbox, *args: str, code: int = 0) -> dict[str, str]:
    """Why each object stays, by its seed's bytes."""
    said = answer(work, "prune", "-n", *args, code=code)
    return {row["path"]: row["why"] for row in said["kept"]}


def test_what_was_checked_out_lately_stays_and_older_versions_go(two: Sandbox, tmp_path: Path) -> None:
    assert kept(two) == {MODEL: "in use here"}
    dry = models(two, "prune", "-n", "--grace", "0")
    assert dry.lines[0].startswith(f"  would remove {MODEL} ")
    assert len(list(objects(two))) == 1
    told = models(two, "prune", "--grace", "0")
    assert told.lines[-1] == "removed 1 object and 0 staged weights (4.1 KB)"
    assert list(objects(two)) == []
    two.git("switch", "two")
    assert holds(two, 2)


def test_head_index_and_work_tree_keep_their_versions(two: Sandbox) -> None:
    two.git("switch", "two")
    assert [f.read_bytes() for f in objects(two)] == [weights(4096, 1)]
    two.git("checkout", "main", "--", "models.yaml", env={"GIT_MODELS_SKIP": "1"})
    assert kept(two, "--grace", "0") == {MODEL: "in use here"}
    two.git("restore", "models.yaml", "--source=HEAD", env={"GIT_MODELS_SKIP": "1"})
    assert kept(two, "--grace", "0") == {MODEL: "in use here"}
    two.git("restore", "--staged", "models.yaml", env={"GIT_MODELS_SKIP": "1"})
    assert kept(two, "--grace", "0") == {}


def test_another_worktree_keeps_its_versions(two: Sandbox) -> None:
    two.git("worktree", "add", "../other", "two", env={"GIT_MODELS_SKIP": "1"})
    assert kept(two, "--grace", "0") == {MODEL: "in use here"}


def test_a_stash_keeps_its_versions(two: Sandbox) -> None:
    manifest = two.git("show", "two:models.yaml").out
    two.write("models.yaml", manifest)
    two.git("stash", env={"GIT_MODELS_SKIP": "1"})
    assert kept(two, "--grace", "0") == {MODEL: "in use here"}
    two.git("stash", "drop")
    assert kept(two, "--grace", "0") == {}


def test_what_is_not_pushed_or_in_no_commit_stays(ready: Sandbox) -> None:
    retrain(ready, 2)
    retrain(ready, 3)
    assert (
        sorted(answer(ready, "prune", "-n", "--grace", "0")["kept"], key=lambda r: r["why"])[1]["why"] == "not pushed"
    )
    ready.weight("never.pt", seed=9)
    ready.models("add", "never.pt")
    ready.models("rm", "--cached", "never.pt")
    assert kept(ready, "--grace", "0")[""] == "no commit names it"
    assert answer(ready, "prune", "--grace", "0")["removed"] == []


def test_the_remote_is_asked_and_not_believed_from_memory(two: Sandbox, tmp_path: Path) -> None:
    for asset in (tmp_path / "place").glob("best-*"):
        if asset.read_bytes() == weights(4096, 2):
            asset.write_bytes(b"\0" * 4096)
    assert kept(two, "--grace", "0") == {MODEL: "on 0 of 1 remotes"}
    models(two, "prune", "--grace", "0")
    assert len(list(objects(two))) == 1


def test_a_place_that_cannot_be_asked_is_named_and_nothing_goes(two: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "place").rename(tmp_path / "gone")
    two.git("config", "--global", "models.remote", (tmp_path / "nowhere/place").as_uri())
    told = models(two, "prune", "--grace", "0", code=1)
    assert "could not be asked" in told.err
    assert len(list(objects(two))) == 1


def test_min_copies_asks_for_several_places(two: Sandbox, tmp_path: Path) -> None:
    two.git("config", "models.minCopies", "2")
    assert kept(two, "--grace", "0") == {MODEL: "on 1 of 2 remotes"}
    (tmp_path / "second").mkdir()
    models(two, "remote", "add", "second", (tmp_path / "second").as_uri(), "--local")
    os.utime(two / MODEL)
    models(two, "push", "--all", "--remote", "second")
    assert len(answer(two, "prune", "-n", "--grace", "0")["removed"]) == 1


def test_keep_all_keeps_all(two: Sandbox) -> None:
    two.git("config", "models.keep", "all")
    assert answer(two, "prune", "--grace", "0")["removed"] == []
    assert "models.keep is all" in models(two, "prune").out


def test_staged_weights_that_git_still_holds_go_once_they_are_recorded_and_old(two: Sandbox) -> None:
    blob = two.git("hash-object", "-w", MODEL).out.strip()
    other = two.git("hash-object", "-w", str(two.weight("unknown.pt", 4096, seed=77))).out.strip()
    files = {b: two / f".git/objects/{b[:2]}/{b[2:]}" for b in (blob, other)}
    assert answer(two, "prune")["staged"] == []
    for file in files.values():
        os.utime(file, (1, 1))
    two.git("read-tree", "HEAD")
    assert [s["blob"] for s in answer(two, "prune", "-n")["staged"]] == [blob]
    assert files[blob].exists()
    told = models(two, "prune")
    assert "which was staged once" in told.lines[0]
    assert not files[blob].exists()
    assert files[other].exists()


def test_a_staged_weight_that_the_index_names_stays(two: Sandbox) -> None:
    two.git("add", "-f", MODEL)
    blob = two.git("rev-parse", f":{MODEL}").out.strip()
    file = two / f".git/objects/{blob[:2]}/{blob[2:]}"
    os.utime(file, (1, 1))
    assert answer(two, "prune")["staged"] == []
    assert file.exists()


def test_the_store_is_brought_below_its_limit_by_a_pull(two: Sandbox) -> None:
    from git_models import journal

    two.git("config", "models.maxStore", "1k")
    two.git("config", "gc.reflogExpire", "0")
    two.git("reflog", "expire", "--expire=all", "--all")
    models(two, "pull")
    assert list(objects(two)) == []
    assert [e.event for e in journal.read(str(two / ".git/models"))][-1] == "prune"
