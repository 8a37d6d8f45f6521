"""From here to a remote: what it lacks, sent once, and seen there before anybody relies on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from git_models.errors import ModelsError, NotThere, RemoteError, Transient, word
from git_models.hashing import BLOCK, Hasher
from git_models.manifest import Part
from git_models.output import size as shown
from git_models.remotes.base import Advance, EmptyRepository, Held, Remote, Upload
from git_models.workers import Crew, Item, Outcome, Pace, Wait, each

ENDS = 64 << 10
"""Bytes compared at each end of an asset where the service tells no digest."""


POLITE = 4
"""Uploads at once to a service that counts requests: bursts of more have been cut."""

RATE = 5_000_000
"""Bytes a second that an upload makes where nothing is known: a good home line."""


def estimate(items: Sequence[Item], remote: Remote, rate: float = RATE) -> float:
    """Seconds that an upload takes: at `rate` bytes a second, and at what the service bears."""
    files = sum(len(item.assets) for item in items)
    line = sum(item.size for item in items) / rate
    minutes = (files - 1) // remote.per_minute if remote.per_minute else 0
    hours = (files - 1) // remote.per_hour if remote.per_hour else 0
    return max(line, minutes * 60.0, hours * 3600.0)


def missing(
    items: Sequence[Item],
    remote: Remote,
    *,
    wait: Wait = lambda _seconds, _why: None,
    pace: Pace | None = None,
) -> list[Item]:
    """Those that the remote does not hold completely, in their order. Raises RemoteError."""
    if not items:
        return []
    names = [asset for item in items for asset in item.assets]
    held = Crew(pace or Pace(), 30.0, wait).keep_trying(lambda: remote.has(names))
    return [item for item in items if any(_fault(held.get(up.asset), up) for up in uploads_of(item, ""))]


def upload(
    items: Sequence[Item],
    file_of: Callable[[Item], str],
    remote: Remote,
    *,
    jobs: int = 4,
    advance: Advance = lambda _: None,
    wait: Wait = lambda _seconds, _why: None,
    pace: Pace | None = None,
    lasting: bool = False,
) -> Outcome:
    """Send what the remote lacks and verify it there.

    `file_of` names the local file of an item; its bytes must be known to be good. With `lasting` nobody
    ever writes to these files, so that a folder may link to them. One file that fails does not keep the
    others from going up. Raises RemoteError for what is wrong with the remote as a whole,
    EmptyRepository among them.
    """
    if not remote.writable:
        raise RemoteError(f"{remote.name} ({remote.url}) can only be read")
    crew = Crew(pace or Pace(), 30.0, wait)
    if remote.per_minute:
        jobs = min(jobs, POLITE)
    failed: dict[Item, ModelsError] = {}
    uploads: dict[Item, list[Upload]] = {}
    for item in dict.fromkeys(items):
        try:
            uploads[item] = [up._replace(lasting=lasting) for up in _checked(item, file_of(item), remote)]
        except ModelsError as error:
            failed[item] = error
    names = [up.asset for ups in uploads.values() for up in ups]
    held = crew.keep_trying(lambda: remote.has(names)) if names else {}
    todo: dict[str, Upload] = {}
    for ups in uploads.values():
        todo.update({up.asset: up for up in ups if up.asset not in held})
    sent, refused = 0, {}
    for up, result in each(list(todo.values()), lambda up: _send(up, remote, crew, advance), jobs, crew.stop):
        if isinstance(result, EmptyRepository):
            raise result  # the same for every file
        if isinstance(result, ModelsError):
            refused[up.asset] = result
        sent += up.size if result is None else 0
    if len(refused) < len(todo):
        crew.keep_trying(remote.finish)
        held |= crew.keep_trying(lambda: remote.has(list(todo)))
    for item, ups in uploads.items():
        for up in ups:
            try:
                if up.asset in refused:
                    raise refused[up.asset]
                _verify(held.get(up.asset), up, remote, crew)
            except ModelsError as error:
                failed[item] = error
                break
    done = tuple(item for item in uploads if item not in failed)
    return Outcome(done, tuple(failed.items()), sent)


def parts_of(file: str, asset: str, most: int) -> tuple[Part, ...]:
    """The parts in which a file of more than `most` bytes goes up; () for a smaller one.

    Reads the file once. `cat NAME.part-*` in the order of their names gives the file back.
    """
    size = os.stat(file).st_size
    count = -(-size // most)
    if count < 2:
        return ()
    width = max(2, len(str(count)))
    parts = []
    with open(file, "rb") as source:
        for number in range(1, count + 1):
            rest = length = min(most, size - (number - 1) * most)
            hasher = Hasher()
            while rest and (data := source.read(min(BLOCK, rest))):
                hasher.update(data)
                rest -= len(data)
            digests = hasher.digests()
            if rest:
                raise ModelsError(f"{file} became shorter while it was read")
            name = f"{asset}.part-{number:0{width}}-of-{count:0{width}}"
            parts.append(Part(name, length, digests.sha256, digests.md5))
    return tuple(parts)


def uploads_of(item: Item, file: str) -> Iterator[Upload]:
    """What has to be sent of an item that lies in a local file: itself, or its parts."""
    label = f"{item.path} {item.version}".strip()
    if not item.parts:
        yield Upload(item.asset, file, 0, item.size, item.sha256, item.md5, label)
    offset = 0
    for number, part in enumerate(item.parts, 1):
        piece = f"{label} (part {number} of {len(item.parts)})"
        yield Upload(part.asset, file, offset, part.size, part.sha256, part.md5, piece)
        offset += part.size


def _checked(item: Item, file: str, remote: Remote) -> list[Upload]:
    """The uploads of an item. Raises ModelsError for what cannot work, before anything is sent."""
    try:
        size = os.stat(file).st_size
    except OSError as error:
        raise ModelsError(f"{item.path}: its bytes cannot be read ({file}: {error.strerror})") from error
    if size != item.size:
        raise ModelsError(
            f"{item.path}: {file} has {size} bytes, models.yaml says {item.size}", fix="git models verify"
        )
    ups = list(uploads_of(item, file))
    if remote.limit is not None and (large := [up for up in ups if up.size > remote.limit]):
        raise RemoteError(
            f"{item.path}: {shown(large[0].size)} in one piece is too much for {remote.name} ({shown(remote.limit)})",
            fix=f"git config models.partSize 1900M && git models add {word(item.path)}",
        )
    return ups


def _send(up: Upload, remote: Remote, crew: Crew, advance: Advance) -> None:
    moved = 0

    def count(number: int) -> None:
        nonlocal moved
        crew.check()
        moved += number
        advance(number)

    def once() -> None:
        nonlocal moved
        crew.turn(remote.per_minute)
        try:
            remote.put(up, count)
        except Transient:
            # The answer is lost, not necessarily the upload: look before it is sent again.
            advance(-moved)
            moved = 0
            if up.asset not in remote.has([up.asset]):
                raise
            advance(up.size)

    crew.keep_trying(once)


def _fault(held: Held | None, up: Upload) -> str:
    """What is wrong with what a remote holds, "" if nothing that can be seen from here."""
    if held is None:
        return "is not there"
    if held.size != up.size:
        return f"has {held.size} bytes there instead of {up.size}"
    if held.sha256 and held.sha256 != up.sha256:
        return f"has SHA-256 {held.sha256} there instead of {up.sha256}"
    return ""


def _verify(held: Held | None, up: Upload, remote: Remote, crew: Crew) -> None:
    """Raises RemoteError unless the remote holds these bytes."""
    fault = _fault(held, up)
    if not fault and held and not held.sha256 and not crew.keep_trying(lambda: _same_ends(up, remote)):
        fault = "has other bytes there"
    if fault:
        raise RemoteError(
            f"{up.label}: {up.asset} {fault} ({remote.name}). Nothing was replaced.",
            fix=f"look at {remote.url}; once the wrong file is removed there: git models push",
        )


def _same_ends(up: Upload, remote: Remote) -> bool:
    for start, stop in {(0, min(ENDS, up.size)), (max(0, up.size - ENDS), up.size)}:
        if start == stop:
            continue
        with open(up.file, "rb") as file:
            file.seek(up.offset + start)
            mine = file.read(stop - start)
        try:
            with remote.get(up.asset, start, stop) as body:
                theirs = b"".join(_first(iter(body), stop - body.start))[start - body.start :]
        except NotThere:
            return False
        if theirs != mine:
            return False
    return True


def _first(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        yield block[:count]
        count -= len(block)
        if count <= 0:
            return
