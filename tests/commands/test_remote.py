from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.commands.conftest import answer, snapshot
from tests.fakes.github import GitHub
from tests.helpers.sandbox import Sandbox


def config(work: Sandbox) -> dict[str, str]:
    lines = work.git("config", "--local", "--get-regexp", r"^models\.", code=None).lines
    return dict(line.split(" ", 1) for line in lines)


def named(work: Sandbox) -> dict[str, str]:
    text = work.git("show", ":models.yaml", code=None).out
    return {name: r["url"] for name, r in ((yaml.safe_load(text) or {}).get("remotes") or {}).items()}


def test_the_first_place_becomes_the_default_and_readers_are_told(repo: Sandbox) -> None:
    repo.models("remote", "add", "gh", "github://Owner/repo.git")
    assert config(repo) == {"models.gh.url": "github://Owner/repo", "models.remote": "gh"}
    assert named(repo) == {"gh": "github://Owner/repo"}
    repo.models("remote", "add", "other", "github://someone/else")
    assert config(repo)["models.remote"] == "gh"


def test_local_tells_nobody_else(repo: Sandbox) -> None:
    repo.models("remote", "add", "gh", "github://owner/repo", "--local")
    assert named(repo) == {}
    assert not repo.exists("models.yaml")


@pytest.mark.parametrize(("origin_url", "shared"), [(None, True), ("git@github.com:owner/repo.git", False)])
def test_a_folder_is_shared_with_those_who_cloned_from_the_same_file_system(
    repo: Sandbox, place: Path, origin_url: str | None, shared: bool
) -> None:
    if origin_url:
        repo.git("remote", "set-url", "origin", origin_url)
    said = answer(repo, "remote", "add", "disk", str(place))
    assert said == {"name": "disk", "url": place.as_uri(), "in_manifest": shared, "default": True, "works": True}
    assert named(repo) == ({"disk": place.as_uri()} if shared else {})


def test_a_place_that_does_not_work_is_added_and_named(repo: Sandbox, tmp_path: Path) -> None:
    done = repo.models("remote", "add", "disk", str(tmp_path / "no" / "such" / "mount"))
    assert "disk is known now and does not work yet" in done.err
    assert "is the disk or network folder mounted?" in done.err
    assert config(repo)["models.remote"] == "disk"
    quiet = repo.models("remote", "add", "other", str(tmp_path / "neither" / "this"), "--no-test")
    assert "does not work" not in quiet.err


def test_a_web_server_is_read_and_never_the_default(repo: Sandbox) -> None:
    said = answer(repo, "remote", "add", "web", "https://models.example.com/files/", "--no-test")
    assert (said["url"], said["default"], said["works"]) == ("https://models.example.com/files", False, None)
    refused = repo.models("remote", "default", "web", code=1)
    assert "can only be read" in refused.err
    assert "models.remote" not in config(repo)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("github://user:secret@github.com/owner/repo", 2),
        ("github://owner/repo?token=abcdefgh", 2),
        ("ftp://host/folder", 2),
        ("http://models.example.com/folder", 2),
        ("webdav+http://models.example.com/folder", 2),
        ("https://models.example.com/folder?signature=abcdef", 2),
        ("https://ada:secret@models.example.com/folder", 2),
        ("relative/folder", 2),
        ("github://owner", 2),
        ("file://host/folder", 2),
    ],
)
def test_a_url_that_is_none_or_carries_a_secret_is_refused(repo: Sandbox, url: str, code: int) -> None:
    before = snapshot(repo)
    told = repo.models("remote", "add", "x", url, code=code)
    assert "secret@" not in told.err
    assert "abcdefgh" not in told.err
    assert snapshot(repo) == before


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("s4://bucket/x", "s3://…"),
        ("gdirve://FOLDER", "gdrive://…"),
        ("sftp://host/folder", "ssh://HOST/FOLDER"),
        ("davs://host/folder", "webdav+https://HOST/FOLDER"),
        ("gs://bucket", "rclone://NAME/PATH"),
        ("smb://nas/models", "/FOLDER   # where it is mounted"),
        ("qqqq://x", "-h"),
        ("relative/folder", "-h"),
    ],
)
def test_a_scheme_that_is_none_leads_to_one_that_is(repo: Sandbox, url: str, meant: str) -> None:
    told = repo.models("remote", "add", "x", url, code=2).err
    assert "names no place for models; a URL begins with one of dropbox://, file://" in told
    assert told.rstrip().endswith(meant)


def test_a_pull_from_a_place_that_nobody_approved_names_the_one_command(
    repo: Sandbox, place: Path, clone: Callable[..., Sandbox]
) -> None:
    repo.models("remote", "add", "disk", str(place))
    repo.weight("best.pt")
    repo.models("add", "best.pt")
    repo.git("commit", "-qm", "First")
    repo.models("push")
    repo.git("push", "-q", "origin", "HEAD")
    text = repo.read("models.yaml").decode().replace(place.as_uri(), "webdav+https://dav.example.com/models")
    repo.write("models.yaml", text)
    repo.git("commit", "-qam", "Elsewhere")
    repo.git("push", "-q", "origin", "HEAD")
    told = clone("other").models("pull", "--no-setup", code=1).err
    assert told.count("have not approved") == told.count("next:") == 1
    assert "git models remote trust disk" in told


@pytest.mark.parametrize("name", ["-x", "a b", "a/b", ""])
def test_a_name_that_is_none_is_refused(repo: Sandbox, name: str) -> None:
    repo.models("remote", "add", "--", name, "github://owner/repo", code=2)
    assert config(repo) == {}


def test_a_name_that_is_taken_is_refused(repo: Sandbox) -> None:
    repo.models("remote", "add", "gh", "github://owner/repo")
    before = snapshot(repo)
    told = repo.models("remote", "add", "gh", "github://owner/other", code=1)
    assert "git models remote remove gh" in told.err
    assert snapshot(repo) == before
    repo.models("remote", "add", "gh", "github://owner/repo")


def test_a_broken_manifest_keeps_the_configuration_as_it_was(repo: Sandbox) -> None:
    repo.write("models.yaml", "models: [\n")
    before = snapshot(repo)
    repo.models("remote", "add", "gh", "github://owner/repo", code=1)
    assert snapshot(repo) == before


def test_remove_takes_a_place_out_of_both(repo: Sandbox) -> None:
    repo.models("remote", "add", "gh", "github://owner/repo")
    repo.models("remote", "remove", "gh")
    assert config(repo) == {}
    assert named(repo) == {}
    assert "no place is called 'gh'" in repo.models("remote", "remove", "gh", code=1).err


def test_remove_leaves_what_all_repositories_share_and_says_so(repo: Sandbox, place: Path) -> None:
    repo.git("config", "--global", "models.disk.url", place.as_uri())
    told = repo.models("remote", "remove", "disk", code=1)
    assert "git config --global --unset models.disk.url" in told.err


def test_list_says_where_a_place_is_known_from_and_where_models_go(repo: Sandbox, place: Path) -> None:
    repo.git("remote", "set-url", "origin", "git@github.com:owner/repo.git")
    repo.write("models.yaml", "version: 1\nremotes:\n  mirror: {url: 'github://stranger/repo'}\n")
    repo.models("remote", "add", "disk", place.as_uri())
    assert repo.models("remote").lines == [
        f"* disk    {place.as_uri()}  (config)",
        "  mirror  github://stranger/repo  (manifest, read without a token)",
        "  origin  github://owner/repo  (git remote)",
    ]
    first = answer(repo, "remote", "list")["remotes"][0]
    assert first == {
        "name": "disk",
        "url": place.as_uri(),
        "source": "config",
        "approved": True,
        "anonymous": False,
        "default": True,
    }


def test_default_takes_a_name_of_any_source(repo: Sandbox, place: Path) -> None:
    repo.git("remote", "set-url", "origin", "git@github.com:owner/repo.git")
    repo.models("remote", "add", "disk", place.as_uri())
    repo.models("remote", "default", "origin")
    assert config(repo)["models.remote"] == "github://owner/repo"
    repo.models("remote", "default", "disk")
    assert config(repo)["models.remote"] == "disk"
    assert "there are: disk, origin" in repo.models("remote", "default", "dsik", code=1).err


def test_models_never_go_to_a_place_that_was_not_approved(repo: Sandbox) -> None:
    repo.git("remote", "set-url", "origin", "git@github.com:owner/repo.git")
    repo.write("models.yaml", "version: 1\nremotes:\n  thief: {url: 'github://stranger/repo'}\n")
    before = snapshot(repo)
    for action in ("default", "test"):
        assert "git models remote trust thief" in repo.models("remote", action, "thief", code=1).err
    assert snapshot(repo) == before


def test_trust_holds_for_the_url_it_was_given_for(repo: Sandbox) -> None:
    repo.git("remote", "set-url", "origin", "git@github.com:owner/repo.git")
    repo.write("models.yaml", "version: 1\nremotes:\n  mirror: {url: 'github://stranger/repo'}\n")
    repo.models("remote", "trust", "mirror")
    assert answer(repo, "remote")["remotes"][0]["anonymous"] is False
    repo.write("models.yaml", "version: 1\nremotes:\n  mirror: {url: 'github://thief/repo'}\n")
    assert answer(repo, "remote")["remotes"][0]["anonymous"] is True
    repo.models("remote", "trust", "other", code=1)


def test_test_makes_a_round_trip_through_a_folder_and_leaves_nothing(repo: Sandbox, place: Path) -> None:
    repo.models("remote", "add", "disk", place.as_uri())
    assert repo.models("remote", "test").lines == [
        "ok      a file can be put there",
        "ok      it is there",
        "ok      it comes back unchanged",
        "ok      it is deleted again",
        f"disk ({place.as_uri()}) works",
    ]
    assert list(place.iterdir()) == []
    assert answer(repo, "remote", "test", "--full")["works"] is True
    assert list(place.iterdir()) == []


def test_test_makes_a_round_trip_through_releases_and_leaves_no_asset(repo: Sandbox, hub: GitHub) -> None:
    repo.models("remote", "add", "gh", hub.remote("owner/repo"), "--local")
    repo.models("remote", "test", "gh", env={"GH_ENTERPRISE_TOKEN": "rw"})
    assert hub.assets("owner/repo") == {}


def test_test_says_which_step_fails_and_why(repo: Sandbox, hub: GitHub) -> None:
    repo.models("remote", "add", "gh", hub.remote("owner/repo"), "--local")
    told = repo.models("remote", "test", "gh", code=1, env={"GH_ENTERPRISE_TOKEN": "ro"})
    assert told.lines[0].startswith("FAILED  a file can be put there: ")
    assert told.lines[-1].endswith("does not work")


def test_a_place_that_is_not_mounted_does_not_work(repo: Sandbox, tmp_path: Path) -> None:
    url = (tmp_path / "not/mounted").as_uri()
    repo.models("remote", "add", "disk", url)
    assert "mounted" in repo.models("remote", "test", code=1).out


def test_test_without_any_place_says_how_to_name_one(repo: Sandbox) -> None:
    assert "git models remote add NAME URL" in repo.models("remote", "test", code=1).err
