"""The real `pre-commit` from PyPI, with our hooks as a repository configures them."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.helpers import ROOT
from tests.helpers.commits import recorded
from tests.helpers.sandbox import Sandbox, weights

pytestmark = pytest.mark.slow

PATH = "weights/best.pt"
ONE, TWO = weights(4096, 1), weights(5000, 2)
PRE_COMMIT = (sys.executable, "-m", "pre_commit")
TYPES = ["pre-commit", "pre-merge-commit", "pre-push", "post-commit", "post-checkout", "post-merge", "post-rewrite"]
OURS = ["git-models", "git-models-merge", "git-models-push", "git-models-post-commit", "git-models-sync"]

EDITOR_HOOK = {
    "id": "end-of-file",
    "name": "a hook that edits files",
    "entry": 'sh -c \'for f; do [ -z "$(tail -c 1 "$f")" ] || echo >>"$f"; done\' sh',
    "language": "system",
    "types": ["text"],
}


def pre_commit(work: Sandbox, *args: str, code: int | None = 0, **options: object) -> str:
    """The framework's command; returns what it printed."""
    done = work.run(" ".join(f"'{a}'" for a in (*PRE_COMMIT, *args)), code=code, **options)
    return done.out + done.err


def recipe(work: Sandbox, hooks: list[str], types: list[str], *others: dict[str, object]) -> None:
    """A `.pre-commit-config.yaml` with hooks as this project defines them, run from the checkout under test."""
    defined = {h["id"]: h for h in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    ours = [{**defined[name], "language": "system"} for name in hooks]
    for hook in ours:
        hook.pop("minimum_pre_commit_version")
    config = {"default_install_hook_types": types, "repos": [{"repo": "local", "hooks": [*ours, *others]}]}
    work.write(".pre-commit-config.yaml", yaml.safe_dump(config, sort_keys=False))


@pytest.fixture
def framed(repo: Sandbox, place: Path) -> Sandbox:
    """Our hooks by the framework alone, all of them; everything is committed and pushed."""
    repo.models("setup", "--no-hooks", "--remote", place.as_uri())
    recipe(repo, OURS, TYPES, EDITOR_HOOK)
    repo.write("train.py", "print('training')\n")
    pre_commit(repo, "install")
    repo.commit("Prepare")
    repo.git("push")
    return repo


def test_a_commit_under_the_framework_records_the_weight_and_goes_through(framed: Sandbox, place: Path) -> None:
    framed.write(PATH, ONE)
    framed.write("train.py", "print('more')\n")
    framed.commit("Train")
    recorded(framed, {PATH: ONE})
    framed.git("push")
    assert len(list(place.rglob("*.pt"))) == 1


@pytest.mark.parametrize("form", [("-a",), ("--", PATH), ("--amend", "--no-edit")], ids=["all", "path", "amend"])
def test_the_other_forms_of_commit_under_the_framework(framed: Sandbox, form: tuple[str, ...]) -> None:
    framed.write(PATH, ONE)
    framed.git("add", PATH)
    framed.git("commit", "-m", "Train", *form)
    recorded(framed, {PATH: ONE})


def test_a_changed_model_goes_in_by_commit_all_under_the_framework(framed: Sandbox) -> None:
    framed.write(PATH, ONE)
    framed.commit("Version 1")
    framed.write(PATH, TWO)
    framed.write("train.py", "print('more')\n")
    framed.git("commit", "-am", "Version 2")
    recorded(framed, {PATH: TWO})


def test_unstaged_changes_that_the_framework_puts_aside_come_back(framed: Sandbox) -> None:
    framed.write(PATH, ONE)
    framed.git("add", PATH)
    framed.write("train.py", "print('later')\n")
    framed.git("commit", "-m", "Train")
    recorded(framed, {PATH: ONE}, status=[" M train.py"])
    assert framed.read("train.py") == b"print('later')\n"


def test_unstaged_edits_of_the_manifest_survive_the_framework(framed: Sandbox) -> None:
    framed.write(PATH, ONE)
    framed.commit("Version 1")
    framed.write("models.yaml", framed.read("models.yaml").decode() + "# a note of mine\n")
    framed.write("other.pt", TWO)
    framed.git("add", "other.pt")
    framed.git("commit", "-m", "Another")
    assert sorted(framed.entries("HEAD")) == ["other.pt", PATH]
    assert sorted(framed.entries()) == ["other.pt", PATH]
    assert "a note of mine" in framed.read("models.yaml").decode()
    assert "a note of mine" not in framed.git("show", "HEAD:models.yaml").out
    assert framed.read("other.pt") == TWO


def test_what_was_staged_is_recorded_and_the_newer_file_comes_back(framed: Sandbox) -> None:
    framed.write(PATH, ONE)
    framed.git("add", PATH)
    framed.write(PATH, TWO)
    framed.git("commit", "-m", "Train")
    recorded(framed, {PATH: ONE}, on_disk={PATH: TWO})


def test_a_hook_that_edits_a_file_stops_the_commit_and_the_next_one_is_right(framed: Sandbox) -> None:
    before = framed.head()
    framed.write(PATH, ONE)
    framed.write("train.py", "print('no newline')")
    framed.git("add", "-A")
    assert "files were modified by this hook" in framed.git("commit", "-m", "Train", code=1).err
    assert framed.head() == before
    assert framed.read(PATH) == ONE
    framed.commit("Train")
    recorded(framed, {PATH: ONE})
    assert framed.git("show", "HEAD:train.py").out == "print('no newline')\n"


def test_a_merge_that_brings_a_weight_is_stopped_under_the_framework(framed: Sandbox) -> None:
    framed.git("switch", "-c", "side")
    framed.write(PATH, ONE)
    framed.git("add", PATH)
    framed.git("commit", "-m", "Bypassed", "--no-verify")
    framed.git("switch", "main")
    framed.write("train.py", "print('more')\n")
    framed.commit("Main")
    framed.git("merge", "--no-edit", "side", code=1)
    framed.git("commit", "--no-edit")
    recorded(framed, {PATH: ONE}, status=["?? weights/"])


def test_a_checkout_under_the_framework_brings_the_other_version(framed: Sandbox) -> None:
    framed.write(PATH, ONE)
    framed.commit("Version 1")
    framed.git("switch", "-c", "two")
    framed.write(PATH, TWO)
    framed.models("add", PATH)
    framed.git("commit", "-m", "Version 2")
    framed.git("switch", "main")
    assert framed.read(PATH) == ONE


def test_a_push_of_several_refs_brings_the_models_of_all_though_the_framework_names_the_first_only(
    framed: Sandbox, place: Path
) -> None:
    for name, content in (("one", ONE), ("two", TWO)):
        framed.git("switch", "-c", name, "main")
        framed.write(f"{name}.pt", content)
        framed.commit(name)
    framed.git("tag", "-a", "v2", "-m", "Two")
    framed.git("push", "origin", "one", "two", "v2")
    assert sorted(p.read_bytes() for p in place.rglob("*.pt")) == sorted([ONE, TWO])


def test_a_failed_upload_stops_the_push_under_the_framework(framed: Sandbox, place: Path) -> None:
    framed.write(PATH, ONE)
    framed.commit("Train")
    place.rmdir() if not any(place.iterdir()) else None
    place.write_text("a file where the folder was") if not place.exists() else None
    framed.git("push", code=1)
    assert framed.head("origin/main") == framed.head("HEAD^")


@pytest.mark.parametrize("types", [["pre-commit"], TYPES], ids=["no pre-push", "pre-push without our stage"])
def test_no_weight_is_moved_where_nothing_would_upload_it(repo: Sandbox, place: Path, types: list[str]) -> None:
    repo.models("setup", "--no-hooks", "--remote", place.as_uri())
    recipe(repo, ["git-models"] if len(types) > 1 else OURS, types)
    pre_commit(repo, "install")
    repo.commit("Prepare")
    before = repo.head()
    repo.write(PATH, ONE)
    repo.git("add", PATH)
    said = repo.git("commit", "-m", "Train", code=1).err
    assert f"{PATH} stays where it is: no pre-push hook would upload it in this clone" in said
    assert "next: git models setup" in said
    assert "pre-commit install --hook-type pre-push" in said
    assert repo.head() == before
    assert repo.status() == [f"A  {PATH}"]
    repo.models("setup")
    repo.git("commit", "-m", "Train")
    recorded(repo, {PATH: ONE})


def test_code_is_committed_where_nothing_would_upload_a_weight(repo: Sandbox, place: Path) -> None:
    repo.models("setup", "--no-hooks", "--remote", place.as_uri())
    recipe(repo, ["git-models"], ["pre-commit"])
    pre_commit(repo, "install")
    repo.commit("Prepare")
    assert ".pre-commit-config.yaml" in repo.files_at()


@pytest.mark.parametrize("order", ["framework first", "setup first", "framework, setup, framework"])
def test_native_hooks_and_the_framework_live_together_in_any_order(repo: Sandbox, place: Path, order: str) -> None:
    recipe(repo, [], ["pre-commit", "pre-push"], EDITOR_HOOK)
    steps = {
        "framework first": "fs",
        "setup first": "sf",
        "framework, setup, framework": "fsf",
    }[order]
    for step in steps:
        if step == "f":
            pre_commit(repo, "install")
        else:
            repo.models("setup", "--remote", place.as_uri())
    repo.commit("Prepare")
    repo.write(PATH, ONE)
    repo.write("notes.txt", "no newline")
    repo.git("add", "-A")
    said = repo.git("commit", "-m", "Train", code=1).err
    assert "files were modified by this hook" in said
    repo.commit("Train")
    recorded(repo, {PATH: ONE})
    repo.git("commit", "--amend", "-m", "Train, amended")
    recorded(repo, {PATH: ONE})
    repo.git("push")
    assert len(list(place.rglob("*.pt"))) == 1
    # Again changes nothing; taken out, the framework goes on alone.
    before = {p.name: p.read_bytes() for p in (repo / ".git/hooks").iterdir()}
    repo.models("setup")
    assert {p.name: p.read_bytes() for p in (repo / ".git/hooks").iterdir()} == before
    repo.models("setup", "--uninstall")
    left = {p.name for p in (repo / ".git/hooks").iterdir() if not p.name.endswith(".sample")}
    assert left == {"pre-commit", "pre-push"}
    repo.write("notes.txt", "no newline again")
    repo.git("add", "-A")
    assert "files were modified by this hook" in repo.git("commit", "-m", "Notes", code=1).err


def test_amending_under_the_framework_takes_out_a_weight_of_the_amended_commit(work: Sandbox) -> None:
    recipe(work, [], ["pre-commit"], EDITOR_HOOK)
    pre_commit(work, "install")
    work.commit("Configure")
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.git("commit", "-m", "Bypassed", "--no-verify")
    assert PATH in work.files_at()
    work.git("commit", "--amend", "--no-edit")
    recorded(work, {PATH: ONE})


def test_run_all_files_changes_nothing_where_nothing_is_staged(framed: Sandbox) -> None:
    framed.write(PATH, ONE)
    framed.commit("Train")
    pre_commit(framed, "run", "--all-files")
    recorded(framed, {PATH: ONE})


def test_the_check_finds_a_weight_that_came_in_without_hooks_and_changes_nothing(framed: Sandbox) -> None:
    recipe(framed, [*OURS, "git-models-check"], TYPES)
    framed.write(PATH, ONE)
    framed.commit("Train")
    pre_commit(framed, "run", "git-models-check", "--all-files")
    framed.write("sneaked.pt", TWO)
    framed.git("add", "sneaked.pt")
    framed.git("commit", "-m", "Bypassed", "--no-verify")
    before = framed.git("status", "--porcelain").out
    said = pre_commit(framed, "run", "git-models-check", "--all-files", code=1)
    assert "sneaked.pt" in said
    pre_commit(framed, "run", "git-models-check", "--from-ref", "HEAD^", "--to-ref", "HEAD", code=1)
    pre_commit(framed, "run", "git-models-check", "--from-ref", "HEAD^^", "--to-ref", "HEAD^")
    assert framed.git("status", "--porcelain").out == before


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip builds our package for the framework from what is installed here, without an index."""
    libraries = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(libraries))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads the value backwards


@pytest.mark.slow
def test_try_repo_installs_our_package_and_moves_the_weight(work: Sandbox, built: None) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    copy = Sandbox(work.root.parent / "git-models")
    work.git("clone", "--no-hardlinks", "--", str(ROOT), str(copy.root))
    said = pre_commit(work, "try-repo", str(copy.root), "git-models", "--verbose")
    assert "move model weights out of the commit" in said
    assert "Passed" in said
    work.git("commit", "-m", "Train")
    recorded(work, {PATH: ONE})
