"""The models that are in use: named under `active:` in models.yaml, and lying in `active/` of the layout."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from git_models import (
    excludes,
    git,
    journal,
    layout,
    link,
    manifest,
    manifests,
    objects,
    paths,
    recording,
    restoring,
    rolling,
    safety,
    statcache,
    versions,
    whereabouts,
)
from git_models.errors import ModelsError, PathError, word
from git_models.journal import Event
from git_models.manifest import Entry, Manifest
from git_models.messages import told
from git_models.output import Output
from git_models.partfile import disk
from git_models.repo import Repo
from git_models.sight import MISSING, MODIFIED, OK

UNKNOWN = "unknown version"
"""The state of an active name whose version this clone's manifest does not tell."""


class Active(NamedTuple):
    """One name under `active:`."""

    name: str
    target: str  # path or path@version, as written
    path: str  # of the model
    file: str  # in the work tree; "" without a layout
    sha256: str  # that the version has; "" unknown
    state: str  # of the file: OK, MISSING, MODIFIED (it is another version) or UNKNOWN


def look(repo: Repo, known: Manifest) -> list[Active]:
    """Every active name and how its file lies there; a file is hashed once."""
    found = []
    for name, target in known.active.items():
        path = model_of(known, target)
        file = file_of(repo, name, path)
        try:
            oid = versions.find(known, target, earlier=lambda e, v: _in_commit(repo, e, v)).sha256
        except ModelsError:
            oid = ""
        there = _digest(repo, file) if file else ""
        state = UNKNOWN if not oid else MISSING if not there else OK if there == oid else MODIFIED
        found.append(Active(name, target, path, file, oid, state))
    return found


def model_of(known: Manifest, target: str) -> str:
    """The path in a value of `active:`."""
    return versions.split(target, known.models.__contains__)[0]


def _in_commit(repo: Repo, entry: Entry, name: str) -> Entry | None:
    return manifests.at(repo, name).models.get(entry.path) if git.is_commit(name) else None


def file_of(repo: Repo, name: str, path: str) -> str:
    """Where the file of an active name lies: `active/NAME`, with the model's suffix; "" without a layout."""
    folder = layout.folder(repo, layout.ACTIVE)
    suffix = manifest.split_name(os.path.basename(path))[1]
    return f"{folder}/{name}{'' if name.endswith(suffix) else suffix}" if folder else ""


def value(repo: Repo, known: Manifest, text: str, entry: Entry) -> str:
    """What is written under `active:` for a version that a user named as `text`: path@version, path@commit or path.

    Raises ModelsError for a version that has no name that others could look up.
    """
    recorded = known.models[entry.path]
    if tagged := versions.version_of(entry):
        return f"{entry.path}@{tagged}"
    if recorded.sha256 == entry.sha256:
        return entry.path
    version = text.rpartition("@")[2]
    if version and git.is_commit(version):
        return f"{entry.path}@{git.text('rev-parse', '--short=12', f'{version}^{{commit}}')}"
    raise ModelsError(
        f"{text} has no version that others could find",
        f"git models rollback {word(text)}, then git models tag {word(entry.path)} V",
    )


def activate(repo: Repo, known: Manifest, entry: Entry, name: str, target: str, out: Output) -> str:
    """Record an active name and put the file into `active/`; returns its path in the work tree ("" without a layout).

    The bytes are brought first and the file comes last: killed in between, the manifest names what
    the same command then puts in place. Raises ModelsError.
    """
    try:
        paths.check(name)
    except PathError as failed:
        raise ModelsError(failed.what.replace("a model's path", "the name of an active model")) from None
    if "/" in name:
        raise ModelsError(f"{name!r} cannot be the name of an active model: it is no file name")
    file = file_of(repo, name, entry.path)
    if file:
        rolling.bring(repo, known, entry, out)
        if _digest(repo, file) != entry.sha256:
            _need_safe(repo, entry, file, whereabouts.file_of(repo, entry), out)
            objects.need_space(_folder_of(repo, file), entry.size, file)
    if known.active.get(name) != target:
        recording.record(repo, active={name: target})
    if file:
        put(repo, entry, file, out)
    excludes.rebuild(repo)
    version = versions.version_of(entry)
    journal.note(repo.models, [Event("activate", entry.path, entry.sha256, entry.size, "", name, version)])
    return file


def put(repo: Repo, entry: Entry, file: str, out: Output) -> bool:
    """Copy a version whose bytes are here to its place in `active/`; False where it lies there already.

    Raises ModelsError, with nothing changed.
    """
    where = repo.path(file)
    if _digest(repo, file) == entry.sha256:
        return False
    source = whereabouts.file_of(repo, entry)
    folder = _folder_of(repo, file)
    objects.need_space(folder, entry.size, file)
    with disk(file):
        temp = link.draft(folder)
        try:
            with whereabouts.open_plain(source) as opened, open(temp, "xb+") as target:
                link.copy(opened.fileno(), target.fileno(), repo.config.link)
                at = time.time_ns()
                digests = link.hashed(target.fileno())
                os.fsync(target.fileno())
            if digests.sha256 != entry.sha256:
                raise ModelsError(f"{source} changed while it was copied", "git models verify")
            _need_safe(repo, entry, file, temp, out)
            kept = restoring.swap(repo, temp, where, "was in active/", recorded=_recorded(repo))
        finally:
            if os.path.lexists(temp):
                os.unlink(temp)
    _learn(repo, file, (entry.sha256, digests.md5), at)
    if kept:
        out.note(f"what was at {file} is kept as {kept.file}")
    return True


def _folder_of(repo: Repo, file: str) -> str:
    """The folder of a file in `active/`, made when it is needed. Raises ModelsError for a link on the way."""
    parent, _ = link.open_parent(repo.top, file, create=True)
    os.close(parent)
    return os.path.dirname(repo.path(file))


def _need_safe(repo: Repo, entry: Entry, file: str, source: str, out: Output) -> None:
    """Raise ModelsError for bytes that run code, wherever they lie: models.yaml alone makes nothing the active one."""
    try:
        if doubt := safety.placeable(repo, file, entry.sha256, source, repo.config.scan):
            out.warn(safety.doubtful(entry.path, doubt))
    except ModelsError as refused:
        why = refused.what.partition(": ")[2]
        raise ModelsError(
            f"{entry.path} was not put into active/: {why}",
            f"git models scan {word(entry.path)}   # says more\n"
            f"git models activate --allow-dangerous {word(entry.path)}   # if you know what it runs",
        ) from None


def _recorded(repo: Repo) -> Callable[[str], bool]:
    """Whether these bytes can be had again."""
    return lambda oid: objects.has(repo.models, oid) or oid in objects.held_anywhere(repo.models)


def refresh(repo: Repo, known: Manifest, out: Output) -> None:
    """After git changed `active:`, make the files follow, as far as the bytes are here; for hooks and pull.

    A file that is none of ours stays. Raises ModelsError.
    """
    if not known.active or not repo.config.layout:
        return
    for name, target, _, file, _, state in look(repo, known):
        if state not in (MISSING, MODIFIED) or (state == MODIFIED and not _recorded(repo)(_digest(repo, file))):
            continue
        entry = versions.find(known, target, earlier=lambda e, v: _in_commit(repo, e, v))
        try:
            whereabouts.file_of(repo, entry)
        except ModelsError:
            out.note(f"{file} is not {target}, whose bytes are not here: git models activate")
            continue
        try:
            put(repo, entry, file, out)
        except ModelsError as failed:
            out.warn(told(failed))
        else:
            out.note(f"{name} is {target} now: {file}")


def absent(repo: Repo, known: Manifest) -> list[Entry]:
    """The versions that files in `active/` wait for and whose bytes are not here."""
    if not repo.config.layout:
        return []
    found = []
    for row in look(repo, known):
        if row.state in (MISSING, MODIFIED):
            entry = versions.find(known, row.target, earlier=lambda e, v: _in_commit(repo, e, v))
            try:
                whereabouts.file_of(repo, entry)
            except ModelsError:
                found.append(entry)
    return found


def deactivate(repo: Repo, known: Manifest, name: str) -> str:
    """Take an active name away, and its file, unless its bytes are recorded nowhere; returns the file that was left."""
    file = file_of(repo, name, model_of(known, known.active[name]))
    recording.record(repo, active={name: None})
    there = _digest(repo, file) if file else ""
    if there and not _recorded(repo)(there):
        return file
    if there:
        os.unlink(repo.path(file))
    return ""


def _stat_file(repo: Repo) -> str:
    return os.path.join(repo.state, "active")


def _digest(repo: Repo, file: str) -> str:
    """The SHA-256 of the file at a path of the work tree, "" where there is none; hashed once."""
    cache = statcache.load(_stat_file(repo))
    try:
        st = link.regular(repo.top, file)
    except ModelsError:
        return ""
    if st is None:
        return ""
    if file in cache and statcache.trusted(cache[file], st):
        return cache[file][0]
    at = time.time_ns()
    opened = link.open_file(repo.top, file)
    try:
        link.settle(opened)
        digests = link.hashed(opened)
    finally:
        os.close(opened)
    _learn(repo, file, (digests.sha256, digests.md5), at)
    return digests.sha256


def _learn(repo: Repo, file: str, found: tuple[str, str], at: int) -> None:
    st = link.regular(repo.top, file)
    if st is not None:
        cache: Mapping[str, statcache.Record] = statcache.load(_stat_file(repo))
        statcache.save(_stat_file(repo), {**cache, file: statcache.record(*found, st, at)}, {})
