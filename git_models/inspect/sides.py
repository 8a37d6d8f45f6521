"""One of the two files that are compared: its tensors by name, and where their bytes lie."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from git_models.inspect.archive import data_start
from git_models.inspect.look import Look
from git_models.inspect.reading import Broken
from git_models.inspect.report import Tensor
from git_models.inspect.sniff import look
from git_models.inspect.tensors import tensors

MOST_READ = 8
"""How often, on average, a byte of a file is read to compare it: tensors share storages, but not so many of them."""


class Pair(NamedTuple):
    """A tensor in both files."""

    before: Tensor
    after: Tensor


class Side(NamedTuple):
    """An open file, its size in bytes, and what was found in it."""

    file: BinaryIO
    size: int
    look: Look
    tensors: dict[str, Tensor]


def side(file: BinaryIO, size: int) -> Side:
    """Read the headers and pickles of a file."""
    seen = look(file, size, thorough=False)
    found = seen.tensors or tensors(seen)
    return Side(file, size, seen, {tensor.name: tensor for tensor in found})


def storage_of(tensor: Tensor, side: Side) -> tuple[int, int]:
    """Offset and length of the tensor's storage in the file; raises `Broken` if it is not there."""
    place = side.look.storages.get(tensor.storage)
    if place is None:
        raise Broken("no bytes")
    return place.start if place.start >= 0 else data_start(side.file, place.header), place.length


def span(tensor: Tensor, side: Side) -> tuple[int, int]:
    """Offset and number of the tensor's bytes, of its whole storage's where its elements are strewn about.

    Raises `Broken` if they are not in the file.
    """
    if tensor.start >= 0:
        return tensor.start, tensor.bytes
    start, length = storage_of(tensor, side)
    if tensor.offset < 0:
        return start, length
    if tensor.offset + tensor.bytes > length:
        raise Broken("a tensor beyond its storage")
    return start + tensor.offset, tensor.bytes
