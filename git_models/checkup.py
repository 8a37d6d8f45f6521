"""More of what `doctor` asks: sizes, permissions, where models come from, backups, and what got past the hooks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from git_models import (
    audit,
    backups,
    index,
    layout,
    link,
    places,
    presence,
    remotes,
    statcache,
)
from git_models.backups import Backup
from git_models.diagnosis import PATIENCE, Case, Check
from git_models.errors import ModelsError, word
from git_models.findings import Finding
from git_models.output import size


def commits(case: Case) -> Iterator[Finding]:
    """Weights that git itself tracks: in commits that are not pushed yet, or large ones anywhere in the index."""
    fresh = audit.past_the_hooks(case.repo, case.known, index.head())
    yield from (f._replace(what=f"{f.what}: no hook took it out") for f in fresh)
    seen = {f.path for f in fresh}
    yield from (f for f in audit.tracked(case.repo, case.known) if f.path not in seen)


def reading(case: Case) -> Iterator[Finding]:
    """The places that models are fetched from, besides those that they go to, and the links of entries."""
    repo = case.repo
    try:
        targets = {p.url for p in places.for_push(repo, case.known)}
    except ModelsError:
        targets = set()  # its own check says so
    for place in places.for_pull(repo, case.known):
        if place.url in targets or not place.approved:
            continue
        try:
            places.connect(repo, place, PATIENCE).has(["git-models-doctor-asks.pt"])
        except ModelsError as failed:
            yield Finding(
                f"{place.name} ({place.url}): {failed.what}", failed.fix or f"git models remote test {place.name}"
            )
    linked = [e for e in case.known.models.values() if e.urls]
    yield from presence.links(linked, remotes.Options(top=repo.top, from_manifest=True, patience=PATIENCE))


def sizes(case: Case) -> Iterator[Finding]:
    """What a place would refuse because it is too large in one piece."""
    repo = case.repo
    try:
        targets = places.for_push(repo, case.known)
    except ModelsError:
        return
    for place in targets:
        try:
            most = places.connect(repo, place, PATIENCE).limit
        except ModelsError:
            continue
        if most is None:
            continue
        if repo.config.part_size > most:
            yield Finding(
                f"models.partSize is {size(repo.config.part_size)}, and {place.url} takes {size(most)} in one piece",
                "git config --unset models.partSize",
            )
        for path, entry in case.known.models.items():
            if not entry.urls and max((p.size for p in entry.parts), default=entry.size) > most:
                yield Finding(
                    f"{path} ({size(entry.size)}) is too large for {place.url}, which takes {size(most)} in one piece",
                    f"git config models.partSize 1900M && git models add {word(path)}",
                    path,
                )


def permissions(case: Case) -> Iterator[Finding]:
    """Folders that files must be put into, and models that must be read."""
    repo = case.repo
    inside = [os.path.join(repo.models, name) for name in ("", "objects", "tmp", "incomplete", "held")]
    folders = [repo.top, repo.common, *inside, *{os.path.dirname(repo.path(p)) for p in case.known.models}]
    if repo.config.layout:
        folders += [repo.path(layout.folder(repo, name)) for name in (layout.TRAINED, layout.ACTIVE, layout.BACKUPS)]
    try:
        folders += [s.where for s in backups.shelves(repo, case.known) if not s.place]
    except ModelsError as failed:
        yield Finding(failed.what, failed.fix)
    for folder in dict.fromkeys(os.path.normpath(f) for f in folders):
        if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
            yield Finding(
                f"no permission to put files into {folder}", f"chmod u+wx {folder}   # or ask its owner: ls -ld"
            )
    for path in case.known.models:
        if os.path.isfile(repo.path(path)) and not os.access(repo.path(path), os.R_OK):
            yield Finding(f"no permission to read {path}", f"chmod u+r {path}", path)


def backups_(case: Case) -> Iterator[Finding]:
    """Backups that are not what their metadata say. A file in a folder is hashed once, as long as its stat stays."""
    repo = case.repo
    file = os.path.join(repo.models, "backups-stat")
    cache = statcache.load(file)
    fresh: dict[str, statcache.Record] = {}
    try:
        shelves = backups.searched(repo, case.known)
    except ModelsError:
        return  # `permissions` names it
    for shelf in shelves:
        try:
            for backup in backups.held(repo, shelf):
                if backup.sha256 and (fault := _fault(case, backup, cache, fresh)):
                    yield Finding(
                        f"the backup {backup.file} {fault}",
                        f"rm {word(backup.file)}*; git models backup {word(os.path.basename(backup.source))}",
                        backup.source,
                    )
        except ModelsError as failed:
            yield Finding(f"the backups at {shelf.where} could not be asked for: {failed.what}", failed.fix)
    if fresh:
        statcache.save(file, {**cache, **fresh}, {})


def _fault(case: Case, backup: Backup, cache: dict[str, statcache.Record], fresh: dict[str, statcache.Record]) -> str:
    """What is wrong with a copy, "" if nothing can be seen."""
    if backup.shelf.place:
        there = places.connect(case.repo, backup.shelf.place, PATIENCE).has([backup.name]).get(backup.name)
        if backup.parts or there is None:
            return ""  # it was listed a moment ago
        other = there.sha256 not in (None, backup.sha256)
        return "has other bytes than its metadata say" if other or there.size != backup.size else ""
    st = os.stat(backup.file)
    if st.st_size != backup.size:
        return f"has {st.st_size} bytes instead of {backup.size}"
    known = cache.get(backup.file)
    if known is None or not statcache.trusted(known, st):
        at = time.time_ns()
        with open(backup.file, "rb") as opened:
            digests = link.hashed(opened.fileno())
        known = fresh[backup.file] = statcache.record(digests.sha256, digests.md5, st, at)
    return "" if known[0] == backup.sha256 else "has another SHA-256 than its metadata say"


CHECKS: dict[str, Check] = {
    "commits": commits,
    "reading": reading,
    "sizes": sizes,
    "permissions": permissions,
    "backups": backups_,
}
"""Name → question, asked after those of `diagnosis`."""
