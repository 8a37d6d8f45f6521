"""GitHub Releases as a place for models: public without a token, private through the API."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from git_models.errors import NotAModel, NotThere, RemoteError, Transient
from git_models.remotes.base import Advance, Held, Options, RateLimited, Upload
from git_models.remotes.github_api import Access, Api, Refused, json_of
from git_models.remotes.github_store import Asset, Store, parse_asset
from git_models.remotes.github_urls import Place, parse
from git_models.remotes.http import Answer, Stream, answer, bearer, limited, loopback, origin, ranged, redirect
from git_models.urls import split

if TYPE_CHECKING:
    import requests

BLIND = 9
"""Further store releases that are tried by name when the API takes no more questions."""


def normalise(url: str) -> str:
    """The URL in its normal form. Raises UsageError."""
    return parse(url).url


def open(url: str, name: str, options: Options) -> GitHub:
    """The store of the repository that a URL names. Raises UsageError."""
    return GitHub(parse(url), name, options)


class GitHub:
    """The Remote protocol over the releases of one repository."""

    writable = True
    limit: int | None = (1 << 31) - 1  # exactly 2 GiB fails
    per_minute: int | None = 80  # GitHub's documented bounds for requests that create something
    per_hour: int | None = 500
    several = True

    def __init__(self, place: Place, name: str, options: Options) -> None:
        self.place = place
        self.name = name
        self.url = place.url
        self.api = Api(place, options)
        self.store = Store(self.api)
        self._hidden = False  # True once the public way turned out to be closed
        self._tags: list[str] = [place.store]  # where public assets were found, the last one first
        self._lock = threading.Lock()

    def access(self) -> Access:
        """What the token may do with the repository, and its name today. Raises RemoteError."""
        return self.api.access()

    # Asking

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; one request for all releases, and one per hundred assets of those that are large."""
        self.store.forget()
        return {name: asset.held for name, asset in self.store.find(assets).items() if asset.complete}

    def list(self) -> Iterator[Held]:
        """See Remote."""
        self.store.forget()
        for asset in self.store.all():
            yield asset.held

    # Up

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote."""
        full: list[str] = []  # releases that took no more
        while not self._there(upload):
            release = self.store.open(full)
            try:
                asset = self._post(release.uploads, release.tag, upload, advance)
            except Refused as refused:
                self.store.forget()
                if "file_count" in refused.message or "immutable" in refused.message:
                    full.append(release.tag)
                    continue
                if "already_exists" in refused.codes:
                    # A broken upload's rest, or somebody else's: the next try looks at it.
                    raise Transient(f"{upload.asset} appeared at {self.place.host} meanwhile") from refused
                raise
            except Transient:
                self.store.forget()
                raise
            self._accept(asset, upload)
            self.store.add(asset)
            return

    def _there(self, upload: Upload) -> bool:
        """Whether the asset exists, in a draft too; what a broken upload left is removed.

        Raises RemoteError for other bytes under the name.
        """
        there = self.store.find([upload.asset], drafts=True).get(upload.asset)
        if there and not there.complete:
            self.store.remove(there)
            return False
        if there and (there.size != upload.size or there.sha256 not in (None, upload.sha256)):
            raise RemoteError(
                f"{upload.asset} is on {self.place.web} with other bytes; it was not replaced",
                fix=f"look at {self.place.web}/releases/tag/{there.tag}",
            )
        return there is not None

    def _post(self, uploads: str, tag: str, upload: Upload, advance: Advance) -> Asset:
        url = f"{uploads}?{urlencode({'name': upload.asset, 'label': _label(upload.label)})}"
        self._may_upload(url)
        token = self.api.token()
        headers = {
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/octet-stream",
            **bearer(token.value if token else None),
        }
        with Stream(upload, advance) as body:
            response = self.api.client.send("POST", url, headers, body if upload.size else b"", long=True)
        with response:
            target = redirect(response, url)
            if target is not None:
                self.store.forget()
                raise RemoteError(
                    f"{self.place.owner}/{self.place.repo} was renamed",
                    fix="git remote set-url origin NEW-URL, then: git models push",
                )
            if response.status_code != 201:
                raise self.api.refusal(response, writing=True)
            return parse_asset(json_of(response), tag)

    def _may_upload(self, url: str) -> None:
        """Raises RemoteError unless the URL is on the uploads host: the API's answer must not send a token away."""
        here = split(url)
        if origin(url) == origin(self.place.uploads) or (self.place.plain and loopback(here.host)):
            return
        raise RemoteError(f"{self.place.host} names {here.host} as its uploads host: no token is sent there")

    def _accept(self, asset: Asset, upload: Upload) -> None:
        """Raises Transient, once it is gone, for an upload that arrived damaged."""
        if asset.complete and asset.size == upload.size and asset.sha256 in (None, upload.sha256):
            return
        self.store.remove(asset)
        raise Transient(f"{upload.asset} arrived damaged at {self.place.host}")

    def finish(self) -> None:
        """See Remote: drafts are published."""
        self.store.publish()

    def delete(self, asset: str) -> None:
        """See Remote."""
        self.store.forget()
        found = self.store.find([asset], drafts=True).get(asset)
        if found:
            self.store.remove(found)

    # Down

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Answer:
        """See Source: the public way first, which costs no quota and needs no token."""
        headers = ranged(start, stop, tag)
        tried: list[str] = []
        if not self._hidden:
            tried = list(self._tags)
            for release in tried:
                if body := self._public(release, asset, headers, start, tag):
                    return body
        try:
            found = self._lookup(asset)
        except RateLimited:
            if body := self._blind(asset, headers, start, tag):
                return body
            raise
        if (
            not self._hidden
            and found.tag not in tried
            and (body := self._public(found.tag, asset, headers, start, tag))
        ):
            return body
        self._hidden = True
        return self._private(found, headers, start, tag)

    def link(self, asset: str) -> str:
        """See Linking; one byte is asked for, since only that tells in which release it is."""
        try:
            with self.get(asset, 0, 1):
                return "" if self._hidden else self.place.download(self._tags[0], asset)
        except NotThere:
            return ""

    def file(self, path: str, revision: str = "HEAD") -> bytes:
        """A small file of the repository itself, as a commit has it: the public way first, as in `get`.

        Raises NotThere, RemoteError.
        """
        what = f"{path} of {self.place.owner}/{self.place.repo} ({self.place.host})"
        response, url = self.api.client.follow(f"{self.place.web}/raw/{quote(revision)}/{quote(path)}")
        # A server that hides everything from strangers redirects to its own login page.
        if response.status_code == 404 or "text/html" in response.headers.get("Content-Type", ""):
            response.close()
            found = (
                self.api.raw(f"/contents/{quote(path)}?ref={quote(revision, safe='')}") if self.api.token() else None
            )
            if found is None:
                raise NotThere(
                    f"there is no {what}: the repository has none, or it is private or misspelt",
                    fix=f"git models login {self.place.host}   # if it is private",
                )
            response, url = found
        with answer(response, url, 0, None) as body:
            return limited(body, what)

    def _lookup(self, asset: str) -> Asset:
        where = f"{self.place.owner}/{self.place.repo}"
        try:
            found = self.store.find([asset]).get(asset)
        except Refused as refused:
            if refused.status == 404:
                raise NotThere(refused.what, refused.fix) from refused
            raise
        if not found or not found.complete:
            raise NotThere(
                f"{asset} is not in the releases of {where} ({self.place.host})",
                fix="whoever recorded it: git models push",
            )
        return found

    def _public(self, release: str, asset: str, headers: dict[str, str], start: int, tag: str | None) -> Answer | None:
        """The bytes without token and API; None if the public sees nothing there."""
        response, url = self.api.client.follow(self.place.download(release, asset), headers)
        # A server that hides everything from strangers redirects to its own login page.
        page = origin(url) == origin(self.place.web) and "text/html" in response.headers.get("Content-Type", "")
        if response.status_code == 404 or (response.status_code == 200 and page):
            response.close()
            return None
        body = self._blob(response, url, start, tag)
        with self._lock:
            self._tags = [release, *(t for t in self._tags if t != release)]
        return body

    def _blind(self, asset: str, headers: dict[str, str], start: int, tag: str | None) -> Answer | None:
        for number in range(2, 2 + BLIND):
            release = self.place.store_of(number)
            if body := self._public(release, asset, headers, start, tag):
                return body
        return None

    def _private(self, asset: Asset, headers: dict[str, str], start: int, tag: str | None) -> Answer:
        token = self.api.token()
        url = f"{self.place.api}/repos/{self.place.owner}/{self.place.repo}/releases/assets/{asset.id}"
        # Without this header the answer is a description of the asset.
        accept = {"Accept": "application/octet-stream"}
        response, final = self.api.client.follow(url, headers | accept, bearer(token.value if token else None))
        if response.status_code >= 400 and origin(final) == origin(url):
            with response:
                if response.status_code == 416:
                    return answer(response, final, start, tag)  # raises
                if response.status_code == 404:
                    self.store.forget()
                    raise NotThere(f"{asset.name} was deleted from {self.place.web}/releases")
                raise self.api.refusal(response, writing=False)
        if "json" in response.headers.get("Content-Type", ""):
            response.close()
            raise NotAModel(f"{self.place.host} described {asset.name} instead of sending it")
        return self._blob(response, final, start, tag)

    def _blob(self, response: requests.Response, url: str, start: int, tag: str | None) -> Answer:
        if response.status_code in (400, 401, 403):
            response.close()
            # The signed URL is too old, or a second too young for that server's clock: a new one helps.
            raise Transient(
                f"{split(url).host} does not accept its own link (status {response.status_code})", after=1.0
            )
        return answer(response, url, start, tag)


def _label(text: str) -> str:
    """What the release page shows instead of the asset's name: path and version, in one line."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
