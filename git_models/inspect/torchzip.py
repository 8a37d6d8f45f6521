"""torch's zip format (since 1.6), TorchScript archives, and other zip files.

torch's writer stores everything uncompressed under one folder: `data.pkl`, `version`, `byteorder`,
`data/0` and so on; TorchScript adds `constants.pkl` and its program under `code/`.
"""

from __future__ import annotations

import io
import re
from typing import BinaryIO

from git_models.inspect.archive import Entry, check_all, content, directory, inflate
from git_models.inspect.judge import ListJudge
from git_models.inspect.look import Look, Storage
from git_models.inspect.machine import MOST_BYTES, Budget, walk
from git_models.inspect.reading import Stream, read_at
from git_models.inspect.report import Ledger

_INFLATED = 32 << 20  # bytes of a compressed pickle that are looked at
_CODE = 32 << 20  # bytes of TorchScript's program that are looked at
_KNOWN = re.compile(
    r"(data\.pkl|version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id|data/[0-9]+)"
)
_SCRIPT = re.compile(
    r"(constants\.pkl|bytecode\.pkl|mobile_debug_handles\.pkl|code/.*|constants/[0-9]+|extra/[^/]+|attributes\.pkl"
    r"|tensors/[0-9]+|traced_inputs\.pkl|traced_inputs/[0-9]+)"
)
# What a TorchScript program could reach beyond arithmetic: files, and operators of other libraries. All of
# it is below these two names, and libtorch writes them without a space in between; whatever follows
# them in another way may hide something.
_REACHES = re.compile(
    rb"(?<![\w.])(?:torch\b(?!\.(?!(?:save|from_file|load)\b)\w)"
    rb"|ops\b(?!\.(?:prim|aten|quantized|torchvision|inductor)\.(?!(?:save|from_file|load)\b)\w))[^\n(]{0,40}"
)


def look(file: BinaryIO, size: int, ledger: Ledger, budget: Budget, thorough: bool) -> Look | list[Entry]:
    """A zip file; the bare entries if it is not one of torch's.

    Not `thorough`: only the local headers of the pickles are read, which is enough to show what is
    inside, over a network as well.
    """
    entries = directory(file, size, ledger)
    if thorough:
        check_all(file, size, entries, ledger)
    folders = {entry.name.partition("/")[0] for entry in entries}
    pickles = [entry for entry in entries if entry.name.casefold().endswith(("/data.pkl", "/constants.pkl"))]
    if not pickles and "data.pkl" not in {entry.name.casefold() for entry in entries}:
        return entries
    root = folders.pop() if len(folders) == 1 else ""
    inside = {entry.name.removeprefix(f"{root}/"): entry for entry in entries}
    if not root:
        ledger.add("dangerous", "more than one folder at the top of the zip")
        inside |= {entry.name.partition("/")[2]: entry for entry in entries}
    script = "constants.pkl" in inside  # by that torch.load decides to leave the file to libtorch
    form = "TorchScript" if script else "torch zip"
    _check_names(inside, script, ledger)
    value = None
    for name, entry in inside.items():
        if name.casefold().endswith(("pkl", ".pickle")) and not name.casefold().endswith(".debug_pkl"):
            got = _pickle(file, size, name, entry, script, ledger, budget)
            value = got if name == "data.pkl" else value
    if script:
        _program(file, size, inside, ledger)
    prefix = "data/" if any(name.startswith("data/") for name in inside) else "tensors/"
    found = {
        name.removeprefix(prefix): Storage(-1, entry.size, entry.crc, entry.header)
        for name, entry in inside.items()
        if name.startswith(prefix)
    }
    metadata = _plain(file, size, inside, ledger)
    return Look(form, ledger, value, found, metadata=metadata)


def _check_names(inside: dict[str, Entry], script: bool, ledger: Ledger) -> None:
    if "data.pkl" not in inside or ("version" not in inside and not script):
        ledger.add("unknown", "not the entries that torch writes: data.pkl and version in one folder")
    if script:
        ledger.add("needs classes", "TorchScript brings its own program, which runs when the model is called")
    for name in inside:
        if _KNOWN.fullmatch(name) or (script and _SCRIPT.fullmatch(name)):
            continue
        if name.casefold().rpartition("/")[2] in ("data.pkl", "version"):
            ledger.add("dangerous", "a second data.pkl or version", name)
        else:
            ledger.add("unknown", "an entry that torch does not write", name)


def _pickle(file: BinaryIO, size: int, name: str, entry: Entry, script: bool, ledger: Ledger, budget: Budget) -> object:
    """Walk one pickle of the archive."""
    start = content(file, size, entry, ledger)
    if entry.method:
        ledger.add("unknown", "compressed, which torch never does", entry.name)
        data = inflate(file, start, entry, _INFLATED)
        stream = Stream(io.BytesIO(data), 0, len(data))
    elif entry.size > MOST_BYTES:
        ledger.add("unknown", "a pickle that is larger than any model needs", entry.name)
        stream = Stream(file, start, start + MOST_BYTES)
    else:
        stream = Stream(file, start, start + entry.packed)
    walked = walk(stream, ListJudge(ledger, name, script), budget)
    if walked.complete and stream.left:
        ledger.add("note", f"{stream.left} bytes behind the end of the pickle", name)
    return walked.value


def _program(file: BinaryIO, size: int, inside: dict[str, Entry], ledger: Ledger) -> None:
    """Look for calls in TorchScript's code that reach files or unknown operators."""
    left = _CODE
    for name, entry in inside.items():
        if not name.startswith("code/") or name.endswith(".debug_pkl"):
            continue
        start = content(file, size, entry, ledger)
        text = inflate(file, start, entry, left)
        left -= len(text)
        if not left or len(text) < entry.size:
            ledger.add("unknown", "a program that is too large to look at", name)
            return
        for call in sorted(set(_REACHES.findall(text)))[:20]:
            ledger.add("unknown", f"its program calls {call.decode('ascii', 'replace').strip()}", name)


def _plain(file: BinaryIO, size: int, inside: dict[str, Entry], ledger: Ledger) -> dict[str, str]:
    """The short text entries that say something of the writer."""
    result: dict[str, str] = {}
    for name in ("version", "byteorder"):
        entry = inside.get(name)
        if entry and entry.method == 0 and entry.packed <= 64:
            text = read_at(file, content(file, size, entry, ledger), entry.packed)
            result["format_version" if name == "version" else name] = text.decode("ascii", "replace").strip()
    return result
