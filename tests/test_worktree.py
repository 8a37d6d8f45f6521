"""The rules by which files of the work tree are replaced, taken away or left."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from git_models import link, manifest, manifests, objects, placing, releasing, repo, worktree
from git_models.errors import ModelsError
from git_models.repo import Repo
from git_models.sight import Sight
from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, holds, retrain


@pytest.fixture
def here(ready: Sandbox) -> Repo:
    """`ready` with version 2 in the work tree and the manifest of version 1: a sync is due."""
    retrain(ready, 2)
    ready.git("checkout", "HEAD^", "--", "models.yaml", env={"GIT_MODELS_SKIP": "1"})
    place_version(ready, 1)
    return repo.find(str(ready.root))


def place_version(ready: Sandbox, seed: int) -> None:
    found = repo.find(str(ready.root))
    objects.seal(found.models, [objects.draft_bytes(found.models, [weights(4096, seed)])])


@pytest.fixture(autouse=True)
def _inside(ready: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready.root)


def test_a_swap_puts_the_new_one_in_place_and_the_old_one_away(ready: Sandbox, here: Repo) -> None:
    done = worktree.sync(here)
    assert done == worktree.Synced((MODEL,), (), (), (), ())
    assert holds(ready, 1)
    assert worktree.sync(here) == worktree.Synced((), (), (), (), ())


def test_what_was_put_in_place_is_not_hashed_again(here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    worktree.sync(here)
    monkeypatch.setattr(link, "hashed", None)
    assert worktree.sync(here) == worktree.Synced((), (), (), (), ())
    wanted = manifests.current(here).models[MODEL]
    assert Sight(here).digests(MODEL) == (wanted.sha256, wanted.md5)


def test_a_swap_of_pushed_versions_is_a_rename(ready: Sandbox, here: Repo) -> None:
    new = os.stat(objects.path(here.models, manifests.current(here).models[MODEL].sha256)).st_ino
    old = os.stat(here.path(MODEL)).st_ino
    os.unlink(objects.path(here.models, ready.sha256(MODEL)))  # as `release` does after a push
    worktree.sync(here, releasable=lambda _oid: True)
    assert os.stat(here.path(MODEL)).st_ino == new
    (kept,) = [oid for oid in objects.oids(here.models) if os.stat(objects.path(here.models, oid)).st_ino == old]
    assert Path(objects.path(here.models, kept)).read_bytes() == weights(4096, 2)


@pytest.mark.parametrize("when", ["before", "at the very moment"])
def test_an_object_that_a_folder_links_to_is_copied(
    ready: Sandbox, here: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    linked, file = tmp_path / "linked.pt", objects.path(here.models, manifests.current(here).models[MODEL].sha256)
    if when == "before":
        os.link(file, linked)
    else:
        found = link.unfinished

        def late(name: str) -> str:
            if not linked.exists() and os.path.exists(file):
                os.link(file, linked)
            return found(name)

        monkeypatch.setattr(link, "unfinished", late)
    worktree.sync(here, releasable=lambda _oid: True)
    assert holds(ready, 1)
    with open(here.path(MODEL), "r+b") as training:
        training.write(b"goes on")
    assert linked.read_bytes() == weights(4096, 1)
    assert not os.path.exists(file)


def test_the_mode_of_the_file_stays_and_it_can_be_written(ready: Sandbox, here: Repo) -> None:
    os.chmod(here.path(MODEL), 0o640)
    worktree.sync(here, releasable=lambda _oid: True)
    assert os.stat(here.path(MODEL)).st_mode & 0o777 == 0o640
    (ready / MODEL).write_bytes(b"\0new")


def test_a_file_with_a_second_name_is_copied_into_the_store(ready: Sandbox, here: Repo) -> None:
    os.link(here.path(MODEL), ready / "second")
    worktree.sync(here)
    (ready / "second").write_bytes(b"\0overwritten in place")
    good, bad = objects.checked(here.models, list(objects.oids(here.models)), full=True)
    assert good and not bad
    assert holds(ready, 1)


def test_a_file_that_is_open_for_writing_is_never_moved_into_the_store(ready: Sandbox, here: Repo) -> None:
    with open(here.path(MODEL), "r+b") as writer:
        worktree.sync(here)
        writer.write(b"\0torn")
    good, bad = objects.checked(here.models, list(objects.oids(here.models)), full=True)
    assert good and not bad
    assert holds(ready, 1)


def test_a_file_that_is_mapped_for_writing_never_spoils_an_object(ready: Sandbox, here: Repo) -> None:
    with open(here.path(MODEL), "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        worktree.sync(here)
        mapped[:5] = b"\0torn"
        mapped.flush()
    good, bad = objects.checked(here.models, list(objects.oids(here.models)), full=True)
    assert good and not bad


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_file_is_left_and_named(ready: Sandbox, here: Repo, kind: str) -> None:
    (ready / MODEL).unlink()
    if kind == "link":
        (ready / MODEL).symlink_to("../README.md")
    else:
        (ready / MODEL).mkdir()
    assert worktree.sync(here).refused == ((MODEL, "a link or a folder is in its place"),)
    assert ready.read("README.md") == b"# A repository\n"


def test_a_folder_that_is_a_link_is_never_entered(ready: Sandbox, here: Repo, tmp_path: Path) -> None:
    (ready / MODEL).unlink()
    (ready / "weights").rmdir()
    (tmp_path / "outside").mkdir()
    (ready / "weights").symlink_to(tmp_path / "outside")
    ((path, reason),) = worktree.sync(here).refused
    assert path == MODEL and "weights is a link" in reason
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_damaged_object_is_never_put_in_place(ready: Sandbox, here: Repo) -> None:
    oid = manifests.current(here).models[MODEL].sha256
    Path(objects.path(here.models, oid)).write_bytes(weights(4096, 66))
    done = worktree.sync(here)
    assert [e.path for e in done.missing] == [MODEL]
    assert holds(ready, 2)
    assert len(os.listdir(os.path.join(here.models, "lost"))) == 1


def test_a_file_that_turns_out_to_have_other_bytes_is_left(ready: Sandbox, here: Repo) -> None:
    sight = Sight(here)
    sight.learn(MODEL, "0" * 64, "")
    with open(here.path(MODEL), "ab"), pytest.raises(ModelsError, match="is being written to"):
        placing.put_away(here, MODEL, sight)
    assert holds(ready, 2)


@pytest.mark.parametrize("where", ["in place", "by a rename"])
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("gone", [True, False])
def test_what_a_training_saves_while_its_file_is_put_away_stays(
    ready: Sandbox, here: Repo, monkeypatch: pytest.MonkeyPatch, where: str, stored: bool, gone: bool
) -> None:
    """An object may have to be hashed first, and that takes its time."""
    if gone:
        (ready / "models.yaml").write_bytes(manifest.update(manifests.data(here), {MODEL: None}))
    if stored:
        place_version(ready, 2)
    else:
        os.unlink(objects.path(here.models, ready.sha256(MODEL)))
        objects.note_held(here.models, "file:///elsewhere", [ready.sha256(MODEL)])
    before, looked = ready.sha256(MODEL), objects.checked

    def slowly(models: str, wanted: Sequence[str], full: bool = False) -> tuple[list[str], list[str]]:
        answer = looked(models, wanted, full)
        if before in wanted:
            if where == "by a rename":
                ready.weight("weights/new.tmp", seed=3)
                os.replace(here.path("weights/new.tmp"), here.path(MODEL))
            else:
                ready.weight(MODEL, seed=3)
        return answer

    monkeypatch.setattr(objects, "checked", slowly)
    assert worktree.sync(here).refused == ((MODEL, f"{MODEL} is being written to; it was left as it is"),)
    assert holds(ready, 3)
    monkeypatch.undo()
    assert objects.checked(here.models, list(objects.oids(here.models)), full=True)[1] == []


def test_the_leftover_of_a_killed_sync_is_replaced(ready: Sandbox, here: Repo) -> None:
    ready.write(f"weights/{link.unfinished('best.pt')}", b"\0half")
    worktree.sync(here)
    assert [f.name for f in (ready / "weights").iterdir()] == ["best.pt"]
    assert holds(ready, 1)


def test_what_a_killed_move_out_of_the_store_left_is_found_again(ready: Sandbox, here: Repo) -> None:
    oid = manifests.current(here).models[MODEL].sha256
    leftover = here.path(f"weights/{link.unfinished('best.pt')}")
    os.rename(objects.path(here.models, oid), leftover)
    assert worktree.sync(here).placed == (MODEL,)
    assert holds(ready, 1)
    assert not os.path.exists(leftover)


@pytest.mark.parametrize("what", ["other bytes", "a link", "a folder", "a pipe"])
def test_a_leftover_that_is_no_object_is_not_taken_for_one(ready: Sandbox, here: Repo, what: str) -> None:
    oid = manifests.current(here).models[MODEL].sha256
    leftover = here.path(f"weights/{link.unfinished('best.pt')}")
    os.rename(objects.path(here.models, oid), here.path("saved"))
    if what == "other bytes":
        Path(leftover).write_bytes(weights(4096, 7))
    elif what == "a link":
        os.symlink("../saved", leftover)
    elif what == "a folder":
        os.mkdir(leftover)
    else:
        os.mkfifo(leftover)
    assert [e.path for e in worktree.sync(here).missing] == [MODEL]
    assert holds(ready, 2) and not objects.has(here.models, oid)


@pytest.mark.parametrize("moved", [True, False])
def test_what_a_training_saves_in_the_instant_of_a_swap_is_not_overwritten(
    ready: Sandbox, here: Repo, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    oid, away = manifests.current(here).models[MODEL].sha256, placing.put_away

    def and_then(repo: Repo, path: str, sight: Sight) -> None:
        away(repo, path, sight)
        ready.weight(MODEL, seed=3)

    monkeypatch.setattr(placing, "put_away", and_then)
    done = worktree.sync(here, releasable=lambda _oid: moved)
    assert done.refused == ((MODEL, "another program saved a file there just now"),)
    assert holds(ready, 3) and objects.has(here.models, oid)
    assert [f.name for f in (ready / "weights").iterdir()] == ["best.pt"]


def test_paths_left_out_are_not_touched(ready: Sandbox, here: Repo) -> None:
    assert worktree.sync(here, skip=[MODEL]).placed == ()
    assert holds(ready, 2)


def test_the_store_gives_up_only_what_a_remote_holds_and_the_work_tree_has(ready: Sandbox, here: Repo) -> None:
    worktree.sync(here)
    known, sight = manifests.current(here), Sight(here)
    oid = known.models[MODEL].sha256
    os.utime(here.path(MODEL), ns=(0, 10**18))
    sight.digests(MODEL)
    assert releasing.drop(here, known, lambda _oid: False, sight) == []
    ready.weight(MODEL, seed=9)
    assert releasing.drop(here, known, lambda _oid: True, sight) == []
    ready.weight(MODEL, seed=1)
    os.utime(here.path(MODEL), ns=(0, 10**18))
    sight.digests(MODEL)
    assert releasing.drop(here, known, lambda _oid: True, sight) == [oid]
    assert holds(ready, 1) and not objects.has(here.models, oid)
