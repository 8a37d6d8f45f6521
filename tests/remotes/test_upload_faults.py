"""Whatever a server does on the way up: what is reported as stored is stored, and nothing is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_models import remotes, transfer
from git_models.errors import RemoteError
from git_models.hashing import BLOCK, Hasher
from git_models.remotes import github_api, http
from git_models.remotes.base import EmptyRepository, Options, RateLimited, Remote, Upload
from git_models.remotes.github import GitHub as Store
from tests.fakes.github import GitHub
from tests.fakes.github_state import call
from tests.helpers.transfers import Bench, only_error

REPO = "owner/repo"


@pytest.fixture
def store(hub: GitHub, tmp_path: Path) -> Store:
    remote = remotes.open(hub.remote(REPO), "github", Options(cache=str(tmp_path / "listings")))
    assert isinstance(remote, Store)
    return remote


def stored(hub: GitHub, bench: Bench, asset: str, repo: str = REPO) -> bool:
    """Whether the server has exactly the bytes of the local file."""
    there = hub.assets(repo).get(asset)
    return bool(there) and there.state == "uploaded" and there.bytes() == (bench.root / asset).read_bytes()


def posts(hub: GitHub) -> int:
    return len(hub.asked("uploads", "POST"))


@pytest.mark.parametrize("fault", ["500-once", "502-starter-once", "upload-cut-once", "stored-wrong-once", "429-once"])
def test_an_upload_that_failed_is_made_again(hub: GitHub, bench: Bench, store: Store, fault: str) -> None:
    item = bench.model(f"best.fault-{fault}.pt")
    assert not bench.upload([item], store).failed
    assert stored(hub, bench, item.asset)
    assert posts(hub) == 2
    assert bench.moved == item.size


def test_an_upload_whose_answer_was_lost_is_not_made_again(hub: GitHub, bench: Bench, store: Store) -> None:
    item = bench.model("best.fault-502-stored.pt")
    assert not bench.upload([item], store).failed
    assert posts(hub) == 1
    assert bench.moved == item.size


def test_other_bytes_under_the_name_stop_the_upload_and_stay(hub: GitHub, bench: Bench, store: Store) -> None:
    item = bench.model("best.fault-502-different.pt")
    error = only_error(bench.upload([item], store))
    assert "Nothing was replaced" in error.what
    assert hub.assets(REPO)[item.asset].bytes() == b"not what was sent"


def test_an_upload_that_always_arrives_damaged_fails_and_leaves_nothing(
    hub: GitHub, bench: Bench, store: Store
) -> None:
    item = bench.model("best.fault-stored-wrong.pt")
    assert "damaged" in only_error(bench.upload([item], store)).what
    assert hub.assets(REPO) == {}
    assert posts(hub) == 5


def test_one_bad_file_does_not_keep_the_others_from_going_up(hub: GitHub, bench: Bench, store: Store) -> None:
    items = [bench.model("bad.fault-502-different.pt"), *(bench.model(f"m{n}.pt", seed=n) for n in range(5))]
    outcome = bench.upload(items, store)
    assert [item.asset for item, _ in outcome.failed] == ["bad.fault-502-different.pt"]
    assert len(outcome.done) == 5
    assert all(stored(hub, bench, item.asset) for item in outcome.done)


def test_without_a_digest_both_ends_are_compared(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.digests = False
    item = bench.model("best.pt", size=300_000)
    assert not bench.upload([item], store).failed
    ranges = sorted(r.headers["range"] for r in hub.asked("blob"))
    assert ranges == ["bytes=0-65535", "bytes=234464-"] or ranges == ["bytes=0-65535", "bytes=234464-299999"]


def test_without_a_digest_other_bytes_are_still_found(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.digests = False
    item = bench.model("best.pt", size=300_000)
    hub.put(REPO, "git-models", item.asset, bytes(300_000))
    assert "other bytes" in only_error(bench.upload([item], store)).what
    assert hub.assets(REPO)[item.asset].bytes() == bytes(300_000)


def test_a_push_of_what_is_there_asks_one_question_and_only_whether_it_changed(
    hub: GitHub, bench: Bench, store: Store
) -> None:
    items = [bench.model(f"m{n}.pt", size=2000, seed=n) for n in range(5)]
    bench.upload(items, store)
    transfer.missing(items, store)
    hub.forget()
    assert transfer.missing(items, store) == []
    assert [(r.method, r.path, r.status) for r in hub.asked()] == [("GET", "/repos/owner/repo/releases", 304)]


def test_a_store_of_many_assets_is_read_to_its_last_page(hub: GitHub, bench: Bench, store: Store) -> None:
    for n in range(250):
        hub.put(REPO, "git-models", f"m{n}.pt", b"1")
    hub.forget()
    assert set(store.has(["m0.pt", "m249.pt", "absent.pt"])) == {"m0.pt", "m249.pt"}
    assert len(hub.asked("api")) <= 4
    assert len(list(store.list())) == 250


def test_the_store_is_a_published_prerelease_that_is_never_latest(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.put(REPO, "v1.0", "wheel.whl", b"1")
    item = bench.model("best.pt", version="1.2.0")
    bench.upload([item], store)
    release = hub.release(REPO, "git-models")
    assert (release.draft, release.prerelease, release.latest) == (False, True, "false")
    assert hub.assets(REPO)["best.pt"].label == "weights/best.pt 1.2.0"
    assert "curl -LO" in (release.body or "")
    assert len((release.body or "").strip().splitlines()) <= 4


def test_the_tag_of_the_store_is_seen_by_neither_describe_nor_fetch(
    hub: GitHub, bench: Bench, store: Store, tmp_path: Path
) -> None:
    import subprocess

    repo = hub.repository("owner/other")
    hub.token("rw", can={"owner/other": "write"})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(repo.git), str(clone)], check=True)
    other = remotes.open(hub.remote("owner/other"), "github")
    bench.upload([bench.model("best.pt")], other)
    assert call(repo, "rev-list", "--count", "git-models") == "1"
    subprocess.run(["git", "-C", str(clone), "fetch", "-q"], check=True)
    tags = subprocess.run(["git", "-C", str(clone), "tag"], check=True, capture_output=True, text=True).stdout
    assert tags == ""
    subprocess.run(["git", "-C", str(clone), "fetch", "-q", "--tags"], check=True)
    described = subprocess.run(["git", "-C", str(clone), "describe", "--tags", "origin/main"], capture_output=True)
    assert described.returncode != 0


def test_a_full_release_is_followed_by_the_next_one(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.assets_per_release = 3
    items = [bench.model(f"m{n}.pt", size=2000, seed=n) for n in range(8)]
    assert not bench.upload(items, store, jobs=1).failed
    assert [r.tag for r in hub.releases(REPO)] == ["git-models", "git-models-2", "git-models-3"]
    hub.forget()
    anonymous = remotes.open(hub.remote(REPO), "github", Options())
    bench.download(items, anonymous)
    assert all(bench.whole(item) for item in items)


def test_a_public_pull_finds_the_second_store_even_when_the_api_is_closed(
    hub: GitHub, bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.assets_per_release = 1
    items = [bench.model(f"m{n}.pt", size=2000, seed=n) for n in range(2)]
    bench.upload(items, store)
    hub.rate_limited_until = hub.now() + 3000
    bench.download(items, remotes.open(hub.remote(REPO), "github"))
    assert all(bench.whole(item) for item in items)
    assert bench.clock.slept == []


def test_each_push_to_frozen_releases_makes_one_and_publishes_it_whole(hub: GitHub, bench: Bench) -> None:
    hub.repository("owner/frozen", immutable=True)
    hub.token("rw", can={"owner/frozen": "write"})
    frozen = remotes.open(hub.remote("owner/frozen"), "github")
    first, second = bench.model("a.pt", seed=1), bench.model("b.pt", seed=2)
    assert not bench.upload([first], frozen).failed
    assert not bench.upload([first, second], frozen).failed
    published = [r for r in hub.releases("owner/frozen") if not r.draft]
    assert [[a.name for a in r.assets] for r in published] == [["a.pt"], ["b.pt"]]
    assert transfer.missing([first, second], frozen) == []


def test_an_interrupted_push_to_frozen_releases_goes_on_with_its_draft(hub: GitHub, bench: Bench) -> None:
    hub.repository("owner/frozen", immutable=True)
    hub.token("rw", can={"owner/frozen": "write"})
    frozen = remotes.open(hub.remote("owner/frozen"), "github")
    first, second = bench.model("a.pt", seed=1), bench.model("b.pt", seed=2)
    bench.upload([bench.model("zero.pt", seed=9)], frozen)
    up = Upload(first.asset, str(bench.root / first.asset), 0, first.size, first.sha256, first.md5, first.path)
    frozen.put(up, lambda _: None)  # killed before `finish`
    again = remotes.open(hub.remote("owner/frozen"), "github")
    hub.forget()
    assert not bench.upload([first, second], again).failed
    assert posts(hub) == 1
    assert transfer.missing([first, second], again) == []


def test_an_empty_repository_is_told_apart(hub: GitHub, bench: Bench) -> None:
    hub.repository("owner/empty", empty=True)
    hub.token("rw", can={"owner/empty": "write"})
    with pytest.raises(EmptyRepository, match="has no commit yet"):
        bench.upload([bench.model("a.pt"), bench.model("b.pt", seed=1)], remotes.open(hub.remote("owner/empty"), "g"))


def test_a_store_whose_tag_was_deleted_is_published_again_by_the_next_push(
    hub: GitHub, bench: Bench, store: Store
) -> None:
    item = bench.model("best.pt")
    bench.upload([item], store)
    hub.delete_tag(REPO, "git-models")
    store.store.forget()
    assert [r.tag for r in store.store.drafts()] == ["git-models"]
    assert not bench.upload([item], store).failed
    assert posts(hub) == 1
    bench.download([item], remotes.open(hub.remote(REPO), "github"))
    assert bench.whole(item)


def test_a_deleted_release_is_made_again(hub: GitHub, bench: Bench, store: Store) -> None:
    item = bench.model("best.pt")
    bench.upload([item], store)
    hub.delete_release(REPO, "git-models")
    assert not bench.upload([item], store).failed
    assert stored(hub, bench, item.asset)


def test_a_renamed_repository_goes_on_working(hub: GitHub, bench: Bench, store: Store) -> None:
    first, second = bench.model("a.pt", seed=1), bench.model("b.pt", seed=2)
    bench.upload([first], store)
    hub.rename(REPO, "owner/renamed")
    assert not bench.upload([second], store).failed
    assert not bench.download([first, second], store).failed
    assert store.access().full_name == "owner/renamed"


def test_a_secondary_limit_is_waited_for(hub: GitHub, bench: Bench, store: Store) -> None:
    bench.upload([bench.model("a.pt")], store)
    hub.secondary_limited_until = hub.now() + 60
    assert not bench.upload([bench.model("b.pt", seed=1)], store).failed
    assert 59 <= sum(bench.clock.slept) <= 65
    assert bench.waits[0][1].endswith("fewer requests at a time")


def test_more_files_than_github_bears_in_a_minute_are_paced(hub: GitHub, bench: Bench, store: Store) -> None:
    store.per_minute = 3  # type: ignore[misc]
    items = [bench.model(f"m{n}.pt", size=100, seed=n) for n in range(7)]
    assert not bench.upload(items, store, jobs=1).failed
    assert 119 <= sum(bench.clock.slept) <= 121


@pytest.mark.parametrize(
    ("kind", "said", "fix"),
    [
        ("integration", "may only read owner/repo\n  (a pull request from a fork has such a token)", "your fork"),
        ("fine-grained", "may only read owner/repo", "Contents: write"),
        ("classic", "may not write to owner/repo", "git models login"),
    ],
)
def test_a_token_that_may_only_read_is_told_how_to_go_on(
    hub: GitHub, bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch, kind: str, said: str, fix: str
) -> None:
    hub.token("ro", can={REPO: "read"}, kind=kind)  # type: ignore[arg-type]
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "ro")
    error = only_error(bench.upload([bench.model("a.pt")], store))
    assert said in error.what
    assert "GH_ENTERPRISE_TOKEN" in error.what
    assert fix in error.fix


def test_a_revoked_token_is_named_with_its_source(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.revoke("rw")
    with pytest.raises(RemoteError, match=r"does not accept the token from GH_ENTERPRISE_TOKEN.*expired"):
        bench.upload([bench.model("a.pt")], store)


def test_single_sign_on_is_named_with_the_page_that_opens_it(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.token("rw", can={REPO: "write"}, sso="owner")
    with pytest.raises(RemoteError, match="single sign-on") as caught:
        bench.upload([bench.model("a.pt")], store)
    assert "/orgs/owner/sso?authorization_request=" in caught.value.fix


def test_no_token_says_where_one_would_be_looked_for(
    hub: GitHub, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GH_ENTERPRISE_TOKEN")
    private = remotes.open(hub.remote("owner/private"), "github")
    error = only_error(bench.download([bench.model("a.pt")], private))
    assert "is private or does not exist" in error.what
    assert "GH_ENTERPRISE_TOKEN" in error.fix
    assert "git models login" in error.fix


def test_no_token_cannot_push(hub: GitHub, bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_ENTERPRISE_TOKEN")
    error = only_error(bench.upload([bench.model("a.pt")], store))
    assert "token" in error.what
    assert "git models login" in error.fix


def test_the_token_is_sent_to_the_api_alone(hub: GitHub, bench: Bench, store: Store) -> None:
    item = bench.model("best.pt")
    private = remotes.open(hub.remote("owner/private"), "github")
    for remote in (store, private):
        bench.upload([item], remote)
        bench.download([item], remote)
    assert {r.role for r in hub.asked() if r.authorized} == {"api", "uploads"}
    assert {r.role for r in hub.asked() if not r.authorized} == {"web", "blob"}


def test_a_public_pull_asks_neither_for_a_token_nor_the_api(
    hub: GitHub, bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = bench.model("best.pt")
    bench.upload([item], store)
    hub.forget()
    monkeypatch.delenv("GH_ENTERPRISE_TOKEN")
    from git_models.remotes import credentials

    monkeypatch.setattr(credentials, "find", lambda *_: pytest.fail("a token was looked for"))
    bench.download([item], store)
    assert bench.whole(item)
    assert hub.asked("api") == []


def test_a_file_over_the_limit_is_refused_before_anything_is_sent(hub: GitHub, bench: Bench, store: Store) -> None:
    with open(bench.root / "large.pt", "wb") as file:
        file.truncate(1 << 31)
    item = transfer.Item("0" * 64, "", 1 << 31, "large.pt", "large.pt")
    error = only_error(bench.upload([item, bench.model("small.pt")], store))
    assert "too much for github" in error.what
    assert "models.partSize" in error.fix
    assert list(hub.assets(REPO)) == ["small.pt"]


def test_a_file_that_changed_since_it_was_recorded_is_not_sent(hub: GitHub, bench: Bench, store: Store) -> None:
    item = bench.model("best.pt")
    (bench.root / "best.pt").write_bytes(b"shorter")
    assert "models.yaml says" in only_error(bench.upload([item], store)).what
    assert posts(hub) == 0


def test_a_remote_that_is_gone_is_said_so(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.stop()
    with pytest.raises(RemoteError, match="cannot be reached"):
        bench.upload([bench.model("a.pt")], store)


def test_a_rate_limit_on_the_way_up_is_not_taken_for_absence(hub: GitHub, bench: Bench, store: Store) -> None:
    hub.rate_limited_until = hub.now() + 3000
    with pytest.raises(RateLimited):
        bench.upload([bench.model("a.pt")], store)


def test_another_release_can_be_chosen(hub: GitHub, bench: Bench) -> None:
    named: Remote = remotes.open(hub.remote(REPO) + "?release=weights/v1", "github")
    item = bench.model("best.pt")
    assert not bench.upload([item], named).failed
    assert [r.tag for r in hub.releases(REPO)] == ["weights/v1"]
    bench.download([item], named)
    assert bench.whole(item)


def test_a_server_that_stops_reading_is_given_up_and_sent_to_again(
    hub: GitHub, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENCE", 0.5)
    impatient = remotes.open(hub.remote(REPO), "github", Options(patience=0.5))
    item = bench.model("best.fault-upload-stall-once.pt", size=32_000_000)  # more than the sockets' buffers hold
    assert not bench.upload([item], impatient).failed
    assert stored(hub, bench, item.asset)
    assert bench.moved == item.size


def test_the_owner_and_the_rights_of_a_token_are_told(hub: GitHub, store: Store) -> None:
    hub.token("classic", login="mona", scopes="repo, read:org")
    hub.token("narrow", login="mona", kind="fine-grained")
    assert github_api.whoami(store.place, Options(), "classic") == ("mona", ("repo", "read:org"))
    assert github_api.whoami(store.place, Options(), "narrow") == ("mona", None)
    with pytest.raises(RemoteError, match="does not accept this token"):
        github_api.whoami(store.place, Options(), "wrong")
    assert store.access()[:4] == (REPO, False, True, False)


@pytest.mark.slow
def test_a_file_over_4_gib_goes_up_in_parts_and_comes_back(hub: GitHub, bench: Bench, store: Store) -> None:
    size = (1 << 32) + 1
    file = bench.root / "large.pt"
    with open(file, "wb") as target:
        target.truncate(size)
    parts = transfer.parts_of(str(file), "large.pt", 1_900_000_000)
    assert [part.size for part in parts] == [1_900_000_000, 1_900_000_000, size - 3_800_000_000]
    hasher = Hasher()
    with open(file, "rb") as source:
        while block := source.read(BLOCK):
            hasher.update(block)
    is_ = hasher.digests()
    item = transfer.Item(is_.sha256, is_.md5, size, "large.pt", "large.pt", parts=parts)
    assert not bench.upload([item], store).failed
    landed: list[int] = []

    def land(_item: transfer.Item, path: str) -> None:
        landed.append(os.stat(path).st_size)
        os.unlink(path)

    outcome = transfer.download([item], str(bench.incoming), [store], land=land)
    assert not outcome.failed
    assert landed == [size]
