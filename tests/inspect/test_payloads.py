"""No file that would run something is ever called weights-only, and nothing runs while it is scanned."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from git_models import inspect
from tests.inspect import assembler as asm
from tests.inspect import attacks, payloads

PAYLOADS = payloads.everything()
PACKAGE = Path(inspect.__file__).parent
DANGEROUS_CALLS = [(f"calls {module}.{name}", module) for module, name, _args in payloads.CALLS]
UNHEARD_OF = ("some_package", "__main__")


def scan(data: bytes, name: str = "") -> inspect.Report:
    return inspect.scan(io.BytesIO(data), len(data), name)


RUN = asm.call("os", "system", "echo marker")
PARTED = {
    attack.__name__: attack(RUN)
    for attack in (
        attacks.frame_beyond_stop,
        attacks.frame_inside_a_string,
        attacks.late_pickle,
        attacks.pickle_behind_a_long_line,
        attacks.tar_inside_gguf,
        attacks.tar_inside_safetensors,
    )
}
CALL = asm.name("ultralytics.nn.tasks", "DetectionModel")
STATES = {
    "a dict": {"__setstate__": CALL},
    "a dict of pairs": asm.call("collections", "OrderedDict", [("__setstate__", CALL)]),
    "a dict of a dict": asm.call("collections", "OrderedDict", {"__setstate__": CALL}),
    "slots": (None, {"__setstate__": CALL}),
    "a name with escapes": b"}V__setstate\\u005f_\n" + CALL + b"s",
    "a dict of something else": asm.call("collections", "OrderedDict", asm.call("builtins", "set", [])),
}


@pytest.mark.parametrize("name", PARTED)
def test_where_readers_part_company_nothing_is_called_loadable(name: str) -> None:
    assert scan(PARTED[name]).verdict in ("unknown", "dangerous")


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize(
    "target",
    [("ultralytics.utils", "IterableSimpleNamespace"), ("torch.nn.modules.linear", "Linear"), ("torch", "Tensor")],
    ids=lambda target: target[1],
)
def test_no_state_brings_its_own_methods(name: str, target: tuple[str, str]) -> None:
    data = asm.torch_zip(asm.pickled(asm.make(*target, STATES[name])))
    assert scan(data).verdict in ("unknown", "dangerous")


@pytest.mark.parametrize(
    "state",
    [
        (3, "<", None, ("a",), {"a": (asm.call("numpy", "dtype", "f8"), 0)}, 8, 1, 0),
        (3, "<", (asm.call("numpy", "dtype", "f8"), 9), None, None, 8, 1, 0),
        (3, "<", None, None, None, -1, -1, 63),
        (3, "<"),
    ],
)
def test_a_data_type_is_given_no_fields_and_no_flags(state: tuple[object, ...]) -> None:
    kind = asm.call("numpy", "dtype", "V8", False, True) + asm.value(state) + b"b"
    assert scan(asm.torch_zip(asm.pickled(kind))).verdict == "unknown"
    plain = asm.call("numpy", "dtype", "f8", False, True) + asm.value((3, "<", None, None, None, -1, -1, 0)) + b"b"
    assert scan(asm.torch_zip(asm.pickled(plain))).verdict == "needs classes"


def test_a_folder_of_code_does_not_make_a_pickle_torchscript() -> None:
    data = asm.pickled(asm.call("__torch__.posix", "system", "echo marker"))
    assert scan(attacks.with_code(data)).verdict == "unknown"


@pytest.mark.parametrize(
    "function", ["torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter"], ids=lambda name: name
)
def test_a_parameter_is_made_of_nothing_but_a_tensor(function: str) -> None:
    module, _, name = function.rpartition(".")
    layer = asm.make("torch.nn.modules.container", "Sequential", {"detach": CALL})
    data = asm.pickled(asm.call(module, name, layer, True))
    assert scan(asm.torch_zip(data)).verdict == "unknown"


def test_there_are_more_than_sixty_payloads() -> None:
    assert len({data for _name, data in PAYLOADS}) > 150


@pytest.mark.parametrize(("name", "data"), PAYLOADS, ids=[name for name, _data in PAYLOADS])
def test_no_payload_is_weights_only(name: str, data: bytes) -> None:
    report = scan(data)
    assert report.verdict in ("unknown", "dangerous"), inspect.report_lines(report)
    assert report.findings


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".gguf", ".pt", ".h5", ""])
def test_the_name_of_a_payload_does_not_make_it_better(suffix: str) -> None:
    for _name, data in PAYLOADS[:10]:
        assert scan(data, f"model{suffix}").verdict == "dangerous"
    assert scan(payloads.EVIL, f"model{suffix}").verdict == "dangerous"


@pytest.mark.parametrize(("name", "module"), DANGEROUS_CALLS, ids=[name for name, _module in DANGEROUS_CALLS])
def test_what_is_known_to_run_code_is_dangerous(name: str, module: str) -> None:
    report = scan(dict(PAYLOADS)[name])
    expected = "unknown" if module in UNHEARD_OF or module.startswith(UNHEARD_OF) else "dangerous"
    assert report.verdict == expected, inspect.report_lines(report)


HIDING = (
    "two data.pkl",
    "data.pkl in capitals as well",
    "a second folder",
    "a deeper data.pkl",
    "a pickle in front of a zip",
    "a good pickle in front of a zip",
    "bytes in front of a zip",
    "a good zip in front of a zip",
    "a comment with a directory",
    "another local name",
    "an encrypted entry",
    "an encrypted local entry",
    "another method in the local header",
    "a name with a NUL",
    "a name that climbs",
    "a safetensors file that is a pickle",
    "a safetensors file that ends as a zip",
    "a memo that was overwritten",
    "a memo that MEMOIZE overwrites",
    "a memo whose numbers are text",
    "a memo whose number is no plain one",
    "EXT1 alone",
    "EXT2 as a value",
    "EXT4 thrown away",
    "EXT1",
    "EXT2",
    "EXT4",
    "a dotted name",
    "a computed name",
    "a name with escapes",
    "a name of bytes",
    "a broken stack in front",
    "behind a missing memo",
    "getattr of a hidden name",
    "getattr of a module",
    "calls what getattr gave",
    "changes a class",
    "compressed",
    "a zip in a zip",
    "gzip",
    "gzip around a zip",
    "tar",
    "a numpy array of objects",
    "a numpy archive of objects",
    "a chat template that climbs",
    "an ONNX model outside its folder",
    "legacy, a class with a source",
    *(f"legacy, pickle {number}" for number in range(1, 6)),
    "bare, behind a storage",
    "TorchScript's constants",
    "TorchScript's data",
)


@pytest.mark.parametrize("name", HIDING)
def test_what_hides_is_dangerous(name: str) -> None:
    report = scan(dict(PAYLOADS)[name])
    assert report.verdict == "dangerous", inspect.report_lines(report)


@pytest.mark.parametrize("data", [b"c\xff\xfe\nsystem\n.", b"i\xb1m\nsystem\n(.", b"\x82\x01.", b"c\xc3\x28"])
def test_noise_that_no_unpickler_gets_through_is_not_called_dangerous(data: bytes) -> None:
    assert scan(data + bytes(64), "dump.pt").verdict == "unknown"


def test_the_scanner_imports_nothing_that_unpickles_or_runs_code() -> None:
    forbidden = (
        r"(import|from)\s+(pickle|_pickle|pickletools|torch|marshal|shelve|importlib|runpy|ctypes|subprocess|os)\b"
    )
    for path in PACKAGE.glob("*.py"):
        source = path.read_text()
        assert not re.search(rf"^\s*{forbidden}", source, re.MULTILINE), path
        assert not re.search(r"(?<![\w.\"'])(eval|exec|compile|__import__|getattr|setattr)\(", source), path


def test_nothing_is_imported_called_or_opened_while_a_payload_is_scanned(tmp_path: Path) -> None:
    """An audit hook sees every import, compilation, execution, open and process."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, (_name, data) in enumerate(PAYLOADS):
        (folder / f"{number:03}").write_bytes(data)
    program = """
import io, json, pathlib, sys
from git_models import inspect
from git_models.output import safe
files = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
modules = set(sys.modules)
seen, watching = [], False
def hook(event, args):
    if watching:
        seen.append((event, repr(args)[:100]))
sys.addaudithook(hook)
watching = True
verdicts = []
for data in files:
    verdicts.append(inspect.scan(io.BytesIO(data), len(data)).verdict)
    inspect.describe(io.BytesIO(data), len(data))
    inspect.tensor_digests(io.BytesIO(data), len(data))
watching = False
print(json.dumps([seen, verdicts, sorted(set(sys.modules) - modules)]))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    seen, verdicts, modules = json.loads(run.stdout)
    assert len(verdicts) == len(PAYLOADS)
    assert [event for event in seen if event[0] != "builtins.id"] == []
    assert modules == []
    assert "marker" not in run.stdout
