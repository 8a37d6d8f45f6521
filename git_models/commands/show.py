"""Show what is in a model: format, size, hashes, versions, tensors, training metadata, is it safe to load.

MODEL is a recorded path or name, as it is now or as one of its versions (PATH@1.2.0, @latest, @previous,
@active, @{yesterday}, @COMMIT); one of a repository that is not cloned (OWNER/REPO:MODEL[@VERSION]); any
other file; or a URL. From afar only the bytes that are needed are fetched. Nothing in it is run.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from git_models import foreign, inspect, lineage, link, manifests, places, remotes, repo, urls, whereabouts
from git_models.errors import ModelsError, NotARepository, RemoteError
from git_models.manifest import Entry, Manifest
from git_models.output import Output, safe, size
from git_models.remotes.reading import Ranges
from git_models.repo import Repo
from git_models.sight import MISSING, Sight, states
from git_models.versions import version_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a path, PATH@VERSION, PATH@COMMIT, a file or a URL")
    parser.add_argument("--tensors", action="store_true", help="name, type and shape of every tensor")
    parser.add_argument("--hash", action="store_true", help="the hashes of a file that is not recorded, too")


def run(args: argparse.Namespace, out: Output) -> int:
    name: str = args.model
    if name.startswith(("https://", "http://")):
        facts: dict[str, Any] = {"url": urls.redact(name)}
        found = _remote(remotes.links(), name, urls.split(name).path, out)
    elif foreign.split(name) and not os.path.lexists(name):
        facts, found = _foreign(name, out)
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
        return _in_place(here, known, path)
    known = manifests.current(here)
    entry = lineage.find(here, known, name)
    version = lineage.names_version(here, known, name)
    if not version and link.regular(here.top, entry.path):
        return _in_place(here, known, entry.path)
    facts = _recorded(entry, "" if version else MISSING, entry.sha256, entry.md5)
    try:
        return facts, _described(whereabouts.file_of(here, entry), entry.path)
    except ModelsError as absent:
        for place in places.for_pull(here, known):
            if place.approved and entry.asset and not entry.parts:
                try:
                    return facts, _remote(places.connect(here, place), entry.asset, entry.path, out)
                except RemoteError as failed:
                    out.detail(f"{place.name}: {failed.what}")
        raise absent


def _in_place(here: Repo, known: Manifest, path: str) -> tuple[dict[str, Any], inspect.Description]:
    """A recorded model whose file is there, as it is now."""
    sight = Sight(here)
    (state,) = states(here, known, sight, [path])
    found = sight.digests(path) or ("", "")
    sight.save(known)
    return _recorded(known.models[path], state.state, *found), _described(here.path(path), path)


def _foreign(name: str, out: Output) -> tuple[dict[str, Any], inspect.Description]:
    """A model of a repository that is not cloned: its manifest, and only those bytes that are looked at."""
    there = foreign.find(name)
    entry = there.entry
    facts = {"repository": there.repository, **_recorded(entry, "", entry.sha256, entry.md5)}
    failures: list[ModelsError] = []
    tries = [(source, entry.asset) for source in there.sources if entry.asset and not entry.parts]
    tries += [(remotes.links(remotes.Options(from_manifest=True)), url) for url in entry.urls]
    for source, asset in tries:
        try:
            return facts, _remote(source, asset, entry.path, out)
        except RemoteError as failed:
            failures.append(failed)
    raise foreign.nowhere(there, failures)


def _described(file: str, name: str) -> inspect.Description:
    with whereabouts.open_plain(file) as opened:
        count = os.fstat(opened.fileno()).st_size
        # The whole file is at hand: the verdict is that of `scan`.
        return inspect.describe(opened, count, name, thorough=True)


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
        "version": version_of(entry),
        "state": state,
        "sha256": sha256,
        "md5": md5,
        "versions": [v.version for v in entry.versions],
        "about": entry.description,
        "notes": entry.notes,
        "license": entry.license,
        "source": entry.source,
    }
