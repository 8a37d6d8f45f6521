"""Files around files: numpy's, compressed ones, tar and zip archives that torch did not write.

What lies inside is scanned too, as far as it can be unpacked within bounds, but no such file is
better than unknown: nobody can say which program will open it.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

from git_models.inspect.archive import Entry, content, inflate, unpack
from git_models.inspect.judge import ListJudge
from git_models.inspect.look import Look
from git_models.inspect.machine import Budget, walk
from git_models.inspect.reading import Broken, Part, Stream, read_at
from git_models.inspect.report import Ledger, Tensor
from git_models.inspect.safetensors import MOST_HEADER

MOST_DEPTH = 3  # files in files
_INFLATED = 24 << 20  # bytes of one packed file that are looked at
_MOST_FILES = 1000
_BLOCK = 512  # of tar

Scan = Callable[[BinaryIO, int, Ledger], object]
"""Scans a file that was found inside another one."""


def look_zip(file: BinaryIO, size: int, entries: list[Entry], ledger: Ledger, scan: Scan) -> Look:
    """A zip file that holds no torch model (.npz, .keras, a plain archive)."""
    ledger.add("unknown", "a zip archive of something else than a torch model")
    for entry in entries[:_MOST_FILES]:
        if not entry.packed or entry.name.endswith("/"):
            continue
        start = content(file, size, entry, ledger)
        if entry.method == 0:
            _inside(cast(BinaryIO, Part(file, start, entry.packed)), entry.packed, entry.name, ledger, scan)
        else:
            data = inflate(file, start, entry, _INFLATED)
            _inside(io.BytesIO(data), len(data), entry.name, ledger, scan)
    if len(entries) > _MOST_FILES:
        ledger.add("unknown", f"only the first {_MOST_FILES} of {len(entries)} entries were looked at")
    return Look("zip", ledger)


def look_gzip(file: BinaryIO, size: int, ledger: Ledger, scan: Scan) -> Look:
    """A gzip stream; only its beginning is unpacked."""
    ledger.add("unknown", "compressed with gzip, which torch never does")
    data = unpack(file, 0, size, _INFLATED, 16 + zlib.MAX_WBITS)
    _inside(io.BytesIO(data), len(data), "gzip", ledger, scan)
    return Look("gzip", ledger)


def is_tar(file: BinaryIO, size: int) -> bool:
    """Does a tar header with a right checksum stand at the beginning?

    As `tarfile` has it, which torch asks first: the sum may be one of signed bytes, and a binary number.
    """
    if size < _BLOCK:
        return False
    header = read_at(file, 0, _BLOCK)
    field = header[148:156]
    binary = field[0] in (0o200, 0o377)
    total = int.from_bytes(field[1:], "big") - (256**7 if field[0] == 0o377 else 0) if binary else _octal(field)
    if total is None:
        return False  # nearly always
    rest = memoryview(header[:148] + b" " * 8 + header[156:])
    return total in (sum(rest), sum(rest.cast("b")))


def look_tar(file: BinaryIO, size: int, ledger: Ledger, scan: Scan) -> Look:
    """A tar archive; torch's first format was one."""
    ledger.add("unknown", "a tar archive, which torch.load(weights_only=True) does not read")
    at = 0
    for _ in range(_MOST_FILES):
        if at + _BLOCK > size:
            break
        header = read_at(file, at, _BLOCK)
        name = header[:100].split(b"\0")[0].decode("utf-8", "replace")
        length = _octal(header[124:136])
        if not name or length is None or at + _BLOCK + length > size:
            break
        if header[156:157] in (b"0", b"\0") and length:
            _inside(cast(BinaryIO, Part(file, at + _BLOCK, length)), length, name, ledger, scan)
        at += _BLOCK + -(-length // _BLOCK) * _BLOCK
    return Look("tar", ledger)


def _octal(field: bytes) -> int | None:
    text = field.strip(b" \0")
    return int(text, 8) if re.fullmatch(rb"[0-7]{1,12}", text) else None


def _inside(file: BinaryIO, size: int, name: str, ledger: Ledger, scan: Scan) -> None:
    inner = Ledger()
    scan(file, size, inner)
    ledger.merge(inner, name)


def look_numpy(file: BinaryIO, size: int, ledger: Ledger, budget: Budget) -> Look:
    """A .npy array (numpy.lib.format); one of objects is a pickle behind a header."""
    wide = read_at(file, 6, 1) >= b"\2"
    length = int.from_bytes(read_at(file, 8, 4 if wide else 2), "little")
    start = (12 if wide else 10) + length
    header = read_at(file, 12 if wide else 10, min(length, MOST_HEADER >> 8)).decode("latin-1")
    descr = re.search(r"'descr': *'([<>|=]?)([a-zA-Z])(\d*)'", header)
    shape = re.search(r"'shape': *\(([0-9, ]{0,400})\)", header)
    if descr is None or shape is None or descr[2] == "O":
        ledger.add("unknown", "a numpy array of objects, which is a pickle")
        walk(Stream(file, min(start, size), size), ListJudge(ledger, "array"), budget)
        return Look("numpy", ledger)
    ledger.add("unknown", "a numpy array, which torch.load does not read")
    sizes = tuple(int(one) for one in re.findall(r"\d{1,18}", shape[1]))
    elements = 1
    for one in sizes:
        elements *= one
    width = int(descr[3][:4] or 1)
    names = {"f": "float", "i": "int", "u": "uint", "c": "complex", "b": "bool"}
    dtype = f"{names.get(descr[2], descr[2])}{'' if descr[2] == 'b' else width * 8}"
    if start + elements * width != size:
        raise Broken("an array with other bytes than its shape needs")
    return Look("numpy", ledger, tensors=(Tensor("", dtype, sizes, elements, elements * width, start=start),))
