"""Which tensors changed between two versions of a model."""

from __future__ import annotations

import hashlib
import io
import struct

import pytest

from git_models import inspect
from tests.inspect import assembler as asm


def opened(data: bytes) -> tuple[io.BytesIO, int]:
    return io.BytesIO(data), len(data)


def model(first: str = "0", other: str = "1", values: tuple[float, float] = (1, 2), **more: bytes) -> bytes:
    """Two tensors in the storages named."""
    weights = {"a": asm.tensor(asm.storage(first, 2), (2,)), "b": asm.tensor(asm.storage(other, 2), (2,)), **more}
    entries = [
        ("archive/data.pkl", asm.pickled(weights)),
        (f"archive/data/{first}", struct.pack("<2f", *values)),
        (f"archive/data/{other}", struct.pack("<2f", 7, 8)),
        ("archive/version", b"3\n"),
    ]
    return asm.zipped(entries)


@pytest.mark.parametrize("verify", [False, True])
def test_storages_that_are_numbered_anew_are_no_change(verify: bool) -> None:
    found = inspect.compare(opened(model()), opened(model("5", "3")), verify=verify)
    assert [pair.after.name for pair in found.same] == ["a", "b"]
    assert found.content == ()


@pytest.mark.parametrize("verify", [False, True])
def test_a_tensor_with_other_bytes_is_named(verify: bool) -> None:
    found = inspect.compare(opened(model()), opened(model(values=(1, 3))), verify=verify)
    assert [pair.after.name for pair in found.content] == ["a"]
    assert [pair.after.name for pair in found.same] == ["b"]


def test_a_tensor_that_shares_a_changed_storage_is_compared_by_its_own_bytes() -> None:
    second = asm.tensor(asm.storage("0", 2), (1,), offset=1)
    first = asm.tensor(asm.storage("0", 2), (1,))
    found = inspect.compare(opened(model(one=first, two=second)), opened(model(values=(1, 3), one=first, two=second)))
    assert {pair.after.name for pair in found.content} == {"a", "two"}
    assert {pair.after.name for pair in found.same} == {"b", "one"}


def test_tensors_that_come_go_and_change_their_kind_are_told_apart() -> None:
    before = {
        "gone": asm.tensor(asm.storage("0", 2), (2,)),
        "shape": asm.tensor(asm.storage("0", 2), (2,)),
        "dtype": asm.tensor(asm.storage("0", 2), (2,)),
    }
    after = {
        "new": asm.tensor(asm.storage("0", 2), (2,)),
        "shape": asm.tensor(asm.storage("0", 2), (1, 2), (2, 1)),
        "dtype": asm.tensor(asm.storage("0", 2, "IntStorage"), (2,)),
    }
    files = [opened(asm.torch_zip(asm.pickled(root))) for root in (before, after)]
    found = inspect.compare(*files)
    assert [tensor.name for tensor in found.removed] == ["gone"]
    assert [tensor.name for tensor in found.added] == ["new"]
    assert [pair.after.name for pair in found.shape] == ["shape"]
    assert [pair.after.name for pair in found.dtype] == ["dtype"]


def test_formats_are_compared_with_each_other() -> None:
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    for body, kind in ((struct.pack("<2f", 1, 2), "same"), (bytes(8), "content")):
        found = inspect.compare(opened(model()), opened(asm.safetensors(header, body)))
        assert [pair.after.name for pair in getattr(found, kind)] == ["a"]
        assert [tensor.name for tensor in found.removed] == ["b"]


def test_a_tensor_whose_bytes_are_missing_is_said_to_be_unread() -> None:
    lost = asm.torch_zip(asm.pickled({"a": asm.tensor(asm.storage("9", 2), (2,))}))
    assert [pair.after.name for pair in inspect.compare(opened(model()), opened(lost)).unread] == ["a"]


def test_a_digest_is_that_of_the_tensors_own_bytes() -> None:
    digests = inspect.tensor_digests(*opened(model()))
    assert digests["a"] == hashlib.sha256(struct.pack("<2f", 1, 2)).hexdigest()


def test_two_files_that_are_no_models_have_no_tensors_to_compare() -> None:
    assert inspect.compare(opened(b"<html>"), opened(b"")) == inspect.Comparison((), (), (), (), (), (), ())


class Counting(io.BytesIO):
    """Counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def overlapping(views: int, value: int, tied: bool) -> Counting:
    """One storage of 64 KiB, and tensors that each name nearly all of it (`tied`: the very same of it)."""
    count = 1 << 14
    pickle = asm.pickled(
        {
            f"w{at}": asm.tensor(asm.storage("0", count), (count - views,), offset=0 if tied else at)
            for at in range(views)
        }
    )
    body = bytes([value]) * 4 * count
    return Counting(asm.zipped([("archive/data.pkl", pickle), ("archive/data/0", body), ("archive/version", b"3\n")]))


@pytest.mark.parametrize("measure", [False, True])
def test_what_is_read_does_not_grow_with_the_tensors_that_share_it(measure: bool) -> None:
    if measure:
        pytest.importorskip("numpy", reason="numpy is not installed (it is part of the extra dev)")
    for tied in (True, False):
        files = overlapping(400, 1, tied), overlapping(400, 2, tied)
        sizes = [len(file.getvalue()) for file in files]
        found = inspect.compare((files[0], sizes[0]), (files[1], sizes[1]), verify=True, measure=measure)
        assert sum(file.count for file in files) < (2 + measure) * 20 * sum(sizes)
        assert len(found.content) + len(found.unread) == 400
        if tied:
            assert len(found.content) == 400
            assert all(isinstance(one, inspect.Measured) for one in found.numbers)
        else:
            assert found.content and found.unread
            assert {type(one).__name__ for one in found.numbers} == ({"Measured", "Unmeasured"} if measure else set())


def test_one_tensor_that_claims_more_than_the_file_has_does_not_hide_the_others() -> None:
    claims = asm.tensor(asm.storage("0", 1 << 50), (1 << 50,))
    files = [opened(model(values=(1, value), aa=claims, ab=claims)) for value in (2, 3)]
    found = inspect.compare(*files, verify=True)
    assert [pair.after.name for pair in found.content] == ["a"]
    assert [pair.after.name for pair in found.same] == ["b"]
    assert [pair.after.name for pair in found.unread] == ["aa", "ab"]
