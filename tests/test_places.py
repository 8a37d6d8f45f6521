"""Which places a clone reads from and writes to, and with what rights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from git_models import places
from git_models.errors import ModelsError
from git_models.manifest import EMPTY, Manifest
from git_models.places import Place
from git_models.repo import Repo, find
from tests.helpers.sandbox import Sandbox

UPSTREAM, FORK = "github://owner/repo", "github://contributor/repo"


@pytest.fixture
def work(tmp_path: Path) -> Sandbox:
    """A fork's clone without a commit."""
    work = Sandbox(tmp_path / "work")
    work.root.mkdir()
    work.git("init")
    work.git("remote", "add", "origin", "git@github.com:contributor/repo.git")
    return work


def names(url: str) -> Manifest:
    """A manifest that names one place."""
    return EMPTY._replace(remotes={"github": url})


def here(work: Sandbox) -> Repo:
    return find(str(work.root))


def first(work: Sandbox, url: str) -> Place:
    return places.for_pull(here(work), names(url))[0]


def test_a_public_store_that_only_the_manifest_names_is_read_as_a_stranger(work: Sandbox) -> None:
    upstream, own = places.for_pull(here(work), names(UPSTREAM))
    assert (upstream.url, upstream.approved, upstream.anonymous) == (UPSTREAM, True, True)
    assert (own.url, own.approved, own.anonymous) == (FORK, True, False)
    with pytest.raises(ModelsError, match="not approved"):
        places.need_writable(upstream)


@pytest.mark.parametrize("how", ["git remote", "trust"])
def test_what_the_user_vouches_for_may_have_the_token(work: Sandbox, how: str) -> None:
    if how == "trust":
        work.git("config", "models.github.trusted", UPSTREAM)
    else:
        work.git("remote", "add", "upstream", "https://github.com/Owner/Repo")
    assert first(work, UPSTREAM).anonymous is False


@pytest.mark.parametrize(
    "url", ["github://git.example.com/owner/repo", "github+http://127.0.0.1:8080/owner/repo", "file:///mnt/models"]
)
def test_any_other_place_of_the_manifest_is_not_read_unasked(work: Sandbox, url: str) -> None:
    place = first(work, url)
    assert not place.approved
    with pytest.raises(ModelsError, match="not approved") as caught:
        places.connect(here(work), place)
    assert caught.value.fix == "git models remote trust github"


def test_a_host_that_the_user_declared_is_as_good_as_github(work: Sandbox) -> None:
    work.git("config", "models.work.url", "github://git.example.com/some/repo")
    place = first(work, "github://git.example.com/owner/repo")
    assert (place.approved, place.anonymous) == (True, True)


def test_the_server_that_git_itself_talks_to_needs_no_declaration(work: Sandbox) -> None:
    work.git("remote", "set-url", "origin", "git@git.example.com:owner/repo.git")
    place = first(work, "github://git.example.com/owner/repo")
    assert (place.approved, place.anonymous) == (True, False)
    assert places.for_push(here(work), names(place.url)) == [place]
    assert not first(work, "github://git.example.com/stranger/repo").approved


def test_models_go_where_git_push_goes(work: Sandbox) -> None:
    for name in ("one", "two", "three"):
        work.git("remote", "add", name, f"https://github.com/owner/{name}.git")

    def target() -> str:
        (place,) = places.for_push(here(work), EMPTY)
        return place.url

    assert target() == FORK
    work.git("config", "branch.main.remote", "one")
    assert target() == "github://owner/one"
    work.git("config", "remote.pushDefault", "two")
    assert target() == "github://owner/two"
    work.git("config", "branch.main.pushRemote", "three")
    assert target() == "github://owner/three"
    (ours,) = places.ours(here(work), EMPTY)
    assert ours.url == FORK, "whatever branch is checked out, the repository's own store is origin's"


def test_the_store_for_readers_is_upstreams_if_there_is_one(work: Sandbox) -> None:
    assert places.for_readers(here(work), EMPTY) == {"github": FORK}
    work.git("remote", "add", "upstream", "https://github.com/owner/repo.git")
    assert places.for_readers(here(work), EMPTY) == {"github": UPSTREAM}
    assert places.for_readers(here(work), names(FORK)) == {}, "what the manifest says stands"
    work.git("config", "models.remote", "file:///mnt/models")
    assert places.for_readers(here(work), EMPTY) == {}, "models go elsewhere"


def test_the_fork_of_a_branch_is_a_remote_or_a_url_that_is_not_origin(work: Sandbox) -> None:
    work.git("remote", "set-url", "origin", "https://github.com/owner/repo.git")
    assert places.contributor(here(work)) is None
    work.git("config", "branch.main.remote", "origin")
    assert places.contributor(here(work)) is None
    work.git("config", "branch.main.remote", "git@github.com:contributor/repo.git")
    found = places.contributor(here(work))
    assert found and (found.url, found.anonymous) == (FORK, False)
    work.git("remote", "add", "them", "https://github.com/contributor/repo.git")
    work.git("config", "branch.main.remote", "them")
    found = places.contributor(here(work))
    assert found and (found.name, found.url) == ("them", FORK)


@pytest.mark.parametrize("clone_url", ["https://github.com/contributor/repo.git", "https://evil.example/a/b", None])
def test_the_fork_of_a_pull_request_in_ci_is_read_as_a_stranger(
    work: Sandbox, monkeypatch: pytest.MonkeyPatch, clone_url: str | None
) -> None:
    work.git("remote", "set-url", "origin", "https://github.com/owner/repo.git")
    event = work.write("event.json", json.dumps({"pull_request": {"head": {"repo": {"clone_url": clone_url}}}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    found = places.contributor(here(work))
    if clone_url and "github.com" in clone_url:
        assert found and (found.url, found.anonymous) == (FORK, True)
    else:
        assert found is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("contributor/repo", FORK),
        ("https://github.com/contributor/repo", FORK),
        ("github://contributor/repo", FORK),
        ("them", "github://other/repo"),
    ],
)
def test_a_fork_is_named_as_github_names_it(work: Sandbox, text: str, url: str) -> None:
    work.git("remote", "set-url", "origin", "https://github.com/owner/repo.git")
    work.git("remote", "add", "them", "https://github.com/other/repo.git")
    assert places.fork(here(work), EMPTY, text).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("file:///srv/models", "ssh://models.example.com/srv", "rclone://drive/models", "s3://bucket/prefix"),
        *(
            "gdrive://0AbcDef",
            "dropbox:///Apps/models",
            "webdav+https://dav.example.com/f",
            "github+http://127.0.0.1:1/o/r",
        ),
        *("github://git.evil.example/owner/repo", "http://127.0.0.1/models", "http://169.254.169.254/latest"),
    ],
)
def test_no_place_of_the_manifest_but_public_ones_is_read_unasked_and_none_is_written_to(
    work: Sandbox, url: str
) -> None:
    found = [p for p in places.for_pull(here(work), names(url)) if p.url == url]
    assert not any(place.approved for place in found)
    for place in found:
        with pytest.raises(ModelsError):
            places.need_writable(place)
    assert url not in [p.url for p in places.for_push(here(work), names(url))]


@pytest.mark.parametrize("url", ["https://models.example.com/f", "hf://ada/weights", UPSTREAM])
def test_a_public_place_is_read_as_by_a_stranger_and_never_written_to(work: Sandbox, url: str) -> None:
    place = first(work, url)
    assert place.approved and (place.anonymous or not place.url.startswith("github"))
    with pytest.raises(ModelsError):
        places.need_writable(place)
    assert url not in [p.url for p in places.for_push(here(work), names(url))]


@pytest.mark.parametrize("origin", ["/srv/git/repo.git", "file:///srv/git/repo.git", "../repo.git", ""])
def test_a_folder_beside_the_repository_is_read_unasked_and_waits_for_approval_before_it_gets_a_model(
    work: Sandbox, origin: str
) -> None:
    url = "file:///srv/drop"
    if origin:
        work.git("remote", "set-url", "origin", origin)
    else:
        work.git("remote", "remove", "origin")
    place = first(work, url)
    assert place.approved
    with pytest.raises(ModelsError, match="not approved"):
        places.need_writable(place)
    with pytest.raises(ModelsError, match="not approved"):
        places.for_push(here(work), names(url))
    work.git("config", "models.github.trusted", url)
    assert places.for_push(here(work), names(url)) == [first(work, url)]
