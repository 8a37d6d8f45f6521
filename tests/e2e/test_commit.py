"""Whatever form `git commit` takes, weights leave it on their way into the manifest and the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.commits import recorded
from tests.helpers.sandbox import Sandbox, weights

PATH = "weights/best.pt"
# A branch still holds the file, so it gets no exclude line: git would overwrite it silently.
SEEN = ["?? weights/"]
ONE, TWO = weights(4096, 1), weights(5000, 2)


@pytest.fixture
def second(work: Sandbox) -> Sandbox:
    """Version 1 is recorded and committed; version 2 lies on disk."""
    work.write(PATH, ONE)
    work.commit("Version 1")
    work.write(PATH, TWO)
    return work


# The forms


def test_a_plain_commit_records_the_weight_and_leaves_it_on_disk(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    said = work.git("commit", "-m", "Train").err
    recorded(work, {PATH: ONE})
    assert f"recorded in models.yaml, not in git: {PATH}" in said


def test_a_commit_of_a_weight_and_code_holds_the_code(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.write("train.py", "print('more')\n")
    work.commit("Train")
    recorded(work, {PATH: ONE})
    assert work.git("show", "HEAD:train.py").out == "print('more')\n"


def test_other_staged_work_and_unstaged_edits_stay_as_they_were(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.write("train.py", "staged\n")
    work.git("add", "-A")
    work.write("train.py", "edited later\n")
    work.write("notes.txt", "untracked\n")
    work.git("commit", "-m", "Train")
    recorded(work, {PATH: ONE}, status=[" M train.py", "?? notes.txt"])
    assert work.git("show", "HEAD:train.py").out == "staged\n"
    assert work.read("train.py") == b"edited later\n"


@pytest.mark.parametrize("form", [("-a", "-m", "Train"), ("-am", "Train"), ("--all", "--message=Train")])
def test_commit_all_takes_the_weight_out_of_the_lock_file_index(work: Sandbox, form: tuple[str, ...]) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.write("train.py", "print('more')\n")
    work.git("commit", *form)
    recorded(work, {PATH: ONE})
    assert work.git("show", "HEAD:train.py").out == "print('more')\n"


@pytest.mark.parametrize("form", [("--", PATH), ("--only", PATH), (PATH,)])
def test_committing_one_path_leaves_other_staged_files_staged(work: Sandbox, form: tuple[str, ...]) -> None:
    work.write(PATH, ONE)
    work.write("train.py", "staged\n")
    work.git("add", "-A")
    work.git("commit", "-m", "Train", *form)
    recorded(work, {PATH: ONE}, status=["M  train.py"])
    assert work.git("show", "HEAD:train.py").out == "print('training')\n"


def test_committing_another_path_leaves_the_staged_weight_staged(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.write("train.py", "print('more')\n")
    work.git("commit", "-m", "Code", "--", "train.py")
    assert work.status() == [f"A  {PATH}"]
    work.git("commit", "-m", "Train")
    recorded(work, {PATH: ONE})


def test_include_adds_a_path_to_what_is_staged(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.write("train.py", "print('more')\n")
    work.git("commit", "-m", "Train", "--include", "train.py")
    recorded(work, {PATH: ONE})
    assert work.git("show", "HEAD:train.py").out == "print('more')\n"


def test_commit_patch_takes_the_chosen_hunks_and_no_weight(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.write("train.py", "print('more')\n")
    work.git("commit", "-p", "-m", "Train", input="y\n")
    recorded(work, {PATH: ONE})
    assert work.git("show", "HEAD:train.py").out == "print('more')\n"


@pytest.mark.parametrize("other", ["weights/zzz.pt", "a.pt"], ids=["behind it", "before it"])
def test_a_weight_beside_a_manifest_that_we_staged_is_seen(work: Sandbox, other: str) -> None:
    work.write(PATH, ONE)
    work.models("add", PATH)
    work.write(other, TWO)
    work.commit("Both")
    recorded(work, {PATH: ONE, other: TWO})


def test_a_manifest_that_somebody_changed_after_us_is_read(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.models("add", PATH)
    work.write("models.yaml", work.read("models.yaml") + b"  - broken\n")
    work.git("add", "models.yaml")
    assert "models.yaml line" in work.git("commit", "-m", "Broken", code=1).err


def test_what_an_aborted_commit_left_is_settled_by_the_next_one_whatever_it_carries(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.run("printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/commit-msg && chmod +x .git/hooks/commit-msg")
    work.git("commit", "-m", "Aborted", code=1)
    assert (work / ".git/models/pending").exists()
    (work / ".git/hooks/commit-msg").unlink()
    work.git("commit", "-m", "Again")
    assert not (work / ".git/models/pending").exists()
    recorded(work, {PATH: ONE})


def test_a_changed_model_is_mentioned_though_another_one_is_missing(work: Sandbox) -> None:
    for path, content in ((PATH, ONE), ("other.pt", TWO)):
        work.write(path, content)
    work.commit("Two")
    work.models("status")
    (work / "other.pt").unlink()
    work.write(PATH, TWO)
    said = work.git("commit", "--allow-empty", "-m", "Code").err
    assert f"{PATH} changed and is not in this commit" in said
    assert "other.pt changed" not in said


def test_amend_adds_a_weight_to_the_commit_before(work: Sandbox) -> None:
    before = work.head("HEAD^")
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.git("commit", "--amend", "--no-edit")
    recorded(work, {PATH: ONE})
    assert work.head("HEAD^") == before


@pytest.mark.parametrize("form", ["--amend", "--ame"])
def test_amend_takes_out_a_weight_that_the_amended_commit_holds(work: Sandbox, form: str) -> None:
    work.write(PATH, ONE)
    work.commit("Bypassed", env={"GIT_MODELS_SKIP": "1"})
    assert PATH in work.files_at()
    work.git("commit", form, "--no-edit")
    recorded(work, {PATH: ONE})


def test_a_root_commit_can_record_a_weight(tmp_path_factory: pytest.TempPathFactory, place: Path) -> None:
    fresh = Sandbox(tmp_path_factory.mktemp("fresh"))
    fresh.git("init")
    fresh.models("setup", "--remote", place.as_uri())
    fresh.write(PATH, ONE)
    fresh.commit("Everything")
    recorded(fresh, {PATH: ONE})
    fresh.git("commit", "--amend", "-m", "The root again")
    recorded(fresh, {PATH: ONE})


def test_amending_a_root_commit_that_holds_a_weight_takes_it_out(
    tmp_path_factory: pytest.TempPathFactory, place: Path
) -> None:
    fresh = Sandbox(tmp_path_factory.mktemp("fresh"))
    fresh.git("init")
    fresh.models("setup", "--remote", place.as_uri())
    fresh.write(PATH, ONE)
    fresh.commit("Bypassed", env={"GIT_MODELS_SKIP": "1"})
    fresh.git("commit", "--amend", "--no-edit")
    recorded(fresh, {PATH: ONE})


def test_a_linked_worktree_records_into_the_shared_store(work: Sandbox) -> None:
    work.git("worktree", "add", "-b", "side", "../side")
    side = Sandbox(work.root.parent / "side")
    side.write(PATH, ONE)
    side.commit("Train")
    recorded(side, {PATH: ONE}, store=work / ".git/models/objects")
    assert work.status() == []
    assert not work.exists(PATH)
    side.write(PATH, TWO)
    side.git("add", "-f", PATH)
    side.git("commit", "-m", "Version 2", "--", PATH)
    recorded(side, {PATH: TWO}, store=work / ".git/models/objects")


def test_a_submodule_records_into_its_own_manifest(work: Sandbox, place: Path) -> None:
    work.git("submodule", "add", work.clone("library").root.as_uri(), "library")
    work.git("commit", "-m", "Add the library")
    inner = Sandbox(work / "library")
    inner.models("setup", "--remote", place.as_uri())
    inner.write(PATH, ONE)
    inner.commit("Train")
    recorded(inner, {PATH: ONE}, store=work / ".git/modules/library/models/objects")
    assert work.status() == [" M library"]
    work.git("commit", "-am", "Move the library on")
    assert work.entries() == {}


def test_an_index_of_the_users_own_is_the_one_that_is_changed(work: Sandbox) -> None:
    own = {"GIT_INDEX_FILE": str(work / ".git/own-index")}
    work.write(PATH, ONE)
    work.git("read-tree", "HEAD", env=own)
    work.git("add", PATH, env=own)
    work.git("commit", "-m", "Train", env=own)
    assert PATH not in work.files_at()
    assert list(work.entries("HEAD")) == [PATH]
    assert work.git("status", "--porcelain", env=own).lines == []
    # The usual index was not touched: it still is what the commit before was.
    assert work.git("diff", "--cached", "--name-only", "HEAD^").lines == []
    work.git("reset")
    recorded(work, {PATH: ONE})


def test_a_relative_index_of_the_users_own_works_from_a_subfolder(work: Sandbox) -> None:
    own = {"GIT_INDEX_FILE": ".git/own-index"}
    work.write(PATH, ONE)
    work.git("read-tree", "HEAD", env=own)
    work.git("add", "best.pt", env=own, cwd="weights")
    work.git("commit", "-m", "Train", env=own, cwd="weights")
    work.git("reset")
    recorded(work, {PATH: ONE})


# In the middle of something


def _branch_with(work: Sandbox, path: str, content: bytes, *, skip: bool = False) -> None:
    work.git("switch", "-c", "side")
    work.write(path, content)
    work.write("side.txt", "side\n")
    work.commit("On the side", env={"GIT_MODELS_SKIP": "1" if skip else ""})
    work.git("switch", "main")


def _diverge(work: Sandbox) -> None:
    """Commits on `side` and `main` that change the same line."""
    work.git("switch", "-c", "side")
    work.write("train.py", "side\n")
    work.commit("Side")
    work.git("switch", "main")
    work.write("train.py", "main\n")
    work.commit("Main")


def test_a_weight_staged_during_a_conflicted_merge_is_recorded(work: Sandbox) -> None:
    _diverge(work)
    work.git("merge", "side", code=1)
    work.write("train.py", "both\n")
    work.write(PATH, ONE)
    work.git("add", "-A")
    work.git("commit", "--no-edit")
    recorded(work, {PATH: ONE})
    assert len(work.git("rev-list", "--parents", "-1", "HEAD").out.split()) == 3


def test_a_merge_that_brings_a_weight_stops_and_a_plain_commit_finishes_it(work: Sandbox) -> None:
    _branch_with(work, PATH, ONE, skip=True)
    work.write("other.txt", "main\n")
    work.commit("Main")
    said = work.git("merge", "--no-edit", "side", code=1).err
    assert f"this merge would commit {PATH}" in said
    assert "next: git commit" in said
    work.git("commit", "--no-edit")
    recorded(work, {PATH: ONE}, status=SEEN)
    assert len(work.git("rev-list", "--parents", "-1", "HEAD").out.split()) == 3


def test_a_squashed_merge_that_brings_a_weight_is_recorded(work: Sandbox) -> None:
    _branch_with(work, PATH, ONE, skip=True)
    work.git("merge", "--squash", "side")
    work.git("commit", "-m", "Squashed")
    recorded(work, {PATH: ONE}, status=SEEN)
    assert "side.txt" in work.files_at()


@pytest.mark.parametrize("verb", ["cherry-pick", "revert"])
def test_a_picked_weight_is_recorded_when_the_user_commits(work: Sandbox, verb: str) -> None:
    if verb == "cherry-pick":
        _branch_with(work, PATH, ONE, skip=True)
        work.git("cherry-pick", "--no-commit", "side")
    else:
        _branch_with(work, PATH, ONE, skip=True)
        work.git("merge", "side", env={"GIT_MODELS_SKIP": "1"})
        work.git("rm", "-q", PATH)
        work.commit("Take it out")
        work.git("revert", "--no-commit", "HEAD")
    work.git("commit", "-m", "Picked")
    recorded(work, {PATH: ONE}, status=SEEN)


def test_cherry_pick_continue_after_a_conflict_records_the_weight(work: Sandbox) -> None:
    work.git("switch", "-c", "side")
    work.write(PATH, ONE)
    work.write("train.py", "side\n")
    work.commit("Side", env={"GIT_MODELS_SKIP": "1"})
    work.git("switch", "main")
    work.write("train.py", "main\n")
    work.commit("Main")
    work.git("cherry-pick", "side", code=1)
    work.write("train.py", "both\n")
    work.git("add", "train.py")
    work.git("cherry-pick", "--continue")
    recorded(work, {PATH: ONE}, status=SEEN)


def test_a_weight_committed_at_an_edit_stop_of_a_rebase_is_recorded(work: Sandbox) -> None:
    for number in range(3):
        work.write(f"{number}.txt", "x\n")
        work.commit(f"Number {number}")
    editor = "sed -i '1s/^pick/edit/'"
    work.git("rebase", "-i", "HEAD~2", env={"GIT_SEQUENCE_EDITOR": editor})
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.git("commit", "--amend", "--no-edit")
    work.git("rebase", "--continue")
    recorded(work, {PATH: ONE})
    assert list(work.entries("HEAD^")) == [PATH]


# The second version


def test_a_second_version_staged_by_force_is_recorded(second: Sandbox) -> None:
    second.git("add", "-f", PATH)
    second.git("commit", "-m", "Version 2")
    recorded(second, {PATH: TWO})


@pytest.mark.parametrize("form", ["-a", "--all"])
def test_commit_all_records_a_changed_model_beside_other_changes(second: Sandbox, form: str) -> None:
    second.write("train.py", "print('more')\n")
    second.git("commit", form, "-m", "Version 2")
    recorded(second, {PATH: TWO})


def test_commit_all_of_a_changed_model_alone_asks_for_the_same_command_again(second: Sandbox) -> None:
    said = second.git("commit", "-am", "Version 2", code=1)
    assert "recorded in models.yaml; git had already decided that there was nothing to commit" in said.err
    assert "the same git commit again" in said.err
    second.git("commit", "-am", "Version 2")
    recorded(second, {PATH: TWO})


def test_a_second_version_committed_by_path_is_recorded(second: Sandbox) -> None:
    second.write("train.py", "staged\n")
    second.git("add", "train.py")
    second.git("add", "-f", PATH)
    second.git("commit", "-m", "Version 2", "--", PATH)
    recorded(second, {PATH: TWO}, status=["M  train.py"])


def test_a_second_version_included_is_recorded(second: Sandbox) -> None:
    second.git("add", "-f", PATH)
    second.write("train.py", "more\n")
    second.git("commit", "-m", "Version 2", "--include", "train.py")
    recorded(second, {PATH: TWO})


@pytest.mark.parametrize("stage", [("add", "-f", PATH), ("models", "add", PATH), ("models", "add", "-u")])
def test_a_second_version_replaces_the_first_in_an_amended_commit(second: Sandbox, stage: tuple[str, ...]) -> None:
    before = second.head("HEAD^")
    second.git(*stage)
    second.git("commit", "--amend", "--no-edit")
    recorded(second, {PATH: TWO})
    assert second.head("HEAD^") == before


def test_amend_all_records_a_changed_model(second: Sandbox) -> None:
    second.git("commit", "-a", "--amend", "--no-edit")
    recorded(second, {PATH: TWO})


@pytest.mark.parametrize("verb", ["merge", "squash", "cherry-pick", "revert", "rebase"])
def test_a_second_version_staged_in_the_middle_of_something_is_recorded(second: Sandbox, verb: str) -> None:
    (second / PATH).write_bytes(ONE)
    second.write("train.py", "first\n")
    second.commit("First")
    second.git("switch", "-c", "side")
    second.write("train.py", "side\n")
    second.commit("Side")
    second.git("switch", "main")
    second.write("train.py", "main\n")
    second.commit("Main")
    start = {
        "merge": ("merge", "side"),
        "squash": ("merge", "--squash", "side"),
        "cherry-pick": ("cherry-pick", "side"),
        "revert": ("revert", "HEAD^"),
        "rebase": ("rebase", "side"),
    }[verb]
    assert "CONFLICT" in second.git(*start, code=None).out
    second.write("train.py", "both\n")
    second.write(PATH, TWO)
    second.git("add", "train.py")
    second.git("add", "-f", PATH)
    second.git("commit", "--no-edit")
    if verb == "rebase":
        second.git("rebase", "--continue")
    recorded(second, {PATH: TWO})
    assert second.read("train.py") == b"both\n"


def test_a_weight_that_rebase_continue_commits_past_the_hooks_is_named_with_the_way_out(work: Sandbox) -> None:
    _diverge(work)
    work.git("rebase", "side", code=1)
    work.write("train.py", "both\n")
    work.write(PATH, ONE)
    work.git("add", "-A")
    work.git("rebase", "--continue")
    said = work.models("status").out
    assert f"past the hooks         {PATH}" in said and "git models migrate history" in said
    work.git("commit", "--amend", "--no-edit")
    recorded(work, {PATH: ONE})


def test_a_second_version_in_a_linked_worktree_is_recorded(second: Sandbox, tmp_path: Path) -> None:
    second.git("worktree", "add", "-b", "side", str(tmp_path / "linked"))
    linked = Sandbox(tmp_path / "linked")
    assert linked.read(PATH) == ONE
    linked.write(PATH, TWO)
    linked.git("add", "-f", PATH)
    linked.git("commit", "-m", "Version 2")
    recorded(linked, {PATH: TWO}, store=second / ".git/models/objects")


def test_a_second_version_in_a_users_own_index_is_recorded(second: Sandbox) -> None:
    own = {"GIT_INDEX_FILE": str(second / ".git/own-index")}
    second.git("read-tree", "HEAD", env=own)
    second.git("add", "-f", PATH, env=own)
    second.git("commit", "-m", "Version 2", env=own)
    second.git("reset")
    recorded(second, {PATH: TWO})


def test_a_changed_model_that_is_not_in_the_commit_is_mentioned_in_one_line(second: Sandbox) -> None:
    second.write("train.py", "print('more')\n")
    second.git("add", "train.py")
    said = second.git("commit", "-m", "Code only").err
    assert said.splitlines() == [f"{PATH} changed and is not in this commit: git models add -u"]
    recorded(second, {PATH: ONE}, on_disk={PATH: TWO})


# The manifest that people edit


def test_unstaged_edits_of_the_manifest_stay_unstaged(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    edited = work.read("models.yaml").decode() + "# a note of mine\n"
    work.write("models.yaml", edited)
    work.write("other.pt", TWO)
    work.git("add", "other.pt")
    work.git("commit", "-m", "Another")
    recorded(work, {PATH: ONE, "other.pt": TWO}, status=[" M models.yaml"])
    assert "a note of mine" not in work.git("show", "HEAD:models.yaml").out
    assert "a note of mine" in work.read("models.yaml").decode()
    diff = work.git("diff", "--unified=0", "models.yaml").lines
    assert [x for x in diff if x[:1] in "+-" and x[:3] not in ("+++", "---")] == ["+# a note of mine"]


def test_an_unstaged_edit_of_an_entry_stays_unstaged_when_its_model_gets_a_new_version(second: Sandbox) -> None:
    text = second.read("models.yaml").decode()
    second.write("models.yaml", text.replace("    size:", '    description: "mine"\n    size:'))
    second.git("add", "-f", PATH)
    second.git("commit", "-m", "Version 2")
    mine, committed = second.entries()[PATH], second.entries("HEAD")[PATH]
    assert committed["sha256"] == second.sha256(PATH)
    assert "description" not in committed
    assert mine == {**committed, "description": "mine"}
    assert second.status() == [" M models.yaml"]


def test_staged_edits_of_the_manifest_are_committed_with_the_new_entry(work: Sandbox) -> None:
    work.write("models.yaml", "version: 1\nmodels: {}\n# for everyone\n")
    work.write(PATH, ONE)
    work.commit("Version 1")
    recorded(work, {PATH: ONE})
    assert "# for everyone" in work.git("show", "HEAD:models.yaml").out


def test_a_broken_manifest_stops_the_commit_with_its_line(work: Sandbox) -> None:
    before = work.head()
    work.write("models.yaml", "version: 1\nmodels: [\n")
    work.write(PATH, ONE)
    work.git("add", "-A")
    said = work.git("commit", "-m", "Broken", code=1).err
    assert "models.yaml" in said
    assert "line" in said
    assert work.head() == before
    assert work.git("diff", "--cached", "--name-only").lines == ["models.yaml", PATH]


# Nothing left to commit


def test_the_same_bytes_again_make_no_empty_commit(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    before = work.head()
    work.git("add", "-f", PATH)
    said = work.git("commit", "-m", "Again", code=1).err
    assert f"nothing to commit: {PATH} is recorded in models.yaml with these very bytes" in said
    assert work.head() == before
    recorded(work, {PATH: ONE})


@pytest.mark.parametrize("form", [("-a",), ("--", PATH)])
def test_the_same_bytes_again_say_how_to_unstage_them(work: Sandbox, form: tuple[str, ...]) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    before = work.head()
    work.git("add", "-f", PATH)
    said = work.git("commit", "-m", "Again", *form, code=1).err
    assert "nothing to commit" in said
    assert work.head() == before
    assert f"next: git models add {PATH}" in said
    work.models("add", PATH)
    recorded(work, {PATH: ONE})


def test_the_same_bytes_again_beside_other_changes_are_no_obstacle(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    work.git("add", "-f", PATH)
    work.write("train.py", "more\n")
    work.git("commit", "-am", "Code")
    recorded(work, {PATH: ONE})


def test_an_empty_commit_that_was_asked_for_is_made(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Version 1")
    work.git("add", "-f", PATH)
    work.git("commit", "--allow-empty", "-m", "Again")
    recorded(work, {PATH: ONE})


# Aborted commits


@pytest.mark.parametrize("form", [(), ("-a",), ("--", PATH)], ids=["plain", "all", "path"])
@pytest.mark.parametrize("reason", ["empty message", "later hook"])
def test_an_aborted_commit_loses_nothing_and_the_next_one_is_right(
    work: Sandbox, form: tuple[str, ...], reason: str
) -> None:
    before = work.head()
    work.write(PATH, ONE)
    work.git("add", PATH)
    if reason == "empty message":
        work.git("commit", *form, code=1)
    else:
        hook = work.write(".git/hooks/commit-msg", "#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        work.git("commit", "-m", "Train", *form, code=1)
        hook.unlink()
    assert work.head() == before
    assert work.read(PATH) == ONE
    assert list(work.entries()) == [PATH]
    work.git("commit", "-m", "Train", *form)
    recorded(work, {PATH: ONE})


def test_reset_hard_after_an_aborted_commit_takes_the_file_as_git_would_and_the_store_keeps_the_bytes(
    work: Sandbox,
) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.git("commit", code=1)
    oid = work.sha256(PATH)
    work.git("reset", "--hard")
    assert work.status() == []
    assert work.entries() == {}
    assert not work.exists(PATH)
    assert work.read(f".git/models/objects/{oid[:2]}/{oid[2:]}") == ONE
    assert PATH not in (work / ".git/info/exclude").read_text()


# Staged differs from disk


@pytest.mark.parametrize("form", [(), ("-a",), ("--", PATH)], ids=["plain", "all", "path"])
def test_a_file_retrained_after_git_add(work: Sandbox, form: tuple[str, ...]) -> None:
    """A plain commit takes what was staged, and reports the newer file; -a and a path take the file as it is."""
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.write(PATH, TWO)
    said = work.git("commit", "-m", "Train", *form).err
    if form:
        recorded(work, {PATH: TWO})
        return
    assert f"{PATH} on disk is newer than what was staged; the staged bytes are recorded" in said
    recorded(work, {PATH: ONE}, on_disk={PATH: TWO})
    assert f"modified, not pushed   {PATH}" in work.models("status").out
    work.models("add", "-u")
    work.git("commit", "-m", "Version 2")
    recorded(work, {PATH: TWO})


def test_a_file_deleted_after_git_add_is_recorded_all_the_same(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    (work / PATH).unlink()
    work.git("commit", "-m", "Train")
    assert list(work.entries("HEAD")) == [PATH]
    work.models("checkout")
    recorded(work, {PATH: ONE})


def test_a_file_that_was_only_touched_after_git_add_counts_as_staged(work: Sandbox) -> None:
    file = work.write(PATH, ONE)
    work.git("add", PATH)
    file.touch()
    assert "newer" not in work.git("commit", "-m", "Train").err
    recorded(work, {PATH: ONE})


# Settings


def test_the_hooks_do_nothing_when_they_are_told_to_skip(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Bypassed", env={"GIT_MODELS_SKIP": "1"})
    assert PATH in work.files_at()
    assert work.entries() == {}


def test_a_glob_from_git_config_makes_a_weight(work: Sandbox) -> None:
    work.git("config", "--add", "models.track", "*.weird")
    work.git("config", "--add", "models.track", "blobs/*.bin")
    work.write("deep/down/a.WEIRD", ONE)
    work.write("blobs/b.bin", TWO)
    work.write("other/c.bin", weights(100, 3))
    work.commit("Train")
    recorded(work, {"deep/down/a.WEIRD": ONE, "blobs/b.bin": TWO})
    assert "other/c.bin" in work.files_at()


def test_a_glob_from_the_manifest_makes_a_weight(work: Sandbox) -> None:
    work.models("setup", "--track", "*.weird")
    work.write("a.weird", ONE)
    work.commit("Train")
    recorded(work, {"a.weird": ONE})


def test_an_exception_from_git_config_leaves_a_weight_to_git(work: Sandbox) -> None:
    work.git("config", "--add", "models.track", "!tests/**")
    work.write("tests/tiny.pt", ONE)
    work.write(PATH, TWO)
    work.commit("Train")
    recorded(work, {PATH: TWO})
    assert "tests/tiny.pt" in work.files_at()
