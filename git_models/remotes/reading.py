"""An asset of a remote as a file that can be read anywhere, fetching only the blocks that are asked for."""

from __future__ import annotations

import io

from git_models.errors import RemoteError
from git_models.remotes.base import Source

BLOCK = 128 << 10
"""Bytes of one request: the head of a model file, or its directory at the end, is usually one block."""


class Ranges(io.RawIOBase):
    """Seekable; raises what `Source.get` raises, and RemoteError where ranges are not served."""

    def __init__(self, source: Source, asset: str) -> None:
        self._source, self._asset, self._at = source, asset, 0
        self._tag: str | None = None
        self._blocks: dict[int, bytes] = {}
        self.size = BLOCK  # bytes; until the first answer says how many there are
        self._block(0)

    @property
    def fetched(self) -> int:
        """Bytes that were fetched so far."""
        return sum(map(len, self._blocks.values()))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def read(self, count: int = -1) -> bytes:
        end = self.size if count < 0 else min(self._at + count, self.size)
        parts = []
        while self._at < end:
            number, start = divmod(self._at, BLOCK)
            part = self._block(number)[start : start + end - self._at]
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            return self._blocks[number]
        start = number * BLOCK
        stop = min(start + BLOCK, self.size)
        data = bytearray()
        with self._source.get(self._asset, start, stop, self._tag) as body:
            if body.start != start or body.total is None:
                raise RemoteError(f"{self._source.name} sends only whole files", "fetch it first, then show the file")
            self.size, self._tag = body.total, body.tag
            stop = min(stop, self.size)
            for piece in body:
                data += piece
                if start + len(data) >= stop:
                    break
        if start + len(data) < stop:
            raise RemoteError(f"{self._source.name} ended its answer too early", "the same command again")
        self._blocks[number] = bytes(data[: stop - start])
        return self._blocks[number]
