"""The git half of the stand-in: clone, fetch and push over HTTP, answered by git itself (`git http-backend`)."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.fakes.web import Reply, Request, html_reply

if TYPE_CHECKING:
    from tests.fakes.github import GitHub

_PATH = re.compile(r"/([^/]+/[^/]+?)(?:\.git)?(/info/refs|/git-upload-pack|/git-receive-pack)")


def wants(path: str) -> bool:
    """Whether this is a request of git's own."""
    return _PATH.fullmatch(path) is not None


def serve(hub: GitHub, request: Request, credential: str | None) -> Reply:
    """Let git answer, for those who may: everybody reads what is public, a token with the right writes."""
    match = _PATH.fullmatch(request.path)
    assert match
    repo, _ = hub.find(match[1])
    token = hub.owner_of(credential) if credential else None
    right = token.can.get(repo.full_name, "") if token and repo else ""
    pushing = "git-receive-pack" in request.target
    if credential is None and (pushing or repo is None or repo.private):
        return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="GitHub"'})
    if repo is None or (repo.private and not right) or (pushing and right != "write"):
        return html_reply(404, "Not Found")
    env = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(repo.git),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": match[2],
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": urlsplit(request.target).query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(request.body.length or 0),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_USER": "somebody",
        "REMOTE_ADDR": "127.0.0.1",
    }
    body = b"".join(request.body.blocks())
    done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env, check=True)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    fields = [line.partition(": ") for line in head.decode().split("\r\n")]
    headers = {name: value for name, _, value in fields}
    return Reply(int(headers.pop("Status", "200").split()[0]), rest, headers)
