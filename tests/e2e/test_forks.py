"""Forks and pull requests: who reads where, who uploads where, and how objects come home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.fakes.github import GitHub
from tests.helpers.forge import another, published
from tests.helpers.sandbox import Sandbox

pytestmark = pytest.mark.slow

FORK = "contributor/repo"


def forked(hub: GitHub, tmp_path: Path) -> tuple[Sandbox, Sandbox]:
    """An upstream with a model, and the clone of a contributor's fork of it."""
    upstream = published(hub, tmp_path)
    hub.repository(FORK, empty=True)
    hub.token("theirs", can={FORK: "write"})
    upstream.git("push", f"{hub.url}/{FORK}.git", "HEAD:main", env={"TOKEN": "theirs", "GIT_MODELS_SKIP": "1"})
    return upstream, another(hub, tmp_path, FORK, "fork")


def contributed(hub: GitHub, fork: Sandbox) -> Sandbox:
    """The fork after another model went up on a branch of it."""
    fork.models("pull", env={"TOKEN": ""})
    fork.git("checkout", "-b", "better")
    fork.weight("better.pt", 60_000, seed=7)
    fork.commit("A better model")
    fork.git("push", "origin", "better", env={"TOKEN": "theirs"})
    return fork


def checked_out(hub: GitHub, upstream: Sandbox) -> None:
    """What `gh pr checkout` does where the contributor lets maintainers edit the branch."""
    url = f"{hub.url}/{FORK}.git"
    upstream.git("fetch", url, "better:better", env={"TOKEN": ""})
    upstream.git("config", "branch.better.remote", url)
    upstream.git("config", "branch.better.pushRemote", url)
    upstream.git("config", "branch.better.merge", "refs/heads/better")
    upstream.git("checkout", "better")


def test_the_first_record_tells_readers_where_the_store_is(hub: GitHub, tmp_path: Path) -> None:
    upstream = published(hub, tmp_path)
    remotes = yaml.safe_load(upstream.read("models.yaml"))["remotes"]
    assert remotes == {"github": {"url": hub.remote("owner/repo")}}
    before = upstream.read("models.yaml")
    upstream.weight("more.pt", seed=3)
    upstream.commit("Another model")
    assert upstream.read("models.yaml").startswith(before.partition(b"models:")[0])


def test_setup_adds_the_store_to_a_manifest_that_names_none(hub: GitHub, tmp_path: Path) -> None:
    upstream = published(hub, tmp_path)
    text = upstream.read("models.yaml").decode()
    upstream.write("models.yaml", "".join(text.partition("remotes:")[::2]).replace(
        f'\n  github: {{url: "{hub.remote("owner/repo")}"}}\n', ""
    ))  # fmt: skip
    assert "remotes" not in yaml.safe_load(upstream.read("models.yaml"))
    upstream.git("commit", "-am", "As it was written by hand")
    assert "tells readers" in upstream.models("setup").err
    assert yaml.safe_load(upstream.read("models.yaml"))["remotes"]["github"]["url"] == hub.remote("owner/repo")
    assert upstream.status() == ["M  models.yaml"]
    assert "tells readers" not in upstream.models("setup").err


def test_a_fork_reads_upstreams_store_without_a_token_or_the_api(hub: GitHub, tmp_path: Path) -> None:
    upstream, fork = forked(hub, tmp_path)
    hub.forget()
    # A token is at hand (git's helper gives it to everybody): it is not for this repository.
    fork.models("pull", env={"TOKEN": "theirs"})
    assert fork.read("best.pt") == upstream.read("best.pt")
    assert not hub.asked("api")
    assert not any(r.authorized for r in hub.requests)


@pytest.mark.parametrize("token", ["", "read-only"])
def test_a_ci_job_of_a_fork_pulls_with_a_weak_token_or_none(hub: GitHub, tmp_path: Path, token: str) -> None:
    upstream, fork = forked(hub, tmp_path)
    hub.token("read-only", can={FORK: "read"}, kind="integration")
    hub.quota[False] = 0  # the address of a CI machine has long used up what strangers get
    fork.models("pull", env={"TOKEN": "", "GH_ENTERPRISE_TOKEN": token})
    assert fork.read("best.pt") == upstream.read("best.pt")


def test_a_push_to_the_fork_uploads_to_the_forks_store(hub: GitHub, tmp_path: Path) -> None:
    _, fork = forked(hub, tmp_path)
    contributed(hub, fork)
    (asset,) = hub.assets(FORK).values()
    assert asset.bytes() == fork.read("better.pt")
    assert len(hub.assets("owner/repo")) == 1
    said = fork.models("push", env={"TOKEN": "theirs"}).lines
    assert said == [f"{hub.remote(FORK)} holds 1 object already", "1 object stays where models.yaml says"]


def test_a_contributor_need_not_have_upstreams_models_to_push(hub: GitHub, tmp_path: Path) -> None:
    _, fork = forked(hub, tmp_path)
    fork.models("setup")
    fork.weight("better.pt", 60_000, seed=7)
    fork.commit("A better model")
    fork.git("push", env={"TOKEN": "theirs"})
    assert [a.bytes() for a in hub.assets(FORK).values()] == [fork.read("better.pt")]


def test_what_only_the_fork_holds_is_named_and_adopted(hub: GitHub, tmp_path: Path) -> None:
    upstream, fork = forked(hub, tmp_path)
    contributed(hub, fork)
    checked_out(hub, upstream)
    found = upstream.models("check", "--remote", code=1)
    assert "better.pt" in found.out + found.err
    assert f"git models adopt {FORK}" in found.out + found.err
    hub.forget()
    assert "adopted 1 object" in upstream.models("adopt").out
    assert not any(r.authorized for r in hub.requests if f"/{FORK}/" in r.path), "the fork is read as a stranger"
    assert {a.bytes() for a in hub.assets("owner/repo").values()} == {
        upstream.read("best.pt"),
        fork.read("better.pt"),
    }
    upstream.models("check", "--remote")
    assert "nothing to adopt" in upstream.models("adopt").out


def test_adopt_takes_the_name_of_a_fork_and_says_what_even_that_lacks(hub: GitHub, tmp_path: Path) -> None:
    upstream, fork = forked(hub, tmp_path)
    contributed(hub, fork)
    upstream.git("fetch", f"{hub.url}/{FORK}.git", "better", env={"TOKEN": ""})
    upstream.git("checkout", "FETCH_HEAD")
    assert "git models adopt OWNER/REPO" in upstream.models("adopt", code=1).err
    assert "would adopt 1 object" in upstream.models("adopt", "-n", FORK).out
    hub.delete_release(FORK, "git-models")
    said = upstream.models("adopt", FORK, code=1).err
    assert "better.pt" in said
    assert FORK in said


def test_upstreams_ci_names_the_fork_of_the_pull_request(hub: GitHub, tmp_path: Path) -> None:
    upstream, fork = forked(hub, tmp_path)
    contributed(hub, fork)
    upstream.git("fetch", f"{hub.url}/{FORK}.git", "better", env={"TOKEN": ""})
    upstream.git("checkout", "FETCH_HEAD")
    event = {"pull_request": {"head": {"repo": {"clone_url": f"{hub.url}/{FORK}.git"}}}}
    upstream.write("../event.json", json.dumps(event))
    said = upstream.models("check", "--remote", code=1, env={"GITHUB_EVENT_PATH": str(tmp_path / "event.json")})
    assert f"git models adopt {FORK}" in said.out + said.err


def test_a_private_upstream_is_read_once_it_is_a_git_remote(hub: GitHub, tmp_path: Path) -> None:
    upstream, fork = forked(hub, tmp_path)
    hub.find("owner/repo")[0].private = True  # type: ignore[union-attr]
    said = fork.models("pull", code=1).err
    assert "owner/repo on" in said
    assert f"git remote add upstream {hub.url}/owner/repo.git" in said
    assert not any(r.authorized for r in hub.requests if "owner/repo/releases" in r.path and r.role == "web")
    fork.git("remote", "add", "upstream", f"{hub.url}/owner/repo.git")
    fork.models("pull")
    assert fork.read("best.pt") == upstream.read("best.pt")
