"""What the reader of each format hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from git_models.inspect.report import Ledger, Tensor


class Storage(NamedTuple):
    """Where a storage's bytes lie in the file. `start` is -1 if that was not looked up."""

    start: int
    length: int
    crc: int = 0
    header: int = -1  # of the zip entry, from which `start` can be found


@dataclass(frozen=True)
class Look:
    """A file after it was read: either a pickle's `root` and its storages, or `tensors` at once."""

    format: str
    ledger: Ledger
    root: Any = None
    storages: Mapping[str, Storage] = field(default_factory=dict)
    tensors: tuple[Tensor, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
