"""Show what is in a model: format, size, hashes, versions, tensors, training metadata, is it safe to load.

MODEL is a recorded path or name, as it is now, at a version or at a commit (PATH@1.2.0, PATH@v2~3);
any other file; or a URL, of which only the bytes that are needed are fetched. Nothing in it is run.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from git_models import exchange, git, inspect, link, manifests, places, remotes, repo, urls, whereabouts
from git_models.errors import ModelsError, NotARepository, RemoteError
from git_models.manifest import Entry, Manifest
from git_models.output import Output, safe, size
from git_models.remotes.reading import Ranges
from git_models.repo import Repo
from git_models.sight import MISSING, Sight, states


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a path, PATH@VERSION, PATH@COMMIT, a file or a URL")
    parser.add_argument("--tensors", action="store_true", help="name, type and shape of every tensor")
    parser.add_argument("--hash", action="store_true", help="the hashes of a file that is not recorded, too")


def run(args: argparse.Namespace, out: Output) -> int:
    name: str = args.model
    if name.startswith(("https://", "http://")):
        facts: dict[str, Any] = {"url": urls.redact(name)}
        found = _remote(remotes.links(), name, urls.split(name).path, out)
    else:
        facts, found = _local(name, args.hash, out)
    for key, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        if shown:
            out.result(f"{key:<11} {safe(str(shown))}")
    for line in inspect.description_lines(found, args.tensors):
        out.result(safe(line))
    out.document({**facts, **inspect.description_json(found, args.tensors)})
    return 0


def _local(name: str, hashed: bool, out: Output) -> tuple[dict[str, Any], inspect.Description]:
    """What is known of a file or a recorded model besides its bytes, and what is in them."""
    try:
        here = repo.find()
    except NotARepository:
        return _unrecorded(name, hashed), _described(name, name)
    if os.path.lexists(name):
        path, known = _path_inside(here, name), manifests.current(here)
        if path not in known.models:
            return _unrecorded(name, hashed), _described(name, name)
        sight = Sight(here)
        (state,) = states(here, known, sight, [path])
        found = sight.digests(path) or ("", "")
        sight.save(known)
        return _recorded(known.models[path], state.state, *found), _described(name, path)
    entry = _named(here, name)
    facts = _recorded(entry, "" if "@" in name else MISSING, entry.sha256, entry.md5)
    try:
        return facts, _described(whereabouts.file_of(here, entry), entry.path)
    except ModelsError as absent:
        for place in places.for_pull(here, manifests.current(here)):
            if place.approved and entry.asset and not entry.parts:
                try:
                    return facts, _remote(places.connect(here, place), entry.asset, entry.path, out)
                except RemoteError as failed:
                    out.detail(f"{place.name}: {failed.what}")
        raise absent


def _described(file: str, name: str) -> inspect.Description:
    with whereabouts.open_plain(file) as opened:
        count = os.fstat(opened.fileno()).st_size
        # The whole file is at hand: the verdict is that of `scan`.
        return inspect.describe(opened, count, name)._replace(report=inspect.scan(opened, count, name))


def _remote(source: remotes.Source, asset: str, name: str, out: Output) -> inspect.Description:
    file = Ranges(source, asset)
    found = inspect.describe(file, file.size, name)  # type: ignore[arg-type]  # it only seeks and reads
    out.note(f"{size(file.fetched)} of {size(file.size)} fetched from {source.name}")
    return found


def _path_inside(here: Repo, name: str) -> str:
    try:
        return here.relative(name)
    except ModelsError:
        return ""  # a file outside the work tree


def _named(here: Repo, name: str) -> Entry:
    """The entry that a path or a name stands for, or PATH@VERSION or PATH@COMMIT. Raises ModelsError."""
    known = manifests.current(here)
    path, _, version = name.rpartition("@")
    if not path or any(name in (e.path, e.name) for e in known.models.values()):
        return _one(here, name, known)
    for entry in known.models.values():
        for tagged in entry.versions if here.relative(path) == entry.path or path == entry.label else ():
            if tagged.version == version:
                return entry._replace(
                    **{key: getattr(tagged, key) for key in ("md5", "sha256", "size", "asset", "parts")}
                )
    if not git.is_commit(version):
        raise ModelsError(f"{version} is neither a version of {path} nor a commit", f"git models show {path}")
    return _one(here, path, manifests.at(here, version))


def _one(here: Repo, name: str, known: Manifest) -> Entry:
    first, *more = exchange.matching(here, known, [name])
    if more:
        raise ModelsError(f"{name} stands for {len(more) + 1} models", f"git models show {first}")
    return known.models[first]


def _unrecorded(name: str, hashed: bool) -> dict[str, Any]:
    if not hashed:
        return {"path": name}
    with whereabouts.open_plain(name) as opened:
        digests = link.hashed(opened.fileno())
    return {"path": name, "sha256": digests.sha256, "md5": digests.md5}


def _recorded(entry: Entry, state: str, sha256: str, md5: str) -> dict[str, Any]:
    """What models.yaml says, and the hashes of the bytes that are shown."""
    return {
        "path": entry.path,
        "name": entry.name,
        "state": state,
        "sha256": sha256,
        "md5": md5,
        "versions": [v.version for v in entry.versions],
        "about": entry.description,
        "notes": entry.notes,
        "license": entry.license,
        "source": entry.source,
    }
