"""What every remote must do, as checks that run against any: for tests, and for `git models remote test`."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from git_models.errors import ModelsError, NotThere, RemoteError, StartOver
from git_models.remotes.base import Remote, Upload

SIZE = 300_007
"""Bytes of the file that is sent: more than one block, not a round number."""


class Broken(Exception):
    """A remote does not keep to the contract."""


class Result(NamedTuple):
    """What came of one check."""

    check: str  # in words
    fault: str  # "" when it passed


@dataclass
class Scratch:
    """A remote, a local folder and a prefix that nobody else uses."""

    remote: Remote
    folder: str
    prefix: str = field(default_factory=lambda: f"git-models-test-{secrets.token_hex(6)}-")
    used: set[str] = field(default_factory=set)

    def upload(self, name: str, content: bytes, offset: int = 0, size: int | None = None) -> Upload:
        """An upload of (a range of) a new local file with that content."""
        asset = self.prefix + name
        self.used.add(asset)
        file = os.path.join(self.folder, f"{asset[:60]}-{len(content)}-{secrets.token_hex(4)}")
        with open(file, "wb") as target:
            target.write(content)
        part = content[offset : offset + (len(content) - offset if size is None else size)]
        md5 = hashlib.md5(part, usedforsecurity=False).hexdigest()
        return Upload(asset, file, offset, len(part), hashlib.sha256(part).hexdigest(), md5, "a test of git models")

    def put(self, upload: Upload) -> None:
        """Send it and make it visible."""
        self.remote.put(upload, lambda _: None)
        self.remote.finish()

    def read(self, asset: str, start: int = 0, stop: int | None = None) -> bytes:
        """What the remote answers, from `start` on whether or not it can seek."""
        with self.remote.get(asset, start, stop) as body:
            got = b"".join(body)[start - body.start :]
        return got[: None if stop is None else stop - start]


def _content(seed: int = 0) -> bytes:
    return hashlib.shake_128(bytes([seed])).digest(SIZE)


def _equal(what: str, got: object, expected: object) -> None:
    if got != expected:
        shown = f"{len(got)} other bytes" if isinstance(got, bytes) else repr(got)
        raise Broken(f"{what}: {shown}")


def what_was_put_is_there(scratch: Scratch) -> None:
    up = scratch.upload("plain.pt", _content())
    moved: list[int] = []
    scratch.remote.put(up, moved.append)
    scratch.remote.finish()
    _equal("the bytes that progress counted", sum(moved), SIZE)
    held = scratch.remote.has([up.asset]).get(up.asset)
    if held is None:
        raise Broken("it is not there after put and finish")
    _equal("its size there", held.size, SIZE)
    _equal("its SHA-256 there", held.sha256 or up.sha256, up.sha256)
    _equal("its bytes there", scratch.read(up.asset), _content())


def what_was_not_put_is_not_there(scratch: Scratch) -> None:
    absent = scratch.prefix + "absent.pt"
    _equal("has", scratch.remote.has([absent]), {})
    try:
        scratch.read(absent)
    except NotThere:
        return
    raise Broken("get does not say that it is not there")


def a_range_is_what_was_asked_for(scratch: Scratch) -> None:
    up = scratch.upload("ranges.pt", _content())
    scratch.put(up)
    for start, stop in ((0, 1), (1, 100_000), (SIZE - 7, None), (100_000, SIZE)):
        _equal(f"bytes {start} to {stop}", scratch.read(up.asset, start, stop), _content()[start:stop])


def a_range_behind_the_end_is_refused(scratch: Scratch) -> None:
    up = scratch.upload("short.pt", b"\0short")
    scratch.put(up)
    try:
        with scratch.remote.get(up.asset, 100) as body:
            if body.start == 0:
                return
    except (StartOver, NotThere):
        return
    raise Broken("get answers with bytes that do not exist")


def a_range_of_a_file_can_be_put(scratch: Scratch) -> None:
    up = scratch.upload("part.pt", _content(), 1000, 50_000)
    scratch.put(up)
    _equal("its bytes there", scratch.read(up.asset), _content()[1000:51_000])


def the_list_names_it(scratch: Scratch) -> None:
    up = scratch.upload("listed.pt", _content())
    scratch.put(up)
    _equal("its size in the list", [h.size for h in scratch.remote.list() if h.asset == up.asset], [SIZE])


def the_same_again_changes_nothing(scratch: Scratch) -> None:
    up = scratch.upload("twice.pt", _content())
    scratch.put(up)
    scratch.put(up)
    _equal("copies in the list", [h.size for h in scratch.remote.list() if h.asset == up.asset], [SIZE])


def other_bytes_never_replace_it(scratch: Scratch) -> None:
    up = scratch.upload("kept.pt", _content(1))
    scratch.put(up)
    try:
        scratch.put(scratch.upload("kept.pt", _content(2)))
    except RemoteError:
        pass
    _equal("its bytes there", scratch.read(up.asset), _content(1))


def a_wrong_hash_is_never_confirmed(scratch: Scratch) -> None:
    claim = "0" * 64
    up = scratch.upload("wrong.pt", _content())._replace(sha256=claim)
    try:
        scratch.put(up)
    except RemoteError:
        return
    held = scratch.remote.has([up.asset]).get(up.asset)
    if held and held.sha256 == claim:
        raise Broken("it repeats the SHA-256 that it was told without looking at the bytes")


def a_long_name_works(scratch: Scratch) -> None:
    up = scratch.upload("n" * 90 + "_-.v1.pth.tar", _content())
    scratch.put(up)
    _equal("its bytes there", scratch.read(up.asset), _content())


def what_was_deleted_is_gone(scratch: Scratch) -> None:
    up = scratch.upload("deleted.pt", _content())
    scratch.put(up)
    scratch.remote.delete(up.asset)
    _equal("has", scratch.remote.has([up.asset]), {})
    scratch.remote.delete(up.asset)


Check = Callable[[Scratch], None]

CHECKS: tuple[Check, ...] = (
    what_was_put_is_there,
    what_was_not_put_is_not_there,
    a_range_is_what_was_asked_for,
    a_range_behind_the_end_is_refused,
    a_range_of_a_file_can_be_put,
    the_list_names_it,
    the_same_again_changes_nothing,
    other_bytes_never_replace_it,
    a_wrong_hash_is_never_confirmed,
    a_long_name_works,
    what_was_deleted_is_gone,
)


def run(remote: Remote, folder: str) -> Iterator[Result]:
    """Every check against a real place, cleaning up behind itself; `folder` is for local files.

    A failure of the last step, removing what was put, is a result as well.
    """
    scratch = Scratch(remote, folder)
    for check in CHECKS:
        yield Result(check.__name__.replace("_", " "), _fault(check, scratch))
    yield Result("everything is removed again", _fault(clean, scratch))


def clean(scratch: Scratch) -> None:
    """Remove what the checks put. Raises RemoteError."""
    for asset in sorted(scratch.used):
        scratch.remote.delete(asset)


def _fault(check: Check, scratch: Scratch) -> str:
    try:
        check(scratch)
    except Broken as broken:
        return str(broken)
    except ModelsError as error:
        return error.what
    return ""
