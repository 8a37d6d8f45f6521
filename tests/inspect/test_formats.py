"""What is said of sound files of each format, and that saying it takes a moment whatever their size."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import pytest

from git_models import inspect
from git_models.inspect.reading import Broken, Part, Stream
from tests.inspect import assembler as asm


def scan(data: bytes, name: str = "") -> inspect.Report:
    return inspect.scan(io.BytesIO(data), len(data), name)


def describe(data: bytes) -> inspect.Description:
    return inspect.describe(io.BytesIO(data), len(data))


SOUND = {
    "torch zip": asm.torch_zip(),
    "torch legacy": asm.legacy(),
    "safetensors": asm.safetensors(),
    "GGUF": asm.gguf(),
    "ONNX": asm.onnx(),
}


@pytest.mark.parametrize("form", SOUND)
def test_a_sound_file_is_weights_only_under_any_name(form: str) -> None:
    assert scan(SOUND[form]) == inspect.Report("weights-only", form)
    assert describe(SOUND[form]).report.verdict == "weights-only"
    assert scan(SOUND[form], "runs/best").verdict == "weights-only"


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx", ".gguf"])
def test_a_name_that_promises_another_format_makes_it_unknown(suffix: str) -> None:
    for form, data in SOUND.items():
        expected = "weights-only" if form.lower() == suffix[1:] else "unknown"
        assert scan(data, f"best{suffix}").verdict == expected


def test_a_checkpoint_shows_its_tensors_and_its_training() -> None:
    description = describe(asm.torch_zip())
    weight, count = description.tensors
    assert weight[:5] == ("state_dict.weight", "float32", (2,), 2, 8)
    assert count[:5] == ("state_dict.count", "int64", (), 1, 8)
    assert description.metadata == {"epoch": 3, "args": {"lr": 0.1}, "format_version": "3", "byteorder": "little"}


def test_the_older_format_shows_the_same() -> None:
    description = describe(asm.legacy())
    assert [tensor[:5] for tensor in description.tensors] == [("weight", "float32", (2,), 2, 8)]
    assert description.metadata == {"step": 9}
    assert description.tensors[0].start == description.size - 8


@pytest.mark.parametrize(
    ("form", "name", "shape"), [("safetensors", "w", (2,)), ("GGUF", "blk.0.weight", (3, 4)), ("ONNX", "w", (2,))]
)
def test_other_formats_show_tensors_and_where_their_bytes_lie(form: str, name: str, shape: tuple[int, ...]) -> None:
    (tensor,) = describe(SOUND[form]).tensors
    assert (tensor.name, tensor.dtype, tensor.shape) == (name, "float32", shape)
    numbers = struct.unpack("<2f", SOUND[form][tensor.start : tensor.start + 8])
    assert numbers == ((0, 1) if form == "GGUF" else (1, 2))


def test_metadata_of_other_formats_is_shown() -> None:
    assert describe(SOUND["safetensors"]).metadata == {"format": "pt"}
    assert describe(SOUND["GGUF"]).metadata["general.architecture"] == "llama"
    assert describe(SOUND["ONNX"]).metadata == {"ir_version": 8, "producer": "pytorch", "opset": 17, "nodes": 1}


def test_an_onnx_model_that_needs_a_second_file_says_which() -> None:
    report = scan(asm.onnx(location="model.onnx_data"))
    assert report.verdict == "weights-only"
    assert "model.onnx_data" in report.findings[0].what


MODEL = asm.make(
    "ultralytics.nn.tasks",
    "DetectionModel",
    {
        "_parameters": {},
        "_buffers": {},
        "_modules": {
            "conv": asm.make(
                "torch.nn.modules.conv",
                "Conv2d",
                {
                    "_parameters": {
                        "weight": asm.call(
                            "torch._utils",
                            "_rebuild_parameter",
                            asm.tensor(asm.storage("0", 2), (2,)),
                            True,
                            asm.call("collections", "OrderedDict"),
                        )
                    },
                    "_buffers": {"seen": asm.tensor(asm.storage("1", 1, "LongStorage"), (), ())},
                    "_modules": {},
                },
            )
        },
        "forward": asm.call("builtins", "getattr", asm.name("torch.nn.modules.conv", "Conv2d"), "forward"),
    },
)


def test_a_detector_needs_its_classes_and_shows_its_layers() -> None:
    fitness = asm.call(
        "numpy.core.multiarray",
        "scalar",
        asm.call("numpy", "dtype", "f8", False, True) + asm.value((3, "<", None, None, None, -1, -1, 0)) + b"b",
        asm.call("_codecs", "encode", struct.pack("<d", 0.5).decode("latin-1"), "latin1"),
    )
    checkpoint = {
        "epoch": -1,
        "best_fitness": fitness,
        "model": MODEL,
        "optimizer": None,
        "train_args": {"imgsz": 640, "project": asm.call("pathlib", "PosixPath", "runs", "detect")},
    }
    data = asm.torch_zip(asm.pickled(checkpoint))
    report = scan(data)
    assert report.verdict == "needs classes", inspect.report_lines(report)
    assert set(report.classes) == {
        "ultralytics.nn.tasks.DetectionModel",
        "torch.nn.modules.conv.Conv2d",
        "builtins.getattr",
        "numpy.dtype",
        "numpy.core.multiarray.scalar",
        "pathlib.PosixPath",
    }
    description = describe(data)
    assert description.metadata["best_fitness"] == 0.5
    assert description.metadata["train_args"] == {"imgsz": 640, "project": "runs/detect"}
    assert [tensor.name for tensor in description.tensors] == ["model.conv.weight", "model.conv.seen"]
    assert description.parameters == 2
    assert description.classes == report.classes


def test_a_second_copy_of_the_model_and_the_optimiser_do_not_count() -> None:
    weights = {"w": asm.tensor(asm.storage("0", 2), (2,)), "bn.running_mean": asm.tensor(asm.storage("1", 1), (1,))}
    root = {"model": weights, "ema": dict(weights), "optimizer": {"state": {0: dict(weights)}}}
    description = describe(asm.torch_zip(asm.pickled(root)))
    assert len(description.tensors) == 6
    assert description.parameters == 2


def test_bytes_behind_the_pickle_are_worth_a_note() -> None:
    report = scan(asm.torch_zip(asm.good_state() + b"more"))
    assert (report.verdict, report.findings[0].severity) == ("weights-only", "note")


def test_a_newer_protocol_needs_a_full_load() -> None:
    report = scan(asm.torch_zip(asm.pickled(asm.stack_name("collections", "OrderedDict") + b")R", protocol=4)))
    assert report.verdict == "needs classes"
    assert report.classes == ()


def test_a_report_reads_well_and_is_json() -> None:
    report = scan(asm.torch_zip(asm.pickled(asm.call("os", "system", "echo marker"))))
    lines = inspect.report_lines(report)
    assert lines[0].startswith("dangerous (torch zip): ")
    assert "  dangerous: imports os.system [data.pkl byte 2]" in lines
    assert json.loads(json.dumps(inspect.report_json(report)))["classes"] == ["os.system"]


def test_a_description_reads_well_and_is_json() -> None:
    description = describe(asm.torch_zip())
    lines = inspect.description_lines(description, tensors=True)
    assert "parameters  3" in lines
    assert "  state_dict.weight  float32  [2]" in lines
    document = json.loads(json.dumps(inspect.description_json(description)))
    assert document["tensors"][0] == {"name": "state_dict.weight", "dtype": "float32", "shape": [2], "bytes": 8}


class Holey(io.RawIOBase):
    """A file with a hole of zeros, which counts what is read of it."""

    def __init__(self, front: bytes, hole: int, back: bytes) -> None:
        self.front, self.hole, self.back = front, hole, back
        self.size = len(front) + hole + len(back)
        self.at = self.count = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def read(self, count: int = -1) -> bytes:
        count = max(0, min(self.size - self.at, self.size if count < 0 else count))
        start, end, gap = self.at, self.at + count, len(self.front) + self.hole
        zeros = max(0, min(end, gap) - max(start, len(self.front)))
        data = self.front[start:end] + bytes(zeros) + self.back[max(0, start - gap) : max(0, end - gap)]
        self.at, self.count = end, self.count + len(data)
        return data


HUGE = 500_000_000


def huge(form: str) -> Holey:
    if form == "torch legacy":
        root = asm.pickled({"w": asm.tensor(asm.legacy_storage("1001", HUGE // 4), (HUGE // 4,))})
        return Holey(asm.legacy(root, storages=struct.pack("<q", HUGE // 4)), HUGE, b"")
    if form == "safetensors":
        entry = {"w": {"dtype": "F32", "shape": [HUGE // 4], "data_offsets": [0, HUGE]}}
        return Holey(asm.safetensors(entry, b""), HUGE, b"")
    root = asm.pickled({"w": asm.tensor(asm.storage("0", HUGE // 4), (HUGE // 4,))})
    front, back = asm.holey_zip(root, HUGE)
    return Holey(front, HUGE, back)


@pytest.mark.parametrize("form", ["torch zip", "torch legacy", "safetensors"])
def test_half_a_gigabyte_is_described_at_once_from_a_few_bytes(form: str) -> None:
    file = huge(form)
    description = inspect.describe(file, file.size)  # type: ignore[arg-type]
    assert file.count < 1_000_000
    assert (description.format, description.parameters) == (form, HUGE // 4)
    assert inspect.scan(file, file.size).verdict == "weights-only"  # type: ignore[arg-type]


def test_a_real_file_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    path.write_bytes(asm.torch_zip())
    with path.open("rb") as file:
        assert inspect.scan(file, path.stat().st_size, path.name).verdict == "weights-only"


def test_a_stream_neither_reads_nor_skips_past_its_end() -> None:
    stream = Stream(io.BytesIO(b"abcdef\nghij"), 1, 9)
    assert stream.line() == b"bcdef"
    assert (stream.position, stream.left) == (7, 2)
    for act in (lambda: stream.take(3), lambda: stream.skip(3), stream.line):
        with pytest.raises(Broken):
            act()
    assert stream.take(2) == b"gh"


def test_a_part_of_a_file_is_a_file() -> None:
    part = Part(io.BytesIO(b"abcdef"), 1, 3)
    assert (part.read(), part.read(), part.seek(-2, 2), part.read(9), part.tell()) == (b"bcd", b"", 1, b"cd", 3)
