"""Which format a file has, by its bytes: its name is only what somebody claims."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import BinaryIO, NamedTuple

from git_models.inspect import containers, gguf, onnx, pickles, safetensors, torchzip
from git_models.inspect.archive import has_end_record
from git_models.inspect.look import Look
from git_models.inspect.machine import Budget
from git_models.inspect.opcodes import NAMES
from git_models.inspect.reading import Broken, read_at
from git_models.inspect.report import Ledger

_HEAD = 512  # bytes
# Formats that are named but not looked into.
_OTHERS = (
    (b"7z\xbc\xaf\x27\x1c", "7z", "a 7z archive, which hides what it holds from scanners"),
    (b"BZh", "bzip2", "compressed with bzip2, which torch never does"),
    (b"\xfd7zXZ\0", "xz", "compressed with xz, which torch never does"),
    (b"\x28\xb5\x2f\xfd", "zstd", "compressed with zstd, which torch never does"),
    (b"\x04\x22\x4d\x18", "lz4", "compressed with lz4, which torch never does"),
    (b"Rar!", "rar", "a rar archive"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "Keras files can hold layers with code of their own"),
    (b"\x7fELF", "program", "a program, not a model"),
    (b"MZ", "program", "a program, not a model"),
    (b"version https://git-lfs", "LFS pointer", "a Git LFS pointer, not the model: run git lfs pull"),
    (b"<", "page", "a web page or XML, not a model"),
    (b"{\"", "JSON", "JSON, not a model"),
)  # fmt: skip
# What a name promises; another content is how a pickle gets past people.
_PROMISES = {
    ".safetensors": "safetensors",
    ".onnx": "ONNX",
    ".gguf": "GGUF",
    ".h5": "HDF5",
    ".tflite": "TFLite",
    ".npy": "numpy",
}


class _Also(NamedTuple):
    """What a file may be besides its format; asked of the file once each."""

    tar: Callable[[], bool]
    pickle: Callable[[], bool]


def look(file: BinaryIO, size: int, name: str = "", *, thorough: bool = True) -> Look:
    """Read a file of any format, within bounds; raises nothing but what reading it raises (OSError).

    `thorough` reads every local header of a zip file and looks for a second format in the same
    bytes, as a scan must.
    """
    ledger, budget = Ledger(), Budget()
    result = _look(file, size, ledger, budget, 0, thorough)
    promise = next((form for suffix, form in _PROMISES.items() if name.lower().endswith(suffix)), None)
    if promise and result.format != promise:
        ledger.add("unknown", f"its name says {promise}, its bytes say {result.format}")
    return result


def _look(file: BinaryIO, size: int, ledger: Ledger, budget: Budget, depth: int, thorough: bool) -> Look:
    form = "unknown"
    try:
        if size == 0:
            ledger.add("unknown", "an empty file")
            return Look("empty", ledger)
        head = read_at(file, 0, min(size, _HEAD))
        form = _named(head)
        also = _Also(cache(lambda: containers.is_tar(file, size)), cache(lambda: pickles.is_also(file, size)))
        result = _read(file, size, head, also, ledger, budget, depth, thorough)
        if thorough and not result.format.startswith(("torch zip", "TorchScript", "zip")):
            _second(file, size, result.format, also, ledger)
        return result
    except Broken as error:
        ledger.add("unknown", f"damaged: {error}")
        return Look(form, ledger)


def _named(head: bytes) -> str:
    """The format that the first bytes announce, for a file that turns out to be damaged."""
    announced = ((b"PK", "zip"), (b"\x1f\x8b", "gzip"), (b"\x93NUMPY", "numpy"))
    return next((form for magic, form in announced if head.startswith(magic)), "unknown")


def _read(
    file: BinaryIO, size: int, head: bytes, also: _Also, ledger: Ledger, budget: Budget, depth: int, thorough: bool
) -> Look:
    def inside(inner: BinaryIO, length: int, found: Ledger) -> Look:
        if depth >= containers.MOST_DEPTH:
            found.add("unknown", "too many files in each other")
            return Look("unknown", found)
        return _look(inner, length, found, budget, depth + 1, True)

    if head.startswith((b"PK\3\4", b"PK\5\6")):
        got = torchzip.look(file, size, ledger, budget, thorough)
        return got if isinstance(got, Look) else containers.look_zip(file, size, got, ledger, inside)
    if head.startswith(b"\x1f\x8b"):
        return containers.look_gzip(file, size, ledger, inside)
    if head.startswith(b"GGUF"):
        return gguf.look(file, size, ledger)
    if head.startswith(b"\x93NUMPY"):
        return containers.look_numpy(file, size, ledger, budget)
    if head[4:8] == b"TFL3":
        ledger.add("unknown", "TFLite files are not looked into")
        return Look("TFLite", ledger)
    for magic, form, what in _OTHERS:
        if head.startswith(magic):
            ledger.add("unknown", what)
            return Look(form, ledger)
    if also.tar():
        return containers.look_tar(file, size, ledger, inside)
    if safetensors.is_one(head, size):
        return safetensors.look(file, size, ledger)
    if head[0] == 0x80 or also.pickle():
        return pickles.look(file, size, ledger, budget)
    if head[0] not in NAMES and (model := onnx.look(file, size, ledger)) is not None:
        return model
    if head[0] in NAMES:
        return pickles.look(file, size, ledger, budget)
    ledger.add("unknown", "of no format that is known here")
    return Look("unknown", ledger)


def _second(file: BinaryIO, size: int, form: str, also: _Also, ledger: Ledger) -> None:
    """Report bytes that another reader would take for another format."""
    if has_end_record(file, size):
        ledger.add("dangerous", f"a zip archive as well as {form}: two readers see two files")
    if form != "tar" and also.tar():
        ledger.add("dangerous", f"a tar archive as well as {form}: two readers see two files")
    if form not in ("pickle", "torch legacy") and also.pickle():
        ledger.add("dangerous", f"a pickle as well as {form}: two readers see two files")
