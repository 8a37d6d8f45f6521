"""The instructions of a pickle, decoded one by one from a bounded stream.

Meaning and arguments of the opcodes: Python's `Lib/pickletools.py`, protocols 0 to 5. Nothing is
built here but numbers and short strings.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import TypeAlias

from git_models.inspect.reading import Broken, Stream

LONGEST = 1 << 16
"""Bytes of a string that are kept; a longer one becomes `Opaque` (no class name is that long)."""

_CODES = (
    b"(.012FINJKMRSTUVXabcd}eghijl]opqrstu)Q\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8bBC"
    b"\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98GLP"
)
_NAMES = (
    "MARK STOP POP POP_MARK DUP FLOAT INT NONE BININT BININT1 BININT2 REDUCE STRING BINSTRING SHORT_BINSTRING"
    " UNICODE BINUNICODE APPEND BUILD GLOBAL DICT EMPTY_DICT APPENDS GET BINGET INST LONG_BINGET LIST EMPTY_LIST"
    " OBJ PUT BINPUT LONG_BINPUT SETITEM TUPLE SETITEMS EMPTY_TUPLE BINPERSID PROTO NEWOBJ EXT1 EXT2 EXT4 TUPLE1"
    " TUPLE2 TUPLE3 NEWTRUE NEWFALSE LONG1 LONG4 BINBYTES SHORT_BINBYTES SHORT_BINUNICODE BINUNICODE8 BINBYTES8"
    " EMPTY_SET ADDITEMS FROZENSET NEWOBJ_EX STACK_GLOBAL MEMOIZE FRAME BYTEARRAY8 NEXT_BUFFER READONLY_BUFFER"
    " BINFLOAT LONG PERSID"
)
NAMES: dict[int, str] = dict(zip(_CODES, _NAMES.split(), strict=True))

_KNOWN_TO_TORCH = (
    "GLOBAL NEWOBJ REDUCE BUILD APPEND APPENDS SETITEM SETITEMS MARK TUPLE TUPLE1 TUPLE2 TUPLE3 NONE NEWFALSE NEWTRUE"
    " EMPTY_TUPLE EMPTY_LIST EMPTY_DICT EMPTY_SET BININT BININT1 BININT2 BINFLOAT BINUNICODE SHORT_BINSTRING BINPERSID"
    " BINGET LONG_BINGET BINPUT LONG_BINPUT LONG1 PROTO STOP"
)
WEIGHTS_ONLY = frozenset(_KNOWN_TO_TORCH.split())
"""The opcodes that PyTorch 2.13's weights-only unpickler knows."""

_WIDTH = {  # unsigned arguments of fixed size, in bytes
    "BININT1": 1, "BINGET": 1, "BINPUT": 1, "PROTO": 1, "EXT1": 1, "BININT2": 2, "EXT2": 2,
    "LONG_BINGET": 4, "LONG_BINPUT": 4, "EXT4": 4, "FRAME": 8,
}  # fmt: skip
_COUNTED = {  # a length of so many bytes, then the bytes
    "SHORT_BINSTRING": 1, "BINSTRING": 4, "SHORT_BINUNICODE": 1, "BINUNICODE": 4, "BINUNICODE8": 8,
    "SHORT_BINBYTES": 1, "BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8, "LONG1": 1, "LONG4": 4,
}  # fmt: skip
_LINES = frozenset({"FLOAT", "INT", "LONG", "STRING", "UNICODE", "GET", "PUT", "PERSID"})


class Opaque:
    """Something that is of no use here: too long, or of a kind that models do not hold."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what


Argument: TypeAlias = "int | float | bool | str | bytes | tuple[str, str] | Opaque | None"
Operation: TypeAlias = "tuple[str, Argument, int]"
"""Name, argument and offset of one instruction."""

_FIXED = -1  # in _TABLE: any other width is read by _argument
_TABLE: list[tuple[str, int] | None] = [None] * 256
for _code, _name in NAMES.items():
    _simple = _name not in _COUNTED and _name not in _LINES and _name not in ("GLOBAL", "INST", "BININT", "BINFLOAT")
    _TABLE[_code] = (_name, _WIDTH.get(_name, 0) if _simple else _FIXED)


def operations(stream: Stream) -> Iterator[Operation]:
    """The instructions up to and with STOP; raises `Broken` at anything that is none."""
    while True:
        # Most of a pickle's instructions are one or two bytes: they are decoded from the buffer at once.
        stream.fill(16)
        base, buffer, at = stream.window()
        safe = max(at + 1, len(buffer) - 16)
        while at < safe:
            known = _TABLE[buffer[at]] if at < len(buffer) else None
            if known is None:
                stream.move(at)
                code = stream.take(1)[0]
                raise Broken(f"0x{code:02x} is no pickle instruction")
            name, width = known
            if width == 0:
                at += 1
                if name == "STOP":
                    stream.move(at)
                    yield name, None, base + at - 1
                    return
                yield name, None, base + at - 1
            elif width > 0 and at + width < len(buffer):
                yield name, int.from_bytes(buffer[at + 1 : at + 1 + width], "little"), base + at
                at += 1 + width
            else:
                stream.move(at + 1)
                argument = _argument(name, stream)
                yield name, argument, base + at
                break
        else:
            stream.move(at)


def fits(end: int, name: str, at: int) -> bool:
    """May an operation stand at `at` in a frame that ends at `end` (0: in none)?

    Frames that end elsewhere than between two operations, at the latest behind STOP, are read in two
    ways: Python's C unpickler drops what is left of a frame when it needs more than that
    (`_Unpickler_ReadFromFile`), and what is read next then lies behind the frame.
    """
    return not end or (at <= end and (name != "STOP" or at + 1 == end) and (name != "FRAME" or at == end))


def frame_end(end: int, name: str, argument: Argument, at: int) -> int:
    """Where the frame of the next operation ends, 0 outside of one."""
    if name == "FRAME" and isinstance(argument, int):
        return at + 9 + argument
    return end if at < end else 0


def _argument(name: str, stream: Stream) -> Argument:
    """Read an argument; raises `Broken` if the data ends in it."""
    if (width := _COUNTED.get(name)) is not None:
        return _counted(name, stream, stream.number(width))
    if name == "BININT":
        return int.from_bytes(stream.take(4), "little", signed=True)
    if name == "BINFLOAT":
        value: float = struct.unpack(">d", stream.take(8))[0]
        return value
    if name in ("GLOBAL", "INST"):
        return _text(stream.line()), _text(stream.line())
    if name in _LINES:
        return _line(name, stream.line())
    return stream.number(_WIDTH[name])


def _text(data: bytes) -> str:
    """A name to import. Every unpickler decodes it strictly (pickle.py, `load_global`) and fails before it imports."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("the name of an import that is not UTF-8") from None


def _counted(name: str, stream: Stream, count: int) -> Argument:
    if name.startswith("LONG"):
        if count > 256:
            stream.skip(count)
            return Opaque("a very large number")
        return int.from_bytes(stream.take(count), "little", signed=True)
    if count > LONGEST:
        stream.skip(count)
        return Opaque("a long string")
    data = stream.take(count)
    if "BYTE" in name:
        return data
    if "UNICODE" in name:
        return data.decode("utf-8", "surrogatepass") if _valid(data) else Opaque("a string that is not UTF-8")
    # Python 2's str: readers differ in how they decode it, so only ASCII has a certain meaning.
    return data.decode("ascii") if data.isascii() else data


def _valid(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _line(name: str, line: bytes) -> Argument:
    text = line.decode("latin-1")
    if name in ("GET", "PUT", "INT", "LONG"):
        if name == "INT" and text in ("00", "01"):
            return text == "01"
        if re.fullmatch(r"\s*[+-]?[0-9]{1,300}L?\s*", text):
            return int(text.strip().rstrip("L"))
        return Opaque("a number in an unusual form")
    if name == "FLOAT":
        return (
            float(text)
            if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|nan)", text)
            else Opaque("a number")
        )
    if name == "STRING":
        plain = re.fullmatch(r"(['\"])([^\\]*)\1", text)
        return plain[2] if plain and text.isascii() else Opaque("a string with escapes")
    return Opaque("a string with escapes") if "\\" in text else text  # UNICODE, PERSID
