"""The lines that hide recorded models from `git status`: exact while they are few, for a folder where they crowd."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from git_models import driver, excludes, objects, repo
from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL, retrain

SKIP = {"GIT_MODELS_SKIP": "1"}


def ignored(folder: Path, lines: list[str], *paths: str) -> list[str]:
    """Those of `paths` that git itself ignores by these lines."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".git/info/exclude").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["git", "-C", str(folder), "check-ignore", *paths], capture_output=True, text=True, check=False
    )
    return done.stdout.split("\n")[:-1]


def crowd(folder: str, count: int, suffix: str = ".pt") -> list[str]:
    return [f"{folder}/m{n:04d}{suffix}" for n in range(count)]


def test_up_to_500_models_have_a_line_each() -> None:
    paths = crowd("a", 250) + crowd("b", 250)
    assert excludes.lines_for(paths) == [f"/{p}" for p in paths]


def test_beyond_that_the_most_crowded_folder_gets_one_line(tmp_path: Path) -> None:
    lines = excludes.lines_for([*crowd("runs", 499), "runs/last.onnx", "weights/best.pt"])
    assert lines == ["/runs/*.pt", "/runs/last.onnx", "/weights/best.pt"]
    new = ("runs/new.pt", "runs/new.onnx", "weights/new.pt", "runs/deep/new.pt")
    assert ignored(tmp_path, lines, *new) == ["runs/new.pt"]


def test_folders_alike_are_treated_alike() -> None:
    paths = [path for n in range(6) for path in crowd(f"f{n}", 100)] + crowd("small", 30)
    assert excludes.lines_for(paths) == [f"/f{n}/*.pt" for n in range(6)] + [f"/{p}" for p in crowd("small", 30)]


@pytest.mark.parametrize("name", ["a b [1]*?.pt", "#x.pt", "!y.pt", "back\\slash.pt", "end .pt", "plain"])
def test_a_name_hides_itself_alone_and_a_folder_of_such_names_is_matched(tmp_path: Path, name: str) -> None:
    assert ignored(tmp_path, excludes.lines_for([name]), name, "x" + name, "sub/" + name) == [
        '"back\\\\slash.pt"' if "\\" in name else name
    ]
    many = [*crowd("f[1] *", 600), f"f[1] */{name}"]
    assert "/f\\[1\\] \\*/*.pt" in excludes.lines_for(many)


@pytest.fixture
def crowded(ready: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Models in `runs` and in the top folder, a pattern for more than two; an older commit tracks `runs/old.pt`."""
    ready.weight("runs/old.pt", seed=20)
    ready.git("add", "-f", "runs/old.pt", env=SKIP)
    ready.git("commit", "-m", "Before git models", env=SKIP)
    ready.git("rm", "-q", "runs/old.pt", env=SKIP)
    ready.git("commit", "-m", "Away", env=SKIP)
    for n in range(4):
        ready.weight(f"runs/m{n}.pt", seed=30 + n)
        ready.weight(f"m{n}.pt", seed=40 + n)
    ready.models("add", "runs", *(f"m{n}.pt" for n in range(4)))
    monkeypatch.setattr(excludes, "_EXACT", 6)
    monkeypatch.chdir(ready.root)
    return ready


def test_a_crowd_that_covers_what_a_commit_tracks_gets_no_line_for_all(crowded: Sandbox) -> None:
    here = repo.find()
    excludes.rebuild(here)
    block = crowded.read(".git/info/exclude").decode().splitlines()
    assert "/*.pt" in block
    assert [line for line in block if "runs" in line] == [f"/runs/m{n}.pt" for n in range(4)]
    assert excludes.up_to_date(here)
    crowded.weight("runs/old.pt", seed=21)  # trained again, recorded nowhere
    assert "would be overwritten" in crowded.git("checkout", "HEAD~1", env=SKIP, code=1).err


@pytest.mark.parametrize(("path", "left"), [("m9.pt", ["/runs/*.pt"]), ("runs/m9.pt", ["/*.pt"])])
def test_so_it_is_when_the_commit_that_tracks_it_comes_later(crowded: Sandbox, path: str, left: list[str]) -> None:
    crowded.git("update-ref", "refs/heads/main", "HEAD~2", env=SKIP)  # now nothing tracks runs/old.pt
    here = repo.find()
    excludes.rebuild(here)
    crowds = {"/*.pt", "/runs/*.pt"}
    assert crowds <= set(crowded.read(".git/info/exclude").decode().splitlines())
    crowded.weight(path, seed=50)
    crowded.git("add", "-f", path, env=SKIP)
    crowded.git("commit", "-m", "Past the hooks", env=SKIP)
    excludes.rebuild(here)
    assert sorted(crowds & set(crowded.read(".git/info/exclude").decode().splitlines())) == left


def test_a_full_disk_leaves_the_lines_of_the_user(crowded: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    here = repo.find()
    attributes = ".git/info/attributes"
    crowded.write(attributes, crowded.read(attributes) + b"*.txt text\n")
    before = crowded.read(".git/info/exclude"), crowded.read(attributes)

    def full(_files: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(objects, "flush", full)
    for change in (excludes.rebuild, excludes.remove, driver.uninstall):
        with pytest.raises(OSError, match="No space"):
            change(here)
    assert (crowded.read(".git/info/exclude"), crowded.read(attributes)) == before
    assert sorted(f.name for f in (crowded / ".git/info").iterdir()) == ["attributes", "exclude"]


def test_nothing_recorded_needs_no_line() -> None:
    assert excludes.lines_for([]) == []


def test_what_nothing_names_any_more_is_seen_by_git_again(ready: Sandbox) -> None:
    def new_model() -> None:
        ready.weight("new.pt", seed=3)
        ready.commit("Another")
        assert ready.status() == []

    def seen() -> bool:
        ready.weight("new.pt", seed=4)
        assert f"/{MODEL}" in _lines(ready)
        return ready.status() == ["?? new.pt"]

    new_model()
    ready.git("reset", "--hard", "HEAD^")
    assert seen()
    (ready / "new.pt").unlink()
    ready.git("switch", "-c", "side")
    new_model()
    ready.git("switch", "main")
    assert seen()
    (ready / "new.pt").unlink()
    ready.git("merge", "side")
    ready.models("rm", "new.pt")
    ready.git("commit", "-m", "Remove")
    assert seen()


def test_in_a_conflict_the_recorded_models_stay_hidden(ready: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready.root)
    ready.git("config", "merge.git-models.driver", "false")
    ready.git("switch", "-c", "side")
    retrain(ready, 2)
    ready.git("switch", "main")
    retrain(ready, 3)
    ready.git("merge", "side", code=1)
    ready.write("models.yaml", b"<<<<<<< ours\n" + ready.read("models.yaml"))
    excludes.rebuild(repo.find())
    assert f"/{MODEL}" in _lines(ready)


def test_the_models_of_every_worktree_have_their_lines_until_it_is_gone(ready: Sandbox, tmp_path: Path) -> None:
    ready.git("worktree", "add", "-b", "side", str(tmp_path / "linked"))
    linked = Sandbox(tmp_path / "linked")
    linked.weight("side.pt", seed=3)
    linked.commit("Another")
    for tree in (ready, linked):
        tree.models("pull")
        assert {"/side.pt", f"/{MODEL}"} <= _lines(ready)
        assert tree.status() == []
    ready.git("worktree", "remove", "--force", str(linked.root))
    ready.models("pull")
    assert "/side.pt" not in _lines(ready)


def test_a_work_tree_that_git_was_told_of_leaves_the_lines_of_the_repositorys_own(
    ready: Sandbox, tmp_path: Path
) -> None:
    ready.weight("new.pt", seed=5)
    ready.models("add", "new.pt")
    ready.git("restore", "--staged", "models.yaml")  # the file of the work tree alone names it
    (tmp_path / "told").mkdir()
    told = Sandbox(tmp_path / "told")
    told.write("models.yaml", ready.git("show", "HEAD:models.yaml").out)
    told.models("pull", env={"GIT_DIR": str(ready / ".git"), "GIT_WORK_TREE": str(told.root)})
    assert {"/new.pt", f"/{MODEL}"} <= _lines(ready)


def _lines(repo: Sandbox) -> set[str]:
    return set(repo.read(".git/info/exclude").decode().splitlines())


def test_the_mode_of_a_file_with_the_users_lines_stays(ready: Sandbox) -> None:
    files = [ready / ".git/info" / name for name in ("exclude", "attributes")]
    for file in files:
        file.chmod(0o600)
    ready.weight("other.pt", seed=7)
    ready.models("add", "other.pt")
    ready.models("setup", "--uninstall")
    ready.models("setup")
    assert "other.pt" in files[0].read_text()
    assert files[0].stat().st_mode & 0o777 == 0o600
    files[1].write_text("*.x text\n")
    files[1].chmod(0o600)
    ready.models("setup")
    assert files[1].stat().st_mode & 0o777 == 0o600 and "*.x text" in files[1].read_text()
