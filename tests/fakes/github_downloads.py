"""How assets come down: the web host redirects, the blob host streams."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.fakes.faults import page, spoil, status_reply, xml_reply
from tests.fakes.github_json import Urls
from tests.fakes.github_state import Asset, file_at, settle
from tests.fakes.web import Reply, Request, file_blocks, html_reply

if TYPE_CHECKING:
    from tests.fakes.github import GitHub

SECRET = b"only this process knows it"


def web(hub: GitHub, path: str, urls: Urls) -> Reply:
    """github.com itself, without a session: downloads and raw files of public repositories."""
    if raw := re.fullmatch(r"/([^/]+/[^/]+)/raw/(.+)", path):
        found, _ = hub.find(raw[1])
        if not found or found.private:
            return html_reply(404, "Page not found · GitHub")
        return Reply(302, b"", {"Location": f"http://127.0.0.1:{hub.blob_port}/raw/{found.full_name}/{quote(raw[2])}"})
    match = re.fullmatch(r"/([^/]+/[^/]+)/releases/download/(.+)/([^/]+)", path)
    repo, moved = hub.find(match[1]) if match else (None, False)
    if not match or not repo or repo.private:
        return html_reply(404, "Page not found · GitHub")
    if moved:
        url = f"{urls.web}/{repo.full_name}/releases/download/{quote(match[2], '')}/{match[3]}"
        return Reply(301, b"", {"Location": url})
    settle(repo)
    for release in repo.releases:
        for asset in release.assets:
            if (release.tag, asset.name) == match.groups()[1:] and not release.draft and asset.state == "uploaded":
                asset.downloads += 1
                return redirect(hub, asset)
    return html_reply(404, "Page not found · GitHub")


def redirect(hub: GitHub, asset: Asset) -> Reply:
    """To the blob host, with a URL that must be used as it is and soon."""
    shown = quote(f"attachment; filename={asset.name}", safe="")
    signed = f"/assets/{asset.id}?se={hub.now() + hub.url_lifetime:.3f}&rscd={shown}&rsct=application%2Foctet-stream"
    return Reply(302, b"", {"Location": f"http://127.0.0.1:{hub.blob_port}{signed}&sig={_signature(signed)}"})


def _signature(signed: str) -> str:
    digest = hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()
    return quote(base64.b64encode(digest).decode(), safe="")


def blob(hub: GitHub, request: Request) -> Reply:
    """The host behind the signed URLs, and the one that sends raw files."""
    if raw := re.fullmatch(r"/raw/([^/]+/[^/]+)/([^/]+)/(.+)", request.path):
        repo, _ = hub.find(raw[1])
        data = file_at(repo, raw[2], raw[3]) if repo and not repo.private else None
        if data is None:
            return Reply(404, b"404: Not Found", {"Content-Type": "text/plain; charset=utf-8"})
        return Reply(200, data, {"Content-Type": "text/plain; charset=utf-8"})
    signed, _, signature = request.target.partition("&sig=")
    if request.method not in ("GET", "HEAD") or signature != _signature(signed):
        return xml_reply(403, "AuthenticationFailed")
    if "Authorization" in request.headers:
        return xml_reply(400, "InvalidAuthenticationInfo")
    if float(request.query["se"]) < hub.now():
        return xml_reply(403, "AuthenticationFailed")
    with hub.lock:
        asset = hub.file_of(request.path.rpartition("/")[2])
    return stream(hub, request, asset) if asset else xml_reply(404, "BlobNotFound")


def stream(hub: GitHub, request: Request, asset: Asset) -> Reply:
    """An asset's bytes, with ranges; the faults of `tests.fakes.faults` happen here on the way down."""
    with hub.lock:
        fault = hub.faults.of(asset.name, "down")
    if fault.isdigit():
        return status_reply(int(fault))
    if other := page(fault):
        return other
    tag = f'"0x{asset.id:X}{(asset.sha256 or "")[:12].upper()}"'
    if fault == "etag-changes":
        tag = f'"0x{hub.next_id():X}"'
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename={asset.name}",
        "Accept-Ranges": "bytes",
        "ETag": tag,
    }
    start, stop, status = 0, asset.size, 200
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
    if wanted and request.headers.get("If-Range", tag) == tag and fault != "200-for-range":
        first, last = wanted.groups()
        start = int(first) if first else max(asset.size - int(last), 0)
        stop = min(int(last) + 1, asset.size) if first and last else asset.size
        status = 206
        if start >= stop:
            return Reply(416, b"", headers | {"Content-Range": f"bytes */{asset.size}"})
        shift = 1 if fault == "bad-content-range" else 0
        headers["Content-Range"] = f"bytes {start + shift}-{stop - 1 + shift}/{asset.size}"
    body = spoil(fault, stop - start, file_blocks(asset.file, start, stop), hub.faults)
    return Reply(status, body, headers)
