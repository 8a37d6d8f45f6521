from __future__ import annotations

import pytest

from git_models import naming
from git_models.errors import ModelsError
from git_models.manifest import Entry, Version

PATTERN = "{model_type}_{version}_{date}.pt"


@pytest.mark.parametrize(
    "name",
    [
        "yolo_1.2.0_20261125.pt",
        "yolo-n_v1.0.0-rc.1_2026-11-25.pt",
        "a_b_1.0.0_20260101.onnx",
        "x_1.0.0_20260101.pth.tar",
    ],
)
def test_a_name_follows_the_pattern_whatever_its_suffix(name: str) -> None:
    assert naming.fault(PATTERN, name) == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("best.pt", "is not named like"),
        ("yolo_1.2_20261125.pt", "is not named like"),
        ("yolo_1.2.0_20261325.pt", "where {model_type}_{version}_{date}.pt has a date"),
        ("yolo_01.2.0_20261125.pt", "has a version"),
        ("_1.2.0_20261125.pt", "is not named like"),
    ],
)
def test_another_name_is_told_why(name: str, why: str) -> None:
    assert why in naming.fault(PATTERN, name)


@pytest.mark.parametrize(
    ("entry", "version", "expected"),
    [
        (Entry("runs/best.pt", created="2026-11-24"), "", "best_1.0.0_20261124.pt"),
        (Entry("yolo n_1.1.0.onnx", created="2026-11-24"), "2.0.0", "yolo-n_2.0.0_20261124.onnx"),
        (Entry("a.pt", name="cat_20250101", created="2026-11-24"), "", "cat_1.0.0_20261124.pt"),
        (
            Entry("a.pt", created="2026-11-24", versions=(Version("1.3.0", "", "", "", 1, ""),)),
            "",
            "a_1.3.0_20261124.pt",
        ),
    ],
)
def test_the_suggested_name_follows_the_pattern(entry: Entry, version: str, expected: str) -> None:
    assert naming.suggested(PATTERN, entry, version) == expected
    assert naming.fault(PATTERN, expected) == ""


def test_any_pattern_suggests_a_name_that_follows_it() -> None:
    for pattern in ("{team}-{model}-{version}.pt", "{date}_{time}_{name}.pt", "{name}_{name}.pt", "v{version}"):
        assert naming.fault(pattern, naming.suggested(pattern, Entry("runs/exp 1/best (1).pt"))) == "", pattern


@pytest.mark.parametrize("pattern", ["best.pt", "{name", "{a/b}", "x/{name}.pt", "{Name}.pt", "{na me}"])
def test_what_is_no_pattern_is_an_error(pattern: str) -> None:
    with pytest.raises(ModelsError, match=r"models\.naming"):
        naming.fault(pattern, "a.pt")
