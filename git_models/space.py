"""What the models of a repository take up, and where: the work tree, the store, backups, remotes."""

from __future__ import annotations

import os
from typing import NamedTuple

from git_models import backups, git, history, manifests, objects, places, pruning
from git_models.errors import ModelsError
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo
from git_models.sight import Sight, states


class Version(NamedTuple):
    """One version of a model, and where its bytes lie."""

    path: str  # "" for an object that no manifest names
    version: str  # tagged, or ""
    sha256: str
    size: int  # bytes
    in_tree: bool
    in_store: bool
    remotes: tuple[str, ...]  # URLs


class Report(NamedTuple):
    """Bytes, unless a name says otherwise."""

    versions: list[Version]
    work_tree: int  # of the recorded models' files, whatever is in them
    unfinished: int  # drafts and downloads that broke off
    lost: int  # objects that failed their hash
    git: int  # git's own object database
    backups: dict[str, tuple[int, int]]  # folder -> (number, bytes)
    remotes: dict[str, tuple[int, int]]  # URL -> (number of objects of this repository, bytes)


def survey(repo: Repo, known: Manifest, ask: bool = False) -> tuple[Report, list[tuple[str, ModelsError]]]:
    """Look everywhere; remotes by what they were seen to hold or, with `ask`, by asking. And who did not answer."""
    named = _named(repo)
    troubles: list[tuple[str, ModelsError]] = []
    there: dict[str, set[str]] = {}
    for place in places.for_pull(repo, known):
        held = objects.held(repo.models, place.url)
        if ask and place.approved:
            wanted = {oid: e for oid, e in named.items() if e.asset}
            copies, failed = pruning.copies(repo, known, wanted, [place])
            held = copies.get(place.url, held)
            troubles += failed
        there[place.url] = held
    sight = Sight(repo)
    on_disk = {s.oid for s in states(repo, known, sight) if s.oid}
    sight.save(known)
    stored = pruning.stored(repo)
    tags = {v.sha256: v.version for e in known.models.values() for v in e.versions}
    rows = []
    for oid in dict.fromkeys([*named, *stored]):
        entry = named.get(oid, Entry(""))
        size = stored.get(oid, max(entry.size, 0))
        holders = tuple(url for url, oids in there.items() if oid in oids)
        rows.append(Version(entry.path, tags.get(oid, ""), oid, size, oid in on_disk, oid in stored, holders))
    rows.sort(key=lambda v: (not v.path, v.path, v.version == "", v.version, v.sha256))
    shelves = [s for s in backups.searched(repo, known) if not s.place]
    kept = {s.where: [max(b.size, 0) for b in backups.held(repo, s)] for s in shelves}
    report = Report(
        versions=rows,
        work_tree=sum(_size(repo.path(p)) for p in known.models),
        unfinished=_below(os.path.join(repo.models, "tmp")) + _below(os.path.join(repo.models, "incomplete")),
        lost=_below(os.path.join(repo.models, "lost")),
        git=_git(),
        backups={where: (len(sizes), sum(sizes)) for where, sizes in kept.items() if sizes},
        remotes={url: (len(own := [v for v in rows if url in v.remotes]), sum(v.size for v in own)) for url in there},
    )
    return report, troubles


def _named(repo: Repo) -> dict[str, Entry]:
    """Every object that a commit, an index or a work tree names."""
    found = pruning.entries(repo)
    for known in manifests.everywhere(repo):
        for entry in history.versions(known):
            if entry.sha256:
                found[entry.sha256] = entry
    return found


def _git() -> int:
    """Bytes of git's object database, loose and packed."""
    facts = dict(line.split(": ") for line in git.text("count-objects", "-v").splitlines() if ": " in line)
    return sum(int(facts[key]) * 1024 for key in ("size", "size-pack") if facts.get(key, "").isdecimal())


def _size(file: str) -> int:
    try:
        return os.lstat(file).st_size
    except OSError:
        return 0


def _below(folder: str) -> int:
    return sum(_size(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)
