"""Entries that leave the manifest or get another path, together with their files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from git_models import index, link, manifest, manifests, objects, paths, placing, recording, statcache
from git_models.errors import ModelsError, word
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo
from git_models.sight import OK, TRACKED, Sight, same, states


class Removal(NamedTuple):
    """What is to become of one model."""

    path: str
    oid: str  # of the bytes on disk; "" leaves the disk alone
    recorded: bool  # whether these bytes are the entry's, in the store or on a remote


def plan(repo: Repo, known: Manifest, names: Sequence[str], *, cached: bool, force: bool) -> list[Removal]:
    """What removing these models would do. Raises ModelsError, nothing changed, for bytes recorded nowhere.

    With `cached` the files stay; so does a file that git itself tracks.
    """
    sight = Sight(repo)
    held = objects.held_anywhere(repo.models)
    found = []
    for state in states(repo, known, sight, names):
        stays = cached or state.state == TRACKED
        recorded = state.state == OK or objects.has(repo.models, state.oid) or state.oid in held
        found.append(Removal(state.path, "" if stays else state.oid, recorded))
    sight.save(known)
    changed = [r.path for r in found if r.oid and not r.recorded]
    if changed and not force:
        raise ModelsError(
            f"{changed[0]} has changes that are recorded nowhere"
            + (f" (and {len(changed) - 1} more have)" if changed[1:] else ""),
            f"git models add {word(changed[0])}, or git models rm --cached {word(changed[0])} (keeps the file), "
            f"or git models rm --force {word(changed[0])} (keeps the bytes in .git/models)",
        )
    return found


def remove(repo: Repo, known: Manifest, removals: Sequence[Removal]) -> None:
    """Take entries out of manifest and index, and their files out of the work tree; the store has all bytes first.

    The files go first: killed in between, the manifest still names them and a sync puts them back.
    """
    names = [r.path for r in removals]
    manifest.update(manifests.data(repo), dict.fromkeys(names))  # raises before a file has gone
    sight = Sight(repo)
    for removal in removals:
        found = sight.digests(removal.path) if removal.oid else None
        if found and found[0] != removal.oid:
            raise ModelsError(f"{removal.path} changed just now; it was left as it is", "the same command again")
        if found:
            placing.put_away(repo, removal.path, sight)
            _drop_empty_folders(repo, removal.path)
    active: dict[str, str | None] = {
        name: None for name, target in known.active.items() if target.partition("@")[0] in names
    }
    recording.record(repo, dict.fromkeys(names), active=active)


def _drop_empty_folders(repo: Repo, path: str) -> None:
    """Remove the folders that `path` leaves empty, but not the one the user stands in."""
    folder = os.path.dirname(path)
    while folder and not repo.prefix.startswith(folder + "/"):
        try:
            os.rmdir(repo.path(folder))
        except OSError:
            return
        folder = os.path.dirname(folder)


def move(repo: Repo, known: Manifest, old: str, new: str) -> None:
    """Give a model another path: its file, if it is here, and its entry with comments, asset and versions.

    Raises ModelsError, nothing changed, where something is at `new` already. The file goes first: killed in
    between, the same call finds it there and goes on.
    """
    paths.check(new)
    if new in known.models:
        raise ModelsError(f"{new} is a model already", f"git models rm {word(new)}")
    sight = Sight(repo)
    arrived = os.path.lexists(repo.path(new)) and _arrived(repo, known.models[old], new, sight)
    if os.path.lexists(repo.path(new)) and not arrived:
        raise ModelsError(f"there is a file at {new} already; it was not overwritten", f"git models list {word(old)}")
    for path in index.entries([old, new]):
        raise ModelsError(f"git tracks {path} itself", f"git rm --cached {word(path)}")
    manifest.move(manifests.data(repo), old, new)  # raises before the file has moved
    before = link.regular(repo.top, old)
    if before is None and os.path.lexists(repo.path(old)):
        raise ModelsError(f"{old} is a link or a folder, not the model's file", f"ls -l {word(old)}")
    record = sight.cache.get(old)
    trusted = record is not None and before is not None and statcache.trusted(record, before)
    if before is not None and arrived:
        _leave_one_name(repo, old, new)
    elif before is not None:
        try:
            _rename(repo, old, new)
        except FileExistsError:
            raise ModelsError(f"a file came to {new} just now; it was not overwritten", "git models status") from None
    try:
        recording.record(repo, moved=(old, new), active=_renamed(known.active, old, new))
    except BaseException:
        if before is not None and old in manifests.current(repo).models:
            _rename(repo, new, old)
        raise
    sight.forget(old)
    if trusted and record is not None:
        sight.learn(new, record[0], record[1])  # a rename changes ctime
    sight.save(manifests.current(repo))
    _drop_empty_folders(repo, old)


def _arrived(repo: Repo, entry: Entry, new: str, sight: Sight) -> bool:
    """Whether the entry's file is at `new` already: a call that was killed, or a person, brought it there."""
    old = repo.path(entry.path)
    if os.path.lexists(old):
        return os.path.samestat(os.lstat(old), os.lstat(repo.path(new)))
    found = sight.digests(new)
    return found is not None and same(entry, found)


def _leave_one_name(repo: Repo, old: str, new: str) -> None:
    """Of two names of one file keep `new`. Where they differ in letter case alone, they may be one name.

    Killed in between, the file lies where `placing.rescue` looks for the model that is recorded, the old one.
    """
    folder, _, name = old.rpartition("/")
    aside = repo.path(f"{folder}/{link.unfinished(name)}" if folder else link.unfinished(name))
    os.rename(repo.path(old), aside)
    if os.path.lexists(repo.path(new)):
        os.unlink(aside)
    else:
        os.rename(aside, repo.path(new))


def _rename(repo: Repo, old: str, new: str) -> None:
    source, name = link.open_parent(repo.top, old)
    try:
        target, wanted = link.open_parent(repo.top, new, create=True)
        try:
            link.rename_new(name, wanted, source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _renamed(active: Mapping[str, str], old: str, new: str) -> dict[str, str | None]:
    return {name: new + target[len(old) :] for name, target in active.items() if target.partition("@")[0] == old}
