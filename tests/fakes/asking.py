"""Plain requests to the stand-in for GitHub, for its own tests."""

from __future__ import annotations

from typing import Any

import requests

from tests.fakes.github import GitHub

DATA = bytes(range(256)) * 40
NAME = "best-0123456789ab.pt"
OCTETS = {"Content-Type": "application/octet-stream"}


def ask(hub: GitHub, method: str, path: str, token: str = "rw", **more: Any) -> requests.Response:
    """A request to the API (or to a whole URL), redirects not followed."""
    headers = more.pop("headers", {}) | ({"Authorization": f"token {token}"} if token else {})
    url = path if path.startswith("http") else hub.api + path
    return requests.request(method, url, headers=headers, allow_redirects=False, timeout=20, **more)


def new_release(hub: GitHub, **fields: Any) -> dict[str, Any]:
    """The JSON of a new release of owner/repo, published unless told otherwise."""
    sent = {"tag_name": "git-models", "prerelease": True, "make_latest": "false"} | fields
    answer = ask(hub, "POST", "/repos/owner/repo/releases", json=sent)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def upload(hub: GitHub, release: dict[str, Any], name: str, data: bytes = DATA, token: str = "rw") -> requests.Response:
    """Upload to a release as its `upload_url` says."""
    url = release["upload_url"].partition("{")[0]
    labelled = {"name": name, "label": "weights/best.pt"}
    return ask(hub, "POST", url, token, params=labelled, data=data, headers=OCTETS)


def resolve(hub: GitHub, name: str, repo: str = "owner/repo") -> str:
    """The signed URL of a public asset of the release `git-models`."""
    first = requests.get(f"{hub.url}/{repo}/releases/download/git-models/{name}", allow_redirects=False, timeout=20)
    assert first.status_code == 302, first.text
    return first.headers["Location"]


def download(hub: GitHub, name: str, **headers: str) -> requests.Response:
    """The public way: the web host, then the blob host."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return requests.get(resolve(hub, name), headers=named, timeout=20)


def first_error(answer: requests.Response) -> dict[str, str]:
    """The first of the `errors` of a 422."""
    assert answer.status_code == 422, answer.text
    return dict(answer.json()["errors"][0])
