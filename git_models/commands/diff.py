"""Which models were added, changed, moved or removed, with --tensors what changed in them, with --stat how far.

Without a revision the work tree is compared with HEAD, with one the work tree with that, with two the
second with the first. Only the models that the paths name, if any are given. One MODEL@VERSION is
compared with the model as it is now, two with each other.
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from git_models import exchange, git, inspect, lineage, manifests, repo, whereabouts
from git_models.errors import ModelsError, UsageError, word
from git_models.inspect import Comparison
from git_models.manifest import Entry
from git_models.output import Output, safe, size
from git_models.repo import Repo
from git_models.sight import MODIFIED, Sight, states
from git_models.versions import version_of


class Changes(NamedTuple):
    """What differs between two manifests, by path; in `changed` and `moved` both sides."""

    added: list[Entry]
    changed: list[tuple[Entry, Entry]]
    moved: list[tuple[Entry, Entry]]
    removed: list[Entry]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="REV|PATH", help="up to two revisions, then models or folders")
    parser.add_argument("--tensors", action="store_true", help="which tensors appeared, vanished or changed")
    parser.add_argument("--stat", action="store_true", help="--tensors, and how far the numbers moved; epochs, metrics")
    parser.add_argument("--fetch", action="store_true", help="with these two: fetch the versions that are not here")
    parser.add_argument("--verify", action="store_true", help="with these two: trust no checksum in the files")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.stat:
        inspect.require_numpy()
    files: dict[str, str] = {}  # of the work tree, where that is the later side
    found = _of_versions(here, args.words, files) or _of_revisions(here, args.words, files)
    document: dict[str, Any] = {"added": [], "changed": [], "moved": [], "removed": []}
    code = 0
    for entry in found.added:
        out.result(f"added    {safe(entry.path)} ({_size(entry)}){_version(entry)}")
        document["added"].append(_described(entry))
    for old, new in found.changed:
        tags = version_of(old), version_of(new)
        tagged = f" {tags[0] or '?'} -> {tags[1] or '?'}" if any(tags) else ""
        out.result(f"changed  {safe(new.path)} ({_size(old)} -> {_size(new)}){tagged}")
        for key in dict.fromkeys([*old.metrics, *new.metrics]):
            if old.metrics.get(key) != new.metrics.get(key):
                out.result(safe(f"           {key} {old.metrics.get(key, '-')} -> {new.metrics.get(key, '-')}"))
        item = {"path": new.path, "before": _described(old), "after": _described(new)}
        if args.tensors or args.stat:
            try:
                first = _file(here, old, args.fetch, out)
                second = files.get(new.path) or _file(here, new, args.fetch, out)
                compared = _compared(first, second, args, out)
                lines = inspect.training_lines(compared, out.verbose) if args.stat else []
                for line in (*lines, *inspect.comparison_lines(compared, out.verbose)):
                    out.result(safe(f"           {line}"))
                item["tensors"] = inspect.comparison_json(compared)
                if args.stat:
                    item["stat"] = inspect.numbers_json(compared)
            except ModelsError as absent:
                out.warn(f"{absent.what}, so its tensors are not compared\n  next: {absent.fix}")
                code = 1
        document["changed"].append(item)
    for old, new in found.moved:
        out.result(f"moved    {safe(old.path)} -> {safe(new.path)} ({_size(new)})")
        document["moved"].append({"path": new.path, "from": old.path, **_described(new)})
    for entry in found.removed:
        out.result(f"removed  {safe(entry.path)} ({_size(entry)}){_version(entry)}")
        document["removed"].append(_described(entry))
    if not any(found):
        out.note("no model differs")
    out.document(document)
    return code


def _of_revisions(here: Repo, words: Sequence[str], files: dict[str, str]) -> Changes:
    revisions, paths = _sorted(words)
    before = manifests.at(here, revisions[0] if revisions else "HEAD").models
    after = manifests.at(here, revisions[1]).models if len(revisions) == 2 else _on_disk(here, files)
    names = [here.relative(path) for path in paths]
    for name in names:
        if not any(_lies_in(path, name) for path in (*before, *after)):
            close = difflib.get_close_matches(name, [*before, *after], 1)
            raise ModelsError(
                f"{name} is no revision, no model and no folder of models",
                f"git models diff {word(close[0])}" if close else "git models list",
            )
    return _narrowed(changes(before, after), names)


def _of_versions(here: Repo, words: Sequence[str], files: dict[str, str]) -> Changes | None:
    """The two versions of a model that MODEL@VERSION [MODEL[@VERSION]] names; None where the words name none."""
    known = manifests.current(here)
    if not any(lineage.names_version(here, known, w) and not git.is_commit(w) for w in words):
        return None
    if len(words) > 2:
        raise UsageError("two versions are compared at a time", "git models diff MODEL@VERSION MODEL@VERSION")
    old, *more = (lineage.find(here, known, word) for word in words)
    new = more[0] if more else _on_disk(here, files).get(old.path)
    if new is None:
        return Changes([], [], [], [old])
    return Changes([], [] if _equal(old, new) else [(old, new)], [], [])


def _sorted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Revisions and paths, as git tells them apart: the first words that name commits are revisions."""
    revisions: list[str] = []
    for at, typed in enumerate(words):
        parts = typed.split("..") if ".." in typed and not os.path.lexists(typed) else [typed]
        if len(revisions) + len(parts) > 2 or not all(git.is_commit(part or "HEAD") for part in parts):
            return revisions, list(words[at:])
        revisions += [part or "HEAD" for part in parts]
    return revisions, []


def _on_disk(here: Repo, files: dict[str, str]) -> dict[str, Entry]:
    """The work tree's manifest, with the bytes that the files have now; `files` is filled with these."""
    known = manifests.current(here)
    sight = Sight(here)
    models = dict(known.models)
    for path, entry, state, oid in states(here, known, sight):
        if oid:
            files[path] = here.path(path)
        if state == MODIFIED:
            md5 = (sight.digests(path) or ("", ""))[1]
            models[path] = entry._replace(sha256=oid, md5=md5, size=os.path.getsize(here.path(path)))
    sight.save(known)
    return models


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Changes:
    """What differs; a model that left one path and came to another with the same bytes has moved."""
    removed = {path: entry for path, entry in before.items() if path not in after}
    found = Changes([], [], [], [])
    for path, entry in after.items():
        old = before.get(path)
        if old is None:
            source = next((e for e in removed.values() if _equal(e, entry)), None)
            if source:
                found.moved.append((removed.pop(source.path), entry))
            else:
                found.added.append(entry)
        elif not _equal(old, entry):
            found.changed.append((old, entry))
    found.removed.extend(removed.values())
    return found


def _equal(one: Entry, other: Entry) -> bool:
    return one.sha256 == other.sha256 if one.sha256 and other.sha256 else one.md5 == other.md5


def _lies_in(path: str, name: str) -> bool:
    return name == "." or path == name or path.startswith(name + "/")


def _narrowed(found: Changes, names: Sequence[str]) -> Changes:
    def meant(*entries: Entry) -> bool:
        return not names or any(_lies_in(e.path, name) for e in entries for name in names)

    return Changes(
        [e for e in found.added if meant(e)],
        [pair for pair in found.changed if meant(*pair)],
        [pair for pair in found.moved if meant(*pair)],
        [e for e in found.removed if meant(e)],
    )


def _file(here: Repo, entry: Entry, fetch: bool, out: Output) -> str:
    """A file with these bytes. Raises ModelsError where they are not here."""
    try:
        return whereabouts.file_of(here, entry)
    except ModelsError as absent:
        if not fetch:
            raise ModelsError(absent.what, "the same command with --fetch") from None
        for failure in exchange.fetch(here, manifests.current(here), [entry], out).failed:
            raise failure.named() from None
        return whereabouts.file_of(here, entry)


def _compared(first: str, second: str, args: argparse.Namespace, out: Output) -> Comparison:
    with whereabouts.open_plain(first) as a, whereabouts.open_plain(second) as b:
        sizes = os.fstat(a.fileno()).st_size, os.fstat(b.fileno()).st_size
        with out.progress("comparing", sum(sizes) if args.stat else 0) as advance:
            both = (a, sizes[0]), (b, sizes[1])
            return inspect.compare(*both, verify=args.verify, measure=args.stat, advance=advance)


def _size(entry: Entry) -> str:
    return size(entry.size) if entry.size >= 0 else "?"


def _version(entry: Entry) -> str:
    version = version_of(entry)
    return safe(f" {version}") if version else ""


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "size": entry.size,
        "sha256": entry.sha256,
        "version": version_of(entry),
        "metrics": dict(entry.metrics),
    }
