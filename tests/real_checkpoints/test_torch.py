"""What PyTorch itself writes: its own loader is the judge of the verdict."""

from __future__ import annotations

import collections
import hashlib
import io
import pkgutil
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import torch._weights_only_unpickler as torch_list

from git_models import inspect
from git_models.inspect import allow
from tests.inspect import assembler as asm

DTYPES = sorted({dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}, key=str)
USUAL = {torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8}
USUAL |= {torch.uint8, torch.bool, torch.complex64, torch.complex128}


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def scan(data: bytes) -> inspect.Report:
    return inspect.scan(io.BytesIO(data), len(data))


def describe(data: bytes) -> inspect.Description:
    return inspect.describe(io.BytesIO(data), len(data))


def net() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 4)
    )


def test_the_list_holds_exactly_what_torch_takes() -> None:
    assert set(torch_list._get_allowed_globals()) == set(allow.WEIGHTS_ONLY)


def test_every_layer_of_torch_is_a_listed_class() -> None:
    layers = set()
    for module in pkgutil.iter_modules(torch.nn.modules.__path__):
        inside = vars(sys.modules.get(f"torch.nn.modules.{module.name}", torch.nn))
        for name, kind in inside.items():
            if isinstance(kind, type) and issubclass(kind, torch.nn.Module) and not name.startswith("_"):
                layers.add(f"{kind.__module__}.{name}")
    layers = {name for name in layers if name.startswith("torch.nn.modules.") and "Lazy" not in name}
    assert len(layers) > 100
    assert [name for name in sorted(layers) if not allow.is_model_class(name)] == []


def states() -> dict[str, Any]:
    model = net()
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.zeros(2, 3, 3, 3)).sum().backward()
    optimiser.step()
    weight = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tied = torch.nn.Parameter(weight.clone())
    tied.note = "an attribute"  # type: ignore[attr-defined]
    return {
        "state dict": model.state_dict(),
        "checkpoint": {
            "epoch": 3,
            "model": model.state_dict(),
            "optimizer": optimiser.state_dict(),
            "args": {"lr": 0.1},
        },
        "parameter": torch.nn.Parameter(weight),
        "parameter with attributes": tied,
        "sparse": torch.eye(4).to_sparse(),
        "sparse rows": torch.eye(4).to_sparse_csr(),
        "meta": torch.empty(3, device="meta"),
        "quantised": torch.quantize_per_tensor(weight, 0.1, 10, torch.qint8),
        "quantised by channel": torch.quantize_per_channel(weight, torch.ones(4), torch.zeros(4), 0, torch.qint8),
        "views": {"whole": weight, "row": weight[1], "column": weight[:, 2], "turned": weight.t()},
        "containers": {
            "set": {1, 2},
            "counter": collections.Counter("aab"),
            "bytes": b"\x00\xff",
            "size": weight.shape,
        },
        "complex": torch.ones(3, dtype=torch.complex64),
        "a number": 1j,
        "device": torch.device("cpu"),
        "layout": torch.strided,
        "typed storage": torch.FloatStorage(4),
        "array": bytearray(b"abc"),
    }


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", sorted(states()))
def test_weights_only_is_said_exactly_when_torch_loads_it_so(name: str, zipped: bool) -> None:
    torch.manual_seed(0)
    data = saved(states()[name], _use_new_zipfile_serialization=zipped)
    torch.load(io.BytesIO(data), weights_only=True)
    report = scan(data)
    assert report.verdict == "weights-only", inspect.report_lines(report)
    assert describe(data).report.verdict == "weights-only"


def test_what_only_the_zip_format_holds_is_weights_only() -> None:
    for value in (torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), torch.arange(4).untyped_storage()):
        data = saved(value)
        torch.load(io.BytesIO(data), weights_only=True)
        assert scan(data).verdict == "weights-only", inspect.report_lines(scan(data))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_data_type_is_named_and_measured(dtype: torch.dtype, zipped: bool) -> None:
    try:
        tensor = torch.empty((3, 2), dtype=dtype)
        data = saved({"w": tensor}, _use_new_zipfile_serialization=zipped)
        torch.load(io.BytesIO(data), weights_only=True)
    except (RuntimeError, TypeError, KeyError, NotImplementedError, AttributeError):
        assert dtype not in USUAL
        pytest.skip("this build of torch cannot write it")
    assert scan(data).verdict == "weights-only", inspect.report_lines(scan(data))
    (found,) = describe(data).tensors
    assert (found.dtype, found.shape) == (str(dtype).removeprefix("torch."), (3, 2))
    if zipped:
        assert found.bytes == tensor.untyped_storage().nbytes()


def test_names_shapes_and_parameters_are_those_of_the_model() -> None:
    model = net()
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for data in (
        saved(model.state_dict()),
        saved(model),
        saved(model.state_dict(), _use_new_zipfile_serialization=False),
    ):
        description = describe(data)
        assert {tensor.name: tensor.shape for tensor in description.tensors} == expected
        assert description.parameters == sum(one.numel() for one in model.parameters())


def test_shared_weights_are_counted_once() -> None:
    weight = torch.ones(5, 5)
    assert describe(saved({"in": weight, "out": weight})).parameters == 25


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_whole_module_needs_its_classes(protocol: int, zipped: bool) -> None:
    data = saved(net(), pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    report = scan(data)
    assert report.verdict == "needs classes", inspect.report_lines(report)
    assert "torch.nn.modules.conv.Conv2d" in report.classes
    with pytest.raises(Exception, match="Unsupported"):
        torch.load(io.BytesIO(data), weights_only=True)


def test_a_higher_protocol_is_never_weights_only_where_torch_refuses_it() -> None:
    for protocol in (3, 4, 5):
        data = saved(net().state_dict(), pickle_protocol=protocol)
        try:
            torch.load(io.BytesIO(data), weights_only=True)
        except Exception:
            assert scan(data).verdict == "needs classes"
        else:
            assert scan(data).verdict == "weights-only"


def test_torchscript_needs_its_own_program(tmp_path: Path) -> None:
    for number, make in enumerate((torch.jit.script, lambda model: torch.jit.trace(model, torch.zeros(1, 3, 3, 3)))):
        path = tmp_path / f"{number}.torchscript"
        make(net().eval()).save(str(path), _extra_files={"about.txt": "made here"})
        data = path.read_bytes()
        report = scan(data)
        assert (report.verdict, report.format) == ("needs classes", "TorchScript"), inspect.report_lines(report)
        assert describe(data).parameters == sum(one.numel() for one in net().parameters())


def test_torchscript_that_reads_files_is_unknown(tmp_path: Path) -> None:
    source = "def forward(self, x: Tensor):\n    return torch.from_file('/dev/null', False, 0) + x\n"
    module = torch.jit.ScriptModule()
    module.define(source)
    path = tmp_path / "reads.pt"
    module.save(str(path))
    report = scan(path.read_bytes())
    assert report.verdict == "unknown", inspect.report_lines(report)


@pytest.mark.parametrize(
    "call",
    [
        "torch.save(x, {})",
        "torch . save (x, {})",
        "torch.\\\nsave(x, {})",
        "(torch. # here\n  save(x, {}))",
        "ops.aten.save(x, {})",
        "ops . aten . save(x, {})",
    ],
)
def test_torchscript_that_writes_files_is_unknown_however_it_is_spelled(tmp_path: Path, call: str) -> None:
    saved_as = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Flatten()), saved_as)
    written = tmp_path / "written"
    with zipfile.ZipFile(saved_as) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    (place,) = (name for name in entries if name.endswith("flatten.py"))
    at = entries[place].index(b"    return ")
    line = call.replace("(x, {}", f'(input, "{written}"')
    entries[place] = entries[place][:at] + f"    y = {line}\n".encode() + entries[place][at:]
    data = asm.zipped(entries.items())
    torch.jit.load(io.BytesIO(data))(torch.ones(2, 2))
    assert written.exists(), "libtorch does not run it"
    assert scan(data).verdict == "unknown"


def detector(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A checkpoint as detectors write it: the model with its classes, arguments, metrics."""
    made: dict[str, types.ModuleType] = {}
    for name in ("ultralytics", "ultralytics.nn", "ultralytics.nn.modules", "ultralytics.utils"):
        made[name] = types.ModuleType(name)
    for name in ("ultralytics.nn.tasks", "ultralytics.nn.modules.conv", "ultralytics.nn.modules.head"):
        made[name] = types.ModuleType(name)
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)

    def forward(_self: Any, x: Any) -> Any:
        return x

    def a_class(place: str, name: str, base: type) -> Any:
        kind = type(name, (base,), {"__module__": place, "forward": forward})
        setattr(made[place], name, kind)
        return kind

    conv = a_class("ultralytics.nn.modules.conv", "Conv", torch.nn.Module)()
    conv.conv, conv.act = torch.nn.Conv2d(3, 4, 3), torch.nn.SiLU()
    head = a_class("ultralytics.nn.modules.head", "Detect", torch.nn.Module)()
    head.cv2, head.stride = torch.nn.ModuleList([torch.nn.Conv2d(4, 2, 1)]), torch.tensor([8.0])
    head.forward = head.forward  # a bound method: pickled as getattr
    model = a_class("ultralytics.nn.tasks", "DetectionModel", torch.nn.Module)()
    model.model, model.names = torch.nn.Sequential(conv, head), {0: "buoy"}
    settings = a_class("ultralytics.utils", "IterableSimpleNamespace", types.SimpleNamespace)
    model.args = settings(imgsz=640)
    return {
        "epoch": -1,
        "best_fitness": numpy.float64(0.5),
        "model": model.half(),
        "ema": None,
        "optimizer": None,
        "train_args": {"imgsz": 640, "data": "buoys.yaml", "project": Path("runs")},
        "train_metrics": {"metrics/mAP50(B)": numpy.float64(0.75), "fitness": 0.5},
        "date": "2026-11-24T12:00:00",
        "version": "8.3.0",
    }


def test_a_detectors_checkpoint_needs_its_classes_and_tells_of_its_training(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(detector(monkeypatch))
    report = scan(data)
    assert report.verdict == "needs classes", inspect.report_lines(report)
    assert {"ultralytics.nn.tasks.DetectionModel", "builtins.getattr", "numpy.dtype"} <= set(report.classes)
    description = describe(data)
    assert description.metadata["epoch"] == -1
    assert description.metadata["best_fitness"] == 0.5
    assert description.metadata["train_args"] == {"imgsz": 640, "data": "buoys.yaml", "project": "runs"}
    assert description.metadata["train_metrics"]["metrics/mAP50(B)"] == 0.75
    assert description.metadata["date"] == "2026-11-24T12:00:00"
    assert [tensor.dtype for tensor in description.tensors] == ["float16"] * 4
    assert description.tensors[0].name == "model.model.0.conv.weight"


def changed(model: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    after = {name: tensor.clone() for name, tensor in reversed(model.items())}  # renumbers the storages
    after["4.weight"] += 1
    after["0.bias"] = after["0.bias"].half()
    after["4.bias"] = torch.zeros(7)
    after["new"] = torch.zeros(2)
    del after["1.running_mean"]
    return after


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("zipped", [(True, True), (True, False), (False, False)])
def test_a_comparison_names_the_tensors_that_changed(verify: bool, zipped: tuple[bool, bool]) -> None:
    before = dict(net().state_dict())
    files = [
        saved(value, _use_new_zipfile_serialization=zip_it)
        for value, zip_it in zip((before, changed(before)), zipped, strict=True)
    ]
    old, new = ((io.BytesIO(data), len(data)) for data in files)
    found = inspect.compare(old, new, verify=verify)
    assert [tensor.name for tensor in found.added] == ["new"]
    assert [tensor.name for tensor in found.removed] == ["1.running_mean"]
    assert [pair.after.name for pair in found.dtype] == ["0.bias"]
    assert [pair.after.name for pair in found.shape] == ["4.bias"]
    assert [pair.after.name for pair in found.content] == ["4.weight"]
    assert {pair.after.name for pair in found.same} == set(before) - {"1.running_mean", "0.bias", "4.bias", "4.weight"}
    assert found.unread == ()


def test_a_file_without_checksums_is_compared_by_its_bytes() -> None:
    before, after = {"w": torch.zeros(8)}, {"w": torch.ones(8)}
    torch.serialization.set_crc32_options(False)
    try:
        files = [saved(before), saved(after), saved(before)]
    finally:
        torch.serialization.set_crc32_options(True)
    first, second, third = ((io.BytesIO(data), len(data)) for data in files)
    assert len(inspect.compare(first, second).content) == 1
    assert len(inspect.compare(first, third).same) == 1


def test_a_digest_is_that_of_the_tensors_bytes() -> None:
    weights = {"a": torch.arange(6.0), "b": torch.arange(4)}
    for zipped in (True, False):
        data = saved(weights, _use_new_zipfile_serialization=zipped)
        digests = inspect.tensor_digests(io.BytesIO(data), len(data))
        assert digests == {
            name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest() for name, tensor in weights.items()
        }
