"""Which backups are old enough to go, and deleting them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence

from git_models import backups, journal, link, places
from git_models.backups import META, Backup
from git_models.journal import Event
from git_models.repo import Repo

DAY = 24 * 3600.0  # seconds


def taken(backup: Backup) -> float:
    """When the backup was made, in seconds since the epoch: by its metadata, else by its name."""
    try:
        return datetime.datetime.fromisoformat(backup.date).timestamp()
    except ValueError:
        return datetime.datetime.strptime(backups.stamp_of(backup.name), "%Y%m%d_%H%M%S").timestamp()


def plan(found: Sequence[Backup], keep: int | None, days: float | None, now: float) -> list[Backup]:
    """The backups that need not be kept, the oldest first.

    For each model and place the `keep` newest stay, and those younger than `days`; whatever one of the
    two rules keeps is kept. The newest of a model stays in any case, and so does what has no metadata.
    """
    groups: dict[tuple[str, str], list[Backup]] = {}
    for backup in found:
        if backup.sha256:
            groups.setdefault((backup.shelf.where, backup.source), []).append(backup)
    gone = []
    for group in groups.values():
        ranked = sorted(group, key=lambda b: (taken(b), b.name), reverse=True)
        for rank, backup in enumerate(ranked):
            many = keep is None or rank >= keep
            old = days is None or now - taken(backup) > days * DAY
            if rank and many and old:
                gone.append(backup)
    return sorted(gone, key=taken)


def delete(repo: Repo, gone: Sequence[Backup]) -> None:
    """Delete backups, each with its metadata last: what is left of a killed call is no backup. Raises ModelsError."""
    for backup in gone:
        if backup.shelf.place:
            remote = places.connect(repo, backup.shelf.place)
            for asset in (*(p.asset for p in backup.parts), backup.name, backup.name + META):
                remote.delete(asset)
        else:
            link.need_inside(repo.top, backup.shelf.where)
            for file in (backup.file, backup.file + META):
                try:
                    os.unlink(file)
                except FileNotFoundError:
                    pass
        event = Event("delete", backup.source, backup.sha256, backup.size, backup.shelf.where, backup.name)
        journal.note(repo.models, [event])
