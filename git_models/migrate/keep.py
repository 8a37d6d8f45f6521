"""The bytes of old versions on their way into the store, and the entries that name them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from git_models import index, manifest, manifests, objects, staging, transfer
from git_models.hashing import Digests
from git_models.manifest import Entry, Manifest, Part
from git_models.repo import Repo

_BATCH = 32  # drafts that reach the disk and the store together


class Version(NamedTuple):
    """One version of one model, whose bytes are in the store."""

    path: str
    digests: Digests
    asset: str
    parts: tuple[Part, ...]


def blobs(repo: Repo, sizes: Mapping[str, int], advance: Callable[[int], None]) -> dict[str, Digests]:
    """Bring blobs (name -> bytes) of git's object database into the store; their digests by git's name.

    Raises ModelsError when the disk has no room; what is in the store by then stays there.
    """
    os.makedirs(repo.models, exist_ok=True)
    objects.need_space(repo.common, sum(sizes.values()), "the weights of all commits")
    done: dict[str, Digests] = {}
    names = list(sizes)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for at in range(0, len(names), _BATCH):
            running = [pool.submit(_draft, repo, oid, advance) for oid in names[at : at + _BATCH]]
            try:
                drafts = [each.result() for each in running]
                objects.seal(repo.models, drafts)
            except BaseException:
                for each in running:
                    if not each.cancel() and not each.exception():
                        objects.discard(each.result())
                raise
            done |= {oid: draft.digests for oid, draft in zip(names[at : at + _BATCH], drafts, strict=True)}
    return done


def _draft(repo: Repo, oid: str, advance: Callable[[int], None]) -> objects.Draft:
    def counted() -> Iterator[bytes]:
        for data in index.stream(oid):
            yield data
            advance(len(data))

    return objects.draft_bytes(repo.models, counted())


def versions(repo: Repo, found: Iterable[tuple[str, Digests]]) -> list[Version]:
    """What a manifest says of these (path, digests). The same bytes have one asset, whatever path they lie at."""
    known = {
        e.sha256: (e.asset, e.parts)
        for m in manifests.everywhere(repo)
        for e in m.models.values()
        if e.sha256 and e.asset
    }
    made = []
    for path, digests in found:
        if digests.sha256 not in known:
            asset = manifest.asset_name(path, digests.sha256)
            file = objects.path(repo.models, digests.sha256)
            known[digests.sha256] = (asset, transfer.parts_of(file, asset, repo.config.part_size))
        made.append(Version(path, digests, *known[digests.sha256]))
    return made


def merged(
    raw: bytes, known: Manifest, found: Sequence[Version], readers: Mapping[str, str], globs: Sequence[str]
) -> bytes:
    """The manifest `raw`, which says `known`, with these versions in it, and with `globs` among its patterns.

    `readers` are the places of a manifest that is made here. Raises ManifestError.
    """
    entries: dict[str, Entry | None] = {
        v.path: staging.renewed(known.models.get(v.path), v.path, v.digests, v.asset, v.parts) for v in found
    }
    more = [g for g in globs if g not in known.track]
    track = [*known.track, *more] if more else None
    return manifest.update(raw, entries, remotes={} if raw.strip() else readers, track=track)
