"""One model to one file, anywhere: verified and scanned before it gets its name; what was there is backed up first."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

from git_models import (
    backups,
    journal,
    link,
    messages,
    objects,
    places,
    remotes,
    restoring,
    safety,
    tagging,
    transfer,
    whereabouts,
)
from git_models.errors import ModelsError, NotAModel, UsageError, word
from git_models.exchange import countdown, item
from git_models.journal import Event
from git_models.manifest import Entry, Manifest
from git_models.output import Output, size
from git_models.partfile import disk
from git_models.remotes import Options, Source
from git_models.repo import Repo
from git_models.transfer import Item

INCOMPLETE = ".git-models-incomplete"
"""The folder beside the target, outside a repository, in which a download that broke off waits to be continued."""


class Got(NamedTuple):
    """What a download did."""

    target: str  # absolute
    changed: bool  # False: the same bytes lay there already
    kept: str  # where the file lies that was in the way; "" without one
    source: str  # the URL of the place that sent it all, "" if it was here or came from several
    doubt: str  # why nobody knows whether it is safe to load


def sources(repo: Repo, known: Manifest, out: Output, only: str | None = None) -> list[Source]:
    """The places that may be asked here, all or the one that a user named; others are named and left out."""
    found: list[Source] = []
    problems = []
    for place in [places.by_name(repo, known, only)] if only else places.for_pull(repo, known):
        if not place.approved:
            out.warn(messages.told(messages.unapproved(place.name, place.url)))
            continue
        try:
            found.append(places.connect(repo, place))
        except ModelsError as failed:
            problems.append(failed)
    if not found and problems:
        raise problems[0]
    return found


def target(repo: Repo | None, entry: Entry, typed: str | None) -> str:
    """The absolute path that a model goes to: a file or a folder as the user typed it.

    Without `typed` the path of the manifest, which leads through no link; outside a repository the
    model's name in the current folder. Raises ModelsError.
    """
    if typed:
        folder = typed.endswith(("/", os.sep)) or os.path.isdir(typed)
        return os.path.abspath(os.path.join(typed, file_name(entry)) if folder else typed)
    if repo is None:
        return os.path.abspath(file_name(entry))
    parent, _ = link.open_parent(repo.top, entry.path, create=True)
    os.close(parent)
    return repo.path(entry.path)


def file_name(entry: Entry) -> str:
    """A model's name where it does as a file's, else the last part of its path, which always does."""
    try:
        tagging.check_name(entry.label)
    except UsageError:
        return entry.path.rpartition("/")[2]
    return entry.label


def get(
    repo: Repo | None,
    entry: Entry,
    where: str,
    sources: Callable[[], Sequence[Source]],
    out: Output,
    *,
    scan: str,
    jobs: int = 4,
    force: bool = False,
) -> Got:
    """Put the entry's bytes at the absolute path `where`. `sources` are asked only if they are not on this machine.

    Raises ModelsError, with `where` as it was: for other bytes there (unless `force`), for what the
    scanner refuses, for bytes that cannot be had.
    """
    shown = os.path.relpath(where)
    link.need_place(repo.top if repo else "", where)
    if (there := _in_the_way(where, shown)) is not None:
        if there == (entry.sha256 or there[0], entry.md5 or there[1]):
            return Got(where, False, "", "", "")
        if not force:
            raise ModelsError(
                f"{shown} is there already, with other bytes",
                "the same command with --force   # what is there is backed up first",
            )
    folder = os.path.dirname(where)
    doubts: list[str] = []

    def land(what: Item, file: str) -> None:
        doubts.append(safety.placeable(repo, where, what.sha256, file, scan))
        _moved(file, temp)

    with disk(where):
        os.makedirs(folder, exist_ok=True)
        temp = link.draft(folder)
        try:
            source = ""
            if not (repo and _copied(repo, entry, temp)):
                source = _fetched(repo, entry, folder, sources(), out, jobs, land)
            else:
                doubts.append(safety.placeable(repo, where, entry.sha256, temp, scan))
            objects.flush([temp])
            kept = _swapped(repo, temp, where, entry)
        finally:
            if os.path.lexists(temp):
                os.unlink(temp)
    if repo:
        journal.note(repo.models, [Event("download", entry.path, entry.sha256, entry.size, source)])
    return Got(where, True, kept, source, next(iter(doubts), ""))


def _in_the_way(where: str, shown: str) -> tuple[str, str] | None:
    """(sha256, md5) of the file at the target, None if there is none. Raises ModelsError for what is no file."""
    try:
        file = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as failed:
        if failed.errno == errno.ELOOP:
            raise ModelsError(f"{shown} is a link; it was left alone", f"ls -l {word(shown)}") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ModelsError(f"{shown} is no file; it was left alone", f"ls -ld {word(shown)}")
        found = link.hashed(file)
        return found.sha256, found.md5
    finally:
        os.close(file)


def _copied(repo: Repo, entry: Entry, temp: str) -> bool:
    """Copy what is on this machine, if it is, to `temp`; False where it is not."""
    try:
        file = whereabouts.file_of(repo, entry)
    except ModelsError:
        return False
    objects.need_space(os.path.dirname(temp), entry.size, entry.path)
    with whereabouts.open_plain(file) as source:
        target = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            found = link.hashed(source.fileno(), target)
        finally:
            os.close(target)
    # Somebody may be writing into the work tree's file.
    if (entry.sha256 or found.sha256, entry.md5 or found.md5) == (found.sha256, found.md5):
        return True
    os.unlink(temp)
    return False


def _fetched(
    repo: Repo | None,
    entry: Entry,
    folder: str,
    sources: Sequence[Source],
    out: Output,
    jobs: int,
    land: Callable[[Item, str], None],
) -> str:
    """Download into a folder where it can be continued, and land it from there; the URL of the place that sent it."""
    waiting = os.path.join(repo.models, "incomplete") if repo else os.path.join(folder, INCOMPLETE)
    os.makedirs(waiting, exist_ok=True)
    objects.need_space(folder, max(entry.size, 0), entry.path)
    try:
        with out.progress("Downloading", max(entry.size, 0)) as advance:
            done = transfer.download(
                [item(entry)],
                waiting,
                sources,  # type: ignore[arg-type]  # of a remote, only `get` is used
                jobs=jobs,
                advance=advance,
                land=land,
                wait=countdown(out),
                links=remotes.links(Options(top=repo.top if repo else None, from_manifest=True)),
            )
    finally:
        if not repo:
            try:
                os.rmdir(waiting)
            except OSError:
                pass  # it holds what can be continued
    for _, failed in done.failed:
        # In a clone other commands help; here there is only this one.
        raise type(failed)(failed.what, "the same command again") if isinstance(failed, NotAModel) else failed
    out.note(f"downloaded {size(done.moved)}, hashes checked")
    return next(iter(done.sources.values()), "")


def _moved(file: str, temp: str) -> None:
    try:
        os.rename(file, temp)
    except OSError as failed:
        if failed.errno != errno.EXDEV:
            raise
        with open(file, "rb") as source, open(temp, "xb") as target:
            link.copy(source.fileno(), target.fileno())
        os.unlink(file)


def _swapped(repo: Repo | None, temp: str, where: str, entry: Entry) -> str:
    """Give the finished file its name; where the one that was there lies now, "" without one."""
    if repo:
        kept = restoring.swap(repo, temp, where, f"in the way of {entry.path}")
        return kept.file if kept else ""
    if not os.path.lexists(where):
        if not link.publish(temp, where):
            raise ModelsError(
                f"{os.path.relpath(where)} appeared meanwhile; it was left alone", "the same command again"
            )
        return ""
    os.chmod(temp, os.stat(where).st_mode & 0o777)
    stamp = time.strftime("%Y%m%d_%H%M%S")
    for number in count(1):
        copy = os.path.join(os.path.dirname(where), backups.name_of(os.path.basename(where), stamp, number))
        try:
            os.link(where, copy, follow_symlinks=False)
        except FileExistsError:
            continue
        except OSError:
            if os.path.lexists(copy):
                continue
            os.rename(where, copy)  # a file system without links
        os.replace(temp, where)
        return copy
    raise AssertionError
