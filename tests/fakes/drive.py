"""A stand-in for Google Drive's API v3: one account, folders, resumable uploads, names that occur twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.web import Reply, Request, json_reply, listen, ranged_reply

FOLDER, CLIENT, SECRET, REFRESH = "1FolderOfTheTeam", "client-1.apps", "GOCSPX-secretsecret", "1//refresh-token-000"

OTHER = "1FolderOfTheArchive"


@dataclass
class File:
    """What lies in Drive."""

    id: str
    name: str
    parent: str
    data: bytes
    created: int


@dataclass
class Drive:
    """The account's state; `serve` shows it."""

    files: list[File] = field(default_factory=list)
    sessions: dict[str, tuple[dict[str, Any], bytearray]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"access-0"})
    renewed: int = 0
    agreed: bool = True
    fault: Any = None  # (method, Reply): answered once to an API call of that method
    page: int = 2  # files of a page
    take: int = 0  # of what is sent to a session, only so many bytes are taken, once
    url: str = ""

    def answer(self, request: Request) -> Reply:
        """One request."""
        if request.path in ("/token", "/device/code"):
            return self._sign_in(request.path, dict(parse_qsl(b"".join(request.body.blocks()).decode())))
        if request.path.startswith("/session/"):
            return self._continue(request.path.rpartition("/")[2], request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return error(401, "authError", "Invalid Credentials")
        if self.fault and self.fault[0] == request.method:
            reply: Reply = self.fault[1]
            self.fault = None
            return reply
        if request.path == "/upload/drive/v3/files":
            body = request.body.json()
            if body["parents"] != [FOLDER]:
                return error(404, "notFound", f"File not found: {body['parents'][0]}.")
            number = f"s{len(self.sessions)}"
            self.sessions[number] = body, bytearray()
            return Reply(200, headers={"Location": f"{self.url}/session/{number}"})
        return self._files(request, request.path.removeprefix("/drive/v3/files").strip("/"))

    def _sign_in(self, path: str, form: dict[str, str]) -> Reply:
        if path == "/device/code":
            if form["client_id"] != CLIENT:
                return json_reply(401, {"error": "invalid_client"})
            told = {"device_code": "device-1", "user_code": "ABCD-EFGH", "expires_in": 1800, "interval": 0}
            return json_reply(200, told | {"verification_url": "https://www.google.com/device"})
        if "device_code" in form and not self.agreed:
            self.agreed = True
            return json_reply(428, {"error": "authorization_pending"})
        if form.get("refresh_token", REFRESH) != REFRESH or form.get("client_id", CLIENT) != CLIENT:
            return json_reply(400, {"error": "invalid_grant"})
        self.renewed += 1
        self.tokens.add(f"access-{self.renewed}")
        more = {"refresh_token": REFRESH} if "device_code" in form else {}
        return json_reply(200, {"access_token": f"access-{self.renewed}", "expires_in": 3599, **more})

    def _files(self, request: Request, number: str) -> Reply:
        if not number:
            return self._list(request.query)
        number, _, what = number.partition("/")
        found = next((f for f in self.files if f.id == number), None)
        if found is None:
            return error(404, "notFound", f"File not found: {number}.")
        if what == "copy":
            body = request.body.json()
            if body["parents"][0] not in (FOLDER, OTHER):
                return error(404, "notFound", f"File not found: {body['parents'][0]}.")
            self.add(body["name"], found.data, body["parents"][0])
            return json_reply(200, described(self.files[-1]))
        if request.method == "DELETE":
            self.files.remove(found)
            return Reply(204)
        if request.query.get("alt") != "media":
            return json_reply(200, described(found))
        return ranged_reply(request, found.data)

    def _list(self, query: dict[str, str]) -> Reply:
        q = query["q"]
        (folder,) = re.findall(r"'([^']*)' in parents", q)
        names = re.findall(r"name = '([^']*)'", q)
        inside = [f for f in self.files if f.parent == folder and (not names or f.name in names)]
        inside.sort(key=lambda f: f.created)
        at = int(query.get("pageToken", "0"))
        told: dict[str, Any] = {"files": [described(f) for f in inside[at : at + self.page]]}
        if at + self.page < len(inside):
            told["nextPageToken"] = str(at + self.page)
        return json_reply(200, told)

    def _continue(self, number: str, request: Request) -> Reply:
        if number not in self.sessions:
            return error(404, "notFound", "no such upload")
        body, data = self.sessions[number]
        span = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", request.headers["Content-Range"])
        assert span
        sent = b"".join(request.body.blocks())
        if span[1] and int(span[1]) == len(data):
            data += sent[: self.take] if self.take else sent
            self.take = 0
        if len(data) < int(span[3]):
            return Reply(308, headers={"Range": f"bytes=0-{len(data) - 1}"} if data else {})
        self.add(body["name"], bytes(data))
        del self.sessions[number]
        return json_reply(200, described(self.files[-1]))

    def add(self, name: str, data: bytes, parent: str = FOLDER) -> None:
        """A file, younger than all others."""
        count = len(self.files) + self.renewed * 1000 + len(data)
        made = File(f"id-{count}-{name}-{len(self.files)}", name, parent, data, len(self.files))
        self.files.append(made)


def described(file: File) -> dict[str, Any]:
    """A file as the API shows it: numbers of bytes are strings."""
    return {
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "size": str(len(file.data)),
        "sha256Checksum": hashlib.sha256(file.data).hexdigest(),
        "createdTime": f"2026-01-01T00:00:{file.created:02}.000Z",
    }


def error(status: int, reason: str, message: str) -> Reply:
    """An error as the API shows it."""
    told = {"code": status, "message": message, "errors": [{"domain": "global", "reason": reason, "message": message}]}
    return json_reply(status, {"error": told})


@contextmanager
def serve(account: Drive) -> Iterator[str]:
    """The account on a port of its own."""
    faults: list[str] = []
    listener = listen(account.answer, faults.append)
    account.url = f"http://127.0.0.1:{listener.port}"
    try:
        yield account.url
    finally:
        listener.stop()
    assert faults == []
