"""Which versions this clone may give up: those that a remote was just seen to hold and that nothing here needs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from git_models import (
    exchange,
    git,
    history,
    index,
    journal,
    lock,
    manifest,
    manifests,
    objects,
    places,
    reclaim,
    transfer,
)
from git_models.errors import ManifestError, ModelsError
from git_models.journal import Event
from git_models.manifest import Entry, Manifest
from git_models.places import Place
from git_models.reclaim import Loose
from git_models.repo import Repo, worktrees

GRACE = 14.0  # days
DAY = 24 * 3600  # seconds
_STATES = ("ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD")


class Stored(NamedTuple):
    """An object of the store."""

    oid: str
    size: int  # bytes
    path: str  # of the model, "" where no commit names it
    why: str = ""  # it stays; "" it can go
    places: tuple[str, ...] = ()  # URLs that were just seen to hold it


class Plan(NamedTuple):
    """What a prune would do."""

    objects: list[Stored]  # all of the store, the oldest first
    loose: list[Loose]  # of git's own object database, to go
    troubles: list[tuple[str, ModelsError]]  # places that could not be asked

    @property
    def gone(self) -> list[Stored]:
        return [o for o in self.objects if not o.why]


def plan(repo: Repo, known: Manifest, days: float = GRACE, limit: int | None = None) -> Plan:
    """Decide for every object of the store; the remotes are asked about those that nothing here needs.

    What HEAD, index, stashes and worktrees name stays, what was checked out within `days`, and what no
    remote-tracking ref names or fewer than `models.minCopies` places hold. With `limit` only as many go,
    the oldest first, that the store holds no more bytes than that.
    """
    found = stored(repo)
    if repo.config.keep == "all":
        return Plan([Stored(oid, size, "", "models.keep is all") for oid, size in found.items()], [], [])
    named = entries(repo)
    here = needed(repo, days)
    candidates = {oid for oid in found if oid in named and oid not in here}
    pushed = history.names_pushed(repo, candidates)
    asked = {oid: named[oid] for oid in candidates & pushed if named[oid].asset}
    held, troubles = copies(repo, known, asked, compare=True)
    rows = []
    for oid, size in found.items():
        path = named[oid].path if oid in named else ""
        there = tuple(url for url, oids in held.items() if oid in oids)
        if oid in here:
            why = "in use here"
        elif oid not in named:
            why = "no commit names it"
        elif oid not in pushed:
            why = "not pushed"
        elif len(there) < repo.config.min_copies:
            why = f"on {len(there)} of {repo.config.min_copies} remotes"
        else:
            why = ""
        rows.append(Stored(oid, size, path, why, there))
    if limit is not None:
        rows = _within(rows, limit)
    verified = {oid for oids in held.values() for oid in oids}
    sizes = {r.size for r in rows} | {e.size for e in named.values()}

    def recorded(oid: str) -> bool:
        if oid in verified or bool(objects.checked(repo.models, [oid])[0]):
            return True
        return oid in named and bool(named[oid].asset) and any(copies(repo, known, {oid: named[oid]})[0].values())

    return Plan(rows, reclaim.leftovers(repo, sizes, recorded) if limit is None else [], troubles)


def stored(repo: Repo) -> dict[str, int]:
    """The store's objects and their sizes, the oldest first."""
    found = []
    for oid in objects.oids(repo.models):
        try:
            st = os.stat(objects.path(repo.models, oid))
        except FileNotFoundError:
            continue
        found.append((st.st_mtime, oid, st.st_size))
    return {oid: size for _, oid, size in sorted(found)}


def _within(rows: Sequence[Stored], limit: int) -> list[Stored]:
    total = sum(r.size for r in rows)
    kept = []
    for row in rows:
        if not row.why and total <= limit:
            kept.append(row._replace(why="within models.maxStore"))
            continue
        total -= 0 if row.why else row.size
        kept.append(row)
    return kept


def entries(repo: Repo) -> dict[str, Entry]:
    """Every object that a manifest of any commit of any ref names, tagged versions included, by SHA-256."""
    return _named(repo, history.manifest_blobs(["--all"]))


def _named(repo: Repo, names: Sequence[str]) -> dict[str, Entry]:
    """The objects of these manifests (git names); a broken manifest names none."""
    found: dict[str, Entry] = {}
    for raw in dict.fromkeys(index.blobs(names).values()):
        try:
            for entry in history.versions(manifests.parse(repo, raw)):
                if entry.sha256:
                    found.setdefault(entry.sha256, entry)
        except ManifestError:
            continue
    return found


def needed(repo: Repo, days: float) -> set[str]:
    """The objects (SHA-256) that this clone works with: HEAD, index and work tree of every worktree, stashes, reflogs.

    Of reflogs the entries of the last `days`. Raises ManifestError where a work tree's manifest cannot be
    read: nobody knows then what is needed.
    """
    manifests.current(repo)
    oids = {e.sha256 for m in manifests.everywhere(repo) for e in m.models.values()}
    commits = [*_STATES, *_stashes(), *_recent(repo, days)]
    blobs = _oids_of([f"{name}:{manifest.NAME}" for name in dict.fromkeys(commits)])
    for raw in index.blobs(blobs).values():
        try:
            oids |= {e.sha256 for e in manifests.parse(repo, raw).models.values()}
        except ManifestError:
            continue
    return oids - {""}


def _oids_of(names: Sequence[str]) -> list[str]:
    """The distinct blobs behind these names, those that there are."""
    answer = git.run("cat-file", "--batch-check=%(objectname)", input="\n".join(names).encode())
    return list(dict.fromkeys(line for line in answer.decode().splitlines() if " " not in line))


def _stashes() -> list[str]:
    """Each stash: its commit, and the index that it keeps."""
    answer = git.text("log", "-g", "--format=%H", "refs/stash", "--", ok=(0, 128))
    return [name for oid in answer.split() for name in (oid, f"{oid}^2")]


def _recent(repo: Repo, days: float) -> list[str]:
    """The commits that the reflogs of all worktrees name in the last days."""
    if not days:
        return []
    since = f"--since={int(time.time() - days * DAY)}"
    found = git.text("log", "-g", "--all", "--format=%H", since, "--", ok=(0, 128)).split()
    for top in worktrees(repo)[1:]:
        args = ("log", "-g", "--format=%H", since, "HEAD", "--")
        found += git.call(*args, cwd=top, env=git.elsewhere(), ok=(0, 128))[1].decode().split()
    return found


def copies(
    repo: Repo,
    known: Manifest,
    wanted: Mapping[str, Entry],
    where: Sequence[Place] | None = None,
    compare: bool = False,
) -> tuple[dict[str, set[str]], list[tuple[str, ModelsError]]]:
    """URL -> which of these objects (SHA-256) the place holds: each is asked now. And those that could not be.

    With `compare` a place that tells no digest has to send the beginning and the end of what it holds,
    and they are compared with the store's.
    """
    found: dict[str, set[str]] = {}
    troubles = []
    asked = places.for_pull(repo, known) if where is None else where
    for place in asked if wanted else ():
        if not place.approved:
            continue
        items = [exchange.item(e) for e in wanted.values()]
        try:
            remote = places.connect(repo, place)
            lacking = {i.sha256 for i in transfer.missing(items, remote)}
            there = [i for i in items if i.sha256 not in lacking]
            if compare and there and remote.writable and not place.anonymous:
                done = transfer.upload(there, lambda i: objects.path(repo.models, i.sha256), remote)
                there = list(done.done)
        except ModelsError as failed:
            troubles.append((place.url, failed))
            continue
        found[place.url] = {i.sha256 for i in there}
        objects.note_held(repo.models, place.url, found[place.url])
        objects.forget_held(repo.models, place.url, set(wanted) - found[place.url])
    return found, troubles


def carry_out(repo: Repo, decided: Plan, days: float = GRACE) -> tuple[list[Stored], list[Loose]]:
    """Remove what can go; what somebody began to need since it was decided stays. Returns what was removed."""
    removed = []
    with lock.hold(repo.models, "pruning"):
        here = needed(repo, days)
        for row in decided.gone:
            if row.oid in here:
                continue
            try:
                os.unlink(objects.path(repo.models, row.oid))
            except FileNotFoundError:
                continue  # another prune was quicker
            removed.append(row)
    blobs = set(reclaim.now(repo, [item.blob for item in decided.loose]))
    loose = [item for item in decided.loose if item.blob in blobs]
    journal.note(repo.models, _events(removed))
    return removed, loose


def _events(removed: Iterable[Stored]) -> Iterable[Event]:
    return (Event("prune", r.path, r.oid, r.size, r.places[0] if r.places else "") for r in removed)


def to_limit(repo: Repo, known: Manifest) -> list[Stored]:
    """Bring the store below `models.maxStore`, as far as that is safe; nothing is asked while it is."""
    limit = repo.config.max_store
    if not limit or sum(stored(repo).values()) <= limit:
        return []
    return carry_out(repo, plan(repo, known, limit=limit))[0]
