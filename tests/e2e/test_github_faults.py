"""What goes wrong between here and GitHub, seen by somebody who types `git` and `git models`."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fakes.github import GitHub
from tests.helpers.forge import another, begin, published
from tests.helpers.sandbox import Sandbox

pytestmark = pytest.mark.slow


def start(work: Sandbox, *command: str, **env: str) -> subprocess.Popen[bytes]:
    """A command that runs while the test goes on, in a process group of its own."""
    return subprocess.Popen(
        command, cwd=work.root, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def sent(hub: GitHub) -> list[str]:
    """The beginnings of the names of what was uploaded since the log was emptied."""
    return [r.query["name"].partition("-")[0] for r in hub.asked("uploads", "POST")]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_push_goes_on_where_it_stopped(hub: GitHub, tmp_path: Path, end: signal.Signals) -> None:
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    work.git("config", "models.jobs", "1")
    work.weight("a.pt", 50_000, seed=1)
    work.weight("b.fault-upload-stall.pt", 3_000_000, seed=2)
    work.commit("Two models")
    push = start(work, "git", "push", "origin", "HEAD")
    hub.wait_for_stall()
    os.killpg(push.pid, end)
    push.communicate(timeout=30)
    assert push.returncode != 0
    hub.resume()
    hub.forget()
    work.git("push", "origin", "HEAD")
    # The first try may be logged late, when its connection is seen to be gone.
    assert set(sent(hub)) == {"b.fault"}
    assert {a.bytes() for a in hub.assets("owner/repo").values() if a.state == "uploaded"} == {
        work.read("a.pt"),
        work.read("b.fault-upload-stall.pt"),
    }


def test_a_second_push_asks_nothing_and_an_explicit_one_a_page(hub: GitHub, tmp_path: Path) -> None:
    work = published(hub, tmp_path)
    work.write("train.py", "pass\n")
    work.commit("Code alone")
    hub.forget()
    work.git("push")
    assert not hub.asked("api")
    work.models("push")
    assert [(r.method, r.path) for r in hub.asked("api")] == [("GET", "/repos/owner/repo/releases")]
    (asked,) = hub.asked("api")
    assert asked.status == 304, "an unchanged list costs no quota"


def test_a_pull_with_everything_here_makes_no_request(hub: GitHub, tmp_path: Path) -> None:
    published(hub, tmp_path)
    other = another(hub, tmp_path)
    other.models("pull")
    hub.forget()
    assert "here and unchanged" in other.models("pull").out
    assert hub.requests == []


def test_without_a_token_one_message_says_how_to_get_one(hub: GitHub, tmp_path: Path) -> None:
    work = published(hub, tmp_path)
    work.weight("next.pt", 60_000, seed=2)
    work.commit("Another")
    # As over SSH: git gets through, and has no password to give.
    bare = str(hub.repository("owner/other").git)
    work.git("config", "remote.origin.pushurl", bare)
    for said in (
        work.models("push", code=1, env={"TOKEN": ""}).err,
        work.git("push", "origin", "HEAD:refs/heads/next", code=1, env={"TOKEN": ""}).err,
    ):
        assert said.count("git models login") == 1, said
        assert "next.pt" in said
    assert work.git("ls-remote", bare, "next").out == ""


def test_a_private_repository_without_a_token_says_so(hub: GitHub, tmp_path: Path) -> None:
    published(hub, tmp_path, name="owner/private")
    hub.find("owner/private")[0].private = True  # type: ignore[union-attr]
    other = another(hub, tmp_path, "owner/private")
    said = other.models("pull", code=1, env={"TOKEN": ""}).err
    assert "is private or does not exist" in said
    assert "git models login" in said
    assert not other.exists("best.pt")


def test_a_page_with_status_200_is_named_and_never_lands(hub: GitHub, tmp_path: Path) -> None:
    published(hub, tmp_path, "best.fault-html.pt", "good.pt")
    other = another(hub, tmp_path)
    said = other.models("pull", code=1).err
    assert "best.fault-html.pt" in said
    assert "sent an HTML page\n  instead of the model" in said
    assert not other.exists("best.fault-html.pt")
    assert other.exists("good.pt"), "the others land"


def test_a_rate_limit_is_not_taken_for_a_missing_model(hub: GitHub, tmp_path: Path) -> None:
    published(hub, tmp_path)
    other = another(hub, tmp_path)
    hub.release("owner/repo", "git-models").assets.clear()
    assert "is not in the releases" in other.models("pull", code=1).err
    hub.rate_limited_until = hub.now() + 4000
    said = other.models("pull", code=1).err
    assert "takes no more requests" in said
    assert "is not in the releases" not in said


def test_a_wait_that_github_asks_for_is_kept_and_told(hub: GitHub, tmp_path: Path) -> None:
    work = published(hub, tmp_path)
    work.weight("next.pt", 60_000, seed=2)
    work.commit("Another")
    hub.secondary_limited_until = hub.now() + 9
    assert "waiting" in work.git("push").err
    assert len(hub.assets("owner/repo")) == 2


def test_a_renamed_repository_still_serves_its_clones(hub: GitHub, tmp_path: Path) -> None:
    work = published(hub, tmp_path)
    other = another(hub, tmp_path)
    hub.rename("owner/repo", "owner/renamed")
    other.models("pull")
    assert other.read("best.pt") == work.read("best.pt")


def test_a_store_that_became_a_draft_is_found_by_doctor_and_published_without_the_bytes(
    hub: GitHub, tmp_path: Path
) -> None:
    work = published(hub, tmp_path)
    other = another(hub, tmp_path)
    hub.delete_tag("owner/repo", "git-models")
    said = other.models("doctor", code=1).out
    assert "is a draft: nobody can fetch its 1 asset" in said
    assert "git models push" in said
    hub.forget()
    other.models("push")
    assert not hub.asked("uploads")
    other.models("pull")
    assert other.read("best.pt") == work.read("best.pt")


@pytest.mark.parametrize("loss", ["release", "tag"])
def test_a_store_that_somebody_deleted_is_made_again_by_push(hub: GitHub, tmp_path: Path, loss: str) -> None:
    work = published(hub, tmp_path)
    other = another(hub, tmp_path)
    (hub.delete_release if loss == "release" else hub.delete_tag)("owner/repo", "git-models")
    assert "git models push" in other.models("pull", code=1).err
    work.models("push")
    other.models("pull")
    assert other.read("best.pt") == work.read("best.pt")


def test_frozen_releases_get_a_new_one_with_each_push(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo", immutable=True)
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    for seed in (1, 2):
        work.weight("best.pt", 50_000, seed=seed)
        work.models("add", "best.pt")
        work.commit(f"Version {seed}")
        work.git("push", "origin", "HEAD")
    filled = [r for r in hub.releases("owner/repo") if r.assets]
    assert [(r.draft, r.immutable, len(r.assets)) for r in filled] == [(False, True, 1)] * 2
    other = another(hub, tmp_path)
    other.models("pull")
    assert other.read("best.pt") == work.read("best.pt")


def test_a_full_release_is_followed_by_the_next(hub: GitHub, tmp_path: Path) -> None:
    hub.assets_per_release = 2
    work = published(hub, tmp_path, "a.pt", "b.pt", "c.pt")
    assert [r.tag for r in hub.releases("owner/repo")] == ["git-models", "git-models-2"]
    other = another(hub, tmp_path)
    other.models("pull")
    assert all(other.read(p) == work.read(p) for p in ("a.pt", "b.pt", "c.pt"))


def test_a_large_file_goes_up_in_parts_that_cat_joins(hub: GitHub, tmp_path: Path) -> None:
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    work.git("config", "models.partSize", "20000")
    work.weight("large.pt", 50_000)
    work.weight("small.pt", 10_000, seed=2)
    work.commit("Models")
    work.git("push", "origin", "HEAD")
    entries = yaml.safe_load(work.read("models.yaml"))["models"]
    assert [p["size"] for p in entries["large.pt"]["parts"]] == [20_000, 20_000, 10_000]
    assert "parts" not in entries["small.pt"]
    parts = {n: a for n, a in hub.assets("owner/repo").items() if ".part-" in n}
    for name, asset in parts.items():
        work.write(f"../by-hand/{name}", asset.bytes())
    joined = subprocess.run("cat *.part-*", shell=True, cwd=tmp_path / "by-hand", capture_output=True, check=True)
    assert joined.stdout == work.read("large.pt")
    other = another(hub, tmp_path)
    other.models("pull")
    assert other.read("large.pt") == work.read("large.pt")
