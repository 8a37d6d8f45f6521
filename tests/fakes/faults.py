"""Misbehaviour that is chosen by the name of what is moved.

A model called `best.fault-html.pt` gets an asset name that still holds the marker, so a test needs
nothing but a file name. `fault-KIND` happens every time; `fault-KIND-once` the first time in each
direction only.

| marker | going up | coming down |
|---|---|---|
| `fault-STATUS` (`500`, `429`, `403`, …) | that status; nothing is stored | that status from the blob host |
| `fault-502-stored` | 502, and the asset is there | |
| `fault-502-starter` | 502, and an asset in state `starter` is there | |
| `fault-502-different` | 502, and an asset of the same name with other bytes is there | |
| `fault-upload-cut` | the connection ends half-way, a `starter` is left | |
| `fault-upload-stall` | stops reading half-way until `resume` | |
| `fault-stored-wrong` | 201, and other bytes are stored | |
| `fault-no-digest` | the asset has no digest, as those of before June 2025 | |
| `fault-close-half` | | the connection ends half-way |
| `fault-stall` | | half, then nothing until `resume` |
| `fault-html`, `fault-json`, `fault-pointer` | | status 200 and a page, an error document, a Git LFS pointer |
| `fault-truncate` | | a shorter file, cleanly sent |
| `fault-wrong-bytes` | | the right length, another content |
| `fault-200-for-range` | | Range is ignored |
| `fault-bad-content-range` | | 206 with a Content-Range that was not asked for |
| `fault-etag-changes` | | another ETag with each answer |
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.fakes.web import HangUp, Reply, Stream, html_reply, json_reply

KINDS = (
    "502-stored|502-starter|502-different|upload-cut|upload-stall|stored-wrong|no-digest|close-half|stall|html|json"
    "|pointer|truncate|wrong-bytes|200-for-range|bad-content-range|etag-changes|[45][0-9][0-9]"
)
_MARKER = re.compile(rf"fault-({KINDS})(-once)?(?![a-z])")

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 17090379\n" % (b"0" * 64)


@dataclass
class Faults:
    """Which faults have happened already, and the transfers that are held up."""

    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    versions: Iterator[int] = field(default_factory=itertools.count)
    _go: threading.Event = field(default_factory=threading.Event)
    _held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def of(self, name: str, direction: str) -> str:
        """The fault that is due for a name in a direction ("up" or "down"), "" if none."""
        marker = _MARKER.search(name)
        if not marker:
            return ""
        self.seen[name, direction] += 1
        return "" if marker[2] and self.seen[name, direction] > 1 else marker[1]

    def hold(self) -> None:
        """Wait in a transfer until `resume`."""
        self._held.release()
        self._go.wait()

    def wait_for_stall(self, seconds: float = 20) -> None:
        """Return once a transfer is held up. Raises TimeoutError."""
        if not self._held.acquire(timeout=seconds):
            raise TimeoutError(f"no transfer was held up within {seconds} s")

    def resume(self) -> None:
        """Let every transfer go on that is or will be held up."""
        self._go.set()


def has(name: str, kind: str) -> bool:
    """Whether a name carries a marker, whatever happened before."""
    marker = _MARKER.search(name)
    return bool(marker) and marker[1] == kind  # type: ignore[index]


def status_reply(status: int) -> Reply:
    """What such a status looks like where the service says more than the number."""
    if status == 429:
        return json_reply(429, {"message": "You have exceeded a secondary rate limit."}, Retry_After="1")
    if status in (400, 403, 416):
        code = {400: "AuthenticationNotYetValid", 403: "AuthenticationFailed", 416: "InvalidRange"}[status]
        return xml_reply(status, code)
    return html_reply(status, f"{status} This request was not handled.")


def xml_reply(status: int, code: str) -> Reply:
    """An error of the blob host."""
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Reply(status, text.encode(), {"Content-Type": "application/xml"})


def page(kind: str) -> Reply | None:
    """The answers of status 200 that are something else than the model."""
    if kind == "html":
        return html_reply(200, "Unicorn! · GitHub")
    if kind == "json":
        return json_reply(200, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})
    if kind == "pointer":
        return Reply(200, POINTER, {"Content-Type": "application/octet-stream"})
    return None


def spoil(kind: str, length: int, blocks: Iterable[bytes], faults: Faults) -> Stream:
    """A body of `length` bytes, with what happens to it on the way."""
    if kind == "close-half":
        return Stream(length, _cut(blocks, length // 2))
    if kind == "stall":
        return Stream(length, _stall(blocks, length // 2, faults))
    if kind == "wrong-bytes":
        return Stream(length, (bytes(255 - b for b in block[:1]) + block[1:] for block in blocks))
    if kind == "truncate":
        return Stream(length // 2, _first(blocks, length // 2))
    return Stream(length, blocks)


def _first(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        yield block[:count]
        count -= len(block)
        if count <= 0:
            return


def _cut(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    yield from _first(blocks, count)
    raise HangUp


def _stall(blocks: Iterable[bytes], count: int, faults: Faults) -> Iterator[bytes]:
    for block in blocks:
        if 0 <= count < len(block):
            yield block[:count]
            faults.hold()
            yield block[count:]
        else:
            yield block
        count -= len(block)
