"""The hooks of one clone: written, recognised, put before or behind other people's, taken out again."""

from __future__ import annotations

import os
import shlex
import sys
from importlib import resources
from typing import NamedTuple

from git_models import git, patterns
from git_models.errors import ModelsError
from git_models.manifest import Manifest
from git_models.repo import Repo

EVENTS = (
    "pre-commit",
    "pre-merge-commit",
    "post-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "post-index-change",
    "pre-push",
)
MARK = "# git-models hook "
CHAINED = ".before-git-models"


class Hook(NamedTuple):
    """The state of one event's hook."""

    event: str
    file: str
    state: str  # "ours", "old" (ours, of another version or interpreter), "foreign" or "none"
    chained: bool  # somebody's hook is kept beside ours and runs first


def folder(repo: Repo) -> str:
    """The folder git looks for hooks in: core.hooksPath may be relative, or begin with ~."""
    return os.path.join(repo.top, git.text("rev-parse", "--git-path", "hooks", cwd=repo.top))


def text(event: str) -> str:
    """The shim for an event, for the interpreter and package that run now."""
    package = os.path.dirname(os.path.abspath(__file__))
    for path in (sys.executable, package):
        if "'" in path or "\n" in path:
            raise ModelsError(f"hooks cannot be written for the path {path!r}: it contains a quote")
    body = _shipped("head.sh") + _shipped(f"{event}.sh")
    return body.replace("@NAME@", event).replace("@PYTHON@", sys.executable).replace("@PACKAGE@", package)


def _shipped(name: str) -> str:
    return resources.files("git_models.hooks").joinpath(name).read_text(encoding="utf-8")


def look(repo: Repo) -> list[Hook]:
    """How each event's hook stands."""
    found = []
    for event in EVENTS:
        file = os.path.join(folder(repo), event)
        said = _read(file)
        if said is None:
            state = "none"
        elif MARK.encode() not in said[:200]:
            state = "foreign"
        else:
            state = "ours" if said == text(event).encode() and os.access(file, os.X_OK) else "old"
        found.append(Hook(event, file, state, os.path.lexists(file + CHAINED)))
    return found


def install(repo: Repo, known: Manifest) -> list[str]:
    """Write the hooks that are not there; returns the events whose hook was written.

    A hook of somebody else is renamed, mode and all, and called first. The rename comes before the
    write: killed in between, git finds no hook of that name and the next `setup` puts ours there.
    """
    where = folder(repo)
    os.makedirs(where, exist_ok=True)
    write_pathspecs(repo, known)
    written = []
    for hook in look(repo):
        if hook.state == "ours":
            continue
        if hook.state == "foreign":
            if hook.chained:
                raise ModelsError(
                    f"{hook.file} is not ours, and {hook.file}{CHAINED} is in the way of keeping it",
                    f"rm {hook.file}{CHAINED}   # after a look at both",
                )
            os.rename(hook.file, hook.file + CHAINED)
        temp = f"{hook.file}.{os.getpid()}"
        with open(temp, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text(hook.event))
        os.chmod(temp, 0o777 & ~_umask())
        os.replace(temp, hook.file)
        written.append(hook.event)
    return written


def uninstall(repo: Repo) -> list[str]:
    """Take our hooks out and give the others their names back; returns the events that changed."""
    changed = []
    for hook in look(repo):
        if hook.state in ("ours", "old"):
            if hook.chained:
                os.replace(hook.file + CHAINED, hook.file)
            else:
                os.unlink(hook.file)
            changed.append(hook.event)
    return changed


def write_pathspecs(repo: Repo, known: Manifest) -> None:
    """Tell the pre-commit shim what may be a weight, so that it needs no Python to find out."""
    # The clone's own globs are read by the shim itself: `git config` changes them without us.
    specs = patterns.pathspecs((*patterns.DEFAULT_TRACK, *known.track))
    lines = [s for s in specs if "exclude" not in s.partition(")")[0]]
    os.makedirs(repo.state, exist_ok=True)
    file = os.path.join(repo.state, "pathspecs")
    content = "\n".join([*lines, ":(top,literal)models.yaml", ""])
    if _read(file) != content.encode():
        with open(file + ".new", "w", encoding="utf-8") as stream:
            stream.write(content)
        os.replace(file + ".new", file)


def watch(repo: Repo) -> None:
    """Let git ask us, before it looks at the work tree, whether a model changed.

    Raises ModelsError if the setting is taken.
    """
    taken = repo.config.raw.get("core.fsmonitor", ())
    file = os.path.join(repo.models, "fsmonitor")
    command = shlex.quote(file)
    if taken and taken[-1] not in (command, "false"):
        raise ModelsError(f"core.fsmonitor is in use here ({taken[-1]}), so --watch is not possible")
    os.makedirs(repo.models, exist_ok=True)
    with open(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text("fsmonitor"))
    os.chmod(file, 0o777 & ~_umask())
    git.run("config", "core.fsmonitor", command, cwd=repo.top)
    git.run("config", "core.fsmonitorHookVersion", "2", cwd=repo.top)


def unwatch(repo: Repo) -> None:
    """Undo `watch`."""
    file = os.path.join(repo.models, "fsmonitor")
    if repo.config.raw.get("core.fsmonitor", ("",))[-1] == shlex.quote(file):
        git.run("config", "--unset", "core.fsmonitor", cwd=repo.top)
        git.run("config", "--unset", "core.fsmonitorHookVersion", cwd=repo.top, ok=(0, 5))
        os.unlink(file)


def _read(file: str) -> bytes | None:
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
