"""The life of a model: every version that commits recorded, through renames and merges, and names for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from git_models import git, history, index, manifest, manifests, versions
from git_models.errors import ManifestError, ModelsError, word
from git_models.manifest import EMPTY, Entry, Manifest, Version
from git_models.repo import Repo

_NEAR = 20  # sizes that differ by less than this part of the larger are near
_BATCH = 100  # commits whose manifests are in memory at once
# What git's dates are made of. It takes anything else for "now", and a wrong version would be silent.
_DATE = re.compile(
    r"(?:[0-9:+/Z]+|[0-9]+[a-z]{2}|[0-9-]+T[0-9:+]+Z?|now|today|yesterday|noon|midnight|tea|am|pm|ago|last|at|one|two|"
    r"three|four|five|six|seven|eight|nine|ten|(?:second|minute|hour|day|week|month|year)s?|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)\Z",
    re.I,
)


class Commit(NamedTuple):
    """Who recorded something; all "" for what is in no commit yet."""

    oid: str = ""
    short: str = ""
    author: str = ""
    date: str = ""  # ISO 8601, as the author's clock had it
    subject: str = ""


class Row(NamedTuple):
    """One version of a model, or (with `active`) the moment when one was made active."""

    entry: Entry  # as that commit has it
    commit: Commit
    version: str = ""  # under which these bytes are tagged
    note: str = ""
    metrics: Mapping[str, Any] = {}
    active: str = ""  # the name under which it was activated


def version_json(version: Version) -> dict[str, Any]:
    """A tagged version as stable keys of `--json`."""
    return {
        **{k: v for k, v in version._asdict().items() if k not in ("parts", "extra")},
        "metrics": dict(version.metrics),
    }


def find(repo: Repo, known: Manifest, text: str) -> Entry:
    """The model that MODEL[@VERSION] names, in this repository, its history included. Raises ModelsError.

    A model that `known` does not have any more is found with the name of a commit that has it.
    """

    def relative(name: str) -> str:
        return _relative(repo, name)

    def earlier(entry: Entry, name: str) -> Entry | None:
        return _earlier(repo, known, entry, name)

    try:
        return versions.find(known, text, relative=relative, earlier=earlier)
    except ModelsError:
        for model, revision in _splits(text):
            if git.is_commit(revision):
                there = manifests.at(repo, revision)
                if found := versions.called(there, relative(model)) or versions.called(there, model):
                    return found[0]
        raise


def names_version(repo: Repo, known: Manifest, text: str) -> bool:
    """Whether what was typed is MODEL@VERSION rather than a model."""

    def is_model(name: str) -> bool:
        return bool(versions.called(known, _relative(repo, name)) or versions.called(known, name))

    return bool(versions.split(text, is_model)[1])


def _relative(repo: Repo, name: str) -> str:
    try:
        return repo.relative(name)
    except ModelsError:
        return name


def _splits(text: str) -> Iterator[tuple[str, str]]:
    for at, character in enumerate(text):
        if character == "@" and at and at + 1 < len(text):
            yield text[:at], text[at + 1 :]


def _earlier(repo: Repo, known: Manifest, entry: Entry, name: str) -> Entry | None:
    """`@previous`, `@{2}` (versions ago), `@{yesterday}` and `@COMMIT`; None for anything else."""
    if name == versions.PREVIOUS:
        return _back(repo, known, entry, 1)
    if name.startswith("{") and name.endswith("}"):
        inside = name[1:-1].strip()
        if inside.isdecimal():
            return _back(repo, known, entry, int(inside))
        if not inside or not all(map(_DATE.match, filter(None, re.split(r"[\s.,_-]+", inside)))):
            return None
        commit = git.text("rev-list", "-1", f"--before={inside}", "HEAD", ok=(0, 128))
        if not commit:
            raise ModelsError(f"there is no commit from before {inside}", f"git models log {word(entry.path)}")
        return _in_commit(repo, known, entry, commit)
    return _in_commit(repo, known, entry, name) if git.is_commit(name) else None


def _back(repo: Repo, known: Manifest, entry: Entry, count: int) -> Entry | None:
    """The version so many before the present one."""
    last = entry
    for row in log(repo, known, [entry.path]):
        if not count:
            break
        if not row.active and row.commit.oid and not versions.same_bytes(row.entry, last):
            last, count = row.entry, count - 1
    return None if count else last


def _in_commit(repo: Repo, known: Manifest, entry: Entry, commit: str) -> Entry:
    """The model as a commit has it, under whichever path. Raises ModelsError."""
    there = manifests.at(repo, commit)
    if entry.path in there.models:
        return there.models[entry.path]
    for row in log(repo, known, [entry.path]):
        if row.entry.path in there.models:
            return there.models[row.entry.path]
    raise ModelsError(f"{commit} has no {entry.path}", f"git models log {word(entry.path)}")


def log(
    repo: Repo, known: Manifest, paths: Sequence[str] | None = None, revisions: Sequence[str] = ("HEAD",)
) -> Iterator[Row]:
    """The versions of these models (None: of all), the newest first.

    First what the work tree's manifest `known` has and HEAD has not, then commits, last the tagged
    versions that no commit here shows (in a shallow clone). A path that a model had earlier is
    followed. Bytes that have several tags are told once for each, the newest first. A broken manifest in
    the history counts as empty.
    """
    names = None if paths is None else set(paths)
    tags: dict[tuple[str, str], dict[str, Version]] = {}
    seen: set[tuple[str, str]] = set()
    mine = [known.models[p] for p in known.models if names is None or p in names]
    for commit, new, olds in _steps(repo, known, names, revisions):
        for entry in new.models.values():
            wanted = names is None or entry.path in names
            if wanted and any(v.version not in tags.get((v.sha256, v.md5), ()) for v in entry.versions):
                for version in reversed(versions.ordered(entry)):
                    tags.setdefault((version.sha256, version.md5), {}).setdefault(version.version, version)
        for row in _rows(commit, new, olds, names):
            there = tags.get((row.entry.sha256, row.entry.md5), {})
            seen.add((row.entry.sha256, row.entry.md5))
            if row.active:
                yield _tagged(row, there[row.version]) if row.version in there else row
                continue
            yield from (_tagged(row, tag) for tag in there.values()) if there else (row,)
    for entry in mine:
        for version in reversed(versions.ordered(entry)):
            if (version.sha256, version.md5) not in seen:
                row = Row(versions.at(entry, version), Commit(date=version.date), metrics=version.metrics)
                yield _tagged(row, version)


def _tagged(row: Row, tag: Version) -> Row:
    return row._replace(version=tag.version, note=tag.note, metrics=tag.metrics or row.metrics)


def _rows(commit: Commit, new: Manifest, olds: Sequence[Manifest], names: set[str] | None) -> Iterator[Row]:
    """What one commit brings, against all its parents; `names` becomes what the models were called before."""
    moves = cache(lambda: _moves(new, olds))
    for path in list(new.models if names is None else names):
        entry = new.models.get(path)
        if entry is None or any(versions.same_bytes(entry, old.models.get(path, Entry(path))) for old in olds):
            continue
        source = None if any(path in old.models for old in olds) else moves()(entry)
        if source is None or not versions.same_bytes(source, entry):
            yield Row(entry, commit, metrics=entry.metrics)
        if source is not None and names is not None:
            names.discard(path)
            names.add(source.path)
    for name, target in new.active.items():
        path, version = versions.split(target, new.models.__contains__)
        if path in new.models and (names is None or path in names) and all(o.active.get(name) != target for o in olds):
            try:
                yield Row(versions.pick(new, new.models[path], version), commit, version=version, active=name)
            except ModelsError:
                continue  # it names a version that the manifest does not


def _moves(new: Manifest, olds: Sequence[Manifest]) -> Callable[[Entry], Entry | None]:
    """What a model was before the commit that gave it this path, also if it was trained again in that commit."""
    came = [e for path, e in new.models.items() if all(path not in old.models for old in olds)]
    left = {path: before for old in olds for path, before in old.models.items() if path not in new.models}
    old_bytes, new_bytes = _told_by(left.values(), _bytes), _told_by(came, _bytes)
    gone = [b for b in left.values() if not any(versions.same_bytes(b, e) for e in _sharing(new_bytes, b, _bytes))]
    one = len(gone) == len(came) == 1
    old_traits, new_traits = _told_by(gone, _traits), _told_by(came, _traits)

    def moved(entry: Entry) -> Entry | None:
        if same := next((b for b in _sharing(old_bytes, entry, _bytes) if versions.same_bytes(b, entry)), None):
            return same
        if one:
            return gone[0] if _alike(gone[0], entry) else None
        # Where several could be meant, none is: a wrong past is worse than a short one.
        before = _only(_sharing(old_traits, entry, _traits), entry)
        return before if before and _only(_sharing(new_traits, before, _traits), before) else None

    return moved


def _told_by(entries: Iterable[Entry], by: Callable[[Entry], Iterable[object]]) -> Mapping[object, Sequence[Entry]]:
    found: dict[object, list[Entry]] = {}
    for entry in entries:
        for trait in by(entry):
            found.setdefault(trait, []).append(entry)
    return found


def _sharing(
    known: Mapping[object, Sequence[Entry]], entry: Entry, by: Callable[[Entry], Iterable[object]]
) -> Iterator[Entry]:
    return (other for trait in by(entry) for other in known.get(trait, ()))


def _only(candidates: Iterable[Entry], entry: Entry) -> Entry | None:
    """The one of these that is related to the entry, None if there is none or a second one."""
    found: Entry | None = None
    for other in candidates:
        if _related(other, entry):
            if found is not None and other.path != found.path:
                return None
            found = other
    return found


def _bytes(entry: Entry) -> Iterator[object]:
    """The hashes of which two entries with the same bytes share one."""
    return (h for h in (entry.sha256, entry.md5) if h)


def _traits(entry: Entry) -> set[object]:
    """Of two entries that are `_related`, each has one of these that the other has, too."""
    held: list[Entry | Version] = [entry, *entry.versions]
    hashes = {h for one in held for h in (one.sha256, one.md5) if h}
    texts = (("name", entry.label), ("description", entry.description), ("notes", entry.notes))
    return hashes | {text for text in texts if text[1]}


def _related(one: Entry, other: Entry) -> bool:
    """Whether two entries of other bytes and paths are of one model: by a tagged version, their name or a text."""
    tags: list[list[Entry | Version]] = [[e, *e.versions] for e in (one, other)]
    return (
        any(versions.same_bytes(a, b) for a in tags[0] for b in tags[1])
        or one.label == other.label
        or bool(one.description and one.description == other.description)
        or bool(one.notes and one.notes == other.notes)
    )


def _alike(one: Entry, other: Entry) -> bool:
    """Whether the one model that came can be the one that went: a model that is trained again keeps its size."""
    suffixes = [e.path.rpartition("/")[2].rpartition(".")[2] for e in (one, other)]
    near = abs(one.size - other.size) * _NEAR <= max(one.size, other.size)
    return _related(one, other) or (suffixes[0] == suffixes[1] and min(one.size, other.size) > 0 and near)


def _steps(
    repo: Repo, known: Manifest, names: set[str] | None, revisions: Sequence[str]
) -> Iterator[tuple[Commit, Manifest, Sequence[Manifest]]]:
    """Each change of the manifest: who, the manifest afterwards, those of the parents before; children first.

    Steps that leave these models (None: any) alone may be left out. `names` may change in between.
    """
    try:
        head = manifests.at(repo, "HEAD")
    except ManifestError:
        head = EMPTY
    if known != head:
        yield Commit(), known, [head]
    if not index.head():
        return
    batch: list[tuple[Commit, list[str]]] = []
    for step in _commits(revisions):
        batch.append(step)
        if len(batch) == _BATCH:
            yield from _read(batch, names)
            batch = []
    yield from _read(batch, names)


def _commits(revisions: Sequence[str]) -> Iterator[tuple[Commit, list[str]]]:
    """(commit, blobs of models.yaml: those of its parents, then its own) of every commit that changes it."""
    shape = "%x01%H%x00%aN%x00%aI%x00%s"
    options = (
        "--topo-order",
        "-c",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--root",
        "--no-show-signature",
        "--no-follow",
    )
    found: Commit | None = None
    with git.popen("log", f"--format={shape}", *options, *revisions, "--", history.PATHSPEC) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            if line.startswith("\x01"):
                oid, *rest = line[1:].split("\0", 3)
                found = Commit(oid, oid[:10], *rest)
            elif line.startswith(":") and found:
                parents = len(line) - len(line.lstrip(":"))
                yield found, line.split()[parents + 1 : 2 * parents + 2]


def _read(
    batch: Sequence[tuple[Commit, list[str]]], names: set[str] | None
) -> Iterator[tuple[Commit, Manifest, Sequence[Manifest]]]:
    blobs = index.blobs(list({oid for _, oids in batch for oid in oids if oid.strip("0")}))
    parsed: dict[str, Manifest] = {}
    for commit, oids in batch:
        raws = [blobs.get(oid, b"") for oid in oids]
        if names is not None and _untouched(names, raws[:-1], raws[-1]):
            continue
        for oid, raw in zip(oids, raws, strict=True):
            if oid not in parsed:
                parsed[oid] = _parsed(raw)
        yield commit, parsed[oids[-1]], [parsed[oid] for oid in oids[:-1]]


def _untouched(names: set[str], olds: Sequence[bytes], new: bytes) -> bool:
    """Whether the text alone tells that a commit leaves these models as one of its parents had them.

    Reading a manifest of 200 models as YAML costs 5 ms, and most commits change one of them.
    """
    if any(_active_section(old) != _active_section(new) for old in olds):
        return False
    for path in names:
        mine = _block(new, path)
        if not mine or all(_block(old, path) != mine for old in olds):
            return False
    return True


def _active_section(raw: bytes) -> bytes:
    start = raw.find(b"\nactive:")
    return raw[start:] if start >= 0 else b""


def _block(raw: bytes, path: str) -> bytes:
    """The lines of an entry in the form that is usually written; b"" where it is not found in that form."""
    key = path.encode("utf-8", "surrogateescape")
    for head in (b"\n  " + key + b":\n", b'\n  "' + key + b'":\n'):
        start = raw.find(head)
        if start >= 0:
            end = start + len(head)
            while raw.startswith(b"    ", end):
                end = raw.find(b"\n", end) + 1 or len(raw)
            return raw[start:end]
    return b""


def _parsed(raw: bytes) -> Manifest:
    """The manifest of an old commit; not remembered, since it will hardly be asked for again."""
    try:
        return manifest.parse(raw) if raw.strip() else EMPTY
    except ManifestError:
        return EMPTY
