"""MD5 and SHA-256 of the same bytes, read once, in two threads."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import NamedTuple

BLOCK = 1 << 20
"""Bytes read at a time: large enough that Python's share of the work disappears."""

_INLINE = 1 << 18  # below this a thread costs more than it gives


class Digests(NamedTuple):
    """Lower-case hex digests and the number of bytes that they cover."""

    md5: str  # 32 hex
    sha256: str  # 64 hex
    size: int  # bytes


class Hasher:
    """Feed with `update`, then ask `digests` once. Buffers must not change after they were fed."""

    def __init__(self) -> None:
        # A FIPS build refuses MD5 unless told that nothing rests on it; nothing does: sha256 decides.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._queue: queue.Queue[bytes | None] | None = None
        self._thread: threading.Thread | None = None

    def update(self, data: bytes) -> None:
        """Hash the next bytes; MD5 runs beside the caller once buffers are large."""
        self._size += len(data)
        if self._thread is None and len(data) >= _INLINE:
            self._queue = queue.Queue(maxsize=4)
            self._thread = threading.Thread(target=self._work, args=(self._queue,), daemon=True)
            self._thread.start()
        if self._queue is not None:
            self._queue.put(data)
        else:
            self._md5.update(data)
        self._sha256.update(data)

    def _work(self, pending: queue.Queue[bytes | None]) -> None:
        while (data := pending.get()) is not None:
            self._md5.update(data)

    def digests(self) -> Digests:
        """The digests of all that was fed; the hasher must not be fed again."""
        if self._queue is not None and self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._queue = self._thread = None
        return Digests(self._md5.hexdigest(), self._sha256.hexdigest(), self._size)

    close = digests  # for a hasher whose bytes turned out not to matter: ends its thread
