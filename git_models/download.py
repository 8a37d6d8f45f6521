"""From remotes to here: whole, verified, resumed where it broke off, or not at all."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from git_models import messages, patterns
from git_models.errors import ModelsError, NotAModel, NotThere, Offline, RemoteError, StartOver, Transient
from git_models.output import size as shown
from git_models.partfile import SMALL, Cut, PartFile, disk, sweep
from git_models.pieces import Piece, Segment, pieces_of, segments_of
from git_models.remotes import at_once
from git_models.remotes import links as direct
from git_models.remotes.base import Advance, Body, Options, Remote, Source
from git_models.workers import Crew, Item, Outcome, Pace, Stopped, Wait, each

RESTARTS = 3
"""How often a file is begun again with one source."""

IMPATIENT = 10.0
"""Seconds that a source may make us wait while another one could be asked."""


class Sink(Protocol):
    """Where the bytes of a piece go; `at` is the offset of the next one."""

    @property
    def at(self) -> int: ...

    def write(self, data: bytes) -> None: ...


def download(
    items: Sequence[Item],
    folder: str,
    remotes: Sequence[Remote],
    *,
    land: Callable[[Item, str], None],
    jobs: int = 4,
    advance: Advance = lambda _: None,
    wait: Wait = lambda _seconds, _why: None,
    patience: float = 30.0,
    links: Source | None = None,
    pace: Pace | None = None,
) -> Outcome:
    """Fetch items into `folder` and hand each verified file to `land`, which moves it away.

    Remotes are tried in order for each item, then its `urls` through `links`. Items with the same
    hash are fetched and landed once. `land` is called in the caller's thread, one file at a time; it
    moves the file away or notes where it is to do so later, and syncs it. `wait` is told (seconds
    still, reason) once a second while a service makes us wait.

    What breaks off stays in `folder` for the next call. Raises ModelsError when the disk cannot take
    it all; what is wrong with one item is in the outcome.
    """
    alike: dict[str, list[Item]] = {}
    for item in sorted(dict.fromkeys(items), key=lambda item: -item.size):
        alike.setdefault(key(item), []).append(item)
    if not alike:
        return Outcome((), (), 0)
    first = [group[0] for group in alike.values()]
    with disk(folder):
        os.makedirs(folder, exist_ok=True)
        sweep(folder)
    _room(first, folder)
    if links is None and any(item.urls for item in first):
        # They stand in the manifest, which a stranger may have written.
        links = direct(Options(from_manifest=True, patience=patience))
    jobs = jobs if any(item.urls for item in first) else at_once(remotes, jobs)
    crew = Crew(pace or Pace(), patience, wait)
    batch = _Batch(crew, folder, tuple(remotes), links, jobs, advance, alone=len(first) == 1)
    done: list[Item] = []
    failed: list[tuple[Item, ModelsError]] = []
    for item, result in each(first, batch.fetch, jobs, crew.stop):
        outcome = _landed(item, result, land)
        if outcome:
            failed += ((one, outcome) for one in alike[key(item)])
        else:
            done += alike[key(item)]
    return Outcome(tuple(done), tuple(failed), batch.moved, batch.served)


def _landed(item: Item, result: PartFile | ModelsError, land: Callable[[Item, str], None]) -> ModelsError | None:
    if isinstance(result, ModelsError):
        return result
    try:
        found = result.digests()  # an entry may name one hash alone
        land(item._replace(sha256=found.sha256, md5=found.md5), result.path)
    except ModelsError as error:
        result.close()
        return error
    result.close(landed=True)
    return None


def key(item: Item) -> str:
    """The name under which a download of this item waits. Raises ModelsError without any hash."""
    if not item.sha256 and not item.md5:
        raise ModelsError(f"{item.path}: models.yaml has no hash for it, so nothing that arrives can be trusted")
    return item.sha256 or f"md5-{item.md5}"


def _room(items: Sequence[Item], folder: str) -> None:
    need = sum(max(item.size, 0) for item in items)
    for item in items:
        try:
            need -= min(os.stat(os.path.join(folder, f"{key(item)}.part")).st_size, max(item.size, 0))
        except (OSError, ModelsError):
            pass
    free = shutil.disk_usage(folder).free
    if need > free:
        raise ModelsError(
            f"{shown(need)} are missing and only {shown(free)} are free on the disk of {folder}",
            fix="free some space, or fetch less: git models pull PATH",
        )


class _Batch:
    def __init__(
        self,
        crew: Crew,
        folder: str,
        remotes: tuple[Remote, ...],
        links: Source | None,
        jobs: int,
        advance: Advance,
        alone: bool,
    ) -> None:
        self.crew, self.folder, self.remotes, self.links = crew, folder, remotes, links
        self.jobs, self.advance, self.alone = jobs, advance, alone
        self.moved = 0
        self.served: dict[str, str] = {}  # sha256 -> the remote that sent all of it
        self._dark: dict[str, Offline] = {}  # remotes that do not answer
        self._lock = threading.Lock()

    def fetch(self, item: Item) -> PartFile:
        """The verified file of an item. Raises ModelsError."""
        segments = segments_of(item)
        cuts = [Cut(s.stop, p.sha256, p.asset) for s, p in zip(segments, item.parts, strict=False)]
        part = PartFile(self.folder, key(item), cuts, resumable=not 0 <= item.size <= SMALL)
        try:
            part.resume(item.size)
            if part.solid == item.size:
                if not _differs(item, part):
                    self._count(part.solid, moved=False)
                    return part
                part.rewind()
            self._count(part.solid, moved=False)
            errors: list[ModelsError] = []
            sources = self._sources(item, segments)
            for remote, stretch in sources:
                if remote.url in self._dark:
                    errors.append(self._dark[remote.url])
                    continue
                try:
                    # Rather to the next source than a long wait for this one.
                    limit = None if remote is sources[-1][0] else IMPATIENT
                    self._from(remote, stretch, item, part, limit)
                    return part
                except RemoteError as error:
                    errors.append(error)
                    if isinstance(error, Offline) and remote is not self.links:  # each link has its own host
                        self._dark[remote.url] = error
            raise _told(item, errors)
        except BaseException:
            self._count(-part.solid, moved=False)
            part.close()
            raise

    def _sources(self, item: Item, segments: list[Segment]) -> list[tuple[Source, list[Segment]]]:
        found: list[tuple[Source, list[Segment]]] = [(remote, segments) for remote in self.remotes if item.assets]
        if self.links:
            found += [(self.links, [Segment(url, 0, item.size)]) for url in item.urls]
        return found

    def _count(self, number: int, moved: bool = True) -> None:
        with self._lock:
            self.moved += number if moved else 0
        self.advance(number)

    def _from(self, remote: Source, segments: list[Segment], item: Item, part: PartFile, limit: float | None) -> None:
        """All bytes from one remote. Raises NotAModel, NotThere, RemoteError."""
        for again in range(RESTARTS + 1):
            fresh = part.solid == 0
            try:
                self._run(remote, segments, item, part, limit)
                if fault := _differs(item, part):
                    raise _wrong(remote, segments[0].asset, item, *fault)
                if fresh and item.sha256:
                    self.served[item.sha256] = remote.url
                return
            except (StartOver, NotAModel) as error:
                final = again == RESTARTS or (fresh and isinstance(error, NotAModel))
                self.alone = False  # a server that cannot do ranges gets one plain request
                arrived = patterns.page(part.head())
                self._count(-part.solid, moved=False)
                part.rewind()
                if final and arrived:
                    raise _other(remote, arrived, item) from error
                if final:
                    raise
        raise AssertionError

    def _run(self, remote: Source, segments: list[Segment], item: Item, part: PartFile, limit: float | None) -> None:
        size = segments[-1].stop
        several = remote.several and self.alone and self.jobs > 1 and size - part.solid >= self.crew.pace.alone
        pieces = pieces_of(segments, part.solid, self.crew.pace.range if several else 0)
        if several:
            self._ranges(remote, pieces, item, part, limit)
            return
        sink = _Front(part)
        for piece in pieces:
            self.crew.keep_trying(
                lambda piece=piece: self._pull(remote, piece, item, part, sink),  # type: ignore[misc]
                lambda: part.solid,
                limit,
            )

    def _ranges(self, remote: Source, pieces: list[Piece], item: Item, part: PartFile, limit: float | None) -> None:
        """The pieces over several connections; hashed in order, from memory that the system still holds."""
        halt = threading.Event()
        begun, sinks = part.solid, [_Ahead(part, piece.start) for piece in pieces]
        source = f"{remote.url} {pieces[0].segment.asset}"
        part.note(source, part.tag_of(source), ranges=True)

        def get(index: int) -> None:
            sink = sinks[index]
            self.crew.keep_trying(
                lambda: self._pull(remote, pieces[index], item, part, sink, halt), lambda: sink.at, limit
            )

        arrived: dict[int, int] = {}
        try:
            for index, result in each(range(len(pieces)), get, self.jobs, halt):
                if isinstance(result, ModelsError):
                    raise result
                arrived[pieces[index].start] = pieces[index].stop
                while part.solid in arrived:
                    part.follow(arrived[part.solid])
                    part.note(source, part.tag_of(source), ranges=True)
        finally:
            # Bytes behind a hole are lost, and were counted as they came.
            came = sum(sink.at - piece.start for sink, piece in zip(sinks, pieces, strict=True))
            self._count(part.solid - begun - came, moved=False)
            part.shorten()

    def _pull(
        self, remote: Source, piece: Piece, item: Item, part: PartFile, sink: Sink, halt: threading.Event | None = None
    ) -> None:
        """One request, from where the sink stands to the end of the piece."""
        segment = piece.segment
        source = f"{remote.url} {segment.asset}"
        if piece.stop >= 0 and sink.at >= piece.stop:
            return
        tag = part.tag_of(source) if sink.at > segment.start else None
        stop = None if piece.stop == segment.stop else piece.stop - segment.start
        with remote.get(segment.asset, sink.at - segment.start, stop, tag) as body:
            if segment.start + body.start != sink.at:
                raise StartOver(f"{remote.name} cannot continue {segment.asset} in the middle")
            if body.total is not None and 0 <= segment.stop - segment.start != body.total:
                raise _announced(body, segment, item, remote)
            part.note(source, body.tag, ranges=halt is not None)
            watch = _Watch(self.crew.pace)
            for block in body:
                self.crew.check()
                if halt and halt.is_set():
                    raise Stopped
                if 0 <= piece.stop < sink.at + len(block):
                    more = f"{remote.name} sends more than the {item.size} bytes of {item.path}"
                    raise NotAModel(more) if stop is None else StartOver(more)
                sink.write(block)
                self._count(len(block))
                watch.saw(len(block))
        if piece.stop >= 0 and sink.at < piece.stop:
            raise Transient(
                f"{remote.name} closed the connection {shown(piece.stop - sink.at)} before the end of {item.path}"
            )


class _Front(NamedTuple):
    """Bytes that are hashed as they come."""

    part: PartFile

    @property
    def at(self) -> int:
        return self.part.solid

    def write(self, data: bytes) -> None:
        self.part.write(data)


class _Ahead:
    """Bytes that are hashed when those before them are there."""

    def __init__(self, part: PartFile, at: int) -> None:
        self.part, self.at = part, at

    def write(self, data: bytes) -> None:
        with disk(self.part.path):
            self.part.put(data, self.at)
        self.at += len(data)


class _Watch:
    """Notices a line that hardly moves: a new connection is often a better one."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._since, self._bytes = pace.clock(), 0

    def saw(self, count: int) -> None:
        self._bytes += count
        passed = self._pace.clock() - self._since
        if passed >= self._pace.stall:
            if self._bytes < self._pace.slow * passed:
                raise Transient(f"only {shown(self._bytes)} came in {passed:.0f} s")
            self._since, self._bytes = self._pace.clock(), 0


def _announced(body: Body, segment: Segment, item: Item, remote: Source) -> NotAModel:
    """Why a body of another length is not read: an early end, before anything is fetched."""
    if body.start == 0 and (arrived := patterns.page(next(iter(body), b""))):
        return _other(remote, arrived, item)
    return _wrong(remote, segment.asset, item, "bytes", body.total, segment.stop - segment.start)


def _wrong(remote: Source, asset: str, item: Item, what: str, got: object, expected: object) -> NotAModel:
    if asset in item.urls:
        return messages.replaced(item.path, asset, what, got, expected)
    return messages.other_bytes(item.path, remote.name, what, got, expected)


def _other(remote: Source, arrived: str, item: Item) -> NotAModel:
    return messages.instead(item.path, remote.name, arrived)


def _differs(item: Item, part: PartFile) -> tuple[str, object, object] | None:
    """In what the file is not the model (what, got, expected); None when size and every hash match."""
    is_ = part.digests()
    for what, expected, got in (
        ("bytes", item.size if item.size >= 0 else is_.size, is_.size),
        ("SHA-256", item.sha256 or is_.sha256, is_.sha256),
        ("MD5", item.md5 or is_.md5, is_.md5),
    ):
        if expected != got:
            return what, got, expected
    return None


def _told(item: Item, errors: list[ModelsError]) -> ModelsError:
    """One error for all sources: the one that says most."""
    if not errors:
        return NotThere(f"{item.path}: no remote is known that could hold it", fix="git models remote list")
    for error in errors:
        if not isinstance(error, (NotThere, Offline)):
            return error
    return next((e for e in errors if isinstance(e, NotThere)), errors[0])
