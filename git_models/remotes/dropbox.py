"""A Dropbox folder: upload sessions that a kill does not throw back, and its own content hash to verify them.

The HTTP API 2 (dropbox.com/developers/documentation/http): no SDK, because reading and writing take six calls.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
import time
from builtins import open as open_  # `open` is this module's own
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

from git_models import git, jsons, urls
from git_models.errors import ModelsError, NotThere, RemoteError, StartOver, Transient, UsageError
from git_models.output import safe
from git_models.remotes import answers, http, tokens, web
from git_models.remotes.base import Advance, Held, Options, RateLimited, Upload, moment
from git_models.remotes.unfinished import Note, note_for

if TYPE_CHECKING:
    import requests

PIECE = 32 << 20
"""Bytes of one request of an upload; Dropbox wants multiples of 4 MiB and at most 150 MB."""

BLOCK = 4 << 20
"""Bytes that its content hash takes together."""

ASKED_AT_ONCE = 4

API, CONTENT = "https://api.dropboxapi.com", "https://content.dropboxapi.com"
HOST = "api.dropboxapi.com"
"""What the app key and the refresh token are kept for (see tokens.py)."""

_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)


class Access(NamedTuple):
    """A token and until when it holds."""

    token: str
    until: float  # seconds of the monotonic clock


def normalise(url: str) -> str:
    """`dropbox:///folder`; raises UsageError."""
    return "dropbox://" + quote(_parse(url))


def open(url: str, name: str, options: Options) -> Dropbox:
    """The folder that a URL names; it need not exist yet."""
    return Dropbox(_parse(url), name, options)


def _parse(url: str) -> str:
    path = unquote(url.partition("://")[2], errors="replace").rstrip("/")
    bad = any(ord(c) < 32 or ord(c) == 127 for c in path) or ".." in path.split("/") or "//" in path
    if not path.startswith("/") or bad or "?" in url or "#" in url:
        raise UsageError(f"{urls.redact(url)!r} is not of the form dropbox:///FOLDER")
    return path


class Dropbox:
    """The Remote protocol over a folder of the user's Dropbox."""

    writable = True
    limit: int | None = 350 * 10**9  # Dropbox's documented bound
    per_minute: int | None = None
    per_hour: int | None = None
    several = True

    def __init__(self, path: str, name: str, options: Options) -> None:
        self.path = path
        self.name = name
        self.url = "dropbox://" + quote(path)
        self._options = options
        self._client = http.Client(options)
        self._api, self._content = _hosts(name, options)
        self._access: Access | None = None
        self._lock = threading.Lock()
        self._hashed: dict[str, tuple[str, str]] = {}  # asset → content hash and SHA-256 of what was put

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; one question each. Dropbox's hash is its own; what this process put was compared with it."""
        self._token()
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            found = list(pool.map(self._look, list(assets)))
        return {held.asset: held for held in found if held}

    def _look(self, asset: str) -> Held | None:
        try:
            told = self._call("files/get_metadata", {"path": self._at(asset)}, "read")
        except NotThere:
            return None
        if told.get(".tag", "file") != "file":
            return None
        known = self._hashed.get(asset)
        sha256 = known[1] if known and known[0] == told.get("content_hash") else None
        return Held(asset, answers.number(told.get("size"), HOST), sha256)

    def list(self) -> Iterator[Held]:
        """See Remote; page by page."""
        try:
            told = self._call("files/list_folder", {"path": self.path, "limit": 2000}, "read")
        except NotThere:
            return
        while True:
            for item in answers.mappings(told.get("entries"), HOST):
                if item.get(".tag") == "file" and _ASSET.fullmatch(name := str(item.get("name", ""))):
                    size = answers.number(item.get("size"), HOST)
                    yield Held(name, size, at=moment(str(item.get("server_modified", ""))))
            if not told.get("has_more"):
                return
            told = self._call("files/list_folder/continue", {"cursor": told.get("cursor")}, "read")

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; a session that was begun before a kill is continued where Dropbox stands."""
        if self._look(upload.asset):
            return  # the queue looks at what is there
        content, sha256 = _hashes(upload)
        if sha256 != upload.sha256:
            raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")
        with note_for(self._options, self.url, upload.asset) as note:
            session, at = self._session(note, upload)
            advance(at)
            while at < upload.size:
                at = self._append(session, at, upload, advance, note)
            told = self._finish(session, upload)
            note.forget()
        if told is None:
            return  # somebody else was first
        if told.get("content_hash") != content or told.get("size") != upload.size:
            self.delete(upload.asset)
            raise Transient(f"{upload.asset} arrived damaged at Dropbox")
        self._hashed[upload.asset] = content, upload.sha256

    def _session(self, note: Note, upload: Upload) -> tuple[str, int]:
        """An upload session, and the bytes that it has."""
        kept = note.read()
        if kept.get("sha256") == upload.sha256 and isinstance(kept.get("session"), str):
            at = min(max(int(kept.get("at", 0)), 0), upload.size)
            right = self._offset(kept["session"], at)
            if right is not None and right <= upload.size:
                return kept["session"], right
        told = self._upload("files/upload_session/start", {"close": False}, b"")
        session = answers.text(told.get("session_id"), HOST)
        note.write({"session": session, "at": 0, "sha256": upload.sha256})
        return session, 0

    def _offset(self, session: str, at: int) -> int | None:
        """Where a session stands, by appending nothing; None if it is gone."""
        arg = {"cursor": {"session_id": session, "offset": at}, "close": False}
        with self._send("files/upload_session/append_v2", arg, b"") as response:
            if response.status_code == 200:
                return at
            return _right_offset(_json(response))

    def _append(self, session: str, at: int, upload: Upload, advance: Advance, note: Note) -> int:
        """Send the next piece; how far the session is then."""
        piece = upload._replace(offset=upload.offset + at, size=min(PIECE, upload.size - at))
        moved = 0

        def count(number: int) -> None:
            nonlocal moved
            moved += number
            advance(number)

        arg = {"cursor": {"session_id": session, "offset": at}, "close": False}
        with http.Stream(piece, count) as body, self._send("files/upload_session/append_v2", arg, body) as response:
            if response.status_code == 200:
                note.write({"session": session, "at": at + piece.size, "sha256": upload.sha256})
                return at + piece.size
            right = _right_offset(_json(response)) if response.status_code == 409 else None
            if right is None or right > upload.size:
                note.forget()
                advance(-moved)
                raise self._refused(response, "write")
            advance(right - at - moved)
            return right

    def _finish(self, session: str, upload: Upload) -> dict[str, Any] | None:
        commit = {"path": self._at(upload.asset), "mode": "add", "autorename": False, "mute": True}
        arg = {"cursor": {"session_id": session, "offset": upload.size}, "commit": commit}
        with self._send("files/upload_session/finish", arg, b"") as response:
            if response.status_code == 200:
                return _answer(response)
            if response.status_code == 409 and "conflict" in str(_json(response).get("error_summary", "")):
                return None
            raise self._refused(response, "write")

    def finish(self) -> None:
        """See Remote; a file is there at once."""

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> http.Answer:
        """See Source."""
        arg = {"path": self._at(asset)}
        response = self._send("files/download", arg, None, http.ranged(start, stop, tag))
        if response.status_code in (409, 404):
            with response:
                said = str(_json(response).get("error_summary", ""))
                if "not_found" in said:
                    raise NotThere(f"{asset} is not in {self.url}", "whoever recorded it: git models push")
                raise self._refused(response, "read")
        if response.status_code == 416:
            response.close()
            raise StartOver(f"{asset} in {self.url} does not have this range")
        if response.status_code not in (200, 206):
            with response:
                raise self._refused(response, "read")
        return http.answer(response, f"{self._content}/2/files/download", start, tag)

    def delete(self, asset: str) -> None:
        """See Remote; Dropbox keeps what was deleted for some weeks."""
        try:
            self._call("files/delete_v2", {"path": self._at(asset)}, "delete")
        except NotThere:
            pass

    def _at(self, asset: str) -> str:
        if not _ASSET.fullmatch(asset):
            raise RemoteError(f"{asset!r} cannot be a file name in {self.url}")
        return f"{self.path}/{asset}"

    # Requests

    def _call(self, what: str, body: Any, doing: str) -> dict[str, Any]:
        """A question. Raises NotThere, RemoteError."""
        data, url = json.dumps(body).encode(), f"{self._api}/2/{what}"
        with self._opened(
            lambda t: self._client.send("POST", url, {**t, "Content-Type": "application/json"}, data)
        ) as answer:
            if answer.status_code == 200:
                return _answer(answer)
            if answer.status_code == 409 and "not_found" in str(_json(answer).get("error_summary", "")):
                raise NotThere(f"{self.url} does not have what was asked for")
            raise self._refused(answer, doing)

    def _upload(self, what: str, arg: Any, data: bytes) -> dict[str, Any]:
        with self._send(what, arg, data) as response:
            if response.status_code != 200:
                raise self._refused(response, "write")
            return _answer(response)

    def _send(self, what: str, arg: Any, data: Any, more: dict[str, str] | None = None) -> requests.Response:
        """A request to where the bytes are; `data` None is a download."""
        headers = {"Dropbox-API-Arg": json.dumps(arg), **(more or {})}
        if data is not None:
            headers["Content-Type"] = "application/octet-stream"
        url = f"{self._content}/2/{what}"
        return self._opened(lambda t: self._client.send("POST", url, {**headers, **t}, data, long=data is not None))

    def _opened(self, once: Callable[[dict[str, str]], requests.Response]) -> requests.Response:
        """Ask; a token that has expired is renewed once."""
        token = self._token()
        response = once(http.bearer(token))
        if response.status_code == 401 and "expired_access_token" in str(_json(response).get("error_summary", "")):
            with self._lock:
                if self._access and self._access.token == token:
                    self._access = None
            response = once(http.bearer(self._token()))
        return response

    def _token(self) -> str:
        if self._options.from_manifest or self._options.anonymous:
            raise RemoteError("Dropbox folders are for those who have an account there", "ask for a share link")
        if value := os.environ.get("DROPBOX_ACCESS_TOKEN", "").strip():
            return value
        with self._lock:
            if self._access is None or time.monotonic() > self._access.until:
                self._access = self._renewed()
            return self._access.token

    def _renewed(self) -> Access:
        kept = tokens.find(HOST, self._options)
        if not kept:
            raise RemoteError("nobody is signed in at Dropbox here", "git models login dropbox")
        form = {"grant_type": "refresh_token", "refresh_token": kept.refresh, "client_id": kept.app}
        return token_for(self._client, self._api, form)

    def _refused(self, response: requests.Response, doing: str) -> ModelsError:
        status = response.status_code
        said = str(_json(response).get("error_summary", ""))
        if status == 429 or "too_many" in said:
            after = http.retry_after(response)
            return RateLimited("Dropbox asks to wait", after=after or 15.0, exact=after is not None)
        if "missing_scope" in said:
            return RemoteError(
                f"the Dropbox app may not {doing}",
                "give it files.content.read and files.content.write in the App Console, then: git models login dropbox",
            )
        if status == 401:
            return RemoteError("Dropbox does not accept the token", "git models login dropbox")
        if "insufficient_space" in said:
            return RemoteError("the Dropbox is full", "free space there, then: git models push")
        if "no_write_permission" in said or status == 403:
            return RemoteError(f"{self.url} may only be read by this account", "ask its owner for the right to edit")
        if "not_found" in said and doing == "write":
            return Transient("the upload session at Dropbox is gone")
        if status == 409:
            return RemoteError(f"Dropbox refuses to {doing} in {self.url}: {safe(urls.redact(said))}")
        return http.refusal(response, f"{self._api}/2/{doing}")


def token_for(client: http.Client, api: str, form: dict[str, str]) -> Access:
    """An access token for a refresh token, or a code. Raises RemoteError."""
    data = urlencode(form).encode()
    with client.send(
        "POST", f"{api}/oauth2/token", {"Content-Type": "application/x-www-form-urlencoded"}, data
    ) as told:
        if told.status_code in (400, 401):
            raise RemoteError("Dropbox no longer accepts this sign-in", "git models login dropbox")
        if told.status_code != 200:
            raise http.refusal(told, f"{api}/oauth2/token")
        answer = _answer(told)
    token = answers.text(answer.get("access_token"), HOST)
    return Access(token, time.monotonic() + answers.number(answer.get("expires_in", 14400), HOST) - 60)


def page(key: str, verifier: str) -> str:
    """Where the user lets the app with that key in (OAuth 2 with PKCE), and gets a code."""
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    asked = {"client_id": key, "response_type": "code", "token_access_type": "offline"}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return f"https://www.dropbox.com/oauth2/authorize?{urlencode(asked)}"


def refresh_token(name: str, options: Options, key: str, verifier: str, code: str) -> str:
    """The refresh token for a code; "" if Dropbox does not accept the code. Raises Offline, RemoteError."""
    api, _ = _hosts(name, options)
    form = {"grant_type": "authorization_code", "code": code, "client_id": key, "code_verifier": verifier}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with http.Client(options).send("POST", f"{api}/oauth2/token", kind, urlencode(form).encode()) as told:
        return str(_json(told).get("refresh_token", "")) if told.status_code == 200 else ""


def _answer(response: requests.Response) -> dict[str, Any]:
    """What Dropbox says. Raises RemoteError for anything else."""
    return answers.mapping(answers.read(http.whole(response), HOST) or [], HOST)


def _json(response: requests.Response) -> dict[str, Any]:
    """What a refusal says, {} for anything else."""
    try:
        found = jsons.read(http.whole(response) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _right_offset(told: dict[str, Any]) -> int | None:
    error = told.get("error") or {}
    error = error.get("lookup_failed", error) if isinstance(error, dict) else {}
    right = error.get("correct_offset") if isinstance(error, dict) else None
    return int(right) if isinstance(right, int) else None


def _hashes(upload: Upload) -> tuple[str, str]:
    """Dropbox's content hash (SHA-256 over the SHA-256 of each 4 MiB) and the SHA-256."""
    blocks, whole = hashlib.sha256(), hashlib.sha256()
    with open_(upload.file, "rb") as file:
        file.seek(upload.offset)
        rest = upload.size
        while rest and (data := file.read(min(BLOCK, rest))):
            blocks.update(hashlib.sha256(data).digest())
            whole.update(data)
            rest -= len(data)
    if rest:
        raise RemoteError(f"{upload.file} became shorter while it was read")
    return blocks.hexdigest(), whole.hexdigest()


def _hosts(name: str, options: Options) -> tuple[str, str]:
    """The API's two hosts; `models.NAME.endpoint` names one in place of both."""
    status, out = git.call("config", "--get", f"models.{name}.endpoint", cwd=options.top, ok=(0, 1))
    if status:
        return API, CONTENT
    try:
        base = web.parse(out.decode("utf-8", "replace").strip()).origin
    except UsageError as error:
        raise RemoteError(error.what, f"git config --unset models.{name}.endpoint") from error
    return base, base
