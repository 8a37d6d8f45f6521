"""From one place to another: directly where the services can, else through this machine, a few objects at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from git_models import exchange, lock, objects, places, selection, transfer
from git_models.errors import ModelsError
from git_models.exchange import Failure
from git_models.manifest import EMPTY, Entry
from git_models.output import Output
from git_models.places import Place
from git_models.remotes import Remote, Taking
from git_models.repo import Repo

BATCH = 4 * 10**9
"""Bytes that lie here at once on their way; a larger object goes alone."""


class Copied(NamedTuple):
    """What a copy did."""

    sent: tuple[Entry, ...]  # verified at the target; with a dry run: what would be
    direct: int  # how many of them did not pass through this machine
    already: int
    failed: tuple[Failure, ...]


def copy(repo: Repo, source: Place, target: Place, wanted: Mapping[str, Entry], out: Output, dry_run: bool) -> Copied:
    """Bring to `target` what it lacks of the objects (sha256 → entry) and `source` has.

    Raises ModelsError for what is wrong with a place as a whole.
    """
    places.need_writable(target)
    there = places.connect(repo, target)
    if not there.writable:
        raise ModelsError(f"{target.name} ({target.url}) can only be read", "git models remote list")
    lacking = list(exchange.lacking(repo, target, wanted).values())
    already = len(wanted) - len(lacking)
    if dry_run or not lacking:
        return Copied(tuple(lacking), 0, already, ())
    sent = _directly(places.connect(repo, source), there, lacking, out)
    objects.note_held(repo.models, target.url, [e.sha256 for e in sent])
    direct, failed = len(sent), list[Failure]()
    rest = [e for e in lacking if e not in sent]
    for batch in _batches(rest):
        good, bad = _through_here(repo, source, target, batch, out)
        sent += good
        failed += bad
    return Copied(tuple(sent), direct, already, tuple(failed))


def _directly(source: Remote, target: Remote, entries: Sequence[Entry], out: Output) -> list[Entry]:
    """Those that the services moved between themselves, verified at the target."""
    if not isinstance(target, Taking):
        return []
    taken = []
    for entry in entries:
        uploads = transfer.uploads_of(exchange.item(entry), "")
        try:
            if all(target.take(source, upload) for upload in uploads):
                taken.append(entry)
        except ModelsError as failed:
            out.note(f"{entry.path} goes through this machine: {failed.what}")
    target.finish()
    missing = {i.sha256 for i in transfer.missing([exchange.item(e) for e in taken], target)}
    return [e for e in taken if e.sha256 not in missing]


def _through_here(
    repo: Repo, source: Place, target: Place, batch: Sequence[Entry], out: Output
) -> tuple[list[Entry], list[Failure]]:
    """Fetch, push, and let go again of what was not here before: two places have it by then."""
    absent = selection.absent_objects(repo, batch)
    failed: list[Failure] = []
    if absent:
        failed += exchange.fetch(repo, EMPTY, absent, out, only=[source]).failed
    paths = {f.path for f in failed}
    here = {e.sha256: e for e in batch if e.path not in paths or e not in absent}
    done = exchange.push(repo, target, here, out)
    bad = {f.path for f in done.failed}
    with lock.hold(repo.models, "pruning"):
        for entry in absent:
            if entry.sha256 in here and entry.path not in bad:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(objects.path(repo.models, entry.sha256))
    return [e for e in here.values() if e.path not in bad], [*failed, *done.failed]


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        if batch and sum(e.size for e in batch) + entry.size > BATCH:
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch
