"""Answers that no recording holds, against GitHub's description; and the judge itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.ground_truth.conftest import Checked
from tests.ground_truth.openapi import NPM, Description

REPO = "/repos/owner/repo"


def ask(hub: Checked, method: str, path: str, token: str = "rw", **more: Any) -> requests.Response:
    headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
    url = path if path.startswith("http") else hub.api + path
    return requests.request(method, url, headers=headers, allow_redirects=False, timeout=20, **more)


def test_the_judge_refuses_a_wrong_type_a_missing_key_a_wrong_status_and_an_unknown_path(
    description: Description,
) -> None:
    assert json.loads((NPM / "openapi" / "package.json").read_text("utf-8"))["version"] == "23.0.2"
    rate = {"limit": 60, "used": 0, "remaining": 60, "reset": 1}
    good = {"resources": {"core": rate, "search": rate}, "rate": rate}
    description.check("GET", "/rate_limit", 200, json.dumps(good).encode())
    for status, path, body in (
        (200, "/rate_limit", good | {"rate": rate | {"used": "0"}}),
        (200, "/rate_limit", {"rate": rate}),
        (201, "/rate_limit", good),
        (200, "/rate_limits", good),
    ):
        with pytest.raises(AssertionError):
            description.check("GET", path, status, json.dumps(body).encode())


def test_a_store_is_made_filled_hidden_and_deleted_in_answers_that_github_describes(hub: Checked) -> None:
    hub.repository("owner/repo")
    hub.token("rw", can={"owner/repo": "write"})
    ask(hub, "GET", "/user")
    ask(hub, "GET", "/rate_limit")
    ask(hub, "GET", REPO)
    ask(hub, "GET", REPO, "")
    entry = {"path": "README.md", "mode": "100644", "type": "blob", "content": "a store\n"}
    tree = ask(hub, "POST", f"{REPO}/git/trees", json={"tree": [entry]}).json()["sha"]
    commit = ask(hub, "POST", f"{REPO}/git/commits", json={"message": "store", "tree": tree}).json()["sha"]
    ask(hub, "POST", f"{REPO}/git/refs", json={"ref": "refs/tags/other", "sha": commit})
    ask(hub, "GET", f"{REPO}/git/ref/tags/other")
    ask(hub, "GET", f"{REPO}/git/ref/tags/none")
    ask(hub, "GET", f"{REPO}/releases/latest")
    sent = {"tag_name": "git-models", "target_commitish": commit, "draft": True, "prerelease": True}
    release = ask(hub, "POST", f"{REPO}/releases", json=sent).json()
    url, octets = release["upload_url"].partition("{")[0], {"Content-Type": "application/octet-stream"}
    asset = ask(hub, "POST", f"{url}?name=a.pt", data=b"bytes", headers=octets).json()
    ask(hub, "GET", f"{REPO}/releases/tags/git-models")
    ask(hub, "PATCH", f"{REPO}/releases/{release['id']}", json={"draft": False, "make_latest": "false"})
    ask(hub, "GET", f"{REPO}/releases/tags/git-models")
    ask(hub, "GET", f"{REPO}/releases")
    ask(hub, "DELETE", f"{REPO}/releases/assets/{asset['id']}")
    ask(hub, "DELETE", f"{REPO}/git/refs/tags/git-models")
    ask(hub, "DELETE", f"{REPO}/releases/{release['id']}")
    assert len(hub.checked) == 19


def test_refusals_have_the_shape_that_github_describes(hub: Checked) -> None:
    hub.repository("owner/repo")
    hub.repository("owner/new", empty=True)
    hub.token("rw", can={"owner/repo": "write", "owner/new": "write"})
    hub.token("ro", can={"owner/repo": "read"}, kind="integration")
    hub.token("saml", can={"owner/repo": "write"}, sso="owner")
    release: dict[str, Any] = {"json": {"tag_name": "git-models"}}
    statuses = [
        ask(hub, "GET", "/user", "wrong").status_code,
        ask(hub, "GET", "/repos/owner/none").status_code,
        ask(hub, "GET", REPO, "saml").status_code,
        ask(hub, "POST", f"{REPO}/releases", "ro", **release).status_code,
        ask(hub, "POST", f"{REPO}/releases", json={}).status_code,
        ask(hub, "POST", "/repos/owner/new/releases", **release).status_code,
        ask(hub, "POST", "/repos/owner/new/git/trees", json={"tree": []}).status_code,
        ask(hub, "POST", f"{REPO}/git/trees", json={"tree": []}).status_code,
    ]
    hub.rate_limited_until = hub.now() + 60
    statuses.append(ask(hub, "GET", f"{REPO}/releases").status_code)
    assert statuses == [401, 404, 403, 403, 422, 422, 409, 422, 403]
    assert len(hub.checked) == len(statuses)
