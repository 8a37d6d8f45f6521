"""How far a tensor's numbers moved; every expected value was worked out by hand."""

from __future__ import annotations

import io
import itertools
import math
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from git_models import inspect
from git_models.inspect import Measured, Unmeasured, numbers
from tests.inspect import assembler as asm

pytest.importorskip("numpy", reason="numpy is not installed (it is part of the extra dev)")


def opened(data: bytes) -> tuple[io.BytesIO, int]:
    return io.BytesIO(data), len(data)


def safe(dtype: str, shape: list[int], body: bytes) -> bytes:
    """A safetensors file with one tensor, "w"."""
    return asm.safetensors({"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(body)]}}, body)


def measured(before: bytes, after: bytes) -> tuple[Measured | Unmeasured, ...]:
    return inspect.compare(opened(before), opened(after), measure=True).numbers


def one(before: bytes, after: bytes) -> Measured:
    (found,) = measured(before, after)
    assert isinstance(found, Measured), found
    return found


def torch_file(*tensors: bytes, body: bytes, byteorder: bytes = b"little", **more: bytes) -> bytes:
    names = dict(zip("abcd", tensors, strict=False))
    return asm.zipped(
        [
            ("archive/data.pkl", asm.pickled({**names, **more})),
            ("archive/byteorder", byteorder),
            ("archive/data/0", body),
            ("archive/version", b"3\n"),
        ]
    )


def test_the_length_of_the_change_its_share_and_the_largest_one() -> None:
    found = one(safe("F32", [3], struct.pack("<3f", 2, 3, 6)), safe("F32", [3], struct.pack("<3f", 5, 7, 6)))
    assert (found.l2, found.before, found.largest, found.finite, found.odd) == (5, 7, 4, 3, (0, 0))
    assert found.relative == 5 / 7


@pytest.mark.parametrize(
    ("dtype", "before", "after", "l2", "largest"),
    [
        ("F64", struct.pack("<2d", 1, 0), struct.pack("<2d", -2, 4), 5, 4),
        ("F16", struct.pack("<2e", 1, 0), struct.pack("<2e", -2, 4), 5, 4),
        # bfloat16 is the upper half of a float32: 1.0 is 3f80, -2.0 is c000, 4.0 is 4080.
        ("BF16", b"\x80\x3f\0\0", b"\x00\xc0\x80\x40", 5, 4),
        # e4m3fn: 0 0111 000 is 1.0, 1 1000 000 is -2.0, 0 1001 000 is 4.0, 0 0000 001 is 2 to the -9.
        ("F8_E4M3", b"\x38\x00", b"\xc0\x48", 5, 4),
        ("F8_E4M3", b"\x00", b"\x01", 2**-9, 2**-9),
        ("F8_E4M3", b"\x00", b"\x7e", 448, 448),
        # e5m2: 0 01111 00 is 1.0, 1 10000 00 is -2.0, 0 10001 00 is 4.0; its greatest is 57344.
        ("F8_E5M2", b"\x3c\x00", b"\xc0\x44", 5, 4),
        ("F8_E5M2", b"\x00", b"\x7b", 57344, 57344),
        # The fnuz kinds halve each value, have one zero, and NaN where -0 would be.
        ("F8_E4M3FNUZ", b"\x40\x00", b"\xc8\x50", 5, 4),
        ("F8_E5M2FNUZ", b"\x40\x00", b"\xc4\x48", 5, 4),
        # e8m0: 2 to the (code - 127).
        ("F8_E8M0", b"\x7f", b"\x81", 3, 3),
    ],
)
def test_every_type_of_floats_is_read_as_what_it_means(
    dtype: str, before: bytes, after: bytes, l2: float, largest: float
) -> None:
    width = {"F64": 8, "F16": 2, "BF16": 2}.get(dtype, 1)
    found = one(*(safe(dtype, [len(body) // width], body) for body in (before, after)))
    assert (found.l2, found.largest, found.odd) == (l2, largest, (0, 0))


@pytest.mark.parametrize(
    ("dtype", "body", "odd"),
    [
        ("F32", struct.pack("<4f", math.nan, math.inf, -math.inf, 3), 3),
        ("BF16", b"\x80\x7f\xc0\x7f\x00\x00\x00\x00", 2),
        ("F8_E4M3", b"\x7f\xff\x00\x01", 2),
        ("F8_E5M2", b"\x7c\xfc\x7f\x00", 3),
        ("F8_E4M3FNUZ", b"\x80\x00\x01\x02", 1),
        ("F8_E8M0", b"\xff\x7f\x7f\x7f", 1),
    ],
)
def test_what_is_no_number_is_counted_and_left_out(dtype: str, body: bytes, odd: int) -> None:
    found = one(safe(dtype, [4], bytes(len(body))), safe(dtype, [4], body))
    assert found.odd == (0, odd)
    assert found.finite == 4 - odd
    assert math.isfinite(found.l2)


def test_a_tensor_without_a_finite_number_has_no_share() -> None:
    nothing = struct.pack("<2f", math.nan, math.nan)
    found = one(safe("F32", [2], nothing), safe("F32", [2], struct.pack("<2f", 1, 2)))
    assert (found.l2, found.relative, found.largest, found.finite, found.odd) == (0, None, 0, 0, (2, 0))


def test_squares_that_no_float_can_hold_do_no_harm() -> None:
    huge = one(safe("F64", [2], bytes(16)), safe("F64", [2], struct.pack("<2d", 3e300, 4e300)))
    assert huge.l2 == pytest.approx(5e300, rel=1e-15)
    tiny = one(safe("F64", [2], bytes(16)), safe("F64", [2], struct.pack("<2d", 3e-300, 4e-300)))
    assert tiny.l2 == pytest.approx(5e-300, rel=1e-15)
    beyond = one(safe("F64", [1], struct.pack("<d", -1.7e308)), safe("F64", [1], struct.pack("<d", 1.7e308)))
    assert (beyond.l2, beyond.largest) == (math.inf, math.inf)


def test_another_type_of_floats_can_be_subtracted() -> None:
    found = one(safe("F32", [2], struct.pack("<2f", 1, 2)), safe("F16", [2], struct.pack("<2e", 1, 2.5)))
    assert (found.l2, found.largest) == (0.5, 0.5)


def test_what_cannot_be_subtracted_is_named_with_the_reason() -> None:
    (found,) = measured(safe("I64", [1], bytes(8)), safe("I64", [1], b"\1" + bytes(7)))
    assert isinstance(found, Unmeasured) and found.why == "int64 is no type of floats"
    (found,) = measured(safe("F32", [2, 1], bytes(8)), safe("F32", [1, 2], bytes(8)))
    assert isinstance(found, Unmeasured) and found.why == "another shape"


def q4(values: bytes) -> bytes:
    """A GGUF file with one quantised tensor of 32 elements."""
    data = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + asm.gguf_text("w") + struct.pack("<IQIQ", 1, 32, 2, 0)
    return data.ljust(-(-len(data) // 32) * 32, b"\0") + values


def test_quantised_tensors_of_gguf_are_not_comparable() -> None:
    (found,) = measured(q4(bytes(18)), q4(b"\1" + bytes(17)))
    assert isinstance(found, Unmeasured) and found.why == "Q4_0 is no type of floats"


def test_strides_are_followed_on_either_side() -> None:
    rows = asm.tensor(asm.storage("0", 6), (2, 3), (3, 1))
    turned = asm.tensor(asm.storage("0", 6), (2, 3), (1, 2))
    first = torch_file(rows, body=struct.pack("<6f", 1, 2, 3, 4, 5, 6))
    same = torch_file(turned, body=struct.pack("<6f", 1, 4, 2, 5, 3, 6))
    other = torch_file(turned, body=struct.pack("<6f", 1, 4, 2, 5, 6, 10))
    assert one(first, same).l2 == 0
    for before, after in ((first, other), (other, first), (same, other)):
        found = one(before, after)
        assert (found.l2, found.largest) == (5, 4)


@pytest.mark.parametrize("strides", [(20, 5, 1), (1, 3, 12), (5, 15, 1), (4, 1, 12), (40, 7, 1), (2, 8, 32)])
def test_blocks_and_runs_cover_every_element_once(monkeypatch: pytest.MonkeyPatch, strides: tuple[int, ...]) -> None:
    monkeypatch.setattr(numbers, "_STREWN", 7)
    monkeypatch.setattr(numbers, "_RUN", 12)
    shape = (3, 4, 5)
    places = {
        sum(at * stride for at, stride in zip(index, strides, strict=True)): float(number)
        for number, index in enumerate(itertools.product(*map(range, shape)))
    }
    assert len(places) == 60
    count = max(places) + 1
    body = struct.pack(f"<{count}f", *(places.get(at, 1e9) for at in range(count)))
    strewn = torch_file(asm.tensor(asm.storage("0", count), shape, strides), body=body)
    in_rows = torch_file(asm.tensor(asm.storage("0", 60), shape, (20, 5, 1)), body=struct.pack("<60f", *range(1, 61)))
    found = one(strewn, in_rows)
    assert (found.largest, found.finite) == (1, 60)
    assert found.l2 == pytest.approx(math.sqrt(60), rel=1e-14)
    assert found.before == pytest.approx(math.sqrt(59 * 60 * 119 / 6), rel=1e-14)


def test_a_view_is_measured_by_its_own_elements() -> None:
    column = asm.tensor(asm.storage("0", 6), (2,), (3,), offset=1)  # the second one of a 2 by 3 matrix
    tail = asm.tensor(asm.storage("0", 6), (2,), (1,), offset=4)
    files = [
        torch_file(column, tail, body=struct.pack("<6f", *body)) for body in ((9, 0, 9, 9, 0, 0), (8, 3, 8, 8, 4, 0))
    ]
    found = {m.pair.after.name: m for m in measured(*files) if isinstance(m, Measured)}
    assert (found["a"].l2, found["b"].l2) == (5, 4)


def test_elements_that_share_their_bytes_and_those_beyond_the_storage_are_not_measured() -> None:
    spread = asm.tensor(asm.storage("0", 2), (1 << 40,), (0,))
    beyond = asm.tensor(asm.storage("0", 2), (2, 2), (1, 7))
    for strange in (spread, beyond):
        files = [torch_file(strange, body=struct.pack("<2f", 1, value)) for value in (1, 2)]
        (found,) = measured(*files)
        assert isinstance(found, Unmeasured)
        assert found.why.startswith("cannot be read")


def test_bytes_of_the_other_order_are_turned() -> None:
    rows = asm.tensor(asm.storage("0", 2), (2,))
    little = torch_file(rows, body=struct.pack("<2f", 1, 2))
    big = torch_file(rows, body=struct.pack(">2f", 4, 6), byteorder=b"big")
    assert one(little, big).l2 == 5


def test_a_note_of_the_writer_does_not_turn_the_bytes_of_safetensors() -> None:
    header: dict[str, Any] = {
        "__metadata__": {"byteorder": "big"},
        "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    before, after = (asm.safetensors(header, struct.pack("<f", value)) for value in (1, 3))
    assert one(before, after).l2 == 2


def test_the_total_counts_parameters_once_and_no_buffers() -> None:
    tied = asm.tensor(asm.storage("0", 2), (2,))
    files = [torch_file(tied, tied, body=struct.pack("<2f", *body), running_mean=tied) for body in ((3, 4), (3, 16))]
    found = measured(*files)
    assert len(found) == 3
    total = inspect.total_change(found)
    assert total is not None
    assert (total.tensors, total.l2, total.relative, total.largest) == (1, 12, 12 / 5, 12)


def test_a_large_tensor_is_read_in_blocks(tmp_path: Path) -> None:
    count = 4 << 20
    header = {"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
    files = []
    for name, at in (("before", 0), ("after", count - 1)):
        file = tmp_path / name
        file.write_bytes(asm.safetensors(header, b""))
        start = file.stat().st_size
        with file.open("r+b") as writer:
            writer.truncate(start + 4 * count)
            writer.seek(start + 4 * at)
            writer.write(struct.pack("<f", 2))
        files.append(file)
    moved = 0

    def advance(read: int) -> None:
        nonlocal moved
        moved += read

    with files[0].open("rb") as first, files[1].open("rb") as second:
        tracemalloc.start()
        try:
            sizes = [file.stat().st_size for file in files]
            (found,) = inspect.compare((first, sizes[0]), (second, sizes[1]), measure=True, advance=advance).numbers
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert isinstance(found, Measured)
    assert (found.l2, found.largest, found.finite) == (math.sqrt(8), 2, count)
    assert moved == 8 * count
    assert peak < 30 << 20  # of 2 times 17 MB in the files, and 2 times 34 MB as float64
