"""Zip files as real writers make them are read, and whatever two readers could take in two ways is refused."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from git_models import inspect
from tests.inspect import assembler as asm
from tests.inspect import payloads

ENTRIES = asm.torch_entries(asm.good_state())
GOOD = asm.torch_zip()


class OneWay(io.BytesIO):
    """A pipe: whoever writes into it cannot go back to fill in a size."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise OSError("a pipe")


def written(to: io.BytesIO, wide: bool) -> bytes:
    """By Python's own zipfile; `wide`: with the zip64 field that numpy and torch write for large entries."""
    with zipfile.ZipFile(to, "w") as archive:
        for name, data in ENTRIES:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=wide) as entry:
                entry.write(data)
    return to.getvalue()


def wide_end(data: bytes, **other: int) -> bytes:
    """The same archive with zip64 end records, as one of many entries has; `other` values stand in the wide one."""
    front, end = data[:-22], data[-22:]
    count, length, start = struct.unpack("<H2I", end[10:20])
    wide = {"count": count, "length": length, "start": start, **other}
    sizes = (wide["count"], wide["count"], wide["length"], wide["start"])
    record = struct.pack("<IQ2H2I4Q", 0x06064B50, 44, 45, 45, 0, 0, *sizes)
    locator = struct.pack("<2IQI", 0x07064B50, 0, wide.get("at", len(front)), 1)
    full = struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return front + record + locator + end[:4] + (end[4:] if "narrow" in other else full)


def with_directory(entry: int, field: int, value: bytes, data: bytes = GOOD) -> bytes:
    """With other bytes at `field` of one entry of the directory."""
    at = -1
    for _ in range(entry + 1):
        at = data.index(b"PK\1\2", at + 1)
    return data[: at + field] + value + data[at + field + len(value) :]


WIDE, PIPED = written(io.BytesIO(), True), written(OneWay(), False)
# Python before 3.11.4 leaves the first entry's sizes in the short fields, and nobody reads the wide one.
WIDE = WIDE[:18] + b"\xff" * 8 + WIDE[26:]
LOCAL64 = WIDE.index(b"data.pkl") + len("data.pkl") + 4  # behind kind and length of its zip64 field

SOUND = {
    "zip64 fields": WIDE,
    "data descriptors": PIPED,
    "data descriptors and zip64 fields": written(OneWay(), True),
    "zip64 end records": wide_end(GOOD),
    "zip64 end records beside full short ones": wide_end(GOOD, narrow=1),
}
HOSTILE = {
    "another size in the entry's own zip64 field": WIDE[:LOCAL64] + struct.pack("<Q", 5) + WIDE[LOCAL64 + 8 :],
    "another name behind a data descriptor": PIPED.replace(b"archive/version", b"archive/versiom", 1),
    "a size that no descriptor explains": GOOD[:18] + struct.pack("<I", 5) + GOOD[22:],
    "another CRC in the entry's own header": GOOD[:14] + b"\1\2\3\4" + GOOD[18:],
    "end records that disagree": wide_end(GOOD, start=0, narrow=1),
    "a storage twice": asm.zipped([*ENTRIES, ("archive/data/0", bytes(8))]),
    "a storage in capitals as well": asm.zipped([*ENTRIES, ("archive/DATA/0", bytes(8))]),
    "version twice": asm.zipped([*ENTRIES, ("archive/Version", b"3\n")]),
    "a version in a deeper folder": asm.zipped([*ENTRIES, ("archive/x/version", b"3\n")]),
    "entries that overlap": with_directory(1, 42, struct.pack("<I", 0)),
    "a directory with more than its entries": GOOD[:-14] + b"\4\0\4\0" + GOOD[-10:],
    "an encrypted entry": with_directory(2, 8, b"\1"),
    "a strongly encrypted entry": with_directory(2, 8, b"\x41"),
    "bytes in front": bytes(4) + GOOD,
    "a pickle in front": payloads.EVIL + GOOD,
}  # fmt: skip
BROKEN = {
    "no version": asm.zipped(ENTRIES[:-1]),
    "no data.pkl": asm.zipped([*ENTRIES[1:], ("archive/constants.pkl", asm.pickled(()))]),
    "a zip64 locator that leads astray": wide_end(GOOD, at=0),
    "a zip64 field that is missing": with_directory(0, 24, b"\xff\xff\xff\xff"),
    "several volumes": GOOD[:-18] + b"\1\0" + GOOD[-16:],
    "packed": asm.torch_zip(compress=True),
    "very many entries": wide_end(GOOD, count=1 << 40),
}


def verdict(data: bytes) -> str:
    return inspect.scan(io.BytesIO(data), len(data)).verdict


@pytest.mark.parametrize("name", SOUND)
def test_what_a_real_writer_makes_is_read(name: str) -> None:
    assert zipfile.ZipFile(io.BytesIO(SOUND[name])).testzip() is None
    assert verdict(SOUND[name]) == "weights-only"
    described = inspect.describe(io.BytesIO(SOUND[name]), len(SOUND[name]))
    assert [tensor.name for tensor in described.tensors] == ["state_dict.weight", "state_dict.count"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_two_readers_take_in_two_ways_is_dangerous(name: str) -> None:
    assert verdict(HOSTILE[name]) == "dangerous"


@pytest.mark.parametrize("name", BROKEN)
def test_what_torch_does_not_write_is_not_vouched_for(name: str) -> None:
    assert verdict(BROKEN[name]) == "unknown"
