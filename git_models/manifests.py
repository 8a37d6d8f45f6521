"""The manifests of a repository: read from the work tree, the index and commits."""

from __future__ import annotations

import errno
import hashlib
import marshal
import os
import stat
from functools import lru_cache
from typing import Any

from git_models import git, index, link, lock, manifest, objects, statcache
from git_models.errors import ManifestError
from git_models.manifest import Manifest
from git_models.repo import Repo, worktrees

_FORMAT = 1  # of the remembered form; raise it when the values of `git_models.manifest` change
_KEPT = 64  # parsed manifests


def data(repo: Repo) -> bytes:
    """The work tree's manifest as it is, b"" where there is none. Raises ManifestError for what is no file."""
    return _data(repo.top)


def _data(top: str) -> bytes:
    try:
        file = os.open(os.path.join(top, manifest.NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    except OSError as failed:
        if failed.errno != errno.ELOOP:
            raise
        # A commit can bring a link to anything: to a file of yours, to a device without end.
        raise ManifestError(f"{manifest.NAME} is a link; a manifest is a file", 0, f"ls -l {manifest.NAME}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ManifestError(f"{manifest.NAME} is no file", 0, f"ls -ld {manifest.NAME}")
    with open(file, "rb") as stream:
        return stream.read(manifest.MAX_BYTES + 1)


def current(repo: Repo) -> Manifest:
    """The work tree's manifest. Raises ManifestError."""
    return parse(repo, data(repo))


def synced(repo: Repo) -> Manifest:
    """The manifest that the work tree's models were last made to match; EMPTY when there was none."""
    try:
        with open(synced_file(repo), "rb") as file:
            return parse(repo, file.read())
    except (FileNotFoundError, ManifestError):
        return manifest.EMPTY


def synced_file(repo: Repo) -> str:
    """Where the copy of the last synced manifest lies; the hooks compare it with the work tree's."""
    return os.path.join(repo.state, "synced.yaml")


def at(repo: Repo, name: str) -> Manifest:
    """The manifest of a commit ("HEAD", "v1.2") or of the index (""). EMPTY where there is none."""
    return parse(repo, index.blob(f"{name}:{manifest.NAME}"))


def parse(repo: Repo, raw: bytes) -> Manifest:
    """`manifest.parse`, remembered by content: PyYAML alone costs 20 ms, and 10,000 entries half a second."""
    return _parsed(os.path.join(repo.models, "parsed"), raw) if raw.strip() else manifest.EMPTY


@lru_cache(maxsize=2)  # this one and the one before are asked for again and again
def _parsed(folder: str, raw: bytes) -> Manifest:
    file = os.path.join(folder, f"{_FORMAT}-{hashlib.sha256(raw).hexdigest()[:32]}")
    try:
        with open(file, "rb") as stream:
            # S302: the file is ours, in the git directory, where an attacker could as well write a hook.
            return manifest.thaw(marshal.loads(stream.read()))  # noqa: S302
    except (OSError, ValueError, EOFError, TypeError, KeyError, IndexError, AttributeError):
        pass
    parsed = manifest.parse(raw)
    _remember(folder, file, manifest.freeze(parsed))
    return parsed


def _remember(folder: str, file: str, frozen: Any) -> None:
    """A cache: a failure to write it is no failure."""
    statcache.replace(file, marshal.dumps(frozen))
    try:
        kept = sorted((e.stat().st_mtime_ns, e.path) for e in os.scandir(folder))
        for _, old in kept[:-_KEPT]:
            os.unlink(old)
    except OSError:
        pass


def unmerged(repo: Repo) -> bool:
    """Whether git holds several sides of models.yaml: a merge is not finished."""
    return any(stage != "0" for *_, stage in index.stages([manifest.NAME]))


def is_synced(repo: Repo, raw: bytes) -> bool:
    """Whether this is the manifest that the models on disk were last made to match."""
    try:
        with open(synced_file(repo), "rb") as file:
            return file.read() == raw
    except FileNotFoundError:
        return not raw.strip()


def stage(repo: Repo, raw: bytes) -> None:
    """Put these bytes into the index as models.yaml; the sides of a conflict go."""
    index.edit(add={manifest.NAME: index.write_blob(raw)})


def write(repo: Repo, raw: bytes) -> None:
    """Replace the work tree's manifest in one step; its mode stays. The caller holds the lock."""
    objects.replace(repo.path(manifest.NAME), repo.path(link.unfinished(manifest.NAME)), raw)


def settle(repo: Repo, raw: bytes, due: bool) -> None:
    """`note_synced`, if this still is the work tree's manifest: another process may have changed it since."""
    with lock.hold(repo.models, "models.yaml"):
        if data(repo) == raw:
            note_synced(repo, raw if raw.strip() else None, due)


def is_due(repo: Repo) -> bool:
    """Whether the next hook is asked to go on with a sync."""
    return os.path.exists(_due_file(repo))


def _due_file(repo: Repo) -> str:
    return os.path.join(repo.state, "due")


def note_synced(repo: Repo, raw: bytes | None, due: bool = False) -> None:
    """Remember which manifest the models on disk match (None: there is none); `due` asks the next hook to go on."""
    os.makedirs(repo.state, exist_ok=True)
    flag = _due_file(repo)
    if due:
        with open(flag, "w"):
            pass
    elif os.path.exists(flag):
        os.unlink(flag)
    file = synced_file(repo)
    if raw is None:
        if os.path.exists(file):
            os.unlink(file)
        return
    temp = f"{file}.{os.getpid()}"
    with open(temp, "wb") as stream:
        stream.write(raw)
    os.replace(temp, file)


def note_staged(repo: Repo, oid: str) -> None:
    """Remember that we wrote this blob, with the globs that the hooks know: its commit needs no look at it."""
    statcache.replace(os.path.join(repo.state, "staged"), f"{oid}\n".encode())


def everywhere(repo: Repo, on_disk: bool = False) -> list[Manifest]:
    """The manifests of HEAD, index and work tree of every worktree; a broken one counts as empty.

    With `on_disk`, HEAD's has only the models that are there: git moves HEAD after it changed the other two.
    """
    found = []
    head, staged = f"HEAD:{manifest.NAME}", f":{manifest.NAME}"
    for top in worktrees(repo):
        env = None if top == repo.top else git.elsewhere()
        try:
            raws = index.blobs([head, staged], cwd=top, env=env)
        except git.GitError:
            raws = {}  # a worktree whose repository is gone, a partial clone without the blob and a network
        now = [raws.get(staged, b"")]
        try:
            now.append(_data(top))
        except (OSError, ManifestError):
            pass
        for raw in dict.fromkeys([*now, raws.get(head, b"")]):
            try:
                known = parse(repo, raw)
            except ManifestError:
                continue
            if on_disk and raw not in now:
                there = {p: e for p, e in known.models.items() if os.path.lexists(os.path.join(top, p))}
                known = known._replace(models=there)
            found.append(known)
    return found
