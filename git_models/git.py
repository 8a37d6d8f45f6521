"""The only caller of the git binary."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import BinaryIO

from git_models.errors import ModelsError, word

# What `git rev-parse --local-env-vars` lists (git 2.39): git sets these for hooks, and they win over
# `-C`, so they must go before git is asked about another repository.
LOCAL_ENV_VARS = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_INTERNAL_SUPER_PREFIX",
)


TOKENS = (
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "HF_TOKEN",
    "DROPBOX_ACCESS_TOKEN",
    "GOOGLE_ACCESS_TOKEN",
)
"""Variables of the environment that let somebody in."""


class GitError(ModelsError):
    """git itself failed; `code` stays 1, `status` is git's own exit code."""

    def __init__(self, args: Sequence[str], status: int, stderr: str) -> None:
        said, fix = stderr.strip() or f"exit code {status}", ""
        if lock := _left(said):
            # git's own words are seven lines, and the command is not among them.
            said = f"another git is at work here, or one was killed: {lock} is there"
            fix = f"rm {word(lock)}   # if no other git is running"
        super().__init__(f"git {' '.join(args[:2])} failed: {said}", fix)
        self.status = status
        self.stderr = stderr


def _left(said: str) -> str:
    """The lock file that git says it could not create as it is there already, "" if it says something else."""
    import re

    found = re.search(r"'(/[^']*\.lock)'", said)
    return found[1] if found and os.path.lexists(found[1]) else ""


@cache
def program(name: str = "git") -> str:
    """The absolute path of a program, never one that a commit could have put there.

    Neither relative folders in PATH count (they are where we stand) nor whatever really lies in the work
    tree. Raises ModelsError when there is no other.
    """
    inside = []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        file = os.path.join(folder, name)
        if os.path.isabs(folder) and os.access(file, os.X_OK) and os.path.isfile(file):
            if not _in_work_tree(file):
                return file
            inside.append(file)
    if inside:
        raise ModelsError(f"{inside[0]} is not run: it lies in the work tree, where any commit can change it")
    raise ModelsError(f"{name} is not installed (looked in PATH)")


def _in_work_tree(file: str) -> bool:
    """Whether a program lies in the work tree that we stand in, or in one that git was told of, links resolved."""
    # A virtual environment may lie there. Whoever can change what is beside the Python that runs us needs no program.
    own = os.path.realpath(os.path.dirname(sys.executable))
    if os.path.realpath(os.path.dirname(file)) == own:
        return False
    real = os.path.realpath(file)
    return any(real.startswith(top + os.sep) for top in _work_trees())


def _work_trees() -> list[str]:
    """Without git, which is not found yet."""
    told = os.environ.get("GIT_WORK_TREE")
    found = [os.path.realpath(told)] if told else []
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        return found
    while not os.path.lexists(os.path.join(folder, ".git")):
        if folder == os.path.dirname(folder):
            return found
        folder = os.path.dirname(folder)
    return [*found, folder]


def elsewhere() -> dict[str, str]:
    """The environment for git in another repository than the one whose hook is running."""
    return {k: v for k, v in os.environ.items() if k not in LOCAL_ENV_VARS}


def without_tokens() -> dict[str, str]:
    """The environment for a program that needs none of the tokens that we read from ours: ssh, rclone, dvc."""
    return {k: v for k, v in os.environ.items() if k not in TOKENS}


def run(
    *args: str,
    input: bytes | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
) -> bytes:
    """git's stdout. Raises GitError unless the exit code is one of `ok`.

    `env` replaces the environment; without it git sees ours, GIT_INDEX_FILE included.
    """
    return call(*args, input=input, cwd=cwd, env=env, ok=ok)[1]


def call(
    *args: str,
    input: bytes | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
) -> tuple[int, bytes]:
    """git's exit code and stdout, for commands whose code is an answer. Raises GitError as `run`."""
    # stdin is closed rather than inherited: a hook's stdin belongs to the hook.
    command = [program(), *args]
    if input is None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd, env=env, check=False)
    else:
        done = subprocess.run(command, input=input, capture_output=True, cwd=cwd, env=env, check=False)
    if done.returncode not in ok:
        raise GitError(args, done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.returncode, done.stdout


def begin(
    *args: str, cwd: str | None = None, env: Mapping[str, str] | None = None, ok: Sequence[int] = (0,)
) -> Callable[[], bytes]:
    """Start git, to be at work beside us; what comes back is called once, waits, and gives `run`'s answer."""
    process = subprocess.Popen(
        [program(), *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=env,
    )

    def answer() -> bytes:
        out, err = process.communicate()
        if process.returncode not in ok:
            raise GitError(args, process.returncode, err.decode("utf-8", "replace"))
        return out

    return answer


def text(*args: str, cwd: str | None = None, ok: Sequence[int] = (0,)) -> str:
    """git's stdout as text without the final newline; bytes that are not UTF-8 become surrogates."""
    return os.fsdecode(run(*args, cwd=cwd, ok=ok)).removesuffix("\n")


def is_commit(name: str) -> bool:
    """Whether git takes this for a commit."""
    return call("rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}", ok=(0, 1, 128))[0] == 0


def popen(*args: str, cwd: str | None = None) -> subprocess.Popen[bytes]:
    """A git whose stdout is read as it comes."""
    return subprocess.Popen([program(), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=cwd)


def tool(name: str, *args: str) -> bytes:
    """stdout of another program that works on this repository, git's companion. Raises ModelsError."""
    done = subprocess.run(
        [program(name), *args], stdin=subprocess.DEVNULL, capture_output=True, env=without_tokens(), check=False
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ModelsError(f"{name} {' '.join(args[:1])} failed: {said or f'exit code {done.returncode}'}")
    return done.stdout


def talk(*args: str) -> subprocess.Popen[bytes]:
    """A git that is asked and answers for as long as its stdin is open."""
    return subprocess.Popen([program(), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def feed(*args: str, file: BinaryIO) -> bytes:
    """git's stdout, with an open file (from where its descriptor stands) as stdin. Raises GitError."""
    done = subprocess.run([program(), *args], stdin=file, capture_output=True, check=False)
    if done.returncode:
        raise GitError(args, done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.stdout


def edit(file: str) -> bool:
    """Open a file in the user's editor, as git does; False if there is none or it failed, which was said then.

    `git config --edit` would do, but it ends with 0 whatever became of the editor.
    """
    status, editor = call("var", "GIT_EDITOR", ok=(0, 1, 128))
    if status:
        return False
    command = os.fsdecode(editor).removesuffix("\n")
    return not subprocess.run(
        ["/bin/sh", "-c", f'{command} "$@"', command, file], stdout=sys.stderr, check=False
    ).returncode


def attached(*args: str) -> int:
    """Run git on the user's terminal, its own progress and questions included; its exit code."""
    return subprocess.run([program(), *args], stdout=sys.stderr, check=False).returncode
