"""Between the store and the remotes: push what they lack, fetch what is missing here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from git_models import (
    history,
    journal,
    linelog,
    link,
    manifests,
    messages,
    objects,
    places,
    remotes,
    statcache,
    transfer,
)
from git_models.errors import ModelsError, Offline
from git_models.journal import Event
from git_models.manifest import Entry, Manifest
from git_models.output import Output, duration, plural, size
from git_models.places import Place
from git_models.repo import Repo
from git_models.sight import stat_file
from git_models.transfer import Item

_DISK = 100e6  # bytes a second that a disk takes at least
_TELLING = 5 * 10**6  # an upload of fewer bytes says nothing about the rate


class Failure(NamedTuple):
    """One object that could not be moved."""

    path: str
    error: ModelsError

    def named(self) -> ModelsError:
        """The error, with the model's path in front unless it says so itself."""
        if self.path in self.error.what:
            return self.error
        return ModelsError(f"{self.path}: {self.error.what}", self.error.fix)


class Pushed(NamedTuple):
    """What a push to one place did."""

    place: Place
    sent: tuple[Entry, ...]
    already: int
    upstream: int  # objects that readers find where the manifest sends them, not here
    failed: tuple[Failure, ...]


class Fetched(NamedTuple):
    """What a fetch brought."""

    got: tuple[Entry, ...]
    failed: tuple[Failure, ...]
    pinned: Mapping[str, str]  # md5 -> sha256 of entries that name only the md5
    offline: bool


def item(entry: Entry) -> Item:
    """The entry as the transfer queue wants it."""
    return Item(
        sha256=entry.sha256,
        md5=entry.md5,
        size=entry.size,
        asset=entry.asset,
        path=entry.path,
        urls=entry.urls,
        parts=entry.parts,
    )


def countdown(out: Output) -> Callable[[float, str], None]:
    """Say what a remote makes us wait for: the first second of it, then every half minute."""

    def tell(seconds: float, why: str) -> None:
        if why not in told or round(seconds) % 30 == 0:
            told.add(why)
            out.note(f"waiting {duration(seconds)}: {why}")

    told: set[str] = set()
    return tell


def push(
    repo: Repo,
    place: Place,
    wanted: Mapping[str, Entry],
    out: Output,
    *,
    dry_run: bool = False,
    warn_idle: bool = False,
    ask: bool = False,
) -> Pushed:
    """Bring to one place the objects (sha256 -> entry) that it lacks, each verified there.

    Bytes come from the store, or from the work tree where the store gave up its copy. An object
    that is neither here nor there is a failure that names who recorded it. What the place was seen
    to hold is not asked for again, unless `ask`: somebody may have deleted it there since. A fork's
    store gets only what the manifest's own places lack: readers of the fork look there, too.
    """
    places.need_writable(place)
    known_there = set() if ask else objects.held(repo.models, place.url)
    asked = [e for oid, e in wanted.items() if oid not in known_there]
    if not asked:
        return Pushed(place, (), len(wanted), 0, ())
    remote = places.connect(repo, place)
    lacks = {i.sha256 for i in transfer.missing([item(e) for e in asked], remote)}
    if lacks and ask and not dry_run:
        # They may lie there unseen: a release whose tag was deleted has become a draft.
        remote.finish()
        lacks = {i.sha256 for i in transfer.missing([item(e) for e in asked], remote)}
    there = [e.sha256 for e in asked if e.sha256 not in lacks]
    if not dry_run:
        objects.note_held(repo.models, place.url, there)
        objects.forget_held(repo.models, place.url, lacks)
    absent = [e for e in asked if e.sha256 in lacks]
    found = _at_readers(repo, place, absent)
    send = [e for e in absent if e.sha256 not in found]
    source = _sources(repo)
    failed = [Failure(e.path, messages.nowhere(e, history.recorded_by(e.sha256))) for e in send if not source(e.sha256)]
    send = [e for e in send if source(e.sha256)]
    already = len(wanted) - len(lacks)
    if dry_run or failed or not send:
        return Pushed(place, tuple(send) if dry_run else (), already, len(found), tuple(failed))
    total = sum(e.size for e in send)
    seconds = transfer.estimate([item(e) for e in send], remote, _rate(repo, place.url))
    if warn_idle and seconds > 120:
        out.warn(messages.long_upload(seconds))
    elif seconds > 120:
        out.note(f"uploading {plural(len(send), 'object')} ({size(total)}), about {duration(seconds)}")
    began = time.monotonic()
    with out.progress("Uploading", total) as advance:
        done = transfer.upload(
            [item(e) for e in send],
            lambda i: source(i.sha256),
            remote,
            jobs=repo.config.jobs,
            advance=advance,
            wait=countdown(out),
            lasting=True,  # they lie in the store
        )
    if total > _TELLING:
        rate = total / max(time.monotonic() - began, 0.1)
        linelog.append(_rates(repo), [(place.url, round(rate))], keep=lambda _url: True)
    ok = {i.sha256 for i in done.done}
    objects.note_held(repo.models, place.url, ok)
    sent = tuple(e for e in send if e.sha256 in ok)
    journal.note(repo.models, (Event("upload", e.path, e.sha256, e.size, place.url) for e in sent))
    failed = [Failure(i.path, error) for i, error in done.failed]
    return Pushed(place, sent, already, len(found), tuple(failed))


def _at_readers(repo: Repo, place: Place, entries: Sequence[Entry]) -> set[str]:
    """The objects (sha256) that need not go to the store of a git remote: the manifest names a place that has them."""
    found: set[str] = set()
    readers = places.for_pull(repo, manifests.current(repo)) if place.source == "git remote" else []
    for reader in readers:
        if reader.source != "manifest" or not reader.approved or remotes.same_store(reader.url, [place.url]):
            continue
        found |= {e.sha256 for e in entries} & objects.held(repo.models, reader.url)
        unknown = {e.sha256: e for e in entries if e.sha256 not in found}
        try:
            there = unknown.keys() - lacking(repo, reader, unknown).keys()
        except ModelsError:
            continue  # what it may hold is stored here as well, then
        objects.note_held(repo.models, reader.url, there)
        found |= there
    return found


def _rates(repo: Repo) -> str:
    return os.path.join(repo.models, "rates")


def _rate(repo: Repo, url: str) -> float:
    """Bytes a second of the last upload to the place that said something about it."""
    known = (linelog.read(_rates(repo)).get(url) or [""])[0]
    if known.isdecimal():
        return max(float(known), 1.0)
    return _DISK if url.startswith("file:") else transfer.RATE


def _sources(repo: Repo) -> Callable[[str], str]:
    """oid -> a local file with these bytes, "" where there is none."""
    records = statcache.load(stat_file(repo))

    @cache
    def source(oid: str) -> str:
        if objects.checked(repo.models, [oid])[0]:
            return objects.path(repo.models, oid)
        for path, record in records.items():
            # Its stat may say that it was touched since: the copy is hashed in any case.
            if record[0] == oid and link.regular(repo.top, path):
                # Into the store first: training may write into the work tree's file during the upload.
                file = link.open_file(repo.top, path)
                try:
                    draft = objects.draft_file(repo.models, file)
                finally:
                    os.close(file)
                if draft.digests.sha256 == oid:
                    objects.seal(repo.models, [draft])
                    return objects.path(repo.models, oid)
                objects.discard(draft)
        return ""

    return source


def fetch(
    repo: Repo,
    known: Manifest,
    wanted: Sequence[Entry],
    out: Output,
    *,
    only: Sequence[Place] | None = None,
    patience: float = 30,
) -> Fetched:
    """Bring objects that the store lacks from the first place that has them; hashes are checked on the way.

    `patience` is the time in seconds after which a silent network counts as gone, all places together.
    Places that were not approved are named and left out.
    """
    sources = list(only) if only is not None else places.for_pull(repo, known)
    patience /= max(1, len(sources))
    usable, problems, strangers = [], [], []
    for place in sources:
        if not place.approved:
            strangers.append(messages.unapproved(place.name, place.url))
            continue
        try:
            usable.append((place, places.connect(repo, place, patience)))
        except ModelsError as failed:
            problems.append(failed)
    unique = list({e.sha256 or e.md5: e for e in wanted}.values())
    if not usable and not any(e.urls for e in unique):
        error = (problems or strangers or [messages.no_place()])[0]
        return Fetched((), tuple(Failure(e.path, error) for e in unique), {}, isinstance(error, Offline))
    for stranger in strangers:
        out.warn(messages.told(stranger))
    total = sum(max(e.size, 0) for e in unique)
    folder = os.path.join(repo.models, "incomplete")
    os.makedirs(folder, exist_ok=True)
    objects.need_space(folder, total, plural(len(unique), "model"))
    pinned: dict[str, str] = {}

    landed: list[tuple[str, str]] = []

    def land(what: Item, file: str) -> None:
        pinned[what.md5] = what.sha256
        landed.append((file, what.sha256))
        # What is not small has a name under which another process may go on with it, and take it away.
        if not 0 <= what.size <= transfer.SMALL or len(landed) == objects.TOGETHER:
            settle()

    def settle() -> None:
        some = landed.copy()
        landed.clear()  # before a step that may fail: it must not be tried again on what it has moved already
        objects.take_all(repo.models, some)

    with out.progress("Downloading", total) as advance:
        try:
            done = transfer.download(
                [item(e) for e in unique],
                folder,
                [remote for _, remote in usable],
                jobs=repo.config.jobs,
                advance=advance,
                land=land,
                patience=patience,
                wait=countdown(out),
                links=remotes.links(remotes.Options(top=repo.top, from_manifest=True, patience=patience)),
            )
        finally:
            settle()
    for place, _ in usable:
        objects.note_held(repo.models, place.url, [oid for oid, url in done.sources.items() if url == place.url])
    ok = {i.sha256 or i.md5 for i in done.done}
    failures = tuple(Failure(i.path, error) for i, error in done.failed)
    offline = bool(failures) and all(isinstance(f.error, Offline) for f in failures)
    got = tuple(e for e in unique if (e.sha256 or e.md5) in ok)
    oids = [e.sha256 or pinned.get(e.md5, "") for e in got]
    events = (
        Event("download", e.path, oid, e.size, done.sources.get(oid, "")) for e, oid in zip(got, oids, strict=True)
    )
    journal.note(repo.models, events)
    return Fetched(got, failures, pinned, offline)


def lacking(repo: Repo, place: Place, wanted: Mapping[str, Entry]) -> dict[str, Entry]:
    """Those of the objects (sha256 -> entry) that a place does not hold; it is asked. Raises ModelsError."""
    there = transfer.missing([item(e) for e in wanted.values()], places.connect(repo, place))
    names = {i.sha256 for i in there}
    return {oid: e for oid, e in wanted.items() if oid in names}


def manifest_of_push(
    repo: Repo, updates: Sequence[history.Update], git_remote: str
) -> tuple[Manifest, dict[str, Entry]]:
    """The manifest at the newest pushed tip, and all objects that the push's commits name."""
    tips = [u.local_oid for u in updates if not history.is_zero(u.local_oid)]
    wanted = history.named(repo, history.outgoing(updates, git_remote), tips)
    return (manifests.at(repo, tips[0]) if tips else manifests.parse(repo, b"")), wanted
