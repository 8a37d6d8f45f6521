"""Pointers of Git LFS in git, and the objects that they name, wherever this machine has them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from git_models import git, index, link, objects, patterns
from git_models.errors import ModelsError
from git_models.hashing import Digests
from git_models.migrate import attributes, choose
from git_models.repo import Repo

_MOST = 1024  # bytes; Git LFS takes no larger file for a pointer
_POINTER = re.compile(rb"version [^\n]*\n(?:[^\n]*\n)*?oid sha256:([0-9a-f]{64})\nsize ([0-9]+)\n?\Z")


class Pointer(NamedTuple):
    """A version of a file that Git LFS keeps."""

    path: str
    blob: str  # git's name of the pointer
    oid: str  # SHA-256 of the bytes
    size: int  # bytes
    commit: str  # the oldest commit that has it; "" in HEAD


class Tracked(NamedTuple):
    """What Git LFS has: pointers, real files at paths that are Git LFS's, and the attributes files (path, blob)."""

    pointers: list[Pointer]
    plain: list[choose.Found]
    attributes: list[tuple[str, str]]
    odd: list[tuple[str, str]]  # path, why it has to stay


def in_head() -> Tracked:
    """What HEAD's commit gives to Git LFS; the work tree's attributes are HEAD's."""
    entries = {p: oid for p, (mode, oid) in index.entries().items() if mode in index.REGULAR}
    filters = index.attributes("filter", list(entries))
    pairs = {(p, entries[p]): "" for p, worth in filters.items() if worth == "lfs"}
    own = [(p, oid) for p, oid in entries.items() if p.rpartition("/")[2] == attributes.NAME]
    return _read(pairs, own)


def in_history(revs: Sequence[str], rules_of: Sequence[str] = (), begin: Sequence[str] = ()) -> Tracked:
    """What any commit of a range gives to Git LFS, by the attributes of that range or of `rules_of`.

    With all that the commits `begin` have, on which the range stands: its trees hold that, too.
    """
    there = [change for commit in begin for change in choose.whole(commit)]
    own: dict[tuple[str, str], None] = {}
    for change in (*there, *choose.introduced(rules_of or revs)):
        if change.path.rpartition("/")[2] == attributes.NAME and change.mode in index.REGULAR:
            own[change.path, change.oid] = None
    texts = index.blobs([oid for _, oid in own])
    globs = {line.glob for p, oid in own for line in attributes.lines(p, os.fsdecode(texts.get(oid, b"")))}
    pairs: dict[tuple[str, str], str] = {}
    for change in (*there, *choose.introduced(revs)) if globs else ():
        if change.mode in index.REGULAR and patterns.matches(sorted(globs), change.path):
            pairs[change.path, change.oid] = change.commit
    tracked = _read(pairs, list(own))
    return tracked._replace(plain=_meant(tracked.plain))


def _meant(plain: list[choose.Found]) -> list[choose.Found]:
    """Those real files that should have been pointers, in HEAD or in the commit that brought them.

    Other lines can except a file from a pattern, and a pattern that Git LFS once had may be gone since.
    """
    now = index.attributes("filter", list({f.path for f in plain}))
    rest = [f for f in plain if now.get(f.path) != "lfs" and "\n" not in f.path]
    names = {f: [(n, f"{f.commit}:{n}") for n in attributes.above(f.path)] for f in rest}
    texts = index.blobs(list({spec for pairs in names.values() for _, spec in pairs}))
    return [
        f
        for f in plain
        if now.get(f.path) == "lfs"
        or attributes.gives(f.path, [(n, os.fsdecode(texts[spec])) for n, spec in names.get(f, ()) if spec in texts])
    ]


def _read(pairs: Mapping[tuple[str, str], str], own: list[tuple[str, str]]) -> Tracked:
    sizes = index.sizes(oid for _, oid in pairs)
    texts = index.blobs(list(dict.fromkeys(oid for _, oid in pairs if 0 < sizes.get(oid, 0) < _MOST)))
    found = Tracked([], [], own, [])
    for (path, blob), commit in pairs.items():
        raw, count = texts.get(blob, b""), sizes.get(blob, 0)
        if path.rpartition("/")[2] == attributes.NAME or not count:
            continue
        if not patterns.lfs_pointer(raw):
            found.plain.append(choose.Found(path, blob, count, commit))
            continue
        said = _POINTER.match(raw)
        if not said or b"\next-" in raw:
            found.odd.append((path, "its pointer is of a kind that only Git LFS understands"))
        else:
            found.pointers.append(Pointer(path, blob, said[1].decode(), int(said[2]), commit))
    return found


def own_folder(here: Repo) -> str:
    """Where Git LFS keeps this clone's objects."""
    storage = here.config.raw.get("lfs.storage", ("",))[-1]
    return os.path.join(here.common, storage or "lfs", "objects")  # an absolute one stands for itself


def folders(here: Repo, others: Sequence[str]) -> list[str]:
    """Where objects of Git LFS may lie: this clone's own store, and those of `others` (clones, or folders of objects).

    Raises ModelsError for one of `others` that is no folder.
    """
    found = [own_folder(here)]
    for other in others:
        if not os.path.isdir(other):
            raise ModelsError(f"there is no folder {other}", "git models migrate lfs --from CLONE")
        found += [
            os.path.join(other, *part) for part in ((".git", "lfs", "objects"), ("lfs", "objects"), ("objects",), ())
        ]
    return [folder for folder in found if os.path.isdir(folder)]


def place(folder: str, oid: str) -> str:
    """Where Git LFS keeps an object below its folder of objects."""
    return os.path.join(folder, oid[:2], oid[2:4], oid)


def missing(found: Iterable[Pointer], where: Sequence[str], models: str) -> list[Pointer]:
    """Pointers whose bytes lie in none of these folders nor in the store."""
    return [
        p
        for p in found
        if not objects.has(models, p.oid) and not any(_size(place(folder, p.oid)) == p.size for folder in where)
    ]


def _size(file: str) -> int:
    try:
        return os.stat(file).st_size
    except OSError:
        return -1


def fetch(everything: bool) -> str:
    """Let Git LFS fetch what is missing; "" or why it could not (quota, network, not installed)."""
    try:
        git.run("lfs", "fetch", *(["--all"] if everything else []))
    except git.GitError as failed:
        lines = [line for line in failed.stderr.splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it failed"
    return ""


def keep(
    here: Repo, found: Iterable[Pointer], where: Sequence[str], advance: Callable[[int], None]
) -> tuple[dict[str, Digests], list[Pointer]]:
    """Copy objects into the store: (digests by sha256, pointers whose bytes turned out to be bad)."""
    done: dict[str, Digests] = {}
    bad = []
    unique = {p.oid: p for p in found}
    objects.need_space(here.common, sum(p.size for p in unique.values()), "the files of Git LFS")
    for oid, pointer in unique.items():
        own = objects.path(here.models, oid)
        files = [f for f in (own, *(place(folder, oid) for folder in where)) if _size(f) == pointer.size]
        digests = next((d for f in files if (d := _take(here, oid, f, f == own, advance))), None)
        if digests is None:
            bad.append(pointer)
        else:
            done[oid] = digests
    return done, bad


def _take(here: Repo, oid: str, file: str, own: bool, advance: Callable[[int], None]) -> Digests | None:
    """Hash a file and copy it into the store, unless it is the store's own; None if it has other bytes."""
    source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        draft = objects.Draft("", link.hashed(source)) if own else objects.draft_file(here.models, source, advance)
    finally:
        os.close(source)
    if draft.digests.sha256 != oid:
        if not own:
            objects.discard(draft)
        return None
    if not own:
        objects.seal(here.models, [draft])
    return draft.digests
