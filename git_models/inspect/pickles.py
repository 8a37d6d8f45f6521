"""Pickles that lie in a file by themselves: torch's format before 1.6, and bare ones.

torch's legacy layout (`torch.serialization._legacy_save`): five pickles (a magic number, the
protocol, the system, the object, the storages' keys), then each storage as a count of elements in
8 bytes and its bytes.
"""

from __future__ import annotations

from typing import BinaryIO

from git_models.inspect.judge import ListJudge
from git_models.inspect.look import Look, Storage
from git_models.inspect.machine import Budget, walk
from git_models.inspect.reading import Broken, Stream
from git_models.inspect.report import Ledger
from git_models.inspect.tensors import element_size, storage_dtype, storages

MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MOST_PICKLES = 64  # of one file that are looked into


def look(file: BinaryIO, size: int, ledger: Ledger, budget: Budget) -> Look:
    """A file that begins with a pickle."""
    stream = Stream(file, 0, size)
    judge = ListJudge(ledger, "pickle 1")
    first = walk(stream, judge, budget)
    if first.complete and first.value == MAGIC:
        return _legacy(file, size, stream, ledger, budget)
    ledger.add("unknown", "a bare pickle: torch.load(weights_only=True) does not read it")
    count = 1
    # Whoever calls load() twice on the file gets what lies behind the first one as well.
    while stream.left and count < _MOST_PICKLES:
        count += 1
        following = Ledger()
        there = stream.position
        if not walk(stream, (judge := ListJudge(following, f"pickle {count}")), budget).complete and not judge.names:
            ledger.add("note", f"{size - there} bytes behind the end of the pickle", f"byte {there}")
            break
        ledger.merge(following)
        if not judge.names and budget.operations < 0:
            break
    return Look("pickle", ledger, first.value)


def _legacy(file: BinaryIO, size: int, stream: Stream, ledger: Ledger, budget: Budget) -> Look:
    parts = [walk(stream, ListJudge(ledger, f"pickle {number}"), budget) for number in (2, 3, 4, 5)]
    protocol, _system, root, keys = (part.value for part in parts)
    form = "torch legacy"
    if not all(part.complete for part in parts) or protocol != _PROTOCOL or not isinstance(keys, list):
        ledger.add("unknown", "not the five pickles that torch writes")
        return Look(form, ledger, root)
    found: dict[str, Storage] = {}
    kinds = storages(root)
    try:
        for key in keys:
            if not isinstance(key, str | bytes) or (kind := kinds.get(_text(key))) is None:
                raise Broken("a storage that no tensor uses")
            count = stream.number(8)
            length = count * element_size(storage_dtype(kind))
            found[_text(key)] = Storage(stream.position, length)
            stream.skip(length)
    except Broken as error:
        ledger.add("unknown", f"the storages do not fit: {error}")
    else:
        if stream.left:
            ledger.add("note", f"{stream.left} bytes behind the last storage", f"byte {stream.position}")
    return Look(form, ledger, root, found)


def _text(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode("latin-1")


def is_also(file: BinaryIO, size: int) -> bool:
    """Could an unpickler that is given this file (of another format) import something?"""
    judge = ListJudge(Ledger(), "")
    walked = walk(Stream(file, 0, size), judge, Budget(200_000, 16 << 20))
    return judge.names > 0 or walked.given_up
