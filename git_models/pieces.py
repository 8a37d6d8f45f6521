"""What is asked of a remote, one request at a time: a download by assets and ranges."""

from __future__ import annotations

from typing import NamedTuple

from git_models.errors import ModelsError
from git_models.workers import Item


class Segment(NamedTuple):
    """A stretch of the file and the asset that holds exactly it."""

    asset: str
    start: int  # offset in the file
    stop: int  # offset behind it, -1 if unknown


class Piece(NamedTuple):
    """What one request asks for."""

    segment: Segment
    start: int  # offset in the file
    stop: int  # -1: to the end of the segment


def segments_of(item: Item) -> list[Segment]:
    """The stretches that an item is kept in. Raises ModelsError if they are not as long as the item."""
    if not item.parts:
        return [Segment(item.asset, 0, item.size)]
    found, offset = [], 0
    for part in item.parts:
        found.append(Segment(part.asset, offset, offset + part.size))
        offset += part.size
    if offset != item.size:
        raise ModelsError(f"{item.path}: its parts are {offset} bytes together, models.yaml says {item.size}")
    return found


def pieces_of(segments: list[Segment], solid: int, most: int) -> list[Piece]:
    """What is missing behind `solid`: one piece a segment, or (`most` > 0) ranges of that size."""
    pieces = []
    for segment in segments:
        start = max(solid, segment.start)
        while most and segment.stop - start > most:
            pieces.append(Piece(segment, start, start + most))
            start += most
        if segment.stop < 0 or start < segment.stop or (segment.stop == segment.start and solid <= segment.start):
            pieces.append(Piece(segment, start, segment.stop))
    return pieces
