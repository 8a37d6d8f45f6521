"""Bring a backup back: verified first, and the file in its way backed up before it goes."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple

from git_models import backups, excludes, journal, layout, link, lock, objects, paths, places, safety, transfer
from git_models.backups import Backup
from git_models.errors import ModelsError, word
from git_models.exchange import countdown
from git_models.hashing import Digests
from git_models.journal import Event
from git_models.manifest import Manifest
from git_models.output import Output, safe
from git_models.partfile import disk
from git_models.repo import Repo
from git_models.transfer import Item

Advance = Callable[[int], None]


class Restored(NamedTuple):
    """What a restore did."""

    backup: Backup
    target: str  # absolute
    kept: Backup | None  # the copy of what was in the way
    done: bool  # False: the same bytes lay there already
    doubt: str = ""  # why nobody knows whether it is safe to load


def find(repo: Repo, known: Manifest, text: str) -> list[Backup]:
    """The copies of the backup that `text` names: a backup's name or file, or a model (its newest one).

    Raises ModelsError for an unknown name, and for two backups of one name with different bytes.
    """
    name = os.path.basename(text)
    if os.path.dirname(text) and os.path.isfile(text) and backups.NAMED.fullmatch(name):
        folder = os.path.abspath(os.path.dirname(text))
        return [b for b in backups.in_folder(folder) if b.name == name]
    there, troubles = everything(repo, known)
    found = [b for b in there if name in (b.name, backups.asset_of(b.name)) or backups.asset_of(name) == b.name]
    if not found:
        path = _path(repo, text)
        of_model = [b for b in there if b.sha256 and (b.source == path or os.path.basename(b.source) == text)]
        sources = sorted({b.source for b in of_model})
        if len(sources) > 1:
            raise ModelsError(
                f"{text} stands for {len(sources)} models: {safe(', '.join(sources))}", "git models restore"
            )
        newest = max(of_model, key=lambda b: (backups.stamp_of(b.name), b.name), default=None)
        found = [b for b in of_model if newest and b.name == newest.name]
    if not found:
        _unknown(text, there, troubles)
    if len({b.sha256 for b in found if b.sha256}) > 1:
        files = ", ".join(b.file for b in found)
        raise ModelsError(f"backups of this name have different bytes: {files}", "git models restore FOLDER/NAME")
    # The hashes first, then the nearest.
    return sorted(found, key=lambda b: (not b.sha256, b.shelf.place is not None))


def everything(repo: Repo, known: Manifest) -> tuple[list[Backup], list[tuple[str, ModelsError]]]:
    """All backups, the oldest first, and the places that could not be asked."""
    found: list[Backup] = []
    troubles = []
    for shelf in backups.searched(repo, known):
        try:
            found += backups.held(repo, shelf)
        except ModelsError as failed:
            troubles.append((shelf.where, failed))
    return sorted(found, key=lambda b: (backups.stamp_of(b.name), b.name)), troubles


def _path(repo: Repo, text: str) -> str:
    try:
        return repo.relative(text)
    except ModelsError:
        return os.path.abspath(text)


def _unknown(text: str, there: Sequence[Backup], troubles: Sequence[tuple[str, ModelsError]]) -> None:
    """Raise the ModelsError that says what is there instead."""
    names = [b.name for b in there]
    close = difflib.get_close_matches(text, [*names, *(os.path.basename(b.source) for b in there if b.source)], 1)
    unseen = "".join(f"\n  {place} could not be asked: {failed.what}" for place, failed in troubles)
    if not names and not unseen:
        raise ModelsError("there are no backups", "git models backup FILE")
    raise ModelsError(
        f"there is no backup of {text!r}{unseen}", f"did you mean {close[0]}?" if close else "git models restore"
    )


def target(repo: Repo, backup: Backup, typed: str | None, original: bool) -> str:
    """The absolute path that a backup goes to. Raises ModelsError.

    `typed` is a file or a folder as the user named it; without it `trained/` of the layout under the
    backup's name, or with `original`, and without a layout, the path that it was copied from.
    """
    if typed is not None:
        folder = typed.endswith(("/", os.sep)) or os.path.isdir(typed)
        return os.path.abspath(os.path.join(typed, backup.name) if folder else typed)
    inside = layout.folder(repo, layout.TRAINED)
    if inside and not original:
        return _inside(repo, f"{inside}/{backup.name}")
    if not backup.source:
        raise ModelsError(
            f"{backup.name} has no metadata, so nobody knows where it came from",
            f"git models restore {word(backup.name)} DEST",
        )
    if os.path.isabs(backup.source):
        raise ModelsError(
            f"{backup.name} came from outside the work tree ({safe(backup.source)})",
            f"git models restore {word(backup.name)} {word(backup.source)}",
        )
    return _inside(repo, backup.source)


def _inside(repo: Repo, path: str) -> str:
    """The absolute form of a path of the work tree. Metadata in a shared place are not ours alone: no way out of it."""
    paths.check(path)
    parent, _ = link.open_parent(repo.top, path, create=True)
    os.close(parent)
    return repo.path(path)


def restore(
    repo: Repo,
    copies: Sequence[Backup],
    where: str,
    out: Output,
    *,
    force: bool,
    advance: Advance = lambda _: None,
) -> Restored:
    """Put the first good of these copies at the absolute path `where`.

    What lies there with other bytes is backed up first; without `force` it stops the restore. Raises
    ModelsError when there is no good copy, or the scanner refuses it, with nothing changed.
    """
    first = copies[0]
    link.need_place(repo.top, where)
    before = _in_the_way(where)
    if before is not None:
        found = _digests(where)
        if found.sha256 == first.sha256:
            return Restored(first, where, None, False)
        if not force:
            raise ModelsError(
                f"{where} is there already, with other bytes",
                f"git models restore --force {word(first.name)} {word(where)}   # backs it up first",
            )
    with disk(where):
        os.makedirs(os.path.dirname(where), exist_ok=True)
        temp, used = _verified(repo, copies, os.path.dirname(where), out, advance)
        try:
            doubt = safety.placeable(repo, where, used.sha256, temp, repo.config.scan)
            kept = swap(repo, temp, where, f"in the way of {used.name}")
        finally:
            if os.path.lexists(temp):
                os.unlink(temp)
    event = Event("restore", used.source or used.name, used.sha256, used.size, used.shelf.where, used.name)
    journal.note(repo.models, [event])
    return Restored(used, where, kept, True, doubt)


def _in_the_way(where: str) -> os.stat_result | None:
    try:
        found = os.lstat(where)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise ModelsError(f"{os.path.dirname(where)} is no folder", f"ls -l {word(os.path.dirname(where))}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ModelsError(f"{where} is a link or a folder; it was left alone", f"ls -ld {word(where)}")
    return found


def _digests(where: str) -> Digests:
    file = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return link.hashed(file)
    finally:
        os.close(file)


def swap(
    repo: Repo, temp: str, where: str, note: str, recorded: Callable[[str], bool] = lambda _oid: False
) -> Backup | None:
    """Give a finished, verified file its place, in one step; a copy of what was there goes into the backups first.

    `recorded(oid)` says that these bytes need no copy. `temp` lies on the same file system. Raises
    ModelsError, nothing changed, when the file in the way is being written to.
    """
    before = _in_the_way(where)
    kept = None
    if before is not None and not recorded(_digests(where).sha256):
        excludes.rebuild(repo)
        source = _path(repo, where)
        kept = backups.make(
            repo, [backups.local(repo)], where, os.path.basename(where), source=source, note=note
        ).copies[0]
    with lock.hold(repo.models, "putting a file in place"):
        now = _in_the_way(where)
        if before is None:
            if not link.publish(temp, where):
                raise ModelsError(f"{where} appeared meanwhile; it was left alone", "the same command again")
            return None
        if now is None or (now.st_ino, now.st_size, now.st_mtime_ns) != (
            before.st_ino,
            before.st_size,
            before.st_mtime_ns,
        ):
            raise ModelsError(f"{where} changed meanwhile; it was left alone", "the same command again")
        file = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if link.held_for_writing(file):
                raise ModelsError(
                    f"{where} is being written to by another program; it was left alone",
                    "the same command again when it is finished",
                )
        finally:
            os.close(file)
        os.chmod(temp, before.st_mode & 0o777)
        os.replace(temp, where)
    return kept


def _verified(repo: Repo, copies: Sequence[Backup], folder: str, out: Output, advance: Advance) -> tuple[str, Backup]:
    """An unfinished file in `folder`, on disk, with the verified bytes of the first good copy."""
    failures = []
    for backup in copies:
        try:
            temp = _fetched(repo, backup, folder, out) if backup.shelf.place else _copied(backup, folder, advance)
            return temp, backup
        except ModelsError as failed:
            failures.append(failed)
            if backup is not copies[-1]:
                out.warn(f"git models: {failed.what}; the next copy is taken")
    raise failures[0]


def _copied(backup: Backup, folder: str, advance: Advance) -> str:
    objects.need_space(folder, backup.size, backup.name)
    temp = link.draft(folder)
    try:
        source = os.open(backup.file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as failed:
        raise ModelsError(f"{backup.file} cannot be read: {os.strerror(failed.errno or 0)}") from None
    try:
        target = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            found = link.hashed(source, target, advance)
            if backup.sha256 and (found.sha256, found.size) != (backup.sha256, backup.size):
                raise ModelsError(
                    f"{backup.file} is damaged: it has SHA-256 {found.sha256[:12]}… instead of {backup.sha256[:12]}…",
                    "git models restore   # shows the other backups",
                )
            os.fsync(target)
        except BaseException:
            os.unlink(temp)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)
    return temp


def _fetched(repo: Repo, backup: Backup, folder: str, out: Output) -> str:
    assert backup.shelf.place is not None
    temp = link.draft(folder)
    objects.need_space(folder, backup.size, backup.name)
    item = Item(backup.sha256, backup.md5, backup.size, backup.name, backup.name, parts=backup.parts)
    landing = os.path.join(repo.models, "incomplete")
    os.makedirs(landing, exist_ok=True)

    def land(_: Item, file: str) -> None:
        if os.stat(landing).st_dev == os.stat(folder).st_dev:
            objects.flush([file])
            os.rename(file, temp)
            return
        with open(file, "rb") as source, open(temp, "xb") as target_:
            link.copy(source.fileno(), target_.fileno())
            os.fsync(target_.fileno())
        os.unlink(file)

    with out.progress("Downloading", backup.size) as advance:
        remote = places.connect(repo, backup.shelf.place)
        done = transfer.download([item], landing, [remote], advance=advance, land=land, wait=countdown(out))
    if done.failed:
        raise done.failed[0][1]
    return temp
