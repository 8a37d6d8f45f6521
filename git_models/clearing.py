"""Assets that no ref of this repository names: which they are, and deleting them."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable
from typing import NamedTuple

from git_models import backups, git, history, index, journal, manifests, objects, places, pruning
from git_models.errors import ManifestError, ModelsError
from git_models.journal import Event
from git_models.manifest import Entry, Manifest
from git_models.places import Place
from git_models.remotes.base import Held
from git_models.repo import Repo

GRACE = 30.0  # days
ASSET = re.compile(r".*-([0-9a-f]{12})(?:\.pth\.tar|\.\w{1,16})?(?:\.part-[0-9]+-of-[0-9]+)?", re.S | re.I)
_STORE = re.compile(r"refs/tags/git-models(-[0-9]+)?(\^\{\})?")


class Found(NamedTuple):
    """What lies in a store."""

    gone: list[Held]  # named by no ref, and old enough
    young: list[Held]  # named by no ref, and younger than the grace time or of unknown age
    named: list[Held]
    backups: list[Held]
    foreign: list[Held]  # no asset of ours by its name
    tips: tuple[str, ...]  # of origin, when this was decided


def look(repo: Repo, place: Place, days: float, exclusive: bool) -> Found:
    """What of a store could go. Raises ModelsError where nobody can know.

    Only the releases of this repository are surely its own; `exclusive` says that another place is, too.
    """
    places.need_writable(place)
    if git.text("rev-parse", "--is-shallow-repository") == "true":
        raise ModelsError(
            "this clone is shallow: it cannot know which versions older commits name", "git fetch --unshallow"
        )
    if not exclusive and not places.is_own(repo, place.url):
        raise ModelsError(
            f"{place.url} may hold models of other repositories, and their names tell nothing of that",
            f"git models gc --remote {place.name} --exclusive   # if this repository is the only one there",
        )
    tips = origin_tips(repo)
    names = _named(repo, tips)
    result = Found([], [], [], [], [], tips)
    before = time.time() - days * pruning.DAY
    for held in places.connect(repo, place).list():
        if held.asset in names:
            result.named.append(held)
        elif backups.NAMED.fullmatch(held.asset.removesuffix(backups.META)):
            result.backups.append(held)
        elif not ASSET.fullmatch(held.asset):
            result.foreign.append(held)
        elif held.at is not None and held.at < before:
            result.gone.append(held)
        else:
            result.young.append(held)
    return result


def origin_tips(repo: Repo) -> tuple[str, ...]:
    """What origin's branches, tags and pull requests point to; all of it is here. Raises ModelsError otherwise."""
    if "origin" not in repo.config.git_remotes:
        return ()
    found = {}
    for line in git.text("ls-remote", "origin").splitlines():
        oid, _, ref = line.partition("\t")
        if _STORE.fullmatch(ref):
            continue  # it holds a README, and is never fetched
        if ref.startswith(("refs/heads/", "refs/tags/")) or re.fullmatch(r"refs/pull/\d+/head", ref):
            found[ref] = oid
    oids = sorted(set(found.values()))
    here = index.sizes(oids)
    absent = [ref for ref, oid in found.items() if oid not in here]
    if absent:
        pulls = any(ref.startswith("refs/pull/") for ref in absent)
        refs = " '+refs/pull/*/head:refs/remotes/origin/pull/*'" if pulls else ""
        raise ModelsError(
            f"origin has {absent[0]}, which is not here, so nobody knows what it names",
            f"git fetch --tags origin '+refs/heads/*:refs/remotes/origin/*'{refs}",
        )
    return tuple(oids)


def _named(repo: Repo, tips: Collection[str]) -> set[str]:
    """The assets that any ref, reflog entry, stash, index or work tree names. Raises ModelsError.

    A manifest that cannot be read could name anything.
    """
    commits = [oid for oid in tips if git.is_commit(oid)]
    found: list[Manifest] = [manifests.current(repo), *manifests.everywhere(repo)]
    blobs = history.manifest_blobs(["--all", "--reflog", *commits])
    for name, raw in index.blobs(blobs).items():
        try:
            found.append(manifests.parse(repo, raw))
        except ManifestError as broken:
            raise ModelsError(
                f"a commit has a models.yaml that cannot be read, so nobody knows what it names: {broken.what}",
                f"git log --all --find-object={name}",
            ) from None
    return {name for known in found for entry in history.versions(known) for name in _assets(entry)}


def _assets(entry: Entry) -> Iterable[str]:
    yield entry.asset
    for part in entry.parts:
        yield part.asset
    for url in entry.urls:
        yield url.partition("?")[0].rpartition("/")[2]


def delete(repo: Repo, place: Place, found: Found) -> list[Held]:
    """Delete what can go, unless origin has moved since; returns what was deleted. Raises ModelsError."""
    if origin_tips(repo) != found.tips:
        raise ModelsError("somebody pushed meanwhile; nothing was deleted", "git models gc --remote")
    remote = places.connect(repo, place)
    seen = objects.held(repo.models, place.url)
    done = []
    for held in found.gone:
        remote.delete(held.asset)
        done.append(held)
        match = ASSET.fullmatch(held.asset)
        assert match
        oids = [oid for oid in seen if oid.startswith(match[1].lower())]
        objects.forget_held(repo.models, place.url, oids)
        journal.note(repo.models, [Event("delete", held.asset, oids[0] if oids else "", held.size, place.url)])
    return done
