"""git's object database in bulk: read through one process, written as one pack.

What git calls an object here is a commit, a tree, a tag or a small blob, whole in memory.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from git_models import git
from git_models.hashing import BLOCK

_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}  # gitformat-pack(5)

Read = Callable[[str], tuple[str, bytes]]


@contextmanager
def reader() -> Iterator[Read]:
    """A function that gives (kind, content) of an object by its name. Raises GitError for one that is not here."""
    with git.talk("cat-file", "--batch") as process:
        assert process.stdin is not None and process.stdout is not None
        ask, answer = process.stdin, process.stdout

        def read(oid: str) -> tuple[str, bytes]:
            ask.write(oid.encode() + b"\n")
            ask.flush()
            fields = answer.readline().split()
            if len(fields) != 3:
                raise git.GitError(["cat-file", oid], 1, f"there is no object {oid} here")
            content = answer.read(int(fields[2]) + 1)
            return fields[1].decode(), content[:-1]

        yield read
        ask.close()


def algorithm() -> str:
    """What this repository names its objects by: "sha1" or "sha256"."""
    return git.text("rev-parse", "--show-object-format")


class Pack:
    """Objects that are to be written, gathered in a file below `folder`: a pack says first how many it holds."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self.algorithm = algorithm()
        self._name = os.path.join(folder, f"{os.getpid()}-pack")
        self._file: BinaryIO = open(self._name, "w+b")  # noqa: SIM115 (closed by `close`)
        self._file.write(b"PACK" + (2).to_bytes(4, "big") + bytes(4))
        self._known: set[bytes] = set()

    def add(self, kind: str, content: bytes) -> str:
        """Take an object in, unless it is there; returns its name."""
        named = hashlib.new(self.algorithm, b"%s %d\0" % (kind.encode(), len(content)), usedforsecurity=False)
        named.update(content)
        oid = named.digest()
        if oid not in self._known:
            self._known.add(oid)
            rest = len(content)
            head = bytearray([_KINDS[kind] << 4 | rest & 15])
            rest >>= 4
            while rest:
                head[-1] |= 128
                head.append(rest & 127)
                rest >>= 7
            self._file.write(bytes(head) + zlib.compress(content, 1))
        return oid.hex()

    def save(self) -> None:
        """Hand all objects to git, which checks them and brings them to the disk."""
        if not self._known:
            return
        file = self._file
        file.seek(8)
        file.write(len(self._known).to_bytes(4, "big"))
        file.seek(0)
        checksum = hashlib.new(self.algorithm, usedforsecurity=False)
        while data := file.read(BLOCK):
            checksum.update(data)
        file.write(checksum.digest())
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # git reads from where the descriptor stands
        git.feed("index-pack", "--stdin", file=file)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        try:
            os.unlink(self._name)
        except FileNotFoundError:
            pass
