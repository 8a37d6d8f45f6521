"""A stand-in for Dropbox's HTTP API 2: one account, upload sessions, tokens that expire, limits on demand."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.web import Reply, Request, json_reply, listen, ranged_reply

KEY, REFRESH = "appkey", "refresh-token-1"


@dataclass
class Dropbox:
    """The account's state; `serve` shows it."""

    files: dict[str, bytes] = field(default_factory=dict)
    sessions: dict[str, bytearray] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"access-0"})
    renewed: int = 0
    fault: Any = None  # (name of a call, Reply): answered once in its place
    page: int = 2  # entries of a page
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request) -> Reply:
        """One request. Dropbox's type names no charset, and its SDK insists on that."""
        reply = self._answered(request)
        if "json" in reply.headers.get("Content-Type", ""):
            reply.headers["Content-Type"] = "application/json"
        return reply

    def _answered(self, request: Request) -> Reply:
        what = request.path.removeprefix("/2/").strip("/")
        self.asked.append(what)
        if what == "oauth2/token":
            return self._token(dict(parse_qsl(b"".join(request.body.blocks()).decode())))
        if self.fault and self.fault[0] == what:
            reply: Reply = self.fault[1]
            self.fault = None
            return reply
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "expired_access_token/", "expired_access_token")
        if what.startswith("files/upload") or what == "files/download":
            arg = json.loads(request.headers.get("Dropbox-API-Arg") or request.query["arg"])
            return self._content(what, arg, request)
        return self._call(what, request.body.json())

    def _token(self, form: dict[str, str]) -> Reply:
        good = form.get("refresh_token") == REFRESH or form.get("code") == "the-code"
        if form.get("client_id") != KEY or not good:
            return json_reply(400, {"error": "invalid_grant"})
        self.renewed += 1
        self.tokens.add(f"access-{self.renewed}")
        more = {"refresh_token": REFRESH, "account_id": "dbid:1"} if "code" in form else {}
        return json_reply(200, {"access_token": f"access-{self.renewed}", "expires_in": 14400, **more})

    def _call(self, what: str, body: Any) -> Reply:
        if what == "files/get_metadata":
            path = body["path"]
            return json_reply(200, self._described(path)) if path in self.files else _missing("path")
        if what == "files/delete_v2":
            if body["path"] not in self.files:
                return _missing("path_lookup")
            told = self._described(body["path"])
            del self.files[body["path"]]
            return json_reply(200, {"metadata": told})
        if what.startswith("files/list_folder"):
            folder, _, at = body.get("cursor", f"{body.get('path')}|0").rpartition("|")
            inside = [p for p in sorted(self.files) if p.rpartition("/")[0] == folder]
            if not inside:
                return _missing("path")
            stop = int(at) + self.page
            entries = [self._described(p) for p in inside[int(at) : stop]]
            told = {"entries": entries, "cursor": f"{folder}|{stop}", "has_more": stop < len(inside)}
            return json_reply(200, told)
        return Reply(400, f"Unknown API function: {what}".encode())

    def _content(self, what: str, arg: Any, request: Request) -> Reply:
        if what == "files/download":
            if arg["path"] not in self.files:
                return _missing("path")
            result = {"Dropbox-API-Result": json.dumps(self._described(arg["path"]))}
            data = self.files[arg["path"]]
            tag = f'W/"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
            return ranged_reply(request, data, {**result, "ETag": tag})
        data = b"".join(request.body.blocks())
        if what == "files/upload_session/start":
            name = f"session-{len(self.sessions)}"
            self.sessions[name] = bytearray(data)
            return json_reply(200, {"session_id": name})
        if what == "files/upload":
            return self._store(arg, data)
        cursor = arg["cursor"]
        if cursor["session_id"] not in self.sessions:
            return _error(409, "not_found/", {".tag": "not_found"})
        session = self.sessions[cursor["session_id"]]
        if cursor["offset"] != len(session):
            wrong = {".tag": "incorrect_offset", "correct_offset": len(session)}
            in_finish = {".tag": "lookup_failed", "lookup_failed": wrong}
            return _error(409, "incorrect_offset/", in_finish if what.endswith("finish") else wrong)
        session += data
        if what == "files/upload_session/append_v2":
            return json_reply(200, None)
        return self._store(arg["commit"], bytes(session))

    def _store(self, commit: Any, data: bytes) -> Reply:
        path = commit["path"]
        if path in self.files and self.files[path] != data and commit.get("mode") in ("add", {".tag": "add"}):
            return _error(409, "path/conflict/file/", {".tag": "path", "reason": {".tag": "conflict"}})
        self.files[path] = data
        return json_reply(200, self._described(path))

    def _described(self, path: str) -> dict[str, Any]:
        data = self.files[path]
        blocks = b"".join(hashlib.sha256(data[i : i + (4 << 20)]).digest() for i in range(0, len(data), 4 << 20))
        stamp = "2026-01-02T03:04:05Z"
        return {
            ".tag": "file",
            "name": path.rpartition("/")[2],
            "id": "id:a4ayc_80_OEAAAAAAAAAXw",
            "client_modified": stamp,
            "server_modified": stamp,
            "rev": "a1c10ce0dd78a1c10ce0dd78",
            "size": len(data),
            "path_lower": path.lower(),
            "path_display": path,
            "is_downloadable": True,
            "content_hash": hashlib.sha256(blocks).hexdigest(),
        }


@contextmanager
def serve(account: Dropbox, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The account on a port of its own: its address without the scheme."""
    faults: list[str] = []
    listener = listen(account.answer, faults.append, context=context)
    account.url = f"http://127.0.0.1:{listener.port}"
    try:
        yield f"127.0.0.1:{listener.port}"
    finally:
        listener.stop()
    assert faults == []


def _missing(where: str) -> Reply:
    return _error(409, f"{where}/not_found/", {".tag": where, where: {".tag": "not_found"}})


def _error(status: int, summary: str, error: Any) -> Reply:
    told = {".tag": error} if isinstance(error, str) else error
    return json_reply(status, {"error_summary": summary + "...", "error": told})
