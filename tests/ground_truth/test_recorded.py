"""Exchanges with the real GitHub, recorded by octokit, replayed request by request."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests

from tests.fakes.github_state import call, make_commit, make_tree
from tests.ground_truth.conftest import Checked
from tests.ground_truth.openapi import NPM

ORG = "octokit-fixture-org"
TOKEN = "0000000000000000000000000000000000000001"

# What a recording cannot determine: numbers and dates of that day, and links into the documentation.
VOLATILE = re.compile(
    r"(^|_)(id|at|sha|count|avatar_url|target_commitish|documentation_url|size|forks|watchers|open_issues)$"
)
# Settings of that repository, which no client of ours reads.
SETTINGS = re.compile(
    r"(allow|has|use|web_commit)_\w+|is_template|organization|delete_branch_on_merge|temp_clone_token|type"
)
# Sent by the web server in front, or about the day of the recording.
HEADERS = ("content-type", "link", "location", "x-github-media-type", "x-oauth-scopes", "x-ratelimit-limit")


def recording(name: str) -> list[dict[str, Any]]:
    path = NPM / "fixtures" / "scenarios" / "api.github.com" / name / "normalized-fixture.json"
    return list(json.loads(path.read_text("utf-8")))


class Replay:
    """Sends recorded requests and translates between the recording's ids and ours."""

    def __init__(self, hub: Checked, repo: str) -> None:
        self.hub = hub
        self.repo = repo
        self.ids: dict[str, str] = {}  # "releases/1000" of the recording → ours
        hub.uploads_elsewhere = True
        hub.repository(f"{ORG}/{repo}")
        scopes = recording("release-assets")[0]["headers"]["x-oauth-scopes"]
        hub.token(TOKEN, can={f"{ORG}/{repo}": "admin"}, login="octokit-fixture-user-a", scopes=scopes)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(
            method, self.hub.api + path, headers={"Authorization": f"token {TOKEN}"}, timeout=20, **more
        )

    def ours(self, text: str) -> str:
        """A recorded path or URL as it is called here."""
        for theirs, mine in self.ids.items():
            text = re.sub(rf"{re.escape(theirs)}(?!\d)", mine, text)
        uploads = f"http://127.0.0.1:{self.hub.uploads_port}/api/uploads"
        text = text.replace("https://api.github.com", self.hub.api).replace("https://uploads.github.com", uploads)
        text = text.replace("://github.com", f"://127.0.0.1:{self.hub.port}").replace("@github.com", "@127.0.0.1")
        return text.replace(f"https://127.0.0.1:{self.hub.port}", self.hub.url)

    def learn(self, theirs: Any, mine: Any) -> None:
        """Note which of our ids stands for which of the recording."""
        for old, new in zip(*((x if isinstance(x, list) else [x]) for x in (theirs, mine)), strict=True):
            if isinstance(old, dict) and (found := re.search(r"releases/(assets/)?(\d+)$", str(old.get("url")))):
                self.ids[found[0]] = f"releases/{found[1] or ''}{new['id']}"
            if isinstance(old, dict) and "full_name" in old:
                self.ids[f"repositories/{old['id']}"] = f"repositories/{new['id']}"

    def exchange(self, recorded: dict[str, Any]) -> None:
        """Send one request and hold the answer against the recorded one."""
        sent = recorded["body"]
        data = json.dumps(sent) if isinstance(sent, dict) else sent
        base = recorded["scope"].removesuffix(":443")
        asked = {name: recorded["reqheaders"][name] for name in ("accept", "authorization") if recorded["reqheaders"]}
        if "content-type" in recorded["reqheaders"]:
            asked["content-type"] = recorded["reqheaders"]["content-type"]
        answer = requests.request(
            recorded["method"],
            self.ours(base + recorded["path"]),
            data=data.encode(),
            headers=asked,
            allow_redirects=False,
            timeout=20,
        )
        where = f"{recorded['method']} {recorded['path']}"
        assert answer.status_code == recorded["status"], where
        theirs = recorded["response"] or None
        mine = answer.json() if answer.content else None
        self.learn(theirs, mine)
        self.same(theirs, mine, where)
        for name in HEADERS:
            if name in recorded["headers"]:
                assert answer.headers.get(name) == self.ours(recorded["headers"][name]), f"{where}: {name}"

    def same(self, theirs: Any, mine: Any, where: str) -> None:
        """Every key that was recorded is here, with its type, and its value where that is determined."""
        if isinstance(theirs, dict):
            assert isinstance(mine, dict), where
            determined = {key: value for key, value in theirs.items() if not SETTINGS.fullmatch(key)}
            assert determined.keys() <= mine.keys(), f"{where}: lacks {determined.keys() - mine.keys()}"
            for key, value in determined.items():
                if VOLATILE.search(key):
                    assert isinstance(mine[key], type(value)), f"{where}.{key}"
                else:
                    self.same(value, mine[key], f"{where}.{key}")
        elif isinstance(theirs, list):
            assert len(theirs) == len(mine), where
            for number, (old, new) in enumerate(zip(theirs, mine, strict=True)):
                self.same(old, new, f"{where}[{number}]")
        else:
            assert mine == (self.ours(theirs) if isinstance(theirs, str) else theirs), where


def with_release(hub: Checked, repo: str) -> Replay:
    """What the recordings' `record.js` prepares before it records."""
    replay = Replay(hub, repo)
    sent = {"tag_name": "v1.0.0", "name": "Version 1.0.0", "body": "Initial release"}
    assert replay.send("POST", f"/repos/{ORG}/{repo}/releases", json=sent).status_code == 201
    return replay


def test_release_assets(hub: Checked) -> None:
    replay = with_release(hub, "release-assets")
    for recorded in recording("release-assets"):
        replay.exchange(recorded)
    assert len(hub.checked) == 7


def test_release_assets_conflict(hub: Checked) -> None:
    replay = with_release(hub, "release-assets-conflict")
    first, *rest = recording("release-assets-conflict")
    replay.exchange(first)
    conflict = rest[0]
    requests.post(
        replay.ours("https://uploads.github.com" + conflict["path"]),
        data=conflict["body"],
        headers={"Authorization": f"token {TOKEN}", "Content-Type": "text/plain"},
        timeout=20,
    )
    for recorded in rest:
        replay.exchange(recorded)
    assert "POST /repos/{owner}/{repo}/releases/{release_id}/assets 422" in hub.checked


def test_rename_repository(hub: Checked) -> None:
    replay = Replay(hub, "rename-repository")
    for recorded in recording("rename-repository"):
        replay.exchange(recorded)


def test_pages_are_linked_as_those_of_the_recorded_issues(hub: Checked) -> None:
    replay = Replay(hub, "paginate-issues")
    for number in range(13):
        hub.put(f"{ORG}/paginate-issues", "v1", f"{number}.pt", b"x")
    release = hub.release(f"{ORG}/paginate-issues", "v1")
    repo, _ = hub.find(f"{ORG}/paginate-issues")
    assert repo
    replay.ids = {"repositories/1000/issues": f"repositories/{repo.id}/releases/{release.id}/assets"}
    for recorded in recording("paginate-issues"):
        path = recorded["path"].replace(
            f"/repos/{ORG}/paginate-issues/issues", f"/repos/{ORG}/paginate-issues/releases/{release.id}/assets"
        )
        answer = replay.send("GET", replay.ours(path))
        assert len(answer.json()) == len(recorded["response"])
        assert answer.headers["Link"] == replay.ours(recorded["headers"]["link"])


def test_git_refs(hub: Checked) -> None:
    replay = Replay(hub, "git-refs")
    repo, _ = hub.find(f"{ORG}/git-refs")
    assert repo
    parent = call(repo, "rev-parse", "main")
    tree = make_tree(repo, [{"path": "a", "mode": "100644", "content": "a"}], None)
    shas = {"0" * 39 + "1": parent, "0" * 39 + "2": make_commit(repo, tree, [parent], "second", hub.now())}
    for recorded in recording("git-refs"):
        if recorded["method"] == "get":
            continue  # of an address that GitHub's description no longer has
        known = json.loads(_replaced(json.dumps({k: recorded[k] for k in ("body", "response")}), shas))
        replay.exchange(recorded | known)


def _replaced(text: str, values: dict[str, str]) -> str:
    for old, new in values.items():
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("scenario", ["release-assets", "release-assets-conflict"])
def test_the_recordings_are_the_ones_that_were_meant(scenario: str) -> None:
    package = json.loads((NPM / "fixtures" / "package.json").read_text("utf-8"))
    assert package["version"] == "23.1.2"
    assert all(exchange["scope"].endswith(".github.com:443") for exchange in recording(scenario))
