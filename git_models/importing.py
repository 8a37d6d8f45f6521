"""A file that lies somewhere on the web becomes a model: looked at, hashed on first use, pulled from there later."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from git_models import (
    exchange,
    index,
    manifests,
    objects,
    partfile,
    paths,
    patterns,
    places,
    releasing,
    remotes,
    safety,
    staging,
    uploading,
    urls,
    versions,
    weightfiles,
    worktree,
)
from git_models.errors import ModelsError, NotAModel, RemoteError, StartOver, Transient, word
from git_models.manifest import Entry, Manifest
from git_models.output import Output
from git_models.partfile import PartFile
from git_models.remotes import Options, Source
from git_models.repo import Repo
from git_models.workers import Crew, Pace

PATIENCE = 30.0
"""Seconds after which a silent network counts as gone."""


class Imported(NamedTuple):
    """What an import did."""

    entry: Entry
    changed: bool  # False: models.yaml said all of it already
    doubt: str  # why nobody knows whether it is safe to load


def run(
    repo: Repo,
    known: Manifest,
    url: str,
    path: str,
    out: Output,
    *,
    md5: str = "",
    sha256: str = "",
    mirror: bool = False,
    force: bool = False,
) -> Imported:
    """Record what lies under `url` as the model `path`, and put it there.

    Raises ModelsError, with nothing recorded: for a page, a pointer, a truncated file, other hashes
    than the given ones, what the scanner refuses, other bytes than a recorded model at `path` has
    (unless `force`), and an address that readers of models.yaml would not be sent to (unless `mirror`).
    """
    paths.check(path)
    if reason := urls.secret(url):
        raise ModelsError(f"this address {reason}; everybody who reads models.yaml would see it", "use a public one")
    for tracked in index.entries([path]):
        raise ModelsError(f"git tracks {tracked} itself", f"git models add {word(tracked)}")
    uploading.need_recorded(repo, known, path)
    old = known.models.get(path)
    source = remotes.links(Options(top=repo.top))
    total, public = _looked_up(repo, url, mirror)
    file = _arrived(repo, source, url, path, total, out, md5, sha256)
    with open(file.path, "rb") as opened:
        head = opened.read(weightfiles.HEAD_BYTES)
    digests = file.digests()
    try:
        _need_model(path, url, head, file.path, digests.size, bool(md5 or sha256))
        if old and not force and not versions.same_bytes(old, Entry(path, digests.md5, digests.sha256)):
            raise ModelsError(
                f"{path} is recorded with other bytes than {urls.redact(url)} has now",
                f"git models import --force {word(url)} {word(path)}   # a new version",
            )
        draft = objects.Draft(file.path, digests)
        doubt = safety.admit(repo, {path: draft}).get(path, "")
    except BaseException:
        file.rewind()
        file.close()
        raise
    objects.seal(repo.models, [draft])
    file.close(landed=True)
    links = old.urls if old and old.sha256 == digests.sha256 else ()
    fields: dict[str, object] = {"urls": tuple(dict.fromkeys([*links, *([url] if public else [])]))}
    if public and not (old and old.source):
        fields["source"] = url
    done = staging.register(repo, known, [staging.Kept(path, digests, None, doubt)], fields, remove={})
    placed = worktree.sync(repo, wanted=[path], releasable=releasing.releasable(repo))
    for _, reason in placed.refused:
        raise ModelsError(
            f"{path} is recorded, but was not put in place: {reason}", f"git models checkout {word(path)}"
        )
    return Imported(manifests.current(repo).models[path], bool(done.new or done.changed or done.moved), doubt)


def _looked_up(repo: Repo, url: str, mirror: bool) -> tuple[int, bool]:
    """(bytes that the address announces, -1 if it does not; whether models.yaml may send readers there).

    Raises ModelsError for an address that does not answer, or is not for readers, unless `mirror`.
    """
    try:
        return _announced(repo, url, from_manifest=True), True
    except (StartOver, Transient):
        return -1, True  # what comes says more
    except RemoteError as failed:
        if mirror:
            return _announced(repo, url, from_manifest=False), False
        if "private network" not in failed.what:
            raise
        raise ModelsError(
            f"{urls.redact(url)} lies inside a private network: models.yaml may send nobody there",
            f"git models import --mirror {word(url)} PATH   # keep a copy in your own store",
        ) from None


def _announced(repo: Repo, url: str, from_manifest: bool) -> int:
    with remotes.links(Options(top=repo.top, from_manifest=from_manifest)).get(url, 0, 1) as body:
        return -1 if body.total is None else body.total


def _arrived(
    repo: Repo, source: Source, url: str, path: str, total: int, out: Output, md5: str, sha256: str
) -> PartFile:
    """The whole file, as far as length and hashes tell; what broke off is continued. Raises ModelsError."""
    folder = os.path.join(repo.models, "incomplete")
    os.makedirs(folder, exist_ok=True)
    partfile.sweep(folder)
    file = PartFile(folder, f"url-{hashlib.sha256(url.encode()).hexdigest()[:32]}")
    crew = Crew(Pace(), PATIENCE, exchange.countdown(out))
    length = -1
    try:
        if file.tag_of(url):
            file.resume(-1)
        else:
            file.rewind()
        if total > 0:
            objects.need_space(folder, total - file.solid, path)
        with out.progress("Downloading", max(total, 0)) as advance:
            advance(file.solid)

            def once() -> None:
                nonlocal length
                start = file.solid
                with source.get(url, start, None, file.tag_of(url) if start else None) as body:
                    if body.start != start:
                        file.rewind()
                    length = -1 if body.total is None else body.total
                    if length > 0:
                        objects.need_space(folder, length - start, path)
                    file.note(url, body.tag, ranges=False)
                    for block in body:
                        crew.check()
                        if file.solid == 0:
                            _need_no_page(path, url, block)
                        file.write(block)
                        advance(len(block))
                if 0 <= length != file.solid:
                    raise Transient(f"{urls.redact(url)} ended after {file.solid} of {length} bytes")

            try:
                crew.keep_trying(once, lambda: file.solid)
            except StartOver:
                file.rewind()
                crew.keep_trying(once, lambda: file.solid)
        if length < 0 and not (md5 or sha256):
            raise NotAModel(
                f"{urls.redact(url)} does not say how long the file is, so nobody can tell whether all of it came",
                f"git models import {word(url)} {word(path)} --sha256 HASH",
            )
        found = file.digests()
        for kind, expected, got in (("MD5", md5, found.md5), ("SHA-256", sha256, found.sha256)):
            if expected and expected.lower() != got:
                file.rewind()
                raise NotAModel(f"{urls.redact(url)} has another {kind} than the given one: {got}", "check the address")
    except NotAModel:
        file.rewind()
        file.close()
        raise
    except BaseException:
        file.close()
        raise
    return file


def _need_no_page(path: str, url: str, head: bytes) -> None:
    if arrived := patterns.page(head):
        raise NotAModel(
            f"{urls.redact(url)} is {arrived}, not a model",
            f"git models import URL {word(path)}   # the file's own address",
        )


def _need_model(path: str, url: str, head: bytes, file: str, size: int, vouched: bool) -> None:
    """Raise NotAModel for what cannot be a model, and where nobody gave a hash, for what looks truncated."""
    _need_no_page(path, url, head)
    if reason := weightfiles.not_a_weight(head, size):
        raise NotAModel(
            f"{urls.redact(url)}: {reason}", f"git models import URL {word(path)}   # the file's own address"
        )
    judged = None if vouched else safety.look(path, file)
    if judged and judged.why.startswith("damaged"):
        raise NotAModel(
            f"{urls.redact(url)} looks truncated ({judged.why})",
            f"git models import {word(url)} {word(path)} --sha256 HASH   # if it is meant to be so",
        )


def mirrored(repo: Repo, known: Manifest, entry: Entry, out: Output) -> list[exchange.Pushed]:
    """Put a copy of the entry's bytes into this clone's own places. Raises ModelsError."""
    return [exchange.push(repo, place, {entry.sha256: entry}, out, ask=True) for place in places.for_push(repo, known)]
