"""The bytes of a model, wherever they lie on this machine: a file, the work tree, the store."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from git_models import lineage, link, manifests, objects, repo, statcache
from git_models.errors import ModelsError, NotARepository, word
from git_models.manifest import Entry
from git_models.repo import Repo
from git_models.sight import Sight, same, stat_file


@contextmanager
def opened(name: str) -> Iterator[tuple[BinaryIO, int]]:
    """A file as the user named it, or else the model that MODEL[@VERSION] names; and its size in bytes.

    Raises ModelsError where there is neither, or something that is no plain file.
    """
    file = name if os.path.lexists(name) else _stored(name)
    with open_plain(file) as opened:
        yield opened, os.fstat(opened.fileno()).st_size


def open_plain(name: str) -> BinaryIO:
    """Open a plain file; a pipe or a device would keep a reader waiting. Raises ModelsError."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as failed:
        raise ModelsError(f"{name} cannot be read: {os.strerror(failed.errno or 0)}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ModelsError(f"{name} is no file")
    return open(file, "rb")


def _stored(name: str) -> str:
    try:
        here = repo.find()
    except NotARepository:
        raise ModelsError(f"there is no file {name}") from None
    try:
        entry = lineage.find(here, manifests.current(here), name)
    except ModelsError as unknown:
        raise ModelsError(f"there is no file {name}, and {unknown.what}", unknown.fix) from None
    return file_of(here, entry)


def file_of(here: Repo, entry: Entry) -> str:
    """A file on this machine with exactly the entry's bytes. Raises ModelsError when there is none.

    The store first; else a model of the work tree whose stat, or hash, says that it still has these bytes.
    """
    if entry.sha256 and objects.has(here.models, entry.sha256):
        return objects.path(here.models, entry.sha256)
    for path, record in statcache.load(stat_file(here)).items():
        known = record[0] == entry.sha256 if entry.sha256 else record[1] == entry.md5
        if known and (st := link.regular(here.top, path)) and statcache.trusted(record, st):
            return here.path(path)
    if file := _hashed_again(here, entry):
        return file
    raise ModelsError(f"the bytes of {entry.path} are not here", f"git models pull {word(entry.path)}")


def _hashed_again(here: Repo, entry: Entry) -> str:
    """The model's own file, "" if it has other bytes: that it was touched since it was hashed says nothing."""
    sight = Sight(here)
    try:
        found = sight.digests(entry.path)
    except ModelsError:
        return ""
    sight.save()
    return here.path(entry.path) if found and same(entry, found) else ""
