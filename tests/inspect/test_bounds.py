"""Whatever the bytes: an answer, in bounded time and memory, and never an exception."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_models import inspect
from git_models.inspect.opcodes import NAMES
from tests.inspect import assembler as asm
from tests.inspect import payloads

pytestmark = pytest.mark.slow

MOST_MEMORY = 200 << 20  # bytes
MOST_SECONDS = 20  # of the processor; some 3 where nothing else runs

BOMBS: dict[str, Callable[[], bytes]] = {
    "packed instructions": lambda: asm.deflate_bomb(b"0", 16_000_000),
    "lists": lambda: asm.torch_zip(b"\x80\x02" + b"]" * 4_000_000 + b"."),
    "dicts": lambda: asm.torch_zip(b"\x80\x02" + b"}" * 4_000_000 + b"."),
    "marks": lambda: asm.torch_zip(b"\x80\x02" + b"(" * 4_000_000 + b"."),
    "memo": lambda: asm.torch_zip(b"\x80\x04N" + b"\x94" * 4_000_000 + b"."),
    "nesting": lambda: asm.torch_zip(b"\x80\x02)" + b"\x85" * 1_000_000 + b"."),
    "long strings": lambda: asm.torch_zip(b"\x80\x02" + asm.text("é" * 30_000 + "\U0001f600") * 500 + b"."),
    "one huge string": lambda: asm.torch_zip(b"\x80\x02" + asm.text("a" * 60_000_000) + b"."),
    "one huge number": lambda: b"\x80\x02\x8b\xff\xff\xff\x00" + bytes(0xFFFFFF) + b".",
    "a long line": lambda: b"I" + b"9" * 10_000_000 + b"\n.",
    "names": lambda: asm.torch_zip(b"\x80\x02" + b"".join(asm.name(f"m{at}", "x") for at in range(100_000)) + b"."),
    "a list in itself": lambda: asm.torch_zip(
        b"\x80\x02]q\x00" + b"".join(b"](h%ch%ceq%c" % (at, at, at + 1) for at in range(200)) + b"."
    ),
    "one tensor very often": lambda: asm.torch_zip(
        b"\x80\x02]" + asm.tensor(asm.storage("0", 2), (2,)) + b"q\x01a(" + b"h\x01" * 900_000 + b"e."
    ),
    "metadata in itself": lambda: asm.torch_zip(
        b"\x80\x02" + asm.value([0] * 40) + b"q\x00"
        + b"".join(b"](" + b"h%c" % at * 40 + b"eq%c" % (at + 1) for at in range(6))
        + b"}(" + b"".join(asm.text(f"k{at}") + b"h\x06" for at in range(90)) + b"u."
    ),
    "JSON brackets": lambda: (8_000_006).to_bytes(8, "little") + b'{"a":' + b"[]," * 2_666_667,
    "deep JSON": lambda: (2_000_006).to_bytes(8, "little") + b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
    "gzip": lambda: asm.gzipped(b"\x80\x02" + b"0" * 60_000_000),
    "files in files": lambda: nested(40),
    "ONNX fields": lambda: asm.field(1, 8) + asm.field(7, asm.field(5, asm.onnx_tensor("w")) * 60_000),
    "GGUF strings": lambda: asm.gguf().replace(
        b"\x08\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00", b"\x08\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f"
    ),
}  # fmt: skip


def nested(depth: int) -> bytes:
    data = payloads.EVIL
    for _ in range(depth):
        data = asm.zipped([("x", data)])
    return data


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_not_go_off(name: str) -> None:
    data = BOMBS[name]()
    began = time.process_time()
    report = inspect.scan(io.BytesIO(data), len(data))
    assert report.verdict in ("weights-only", "unknown", "dangerous")
    assert time.process_time() - began < MOST_SECONDS
    description = inspect.describe(io.BytesIO(data), len(data))
    assert time.process_time() - began < 2 * MOST_SECONDS
    assert len(description.tensors) <= 200_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_bomb_fills_the_memory(tmp_path: Path) -> None:
    for number, make in enumerate(BOMBS.values()):
        (tmp_path / str(number)).write_bytes(make())
    program = """
import pathlib, re, sys
from git_models import inspect
for path in pathlib.Path(sys.argv[1]).iterdir():
    with path.open("rb") as file:
        inspect.scan(file, path.stat().st_size)
print(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert int(run.stdout) < MOST_MEMORY >> 10


def answers(data: bytes) -> inspect.Report:
    """Scan, describe and compare; any exception fails the test."""
    report = inspect.scan(io.BytesIO(data), len(data), "x.pt")
    assert report.verdict in ("weights-only", "needs classes", "unknown", "dangerous")
    inspect.description_lines(inspect.describe(io.BytesIO(data), len(data)), tensors=True)
    inspect.compare((io.BytesIO(data), len(data)), (io.BytesIO(data), len(data)), verify=True)
    return report


SOUND = [
    asm.torch_zip(),
    asm.legacy(),
    asm.safetensors(),
    asm.gguf(),
    asm.onnx(),
    asm.npy(),
    asm.tar("pickle", asm.good_state()),
    asm.gzipped(asm.good_state()),
    asm.zipped([*asm.torch_entries(asm.good_state()), ("archive/constants.pkl", asm.pickled(()))]),
    asm.pickled(asm.make("torch.nn.modules.linear", "Linear", {"_parameters": {}})),
]
HEADS = [
    b"",
    b"PK\3\4",
    b"\x80\x02",
    b"\x80\x04",
    b"GGUF\3\0\0\0",
    b"\x93NUMPY\1\0",
    b"\x1f\x8b\x08\0",
    asm.pickled(asm.MAGIC),
]


@settings(max_examples=300)
@given(st.sampled_from(HEADS), st.binary(max_size=400))
def test_random_bytes_get_an_answer(head: bytes, data: bytes) -> None:
    answers(head + data)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from([bytes([code]) for code in NAMES] + [b"\x01", b"0\n", b"os\n", b"\0\0\0\0"]), max_size=60)
)
def test_random_instructions_get_an_answer(instructions: list[bytes]) -> None:
    answers(b"\x80\x04" + b"".join(instructions) + b".")
    answers(asm.torch_zip(b"\x80\x02" + b"".join(instructions) + b"."))


@settings(max_examples=500)
@given(st.sampled_from(SOUND), st.data())
def test_a_changed_file_gets_an_answer(sound: bytes, draw: st.DataObject) -> None:
    data = bytearray(sound)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        kind = draw.draw(st.sampled_from(["flip", "insert", "delete", "cut"]))
        if kind == "flip":
            data[at] = draw.draw(st.integers(0, 255))
        elif kind == "insert":
            data[at:at] = draw.draw(st.binary(min_size=1, max_size=8))
        elif kind == "delete":
            del data[at : at + draw.draw(st.integers(1, 8))]
        else:
            del data[at:]
        if not data:
            break
    answers(bytes(data))


def test_a_call_that_is_put_anywhere_into_a_sound_pickle_is_found() -> None:
    sound = asm.good_state()[:-1]
    for cut in range(len(sound)):
        pickle = sound[:cut] + asm.call("os", "system", "echo marker") + b"."
        data = asm.torch_zip(pickle)
        assert inspect.scan(io.BytesIO(data), len(data)).verdict in ("unknown", "dangerous"), cut
