"""Manifests over a range of commits, and what else a push would carry."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from git_models import __version__, git, index, manifest, manifests, statcache
from git_models.errors import ManifestError
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo

PATHSPEC = f":(top,literal){manifest.NAME}"
"""The manifest for git commands that may run in a folder below the work tree's top."""


class Update(NamedTuple):
    """One ref of a push, as git tells pre-push on stdin."""

    local_ref: str
    local_oid: str
    remote_ref: str
    remote_oid: str


class Large(NamedTuple):
    """A blob that a push would carry."""

    path: str
    size: int
    commit: str  # the first commit of the range that has it


def read_updates(lines: Iterable[str]) -> list[Update]:
    """The refs of a push from pre-push's stdin."""
    return [Update(*fields) for line in lines if len(fields := line.split()) == 4]


def framework_updates(environment: Mapping[str, str]) -> tuple[list[Update], list[str]]:
    """(refs, [remote, URL]) of a push as the pre-commit framework tells it, in its variables.

    It names only the first ref of a push. So the second and further ones are guesses: every branch and
    tag with commits that the remote has not.
    """
    remote, url = environment.get("PRE_COMMIT_REMOTE_NAME", ""), environment.get("PRE_COMMIT_REMOTE_URL", "")
    local = environment.get("PRE_COMMIT_LOCAL_BRANCH", "HEAD")
    theirs = environment.get("PRE_COMMIT_REMOTE_BRANCH", "")
    tip = environment.get("PRE_COMMIT_TO_REF", "") or git.text("rev-parse", "--verify", "-q", f"{local}^{{}}")
    zero = "0" * len(tip)
    found = [Update(local, tip, theirs, zero)]
    known = ["--not", f"--remotes={remote}"] if remote and "/" not in remote else []
    new = set(git.text("rev-list", "--branches", "--tags", *known).split())
    for line in git.text(
        "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags"
    ).splitlines():
        ref, *oids = line.split(" ")
        if oids[-1] in new or oids[0] in new:
            found.append(Update(ref, oids[0], ref, zero))
    return found, [remote, url]


def is_zero(oid: str) -> bool:
    """Whether this is git's name for "no object"."""
    return not oid.strip("0")


def outgoing(updates: Sequence[Update], git_remote: str) -> list[str]:
    """Arguments for rev-list: what the push sends and the remote has not, as far as this clone knows."""
    new = [u.local_oid for u in updates if not is_zero(u.local_oid)]
    if not new:
        return []
    theirs = [u.remote_oid for u in updates if not is_zero(u.remote_oid)]
    here = index.sizes(theirs) if theirs else {}
    known = [f"^{oid}" for oid in theirs if oid in here]
    return [*new, *known, *(["--not", f"--remotes={git_remote}"] if git_remote and "/" not in git_remote else [])]


def manifest_blobs(revs: Sequence[str]) -> list[str]:
    """The distinct versions of models.yaml (blob names) in the commits of a range, the newest first."""
    answer = git.run(
        "log",
        "--format=",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "-m",
        "--root",
        "--diff-filter=AMT",
        *revs,
        "--",
        PATHSPEC,
    )
    return list(dict.fromkeys(line.split()[3].decode() for line in answer.splitlines() if line.startswith(b":")))


def named(repo: Repo, revs: Sequence[str], tips: Sequence[str] = ()) -> dict[str, Entry]:
    """Every object that the manifests of a range (and those of `tips`) name, by sha256, tagged versions included.

    Raises ManifestError when one of them cannot be read.
    """
    names = [*(f"{tip}:{manifest.NAME}" for tip in tips), *(manifest_blobs(revs) if revs else [])]
    found: dict[str, Entry] = {}
    for raw in dict.fromkeys(index.blobs(names).values()):
        for entry in versions(manifests.parse(repo, raw)):
            # A tagged version must be fetchable when its entry, and with it the `urls`, has moved on.
            if entry.sha256 and (entry.sha256 not in found or found[entry.sha256].urls):
                found[entry.sha256] = entry
    return found


def versions(known: Manifest) -> Iterable[Entry]:
    """The entries of a manifest, and one for each tagged version of theirs."""
    for entry in known.models.values():
        yield entry
        for version in entry.versions:
            yield Entry(
                path=entry.path,
                md5=version.md5,
                sha256=version.sha256,
                size=version.size,
                asset=version.asset,
                parts=version.parts,
            )


def names_pushed(repo: Repo, oids: set[str]) -> set[str]:
    """Those of `oids` that a commit of some remote-tracking ref names."""
    if not oids:
        return set()
    file, (tips, edges) = os.path.join(repo.models, "pushed"), _reach(repo)
    # Another version of this program may read manifests that this one cannot.
    state = (__version__, *tips, "", *edges)
    if (remembered := _remembered(file, state)) is not None:
        return oids & remembered
    found: set[str] = set()
    for raw in index.blobs([f"{tip}:{manifest.NAME}" for tip in dict.fromkeys(tips)]).values():
        found |= _oids(repo, raw)
    if oids - found and tips:
        # The whole history, which can be long.
        for raw in index.blobs(manifest_blobs(["--remotes"])).values():
            found |= _oids(repo, raw)
        if _reach(repo) == (tips, edges):  # else a fetch came between, and nobody knows what was walked
            statcache.replace(file, marshal.dumps((state, found)))
    return oids & found


def _reach(repo: Repo) -> tuple[list[str], list[str]]:
    """What the remote-tracking refs name, and the commits at which a shallow history ends."""
    tips = git.text("for-each-ref", "--format=%(objectname)", "refs/remotes").split()
    try:
        with open(os.path.join(repo.common, "shallow"), encoding="ascii") as file:
            return tips, file.read().split()
    except FileNotFoundError:
        return tips, []


def _remembered(file: str, state: tuple[str, ...]) -> set[str] | None:
    try:
        with open(file, "rb") as stream:
            # S302: the file is ours, in the git directory, where an attacker could as well write a hook.
            then, found = marshal.loads(stream.read())  # noqa: S302
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return set(found) if then == state else None


def _oids(repo: Repo, raw: bytes) -> set[str]:
    try:
        return {e.sha256 for e in versions(manifests.parse(repo, raw)) if e.sha256}
    except ManifestError:
        return set()


def large(revs: Sequence[str], limit: int) -> list[Large]:
    """The blobs of at least `limit` bytes that a range of commits introduces, largest first.

    git itself looks through the range (`--filter=blob:limit` names what it would leave out), so
    10,000 commits cost well under a second.
    """
    answer = git.run("rev-list", "--objects", f"--filter=blob:limit={limit}", "--filter-print-omitted", *revs)
    omitted = [line[1:].decode() for line in answer.splitlines() if line.startswith(b"~")]
    found = []
    for oid, size in index.sizes(omitted).items():
        where = git.run(
            "log",
            "--format=%h",
            "--raw",
            "--no-abbrev",
            "-m",
            "--root",
            "-z",
            "--reverse",
            f"--find-object={oid}",
            *revs,
        )
        commit, path = _first(where, oid)
        found.append(Large(path, size, commit))
    return sorted(found, key=lambda item: -item.size)


def _first(answer: bytes, oid: str) -> tuple[str, str]:
    """(commit, path) of the first change in `git log --raw -z` that brings the blob in."""
    commit, fields = "", answer.split(b"\0")
    for at, field in enumerate(fields):
        text = field.lstrip(b"\n")
        if text.startswith(b":"):
            if text.split()[3].decode() == oid and at + 1 < len(fields):
                return commit, os.fsdecode(fields[at + 1])
        else:
            head, _, rest = text.partition(b"\n")
            commit = head.decode("ascii", "replace") or commit
            if rest.lstrip(b"\n").startswith(b":") and rest.split()[3].decode() == oid and at + 1 < len(fields):
                return commit, os.fsdecode(fields[at + 1])
    return commit, "?"


def recorded_by(oid: str) -> str:
    """Who recorded an object, when and in which commit: "1a2b3c4 Ada, 2026-11-24"; "" if no commit did."""
    return git.text("log", "--all", "-1", "--format=%h %an, %as", f"-S{oid}", "--", PATHSPEC)
