"""A Google Drive folder: resumable uploads, Drive's own SHA-256, and names that Drive allows twice.

The Drive API v3 (developers.google.com/drive/api/reference/rest/v3) without Google's client library, which is
148 MB.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from git_models import urls
from git_models.errors import ModelsError, NotAModel, NotThere, RemoteError, Transient, UsageError
from git_models.output import safe
from git_models.remotes import answers, gdrive_auth, http
from git_models.remotes.base import Advance, Held, Options, RateLimited, Source, Upload, moment
from git_models.remotes.unfinished import Note, note_for

if TYPE_CHECKING:
    import requests

PIECE = 32 << 20
"""Bytes of one request of an upload; Drive wants multiples of 256 KiB."""

ASKED = 20
"""Names in one question."""

_FOLDER = re.compile(r"gdrive://([A-Za-z0-9_-]{4,200})/?", re.ASCII)
_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_FIELDS = "id,name,size,sha256Checksum,createdTime"


def normalise(url: str) -> str:
    """`gdrive://FOLDERID`; raises UsageError."""
    return f"gdrive://{_parse(url)}"


def open(url: str, name: str, options: Options) -> Drive:
    """The folder that a URL names."""
    return Drive(_parse(url), name, options)


def _parse(url: str) -> str:
    found = _FOLDER.fullmatch(url)
    if not found:
        raise UsageError(f"{urls.redact(url)!r} is not of the form gdrive://FOLDERID (the end of the folder's address)")
    return found[1]


class Drive:
    """The Remote protocol over a folder."""

    writable = True
    limit: int | None = 5 << 40
    per_minute: int | None = None
    per_hour: int | None = None
    several = True

    def __init__(self, folder: str, name: str, options: Options) -> None:
        self.folder = folder
        self.name = name
        self.url = f"gdrive://{folder}"
        self._options = options
        self._client = http.Client(options)
        self._hosts = gdrive_auth.hosts(name, options)
        self._files = f"{self._hosts.api}/drive/v3/files"
        self._access: gdrive_auth.Access | None = None
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; of several files with one name the oldest counts."""
        names, found = list(assets), dict[str, Held]()
        for start in range(0, len(names), ASKED):
            some = " or ".join(f"name = '{self._checked(name)}'" for name in names[start : start + ASKED])
            for item in self._query(f"({some})"):
                found.setdefault(item["name"], self._held(item))
        return found

    def list(self) -> Iterator[Held]:
        """See Remote; page by page."""
        seen = set[str]()
        for item in self._query("mimeType != 'application/vnd.google-apps.folder'"):
            if _ASSET.fullmatch(item["name"]) and "size" in item and item["name"] not in seen:
                seen.add(item["name"])
                yield self._held(item)

    def _held(self, item: dict[str, Any]) -> Held:
        with self._lock:
            self._ids.setdefault(item["name"], item["id"])
        at, size = moment(str(item.get("createdTime", ""))), answers.number(item.get("size", 0), self._host)
        return Held(item["name"], size, item.get("sha256Checksum") or None, at)

    def _query(self, what: str) -> Iterator[dict[str, Any]]:
        """Files of the folder, the oldest first."""
        asked = {
            "q": f"'{self.folder}' in parents and trashed = false and {what}",
            "fields": f"nextPageToken,files({_FIELDS})",
            "orderBy": "createdTime",
            "pageSize": "1000",
            "supportsAllDrives": "true",
            "includeItemsFromAllDrives": "true",
        }
        while True:
            told = self._json("GET", f"{self._files}?{urlencode(asked)}", "read")
            for item in answers.mappings(told.get("files"), self._host):
                answers.text(item.get("id"), self._host)
                answers.text(item.get("name"), self._host)
                yield item
            if not told.get("nextPageToken"):
                return
            asked["pageToken"] = str(told["nextPageToken"])

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; an upload that was begun before a kill goes on where Drive stands."""
        if self.has([upload.asset]):
            return  # the queue looks at what is there
        whole = hashlib.sha256()
        with http.Stream(upload, lambda _: None) as source:
            while data := source.read(1 << 20):
                whole.update(data)
        if whole.hexdigest() != upload.sha256:
            raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")
        with note_for(self._options, self.url, upload.asset) as note:
            told = self._sent(note, upload, advance)
            note.forget()
        if told.get("size") != str(upload.size) or told.get("sha256Checksum", upload.sha256) != upload.sha256:
            self._remove(told["id"])
            raise Transient(f"{upload.asset} arrived damaged at Google Drive")
        self._only_one(upload.asset, told["id"])

    def _only_one(self, asset: str, ours: str) -> None:
        """Drive takes a name twice: whoever was later takes theirs away again."""
        first = next(self._query(f"name = '{asset}'"), None)
        if first and first["id"] != ours:
            self._remove(ours)
        elif first:
            self._ids[asset] = ours

    def _sent(self, note: Note, upload: Upload, advance: Advance) -> dict[str, Any]:
        """What Drive says of the finished file."""
        url, at = self._session(note, upload)
        advance(at)
        while True:
            piece = upload._replace(offset=upload.offset + at, size=min(PIECE, upload.size - at))
            span = f"bytes {at}-{at + piece.size - 1}/{upload.size}" if piece.size else f"bytes */{upload.size}"
            moved = 0

            def count(number: int) -> None:
                nonlocal moved
                moved += number
                advance(number)

            with http.Stream(piece, count) as body:
                data: Any = body if piece.size else b""
                response = self._client.send("PUT", url, {"Content-Range": span}, data, long=True)
            with response:
                if response.status_code in (200, 201):
                    told = answers.mapping(answers.read(http.whole(response), self._host), self._host)
                    answers.text(told.get("id"), self._host)
                    return told
                if response.status_code != 308:
                    if response.status_code in (404, 410):
                        note.forget()
                    raise self._refused(response, "write")
                now = _reached(response)
            if now <= at and piece.size:
                raise Transient("Google Drive took nothing of an upload")
            advance(now - at - moved)
            at = now

    def _session(self, note: Note, upload: Upload) -> tuple[str, int]:
        """The address of a resumable upload, and the bytes that it has."""
        kept = note.read()
        url = str(kept.get("url", ""))
        if kept.get("sha256") == upload.sha256 and url.startswith(f"{self._hosts.api}/"):
            with self._client.send("PUT", url, {"Content-Range": f"bytes */{upload.size}"}, b"") as response:
                if response.status_code == 308:
                    return url, min(_reached(response), upload.size)
        asked = {"uploadType": "resumable", "supportsAllDrives": "true", "fields": _FIELDS}
        body = {"name": upload.asset, "parents": [self.folder], "description": upload.label}
        more = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Type": "application/octet-stream",
            "X-Upload-Content-Length": str(upload.size),
        }
        start = f"{self._hosts.api}/upload/drive/v3/files?{urlencode(asked)}"
        with self._ask("POST", start, json.dumps(body).encode(), more) as response:
            if response.status_code != 200:
                raise self._refused(response, "write")
            url = response.headers.get("Location", "")
        if not url:
            raise answers.odd(self._host)
        if not url.startswith(f"{self._hosts.api}/"):
            raise RemoteError("Google Drive sends the upload to another host: not followed")
        note.write({"url": url, "sha256": upload.sha256})
        return url, 0

    def finish(self) -> None:
        """See Remote; a file is there at once."""

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> http.Answer:
        """See Source."""
        if asset not in self._ids and asset not in self.has([asset]):
            raise NotThere(f"{asset} is not in {self.url}", "whoever recorded it: git models push")
        url = f"{self._files}/{quote(self._ids[asset])}?alt=media&supportsAllDrives=true"
        wanted = http.ranged(start, stop, tag)
        response, final = self._opened(lambda token: self._client.follow(url, wanted, token))
        if response.status_code in (401, 403, 404):
            with response:
                if response.status_code == 404:
                    self._ids.pop(asset, None)
                    raise NotThere(f"{asset} was deleted from {self.url}")
                raise self._refused(response, "read")
        return http.answer(response, final, start, tag)

    def take(self, source: Source, upload: Upload) -> bool:
        """See Taking; from another folder that this account can read."""
        if not isinstance(source, Drive) or source._hosts != self._hosts:
            return False
        held = source.has([upload.asset]).get(upload.asset)
        if held is None or (held.size, held.sha256) != (upload.size, upload.sha256):
            return False
        if self.has([upload.asset]):
            return True
        url = f"{self._files}/{quote(source._ids[upload.asset])}/copy?supportsAllDrives=true&fields={quote(_FIELDS)}"
        body = {"name": upload.asset, "parents": [self.folder], "description": upload.label}
        kind = {"Content-Type": "application/json; charset=UTF-8"}
        with self._ask("POST", url, json.dumps(body).encode(), kind) as response:
            if response.status_code != 200:
                raise self._refused(response, "write")
            told = answers.mapping(answers.read(http.whole(response), self._host), self._host)
        self._only_one(upload.asset, answers.text(told.get("id"), self._host))
        return True

    def delete(self, asset: str) -> None:
        """See Remote; every file with that name."""
        for item in list(self._query(f"name = '{self._checked(asset)}'")):
            self._remove(item["id"])
        self._ids.pop(asset, None)

    def _remove(self, number: str) -> None:
        with self._ask("DELETE", f"{self._files}/{quote(number)}?supportsAllDrives=true") as response:
            if response.status_code not in (200, 204, 404):
                raise self._refused(response, "delete")

    def _checked(self, asset: str) -> str:
        if not _ASSET.fullmatch(asset):
            raise RemoteError(f"{asset!r} cannot be a file name in {self.url}")
        return asset

    # Requests

    def _json(self, method: str, url: str, doing: str) -> dict[str, Any]:
        with self._ask(method, url) as response:
            if response.status_code != 200:
                raise self._refused(response, doing)
            return answers.mapping(answers.read(http.whole(response), self._host) or [], self._host)

    @property
    def _host(self) -> str:
        return http.host_of(self._hosts.api)

    def _ask(
        self, method: str, url: str, data: bytes | None = None, more: dict[str, str] | None = None
    ) -> requests.Response:
        return self._opened(lambda token: (self._client.send(method, url, {**(more or {}), **token}, data), url))[0]

    def _opened(self, once: Callable[[dict[str, str]], tuple[requests.Response, str]]) -> tuple[requests.Response, str]:
        """Ask; a token that is no longer accepted is renewed once."""
        token = self._token()
        response, final = once(http.bearer(token))
        if response.status_code == 401:
            with self._lock:
                if self._access and self._access.token == token and self._access.until != float("inf"):
                    self._access = None
            if (again := self._token()) != token:
                response.close()
                response, final = once(http.bearer(again))
        return response, final

    def _token(self) -> str:
        if self._options.from_manifest or self._options.anonymous:
            raise RemoteError(
                "a Drive folder is for those who have an account there", "ask for share links of the files"
            )
        with self._lock:
            if self._access is None or time.monotonic() > self._access.until:
                self._access = gdrive_auth.access(self.name, self._options, self._hosts)
            return self._access.token

    def _refused(self, response: requests.Response, doing: str) -> ModelsError:
        status = response.status_code
        told = gdrive_auth.json_of(http.whole(response)).get("error") or {}
        told = told if isinstance(told, dict) else {}
        causes = told.get("errors")
        cause = causes[0] if isinstance(causes, list) and causes else {}
        reason = str(cause.get("reason", "")) if isinstance(cause, dict) else ""
        said = safe(urls.redact(str(told.get("message", "")))[:200])
        who = self._access.who if self._access else "this account"
        if status == 429 or "ateLimitExceeded" in reason:
            after = http.retry_after(response)
            return RateLimited("Google Drive asks to wait", after=after or 30.0, exact=after is not None)
        if "do not have storage quota" in said:
            return RemoteError(
                "a service account has no space of its own in Google Drive",
                "use a folder of a shared drive of which it is a member, or: git models login gdrive",
            )
        if reason in ("storageQuotaExceeded", "teamDriveFileLimitExceeded", "quotaExceeded"):
            return RemoteError("the Google Drive is full", "free space there (its bin, too), then: git models push")
        if reason in ("dailyLimitExceeded", "downloadQuotaExceeded"):
            return RemoteError("Google Drive's quota for today is used up", "later: within 24 hours")
        if reason == "accessNotConfigured":
            return RemoteError("the Drive API is not switched on in this Google project", f"in its console: {said}")
        if reason == "cannotDownloadAbusiveFile":
            return NotAModel("Google Drive takes the file for malware and does not hand it out")
        if status == 401:
            return RemoteError(f"Google does not accept the sign-in of {who}", "git models login gdrive")
        if status in (403, 404):
            right = "Viewer" if doing == "read" else "Editor"
            return RemoteError(
                f"{who} may not {doing} in the Drive folder {self.folder}, or it does not exist",
                f"in Drive: Share the folder with {who} as {right}",
            )
        return http.refusal(response, f"{self._files}/{self.folder}")


def _reached(response: requests.Response) -> int:
    """How many bytes an upload has, by the Range of an answer 308."""
    found = re.fullmatch(r"bytes=0-(\d+)", response.headers.get("Range", "").strip())
    return int(found[1]) + 1 if found else 0
