"""What the queue makes of a source that misbehaves in time or in order, without a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from git_models import transfer
from git_models.errors import NotThere, Transient
from git_models.transfer import Item
from tests.helpers.transfers import Bench, only_error


@dataclass
class Bytes:
    """A body of blocks; `each` is called before each of them."""

    data: bytes
    start: int
    total: int | None
    block: int
    each: object = None
    tag: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self.data), self.block):
            if callable(self.each):
                self.each()
            yield self.data[at : at + self.block]

    def __enter__(self) -> Bytes:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@dataclass
class Memory:
    """A source that serves one file; `sends` shapes each answer."""

    data: bytes
    name: str = "memory"
    url: str = "memory:"
    several: bool = False
    block: int = 10_000
    each: object = None
    seeks: bool = True
    asked: list[int] = field(default_factory=list)

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Bytes:
        self.asked.append(start)
        first = start if self.seeks else 0
        return Bytes(self.data[first:stop], first, len(self.data), self.block, self.each)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def source(bench: Bench, asset: str, **more: object) -> Memory:
    return Memory((bench.root / asset).read_bytes(), **more)  # type: ignore[arg-type]


def test_a_line_that_hardly_moves_is_given_up_and_resumed_and_at_last_a_failure(bench: Bench) -> None:
    item = bench.model("best.pt", size=5_000_000)
    slow = source(bench, "best.pt", each=lambda: bench.clock.sleep(1.0))  # 10 KB a second
    error = only_error(bench.download([item], slow))  # type: ignore[arg-type]
    assert isinstance(error, Transient)
    assert "in 30 s" in error.what
    assert slow.asked == [0, 300_000, 600_000, 900_000, 1_200_000]


def test_a_line_that_is_slow_for_a_moment_is_kept(bench: Bench) -> None:
    item = bench.model("best.pt", size=5_000_000)
    steady = source(bench, "best.pt", block=300_000, each=lambda: bench.clock.sleep(1.0))  # 300 KB a second
    assert not bench.download([item], steady).failed  # type: ignore[arg-type]
    assert steady.asked == [0]


def test_a_source_that_cannot_seek_starts_over_instead_of_mixing(bench: Bench) -> None:
    item = bench.model("best.pt")
    bench.begun(item, 40_000)
    assert not bench.download([item], source(bench, "best.pt", seeks=False)).failed  # type: ignore[arg-type]
    assert bench.whole(item)


def test_a_source_that_sends_more_than_was_said_is_cut_off(bench: Bench) -> None:
    item = bench.model("best.pt")
    endless = source(bench, "best.pt")
    endless.data += b"more"
    endless.get = lambda *a, **k: Bytes(endless.data, 0, None, 10_000)  # type: ignore[method-assign,assignment]
    assert "more than the 100000 bytes" in only_error(bench.download([item], endless)).what  # type: ignore[arg-type]
    assert bench.left() == []


def test_nowhere_to_ask_is_said_so(bench: Bench) -> None:
    error = only_error(bench.download([bench.model("best.pt")]))
    assert isinstance(error, NotThere)
    assert "git models remote list" in error.fix


def test_an_entry_without_any_hash_is_never_fetched(bench: Bench) -> None:
    item = bench.model("best.pt")
    with pytest.raises(Exception, match="no hash"):
        bench.download([item._replace(sha256="", md5="")], source(bench, "best.pt"))  # type: ignore[arg-type]


def test_a_wrong_md5_is_an_error_though_the_sha256_fits(bench: Bench) -> None:
    item = bench.model("best.pt")
    outcome = bench.download([item._replace(md5="0" * 32)], source(bench, "best.pt"))  # type: ignore[arg-type]
    assert "MD5" in only_error(outcome).what


def test_an_empty_model_lands(bench: Bench) -> None:
    item = bench.model("empty.pt", size=0)
    assert not bench.download([item], source(bench, "empty.pt")).failed  # type: ignore[arg-type]
    assert bench.landed == {"empty.pt": b""}


def test_a_land_that_fails_leaves_the_rest_of_the_batch(bench: Bench) -> None:
    from git_models import transfer
    from git_models.errors import ModelsError

    item = bench.model("best.pt")

    def land(_item: transfer.Item, _path: str) -> None:
        raise ModelsError("no room")

    outcome = transfer.download([item], str(bench.incoming), [source(bench, "best.pt")], land=land)  # type: ignore[list-item]
    assert only_error(outcome).what == "no room"
    assert not bench.download([item]).failed  # the bytes were kept


@pytest.mark.parametrize("lacks", ["sha256", "md5"])
def test_an_entry_with_one_hash_lands_with_both(bench: Bench, lacks: str) -> None:
    item = bench.model("best.pt")
    landed: list[Item] = []
    short = item._replace(**{lacks: ""})
    places = [source(bench, "best.pt")]
    done = transfer.download([short], str(bench.incoming), places, land=lambda i, _: landed.append(i))  # type: ignore[arg-type]
    assert done.done == (short,)
    assert [(i.sha256, i.md5) for i in landed] == [(item.sha256, item.md5)]


@dataclass
class Counted(Memory):
    """A source that says how many transfers at once pay, and sees how many there were."""

    pays: int = 0
    now: int = 0
    most: int = 0

    def at_once(self) -> int:
        return self.pays

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Bytes:
        self.now += 1
        self.most = max(self.most, self.now)
        body = super().get(asset, start, stop, tag)
        body.each = self._meet
        return body

    def _meet(self) -> None:
        """Wait a moment for others, who would come if they were let."""
        with self.others:
            self.others.wait_for(lambda: self.most > 1, timeout=0.1 if self.pays else 60)
            self.others.notify_all()
        self.now -= 1

    others: threading.Condition = field(default_factory=threading.Condition)


@pytest.mark.parametrize(("pays", "most"), [(1, 1), (0, 2)])
def test_no_more_transfers_run_at_once_than_pay(bench: Bench, pays: int, most: int) -> None:
    items = [bench.model(f"m{n}.pt", size=1000, seed=7)._replace(sha256="", md5=f"{n:032x}") for n in range(2)]
    near = Counted(bench.model("m.pt", size=1000, seed=7) and (bench.root / "m.pt").read_bytes(), pays=pays)
    bench.download(items, near, jobs=2)  # type: ignore[arg-type]
    assert near.most == most
