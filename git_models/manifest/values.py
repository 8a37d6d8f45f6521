"""What a manifest says, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

NAME = "models.yaml"
"""The manifest's path in the work tree."""

MAX_BYTES = 64 << 20
"""Of a manifest; a file of 10,000 models has 3 MB."""

HEADER = (
    "# Weights are not in git. Get them: pip install git-models && git models pull\n"
    "# (or with curl from the release page). Managed by `git models`; safe to edit by hand.\n"
)


class Part(NamedTuple):
    """One piece of an object that is kept in pieces; joined in order they are the object."""

    asset: str  # name on the remote
    size: int  # bytes
    sha256: str  # of the piece, 64 hex
    md5: str = ""  # of the piece, 32 hex or ""


class Version(NamedTuple):
    """A tagged version of a model."""

    version: str
    date: str  # as written, usually YYYY-MM-DD
    md5: str
    sha256: str
    size: int  # bytes, -1 unknown
    asset: str
    note: str = ""
    metrics: Mapping[str, Any] = {}
    parts: tuple[Part, ...] = ()
    extra: Mapping[str, Any] = {}  # keys that mean nothing to us


class Entry(NamedTuple):
    """What the manifest says of one path. A hand-written one may lack all but one hash."""

    path: str
    md5: str = ""  # 32 hex, lower case; "" unknown
    sha256: str = ""  # 64 hex, lower case; "" unknown; one of the two is there
    size: int = -1  # bytes; -1 unknown
    asset: str = ""  # name on every remote; "" not stored yet
    name: str = ""
    description: str = ""
    notes: str = ""
    metrics: Mapping[str, Any] = {}
    license: str = ""
    source: str = ""
    created: str = ""
    urls: tuple[str, ...] = ()
    stage: str = ""
    parts: tuple[Part, ...] = ()
    versions: tuple[Version, ...] = ()
    extra: Mapping[str, Any] = {}  # keys that mean nothing to us

    @property
    def label(self) -> str:
        """The model's name: `name:`, or else the path's last part."""
        return self.name or self.path.rpartition("/")[2]


class Manifest(NamedTuple):
    """The whole file."""

    version: int = 1
    remotes: Mapping[str, str] = {}  # name → URL
    models: Mapping[str, Entry] = {}  # path → entry, sorted by the path's UTF-8 bytes
    track: tuple[str, ...] = ()
    active: Mapping[str, str] = {}  # name → path or path@version


EMPTY = Manifest()


def freeze(manifest: Manifest) -> object:
    """Plain tuples, lists and dicts that `marshal` can keep; `thaw` undoes it."""
    models = [
        (
            *e[:14],
            tuple(map(tuple, e.parts)),
            tuple((*v[:8], tuple(map(tuple, v.parts)), v.extra) for v in e.versions),
            e.extra,
        )
        if e.parts or e.versions
        else tuple(e)
        for e in manifest.models.values()
    ]
    return (manifest.version, dict(manifest.remotes), models, manifest.track, dict(manifest.active))


def thaw(frozen: Any) -> Manifest:
    """The manifest that `freeze` was given."""
    version, remotes, models, track, active = frozen
    entries = {}
    make = Entry._make
    for item in models:
        entry = make(item)
        if entry.parts or entry.versions:
            versions = (Version(*v[:8], tuple(map(Part._make, v[8])), v[9]) for v in entry.versions)
            entry = entry._replace(parts=tuple(map(Part._make, entry.parts)), versions=tuple(versions))
        entries[entry.path] = entry
    return Manifest(version, remotes, entries, track, active)


MAX_STEM = 80
"""Characters of a file's own name that an asset's name repeats."""


def asset_name(path: str, sha256: str) -> str:
    """An object's name on every remote: `<stem>-<first 12 hex of sha256><suffix>`.

    Only `[A-Za-z0-9._-]`, since GitHub rewrites the rest, and never a leading dot or dash. The
    suffix of `x.pth.tar` is `.pth.tar`: programs go by it.
    """
    stem, suffix = split_name(path.rpartition("/")[2])
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", stem)[:MAX_STEM].strip("-.")
    return f"{stem or 'model'}-{sha256[:12]}{suffix}"


def split_name(name: str) -> tuple[str, str]:
    """(stem, suffix) of a file's name: `x.pth.tar` is `x` and `.pth.tar`."""
    found = re.search(r"\.pth\.tar\Z|(?<=.)\.[A-Za-z0-9_]{1,16}\Z", name, re.I | re.S)
    return (name[: found.start()], found[0]) if found else (name, "")
