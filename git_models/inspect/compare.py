"""Which tensors differ between two versions of a model, and how far.

Names are compared, not storage keys: those are numbered anew at each save. torch's zip files keep a
CRC-32 of each storage in their directory, so that equal tensors are recognised without reading
them; `verify` reads and hashes instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from git_models.inspect import numbers
from git_models.inspect.metadata import metadata
from git_models.inspect.reading import Broken
from git_models.inspect.report import Tensor
from git_models.inspect.sides import MOST_READ, Pair, Side, side, span

_BLOCK = 1 << 20

Digest = Callable[[Tensor], str | None]
"""Gives the digest of a tensor of one file."""


class Comparison(NamedTuple):
    """What changed, each tensor in exactly one place, in the order of the files.

    `unread` are tensors whose bytes could not be found (outside the file, damaged), or overlap without end.
    `training` is what both files say of it, `numbers` the measure of what changed (empty unless it was asked for).
    """

    added: tuple[Tensor, ...]
    removed: tuple[Tensor, ...]
    dtype: tuple[Pair, ...]
    shape: tuple[Pair, ...]
    content: tuple[Pair, ...]
    same: tuple[Pair, ...]
    unread: tuple[Pair, ...]
    training: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})
    numbers: tuple[numbers.Measured | numbers.Unmeasured, ...] = ()


def compare(
    before: tuple[BinaryIO, int],
    after: tuple[BinaryIO, int],
    *,
    verify: bool = False,
    measure: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Compare two files, each open and with its size in bytes; `verify` trusts no CRC.

    `measure` (which needs numpy) says how far the floats moved; `advance` hears of the bytes that it reads.
    """
    old, new = side(*before), side(*after)
    digests = _digests(old), _digests(new)
    kinds: dict[str, list[Pair]] = {kind: [] for kind in ("dtype", "shape", "content", "same", "unread")}
    for name, tensor in new.tensors.items():
        if name in old.tensors:
            pair = Pair(old.tensors[name], tensor)
            kinds[_kind(pair, old, new, verify, digests)].append(pair)
    added = tuple(tensor for name, tensor in new.tensors.items() if name not in old.tensors)
    removed = tuple(tensor for name, tensor in old.tensors.items() if name not in new.tensors)
    measured: tuple[numbers.Measured | numbers.Unmeasured, ...] = ()
    if measure:
        changed = (pair for kind in ("dtype", "shape", "content", "unread") for pair in kinds[kind])
        measured = tuple(numbers.measure(changed, old, new, advance))
    return Comparison(
        added,
        removed,
        **{kind: tuple(pairs) for kind, pairs in kinds.items()},
        training=(_training(old), _training(new)),
        numbers=measured,
    )


def _training(side: Side) -> dict[str, Any]:
    return {**metadata(side.look.root), **side.look.metadata}


def _kind(pair: Pair, old: Side, new: Side, verify: bool, digests: tuple[Digest, Digest]) -> str:
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
    first, second = digests[0](before), digests[1](after)
    if first is None or second is None:
        return "unread"
    return "same" if first == second else "content"


def _length(tensor: Tensor, side: Side) -> int:
    place = side.look.storages.get(tensor.storage)
    return place.length if place else tensor.bytes


def tensor_digests(file: BinaryIO, size: int) -> dict[str, str]:
    """SHA-256 of each tensor's bytes by name, lower-case hex; tensors that lie elsewhere are left out."""
    found = side(file, size)
    digest = _digests(found)
    digests = ((name, digest(tensor)) for name, tensor in found.tensors.items())
    return {name: digest for name, digest in digests if digest is not None}


def _digests(side: Side) -> Digest:
    """What gives the SHA-256 of a tensor's elements; of its whole storage and layout where they are strewn about.

    Bytes that several tensors have in common are read once. None for bytes that are not in the file, and
    for tensors that overlap so much that a small file would keep us for ever.
    """
    known: dict[tuple[int, int], str | None] = {}
    left = MOST_READ * side.size

    def digest(tensor: Tensor) -> str | None:
        nonlocal left
        try:
            place = span(tensor, side)
        except Broken:
            return None
        if place not in known:
            inside = sum(place) <= side.size
            left -= place[1] if inside else 0
            known[place] = _sha256(side.file, *place) if inside and left >= 0 else None
        found = known[place]
        if found is not None and tensor.start < 0 and tensor.offset < 0:
            return hashlib.sha256(f"{tensor.layout} {found}".encode()).hexdigest()
        return found

    return digest


def _sha256(file: BinaryIO, start: int, length: int) -> str | None:
    digest = hashlib.sha256()
    file.seek(start)
    while length > 0:
        block = file.read(min(length, _BLOCK))
        if not block:
            return None
        digest.update(block)
        length -= len(block)
    return digest.hexdigest()
