"""How far two checkpoints lie apart: torch's own arithmetic is the judge."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from git_models import inspect
from git_models.inspect import Measured
from git_models.inspect.numbers import FLOATS

HERE = Path(__file__).resolve().parents[2]


def saved(value: Any, zipped: bool = True) -> tuple[io.BytesIO, int]:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file, len(file.getvalue())


def trained() -> tuple[dict[str, Any], dict[str, Any]]:
    """A checkpoint before and after some steps of training, optimiser included."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(576, 9),
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)

    def step() -> dict[str, Any]:
        for _ in range(3):
            optimiser.zero_grad()
            model(torch.randn(8, 3, 8, 8)).square().sum().backward()
            optimiser.step()
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return {"model": state, "optimizer": optimiser.state_dict(), "epoch": len(state)}

    first = io.BytesIO()
    torch.save(step(), first)
    first.seek(0)
    return torch.load(first), step()


def flat(value: Any, name: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {name: value}
    if not isinstance(value, dict):
        return {}
    return {k: v for key, item in value.items() for k, v in flat(item, f"{name}.{key}".lstrip(".")).items()}


def test_what_was_trained_moved_as_far_as_torch_says() -> None:
    before, after = trained()
    # One parameter lies in memory otherwise than before, and one is a view.
    after["model"]["4.weight"] = after["model"]["4.weight"].t().contiguous().t()
    after["model"]["0.weight"] = after["model"]["0.weight"].contiguous()
    old, new = flat(before), flat(after)
    for zipped in (True, False):
        found = inspect.compare(saved(before, zipped), saved(after, zipped), measure=True)
        measured = {m.pair.after.name: m for m in found.numbers if isinstance(m, Measured)}
        floats = {name for name, tensor in new.items() if tensor.is_floating_point()}
        assert len(floats) > 15
        assert set(measured) == floats
        for name, one in measured.items():
            change = new[name].double() - old[name].double()
            assert one.l2 == pytest.approx(float(change.norm()), rel=1e-12), name
            assert one.before == pytest.approx(float(old[name].double().norm()), rel=1e-12), name
            assert one.largest == float(change.abs().max()), name
        total = inspect.total_change(found.numbers)
        own = [name for name in floats if name.startswith("model.") and "running" not in name]
        changes = torch.cat([(new[name].double() - old[name].double()).flatten() for name in own])
        assert total is not None and total.tensors == len(own)
        assert total.l2 == pytest.approx(float(changes.norm()), rel=1e-12)
        assert total.largest == float(changes.abs().max())


@pytest.mark.parametrize("dtype", sorted(FLOATS))
def test_every_value_of_a_type_is_the_one_that_torch_reads(dtype: str) -> None:
    kind = getattr(torch, dtype)
    width = torch.empty(0, dtype=kind).element_size()
    if width == 1:
        raw = torch.arange(256, dtype=torch.uint8)
    elif width == 2:
        raw = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16)
    else:
        raw = torch.randint(0, 256, (width << 12,), dtype=torch.uint8)
    values = raw.view(kind)
    exact = values.float().double() if width < 4 else values.double()
    if dtype.startswith("float8_e8m0"):
        exact = torch.tensor([2.0**code for code in range(-127, 128)] + [math.nan], dtype=torch.float64)
    good = exact.isfinite()
    # One by one, so that none hides behind the others; in float64, where nothing is rounded.
    for at in range(0, len(values), max(1, len(values) // 256)):
        zero = torch.zeros(1, dtype=torch.float64)
        pair = saved({"w": zero}), saved({"w": values[at : at + 1].clone()})
        (found,) = inspect.compare(*pair, measure=True).numbers
        assert isinstance(found, Measured)
        assert found.odd == (0, int(not good[at]))
        assert found.l2 == (abs(float(exact[at])) if good[at] else 0)
    if not dtype.startswith("float8_e8m0"):
        pair = saved({"w": torch.zeros(len(values), dtype=torch.float32)}), saved({"w": values.clone()})
        (found,) = inspect.compare(*pair, measure=True).numbers
        assert isinstance(found, Measured)
        assert (found.finite, found.odd[1]) == (int(good.sum()), int((~good).sum()))
        assert found.largest == float(exact[good].abs().max())


@pytest.mark.parametrize("seed", range(20))
def test_views_of_any_shape_are_followed(seed: int) -> None:
    torch.manual_seed(seed)
    sizes = torch.randint(1, 40, (4,)).tolist()
    one, other = (torch.randn(sizes).permute(*torch.randperm(4).tolist()) for _ in range(2))
    shape = [min(a, b) for a, b in zip(one.shape, other.shape, strict=True)]
    one, other = (tensor[tuple(slice(0, count) for count in shape)] for tensor in (one, other))
    (found,) = inspect.compare(saved({"w": one}), saved({"w": other}), measure=True).numbers
    assert isinstance(found, Measured), found
    assert found.l2 == pytest.approx(float((other.double() - one.double()).norm()), rel=1e-12)


_COMPARE = r"""
import pathlib, re, sys
from git_models import inspect
with open(sys.argv[1], "rb") as a, open(sys.argv[2], "rb") as b:
    sizes = [file.seek(0, 2) for file in (a, b)]
    found = inspect.compare((a, sizes[0]), (b, sizes[1]), measure=True)
# getrusage would also count what the process was before this program was loaded into it.
peak = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
print(peak, inspect.total_change(found.numbers).l2)
"""


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = {f"{layer}.weight": torch.randn(1024, 1024) for layer in range(25)}
    moved = {name: (tensor + 1).t().contiguous().t() for name, tensor in weights.items()}
    for name, value in (("before.pt", weights), ("after.pt", moved)):
        torch.save(value, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE, tmp_path / "before.pt", tmp_path / "after.pt"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    )
    peak, l2 = done.stdout.split()
    exact = sum(float((moved[n].double() - weights[n].double()).square().sum()) for n in weights)
    assert float(l2) == pytest.approx(math.sqrt(exact), rel=1e-12)
    assert int(peak) * 1024 < 120_000_000
