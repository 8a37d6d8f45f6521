"""Files on which a scanner and an unpickler may part company; `run` is what they are built to run.

`tests/real_checkpoints/test_attacks.py` proves that torch really runs them.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Callable

from tests.inspect import assembler as asm

Attack = Callable[[bytes], bytes]
_BLOCK = 512


def framed(data: bytes, length: int) -> bytes:
    """FRAME of so many bytes, and what follows."""
    return b"\x95" + struct.pack("<Q", length) + data


def frame_beyond_stop(run: bytes) -> bytes:
    """The first pickle's frame goes on behind its STOP: the second one is read from behind the frame."""
    good = asm.legacy()
    magic = asm.value(asm.MAGIC) + b"."
    rest = good[len(asm.pickled(asm.MAGIC)) :]
    frame = (magic + rest).ljust(100_000, b"\0")
    return b"\x80\x02" + framed(frame, len(frame)) + b"\x80\x02" + run + b"."


def frame_inside_a_string(run: bytes) -> bytes:
    """A frame ends in the middle of a string: the unpickler forgets the half that it has read."""
    hidden = b"0" + run + b"."
    swallowed = b"X" + struct.pack("<I", len(hidden)) + hidden
    string = b"X" + struct.pack("<I", 10)
    return asm.torch_zip(b"\x80\x02" + framed(string + b"half-", 10) + b"-half" + swallowed + b"0.")


def safetensors_and_pickle(body: bytes, shortest: int = 0) -> bytes:
    """As a pickle the whole header is one line of text, and the tensor comes next."""
    header = {"__metadata__": {"a": "a" * shortest}, "w": {"dtype": "U8", "shape": [len(body)]}}
    header["w"]["data_offsets"] = [0, len(body)]  # type: ignore[index]
    text = json.dumps(header).encode()
    return _headed(text + b" " * ((ord("V") - 1 - len(text)) % 256) + b"\n", body)


def _headed(text: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text + body


def late_pickle(run: bytes) -> bytes:
    """A pickle with a long beginning that means nothing."""
    return safetensors_and_pickle(b"N0" * 150_000 + run + b".")


def pickle_behind_a_long_line(run: bytes) -> bytes:
    """A line that is longer than any name."""
    return safetensors_and_pickle(run + b".", 5000)


def _members(run: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        pickle = b"\x80\x02" + run + b"."
        entry = tarfile.TarInfo("storages")
        entry.size = len(pickle)
        archive.addfile(entry, io.BytesIO(pickle))
    return file.getvalue()


def _summed(block: bytes, letter: str) -> bytes:
    """A tar header with its checksum, of bytes ("B") or of signed bytes ("b")."""
    sums = struct.unpack(f"148{letter}8x356{letter}", block)
    return block[:148] + b"%06o\0 " % (256 + sum(sums)) + block[156:]


def tar_inside_gguf(run: bytes) -> bytes:
    """A GGUF header without tensors is a tar header as well."""
    key = bytearray(_BLOCK - 44)
    key[156 - 32] = ord("0")
    block = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, len(key)) + bytes(key) + struct.pack("<IQ", 8, 0)
    return _summed(block, "B") + _members(run)


def tar_inside_safetensors(run: bytes) -> bytes:
    """A safetensors header is a tar header as well, whose checksum some tars of old took of signed bytes."""
    members = _members(run)
    text = bytearray(b'{"__metadata__":{"a":"'.ljust(345 - 8, b" "))
    for at, digits in ((100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (148, 8), (329, 8), (337, 8)):
        text[at - 8 : at - 8 + digits] = b"0" * (digits - 1) + b" "
    text[156 - 8] = ord("0")
    text[160 - 8 : 162 - 8] = "é".encode()
    text += b'"},"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(members), len(members))
    block = struct.pack("<Q", _BLOCK - 8) + bytes(text).ljust(_BLOCK - 8)
    sums = struct.unpack("148b8x356b", block)
    return block[:148] + b"%07o " % (256 + sum(sums)) + block[156:] + members


def state_that_calls(call: bytes, argument: bytes) -> bytes:
    """The first state of an object says what the second one is given to."""
    target = asm.make("ultralytics.utils", "IterableSimpleNamespace", {"__setstate__": call})
    return asm.torch_zip(asm.pickled(target + argument + b"b"))


def with_code(data: bytes) -> bytes:
    """A file that only looks as if libtorch would read it."""
    return asm.zipped([*asm.torch_entries(data), ("archive/code/x.py", b"")])
