"""Dated copies of models in folders and remotes, each with its metadata beside it.

`best.pt` becomes `best_backup_20231201_120000.pt` and `best_backup_20231201_120000.pt.json`. The metadata takes
its name first, and only where nothing has it: so no backup replaces another, and none is without hashes.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from git_models import journal, jsons, layout, link, manifest, objects, paths, places, transfer, whereabouts
from git_models.errors import ModelsError, word
from git_models.hashing import Digests
from git_models.journal import Event
from git_models.manifest import Manifest, Part
from git_models.places import Place
from git_models.repo import Repo
from git_models.transfer import Item

META = ".json"
NAMED = re.compile(r"(.+)_backup_([0-9]{8}_[0-9]{6})(?:_[0-9]+)?(\.[^/]*)?", re.S)
_MOST = 1 << 16  # bytes of metadata that are read

Advance = Callable[[int], None]


class Shelf(NamedTuple):
    """A place for backups: a folder, or a remote."""

    where: str  # the folder, absolute, or the URL
    place: Place | None = None  # None is a folder


class Backup(NamedTuple):
    """One copy in one place, as its metadata describes it."""

    name: str
    shelf: Shelf
    sha256: str = ""  # "" where there is no metadata: a copy that another program made
    md5: str = ""
    size: int = -1  # bytes
    date: str = ""  # local time with its offset, ISO 8601
    source: str = ""  # path in the work tree, or absolute for a file that lay outside
    version: str = ""
    note: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def file(self) -> str:
        """Where the copy lies, for people."""
        return f"{self.shelf.where.rstrip('/')}/{self.name}"


class Made(NamedTuple):
    """What a backup did."""

    copies: list[Backup]
    failed: list[tuple[str, ModelsError]]  # place, why


def shelves(repo: Repo, known: Manifest) -> list[Shelf]:
    """Where backups go: `models.backup`, the layout's `backups/` or a folder beside the store. Raises ModelsError."""
    found = []
    for text in repo.config.backup:
        if not layout.is_folder(repo, text):
            place = places.by_name(repo, known, text)
            places.need_writable(place)
            found.append(Shelf(place.url, place))
            continue
        full = layout.backup_folder(repo, text)
        own = os.path.join(repo.models, "backups")
        if full.startswith((repo.git_dir + os.sep, repo.common + os.sep)) and not (full + os.sep).startswith(
            own + os.sep
        ):
            raise ModelsError(
                f"models.backup is {text!r}: that is git's own folder", "git config models.backup data/backups"
            )
        holds = "the whole work tree" if (repo.top + os.sep).startswith(full.rstrip(os.sep) + os.sep) else ""
        holds = holds or next((p for p in known.models if repo.path(p).startswith(full + os.sep)), "")
        if holds:
            raise ModelsError(
                f"models.backup is {text!r}, which holds {holds}: backups need a folder of their own",
                "git config models.backup data/backups",
            )
        found.append(Shelf(full))
    return list(dict.fromkeys(found)) or [_usual(repo)]


def local(repo: Repo) -> Shelf:
    """The folder that takes what is in the way of a file: the first one of `models.backup`, or the usual one."""
    folders = (layout.backup_folder(repo, text) for text in repo.config.backup if layout.is_folder(repo, text))
    return Shelf(next(folders, _usual(repo).where))


def _usual(repo: Repo) -> Shelf:
    inside = layout.folder(repo, layout.BACKUPS)
    return Shelf(repo.path(inside) if inside else os.path.join(repo.models, "backups"))


def name_of(name: str, stamp: str, number: int) -> str:
    """`best.pt` → `best_backup_20231201_120000.pt`; from the second one of a second on with `_2`, `_3`."""
    stem, suffix = manifest.split_name(name)
    while len(os.fsencode(stem)) > 180:
        stem = stem[:-1]
    return f"{stem}_backup_{stamp}{f'_{number}' if number > 1 else ''}{suffix}"


def make(
    repo: Repo,
    where: Sequence[Shelf],
    file: str,
    name: str,
    *,
    source: str,
    version: Callable[[str], str] = lambda _oid: "",
    note: str = "",
    advance: Advance = lambda _: None,
) -> Made:
    """Copy a file under a new dated name into every shelf, verified.

    `name` is the one that the backups are named after, `source` where it came from; `version` gives the
    tagged version for a SHA-256. What one shelf refuses the others get all the same. Raises ModelsError when
    the file cannot be read whole, or no shelf took it.
    """
    try:
        paths.check(name)
    except ModelsError:
        name = asset_of(name)
    failed: list[tuple[str, ModelsError]] = []
    drafts: dict[Shelf, str] = {}
    master = ""
    try:
        digests: Digests | None = None
        for shelf in sorted(where, key=lambda s: s.place is not None):
            try:
                if shelf.place is None:
                    link.need_inside(repo.top, shelf.where)
                    drafts[shelf], digests = _draft(shelf.where, master or file, digests, advance)
                    master = master or drafts[shelf]
            except ModelsError as error:
                failed.append((shelf.where, error))
        if not master and (remote := [s for s in where if s.place]):
            master = objects.temp(repo.models)
            drafts[remote[0]] = master
            digests = _fill(master, file, None, advance)
        if digests is None:
            raise failed[0][1]
        facts = {
            "source": source, "md5": digests.md5, "sha256": digests.sha256, "size": digests.size,
            "date": journal.now(), "version": version(digests.sha256), "note": note,
        }  # fmt: skip
        copies = _publish(repo, [s for s in where if s.place or s in drafts], drafts, master, name, facts, failed)
    finally:
        for temp in drafts.values():
            if os.path.lexists(temp):
                os.unlink(temp)
    if not copies:
        raise failed[0][1]
    journal.note(
        repo.models,
        (Event("backup", source, b.sha256, b.size, b.shelf.where, b.name, b.version) for b in copies),
    )
    return Made(copies, failed)


def _draft(folder: str, file: str, expected: Digests | None, advance: Advance) -> tuple[str, Digests]:
    """An unfinished copy in a folder, on disk and hashed. Raises ModelsError, and leaves nothing."""
    try:
        os.makedirs(folder, exist_ok=True)
        temp = link.draft(folder)
        return temp, _fill(temp, file, expected, advance)
    except OSError as failed:
        why = os.strerror(failed.errno or 0)
        raise ModelsError(
            f"{folder}: {why}; no backup was made there", f"df -h {word(folder)}; ls -ld {word(folder)}"
        ) from None


def _fill(temp: str, file: str, expected: Digests | None, advance: Advance) -> Digests:
    """Copy `file` to `temp`; a copy that was torn by a writer is made again, up to three times."""
    with whereabouts.open_plain(file) as opened:
        source = opened.fileno()
        objects.need_space(os.path.dirname(temp), os.fstat(source).st_size, f"a backup of {os.path.basename(file)}")
        for _ in range(3):
            link.settle(source)
            before = os.fstat(source)
            target = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                digests = link.hashed(source, target, advance)
                os.fsync(target)
                after = os.fstat(source)
                torn = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
                if not torn and digests.size == before.st_size and expected in (None, digests):
                    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
                    return digests
            except BaseException:
                os.unlink(temp)
                raise
            finally:
                os.close(target)
            os.unlink(temp)
    raise ModelsError(f"{file} is being written to by another program", "the same command again when it is finished")


def _publish(
    repo: Repo,
    where: Sequence[Shelf],
    drafts: Mapping[Shelf, str],
    master: str,
    name: str,
    facts: Mapping[str, Any],
    failed: list[tuple[str, ModelsError]],
) -> list[Backup]:
    """Give the copies a name that is free in every shelf."""
    folders = [s for s in where if s.place is None]
    remotes = {}
    for shelf in where:
        if shelf.place:
            try:
                remotes[shelf] = places.connect(repo, shelf.place)
            except ModelsError as error:
                failed.append((shelf.where, error))
    stamp = time.strftime("%Y%m%d_%H%M%S")
    for number in count(1):
        full = name_of(name, stamp, number)
        asset = asset_of(full)
        try:
            taken = any(r.has([asset, asset + META]) for r in remotes.values())
        except ModelsError:
            taken = False  # the upload meets the same failure and reports it
        if not taken and _claim(folders, full, facts):
            break
    done = []
    for shelf in folders:
        if link.publish(drafts[shelf], os.path.join(shelf.where, full)):
            done.append(_backup(full, shelf, facts))
        else:  # somebody put a file of that name there within this instant
            os.unlink(os.path.join(shelf.where, full + META))
            failed.append((shelf.where, ModelsError(f"{full} appeared in {shelf.where} meanwhile; it was left alone")))
    source = done[0].file if done else master
    for shelf, remote in remotes.items():
        try:
            done.append(_send(repo, shelf, remote, full, source, facts))
        except ModelsError as error:
            failed.append((shelf.where, error))
    return done


def _claim(folders: Sequence[Shelf], name: str, facts: Mapping[str, Any]) -> bool:
    """Put the metadata under the backup's name into every folder, or into none: whether the name was free."""
    written: list[str] = []
    free = False
    try:
        for shelf in folders:
            final = os.path.join(shelf.where, name + META)
            temp = link.draft(shelf.where)
            written.append(temp)
            with open(temp, "x", encoding="utf-8") as file:
                json.dump(facts, file, indent=1)
                file.write("\n")
            objects.flush([temp])
            if os.path.lexists(final.removesuffix(META)) or not link.publish(temp, final):
                return False
            written[-1] = final
        free = True
    finally:
        for mine in () if free else written:
            if os.path.lexists(mine):
                os.unlink(mine)
    return True


def asset_of(name: str) -> str:
    """A backup's name on a remote, which takes fewer characters than a folder."""
    stem, suffix = manifest.split_name(name)
    return (re.sub(r"[^A-Za-z0-9._]+", "-", stem).strip("-.") or "model") + suffix


def _send(repo: Repo, shelf: Shelf, remote: Any, name: str, file: str, facts: Mapping[str, Any]) -> Backup:
    """Upload copy and metadata to a remote. Raises ModelsError."""
    asset = asset_of(name)
    limit = repo.config.part_size
    parts = transfer.parts_of(file, asset, limit) if facts["size"] > min(limit, remote.limit or limit) else ()
    described = dict(facts) | ({"parts": [p._asdict() for p in parts]} if parts else {})
    draft = objects.draft_bytes(repo.models, [(json.dumps(described, indent=1) + "\n").encode()])
    try:
        digests = draft.digests
        items = {
            Item(facts["sha256"], facts["md5"], facts["size"], asset, name, parts=parts): file,
            Item(digests.sha256, digests.md5, digests.size, asset + META, name + META): draft.file,
        }
        outcome = transfer.upload(list(items), items.__getitem__, remote, jobs=repo.config.jobs)
    finally:
        objects.discard(draft)
    if outcome.failed:
        raise outcome.failed[0][1]
    return _backup(asset, shelf, described)


def _backup(name: str, shelf: Shelf, facts: Mapping[str, Any]) -> Backup:
    """The backup that metadata describe; what is no metadata of ours gives one without hashes."""
    fields = ("sha256", "md5", "date", "source", "version", "note")
    texts = {key: facts[key] for key in fields if isinstance(facts.get(key), str)}
    size = facts.get("size")
    if not re.fullmatch("[0-9a-f]{64}", texts.get("sha256", "")) or not isinstance(size, int) or size < 0:
        return Backup(name, shelf)
    parts = []
    for part in facts.get("parts") or ():
        parts.append(Part(str(part["asset"]), int(part["size"]), str(part["sha256"]), str(part.get("md5", ""))))
    return Backup(name, shelf, size=size, parts=tuple(parts), **texts)


def parse(name: str, shelf: Shelf, raw: bytes) -> Backup:
    """A backup from the bytes of its metadata."""
    try:
        facts = jsons.read(raw)
        return _backup(name, shelf, facts if isinstance(facts, dict) else {})
    except (ValueError, TypeError, KeyError):
        return Backup(name, shelf)


def held(repo: Repo, shelf: Shelf) -> list[Backup]:
    """The backups of one shelf, the oldest first. A remote is asked. Raises ModelsError."""
    found = list(_on_remote(repo, shelf) if shelf.place else in_folder(shelf.where))
    return sorted(found, key=lambda b: (stamp_of(b.name), b.name))


def in_folder(folder: str) -> Iterator[Backup]:
    """The backups that lie in a folder, also those of other programs that have no metadata."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        full = os.path.join(folder, name)
        if not NAMED.fullmatch(name) or name.endswith(META) or not os.path.isfile(full):
            continue
        raw = b""
        if os.path.isfile(full + META):
            with open(full + META, "rb") as file:
                raw = file.read(_MOST)
        found = parse(name, Shelf(folder), raw)
        yield found if found.sha256 else found._replace(size=os.path.getsize(full))


def _on_remote(repo: Repo, shelf: Shelf) -> Iterator[Backup]:
    assert shelf.place is not None
    remote = places.connect(repo, shelf.place)
    names = {asset.asset for asset in remote.list()}
    for name in names:
        if name.endswith(META) and NAMED.fullmatch(name.removesuffix(META)):
            raw = b""
            with remote.get(name) as body:
                for block in body:
                    raw += block
                    if len(raw) > _MOST:
                        break
            found = parse(name.removesuffix(META), shelf, raw)
            if found.sha256 and names >= ({p.asset for p in found.parts} or {found.name}):
                yield found


def stamp_of(name: str) -> str:
    """The date in a backup's name, in the form that sorts: 20231201_120000."""
    found = NAMED.fullmatch(name)
    return found[2] if found else ""


def searched(repo: Repo, known: Manifest) -> list[Shelf]:
    """Where backups may lie: the shelves that are configured, and those that are used without configuration."""
    usual = [_usual(repo), Shelf(os.path.join(repo.models, "backups"))]
    return list(dict.fromkeys([*shelves(repo, known), *usual]))
