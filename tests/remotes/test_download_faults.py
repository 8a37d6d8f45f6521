"""Whatever a server does on the way down: the right bytes land, or none and a reason."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from git_models import remotes
from git_models.errors import NotAModel, NotThere, Offline
from git_models.remotes import http
from git_models.remotes.base import Options, Remote
from git_models.transfer import Item
from tests.fakes.github import GitHub
from tests.helpers.transfers import Bench, only_error

PREFIX = 40_000


@pytest.fixture
def store(hub: GitHub) -> Remote:
    return remotes.open(hub.remote("owner/repo"), "github")


def publish(hub: GitHub, bench: Bench, *assets: str, repo: str = "owner/repo") -> list[Item]:
    """Models that lie in a store release; the log of requests begins afterwards."""
    items = [bench.model(asset, seed=n) for n, asset in enumerate(assets)]
    for item in items:
        hub.put(repo, "git-models", item.asset, (bench.root / item.asset).read_bytes())
    hub.forget()
    return items


@pytest.mark.parametrize("fault", ["close-half", "400", "403", "500", "503"])
def test_a_failure_that_passes_is_tried_again_with_a_new_link(
    hub: GitHub, bench: Bench, store: Remote, fault: str
) -> None:
    (item,) = publish(hub, bench, f"best.fault-{fault}-once.pt")
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert len(hub.asked("web")) == 2
    assert bench.moved == item.size
    assert bench.left() == []


def test_a_broken_download_goes_on_where_it_broke(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.fault-close-half-once.pt")
    bench.download([item], store)
    first, second = hub.asked("blob")
    assert "range" not in first.headers
    assert second.status == 206
    assert second.headers["if-range"].startswith('"0x')
    assert int(second.headers["range"].removeprefix("bytes=").removesuffix("-")) > 0


@pytest.mark.parametrize("fault", ["200-for-range", "bad-content-range", "etag-changes", "416-once"])
def test_what_cannot_be_continued_is_begun_again(hub: GitHub, bench: Bench, store: Remote, fault: str) -> None:
    (item,) = publish(hub, bench, f"best.fault-{fault}.pt")
    bench.begun(item, PREFIX)
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert bench.moved == item.size


def test_a_changed_etag_is_noticed_when_the_server_ignores_if_range(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.pt")
    bench.begun(item, PREFIX)
    note = bench.incoming / f"{item.sha256}.from"
    note.write_text(f'{{"source": "{store.url} {item.asset}", "tag": "\\"old\\""}}')
    assert not bench.download([item], store).failed
    assert hub.asked("blob")[0].headers["if-range"] == '"old"'
    assert bench.whole(item)


def test_starting_over_is_bounded(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.fault-416.pt")
    bench.begun(item, PREFIX)
    assert bench.download([item], store).failed
    assert len(hub.asked("blob")) <= 6


def test_a_spoilt_beginning_is_noticed_by_the_hash_and_begun_again(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.pt")
    bench.begun(item, PREFIX, content=b"x" * PREFIX)
    assert not bench.download([item], store).failed
    assert bench.whole(item)


def test_a_complete_part_file_needs_no_request(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.pt")
    bench.begun(item, item.size)
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert hub.asked() == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("html", "an HTML page"),
        ("json", "a JSON answer"),
        ("pointer", "a Git LFS pointer"),
        ("truncate", "50000 instead of"),
        ("wrong-bytes", "SHA-256"),
    ],
)
def test_what_is_not_the_model_is_named_and_never_lands(
    hub: GitHub, bench: Bench, store: Remote, fault: str, said: str
) -> None:
    (item,) = publish(hub, bench, f"best.fault-{fault}.pt")
    error = only_error(bench.download([item], store))
    assert isinstance(error, NotAModel)
    assert said in error.what
    assert bench.landed == {}
    assert bench.left() == []
    assert bench.moved == 0


def test_a_replaced_asset_of_another_length_fails_before_it_is_fetched(
    hub: GitHub, bench: Bench, store: Remote
) -> None:
    (item,) = publish(hub, bench, "best.pt")
    hub.put("owner/repo", "git-models", item.asset, b"\0" * (item.size + 1568))
    outcome = bench.download([item], store)
    assert f"{item.size + 1568} instead of {item.size}" in only_error(outcome).what
    assert outcome.moved == 0


def test_the_next_remote_serves_what_the_first_cannot(hub: GitHub, bench: Bench, store: Remote) -> None:
    items = publish(hub, bench, "a.pt", "b.fault-wrong-bytes.pt", "c.fault-html.pt", "d.fault-500.pt")
    nas = remotes.open((bench.root / "nas").as_uri(), "nas")
    bench.upload(items[1:], nas)
    assert not bench.download(items, store, nas).failed
    assert all(bench.whole(item) for item in items)


def test_a_missing_folder_does_not_keep_the_next_remote_from_serving(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.pt")
    unmounted = remotes.open((bench.root / "not" / "mounted").as_uri(), "nas")
    assert not bench.download([item], unmounted, store).failed
    assert "mounted?" in only_error(bench.download([item], unmounted)).what
    assert not (bench.root / "not").exists()


def test_a_direct_link_serves_when_no_remote_does(hub: GitHub, bench: Bench) -> None:
    url = f"{hub.url}/owner/repo/releases/download/v1/elsewhere.pt"
    item = bench.model("best.pt", urls=(url,))._replace(size=-1, sha256="")  # as a person writes it
    hub.put("owner/repo", "v1", "elsewhere.pt", (bench.root / "best.pt").read_bytes())
    nas = remotes.open((bench.root / "nas").as_uri(), "nas")
    assert not bench.download([item], nas, links=remotes.links()).failed
    assert bench.whole(item)


def test_a_link_of_the_manifest_into_the_own_network_is_not_asked(hub: GitHub, bench: Bench) -> None:
    item = bench.model("best.pt", urls=(f"{hub.url}/owner/repo/releases/download/v1/best.pt",))
    error = only_error(bench.download([item]))
    assert "private network" in error.what
    assert hub.asked() == []


def test_a_silent_server_is_given_up_and_asked_again(
    hub: GitHub, bench: Bench, store: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENCE", 0.3)
    (item,) = publish(hub, bench, "best.fault-stall-once.pt")
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert hub.asked("blob")[-1].status == 206


def test_an_interrupt_ends_the_batch_at_once_and_the_next_one_goes_on(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.fault-stall-once.pt")

    def interrupt() -> None:
        hub.wait_for_stall()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bench.download([item], store)
    assert time.monotonic() - began < 30
    hub.resume()
    outcome = bench.download([item], store)
    assert bench.whole(item)
    assert outcome.moved <= item.size


def test_a_wait_that_the_service_asks_for_is_counted_down(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.fault-429-once.pt")
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert sum(bench.clock.slept) >= 1


def test_a_wait_over_the_limit_is_refused_with_the_time(hub: GitHub, bench: Bench) -> None:
    items = publish(hub, bench, "best.pt", repo="owner/private")
    private = remotes.open(hub.remote("owner/private"), "github")
    hub.rate_limited_until = hub.now() + 3000
    error = only_error(bench.download(items, private))
    assert "takes no more requests from this token until" in error.what
    assert not isinstance(error, NotThere)
    assert bench.clock.slept == []


def test_a_rate_limit_within_the_limit_is_waited_for(hub: GitHub, bench: Bench) -> None:
    items = publish(hub, bench, "best.pt", repo="owner/private")
    private = remotes.open(hub.remote("owner/private"), "github")
    hub.rate_limited_until = hub.now() + 120
    assert not bench.download(items, private).failed
    assert 119 <= sum(bench.clock.slept) <= 125
    seconds = [s for s, _ in bench.waits]
    assert seconds == sorted(seconds, reverse=True)
    assert len(seconds) > 100


def test_a_server_that_is_gone_is_offline_after_the_patience(hub: GitHub, bench: Bench, store: Remote) -> None:
    items = publish(hub, bench, "a.pt", "b.pt", "c.pt")
    hub.stop()
    outcome = bench.download(items, store, patience=3, jobs=1)
    assert len(outcome.failed) == 3
    assert all(isinstance(error, Offline) for _, error in outcome.failed)
    assert sum(bench.clock.slept) <= 3


def test_parts_are_joined_and_each_is_checked(hub: GitHub, bench: Bench, store: Remote) -> None:
    item = bench.model("large.pt", size=100_000, part=30_000)
    assert [p.asset for p in item.parts] == [f"large.pt.part-0{n}-of-04" for n in (1, 2, 3, 4)]
    bench.upload([item], store)
    bench.moved = 0
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert b"".join(hub.assets("owner/repo")[p.asset].bytes() for p in item.parts) == bench.landed["large.pt"]


@pytest.mark.parametrize("count", [1, 30_000, 45_000, 90_000])
def test_parts_go_on_in_the_middle(hub: GitHub, bench: Bench, store: Remote, count: int) -> None:
    item = bench.model("large.pt", size=100_000, part=30_000)
    bench.upload([item], store)
    bench.begun(item, count)
    outcome = bench.download([item], store)
    assert bench.whole(item)
    assert outcome.moved == item.size - count


def test_a_wrong_part_is_named_and_nothing_lands(hub: GitHub, bench: Bench, store: Remote) -> None:
    item = bench.model("large.pt", size=100_000, part=30_000)
    bench.upload([item], store)
    hub.put("owner/repo", "git-models", item.parts[1].asset, b"\0" * 30_000)
    error = only_error(bench.download([item], store))
    assert "large.pt.part-02-of-04" in error.what
    assert bench.landed == {}


@pytest.mark.parametrize("part", [0, 35_000])
def test_a_lone_file_comes_in_several_ranges(hub: GitHub, bench: Bench, store: Remote, part: int) -> None:
    item = bench.model("large.pt", size=100_000, part=part)
    bench.upload([item], store)
    hub.forget()
    outcome = bench.download([item], store, pace=bench.clock.pace(alone=50_000, range=16_000))
    assert bench.whole(item)
    assert outcome.moved == item.size
    assert len(hub.asked("blob")) >= 7
    assert bench.left() == []


@pytest.mark.parametrize("fault", ["bad-content-range", "200-for-range"])
def test_a_server_that_cannot_do_ranges_is_asked_plainly(hub: GitHub, bench: Bench, store: Remote, fault: str) -> None:
    (item,) = publish(hub, bench, f"large.fault-{fault}.pt")
    assert not bench.download([item], store, pace=bench.clock.pace(alone=50_000, range=16_000)).failed
    assert bench.whole(item)
    assert bench.moved == item.size
    assert "range" not in hub.asked("blob")[-1].headers


def test_ranges_that_fail_leave_no_hole(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "large.fault-500.pt")
    assert bench.download([item], store, pace=bench.clock.pace(alone=50_000, range=16_000)).failed
    assert bench.moved == 0
    assert bench.left() == []


def test_two_processes_may_fetch_the_same_at_once(hub: GitHub, bench: Bench, store: Remote) -> None:
    from git_models.partfile import PartFile

    (item,) = publish(hub, bench, "best.pt")
    bench.incoming.mkdir()
    other = PartFile(str(bench.incoming), item.sha256)
    other.write(b"half of it")
    assert not bench.download([item], store).failed
    assert bench.whole(item)
    assert (bench.incoming / f"{item.sha256}.part").read_bytes() == b"half of it"
    other.close()


def test_the_same_bytes_at_two_paths_are_fetched_once(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.pt")
    twin = item._replace(path="other/best.pt")
    outcome = bench.download([item, twin], store)
    assert set(outcome.done) == {item, twin}
    assert len(hub.asked("blob")) == 1


def test_two_models_of_one_name_get_their_own_bytes(hub: GitHub, bench: Bench, store: Remote) -> None:
    items = [bench.model("best-aaaaaaaaaaaa.pt", seed=1), bench.model("best-bbbbbbbbbbbb.pt", seed=2)]
    bench.upload(items, store)
    bench.download(items, store)
    assert all(bench.whole(item) for item in items)
    assert bench.landed[items[0].asset] != bench.landed[items[1].asset]


def test_a_model_that_the_disk_cannot_hold_is_not_begun(hub: GitHub, bench: Bench, store: Remote) -> None:
    (item,) = publish(hub, bench, "best.pt")
    with pytest.raises(Exception, match=r"only .* are free on the disk"):
        bench.download([item._replace(size=1 << 60)], store)
    assert hub.asked() == []


def test_options_decide_what_a_stranger_may_make_us_ask(hub: GitHub, bench: Bench) -> None:
    (item,) = publish(hub, bench, "best.pt", repo="owner/private")
    named = remotes.open(hub.remote("owner/private"), "theirs", Options(from_manifest=True))
    assert "private network" in only_error(bench.download([item], named)).what
    assert hub.asked() == []
