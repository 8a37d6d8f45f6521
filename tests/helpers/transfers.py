"""What tests of transfers share: items with real files behind them, and time that passes at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from git_models import transfer
from git_models.errors import ModelsError
from git_models.remotes.base import Remote
from git_models.transfer import Item, Outcome, Pace
from tests.helpers.sandbox import weights


@dataclass
class Clock:
    """A clock that only `sleep` moves; `with_it` are told how far (a server's own clock)."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    with_it: Any = None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if self.with_it:
            self.with_it(seconds)

    def pace(self, **changes: Any) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 0.5, **changes)


@dataclass
class Bench:
    """A folder with models to send, one to fetch into, and what was told on the way."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    moved: int = 0
    waits: list[tuple[float, str]] = field(default_factory=list)
    landed: dict[str, bytes] = field(default_factory=dict)

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    def model(self, asset: str, size: int = 100_000, seed: int = 0, part: int = 0, **more: Any) -> Item:
        """An item whose file exists, in parts of `part` bytes if given."""
        data = weights(size, seed)
        file = self.root / asset
        file.write_bytes(data)
        md5, sha256 = hashlib.md5(data, usedforsecurity=False).hexdigest(), hashlib.sha256(data).hexdigest()
        parts = transfer.parts_of(str(file), asset, part) if part else ()
        return Item(sha256, md5, size, asset, f"weights/{asset}", parts=parts, **more)

    def upload(self, items: Sequence[Item], remote: Remote, **more: Any) -> Outcome:
        more.setdefault("pace", self.clock.pace())
        return transfer.upload(
            items, lambda item: str(self.root / item.asset), remote, advance=self._advance, wait=self._wait, **more
        )

    def download(self, items: Sequence[Item], *remotes: Remote, **more: Any) -> Outcome:
        more.setdefault("pace", self.clock.pace())

        def land(item: Item, file: str) -> None:
            self.landed[item.asset] = Path(file).read_bytes()
            os.unlink(file)

        return transfer.download(
            items, str(self.incoming), remotes, advance=self._advance, wait=self._wait, land=land, **more
        )

    def begun(self, item: Item, count: int, content: bytes | None = None) -> None:
        """Leave the first bytes of a download as an interrupted one does."""
        self.incoming.mkdir(exist_ok=True)
        data = (self.root / item.asset).read_bytes()[:count] if content is None else content
        (self.incoming / f"{item.sha256}.part").write_bytes(data)

    def left(self) -> list[str]:
        """The names of what lies in the incoming folder."""
        return sorted(p.name for p in self.incoming.iterdir())

    def whole(self, item: Item) -> bool:
        """Whether exactly the item's bytes landed."""
        return self.landed.get(item.asset) == (self.root / item.asset).read_bytes()

    def _advance(self, count: int) -> None:
        self.moved += count

    def _wait(self, seconds: float, why: str) -> None:
        self.waits.append((seconds, why))


def only_error(outcome: Outcome) -> ModelsError:
    """The error of the one item that failed."""
    ((_, error),) = outcome.failed
    return error
