"""The lists, name by name: what a weights-only load takes, what needs classes, and what is never on one."""

from __future__ import annotations

import io

import pytest

from git_models import inspect
from git_models.inspect import allow
from git_models.inspect.machine import MOST_BYTES
from tests.inspect import assembler as asm
from tests.inspect.test_formats import Holey

WEIGHTS_ONLY = [
    *("collections.OrderedDict", "collections.Counter", "torch.Size", "torch.Tensor", "torch.device"),
    "torch.nn.parameter.Parameter",
    *(
        f"torch._utils._rebuild_{name}"
        for name in (
            *("parameter", "parameter_with_state", "qtensor", "tensor", "tensor_v2", "tensor_v3", "sparse_tensor"),
            *(
                "meta_tensor_no_storage",
                "wrapper_subclass",
                "device_tensor_from_numpy",
                "device_tensor_from_cpu_tensor",
            ),
        )
    ),
    *("torch._tensor._rebuild_from_type_v2", "torch.serialization._get_layout", "_codecs.encode"),
    *("builtins.bytearray", "builtins.set", "builtins.complex", "__builtin__.set"),
    *("torch.float32", "torch.bfloat16", "torch.float8_e4m3fn", "torch.qint8", "torch.per_tensor_affine"),
    *("torch.FloatTensor", "torch.cuda.HalfTensor", "torch.sparse.FloatTensor"),
    *("torch.FloatStorage", "torch.BFloat16Storage", "torch.cuda.LongStorage", "torch.QUInt4x2Storage"),
    *("torch.storage.TypedStorage", "torch.storage.UntypedStorage"),
]
NEEDS_CLASSES = [
    *("torch.nn.modules.conv.Conv2d", "torch.nn.modules.container.Sequential"),
    *("ultralytics.nn.modules.block.C2f", "ultralytics.nn.modules.head.Detect", "ultralytics.nn.tasks.DetectionModel"),
    *("ultralytics.utils.loss.v8DetectionLoss", "ultralytics.utils.tal.TaskAlignedAssigner"),
    *("ultralytics.utils.IterableSimpleNamespace", "numpy.dtype"),
    *("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"),
    *("pathlib.PosixPath", "pathlib.WindowsPath", "models.yolo.Model", "models.common.Conv", "builtins.getattr"),
]
NEVER = ("sys", "os", "posix", "nt")


def scanned(dotted: str) -> inspect.Report:
    """The report on a torch file whose pickle names it and does nothing else."""
    module, _, name = dotted.rpartition(".")
    data = asm.torch_zip(asm.pickled(asm.name(module, name)))
    return inspect.scan(io.BytesIO(data), len(data))


@pytest.mark.parametrize("dotted", WEIGHTS_ONLY)
def test_what_a_weights_only_load_takes_is_no_finding(dotted: str) -> None:
    assert scanned(dotted) == inspect.Report("weights-only", "torch zip")


@pytest.mark.parametrize("dotted", NEEDS_CLASSES)
def test_a_class_of_the_usual_models_is_listed(dotted: str) -> None:
    report = scanned(dotted)
    assert (report.verdict, report.classes) == ("needs classes", (dotted,))


@pytest.mark.parametrize("module", NEVER)
def test_what_leads_to_the_system_is_on_no_list(module: str) -> None:
    everything = allow.WEIGHTS_ONLY | allow.NAMESPACES | allow.SCALARS | allow.PATHS | allow.ENUMS | {allow.DTYPE}
    assert not [name for name in everything if name.split(".")[0] == module]
    for dotted in (f"{module}.system", f"{module}.path.join", f"{module}.harmless"):
        assert scanned(dotted).verdict == "dangerous"
        head, _, name = dotted.rpartition(".")
        assert allow.classify(head, name, torchscript=True) == "dangerous"


@pytest.mark.parametrize("dotted", ["torch.nn.modules.conv.x", "ultralytics.nn.tasks.parse", "numpy.dtypes", "a.b"])
def test_a_name_beside_the_listed_ones_is_unknown_and_named(dotted: str) -> None:
    report = scanned(dotted)
    assert report.verdict == "unknown"
    assert f"imports {dotted}" in report.findings[0].what


@pytest.mark.parametrize("over", [0, 1 << 20])
def test_a_pickle_has_64_mib_at_most(over: int) -> None:
    """One long string, of which no byte is read."""
    length = MOST_BYTES - 64 + over
    front, back = b"\x80\x02T" + length.to_bytes(4, "little"), b"."
    pickle = Holey(front, length, back)
    report = inspect.scan(pickle, pickle.size)  # type: ignore[arg-type]
    assert ("larger than any model needs" in str(report.findings)) == bool(over)
    assert pickle.count < 1 << 20
