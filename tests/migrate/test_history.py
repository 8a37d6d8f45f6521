"""Weights leave the commits in which they stand; everything else about those commits stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_models import main
from git_models import repo as repository
from git_models.errors import ModelsError
from git_models.migrate import choose, moving
from tests.helpers.messy import LARGE, everything, manifest, pairs, tree
from tests.helpers.sandbox import Sandbox, weights
from tests.migrate.conftest import Moved

BEST, SIDE = "weights/best.pt", "side/half trained.ckpt"
MOVED = {BEST, SIDE}


def history(work: Sandbox, *args: str, **options: Any) -> Any:
    return json.loads(work.models("migrate", "history", "--json", *args, **options).out)


# The cure for GH001


def test_a_push_that_was_refused_goes_through_and_the_clone_is_small(moved: Moved, tmp_path: Path) -> None:
    assert "GH001" in moved.refused.err
    assert "6 commits rewritten; moved: main, side, tags/light, tags/v1, notes/commits" in moved.said.out
    assert "2 signatures dropped" in moved.said.out
    assert moved.repo.status() == []
    assert moved.repo.read(BEST) == weights(LARGE + 2, 4), "the file stayed where it was"
    held = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (moved.folder / "place").rglob("*.*t")}
    assert {hashlib.sha256(weights(*v)).hexdigest() for v in ((LARGE, 1), (LARGE + 1, 3), (LARGE + 2, 4))} <= held

    tmp_path.joinpath("colleague").mkdir()
    colleague = Sandbox(tmp_path / "colleague")
    colleague.git("clone", (moved.folder / "origin.git").as_uri(), ".")
    packs = sum(f.stat().st_size for f in (colleague / ".git/objects").rglob("*") if f.is_file())
    assert packs < LARGE / 20
    colleague.models("pull", "--from", (moved.folder / "place").as_uri())
    assert colleague.read(BEST) == moved.repo.read(BEST) and colleague.read(SIDE) == weights(LARGE, 2)


def test_every_commit_gets_the_manifest_that_was_true_then_and_nothing_else_changes(moved: Moved) -> None:
    project = moved.repo
    commits = pairs(project)
    assert len(commits) == 6
    for old, new in commits.items():
        before, after = tree(project, old), tree(project, new)
        assert {p: m for p, m in before.items() if p not in MOVED} == {
            p: m for p, m in after.items() if p != "models.yaml"
        }
        blobs = {p: project.run(f"git cat-file blob '{old}:{p}' | sha256sum").out[:64] for p in MOVED & before.keys()}
        assert manifest(project, new) == blobs
        raw_old, raw_new = (project.run(f"git cat-file commit {c} | base64").out for c in (old, new))
        assert strip(raw_old) == strip(raw_new), "author, dates, encoding and message are the same to the byte"
        parents = project.git("log", "-1", "--format=%P", old).out.split()
        assert project.git("log", "-1", "--format=%P", new).out.split() == [commits.get(p, p) for p in parents]


def strip(encoded: str) -> bytes:
    """A commit object without its tree, parents and signature."""
    import base64

    head, _, message = base64.b64decode(encoded).partition(b"\n\n")
    lines = [n for n in head.split(b"\n") if not n.startswith((b"tree ", b"parent ", b"gpgsig ", b" "))]
    return b"\n".join(lines) + b"\n\n" + message


def test_tags_and_notes_follow(moved: Moved) -> None:
    project, commits = moved.repo, pairs(moved.repo)
    assert project.head("light") in commits.values() and project.head("v1^{commit}") == project.head()
    tag = project.git("cat-file", "tag", "v1").out
    assert "Version 1\n" in tag and "SIGNATURE" not in tag and "Ada Tester" in tag
    assert project.git("notes", "show", "light").out == "mAP 0.50\n"


def test_small_weights_and_text_with_the_name_of_a_weight_stay_in_git(moved: Moved) -> None:
    assert {"tests/tiny.pt", "templates/page.pt"} < set(moved.repo.files_at())


def test_undo_brings_back_refs_index_and_status_and_the_same_again_gives_the_same_commits(project: Sandbox) -> None:
    before = everything(project)
    project.models("migrate", "history")
    after = everything(project)
    project.models("migrate", "undo", cwd="weights")
    assert everything(project) == before
    assert project.models("migrate", "undo", code=1).err.startswith("git models: there is no migration to undo")
    project.models("migrate", "history")
    again = everything(project)
    main_ref = [line for line in after["refs"].splitlines() if line.endswith("refs/heads/main")]
    assert main_ref == [line for line in again["refs"].splitlines() if line.endswith("refs/heads/main")]


@pytest.mark.slow
def test_undo_from_another_branch_leaves_its_index_and_files_alone(project: Sandbox) -> None:
    project.git("branch", "plain", "origin/main")
    before = everything(project)
    project.models("migrate", "history")
    project.git("switch", "plain")
    plain = project.git("ls-files", "-s").out
    project.models("migrate", "undo")
    assert project.git("ls-files", "-s").out == plain and project.git("status", "--porcelain", "-uno").out == ""
    project.git("switch", "main")
    assert everything(project)["index"] == before["index"] and project.read(BEST) == weights(LARGE + 2, 4)


@pytest.mark.slow
def test_undo_refuses_when_a_branch_has_moved_on_and_says_where_the_old_commits_are(project: Sandbox) -> None:
    project.models("migrate", "history")
    project.git("commit", "--allow-empty", "-m", "More")
    before = everything(project)
    said = project.models("migrate", "undo", code=1).err
    assert "refs/heads/main has moved since" in said and "refs/original/models/" in said
    assert everything(project) == before


def test_setup_says_that_github_would_refuse_the_history(project: Sandbox) -> None:
    project.git("config", "models.limit", "1M")
    assert "hold 4 files that GitHub would refuse: git models migrate history" in project.models("setup").out


@pytest.mark.slow
def test_forget_lets_git_give_the_space_back(project: Sandbox) -> None:
    project.models("migrate", "history")
    (advice,) = [n for n in project.models("migrate", "forget").lines if "reflog expire" in n]
    project.run(advice.partition("next: ")[2])
    assert sum(f.stat().st_size for f in (project / ".git/objects").rglob("*") if f.is_file()) < LARGE
    assert project.git("for-each-ref", "refs/original").out == ""
    assert len(pairs(project)) == 6, "the object map stays"
    assert project.git("fsck", "--strict").code == 0


# What is chosen


def test_a_dry_run_says_the_same_and_changes_nothing(project: Sandbox) -> None:
    before = everything(project)
    planned = history(project, "--dry-run")
    assert everything(project) == before and not (project / ".git/models/objects").exists()
    assert {f["path"] for f in planned["files"]} == MOVED
    done = history(project)
    assert done["files"] == planned["files"]
    assert done["commits"] == 6 and done["signatures_dropped"] == 2 and not done["published"]


@pytest.mark.parametrize(
    ("include", "above", "revs", "expected"),
    [
        (["*.ckpt"], -1, [], {SIDE}),
        (["tests/**", "templates/"], -1, [], {"tests/tiny.pt", "templates/page.pt"}),
        ([], LARGE + 100, [], set()),
        ([], 2000, [], {BEST, SIDE, "tests/tiny.pt"}),
        (["*.pt"], 10**6, [], {BEST}),
        ([], -1, ["side"], {BEST, SIDE}),
        ([], -1, ["side..main"], {BEST}),
    ],
)
def test_globs_sizes_and_revisions_choose(
    project: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    include: list[str],
    above: int,
    revs: list[str],
    expected: set[str],
) -> None:
    monkeypatch.chdir(project.root)
    wanted = choose.rules(repository.find(), include, above)
    assert {f.path for f in choose.choose(choose.revisions(revs, False), wanted).found} == expected


@pytest.mark.slow
def test_a_branch_that_keeps_the_old_commits_is_named(project: Sandbox) -> None:
    assert history(project, "side")["left_behind"] == ["refs/heads/main", "refs/tags/v1"]
    assert project.status() == [], "the branch that is checked out was not touched"


def test_a_tag_that_no_branch_reaches_is_named_with_the_command_that_moves_it(repo: Sandbox, place: Path) -> None:
    repo.git("config", "models.remote", place.as_uri())
    repo.git("push")
    repo.git("switch", "-q", "--detach")
    repo.weight("best.pt", LARGE, seed=1)
    repo.commit("On no branch")
    repo.git("tag", "-a", "-m", "A try", "try")
    repo.git("notes", "add", "-m", "of the tag", repo.head("try"))
    repo.git("switch", "-q", "main")
    assert "git models migrate history tags/try" in repo.models("migrate", "history").out
    repo.models("migrate", "history", "tags/try")
    assert "best.pt" not in repo.files_at("try")
    assert repo.git("notes", "show", repo.head("try")).out == "of the tag\n", "a note of a tag follows it, too"


def test_a_name_that_no_manifest_holds_is_not_called_no_weights(repo: Sandbox) -> None:
    repo.weight("new\nline.pt", LARGE)
    repo.commit("Names")
    assert "git rebase -i" in repo.models("migrate", "history", code=1).err
    assert "next: git mv" in repo.models("migrate", "history", "--no-rewrite", code=1).err


@pytest.mark.slow
def test_a_pattern_that_was_asked_for_is_tracked_from_then_on(project: Sandbox) -> None:
    project.write("data/all.bin", weights(LARGE, 7))
    project.commit("Data")
    project.models("migrate", "history", "--include", "*.bin")
    assert project.models("track").lines[-1].split()[0] == "*.bin"
    project.write("data/new.bin", weights(LARGE, 8))
    project.commit("More data")
    assert {"data/all.bin", "data/new.bin"} <= set(project.entries("HEAD"))


def test_what_a_published_commit_tracks_stays_and_everything_moves_it(repo: Sandbox, place: Path) -> None:
    repo.git("config", "models.remote", place.as_uri())
    repo.weight("old.pt", LARGE, seed=1)
    repo.commit("Published")
    repo.git("push")
    repo.weight("new.pt", LARGE, seed=2)
    repo.commit("Not yet")
    done = history(repo)
    assert [f["path"] for f in done["files"]] == ["new.pt"]
    assert set(repo.files_at()) == {"README.md", "models.yaml", "old.pt"}
    assert "no remote has" in repo.models("migrate", "history").out, "nothing is left to do"
    said = repo.models("migrate", "history", "--everything").out
    assert "git push --force-with-lease" in said and "git fetch --tags --force && git reset --keep" in said
    assert set(repo.entries("HEAD")) == {"old.pt", "new.pt"}
    assert repo.git("log", "--format=%s", "--", "old.pt", "new.pt").out == ""


@pytest.mark.slow
def test_an_existing_manifest_keeps_its_comments_and_entries(ready: Sandbox) -> None:
    ready.run("sed -i 's/^models:/# ours\\nmodels:/; s/^    size:/    license: MIT\\n    size:/' models.yaml")
    ready.commit("A licence", "models.yaml")
    ready.weight("late.pt", LARGE)
    ready.commit("Past the hooks", "late.pt", env={"GIT_MODELS_SKIP": "1"})
    ready.models("migrate", "history")
    assert "# ours\n" in ready.read("models.yaml").decode()
    assert set(ready.entries("HEAD")) == {BEST, "late.pt"} and ready.entries("HEAD")[BEST]["license"] == "MIT"
    assert ready.status() == []
    ready.git("push")


@pytest.mark.slow
def test_the_same_bytes_under_two_names_are_one_asset(repo: Sandbox, place: Path) -> None:
    repo.git("config", "models.remote", place.as_uri())
    repo.weight("a.pt", LARGE)
    repo.commit("One")
    repo.git("mv", "a.pt", "b.pt")
    repo.git("commit", "-m", "Renamed")
    repo.models("migrate", "history")
    assert repo.entries("HEAD^")["a.pt"]["asset"] == repo.entries("HEAD")["b.pt"]["asset"]
    repo.git("push")
    assert len(list(place.rglob("*.pt"))) == 1


def test_hostile_names_move_or_stay_and_are_named(repo: Sandbox) -> None:
    good = ["-dash.pt", "żółw best (1)+v2.pt", "a/b c/'quoted'.pt", "$(touch x).pt"]
    bad = ["new\nline.pt", "back\\slash.pt", "CON.pt", os.fsdecode(b"\xff.pt")]
    for name in (*good, *bad):
        repo.weight(name, LARGE)
    repo.commit("Names")
    said = repo.models("migrate", "history").err
    assert set(repo.entries("HEAD")) == set(good)
    assert said.count("stays in git:") == len(bad)
    assert repo.status() == []


@pytest.mark.slow
def test_a_repository_with_sha256_names_and_a_detached_head(tmp_path: Path) -> None:
    repo = Sandbox(tmp_path / "modern")
    repo.root.mkdir()
    repo.git("init", "--object-format=sha256")
    repo.weight("w.pt", LARGE)
    repo.commit("Weights")
    repo.git("checkout", "--detach")
    repo.git("branch", "-D", "main")
    assert [r["ref"] for r in history(repo)["refs"]] == ["HEAD"]
    assert repo.files_at() == ["models.yaml"] and repo.status() == []
    repo.models("migrate", "undo")
    assert repo.files_at() == ["w.pt"] and repo.status() == []
    assert repo.git("symbolic-ref", "-q", "HEAD", code=1).out == ""


@pytest.mark.slow
def test_bytes_that_git_changed_on_the_way_in_are_reported(repo: Sandbox) -> None:
    repo.git("config", "core.autocrlf", "input")
    repo.write("w.pt", b"\x01" + b"AB\r\nCD" * 200_000)
    repo.commit("No NUL in it, so git takes it for text")
    said = repo.models("migrate", "history").err
    assert "w.pt on disk has other bytes than git had: git models add w.pt" in said
    assert repo.read("w.pt").count(b"\r\n") == 200_000


# What is refused, and leaves all as it was


def dirty(repo: Sandbox) -> str:
    repo.write("train.py", "changed\n")
    return "changes that are in no commit: train.py"


def unrecorded(repo: Sandbox) -> str:
    repo.write("models.yaml", "version: 1\n")
    return "models.yaml lies here and is in no commit"


def rebasing(repo: Sandbox) -> str:
    repo.git("rebase", "-i", "HEAD~1", env={"GIT_SEQUENCE_EDITOR": "sed -i 1s/pick/edit/"})
    return "a rebase is in progress"


def shallow(repo: Sandbox) -> str:
    (repo / ".git/shallow").write_text(repo.head() + "\n")
    return "this clone is shallow"


def beside(repo: Sandbox) -> str:
    repo.git("worktree", "add", "../other", "side")
    return "has one of these commits checked out"


def broken(repo: Sandbox) -> str:
    repo.write("models.yaml", "<<<<<<< ours\n")
    repo.commit("A conflict, committed")
    repo.git("rm", "models.yaml")
    repo.git("commit", "-m", "Mended")
    return "commit "


def test_a_size_that_is_none_is_a_usage_error(project: Sandbox) -> None:
    assert "is not a size" in project.models("migrate", "history", "--above", "x", code=2).err


def unknown(repo: Sandbox) -> str:
    return "git knows no commits called"


def test_a_commit_that_is_checked_out_elsewhere_is_named_with_the_command_to_call_there(
    repo: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.git("worktree", "add", "--detach", "../other")
    repo.weight("w.pt")
    repo.commit("More")
    monkeypatch.chdir(repo.root)
    here = repository.find()
    old = repo.head("HEAD~1")
    with pytest.raises(ModelsError) as failed:
        moving.beside(here, {old: ""})
    assert failed.value.fix == f"cd {repo.root.parent}/other   # and there the same command again"
    with pytest.raises(ModelsError) as failed:
        moving.beside(here, {old: "", repo.head(): ""})
    assert failed.value.fix.startswith(f"git worktree remove {repo.root.parent}/other ")


@pytest.mark.parametrize("state", [dirty, unrecorded, rebasing, shallow, beside, broken, unknown])
def test_a_state_that_may_not_be_rewritten_is_refused_and_left_alone(
    project: Sandbox, state: Callable[[Sandbox], str]
) -> None:
    expected = state(project)
    before = everything(project)
    args = ["no-such"] if state is unknown else []
    said = project.models("migrate", "history", *args, code=1).err
    assert expected in said and "next: " in said
    assert everything(project) == before


@pytest.mark.slow
def test_a_ref_that_is_locked_leaves_all_refs_where_they_were(project: Sandbox) -> None:
    (project / ".git/refs/tags/light.lock").write_text("")
    before = everything(project)
    assert "no ref was moved" in project.models("migrate", "history", code=1).err
    (project / ".git/refs/tags/light.lock").unlink()
    assert everything(project) == before
    project.models("migrate", "history")


@pytest.mark.parametrize(
    ("instant", "back"),
    [
        pytest.param("begin", False, marks=pytest.mark.slow),
        ("move", False),
        ("settle", False),
        ("_listed", False),  # the index is new, the files are not yet
        pytest.param("excludes.rebuild", False, marks=pytest.mark.slow),
        pytest.param("move", True, marks=pytest.mark.slow),
        pytest.param("settle", True, marks=pytest.mark.slow),
        pytest.param("_listed", True, marks=pytest.mark.slow),
        pytest.param("excludes.rebuild", True, marks=pytest.mark.slow),
    ],
)
def test_killed_at_any_instant_it_is_as_before_or_the_next_command_finishes_it(
    project: Sandbox, monkeypatch: pytest.MonkeyPatch, instant: str, back: bool
) -> None:
    if back:
        project.models("migrate", "history")
    before = everything(project)
    where, _, name = instant.rpartition(".")
    target = getattr(moving, where) if where else moving

    def die(*_args: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    words = ["migrate", "undo"] if back else ["migrate", "history"]
    child = os.fork()
    if not child:
        os.chdir(project.root)
        monkeypatch.setattr(target, name, die)
        os._exit(main.main([*words, "-q"]))
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status)
    assert project.read(BEST) == weights(LARGE + 2, 4)
    if instant in ("begin", "move"):
        assert everything(project) == before
    project.models(*words)
    assert project.status() == []
    assert project.read(BEST) == weights(LARGE + 2, 4)
    assert (BEST in project.files_at()) is back
    assert project.git("fsck").code == 0


def killed_after_the_refs(project: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_args: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        os.chdir(project.root)
        monkeypatch.setattr(moving, "settle", die)
        os._exit(main.main(["migrate", "history", "-q"]))
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_git_killed_between_two_refs_is_finished_by_the_next_command(
    project: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after_the_refs(project, monkeypatch)
    new = project.head("side")
    old, _, kept = project.git("for-each-ref", "refs/original/models/*/heads/side").out.split()
    project.git("update-ref", "refs/heads/side", old)
    project.git("update-ref", "-d", kept)
    assert "finished migrate history" in project.models("migrate", "history").err
    assert project.head("side") == new and project.status() == []
    project.models("migrate", "undo")
    assert BEST in project.files_at() and project.status() == []


@pytest.mark.slow
def test_who_goes_on_working_after_a_kill_keeps_that_work(project: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after_the_refs(project, monkeypatch)
    project.write("train.py", "print('more')\n")
    project.commit("More", "train.py")
    project.git("push", "origin", "main")
    project.models("migrate", "history")
    assert project.read("train.py") == b"print('more')\n" and project.read(BEST) == weights(LARGE + 2, 4)
    assert project.entries("HEAD")[BEST]["sha256"] == project.sha256(BEST)


@pytest.mark.slow
def test_killed_anywhere_no_bytes_are_lost_and_the_next_command_converges(project: Sandbox) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    calls = "rename,renameat,renameat2,unlink,unlinkat,link,linkat,fsync"
    step, died = 1, True
    while died:
        back = BEST not in project.files_at()
        words = "undo" if back else "history"
        inject = f"-e trace={calls} -e inject={calls}:signal=KILL:when={step}"
        done = project.run(f"exec strace -f -qq -o .git/trace.out {inject} git models migrate {words}", code=None)
        died = "killed by SIGKILL" in (project / ".git/trace.out").read_text() or done.code < 0
        for lock in (project / ".git").rglob("*.lock"):
            lock.unlink()
        assert project.read(BEST) == weights(LARGE + 2, 4)
        assert project.git("fsck").code == 0
        project.models("migrate", "history", "--dry-run")  # finishes what was begun
        assert project.status() == [], step
        backups = project.git("for-each-ref", "refs/original").lines
        assert bool(backups) is (BEST not in project.files_at()), "backups are there while they are of use"
        step = step + 1 if step < 12 else int(step * 1.3)


@pytest.mark.slow
def test_doctor_knows_of_a_migration_that_was_killed(project: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after_the_refs(project, monkeypatch)
    assert "migrate history was interrupted" in project.models("doctor", code=1).out
    project.models("migrate", "history", "--dry-run")
    assert "interrupted" not in project.models("doctor", code=None).out


@pytest.mark.slow
def test_a_model_that_runs_code_is_named_and_moves_all_the_same(repo: Sandbox) -> None:
    # Loading this pickle calls posix.system("echo"); nothing here loads it.
    repo.write("bad.pt", b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R." + b"\0" * LARGE)
    repo.commit("Past the hooks")
    said = repo.models("migrate", "history").err
    assert "bad.pt is recorded, and no other clone puts it in place unasked: it is built to run code" in said
    assert repo.exists("bad.pt") and "bad.pt" in repo.entries("HEAD")


@pytest.mark.slow
def test_a_full_disk_leaves_all_as_it_was(project: Sandbox, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        (project / ".git/models").symlink_to(small)
        before = everything(project)
        said = project.models("migrate", "history", code=1).err
        assert "full" in said or "room" in said
        assert everything(project) == before and not list(small.glob("tmp/*"))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.slow
def test_a_push_of_everything_does_not_carry_the_old_commits(project: Sandbox) -> None:
    project.models("migrate", "history")
    said = project.git("push", "--mirror", code=1).err
    assert "git models: this push would carry refs/original/models/" in said
    project.git("push", "--all")


@pytest.mark.slow
def test_data_that_is_text_moves_when_github_refuses_it_and_is_recorded_again_when_it_changes(
    repo: Sandbox, place: Path
) -> None:
    repo.git("config", "models.remote", place.as_uri())
    repo.git("config", "models.limit", "2M")
    repo.write("all.csv", "1;2;3;4\n" * 300_000)
    repo.write("small.csv", "1;2;3;4\n" * 200_000)
    repo.commit("Data")
    repo.models("migrate", "history")
    assert list(repo.entries("HEAD")) == ["all.csv"]
    repo.write("all.csv", "4;3;2;1\n" * 300_000)
    repo.models("add", "-u")
    repo.git("commit", "-m", "Other data")
    assert repo.entries("HEAD")["all.csv"]["sha256"] == repo.sha256("all.csv")


# One commit instead of new history


def test_without_rewriting_one_commit_moves_what_is_tracked_and_a_colleague_keeps_the_file(
    repo: Sandbox, clone: Callable[..., Sandbox], place: Path
) -> None:
    repo.git("config", "models.remote", place.as_uri())
    repo.weight(BEST, LARGE, seed=1)
    repo.commit("Weights in git")
    repo.git("push")
    colleague = clone("colleague")
    colleague.models("setup")
    old = repo.head()
    repo.models("migrate", "history", "--no-rewrite")
    assert repo.head("HEAD^") == old
    assert repo.status() == ["?? weights/"], "old commits track the path, so it is not ignored"
    assert repo.files_at() == ["README.md", "models.yaml"]
    assert repo.git("log", "-1", "--format=%s").out == "Keep 1 weight file in models.yaml instead of git\n"
    repo.git("push")
    for file in place.rglob("*.pt"):
        file.unlink()  # git itself still has these bytes
    colleague.git("pull")
    assert colleague.read(BEST) == weights(LARGE, 1)
    repo.models("migrate", "undo")
    assert repo.head() == old and repo.status() == [] and repo.read(BEST) == weights(LARGE, 1)
