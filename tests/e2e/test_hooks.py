"""Our hooks beside other people's, in every place where git looks for them, and when their Python is gone."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import githooks
from git_models.manifest import EMPTY
from git_models.repo import find
from tests.helpers.commits import blob, loose, recorded
from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import until

PATH = "weights/best.pt"
ONE, TWO = weights(4096, 1), weights(5000, 2)


def _hook(folder: Path, event: str, text: str, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / event
    file.write_text(text)
    file.chmod(mode)
    return file


def _tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its mode and bytes."""
    files = (f for f in sorted(folder.rglob("*")) if f.is_file())
    return {str(f.relative_to(folder)): (stat.S_IMODE(f.stat().st_mode), f.read_bytes()) for f in files}


# Beside other hooks


def test_a_hook_that_was_there_runs_first_and_may_stop_the_commit(repo: Sandbox, place: Path) -> None:
    _hook(repo / ".git/hooks", "pre-commit", '#!/bin/sh\necho "theirs $#" >>order\n[ ! -e stop ]\n')
    repo.models("setup", "--remote", place.as_uri())
    repo.write(".git/info/exclude", "order\nstop\n")
    repo.write(PATH, ONE)
    repo.write("stop")
    repo.git("add", "models.yaml", PATH)
    repo.git("commit", "-m", "Train", code=1)
    assert repo.entries() == {}
    (repo / "stop").unlink()
    repo.git("commit", "-m", "Train")
    assert repo.read("order") == b"theirs 0\ntheirs 0\n"
    recorded(repo, {PATH: ONE})


def test_a_hook_that_is_not_executable_stays_silent_as_git_left_it(repo: Sandbox, place: Path) -> None:
    _hook(repo / ".git/hooks", "pre-commit", "#!/bin/sh\nexit 1\n", 0o644)
    repo.models("setup", "--remote", place.as_uri())
    repo.write(PATH, ONE)
    repo.commit("Train")
    recorded(repo, {PATH: ONE})


def test_a_hook_in_python_gets_the_arguments_and_the_lines_of_git(repo: Sandbox, place: Path) -> None:
    text = "#!/usr/bin/env python3\nimport sys\nopen('seen', 'a').write(repr((sys.argv[1:], sys.stdin.read())))\n"
    _hook(repo / ".git/hooks", "pre-push", text)
    repo.models("setup", "--remote", place.as_uri())
    repo.write(PATH, ONE)
    repo.commit("Train", "models.yaml", PATH)
    repo.git("branch", "other")
    repo.git("push", "origin", "main", "other")
    seen = repo.read("seen").decode()
    assert repr(["origin", repo.git("remote", "get-url", "origin").out.strip()]) in seen
    assert f"refs/heads/main {repo.head()} refs/heads/main" in seen
    assert f"refs/heads/other {repo.head()} refs/heads/other {'0' * 40}\\n" in seen
    assert len(list(place.rglob("*.pt"))) == 1


def test_a_hook_without_an_interpreter_line_runs_as_it_did(repo: Sandbox, place: Path) -> None:
    _hook(repo / ".git/hooks", "pre-commit", "echo ran >>.git/ran\n")
    repo.models("setup", "--remote", place.as_uri())
    repo.write(PATH, ONE)
    repo.commit("Train")
    assert repo.read(".git/ran") == b"ran\n"
    recorded(repo, {PATH: ONE})


FOLDERS = (
    ".",
    "",
    "tools",
    "../repo/tools",
    "{top}",
    "{top}/tools",
    "/usr/bin:",
    "{top}/../alias/tools",
    "{top}/../tools",
)
"""What may stand in PATH, or in front of it: whoever has it there runs what a commit brings once `ls` is typed."""


def _trap(repo: Sandbox) -> None:
    """Programs of the names that the shims use, as a commit could bring them."""
    for name in ("cat", "cmp", "cut", "find", "git", "grep", "ps", "sh", "tail", "tr", "xargs"):
        for folder in ("", "tools/"):
            repo.write(f"{folder}{name}", f'#!/bin/sh\n/usr/bin/touch "{repo.root}/ran"\nexit 3\n').chmod(0o755)
    (repo.root.parent / "alias").symlink_to(repo.root)
    (repo.root.parent / "tools").symlink_to("repo/tools")


@pytest.mark.parametrize("folders", FOLDERS)
def test_a_shim_looks_for_programs_outside_the_work_tree(repo: Sandbox, folders: str) -> None:
    _trap(repo)
    for name in ("models.yaml", ".git/models/synced.yaml"):
        repo.write(name, "version: 1\n")
    hook = _hook(repo / ".git/hooks", "post-index-change", githooks.text("post-index-change"))
    path = f"{folders.format(top=repo.root)}:{os.environ['PATH']}"
    for env in ({"PATH": path}, {"PATH": folders.format(top=repo.root) or ":"}):
        for here in (str(repo.root), f"{repo.root.parent}/alias"):  # a shell takes the name it is given in PWD
            subprocess.run([hook, "1", "0"], cwd=here, env=env | {"PWD": here}, check=True)
            assert not repo.exists("ran"), (here, env)


@pytest.mark.slow
@pytest.mark.parametrize("folders", FOLDERS)
def test_no_program_of_the_shims_comes_from_the_work_tree(repo: Sandbox, place: Path, folders: str) -> None:
    _hook(repo / ".git/hooks", "pre-commit", '#!/bin/sh\necho "$PATH" >.git/path\n')
    _hook(repo / ".git/hooks", "post-checkout", 'echo "$PATH" >.git/path\n')
    repo.models("setup", "--remote", place.as_uri())
    repo.weight(PATH)
    repo.commit("Train")
    _trap(repo)
    repo.run("git add -A && git commit -qm Tools --no-verify")
    path = f"{folders.format(top=repo.root)}:{os.environ['PATH']}"
    git = shutil.which("git")
    repo.weight(PATH, seed=2)
    repo.write("train.py", "pass\n")
    repo.git("add", "train.py")
    for line in ("commit -qam More", "checkout -q -b other HEAD~1", "push -q origin main", "checkout -q main"):
        repo.run(f"PATH='{path}' {git} {line}")
        assert not repo.exists("ran"), line
        seen = repo.read(".git/path").decode().rstrip("\n")
        assert seen.endswith(path), "the hook that was here before has PATH as it is"
    assert repo.read(PATH) == weights(4096, 2)


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env sh", "#!/bin/bash -e"])
def test_a_shell_hook_that_asks_for_its_own_name_hears_the_one_it_had(repo: Sandbox, place: Path, first: str) -> None:
    _hook(repo / ".git/hooks", "commit-msg", "#!/bin/sh\n")
    _hook(repo / ".git/hooks", "pre-commit", f'{first}\necho "$(basename "$0") $(dirname "$0")" >>.git/name\n')
    repo.models("setup", "--remote", place.as_uri())
    repo.commit("Prepare")
    assert repo.read(".git/name") == b"pre-commit .git/hooks\n"


def test_a_disk_that_is_full_leaves_the_hook_that_was_there_where_it_was(
    repo: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = _hook(repo / ".git/hooks", "pre-commit", "#!/bin/sh\nexit 0\n")
    before = _tree(repo / ".git/hooks")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(theirs))

    monkeypatch.setattr(os, "chmod", full)
    with pytest.raises(OSError, match="No space"):
        githooks.install(find(str(repo.root)), EMPTY)
    assert _tree(repo / ".git/hooks") == before


@pytest.mark.parametrize("first", ["#!{}/fish", "#!{}/csh -f", "#! {}/push", "#!/usr/bin/env swish"])
def test_an_interpreter_of_another_language_is_given_the_hook_as_a_file(
    repo: Sandbox, place: Path, tmp_path: Path, first: str
) -> None:
    for name in ("fish", "csh", "push", "swish"):
        tmp_path.joinpath(name).write_text('#!/bin/sh\n[ "$1" != -f ] || shift\ncat "$1" >.git/seen\n')
        tmp_path.joinpath(name).chmod(0o755)
    _hook(repo / ".git/hooks", "pre-commit", f"{first.format(tmp_path)}\nset x = 1\n")
    repo.models("setup", "--remote", place.as_uri())
    repo.write("a.py")
    repo.git("add", "a.py")
    repo.git("commit", "-m", "Code", env={"PATH": f"{os.environ['PATH']}:{tmp_path}"})
    assert repo.read(".git/seen").endswith(b"\nset x = 1\n")


def test_setup_again_changes_nothing_and_uninstall_gives_back_every_byte_and_mode(repo: Sandbox, place: Path) -> None:
    hooks = repo / ".git/hooks"
    _hook(hooks, "pre-commit", "#!/bin/sh\nexit 0\n", 0o755)
    _hook(hooks, "post-checkout", "#!/bin/sh\nexit 7\n", 0o640)
    _hook(hooks, "pre-push", "#!/usr/bin/env python3\n", 0o700)
    exclude = repo / ".git/info/exclude"
    exclude.write_text("*.log\nno newline at the end")
    before, excluded = _tree(hooks), exclude.read_bytes()
    repo.models("setup", "--remote", place.as_uri())
    once = _tree(repo / ".git")
    repo.models("setup", "--remote", place.as_uri())
    assert _tree(repo / ".git") == once
    repo.write(PATH, ONE)
    repo.commit("Train")
    repo.models("setup", "--uninstall")
    assert _tree(hooks) == before
    assert exclude.read_bytes() in (excluded, excluded + b"\n")


def test_a_hook_of_an_older_version_is_brought_up_to_date(work: Sandbox, bin_folder: Path) -> None:
    hook = work / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\n# git-models hook 0 (pre-commit)\nexit 1\n")
    assert _states(work, bin_folder)["pre-commit"] == "old"
    work.models("setup")
    assert set(_states(work, bin_folder).values()) == {"ours"}


@pytest.mark.parametrize("kind", ["absolute", "relative", "home"])
def test_hooks_go_where_core_hookspath_says(repo: Sandbox, place: Path, home: Path, kind: str) -> None:
    path, folder = {
        "absolute": (str(repo.root.parent / "own hooks"), repo.root.parent / "own hooks"),
        "relative": ("tools/hooks", repo / "tools/hooks"),
        "home": ("~/my-hooks", home / "my-hooks"),
    }[kind]
    repo.git("config", "core.hooksPath", path)
    _hook(folder, "pre-commit", '#!/bin/sh\necho ran >>"$(git rev-parse --git-dir)/ran"\n')
    before = _tree(folder)
    repo.models("setup", "--remote", place.as_uri())
    repo.write("sub/" + PATH, ONE)
    repo.git("add", "models.yaml", "sub")
    repo.git("commit", "-m", "Train", cwd="sub")
    assert "sub/" + PATH not in repo.files_at()
    assert list(repo.entries("HEAD")) == ["sub/" + PATH]
    assert repo.read(".git/ran") == b"ran\n"
    assert not (repo / ".git/hooks/pre-commit").exists()
    repo.models("setup", "--uninstall")
    assert _tree(folder) == before


def test_a_folder_of_hooks_that_all_repositories_share_serves_those_that_were_set_up(
    repo: Sandbox, place: Path, home: Path
) -> None:
    repo.git("config", "--global", "core.hooksPath", str(home / "hooks"))
    _hook(home / "hooks", "post-checkout", '#!/bin/sh\necho theirs >>"$(git rev-parse --git-dir)/ran"\n')
    repo.models("setup", "--remote", place.as_uri())
    repo.write(PATH, ONE)
    repo.commit("Train")
    recorded(repo, {PATH: ONE})
    repo.git("push", "origin", "main")
    repo.git("worktree", "add", "-q", "../linked", "HEAD")
    assert (repo / "../linked" / PATH).read_bytes() == ONE
    # Nobody asked for anything in a stranger's repository, and nothing happens there.
    stranger = Sandbox(repo.root.parent / "origin.git").clone("stranger")
    assert stranger.read(".git/ran") == b"theirs\n"
    assert not stranger.exists(PATH) and not (stranger / ".git/models").exists()
    stranger.write("own.pt", TWO)
    stranger.commit("As ever")
    assert "own.pt" in stranger.files_at() and not (stranger / ".git/models").exists()
    assert "no hooks are installed" in stranger.models("doctor", code=1).out
    stranger.models("setup", "--remote", place.as_uri())
    stranger.git("checkout", "-b", "more")
    assert stranger.read(PATH) == ONE
    stranger.write("another.pt", weights(4096, 3))
    stranger.commit("Train more")
    assert "another.pt" not in stranger.files_at()


def _states(work: Sandbox, bin_folder: Path) -> dict[str, str]:
    """How the installed package sees each event's hook."""
    look = "from git_models import githooks, repo; [print(h.event, h.state) for h in githooks.look(repo.find())]"
    return dict(line.split(" ") for line in work.run(f"'{bin_folder}/python' -I -c '{look}'").lines)


def test_hooks_that_another_program_bypasses_later_are_noticed(work: Sandbox, bin_folder: Path) -> None:
    states = _states(work, bin_folder)
    assert set(states.values()) == {"ours"}
    _hook(work / ".husky/_", "pre-commit", "#!/usr/bin/env sh\n")
    work.git("config", "core.hooksPath", ".husky/_")
    states = _states(work, bin_folder)
    assert states.pop("pre-commit") == "foreign"
    assert set(states.values()) == {"none"}


def test_setup_after_husky_keeps_its_hooks_running(repo: Sandbox, place: Path) -> None:
    # What Husky 9 writes: each hook reads one script, which goes by the hook's own name and folder.
    _hook(repo / ".husky/_", "h", 's=$(dirname "$(dirname "$0")")/$(basename "$0")\n[ ! -f "$s" ] || sh -e "$s" "$@"\n')
    _hook(repo / ".husky/_", "pre-commit", '#!/usr/bin/env sh\n. "$(dirname "$0")/h"\n')
    repo.write(".husky/pre-commit", "echo husky >>.git/ran\n")
    repo.git("config", "core.hooksPath", ".husky/_")
    repo.models("setup", "--remote", place.as_uri())
    repo.write(PATH, ONE)
    repo.git("add", "models.yaml", PATH)
    repo.git("commit", "-m", "Train")
    assert repo.read(".git/ran") == b"husky\n"
    assert list(repo.entries("HEAD")) == [PATH]


@pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed")
@pytest.mark.slow
def test_git_lfs_and_we_share_every_hook(repo: Sandbox, place: Path) -> None:
    repo.git("lfs", "install", "--local")
    theirs = _tree(repo / ".git/hooks")
    assert {"pre-push", "post-checkout", "post-merge", "post-commit"} <= set(theirs)
    repo.models("setup", "--remote", place.as_uri())
    repo.git("lfs", "track", "*.bin")
    repo.write("data.bin", TWO)
    repo.write(PATH, ONE)
    repo.commit("Both")
    recorded(repo, {PATH: ONE})
    assert repo.git("show", "HEAD:data.bin").out.startswith("version https://git-lfs")
    repo.git("push")
    assert len(list(place.rglob("*.pt"))) == 1
    repo.models("setup", "--uninstall")
    assert _tree(repo / ".git/hooks") == theirs


# The interpreter


def _strand(work: Sandbox) -> None:
    """From now on the hooks name a Python that is gone."""
    for event in githooks.EVENTS:
        hook = work / ".git/hooks" / event
        hook.write_text(re.sub(r"^python=.*$", "python='/gone/python'", hook.read_text(), flags=re.M))


def test_without_its_python_only_commits_that_touch_models_are_blocked_in_one_line(work: Sandbox) -> None:
    _strand(work)
    work.write("train.py", "more\n")
    assert work.git("commit", "-am", "Code").err == ""
    work.git("push")
    work.git("switch", "-c", "side")
    work.write(PATH, ONE)
    work.git("add", PATH)
    before = work.head()
    said = work.git("commit", "-m", "Train", code=1).err
    assert said.splitlines() == [
        "git models: no longer installed for /gone/python; next: pip install git-models && git models setup"
    ]
    assert work.head() == before
    work.models("setup")
    work.git("commit", "-m", "Train")
    recorded(work, {PATH: ONE})


def test_without_its_python_a_push_that_names_models_is_blocked_and_a_checkout_is_not(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.commit("Train")
    _strand(work)
    assert "no longer installed" in work.git("push", code=1).err
    assert work.git("rev-parse", "origin/main").out != work.git("rev-parse", "main").out
    said = work.git("checkout", "HEAD^").err
    assert "no longer installed" in said


def test_without_its_package_the_message_is_the_same(work: Sandbox) -> None:
    hook = work / ".git/hooks/pre-commit"
    hook.write_text(re.sub(r"^package=.*$", "package='/gone/git_models'", hook.read_text(), flags=re.M))
    work.write(PATH, ONE)
    work.git("add", PATH)
    assert len(work.git("commit", "-m", "Train", code=1).err.splitlines()) == 1


def test_a_thin_path_is_enough(work: Sandbox, home: Path) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.run(f"env -i PATH=/usr/bin:/bin HOME='{home}' git commit -q -m Train")
    recorded(work, {PATH: ONE})
    work.run(f"env -i PATH=/usr/bin:/bin HOME='{home}' git push -q")


# Hooks with nothing to do


@pytest.fixture
def watched(work: Sandbox, bin_folder: Path) -> Iterator[tuple[Sandbox, Path]]:
    """The hooks' Python leaves a line in a file each time that it starts."""
    marks = work.root.parent / "started"
    python = work.root.parent / "python"
    python.write_text(f"#!/bin/sh\necho \"$*\" >>'{marks}'\nexec '{bin_folder}/python' \"$@\"\n")
    python.chmod(0o755)
    for event in githooks.EVENTS:
        hook = work / ".git/hooks" / event
        hook.write_text(re.sub(r"^python=.*$", f"python='{python}'", hook.read_text(), flags=re.M))
    marks.write_text("")
    return work, marks


def _code_story(work: Sandbox) -> None:
    """A day without models: everything that runs a hook."""
    work.write("train.py", "one\n")
    work.git("commit", "-am", "One")
    work.git("push")
    work.git("switch", "-c", "side")
    work.write("train.py", "two\n")
    work.git("commit", "-am", "Two")
    work.git("commit", "--amend", "-m", "Two again")
    work.git("switch", "main")
    work.git("merge", "--no-ff", "--no-edit", "side")
    work.write("train.py", "three\n")
    work.git("stash")
    work.git("stash", "pop")
    work.git("reset", "--hard")
    work.git("push", "origin", "main", "side", "HEAD:refs/tags/v1")
    work.git("push", "origin", ":side")


def test_hooks_with_nothing_to_do_never_start_python(watched: tuple[Sandbox, Path]) -> None:
    work, marks = watched
    _code_story(work)
    assert marks.read_text() == ""


def test_beside_recorded_models_a_day_of_code_starts_no_python_either(watched: tuple[Sandbox, Path]) -> None:
    work, marks = watched
    work.write(PATH, ONE)
    work.commit("Train")
    work.git("push")
    # The first look at a young file is not believed; then it is.
    assert until(lambda: time.time_ns() > (work / PATH).stat().st_mtime_ns + 10**9)
    work.models("status")
    work.models("checkout")
    marks.write_text("")
    _code_story(work)
    assert marks.read_text() == ""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.slow
def test_a_commit_of_code_with_our_hooks_starts_few_processes(work: Sandbox) -> None:
    def processes() -> int:
        work.write("train.py", f"{os.urandom(8).hex()}\n")
        work.git("add", "train.py")
        log = work.root.parent / "strace"
        work.run(f"strace -f -qq -e trace=execve -o '{log}' git commit -q -m Code")
        return sum(1 for line in log.read_text().splitlines() if line.endswith(" = 0"))

    with_hooks = processes()
    work.models("setup", "--uninstall")
    assert with_hooks - processes() <= 20


@pytest.mark.slow
def test_a_push_of_10000_commits_without_models_is_judged_within_two_seconds(work: Sandbox) -> None:
    script = ["reset refs/heads/long\n", f"from {work.head()}\n\n"]
    for number in range(10_000):
        text = f"line {number}\n"
        script.append(
            f"commit refs/heads/long\ncommitter A <a@example.com> {1_700_000_000 + number} +0000\ndata 1\nx\n"
            f"M 100644 inline src/{number % 97}.py\ndata {len(text)}\n{text}\n"
        )
    work.git("fast-import", "--quiet", input="".join(script))
    tip = work.head("long")
    lines = f"refs/heads/long {tip} refs/heads/long {'0' * 40}\n"
    url = work.git("remote", "get-url", "origin").out.strip()
    before = os.times()

    work.run(f".git/hooks/pre-push origin '{url}'", input=lines)
    assert _cpu(before) < 2.0


def _cpu(since: os.times_result) -> float:
    """Processor seconds of children since then: a busy machine does not make them more."""
    now = os.times()
    return now.children_user + now.children_system - since.children_user - since.children_system


@pytest.mark.slow
def test_a_push_of_10000_commits_that_change_the_manifest_costs_python_two_seconds_at_most(work: Sandbox) -> None:
    base = "version: 1\nmodels: {}\n"
    script = ["reset refs/heads/long\n", f"from {work.head()}\n\n"]
    for number in range(10_000):
        text = f"{base}# {number}\n" if number % 100 == 0 else f"line {number}\n"
        path = "models.yaml" if number % 100 == 0 else f"src/{number % 97}.py"
        script.append(
            f"commit refs/heads/long\ncommitter A <a@example.com> {1_700_000_000 + number} +0000\ndata 1\nx\n"
            f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
        )
    work.git("fast-import", "--quiet", input="".join(script))
    lines = f"refs/heads/long {work.head('long')} refs/heads/long {'0' * 40}\n"
    url = work.git("remote", "get-url", "origin").out.strip()
    before = os.times()
    work.run(f".git/hooks/pre-push origin '{url}'", input=lines)
    assert _cpu(before) < 2.0


# What git add left in git's own database


def test_the_blob_that_git_add_wrote_is_given_back_after_the_commit(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    assert loose(work, ONE).exists()
    work.git("commit", "-m", "Train")
    assert until(lambda: not loose(work, ONE).exists())
    recorded(work, {PATH: ONE})
    work.git("fsck", "--strict")


@pytest.mark.parametrize("holder", ["stash", "branch", "index of a worktree"])
def test_a_blob_that_something_else_still_names_is_not_given_back(work: Sandbox, holder: str) -> None:
    skip = {"GIT_MODELS_SKIP": "1"}
    work.write(PATH, ONE)
    work.git("add", PATH)
    if holder == "stash":
        work.git("stash", env=skip)
        work.write(PATH, ONE)
        work.git("add", PATH)
    elif holder == "branch":
        work.git("switch", "-c", "side", env=skip)
        work.git("commit", "-m", "Held", env=skip)
        work.git("switch", "main", env=skip)
        work.write(PATH, ONE)
        work.git("add", PATH)
    else:
        work.git("worktree", "add", "-b", "side", "../side", env=skip)
        side = Sandbox(work.root.parent / "side")
        side.write(PATH, ONE)
        side.git("add", PATH)
    work.write("second.pt", TWO)
    work.git("add", "second.pt")
    work.git("commit", "-m", "Train")
    # The second weight's blob goes: by then the first one's was judged as well.
    assert until(lambda: not loose(work, TWO).exists())
    assert loose(work, ONE).exists()
    assert work.git("cat-file", "-t", blob(work, ONE)).out == "blob\n"


def test_git_add_again_in_the_next_instant_is_not_cheated_of_its_blob(work: Sandbox) -> None:
    work.write(PATH, ONE)
    work.git("add", PATH)
    work.git("commit", "-m", "Train")
    work.write("copy.bin", ONE)
    work.git("add", "copy.bin")
    work.write("second.pt", TWO)
    work.git("add", "second.pt")
    work.git("commit", "-m", "A copy under a name that is no weight's")
    assert until(lambda: not loose(work, TWO).exists())
    work.git("cat-file", "-e", "HEAD:copy.bin")
    work.git("fsck", "--strict")
