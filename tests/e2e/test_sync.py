"""After every git command the models on disk are those of models.yaml, and nobody's bytes are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, begin, holds, objects, retrain, two_versions, until

pytestmark = pytest.mark.slow

Cloner = Callable[..., Sandbox]


@pytest.fixture
def clone(tmp_path: Path) -> Cloner:
    """A plain `git clone` of `origin`, whichever fixture has made it."""
    return Sandbox(tmp_path / "origin.git").clone


@pytest.fixture
def colleague(ready: Sandbox, clone: Cloner) -> Sandbox:
    """Somebody who has cloned and pulled."""
    other = clone("colleague")
    other.models("pull")
    return other


# Checkout, switch, and what is like them


@pytest.mark.parametrize("command", [("checkout", "two"), ("switch", "two"), ("checkout", "--detach", "two")])
def test_switching_brings_the_other_version_and_back(ready: Sandbox, command: tuple[str, ...]) -> None:
    two_versions(ready)
    assert holds(ready, 1)
    ready.git(*command)
    assert holds(ready, 2)
    assert ready.status() == []
    ready.git("switch", "main")
    assert holds(ready, 1)


def test_switching_fetches_what_only_the_remote_has(ready: Sandbox, colleague: Sandbox) -> None:
    two_versions(ready)
    colleague.git("fetch")
    colleague.git("switch", "two")
    assert holds(colleague, 2)


def test_switching_back_and_forth_keeps_one_copy_of_each_version_once_pushed(ready: Sandbox) -> None:
    two_versions(ready)
    for branch, there, away in (("two", 2, 1), ("main", 1, 2)) * 3:
        ready.git("switch", branch)
        assert holds(ready, there)
        assert [f.read_bytes() for f in objects(ready)] == [weights(4096, away)]


def test_a_locally_changed_model_is_kept_and_named(ready: Sandbox) -> None:
    two_versions(ready)
    ready.weight(MODEL, seed=9)
    said = ready.git("switch", "two").err
    assert holds(ready, 9)
    assert MODEL in said and "git models checkout --force" in said


def test_force_replaces_a_changed_model_and_keeps_its_bytes(ready: Sandbox) -> None:
    ready.weight(MODEL, seed=9)
    ready.models("checkout", "--force", MODEL)
    assert holds(ready, 1)
    assert weights(4096, 9) in [f.read_bytes() for f in objects(ready)]


def test_a_model_that_the_other_branch_does_not_name_goes_into_the_store(ready: Sandbox) -> None:
    ready.git("switch", "-c", "extra")
    ready.weight("extra.pt", seed=5)
    ready.commit("One more")
    ready.git("switch", "main")
    assert not ready.exists("extra.pt")
    assert ready.status() == []
    ready.git("switch", "extra")
    assert holds(ready, 5, "extra.pt")


def test_a_changed_model_that_the_other_branch_does_not_name_stays(ready: Sandbox) -> None:
    ready.git("switch", "-c", "extra")
    ready.weight("extra.pt", seed=5)
    ready.commit("One more")
    ready.weight("extra.pt", seed=6)
    said = ready.git("switch", "main").err
    assert holds(ready, 6, "extra.pt")
    assert "extra.pt" in said


def test_a_branch_from_before_the_first_model_has_none(ready: Sandbox) -> None:
    ready.git("checkout", ready.head("HEAD^"))
    assert not ready.exists(MODEL)
    ready.git("checkout", "main")
    assert holds(ready, 1)


def test_bisect_has_the_model_of_each_step(ready: Sandbox) -> None:
    first = ready.head()
    for seed in range(2, 6):
        retrain(ready, seed)
    ready.git("bisect", "start", "HEAD", first)
    assert any(holds(ready, seed) for seed in (2, 3, 4))
    assert ready.models("status", "--json").out.count('"ok"') == 1
    ready.git("bisect", "reset")
    assert holds(ready, 5)


def test_checking_out_one_file_fetches_nothing(ready: Sandbox, clone: Cloner) -> None:
    other = clone("other")
    other.models("setup")
    other.git("config", "models.fetch", "auto")
    other.write("README.md", "changed\n")
    other.git("checkout", "--", "README.md")
    assert not other.exists(MODEL)


def test_checking_out_the_manifest_of_another_branch_brings_its_model(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("checkout", "two", "--", "models.yaml")
    assert holds(ready, 2)


# Merge, pull, rebase and the other ways of moving


def test_pull_brings_what_a_colleague_pushed(ready: Sandbox, colleague: Sandbox) -> None:
    retrain(ready, 2)
    ready.git("push")
    colleague.git("pull")
    assert holds(colleague, 2)


def test_merge_brings_the_merged_model(ready: Sandbox) -> None:
    two_versions(ready)
    ready.write("other.txt", "x")
    ready.commit("Other work")
    ready.git("merge", "two")
    assert holds(ready, 2)


def test_squash_merge_brings_the_merged_model(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("merge", "--squash", "two")
    assert holds(ready, 2)


def twenty(repo: Sandbox) -> None:
    """A branch `topic` of twenty commits, every fourth of which changes the model; main has moved on."""
    repo.git("switch", "-c", "topic")
    for number in range(20):
        repo.write(f"notes/{number}.txt", f"{number}\n")
        if number % 4 == 0:
            repo.weight(MODEL, seed=100 + number)
            repo.models("add", MODEL)
        repo.commit(f"Step {number}")
    repo.git("switch", "main")
    repo.write("main.txt", "more\n")
    repo.commit("Main goes on")
    repo.git("switch", "topic")


def test_a_rebase_of_twenty_commits_syncs_once(ready: Sandbox) -> None:
    twenty(ready)
    before = ready.exists(MODEL)
    ready.git("rebase", "main", env={"GIT_TRACE": str(ready.root / ".git/trace")})
    trace = (ready / ".git/trace").read_text()
    assert before and holds(ready, 116)
    assert trace.count("rev-parse --absolute-git-dir") <= 1
    assert ready.status() == []


def test_a_fast_forward_rebase_ends_with_the_right_model(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("rebase", "two")
    ready.git("status")
    assert holds(ready, 2)


def test_a_rebase_whose_commits_are_all_upstream_ends_with_the_right_model(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("cherry-pick", "two")
    ready.write("a.txt", "a")
    ready.commit("A")
    ready.git("switch", "two")
    ready.git("rebase", "main")
    ready.git("status")
    assert holds(ready, 2)
    assert ready.models("status", "--json").out.count('"ok"') == 1


def test_a_rebase_with_autostash_ends_with_the_right_model(ready: Sandbox) -> None:
    twenty(ready)
    ready.write("main.txt", "")
    ready.git("add", "main.txt")
    ready.write("README.md", "edited\n")
    ready.git("reset", "-q", "main.txt")
    (ready / "main.txt").unlink()
    ready.git("rebase", "--autostash", "main")
    assert holds(ready, 116)
    assert ready.read("README.md") == b"edited\n"


def test_a_rebase_that_stops_for_an_edit_ends_with_the_right_model(ready: Sandbox) -> None:
    twenty(ready)
    editor = ready.write(".git/edit", "#!/bin/sh\nsed -i '2s/^pick/edit/' \"$1\"\n")
    editor.chmod(0o755)
    ready.git("rebase", "-i", "main", env={"GIT_SEQUENCE_EDITOR": str(editor)})
    ready.git("rebase", "--continue")
    assert holds(ready, 116)
    assert ready.status() == []


def test_a_rebase_with_exec_ends_with_the_right_model(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("switch", "two")
    ready.write("notes.txt", "more\n")
    ready.commit("Notes")
    ready.git("switch", "-c", "three", "main")
    ready.write("code.py", "code\n")
    ready.commit("Code")
    ready.git("rebase", "--exec", "true", "--exec", "git status", "two")
    assert holds(ready, 2)
    assert ready.status() == []


def test_an_aborted_rebase_ends_with_the_right_model(ready: Sandbox) -> None:
    twenty(ready)
    ready.git("switch", "main")
    ready.write("notes/3.txt", "clash\n")
    ready.commit("Clash")
    ready.git("switch", "topic")
    ready.git("rebase", "main", code=1)
    ready.git("rebase", "--abort")
    assert holds(ready, 116)


def test_reset_hard_goes_back_to_the_earlier_model(ready: Sandbox) -> None:
    ready.models("fetch")  # after a push only the remote has version 1, and these commands ask no network
    retrain(ready, 2)
    ready.git("reset", "--hard", "HEAD^")
    assert holds(ready, 1)
    ready.git("reset", "--hard", "HEAD@{1}")
    assert holds(ready, 2)


def test_stash_takes_the_new_version_away_and_pop_brings_it_back(ready: Sandbox) -> None:
    ready.models("fetch")  # after a push only the remote has version 1, and these commands ask no network
    ready.weight(MODEL, seed=2)
    ready.models("add", MODEL)
    ready.git("stash")
    assert holds(ready, 1)
    ready.git("stash", "pop")
    assert holds(ready, 2)


def test_cherry_pick_and_revert_bring_their_models(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("cherry-pick", "two")
    assert holds(ready, 2)
    ready.git("revert", "--no-edit", "HEAD")
    assert holds(ready, 1)


def test_am_brings_the_model_of_the_patch(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("format-patch", "-1", "two", "-o", str(ready.root.parent / "patches"))
    (patch,) = (ready.root.parent / "patches").iterdir()
    ready.git("am", str(patch))
    ready.git("status")
    assert holds(ready, 2)


# Work trees and clones of all kinds


def test_a_linked_worktree_gets_its_own_models(ready: Sandbox) -> None:
    two_versions(ready)
    ready.git("worktree", "add", "../second", "two")
    second = Sandbox(ready.root.parent / "second")
    assert holds(second, 2)
    assert holds(ready, 1)
    assert second.status() == [] and ready.status() == []
    second.git("switch", "-c", "three")
    retrain(second, 3)
    assert second.status() == [] and ready.status() == []
    assert holds(ready, 1)


def test_two_worktrees_with_the_same_version_both_have_it(ready: Sandbox) -> None:
    ready.git("worktree", "add", "-b", "same", "../second")
    second = Sandbox(ready.root.parent / "second")
    assert holds(second, 1) and holds(ready, 1)


@pytest.mark.parametrize("option", ["--no-checkout", "--depth=1", "--single-branch", "--bare-not"])
def test_any_kind_of_clone_can_pull(ready: Sandbox, clone: Cloner, option: str) -> None:
    options = [] if option == "--bare-not" else [option]
    other = clone("other", *options)
    if option == "--no-checkout":
        other.models("pull")
        other.git("checkout", "main")
    other.models("pull")
    assert holds(other, 1)
    assert other.status() == []


def test_a_detached_shallow_checkout_pulls_from_the_manifest_alone(ready: Sandbox, clone: Cloner) -> None:
    retrain(ready, 2)
    ready.git("push")
    other = clone("ci", "--depth=1")
    other.git("checkout", "--detach")
    other.models("pull")
    assert holds(other, 2)


def test_clean_is_refilled_from_the_store(ready: Sandbox) -> None:
    retrain(ready, 2)
    ready.git("clean", "-fdx")
    assert not ready.exists(MODEL)
    ready.git("checkout", "HEAD")
    assert holds(ready, 2)


def test_clean_is_refilled_by_one_download_of_what_only_the_remote_has(ready: Sandbox, clone: Cloner) -> None:
    other = clone("other")
    other.models("pull")
    other.git("clean", "-fdx")
    assert not other.exists(MODEL)
    other.models("pull")
    assert holds(other, 1)
    assert other.status() == []


def test_models_outside_a_sparse_checkout_are_not_fetched(ready: Sandbox, clone: Cloner) -> None:
    ready.weight("big/other.pt", seed=7)
    ready.write("big/code.py", "")
    ready.write("weights/code.py", "")
    ready.commit("Two folders")
    ready.git("push")
    other = clone("sparse", "--sparse")
    other.git("sparse-checkout", "set", "weights")
    other.models("pull")
    assert holds(other, 1)
    assert not other.exists("big/other.pt")
    other.git("sparse-checkout", "add", "big")
    other.models("pull")
    assert holds(other, 7, "big/other.pt")


def test_leaving_the_cone_takes_an_unchanged_model_away_only_by_command(ready: Sandbox) -> None:
    ready.write("src/code.py", "")
    ready.commit("Code")
    ready.git("sparse-checkout", "set", "src")
    ready.git("status")
    assert holds(ready, 1) or not ready.exists(MODEL)
    ready.git("sparse-checkout", "disable")
    ready.models("pull")
    assert holds(ready, 1)


# Paths that git itself tracked in older commits


@pytest.fixture
def moved(repo: Sandbox, place: Path) -> Sandbox:
    """A repository whose first commits track the weight in git; the tip has it in models.yaml."""
    repo.weight(MODEL, 1_200_000, seed=1)
    repo.commit("Tracked by git")
    repo.git("push")
    repo.models("setup", "--remote", place.as_uri())
    repo.models("add", MODEL)
    repo.git("commit", "-m", "Moved out")
    repo.git("push")
    return repo


def test_crossing_the_move_backwards_and_forwards_ends_with_the_right_file(moved: Sandbox) -> None:
    assert holds(moved, 1, size=1_200_000)
    moved.git("checkout", "HEAD^", code=None)
    assert holds(moved, 1, size=1_200_000)
    moved.git("checkout", "main")
    assert holds(moved, 1, size=1_200_000)
    assert not [line for line in moved.status() if not line.startswith("??")]


def test_a_retrained_file_survives_because_git_refuses_to_cross(moved: Sandbox) -> None:
    moved.weight(MODEL, 1_200_000, seed=3)
    said = moved.git("checkout", "HEAD^", code=1).err
    assert "would be overwritten" in said
    assert holds(moved, 3, size=1_200_000)


def test_a_colleague_crosses_the_move_too(moved: Sandbox, clone: Cloner) -> None:
    other = clone("colleague")
    other.models("pull")
    assert holds(other, 1, size=1_200_000)
    other.git("checkout", "HEAD^", code=None)
    assert holds(other, 1, size=1_200_000)
    other.git("checkout", "main")
    assert holds(other, 1, size=1_200_000)


def test_a_colleague_who_pulls_the_move_keeps_the_file_without_the_network(
    repo: Sandbox, place: Path, clone: Cloner
) -> None:
    repo.weight(MODEL, 1_200_000, seed=1)
    repo.commit("Tracked by git")
    repo.git("push")
    other = clone("colleague")
    other.models("setup", code=None)
    repo.models("setup", "--remote", place.as_uri())
    repo.models("add", MODEL)
    repo.git("commit", "-m", "Moved out")
    repo.git("push")
    place.rename(place.with_name("away"))
    other.git("pull")
    assert holds(other, 1, size=1_200_000)


# A broken manifest


def conflicted(repo: Sandbox) -> Sandbox:
    """A merge of two versions of the same model that stops."""
    two_versions(repo)
    retrain(repo, 3)
    repo.git("merge", "two", code=1)
    return repo


def test_a_conflict_in_the_manifest_is_named_and_nothing_is_written(ready: Sandbox) -> None:
    conflicted(ready)
    text = ready.read("models.yaml")
    before = sorted(objects(ready))
    for command in (["status"], ["add", MODEL], ["push"], ["pull"], ["checkout"], ["fetch"]):
        said = ready.models(*command, code=1).err
        assert "models.yaml" in said and "conflict" in said and "line" in said
    assert ready.read("models.yaml") == text
    assert holds(ready, 3)
    assert sorted(objects(ready)) == before


def test_hooks_are_silent_while_the_manifest_is_unmerged(ready: Sandbox) -> None:
    conflicted(ready)
    ready.write("a.txt", "a")
    assert ready.git("add", "a.txt").err == ""
    assert ready.git("checkout", "--", "README.md").err == ""


# The store gives its copy up


def test_after_a_push_the_store_holds_no_second_copy(repo: Sandbox, place: Path) -> None:
    begin(repo, place)
    assert until(lambda: not list(objects(repo)))
    assert holds(repo, 1)
    repo.git("switch", "-c", "away", "HEAD^")
    assert not repo.exists(MODEL)
    repo.git("switch", "main")
    assert holds(repo, 1)


def test_before_a_push_the_store_holds_the_recorded_bytes(ready: Sandbox) -> None:
    retrain(ready, 2)
    ready.models("push")
    assert weights(4096, 2) in [f.read_bytes() for f in objects(ready)]


def test_more_models_than_a_process_may_have_open_files(ready: Sandbox) -> None:
    for number in range(280):
        ready.write(f"many/m{number}.pt", weights(100, number))
    ready.git("config", "models.confirm", "1000")
    few = "ulimit -n 256 && "
    ready.run(f"{few}git models add many && git commit -qm Many && git push -q origin HEAD")
    ready.run("rm -r many")
    ready.run(f"{few}git models pull")
    assert [ready.read(f"many/m{n}.pt") == weights(100, n) for n in range(280)] == [True] * 280
