"""A small assembler: pickles from single instructions, and files of every format around them.

Nothing here can run what it writes, and nothing reads it but the scanner: the tests have no
unpickler at all.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

MAGIC = 0x1950A86A20F9469CFC6C


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def short(value: str) -> bytes:
    """Protocol 4's string."""
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    """GLOBAL."""
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def stack_name(module: str, attribute: str) -> bytes:
    return short(module) + short(attribute) + b"\x93"


def value(this: Any) -> bytes:
    """A plain value in protocol 2."""
    if this is None:
        return b"N"
    if this is True or this is False:
        return b"\x88" if this else b"\x89"
    if isinstance(this, bytes):
        return this  # instructions already
    if isinstance(this, str):
        return text(this)
    if isinstance(this, float):
        return b"G" + struct.pack(">d", this)
    if isinstance(this, int):
        if -(1 << 31) <= this < 1 << 31:
            return b"J" + struct.pack("<i", this)
        data = this.to_bytes(this.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data
    if isinstance(this, tuple):
        return b"(" + b"".join(map(value, this)) + b"t"
    if isinstance(this, list):
        return b"](" + b"".join(map(value, this)) + b"e"
    if isinstance(this, dict):
        return b"}(" + b"".join(value(key) + value(item) for key, item in this.items()) + b"u"
    raise TypeError(this)


def call(module: str, attribute: str, *args: Any) -> bytes:
    """GLOBAL, arguments, REDUCE."""
    return name(module, attribute) + value(args) + b"R"


def make(module: str, attribute: str, state: Any = None, *args: Any) -> bytes:
    """NEWOBJ without arguments, and BUILD."""
    built = name(module, attribute) + value(args) + b"\x81"
    return built if state is None else built + value(state) + b"b"


def pickled(*instructions: Any, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + b"".join(map(value, instructions)) + b"."


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    return value(("storage", name("torch", kind), key, "cpu", count)) + b"Q"


def legacy_storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    return value(("storage", name("torch", kind), key, "cpu", count, None)) + b"Q"


def tensor(stored: bytes, shape: tuple[int, ...], strides: tuple[int, ...] = (1,), offset: int = 0) -> bytes:
    hooks = call("collections", "OrderedDict")
    return call("torch._utils", "_rebuild_tensor_v2", stored, offset, shape, strides, False, hooks)


def good_state() -> bytes:
    """A state dict with one tensor of two float32, a counter, and an epoch beside it."""
    weights = {"weight": tensor(storage("0", 2), (2,)), "count": tensor(storage("1", 1, "LongStorage"), (), ())}
    return pickled({"state_dict": weights, "epoch": 3, "args": {"lr": 0.1}})


def zipped(entries: Iterable[tuple[str, bytes]], compress: bool = False) -> bytes:
    """A zip file, entries in order, stored."""
    file = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that stands twice: that is what some tests want
        for path, data in entries:
            archive.writestr(zipfile.ZipInfo(path), data, archive.compression)
    return file.getvalue()


def torch_entries(pickle: bytes, root: str = "archive") -> list[tuple[str, bytes]]:
    return [
        (f"{root}/data.pkl", pickle),
        (f"{root}/byteorder", b"little"),
        (f"{root}/data/0", struct.pack("<2f", 1, 2)),
        (f"{root}/data/1", struct.pack("<q", 7)),
        (f"{root}/version", b"3\n"),
    ]


def torch_zip(pickle: bytes | None = None, more: Iterable[tuple[str, bytes]] = (), **options: Any) -> bytes:
    return zipped([*torch_entries(good_state() if pickle is None else pickle), *more], **options)


def legacy(
    root: bytes | None = None,
    keys: Iterable[str] = ("1001",),
    storages: bytes = struct.pack("<q2f", 2, 1, 2),
    parts: Mapping[int, bytes] | None = None,
) -> bytes:
    """torch's format of five pickles; `parts` replaces some of them by number."""
    if root is None:
        root = pickled({"weight": tensor(legacy_storage("1001", 2), (2,)), "step": 9})
    system = {"protocol_version": 1001, "little_endian": True}
    five = [pickled(MAGIC), pickled(1001), pickled(system), root, pickled(list(keys))]
    for number, part in (parts or {}).items():
        five[number - 1] = part
    return b"".join(five) + storages


def safetensors(header: Mapping[str, Any] | None = None, body: bytes = struct.pack("<2f", 1, 2)) -> bytes:
    if header is None:
        header = {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    data = json.dumps(header).encode()
    return struct.pack("<Q", len(data)) + data + body


def gguf_text(this: str) -> bytes:
    data = this.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(pairs: Mapping[str, Any] | None = None) -> bytes:
    pairs = {"general.architecture": "llama", "general.alignment": 32} | dict(pairs or {})
    data = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs) + 1)
    for key, this in pairs.items():
        data += gguf_text(key)
        data += struct.pack("<I", 8) + gguf_text(this) if isinstance(this, str) else struct.pack("<II", 4, this)
    data += gguf_text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + gguf_text("a") + gguf_text("b")
    data += gguf_text("blk.0.weight") + struct.pack("<IQQIQ", 2, 4, 3, 0, 0)
    return data.ljust(-(-len(data) // 32) * 32, b"\0") + struct.pack("<12f", *range(12))


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number: int, this: int | bytes | str) -> bytes:
    """One field of a protobuf message."""
    if isinstance(this, int):
        return varint(number << 3) + varint(this)
    data = this.encode() if isinstance(this, str) else this
    return varint(number << 3 | 2) + varint(len(data)) + data


def onnx_tensor(label: str, location: str = "") -> bytes:
    outside = field(13, field(1, "location") + field(2, location)) + field(14, 1)
    return field(1, 2) + field(2, 1) + field(8, label) + (outside if location else field(9, struct.pack("<2f", 1, 2)))


def onnx(domain: str = "", location: str = "") -> bytes:
    node = field(1, "x") + field(2, "y") + field(4, "Relu") + (field(7, domain) if domain else b"")
    graph = field(1, node) + field(2, "main") + field(5, onnx_tensor("w", location))
    return field(1, 8) + field(2, "pytorch") + field(7, graph) + field(8, field(1, "") + field(2, 17))


def npy(descr: str = "'<f4'", body: bytes = struct.pack("<2f", 1, 2)) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def tar(path: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo(path)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def deflate_bomb(opcode: bytes, count: int) -> bytes:
    """A torch zip whose pickle is `opcode` very often, packed very small."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = b"\x80\x02" + opcode * count + b"N."
    packed = packer.compress(plain) + packer.flush()
    del plain
    path = b"archive/data.pkl"
    crc, size = 0, count + 4
    local = b"PK\3\4" + struct.pack("<5H3I2H", 20, 0, 8, 0, 0, crc, len(packed), size, len(path), 0) + path
    central = b"PK\1\2" + struct.pack(
        "<6H3I5H2I", 20, 20, 0, 8, 0, 0, crc, len(packed), size, len(path), 0, 0, 0, 0, 0, 0
    )
    central += path
    start = len(local) + len(packed)
    return local + packed + central + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, len(central), start, 0)


def holey_zip(pickle: bytes, hole: int) -> tuple[bytes, bytes]:
    """What lies before and behind a storage of `hole` zeros in a torch zip."""
    front, central = b"", b""
    entries = [("archive/data.pkl", pickle), ("archive/version", b"3\n"), ("archive/data/0", None)]
    for path, data in entries:
        size = hole if data is None else len(data)
        crc = 0 if data is None else zlib.crc32(data)
        rest = struct.pack("<4H3I2H", 0, 0, 0, 0, crc, size, size, len(path), 0)
        central += b"PK\1\2" + struct.pack("<2H", 20, 20) + rest + struct.pack("<3H2I", 0, 0, 0, 0, len(front))
        central += path.encode()
        front += b"PK\3\4" + struct.pack("<H", 20) + rest + path.encode() + (data or b"")
    end = struct.pack("<4H2IH", 0, 0, len(entries), len(entries), len(central), len(front) + hole, 0)
    return front, central + b"PK\5\6" + end
