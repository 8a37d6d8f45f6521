"""Which repository a URL means."""

from __future__ import annotations

import pytest

from git_models import remotes
from git_models.errors import UsageError
from git_models.remotes.github_urls import parse


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("github://owner/repo", "github://owner/repo"),
        ("github://owner/repo.git/", "github://owner/repo"),
        ("github://github.com/owner/repo", "github://owner/repo"),
        ("GitHub://owner/repo", "github://owner/repo"),
        ("github://ghe.example.com/o/r", "github://ghe.example.com/o/r"),
        ("github://GHE.example.com:8443/o/r", "github://ghe.example.com:8443/o/r"),
        ("github://o/r?release=weights", "github://o/r?release=weights"),
        ("github://o/r?release=refs/tags/v0.3", "github://o/r?release=v0.3"),
        ("github://o/r?release=feature/x", "github://o/r?release=feature%2Fx"),
        ("github://o/r?release=git-models", "github://o/r"),
        ("github+http://127.0.0.1:8080/o/r", "github+http://127.0.0.1:8080/o/r"),
        ("file:///mnt/a b", "file:///mnt/a%20b"),
        ("file:///mnt/models/", "file:///mnt/models"),
    ],
)
def test_a_url_has_one_form_that_is_compared(url: str, normal: str) -> None:
    assert remotes.normalise(url) == normal
    assert remotes.normalise(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        "github://owner",
        "github://a/b/c/d",
        "github://owner/..",
        "github://owner/re po",
        "github://owner/repo?tag=x",
        "github://owner/repo?release=../x",
        "github://owner/repo?release=-x",
        "github://github.com@evil/o/r",
        "github://github.com\\@evil/o/r",
        "github://github.com%0a.evil/o/r",
        "github:///o/r",
        "github://2130706433/o/r",
        "github+http://example.com/o/r",
        "github+http://127.0.0.1.evil/o/r",
        "github+http://owner/repo",
        "file://host/share",
        "file:///a\nb",
        "file:relative",
        "s4://bucket",
        "owner/repo",
        "",
    ],
)
def test_a_malformed_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        remotes.normalise(url)


def test_an_unknown_scheme_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"file://.*github://, .*ssh://"):
        remotes.open("gopher://x/y", "x")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/owner/repo",
        "https://github.com/owner/repo.git",
        "https://github.com/owner/repo/",
        "https://user@github.com/owner/repo.git",
        "https://user:secret@github.com/owner/repo.git",
        "https://www.github.com/owner/repo",
        "https://GitHub.com:443/owner/repo",
        "http://github.com/owner/repo",
        "git://github.com/owner/repo.git",
        "ssh://git@github.com/owner/repo.git",
        "ssh://git@github.com:22/owner/repo.git",
        "ssh://git@ssh.github.com:443/owner/repo.git",
        "git+ssh://git@github.com/owner/repo",
        "git@github.com:owner/repo.git",
        "git@github.com:owner/repo",
        "github.com:owner/repo",
        "org-1234@github.com:owner/repo.git",
    ],
)
def test_every_form_of_a_git_remote_on_github_names_its_store(url: str) -> None:
    assert remotes.from_git_remote(url) == "github://owner/repo"


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/owner/repo.git",
        "git@gitlab.com:owner/repo.git",
        "https://github.com.evil/owner/repo",
        "https://github.com@evil/owner/repo",
        "https://github.com\\@evil/owner/repo",
        "https:///github.com/x/y",
        "https://github.com%0a.evil/o/r",
        "https://ghe.com/o/r",
        "https://a.b.ghe.com/o/r",
        "https://github.com/only-owner",
        "https://gist.github.com/owner/0123456789abcdef",
        "/srv/git/repo.git",
        "file:///srv/git/repo.git",
        "../repo.git",
        "C:/repo",
        "",
    ],
)
def test_another_host_is_no_store(url: str) -> None:
    assert remotes.from_git_remote(url) is None


def test_an_enterprise_host_is_one_because_the_user_said_so() -> None:
    hosts = {"ghe.corp.example", "127.0.0.1:8080"}
    assert remotes.from_git_remote("git@ghe.corp.example:o/r.git") is None
    assert remotes.from_git_remote("git@ghe.corp.example:o/r.git", hosts) == "github://ghe.corp.example/o/r"
    assert remotes.from_git_remote("ssh://git@ghe.corp.example:2222/o/r", hosts) == "github://ghe.corp.example/o/r"
    assert remotes.from_git_remote("http://127.0.0.1:8080/o/r.git", hosts) == "github+http://127.0.0.1:8080/o/r"
    assert remotes.from_git_remote("git@sub.ghe.com:o/r.git") == "github://sub.ghe.com/o/r"


def test_each_kind_of_host_has_its_own_addresses() -> None:
    cloud, tenant, server = parse("github://o/r"), parse("github://sub.ghe.com/o/r"), parse("github://ghe.corp/o/r")
    assert (cloud.api, cloud.uploads) == ("https://api.github.com", "https://uploads.github.com")
    assert (tenant.api, tenant.uploads) == ("https://api.sub.ghe.com", "https://uploads.sub.ghe.com")
    assert (server.api, server.uploads) == ("https://ghe.corp/api/v3", "https://ghe.corp/api/uploads")
    assert server.download("feature/x", "a.pt") == "https://ghe.corp/o/r/releases/download/feature%2Fx/a.pt"


def test_one_repository_is_the_same_store_whatever_its_spelling() -> None:
    assert remotes.same_store("github://Owner/Repo?release=x", ["github://owner/repo"])
    assert not remotes.same_store("github://owner/repo", ["github://owner/other", "github://ghe.corp/owner/repo"])
    assert not remotes.same_store("file:///x", ["github://owner/repo"])
