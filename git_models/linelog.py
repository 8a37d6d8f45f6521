"""Logs of one line a record that several processes append to without a lock, and that each asks again and again.

A record is a key and its fields, divided by tabs; of several with one key the last counts. What this process has
read is not read again. They are caches: a line that a killed process left unfinished is passed over, and what
another process appends at the instant in which a long log is written anew is forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from git_models import statcache

_LONG = 4 << 20  # bytes

# file -> how long it was when this process wrote it anew: what is long because much is kept may double first
_shortest: dict[str, int] = {}

# file -> its inode, how far it was read, the records
_read: dict[str, tuple[int, int, dict[str, list[str]]]] = {}


def read(file: str) -> Mapping[str, Sequence[str]]:
    """The fields of all records by key; none when there is no such file."""
    inode, end, known = _read.get(file, (0, 0, {}))
    try:
        with open(file, "rb", buffering=0) as log:
            st = os.fstat(log.fileno())
            if inode != st.st_ino or end > st.st_size:
                end, known = 0, {}
            log.seek(end)
            new, newline, _ = log.read(max(0, st.st_size - end)).rpartition(b"\n")
    except FileNotFoundError:
        return {}
    if newline:
        for line in new.decode("utf-8", "replace").split("\n"):
            key, *fields = line.split("\t")
            known[key] = fields
    _read[file] = st.st_ino, end + len(new) + len(newline), known
    return known


def append(file: str, rows: Iterable[Sequence[object]], keep: Callable[[str], bool]) -> None:
    """Add records, whose fields hold no tab and no newline. A log that became long is left with those to `keep`.

    A failure to write is none: all is looked at again next time.
    """
    lines = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    if not lines:
        return
    try:
        with open(file, "ab", buffering=0) as log:
            log.write(("\n" + lines).encode("utf-8", "replace"))  # the newline ends what a killed process began
            grown = log.tell() > max(_LONG, 2 * _shortest.get(file, 0))
    except OSError:
        return
    if grown:
        kept = {key: fields for key, fields in read(file).items() if keep(key)}
        data = "".join("\t".join((key, *fields)) + "\n" for key, fields in kept.items()).encode("utf-8")
        statcache.replace(file, data)
        _shortest[file] = len(data)
