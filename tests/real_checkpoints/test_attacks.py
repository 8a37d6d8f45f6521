"""Files that torch.load(weights_only=False) runs: what they do here is to make one empty folder.

Each was found by thinking like somebody who wants a scanner to look elsewhere. That torch really runs
it is part of the test, lest the scanner be praised for refusing what harms nobody.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import types
from pathlib import Path

import pytest
import torch

from git_models import inspect
from tests.inspect import assembler as asm
from tests.inspect import attacks

RUN = (
    attacks.frame_beyond_stop,
    attacks.frame_inside_a_string,
    attacks.late_pickle,
    attacks.pickle_behind_a_long_line,
    attacks.tar_inside_gguf,
    attacks.tar_inside_safetensors,
)


def loaded(file: Path, data: bytes) -> str:
    """The verdict on a file, which torch has loaded afterwards."""
    file.write_bytes(data)
    verdict = inspect.scan(io.BytesIO(data), len(data)).verdict
    with contextlib.suppress(Exception):
        torch.load(file, weights_only=False)
    return verdict


@pytest.mark.parametrize("attack", RUN, ids=lambda attack: attack.__name__)
def test_what_torch_runs_is_never_called_loadable(attack: attacks.Attack, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    verdict = loaded(tmp_path / "model.pt", attack(asm.call("os", "mkdir", str(marker))))
    assert marker.is_dir(), "torch does not run it"
    assert verdict in ("unknown", "dangerous")


def test_a_state_that_makes_a_listed_class_with_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class DetectionModel:
        """As detectors' own: it evaluates what its configuration says."""

        def __init__(self, configuration: str) -> None:
            os.mkdir(configuration)

    for name, kind in (
        ("ultralytics", types.SimpleNamespace),
        ("ultralytics.nn", types.SimpleNamespace),
        ("ultralytics.nn.tasks", DetectionModel),
        ("ultralytics.utils", type("IterableSimpleNamespace", (types.SimpleNamespace,), {})),
    ):
        module = types.ModuleType(name)
        setattr(module, kind.__name__, kind)
        monkeypatch.setitem(sys.modules, name, module)
    marker = tmp_path / "ran"
    data = attacks.state_that_calls(asm.name("ultralytics.nn.tasks", "DetectionModel"), asm.value(str(marker)))
    verdict = loaded(tmp_path / "model.pt", data)
    assert marker.is_dir(), "torch does not run it"
    assert verdict in ("unknown", "dangerous")
