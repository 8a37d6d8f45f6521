"""The four hosts of the stand-in for GitHub: who is asked, with what right, and what is logged."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.fakes import github_git, github_gitdata  # noqa: F401 (its routes)
from tests.fakes import github_json as show
from tests.fakes.github_api import DOCS, Call, Refused, Route, find
from tests.fakes.github_downloads import blob, web
from tests.fakes.github_graphql import graphql
from tests.fakes.github_json import Urls
from tests.fakes.github_releases import upload_asset
from tests.fakes.github_state import Token, settle
from tests.fakes.web import HangUp, Reply, Request, json_reply

if TYPE_CHECKING:
    from tests.fakes.github import GitHub

REQUEST_ID = "0000:00000:0000000:0000000:00000000"
PROXIED = Urls("http://api.github.localhost", "http://uploads.github.localhost", "http://github.localhost")


def answer(hub: GitHub, request: Request) -> Reply:
    """Answer one request and log it. Raises HangUp."""
    role, path, urls = place(hub, request)
    status = 0
    try:
        if hub.silent:
            hub.faults.hold()
        if hub.down or hub.silent:
            raise HangUp
        if role == "blob":
            reply = blob(hub, request)
        elif role == "web" and github_git.wants(path):
            reply = github_git.serve(hub, request, _credential(request))
        elif role == "web":
            with hub.lock:
                reply = web(hub, path, urls)
        else:
            reply = api(hub, request, role, path, urls)
        status = reply.status
        return reply
    finally:
        hub.log(role, request, path, status)


def place(hub: GitHub, request: Request) -> tuple[str, str, Urls]:
    """The host that is meant, the path on it, and where this client finds the others."""
    path = request.path
    if request.host:
        name = request.host.partition(".")[0]
        return (name if name in ("api", "uploads") else "web"), path, PROXIED
    uploads_port = hub.uploads_port if hub.uploads_elsewhere else hub.port
    urls = Urls(hub.api, f"http://127.0.0.1:{uploads_port}/api/uploads", hub.url)
    if request.port == hub.blob_port:
        return "blob", path, urls
    for prefix, role in (("/api/v3", "api"), ("/api/uploads", "uploads")):
        if path.startswith(f"{prefix}/") or path == prefix:
            return role, path.removeprefix(prefix), urls
    return ("api", "/graphql", urls) if path == "/api/graphql" else ("web", path, urls)


# The API


def api(hub: GitHub, request: Request, role: str, path: str, urls: Urls) -> Reply:
    """The REST API, its uploads host, and what `gh` asks of GraphQL."""
    credential = None
    token = None
    try:
        credential = _credential(request)
        token = _known(hub, request, credential)
        _within_limits(hub, request, credential, path)
        found = _general(hub, request, path, urls, token, credential)
        if found is None:
            with hub.lock:
                function, call = _routed(hub, request, role, path, urls, token)
            if function is upload_asset:  # takes the lock itself, after the body
                found = function(call)
            else:
                with hub.lock:
                    found = function(call)
    except Refused as refused:
        body = refused.body | ({"request_id": REQUEST_ID} if role == "uploads" else {})
        found = json_reply(refused.status, body, **refused.headers)
    headers = {"X-GitHub-Media-Type": "github.v3; format=json", "X-GitHub-Request-Id": REQUEST_ID}
    if token and token.kind == "classic":
        headers["X-OAuth-Scopes"] = token.scopes
    if request.method == "GET" and found.status == 200 and isinstance(found.body, bytes):
        headers["ETag"] = f'W/"{hashlib.sha256(found.body).hexdigest()}"'
        if request.headers.get("If-None-Match") == headers["ETag"]:
            found = Reply(304, b"", {k: v for k, v in found.headers.items() if k != "Content-Type"})
    free = found.status == 304 or path == "/rate_limit"
    limit, used, reset = hub.used(credential, 0 if free else 1 if role == "api" else 2)
    if role == "api":
        headers |= {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - used, 0)),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str(math.ceil(reset)),
            "X-RateLimit-Resource": "core",
        }
    found.headers = headers | found.headers
    return found


def _credential(request: Request) -> str | None:
    """The token of a request; for Basic it is the password."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(value).decode().partition(":")[2]
    return value or None


def _known(hub: GitHub, request: Request, credential: str | None) -> Token | None:
    if "User-Agent" not in request.headers:
        raise Refused(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent.")
    token = hub.owner_of(credential) if credential is not None else None
    if credential is not None and not token:
        raise Refused(401, "Bad credentials")
    return token


def _within_limits(hub: GitHub, request: Request, credential: str | None, path: str) -> None:
    now = hub.now()
    if request.method != "GET" and now < hub.secondary_limited_until:
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        raise Refused(403, message, Retry_After=str(math.ceil(hub.secondary_limited_until - now)))
    limit, used, reset = hub.used(credential)
    if path != "/rate_limit" and (used >= limit or now < hub.rate_limited_until):
        whose = "user ID 1" if credential else "127.0.0.1. (But here's the good news: Authenticated requests get more.)"
        headers = {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(math.ceil(max(hub.rate_limited_until, now)))}
        if used >= limit:
            headers["X_RateLimit_Reset"] = str(math.ceil(reset))
        raise Refused(hub.limit_status, f"API rate limit exceeded for {whose}.", **headers)


def _general(
    hub: GitHub, request: Request, path: str, urls: Urls, token: Token | None, credential: str | None
) -> Reply | None:
    """The answers that concern no repository."""
    if path == "/rate_limit":
        limit, used, reset = hub.used(credential)
        rate = {"limit": limit, "used": used, "remaining": max(limit - used, 0), "reset": math.ceil(reset)}
        return json_reply(200, {"resources": {"core": rate, "search": rate}, "rate": rate})
    if path == "/user":
        if not token:
            raise Refused(401, "Requires authentication")
        return json_reply(200, show.me(urls, token.user, hub.now()))
    if path == "/graphql":
        if not token:
            raise Refused(401, "This endpoint requires you to be authenticated.")
        with hub.lock:
            return graphql(hub, request.body.json())
    return None


def _routed(hub: GitHub, request: Request, role: str, path: str, urls: Urls, token: Token | None) -> tuple[Route, Call]:
    """The function for a request below a repository. Raises Refused."""
    match = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?|/repositories/(\d+)(/.*)?", path)
    repo, moved = hub.find(match[1] or match[3]) if match else (None, False)
    if not match or not repo or (repo.private and not (token and token.can.get(repo.full_name))):
        raise Refused(404, "Not Found")
    below = match[2] or match[4] or ""
    if token and token.sso == repo.owner:
        url = f"{urls.web}/orgs/{repo.owner}/sso?authorization_request=AAAA"
        message = (
            "Resource protected by organization SAML enforcement. "
            "You must grant your Personal Access token access to this organization."
        )
        raise Refused(403, message, X_GitHub_SSO=f"required; url={url}")
    if moved:
        host = urls.uploads if role == "uploads" else urls.api
        query = request.target.partition("?")[1:]
        url = f"{host}/repositories/{repo.id}{quote(below)}{''.join(query)}"
        refused = Refused(301 if request.method == "GET" else 307, "Moved Permanently", Location=url)
        refused.body = {"message": "Moved Permanently", "url": url, "documentation_url": f"{DOCS}#http-redirects"}
        raise refused
    settle(repo)
    function, values = find("GET" if request.method == "HEAD" else request.method, below)
    sent = request.body.json() if function is not upload_asset else None
    return function, Call(hub, request, urls, token, repo, values, below, sent if isinstance(sent, dict) else {})
