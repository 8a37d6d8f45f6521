"""The store on GitHub: releases named `git-models`, `git-models-2`, … and what lies in them."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from git_models.errors import RemoteError
from git_models.remotes.base import Held
from git_models.remotes.github_api import Api, Refused

FULL = 1000
"""Assets that a release holds (GitHub's limit)."""

EMBEDDED = 30
"""From so many assets on, a release's own list of them may be cut short; its pages are asked then."""

README = """\
# The models of this repository

This commit belongs to no branch. It carries the tag of the release in which `git models` keeps the
files that are too large for git; `models.yaml` names them.
"""

TEXT = """\
The model files of this repository, named by `models.yaml`. Kept by `git models`; please delete nothing here.

All at once: `pip install git-models && git models pull`
One by hand: `curl -LO {download}/ASSET && md5sum ASSET` (join parts with `cat NAME.part-* > NAME`)
"""


class Asset(NamedTuple):
    """A file of a release, complete or not."""

    id: int
    name: str
    size: int  # bytes
    sha256: str | None
    complete: bool
    tag: str  # of its release
    created: str = ""  # ISO 8601, UTC

    @property
    def held(self) -> Held:
        return Held(self.name, self.size, self.sha256, _seconds(self.created))


@dataclass(frozen=True)
class Release:
    """One release of the store."""

    id: int
    tag: str
    number: int
    draft: bool
    immutable: bool
    target: str
    uploads: str  # where assets are posted to
    assets: dict[str, Asset] = field(default_factory=dict)
    whole: bool = True  # whether `assets` is known to be all of them


class Store:
    """The releases as this process knows them. Safe to use from several threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.RLock()
        self._releases: dict[int, Release] | None = None  # by id

    def forget(self) -> None:
        """Ask again before the next answer."""
        with self._lock:
            self._releases = None

    def find(self, assets: Collection[str], drafts: bool = False) -> dict[str, Asset]:
        """Those of `assets` that exist, complete or not, published unless `drafts`.

        Published ones win over drafts, complete ones over others. Raises RemoteError.
        """
        with self._lock:
            found = self._among(assets, drafts)
            if len(found) < len(set(assets)) and not self._fill():
                found = self._among(assets, drafts)
            return found

    def all(self) -> Iterator[Asset]:
        """Every published, complete asset."""
        with self._lock:
            self._load()
            self._fill()
            found = [a for r in self._known() if not r.draft for a in r.assets.values() if a.complete]
        yield from found

    def releases(self) -> list[Release]:
        """The store's releases, drafts too where the token may see them, in order of their numbers."""
        with self._lock:
            self._load()
            return self._known()

    def _known(self) -> list[Release]:
        return sorted((self._releases or {}).values(), key=lambda r: (r.number, r.draft, r.id))

    def _among(self, assets: Collection[str], drafts: bool) -> dict[str, Asset]:
        self._load()
        found: dict[str, Asset] = {}
        for release in sorted(self._known(), key=lambda r: not r.draft):
            if release.draft and not drafts:
                continue
            for name in assets:
                asset = release.assets.get(name)
                if asset and (asset.complete or name not in found):
                    found[name] = asset
        return found

    def _load(self) -> None:
        if self._releases is None:
            parsed = (self._release(one) for one in self._api.pages("/releases"))
            self._releases = {release.id: release for release in parsed if release}

    def _fill(self) -> bool:
        """Complete what the list of releases may have cut short; True when nothing was."""
        short = [r for r in self._known() if not r.whole]
        for release in short:
            assets = [parse_asset(one, release.tag) for one in self._api.pages(f"/releases/{release.id}/assets")]
            self._put(replace(release, assets={a.name: a for a in assets}, whole=True))
        return not short

    def _put(self, release: Release) -> Release:
        if self._releases is not None:
            self._releases[release.id] = release
        return release

    def _release(self, said: dict[str, Any]) -> Release | None:
        tag = str(said["tag_name"])
        number = self._api.place.number_of(tag)
        if number is None:
            return None
        assets = [parse_asset(one, tag) for one in said.get("assets") or ()]
        return Release(
            id=int(said["id"]),
            tag=tag,
            number=number,
            draft=bool(said.get("draft")),
            immutable=bool(said.get("immutable")),
            target=str(said.get("target_commitish") or ""),
            uploads=str(said["upload_url"]).partition("{")[0],
            assets={a.name: a for a in assets},
            whole=len(assets) < EMBEDDED,
        )

    # Writing

    def add(self, asset: Asset) -> None:
        """Remember an upload that was acknowledged."""
        with self._lock:
            for release in self._known():
                if release.tag == asset.tag:
                    self._put(replace(release, assets={**release.assets, asset.name: asset}))

    def remove(self, asset: Asset) -> None:
        """Delete an asset. Raises RemoteError; none when it is gone already."""
        try:
            self._api.call("DELETE", f"/releases/assets/{asset.id}")
        except Refused as refused:
            if refused.status != 404:
                raise
        self.forget()

    def open(self, full: Collection[str] = ()) -> Release:
        """A release that takes another asset, made if there is none; `full` are tags that refused one.

        Raises EmptyRepository, RemoteError.
        """
        with self._lock:
            known = self.releases()
            self._fill()
            usable = [r for r in self._known() if not r.immutable and len(r.assets) < FULL and r.tag not in full]
            if usable:
                return usable[-1]
            number = max((r.number for r in known), default=0) + 1
            # Where releases are frozen when they are published, a new one is filled as a draft first.
            return self._create(number, draft=any(r.immutable for r in known))

    def _create(self, number: int, draft: bool) -> Release:
        place = self._api.place
        tag = place.store_of(number)
        target = self._orphan()
        body = {
            "tag_name": tag,
            "target_commitish": target,
            "name": "Models" if number == 1 else f"Models ({number})",
            "body": TEXT.format(download=f"{place.web}/releases/download/{tag}"),
            "draft": draft,
            "prerelease": True,
            "make_latest": "false",
        }
        try:
            said = self._api.call("POST", "/releases", body)
        except Refused as refused:
            if "already_exists" not in refused.codes:
                raise _unmakable(refused, place.web) from refused
            self.forget()  # somebody else's first push was quicker
            for theirs in self.releases():
                if theirs.tag == tag:
                    return theirs
            raise _unmakable(refused, place.web) from refused
        release = self._release(said)
        if release is None:
            raise RemoteError(f"{place.host} made a release with another tag than {tag}")
        if release.immutable and not release.assets:
            # Frozen before it held anything. Its tag is spent; the next one is filled as a draft.
            self._api.call("DELETE", f"/releases/{release.id}")
            return self._create(number + 1, draft=True)
        return self._put(release)

    def _orphan(self) -> str:
        """A commit without parents, so that neither `git describe` nor `git fetch` sees the store's tag.

        Raises EmptyRepository, RemoteError.
        """
        try:
            entry = {"path": "README.md", "mode": "100644", "type": "blob", "content": README}
            tree = self._api.call("POST", "/git/trees", {"tree": [entry]})
            commit = {"message": "The models of this repository", "tree": tree["sha"], "parents": []}
            return str(self._api.call("POST", "/git/commits", commit)["sha"])
        except Refused as refused:
            raise _unmakable(refused, self._api.place.web) from refused

    def publish(self) -> list[str]:
        """Make every store release that is a draft with assets visible again; their tags.

        A draft is a new release of a repository with frozen releases, or one whose tag was deleted.
        Raises RemoteError.
        """
        tags = []
        for release in self.drafts():
            body = {"draft": False, "prerelease": True, "make_latest": "false"}
            try:
                self._api.call("PATCH", f"/releases/{release.id}", body)
            except Refused:
                # The commit that its tag had may be gone with the tag.
                self._api.call("PATCH", f"/releases/{release.id}", body | {"target_commitish": self._orphan()})
            tags.append(release.tag)
        if tags:
            self.forget()
        return tags

    def drafts(self) -> list[Release]:
        """Store releases that readers cannot see although they hold assets."""
        return [release for release in self.releases() if release.draft and release.assets]


def parse_asset(said: dict[str, Any], tag: str) -> Asset:
    """The API's description of an asset."""
    digest = str(said.get("digest") or "")
    return Asset(
        id=int(said["id"]),
        name=str(said["name"]),
        size=int(said["size"]),
        sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else None,
        complete=said.get("state") == "uploaded",
        tag=tag,
        created=str(said.get("created_at") or ""),
    )


def _seconds(date: str) -> float | None:
    try:
        return datetime.datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _unmakable(refused: Refused, web: str) -> RemoteError:
    if refused.status == 404:
        return refused
    return RemoteError(
        f"the release that holds models could not be made: {refused.what}. Nothing was tagged instead",
        fix=f"look at {web}/releases and {web}/settings/rules, then: git models push",
    )
