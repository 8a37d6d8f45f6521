from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.github import GitHub

DATA = bytes(range(256)) * 40


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    with GitHub(tmp_path) as server:
        server.token("rw", can={"owner/repo": "write"})
        server.token("ro", can={"owner/repo": "read"}, kind="integration")
        yield server


def ask(hub: GitHub, method: str, path: str, token: str = "rw", **more: Any) -> requests.Response:
    """A request to the API, redirects not followed."""
    headers = more.pop("headers", {}) | ({"Authorization": f"token {token}"} if token else {})
    url = path if path.startswith("http") else hub.api + path
    return requests.request(method, url, headers=headers, allow_redirects=False, timeout=20, **more)


def new_release(hub: GitHub, **fields: Any) -> dict[str, Any]:
    """A published release, with its JSON."""
    sent = {"tag_name": "git-models", "prerelease": True, "make_latest": "false"} | fields
    answer = ask(hub, "POST", "/repos/owner/repo/releases", json=sent)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def upload(hub: GitHub, release: dict[str, Any], name: str, data: bytes = DATA) -> requests.Response:
    url = release["upload_url"].partition("{")[0]
    return ask(hub, "POST", url, params={"name": name, "label": "weights/best.pt"}, data=data)


def download(hub: GitHub, name: str, **headers: str) -> requests.Response:
    """The public way: the web host, then the blob host."""
    first = requests.get(f"{hub.url}/owner/repo/releases/download/git-models/{name}", allow_redirects=False, timeout=20)
    assert first.status_code == 302
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return requests.get(first.headers["Location"], headers=named, timeout=20)


def test_what_goes_up_comes_down_by_the_public_url_and_no_token_is_seen_there(hub: GitHub) -> None:
    hub.repository("owner/repo")
    release = new_release(hub)
    asset = upload(hub, release, "best-0123456789ab.pt").json()
    assert (asset["state"], asset["size"]) == ("uploaded", len(DATA))
    assert asset["digest"] == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    hub.forget()
    assert requests.get(asset["browser_download_url"], timeout=20).content == DATA
    assert [(r.role, r.status, r.authorized) for r in hub.requests] == [("web", 302, False), ("blob", 200, False)]


def test_the_release_s_tag_reaches_the_repository_on_disk(hub: GitHub, tmp_path: Path) -> None:
    origin = hub.repository("owner/repo").git
    tree = ask(
        hub,
        "POST",
        "/repos/owner/repo/git/trees",
        json={"tree": [{"path": "README.md", "mode": "100644", "type": "blob", "content": "a store\n"}]},
    ).json()
    commit = ask(hub, "POST", "/repos/owner/repo/git/commits", json={"message": "store", "tree": tree["sha"]}).json()
    new_release(hub, target_commitish=commit["sha"])
    listed = subprocess.check_output(["git", "ls-remote", "--tags", str(origin)], text=True)
    assert listed == f"{commit['sha']}\trefs/tags/git-models\n"
