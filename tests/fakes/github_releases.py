"""Repositories, releases and their assets, as the API has them.

Every route runs under the server's lock; an upload takes it itself, once its body is here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from git_models.git import GitError
from tests.fakes import github_json as show
from tests.fakes.faults import Faults, status_reply
from tests.fakes.github_api import Call, Refused, invalid, must_write, paged, route, writes
from tests.fakes.github_downloads import redirect, stream
from tests.fakes.github_state import Asset, Release, call, refs, resolve
from tests.fakes.web import Body, HangUp, Reply, html_reply, json_reply, write_sparse


def release_reply(it: Call, status: int, release: Release) -> Reply:
    value = show.release(it.urls, it.repo, release, it.hub.digests)
    return json_reply(status, value, **({"Location": value["url"]} if status == 201 else {}))


def asset_reply(it: Call, status: int, release: Release, asset: Asset) -> Reply:
    return json_reply(status, show.asset(it.urls, it.repo, release, asset, it.hub.digests))


# The repository


@route("GET", "")
def get_repository(it: Call) -> Reply:
    return json_reply(200, show.repository(it.urls, it.repo, it.token, it.hub.now()))


@route("PATCH", "")
def patch_repository(it: Call) -> Reply:
    must_write(it)
    if "name" in it.json:
        it.hub.rename(it.repo.full_name, f"{it.repo.owner}/{it.json['name']}")
    it.repo.description = it.json.get("description", it.repo.description)
    it.repo.private = it.json.get("private", it.repo.private)
    return get_repository(it)


# Releases


@route("GET", "/releases")
def list_releases(it: Call) -> Reply:
    seen = [r for r in reversed(it.repo.releases) if not r.draft or writes(it)]
    return paged(it, seen, lambda r: show.release(it.urls, it.repo, r, it.hub.digests))


@route("GET", "/releases/latest")
def latest_release(it: Call) -> Reply:
    public = [r for r in it.repo.releases if not (r.draft or r.prerelease or r.latest == "false")]
    if not public:
        raise Refused(404, "Not Found")
    return release_reply(it, 200, next((r for r in public if r.latest == "true"), public[-1]))


@route("GET", "/releases/tags/*")
def release_by_tag(it: Call) -> Reply:
    for release in it.repo.releases:
        if release.tag == it.values[0] and not release.draft:
            return release_reply(it, 200, release)
    raise Refused(404, "Not Found")


@route("GET", "/releases/#")
def get_release(it: Call) -> Reply:
    return release_reply(it, 200, it.release())


@route("POST", "/releases")
def create_release(it: Call) -> Reply:
    must_write(it)
    tag = it.json.get("tag_name")
    if not tag:
        raise invalid("Release", "missing_field", "tag_name")
    if it.repo.empty:
        raise Refused(422, "Repository is empty.")
    release = Release(
        id=it.hub.next_id(),
        tag=tag,
        target=it.json.get("target_commitish") or it.repo.default_branch,
        name=it.json.get("name"),
        body=it.json.get("body"),
        draft=True,
        prerelease=it.json.get("prerelease", False),
        latest=it.json.get("make_latest", "legacy"),
        author=it.token.user,  # type: ignore[union-attr]
        created=it.hub.now(),
    )
    if not it.json.get("draft", False):
        publish(it, release)
    it.repo.releases.append(release)
    return release_reply(it, 201, release)


@route("PATCH", "/releases/#")
def patch_release(it: Call) -> Reply:
    must_write(it)
    release = it.release()
    if release.immutable and it.json.keys() & {"tag_name", "target_commitish", "draft"}:
        raise Refused(422, "Cannot change an immutable release.")
    release.tag = it.json.get("tag_name") or release.tag
    release.target = it.json.get("target_commitish") or release.target
    release.name = it.json.get("name", release.name)
    release.body = it.json.get("body", release.body)
    release.prerelease = it.json.get("prerelease", release.prerelease)
    release.latest = it.json.get("make_latest", release.latest)
    if it.json.get("draft") is False and release.draft:
        publish(it, release)
    return release_reply(it, 200, release)


def publish(it: Call, release: Release) -> None:
    """Make a draft public, and its tag if there is none. Raises Refused."""
    repo, tag = it.repo, release.tag
    if any(r.tag == tag and not r.draft for r in repo.releases):
        raise invalid("Release", "already_exists", "tag_name")
    if tag in repo.burnt:
        raise invalid("Release", "custom", "tag_name", "tag_name was used by an immutable release")
    if f"refs/tags/{tag}" not in refs(repo, "refs/tags"):
        target = resolve(repo, release.target)
        if not target:
            raise invalid("Release", "invalid", "target_commitish")
        try:
            call(repo, "update-ref", f"refs/tags/{tag}", target)
        except GitError:
            raise invalid("Release", "custom", None, f"tag_name {tag} is not well-formed") from None
    release.draft = False
    release.published = it.hub.now()
    release.immutable = repo.immutable
    if release.latest == "true":
        for other in repo.releases:
            if other is not release and other.latest == "true":
                other.latest = "legacy"


@route("DELETE", "/releases/#")
def delete_release(it: Call) -> Reply:
    must_write(it)
    release = it.release()
    if release.immutable:
        it.repo.burnt.add(release.tag)
    it.repo.releases.remove(release)
    return Reply(204)


# Assets


@route("GET", "/releases/#/assets")
def list_assets(it: Call) -> Reply:
    release = it.release()
    return paged(it, release.assets, lambda a: show.asset(it.urls, it.repo, release, a, it.hub.digests))


@route("GET", "/releases/assets/#")
def get_asset(it: Call) -> Reply:
    release, asset = it.asset()
    if "application/octet-stream" not in it.request.headers.get("Accept", ""):
        return asset_reply(it, 200, release, asset)
    if asset.state != "uploaded":
        raise Refused(404, "Not Found")
    return stream(it.hub, it.request, asset) if it.hub.streams_assets else redirect(it.hub, asset)


@route("PATCH", "/releases/assets/#")
def patch_asset(it: Call) -> Reply:
    must_write(it)
    release, asset = it.asset()
    name = sanitised(it.json.get("name", asset.name))
    if any(other.name == name and other is not asset for other in release.assets):
        raise invalid("ReleaseAsset", "already_exists", "name")
    asset.name, asset.label, asset.updated = name, it.json.get("label", asset.label), it.hub.now()
    return asset_reply(it, 200, release, asset)


@route("DELETE", "/releases/assets/#")
def delete_asset(it: Call) -> Reply:
    must_write(it)
    release, asset = it.asset()
    if release.immutable:
        raise Refused(422, "Cannot delete asset from an immutable release.")
    release.assets.remove(asset)
    asset.file.unlink(missing_ok=True)
    return Reply(204)


def sanitised(name: str) -> str:
    """A name as GitHub keeps it."""
    return re.sub(r"[^A-Za-z0-9\-_+@.]", ".", name)


def admitted(it: Call) -> tuple[Release, str]:
    """The release that an upload goes to and the name that it gets there. Raises Refused."""
    must_write(it)
    hub, release, length = it.hub, it.release(), it.request.body.length
    name = sanitised(it.request.query.get("name", ""))
    if release.immutable:
        raise Refused(422, "Cannot upload assets to an immutable release.")
    if not name or "Content-Type" not in it.request.headers:
        raise invalid("ReleaseAsset", "missing_field", "content_type" if name else "name")
    if length is None:
        raise Refused(400, "Bad Content-Length: no chunked uploads")
    if length == 0 or length >= hub.asset_limit:
        limit = f"less than {hub.asset_limit}" if length else "greater than 0"
        raise invalid("ReleaseAsset", "custom", "size", f"size must be {limit}")
    if len(release.assets) >= hub.assets_per_release:
        message = f"file_count limited to {hub.assets_per_release} assets per release"
        raise invalid("ReleaseAsset", "custom", "file_count", message)
    if any(asset.name == name for asset in release.assets):
        raise invalid("ReleaseAsset", "already_exists", "name")
    return release, name


@route("POST", "/releases/#/assets")
def upload_asset(it: Call) -> Reply:
    """Store a body; the faults of `tests.fakes.faults` happen here on the way up."""
    hub = it.hub
    with hub.lock:
        release, name = admitted(it)
        fault = hub.faults.of(name, "up")
    if fault.isdigit():
        return status_reply(int(fault))
    file, digest = hub.new_file(), hashlib.sha256()
    complete = fault != "502-starter"
    try:
        write_sparse(file, _arriving(it.request.body, fault, hub.faults, digest))
    except HangUp:
        complete = False
    if fault in ("502-different", "stored-wrong"):
        file.write_bytes(b"not what was sent")
        digest = hashlib.sha256(file.read_bytes())
    asset = Asset(
        id=hub.next_id(),
        name=name,
        label=it.request.query.get("label", ""),
        content_type=it.request.headers["Content-Type"],
        size=file.stat().st_size,
        sha256=digest.hexdigest() if complete else None,
        state="uploaded" if complete else "starter",
        uploader=it.token.user,  # type: ignore[union-attr]
        created=hub.now(),
        updated=hub.now(),
        file=file,
    )
    with hub.lock:
        admitted(it)  # another upload may have taken the name meanwhile
        release.assets.append(asset)
    if not complete and fault != "502-starter":
        raise HangUp
    return html_reply(502, "502 Bad Gateway") if fault[:4] == "502-" else asset_reply(it, 201, release, asset)


def _arriving(body: Body, fault: str, faults: Faults, digest: Any) -> Iterator[bytes]:
    """What is read of an upload, hashed. Raises HangUp where it is cut."""
    half = (body.length or 0) // 2 if fault in ("upload-cut", "upload-stall") else None
    for block in body.blocks(half):
        digest.update(block)
        yield block
    if fault == "upload-cut":
        raise HangUp
    if fault == "upload-stall":
        faults.hold()
        yield from _arriving(body, "", faults, digest)
