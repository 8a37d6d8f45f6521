"""What happened on this machine: uploads, downloads, backups, activations, with their dates.

One line of JSON an event, in `models/journal`, shared by all worktrees. Lines are only ever
appended, each in one write: writers need no lock. It is a memory, not a truth: nothing is decided by it.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from git_models import jsons
from git_models.urls import redact

EVENTS = ("upload", "download", "backup", "restore", "activate", "prune", "delete")


class Event(NamedTuple):
    """One thing that happened to one model."""

    event: str  # one of EVENTS
    path: str  # of the model, or the file's name where it is no model
    sha256: str = ""
    size: int = -1  # bytes
    place: str = ""  # URL or folder that the bytes came from or went to, without secrets
    name: str = ""  # of the backup, or the name that was activated
    version: str = ""
    at: str = ""  # local time with its offset, ISO 8601


def now() -> str:
    """The local time with its offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def note(models: str, events: Iterable[Event]) -> None:
    """Append events, dated now unless they are dated. A journal that cannot be written stops nobody's work."""
    lines = []
    for event in events:
        fields = event._replace(place=redact(event.place), at=event.at or now())._asdict()
        kept = {key: value for key, value in fields.items() if value not in ("", -1)}
        lines.append(json.dumps(kept, ensure_ascii=True))
    if not lines:
        return
    try:
        os.makedirs(models, exist_ok=True)
        file = os.open(os.path.join(models, "journal"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            # A line that a killed writer left unfinished ends here.
            os.write(file, ("\n" + "\n".join(lines) + "\n").encode("ascii"))
        finally:
            os.close(file)
    except OSError:
        pass


def read(models: str, paths: Iterable[str] = ()) -> list[Event]:
    """The events of these models (of all without `paths`), the oldest first; other lines are passed over."""
    wanted = set(paths)
    found = []
    try:
        with open(os.path.join(models, "journal"), encoding="ascii", errors="replace") as file:
            for line in file:
                event = _event(line)
                if event and (not wanted or event.path in wanted):
                    found.append(event)
    except FileNotFoundError:
        pass
    return found


def _event(line: str) -> Event | None:
    try:
        fields = jsons.read(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or fields.get("event") not in EVENTS or not isinstance(fields.get("path"), str):
        return None
    event = Event(**{key: value for key, value in fields.items() if key in Event._fields})
    texts = (event.sha256, event.place, event.name, event.version, event.at)
    return event if isinstance(event.size, int) and all(isinstance(t, str) for t in texts) else None
