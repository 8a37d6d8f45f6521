"""A stand-in for the Hugging Face Hub: one model repository, its LFS objects on "another host", and tokens.

with Hub() as hub:
    remotes.open("hf://ada/weights", …)   # with HF_ENDPOINT=hub.url
"""

from __future__ import annotations

import base64
import hashlib
import json
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.web import Reply, Request, json_reply, listen, ranged_reply

REPO = "ada/weights"
TOKENS = {"hf_writer": "write", "hf_reader": "read"}


class Hub:
    """The server; what is wrong in it is raised when the `with` block ends."""

    def __init__(self, private: bool = False, chunk: int = 0) -> None:
        self.private = private
        self.chunk = chunk  # bytes of a part in multipart uploads; 0: one PUT
        self.objects: dict[str, bytes] = {}  # LFS, by SHA-256
        self.files: dict[str, bytes] = {}  # path → content
        self.lfs: set[str] = set()  # paths that Git LFS keeps
        self.commits: list[str] = []
        self.parts: dict[str, dict[int, bytes]] = {}  # by upload: each question begins another, as the Hub does
        self.gone: set[str] = set()  # uploads whose addresses have expired
        self.fault: tuple[str, Reply] | None = None  # (call, its answer, once)
        self._begun = 0
        self.asked: list[tuple[str, str, str]] = []  # method, path, Authorization
        self._faults: list[str] = []

    def __enter__(self) -> Hub:
        self._listener = listen(self._answer, self._faults.append)
        self._store = listen(self._keep, self._faults.append)
        self.url = f"http://127.0.0.1:{self._listener.port}"
        self.store = f"http://127.0.0.1:{self._store.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.stop()
        self._store.stop()
        if self._faults and kind is None:
            raise AssertionError("\n".join(self._faults))

    # Where the bytes are: no token comes here

    def _keep(self, request: Request) -> Reply:
        assert not request.headers.get("Authorization"), "a token left the Hub"
        oid = request.path.split("/")[1]
        if request.method == "PUT":
            data = b"".join(request.body.blocks())
            number, upload = int(request.query.get("part", "0")), request.query.get("upload", oid)
            if upload in self.gone:
                said = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
                return Reply(403, said, {"Content-Type": "application/xml"})
            self.parts.setdefault(upload, {})[number] = data
            if not number:
                if hashlib.sha256(data).hexdigest() != oid:
                    return Reply(400)
                self.objects[oid] = data
            return Reply(200, headers={"ETag": f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'})
        return ranged_reply(request, self.objects[oid], {"ETag": f'"{oid}"'})

    # The Hub

    def _answer(self, request: Request) -> Reply:
        self.asked.append((request.method, request.path, request.headers.get("Authorization", "")))
        right = TOKENS.get(request.headers.get("Authorization", "").removeprefix("Bearer "), "")
        if request.headers.get("Authorization") and not right:
            return error(401, "", "Invalid credentials in Authorization header")
        steps = request.path.strip("/").split("/")
        if steps == ["api", "whoami-v2"]:
            roles = {"displayName": "t", "role": right, "createdAt": "2026-01-02T03:04:05.000Z"}
            who = {"type": "user", "name": "ada", "fullname": "Ada", "orgs": [], "auth": {"accessToken": roles}}
            return json_reply(200, who) if right else error(401, "", "no token")
        if steps[:2] == ["complete", "lfs"]:
            return self._complete(steps[2], steps[3], request.body.json())
        api = steps[:2] == ["api", "models"]
        repo = "/".join(steps[2:4] if api else steps[:2]).removesuffix(".git")
        if repo != REPO or (self.private and not right):
            return error(404 if right else 401, "RepoNotFound", "Repository not found")
        if not api and steps[2] == "resolve":
            return self._resolve(request, "/".join(steps[4:]))
        if not api:
            return self._batch(request.body.json()) if right == "write" else error(403, "", "no write access")
        return self._call(steps[4], steps[6:], request, right)

    def _call(self, what: str, rest: list[str], request: Request, right: str) -> Reply:
        if self.fault and self.fault[0] == what:
            reply, self.fault = self.fault[1], None
            return reply
        if what == "paths-info":
            wanted = [v for k, v in parse_qsl(b"".join(request.body.blocks()).decode()) if k == "paths"]
            return json_reply(200, [self._described(path) for path in wanted if path in self.files])
        if what == "tree":
            folder = "/".join(rest)
            inside = [p for p in sorted(self.files) if p.rpartition("/")[0] == folder]
            if folder and not inside:
                return error(404, "EntryNotFound", "no such folder")
            at = int(request.query.get("cursor", "0"))
            more = f"{self.url}{request.path}?cursor={at + 2}"
            headers = {"Link": f'<{more}>; rel="next"'} if len(inside) > at + 2 else {}
            return json_reply(200, [self._described(p) for p in inside[at : at + 2]], **headers)
        if what == "revision":
            return json_reply(200, {"id": REPO, "sha": f"{len(self.commits):040x}", "siblings": []})
        if right != "write":
            return error(403, "", "You have read access but not the required permissions")
        if what == "preupload":
            files = request.body.json()["files"]
            modes = [{"path": f["path"], "uploadMode": _mode(f["path"]), "shouldIgnore": False} for f in files]
            return json_reply(200, {"files": modes})
        if what == "commit":
            return self._commit([json.loads(line) for line in b"".join(request.body.blocks()).splitlines()])
        return error(404, "", what)

    def _described(self, path: str) -> dict[str, Any]:
        data = self.files[path]
        told: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
        if path in self.lfs:
            told["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return told

    def _resolve(self, request: Request, path: str) -> Reply:
        if path not in self.files:
            return error(404, "EntryNotFound", "Entry not found")
        data = self.files[path]
        oid = hashlib.sha256(data).hexdigest()
        facts = {"X-Repo-Commit": f"{len(self.commits):040x}", "X-Linked-Size": str(len(data))}
        if path not in self.lfs:
            reply = ranged_reply(request, data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"'})
            return Reply(reply.status, reply.body, reply.headers | facts)
        return Reply(302, headers={"Location": f"{self.store}/{oid}?sig=secret", "X-Linked-Etag": f'"{oid}"', **facts})

    def _batch(self, body: dict[str, Any]) -> Reply:
        told = []
        for wanted in body["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            action: dict[str, Any] = {"href": f"{self.store}/{oid}"}
            if self.chunk and "multipart" in body["transfers"] and size > self.chunk:
                count = -(-size // self.chunk)
                self._begun += 1
                where = f"{self.store}/{oid}?upload=u{self._begun}&sig=secret"
                header = {f"{n:05}": f"{where}&part={n}" for n in range(1, count + 1)}
                header["chunk_size"] = str(self.chunk)
                action = {"href": f"{self.url}/complete/lfs/{oid}/u{self._begun}", "header": header}
            told.append({"oid": oid, "size": size, **({} if oid in self.objects else {"actions": {"upload": action}})})
        return json_reply(200, {"transfer": "multipart" if self.chunk else "basic", "objects": told})

    def _complete(self, oid: str, upload: str, body: dict[str, Any]) -> Reply:
        data = b""
        for part in body["parts"]:
            piece = self.parts[upload][part["partNumber"]]
            if part["etag"].strip('"') != hashlib.md5(piece, usedforsecurity=False).hexdigest():
                return error(400, "", "a part with another ETag")
            data += piece
        if hashlib.sha256(data).hexdigest() != oid:
            return error(400, "", "wrong hash")
        self.objects[oid] = data
        return json_reply(200, {})

    def _commit(self, rows: list[dict[str, Any]]) -> Reply:
        head, *rest = rows
        for row in rest:
            value = row["value"]
            if row["key"] == "lfsFile":
                if value["oid"] not in self.objects:
                    return error(400, "", "the object was never uploaded")
                self.files[value["path"]] = self.objects[value["oid"]]
                self.lfs.add(value["path"])
            elif row["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            else:
                del self.files[value["path"]]
                self.lfs.discard(value["path"])
        self.commits.append(head["value"]["summary"])
        oid = f"{len(self.commits):040x}"
        return json_reply(200, {"commitOid": oid, "commitUrl": f"{self.url}/{REPO}/commit/{oid}", "success": True})


def _mode(path: str) -> str:
    return "regular" if path.endswith((".txt", ".md", ".json")) else "lfs"


def error(status: int, code: str, message: str) -> Reply:
    headers = {"X_Error_Message": message, **({"X_Error_Code": code} if code else {})}
    return json_reply(status, {"error": message}, **headers)
