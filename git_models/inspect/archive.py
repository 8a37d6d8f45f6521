"""The directory of a zip file, read strictly: what two readers could see differently is reported.

Layout: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3. torch finds entries by name without regard
to case and trusts the central directory; other readers go by the local headers.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO, NamedTuple

from git_models.inspect.reading import Broken, read_at
from git_models.inspect.report import Ledger

MOST_ENTRIES = 100_000
MOST_DIRECTORY = 32 << 20  # bytes
_END = 22  # bytes of the end record without its comment
_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF


class Entry(NamedTuple):
    """One file of the archive; sizes and the local header's offset are in bytes."""

    name: str
    method: int  # 0 stored, 8 deflated
    flags: int
    crc: int
    packed: int
    size: int
    header: int


def has_end_record(file: BinaryIO, size: int) -> bool:
    """Does a zip directory's end record lie at the end (before a comment) of this file?"""
    tail = read_at(file, max(0, size - _END - _MAX16), min(size, _END + _MAX16))
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        record = tail[at : at + _END]
        if len(record) == _END and int.from_bytes(record[20:22], "little") == len(tail) - at - _END:
            return True
        at = tail.rfind(b"PK\5\6", 0, at)
    return False


def directory(file: BinaryIO, size: int, ledger: Ledger) -> list[Entry]:
    """The entries as the central directory names them; raises `Broken` if there is no sound one."""
    if size < _END:
        raise Broken("too short for a zip file")
    end = size - _END
    record = read_at(file, end, _END)
    if record[:4] != b"PK\5\6" or record[20:] != b"\0\0":
        if not has_end_record(file, size):
            raise Broken("no zip directory at the end: the file is cut off or was never finished")
        ledger.add("dangerous", "a comment or other bytes behind the zip's end record can hide a second directory")
        tail = read_at(file, max(0, size - _END - _MAX16), min(size, _END + _MAX16))
        end = size - len(tail) + tail.rfind(b"PK\5\6")
        record = read_at(file, end, min(_END, size - end)).ljust(_END, b"\0")
    count, length, start = _extent(file, end, record, ledger)
    if count > MOST_ENTRIES or length > MOST_DIRECTORY:
        raise Broken(f"a zip with {count} entries is more than any model needs")
    return _entries(read_at(file, start, length), count, ledger)


def _extent(file: BinaryIO, end: int, record: bytes, ledger: Ledger) -> tuple[int, int, int]:
    """Number of entries, length and offset of the central directory."""
    disk, first_disk, here, count, length, start = struct.unpack("<4H2I", record[4:20])
    directory_end = end
    if end >= 20 and (locator := read_at(file, end - 20, 20))[:4] == b"PK\6\7":
        at = int.from_bytes(locator[8:16], "little")
        wide = read_at(file, at, 56)
        if wide[:4] != b"PK\6\6":
            raise Broken("the zip64 end record is not where it should be")
        disk, first_disk = 0, 0
        here, count64, length64, start64 = struct.unpack("<4Q", wide[24:56])
        narrow = ((count, count64, _MAX16), (length, length64, _MAX32), (start, start64, _MAX32))
        if any(small not in (large, limit) for small, large, limit in narrow):
            ledger.add("dangerous", "the two end records of the zip disagree")
        count, length, start, directory_end = count64, length64, start64, at
    if disk or first_disk or here != count:
        raise Broken("a zip in several volumes")
    if start + length != directory_end:
        ledger.add("dangerous", "the zip's directory is not where its end record says, or something lies behind it")
    return count, length, start


def _entries(data: bytes, count: int, ledger: Ledger) -> list[Entry]:
    entries: list[Entry] = []
    at = 0
    for _ in range(count):
        fixed = data[at : at + 46]
        if len(fixed) < 46 or fixed[:4] != b"PK\1\2":
            raise Broken("the zip's directory is damaged")
        flags, method, crc, packed, size = struct.unpack("<2H4x3I", fixed[8:28])
        name_length, extra_length, comment_length = struct.unpack("<3H", fixed[28:34])
        header = int.from_bytes(fixed[42:46], "little")
        at += 46
        raw = data[at : at + name_length]
        extra = data[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        if at > len(data):
            raise Broken("the zip's directory is damaged")
        size, packed, header = _wide(extra, (size, packed, header))
        entries.append(Entry(_name(raw, ledger), method, flags, crc, packed, size, header))
    if at != len(data):
        ledger.add("dangerous", "the zip's directory holds more than its entries")
    _check(entries, ledger)
    return entries


def _check(entries: list[Entry], ledger: Ledger) -> None:
    """Report duplicates, encryption, and bytes in front."""
    seen: set[str] = set()
    for entry in entries:
        folded = entry.name.casefold()
        if folded in seen:
            ledger.add("dangerous", "two entries with one name (torch ignores case)", entry.name)
        seen.add(folded)
        if entry.flags & 0x2041:
            ledger.add("dangerous", "an encrypted entry", entry.name)
    if entries and min(entry.header for entry in entries) != 0:
        ledger.add("dangerous", "something lies in front of the zip's first entry")


def _wide(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sizes and the offset, from the zip64 field where the short ones are full."""
    if _MAX32 not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack("<2H", extra[at : at + 4])
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            result: list[int] = []
            for value in values:
                if value == _MAX32:
                    if len(field) < 8:
                        raise Broken("a zip64 field is too short")
                    value, field = int.from_bytes(field[:8], "little"), field[8:]
                result.append(value)
            return result[0], result[1], result[2]
        at += 4 + length
    raise Broken("a zip64 field is missing")


def _name(raw: bytes, ledger: Ledger) -> str:
    name = raw.decode("utf-8", "surrogateescape")
    if "\0" in name or "\\" in name or name.startswith("/") or ".." in name.split("/"):
        ledger.add("dangerous", "a name in the zip that readers take in different ways", name)
    return name


def data_start(file: BinaryIO, header: int) -> int:
    """Offset of the first byte of the entry whose local header is at `header`."""
    fixed = read_at(file, header, 30)
    if fixed[:4] != b"PK\3\4":
        raise Broken("an entry is not where the zip's directory says")
    name_length, extra_length = struct.unpack("<2H", fixed[26:30])
    return header + 30 + int(name_length) + int(extra_length)


def content(file: BinaryIO, size: int, entry: Entry, ledger: Ledger) -> int:
    """Offset of the entry's first byte; what its local header says otherwise is reported."""
    start = data_start(file, entry.header)
    fixed = read_at(file, entry.header, 30)
    flags, method, crc, packed, full = struct.unpack("<2H4x3I", fixed[6:26])
    name_length = int.from_bytes(fixed[26:28], "little")
    names = read_at(file, entry.header + 30, start - entry.header - 30)
    name = names[:name_length].decode("utf-8", "surrogateescape")
    full, packed, _ = _wide(names[name_length:], (full, packed, 0))
    later = flags & 8  # sizes and CRC follow the data
    same = (
        name == entry.name
        and flags == entry.flags
        and method == entry.method
        and (crc == entry.crc or (later and crc == 0))
        and (packed == entry.packed or (later and packed == 0))
        and (full == entry.size or (later and full == 0))
    )
    if not same:
        ledger.add("dangerous", "the zip's directory and the entry's own header disagree", entry.name)
    if start + entry.packed > size:
        raise Broken(f"{entry.name} goes beyond the end of the file")
    return start


def check_all(file: BinaryIO, size: int, entries: list[Entry], ledger: Ledger) -> None:
    """Report local headers that tell another story than the directory, and entries that overlap."""
    until = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        start = content(file, size, entry, ledger)
        if entry.header < until:
            ledger.add("dangerous", "entries that overlap", entry.name)
        until = start + entry.packed


def inflate(file: BinaryIO, start: int, entry: Entry, most: int) -> bytes:
    """The first `most` bytes of a deflated or stored entry; raises `Broken` if it is damaged."""
    if entry.method == 0:
        return read_at(file, start, min(most, entry.packed))
    if entry.method != 8:
        raise Broken(f"{entry.name} is packed in a way that is not known here ({entry.method})")
    return unpack(file, start, entry.packed, most, -zlib.MAX_WBITS)


def unpack(file: BinaryIO, start: int, packed: int, most: int, window: int) -> bytes:
    """At most `most` bytes of a deflate stream of `packed` bytes; `window` as `zlib` takes it."""
    machine = zlib.decompressobj(window)
    result = bytearray()
    file.seek(start)
    try:
        while packed > 0 and len(result) < most and not machine.eof:
            block = file.read(min(packed, 1 << 16))
            if not block:
                break
            packed -= len(block)
            while block and len(result) < most:
                result += machine.decompress(block, most - len(result))
                block = machine.unconsumed_tail
    except zlib.error as error:
        raise Broken(f"damaged compressed data: {error}") from None
    return bytes(result)
