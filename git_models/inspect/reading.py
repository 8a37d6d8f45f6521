"""Bounded reading from an open file: nothing here takes more memory than its caller allowed."""

from __future__ import annotations

import io
from typing import BinaryIO

CHUNK = 1 << 16


class Broken(Exception):
    """The bytes are not what their format promises. Never leaves this package."""


class TooLong(Broken):
    """The bytes may well be sound, but are more than is looked at here."""


def read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    """Exactly `count` bytes from `offset`; raises `Broken` if the file ends before."""
    if offset < 0 or count < 0:
        raise Broken("a negative offset")
    file.seek(offset)
    data = file.read(count)
    if len(data) != count:
        raise Broken(f"the file ends before byte {offset + count}")
    return data


class Stream:
    """Reads forward from `start` to `end` (absolute offsets) through one small buffer."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._end = end
        self._buffer = b""
        self._base = start  # offset of the buffer's first byte
        self._at = 0

    @property
    def position(self) -> int:
        """Absolute offset of the next byte."""
        return self._base + self._at

    @property
    def left(self) -> int:
        """Bytes up to the end."""
        return self._end - self.position

    def fill(self, count: int) -> bool:
        """Have `count` bytes in the buffer; False if fewer are left (then all of them are)."""
        have = len(self._buffer) - self._at
        if have >= count:
            return True
        here = self.position
        self._file.seek(here + have)
        more = self._file.read(max(0, min(max(count - have, CHUNK), self._end - here - have)))
        self._buffer, self._base, self._at = self._buffer[self._at :] + more, here, 0
        return len(self._buffer) >= count

    def window(self) -> tuple[int, bytes, int]:
        """The buffer for a reader in a hurry: offset of its first byte, the bytes, the next one's place."""
        return self._base, self._buffer, self._at

    def move(self, at: int) -> None:
        """Go to a place in the buffer that `window` gave."""
        self._at = at

    def take(self, count: int) -> bytes:
        """The next `count` bytes; the caller has bounded `count`. Raises `Broken` at the end."""
        if not self.fill(count):
            raise Broken(f"the data ends in the middle, at byte {self._end}")
        start = self._at
        self._at = start + count
        return self._buffer[start : self._at]

    def number(self, width: int) -> int:
        """A little-endian unsigned number of `width` bytes."""
        return int.from_bytes(self.take(width), "little")

    def line(self, most: int = 4096) -> bytes:
        """Up to the next newline, without it. Raises `Broken` if there is none, `TooLong` beyond `most` bytes."""
        self.fill(most)
        end = self._buffer.find(b"\n", self._at, self._at + most)
        if end < 0 and self.left > most:
            raise TooLong(f"a very long line at byte {self.position}")
        if end < 0:
            raise Broken(f"a line without an end at byte {self.position}")
        start, self._at = self._at, end + 1
        return self._buffer[start:end]

    def skip(self, count: int) -> None:
        """Pass over `count` bytes without reading them."""
        if count > self.left:
            raise Broken(f"the data ends in the middle, at byte {self._end}")
        if count <= len(self._buffer) - self._at:
            self._at += count
        else:
            self._base, self._buffer, self._at = self.position + count, b"", 0


class Part(io.RawIOBase):
    """The bytes from `start` on, `size` of them, as a file of their own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._file.seek(self._start + self._at)
        data = self._file.read(left if count < 0 else min(count, left))
        self._at += len(data)
        return data
