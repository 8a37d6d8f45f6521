"""Clients that others wrote, at work on the stand-in: Debian's `gh` and PyGithub."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import github
import pytest

from tests.ground_truth.conftest import Checked

DATA = bytes(range(256)) * 8000


@pytest.fixture
def model(hub: Checked, tmp_path: Path) -> Path:
    """A file to upload; the stand-in has owner/repo and the token "rw" by then."""
    hub.repository("owner/repo")
    hub.token("rw", can={"owner/repo": "write"})
    path = tmp_path / "best.pt"
    path.write_bytes(DATA)
    return path


def gh(hub: Checked, folder: Path, *words: str, fails: bool = False) -> str:
    """What `gh` prints, with the stand-in as its proxy; what it complains about when it must fail."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GH_HOST": "github.localhost",
        "GH_TOKEN": "rw",
        "HTTP_PROXY": hub.url,
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["gh", "release", *words, "--repo", "owner/repo"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def test_gh_creates_uploads_lists_views_and_downloads(hub: Checked, model: Path, tmp_path: Path) -> None:
    made = gh(hub, tmp_path, "create", "git-models", "best.pt#weights/best.pt", "--prerelease", "--notes", "A store.")
    assert made.strip() == "http://github.localhost/owner/repo/releases/tag/git-models"
    (tmp_path / "second.pt").write_bytes(DATA[::-1])
    gh(hub, tmp_path, "upload", "git-models", "second.pt")
    assert gh(hub, tmp_path, "list").split("\t")[:3] == ["git-models", "Pre-release", "git-models"]
    seen = json.loads(gh(hub, tmp_path, "view", "git-models", "--json", "assets,isDraft,isPrerelease,body"))
    assert (seen["isDraft"], seen["isPrerelease"], seen["body"]) == (False, True, "A store.")
    assert [(a["name"], a["label"], a["size"], a["state"]) for a in seen["assets"]] == [
        ("best.pt", "weights/best.pt", len(DATA), "uploaded"),
        ("second.pt", "", len(DATA), "uploaded"),
    ]
    gh(hub, tmp_path, "download", "git-models", "--dir", "out")
    assert (tmp_path / "out" / "best.pt").read_bytes() == DATA
    assert (tmp_path / "out" / "second.pt").read_bytes() == DATA[::-1]
    assert [r.authorized for r in hub.asked("blob")] == [False, False]


def test_gh_sees_a_name_that_is_taken_and_replaces_it_when_told(hub: Checked, model: Path, tmp_path: Path) -> None:
    gh(hub, tmp_path, "create", "git-models", "best.pt", "--notes", "")
    model.write_bytes(b"retrained")
    assert "already exists" in gh(hub, tmp_path, "upload", "git-models", "best.pt", fails=True)
    gh(hub, tmp_path, "upload", "git-models", "best.pt", "--clobber")
    assert hub.assets("owner/repo")["best.pt"].bytes() == b"retrained"


def test_gh_finds_a_draft_by_its_pending_tag_and_publishes_it(hub: Checked, model: Path, tmp_path: Path) -> None:
    made = gh(hub, tmp_path, "create", "git-models", "best.pt", "--draft", "--notes", "")
    assert "/untagged-" in made
    assert "draft:\ttrue" in gh(hub, tmp_path, "view", "git-models")
    gh(hub, tmp_path, "edit", "git-models", "--draft=false")
    assert hub.release("owner/repo", "git-models").draft is False
    gh(hub, tmp_path, "delete", "git-models", "--yes")
    assert "not found" in gh(hub, tmp_path, "view", "git-models", fails=True)


def test_pygithub_creates_uploads_lists_and_downloads(hub: Checked, model: Path, tmp_path: Path) -> None:
    # PyGithub takes a custom base for an Enterprise Server: one host and port for everything.
    hub.uploads_elsewhere = False
    hub.streams_assets = True
    with github.Github(
        base_url=hub.api, auth=github.Auth.Token("rw"), seconds_between_requests=0, seconds_between_writes=0
    ) as client:
        repo = client.get_repo("owner/repo")
        assert repo.permissions.push
        release = repo.create_git_release("git-models", "Store", "A store.", prerelease=True, make_latest="false")
        asset = release.upload_asset(str(model), label="weights/best.pt", content_type="application/octet-stream")
        assert (asset.name, asset.label, asset.size, asset.state) == (
            "best.pt", "weights/best.pt", len(DATA), "uploaded"
        )  # fmt: skip
        assert [a.id for a in repo.get_release("git-models").get_assets()] == [asset.id]
        assert [r.tag_name for r in repo.get_releases()] == ["git-models"]
        with pytest.raises(github.GithubException) as refused:
            release.upload_asset(str(model), content_type="application/octet-stream")
        assert refused.value.data["errors"][0]["code"] == "already_exists"
        asset.download_asset(str(tmp_path / "down.pt"))
        assert (tmp_path / "down.pt").read_bytes() == DATA
        asset.update_asset("other.pt", "other")
        assert sorted(hub.assets("owner/repo")) == ["other.pt"]
        asset.delete_asset()
        release.delete_release()
        assert hub.releases("owner/repo") == []


def test_pygithub_walks_all_pages(hub: Checked, model: Path) -> None:
    for number in range(65):
        hub.put("owner/repo", "git-models", f"{number}.pt", b"x")
    with github.Github(base_url=hub.api, auth=github.Auth.Token("rw"), seconds_between_requests=0) as client:
        assets = client.get_repo("owner/repo").get_release("git-models").get_assets()
        assert [a.name for a in assets] == [f"{n}.pt" for n in range(65)]
