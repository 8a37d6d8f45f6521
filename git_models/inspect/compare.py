"""Which tensors differ between two versions of a model.

Names are compared, not storage keys: those are numbered anew at each save. torch's zip files keep a
CRC-32 of each storage in their directory, so that equal tensors are recognised without reading
them; `verify` reads and hashes instead.
"""

from __future__ import annotations

import hashlib
from typing import BinaryIO, NamedTuple

from git_models.inspect.archive import data_start
from git_models.inspect.look import Look
from git_models.inspect.reading import Broken
from git_models.inspect.report import Tensor
from git_models.inspect.sniff import look
from git_models.inspect.tensors import tensors

_BLOCK = 1 << 20


class Pair(NamedTuple):
    """A tensor in both files."""

    before: Tensor
    after: Tensor


class Comparison(NamedTuple):
    """What changed, each tensor in exactly one place, in the order of the files.

    `unread` are tensors whose bytes could not be found (outside the file, damaged).
    """

    added: tuple[Tensor, ...]
    removed: tuple[Tensor, ...]
    dtype: tuple[Pair, ...]
    shape: tuple[Pair, ...]
    content: tuple[Pair, ...]
    same: tuple[Pair, ...]
    unread: tuple[Pair, ...]


class _Side(NamedTuple):
    file: BinaryIO
    size: int
    look: Look
    tensors: dict[str, Tensor]


def _side(file: BinaryIO, size: int) -> _Side:
    seen = look(file, size, thorough=False)
    found = seen.tensors or tensors(seen)
    return _Side(file, size, seen, {tensor.name: tensor for tensor in found})


def compare(before: tuple[BinaryIO, int], after: tuple[BinaryIO, int], *, verify: bool = False) -> Comparison:
    """Compare two files, each open and with its size in bytes; `verify` trusts no CRC."""
    old, new = _side(*before), _side(*after)
    kinds: dict[str, list[Pair]] = {kind: [] for kind in ("dtype", "shape", "content", "same", "unread")}
    for name, tensor in new.tensors.items():
        if name in old.tensors:
            pair = Pair(old.tensors[name], tensor)
            kinds[_kind(pair, old, new, verify)].append(pair)
    added = tuple(tensor for name, tensor in new.tensors.items() if name not in old.tensors)
    removed = tuple(tensor for name, tensor in old.tensors.items() if name not in new.tensors)
    return Comparison(added, removed, **{kind: tuple(pairs) for kind, pairs in kinds.items()})


def _kind(pair: Pair, old: _Side, new: _Side, verify: bool) -> str:
    before, after = pair
    if before.dtype != after.dtype:
        return "dtype"
    if before.shape != after.shape:
        return "shape"
    if before.elements == 0:
        return "same"
    comparable = before.layout == after.layout and _length(before, old) == _length(after, new)
    if not verify and comparable and before.crc and after.crc:
        if before.crc == after.crc:
            return "same"
        if not before.layout:
            return "content"
    first, second = _digest(before, old), _digest(after, new)
    if first is None or second is None:
        return "unread"
    return "same" if first == second else "content"


def _length(tensor: Tensor, side: _Side) -> int:
    place = side.look.storages.get(tensor.storage)
    return place.length if place else tensor.bytes


def tensor_digests(file: BinaryIO, size: int) -> dict[str, str]:
    """SHA-256 of each tensor's bytes by name, lower-case hex; tensors that lie elsewhere are left out."""
    side = _side(file, size)
    digests = ((name, _digest(tensor, side)) for name, tensor in side.tensors.items())
    return {name: digest for name, digest in digests if digest is not None}


def _digest(tensor: Tensor, side: _Side) -> str | None:
    """SHA-256 of the tensor's elements; of its whole storage and layout where they are strewn about."""
    digest = hashlib.sha256()
    try:
        start, length = _span(tensor, side)
        side.file.seek(start)
        while length > 0:
            block = side.file.read(min(length, _BLOCK))
            if not block:
                return None
            digest.update(block)
            length -= len(block)
    except Broken:
        return None
    return digest.hexdigest()


def _span(tensor: Tensor, side: _Side) -> tuple[int, int]:
    """Offset and number of the bytes to hash; raises `Broken` if they are not in the file."""
    if tensor.start >= 0:
        return tensor.start, tensor.bytes
    place = side.look.storages.get(tensor.storage)
    if place is None:
        raise Broken("no bytes")
    start = place.start if place.start >= 0 else data_start(side.file, place.header)
    if tensor.offset < 0:
        return start, place.length
    if tensor.offset + tensor.bytes > place.length:
        raise Broken("a tensor beyond its storage")
    return start + tensor.offset, tensor.bytes
