"""A web server that takes files: PUT under another name, look at the size, MOVE; or plain PUT with `?put=1`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

from git_models.errors import ModelsError, NotThere, RemoteError, Transient, UsageError
from git_models.remotes import http, web
from git_models.remotes.base import Advance, Held, Options, Upload, moment
from git_models.remotes.unfinished import is_unfinished, name_for

if TYPE_CHECKING:
    import requests

_PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<getcontentlength/><getlastmodified/><resourcetype/></prop></propfind>"
)


_MOST_TAGS = 1_000_000
"""Of a list; a file has about 25 in it, and memory is needed for each."""


def normalise(url: str) -> str:
    """`webdav+https://host/folder`, with `?put=1` for a server without MOVE. Raises UsageError."""
    base = _parse(url)
    return f"webdav+{base.root.rstrip('/')}{'?put=1' if base.put else ''}"


def open(url: str, name: str, options: Options) -> WebDav:
    """The folder on a WebDAV server that a URL names; it need not exist yet."""
    return WebDav(_parse(url), name, options)


def _parse(url: str) -> web.Base:
    if not url.lower().startswith(("webdav+https://", "webdav+http://")):
        raise UsageError(f"{url!r} is not of the form webdav+https://host/folder")
    return web.parse(url[len("webdav+") :], ("", "put=1"))


class WebDav(web.Web):
    """The Remote protocol over a folder of a WebDAV server."""

    writable = True

    def __init__(self, base: web.Base, name: str, options: Options) -> None:
        super().__init__(base, name, options)
        self.url = f"webdav+{self.url}{'?put=1' if base.put else ''}"
        self._plain = base.put
        self._made = False

    def list(self) -> Iterator[Held]:
        """See Remote; PROPFIND, which a server that only takes PUT does not answer."""
        root = self.site.base.root
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        with self.site.do("PROPFIND", root, headers, _PROPFIND) as response:
            if response.status_code == 404:
                return
            if response.status_code in (405, 501):
                raise RemoteError(f"{self.site.host} cannot be asked which files it has: it has no PROPFIND")
            if response.status_code != 207:
                raise self.site.refusal(response, root, "read")
            found = _files(http.whole(response), root, self.site.host)
        for held in found:
            if not is_unfinished(held.asset):
                yield held

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; no reader sees the asset's name before its size was seen to be right."""
        if self.look(upload.asset):
            return  # the queue looks at what is there
        if self._plain:
            self._directly(upload, advance)
            return
        with name_for(self.options, self.url, upload.asset) as name:
            temp = self.site.url(name)
            try:
                self._send(temp, upload, advance, {})
                arrived = self.look(name)
                if arrived is None or arrived.size != upload.size:
                    raise web.broken(f"{upload.asset} at {self.site.host}")
                self._move(temp, upload)
            except ModelsError:
                self._forget(temp)
                raise

    def delete(self, asset: str) -> None:
        """See Remote."""
        url = self.site.url(asset)
        with self.site.do("DELETE", url) as response:
            if response.status_code not in (200, 202, 204, 404, 410):
                raise self._refused(response, url)

    def _send(self, url: str, upload: Upload, advance: Advance, headers: dict[str, str]) -> int:
        """PUT; the status, 2xx or 412. Raises."""
        self._make()
        kind = {"Content-Type": "application/octet-stream"}
        with self.site.send(url, upload, advance, kind | headers) as response:
            if response.status_code >= 300 and response.status_code != 412:
                raise self._refused(response, url)
            return response.status_code

    def _make(self) -> None:
        """Make the folder, not those above it, once: what a PUT into a missing one gets is anything from 403 to 500."""
        if self._made or self._plain:
            return
        root = self.site.base.root
        with self.site.do("MKCOL", root) as response:
            if response.status_code == 409:
                raise RemoteError(
                    f"the folder above {root} does not exist on {self.site.host}",
                    "make it there, or look at the URL: git models remote list",
                )
            if response.status_code == 401 or response.status_code in (500, 502, 503, 504, 507):
                raise self._refused(response, root)
        self._made = True  # or it was there; where the server refuses to say, the PUT will tell

    def _move(self, temp: str, upload: Upload) -> None:
        final = self.site.url(upload.asset)
        with self.site.do("MOVE", temp, {"Destination": final, "Overwrite": "F"}) as response:
            status = response.status_code
            if status in (200, 201, 204):
                return
            if status in (405, 501):
                raise RemoteError(
                    f"{self.site.host} takes files but has no MOVE",
                    f"git models remote add NAME {self.url}?put=1   # uploads under the final name",
                )
            there = self.look(upload.asset)
            if status == 412 or (there and there.size == upload.size):
                self._forget(temp)
                return  # another writer was first
            if status == 502:
                raise RemoteError(f"{self.site.host} does not know itself as {final}: its proxy rewrites the address")
            raise self._refused(response, temp)

    def _directly(self, upload: Upload, advance: Advance) -> None:
        """PUT under the final name; a fragment is taken away again."""
        url = self.site.url(upload.asset)
        try:
            if self._send(url, upload, advance, {"If-None-Match": "*"}) == 412:
                return
            arrived = self.look(upload.asset)
        except Transient:
            arrived = self.look(upload.asset)
            if arrived is None:
                raise
        if arrived is None or arrived.size < upload.size:
            self._forget(url)
            raise web.broken(f"{upload.asset} at {self.site.host}")

    def _forget(self, url: str) -> None:
        try:
            self.site.do("DELETE", url).close()
        except ModelsError:
            pass  # the next try from here has the same name

    def _refused(self, response: requests.Response, url: str) -> ModelsError:
        status = response.status_code
        if status in (405, 501):
            return RemoteError(
                f"{self.site.host} takes no files below {self.site.base.root}: WebDAV is not switched on there",
                "ask its owner; to read only: git models remote add NAME https://…",
            )
        if status in (404, 409):
            return NotThere(f"{self.site.base.root} does not exist and could not be made")
        if status == 413:
            return RemoteError(
                f"{self.site.host} refuses files of this size",
                "ask its owner (nginx: client_max_body_size 0), or: git config models.partSize 90M",
            )
        if status == 423:
            return Transient(f"{self.site.host}: somebody has locked {url}")
        if status == 507:
            return RemoteError(f"{self.site.host} is full", "free space there, then: git models push")
        return self.site.refusal(response, url, "write")


def _files(answer: bytes, root: str, host: str) -> list[Held]:
    """The files of a PROPFIND answer that lie directly in the folder. Raises RemoteError."""
    try:
        # As text: another encoding could hide a definition from the next line.
        text = answer.decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise RemoteError(f"{host} sent a list with definitions in it: not read")
        if text.count("<") > _MOST_TAGS:
            raise RemoteError(f"{host} sent a list of more files than are read", "use one folder for each project")
        tree = ElementTree.fromstring(text)  # noqa: S314  without definitions there is nothing to expand or fetch
    except (ElementTree.ParseError, ValueError) as error:
        raise RemoteError(f"{host} sent a list that is no XML ({error})") from error
    folder = unquote(urlsplit(root).path)
    found = []
    for item in tree.findall("{DAV:}response"):  # not those inside one: each would be read as often as it lies deep
        href = unquote(urlsplit(urljoin(root, item.findtext("{DAV:}href", "").strip())).path)
        size = item.findtext(".//{DAV:}getcontentlength", "")
        name = href[len(folder) :]
        plain = href.startswith(folder) and name and "/" not in name
        if plain and size.isdigit() and item.find(".//{DAV:}collection") is None:
            found.append(Held(name, int(size), at=moment(item.findtext(".//{DAV:}getlastmodified", ""))))
    return found
