"""Releases of a repository on GitHub as the store, with git itself talking to the stand-in over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.github import GitHub
from tests.helpers.forge import another, begin


def test_a_committed_weight_goes_into_a_release_and_comes_back_in_a_clone(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    assert hub.remote("owner/repo") in work.models("setup").out
    work.weight("weights/best.pt", 50_000)
    work.commit("A model")
    work.git("push", "origin", "HEAD")
    (asset,) = hub.assets("owner/repo").values()
    assert asset.bytes() == work.read("weights/best.pt")
    hub.forget()
    other = another(hub, tmp_path)
    other.models("pull", env={"TOKEN": ""})
    assert other.read("weights/best.pt") == work.read("weights/best.pt")
    assert not hub.asked("api"), "a public download needs neither the API nor a token"
    assert other.status() == []


@pytest.mark.slow
def test_a_private_repository_is_read_through_the_api_with_gits_credential(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/private", private=True)
    work = begin(hub, tmp_path, "owner/private")
    work.git("pull", "origin", "main")
    work.models("setup")
    work.weight("best.pt", 50_000)
    work.commit("A model")
    work.git("push", "origin", "HEAD")
    other = another(hub, tmp_path, "owner/private")
    other.models("pull")
    assert other.read("best.pt") == work.read("best.pt")
    assert not any(r.authorized for r in hub.requests if r.role == "blob")


@pytest.mark.slow
def test_the_first_push_to_an_empty_repository_brings_refs_and_models(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo", empty=True)
    work = begin(hub, tmp_path)
    work.models("setup")
    work.weight("best.pt", 50_000)
    work.commit("The first commit")
    said = work.git("push", "-u", "origin", "main", code=1).err
    assert "everything is there" in said
    assert [a.bytes() for a in hub.assets("owner/repo").values()] == [work.read("best.pt")]
    assert work.git("ls-remote", "origin", "main").out.split()[0] == work.head()
    assert "up-to-date" in work.git("push", "-u", "origin", "main").err
    other = another(hub, tmp_path)
    other.models("pull")
    assert other.read("best.pt") == work.read("best.pt")


def test_a_failed_upload_keeps_the_ref_where_it_is(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    before = work.git("ls-remote", "origin", "main").out
    work.weight("best.pt", 50_000)
    work.commit("A model")
    hub.token("ro", can={"owner/repo": "read"})
    said = work.git("push", "origin", "HEAD", code=1, env={"GH_ENTERPRISE_TOKEN": "ro"}).err
    assert "token" in said, said
    assert "next:" in said
    assert work.git("ls-remote", "origin", "main").out == before


@pytest.mark.slow
def test_deleting_the_tag_of_the_store_is_refused(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    work.weight("best.pt", 50_000)
    work.commit("A model")
    work.git("push", "origin", "HEAD")
    said = work.git("push", "--mirror", "origin", code=1).err
    assert "refs/tags/git-models" in said
    assert "every download fails" in said


@pytest.mark.slow
def test_plain_fetch_and_describe_do_not_notice_the_store(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    work.weight("best.pt", 50_000)
    work.commit("A model")
    work.git("push", "origin", "HEAD")
    work.git("fetch", "origin")
    assert work.git("tag").out == ""
    assert work.git("describe", "--tags", code=128).out == ""
