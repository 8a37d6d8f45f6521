"""Old versions on another place: copied, verified there, and still found by a pull."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import NamedTuple

from git_models import exchange, git, lineage, lock, objects, places, pruning, transfer
from git_models.errors import ModelsError, word
from git_models.exchange import Failure
from git_models.manifest import Entry, Manifest
from git_models.output import Output
from git_models.places import Place
from git_models.repo import Repo


class Archived(NamedTuple):
    """What an archiving did."""

    sent: list[Entry]
    already: int  # versions that the place had
    failed: list[Failure]


def older(repo: Repo, known: Manifest, paths: Collection[str]) -> dict[str, Entry]:
    """The versions of these models that are not the present ones, by SHA-256: of branches, tags and earlier names.

    Raises ModelsError in a shallow clone, which knows of a part of them only.
    """
    if git.text("rev-parse", "--is-shallow-repository") == "true":
        raise ModelsError(
            "this clone is shallow: it cannot know which older versions there are", "git fetch --unshallow"
        )
    present = {e.sha256 for e in known.models.values()}
    rows = lineage.log(repo, known, list(paths), ("HEAD", "--branches", "--tags"))
    found = {row.entry.sha256: row.entry for row in rows if row.entry.asset}
    return {oid: entry for oid, entry in found.items() if oid and oid not in present}


def archive(repo: Repo, known: Manifest, place: Place, wanted: Mapping[str, Entry], out: Output) -> Archived:
    """Bring versions to a place, from here or from the places that have them.

    What was fetched for it leaves the store again. Raises ModelsError.
    """
    places.need_writable(place)
    if place.url not in {p.url for p in places.for_pull(repo, known)}:
        raise ModelsError(
            f"no pull would look at {place.url}, so what lies there alone could not be found again",
            f"git models remote add NAME {word(place.url)}",
        )
    remote = places.connect(repo, place)
    absent = {i.sha256 for i in transfer.missing([exchange.item(e) for e in wanted.values()], remote)}
    need = [e for oid, e in wanted.items() if oid in absent and not objects.has(repo.models, oid)]
    failed: list[Failure] = []
    if need:
        others = [p for p in places.for_pull(repo, known) if p.url != place.url]
        failed = list(exchange.fetch(repo, known, need, out, only=others).failed)
    ready = {oid: e for oid, e in wanted.items() if oid not in absent or objects.has(repo.models, oid)}
    done = exchange.push(repo, place, ready, out, ask=True)
    _give_up(repo, [e.sha256 for e in need])
    return Archived(list(done.sent), done.already, [*failed, *done.failed])


def _give_up(repo: Repo, oids: Collection[str]) -> None:
    held = objects.held_anywhere(repo.models)
    with lock.hold(repo.models, "archiving"):
        needed = pruning.needed(repo, pruning.GRACE)
        for oid in oids:
            if oid in held and oid not in needed and objects.has(repo.models, oid):
                os.unlink(objects.path(repo.models, oid))
