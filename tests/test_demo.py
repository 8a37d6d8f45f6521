"""The demonstration plays to its end on whatever weight file it is given."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers import ROOT
from tests.helpers.sandbox import Sandbox, weights

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Where `scripts/demo` is started, and under which it makes its own folders."""
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return Sandbox(tmp_path)


def demo(stage: Sandbox, *args: str, code: int = 0) -> tuple[str, str]:
    done = stage.run(" ".join([str(ROOT / "scripts/demo"), "--installed", *args]), code=code)
    return done.out, done.err


@pytest.mark.parametrize("place", ["", "--github"])
def test_every_version_of_the_story_arrives_with_the_md5_that_it_had(stage: Sandbox, place: str) -> None:
    file = stage.write("my model.pt", weights(300_000))
    said, _ = demo(stage, f"--model '{file}'", place)
    table = said.rpartition("md5 before, and after\n")[2]
    rows = re.findall(r"^(\S.*?) +300000 +\d+\.\d\d  ([0-9a-f]{32})\n +([0-9a-f]{32})$", table, re.MULTILINE)
    assert len(rows) == 6
    assert [before for _, before, after in rows if before != after] == []
    assert rows[0][1] == stage.md5("my model.pt")
    assert len({before for _, before, _ in rows}) == 2, "the second version is another one"
    assert said.endswith("all 6 the same\n")
    for moment in ("measurements.csv (120 MB)", "is not the model", "nothing landed"):
        assert moment in said
    assert said.count("[exit code 1]") == 2, "the commit that is stopped and the download that is refused"
    assert list((stage / "tmp").iterdir()) == [], "nothing is left behind"


def test_a_model_that_is_not_there_is_named(stage: Sandbox) -> None:
    _, said = demo(stage, "--model no-such.pt", code=1)
    assert "there is no file no-such.pt" in said


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts/demo.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_difference_shows_in_the_table_and_fails(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [script.Row("one", 5, "a" * 32, "a" * 32, 0.1), script.Row("two", 5, "a" * 32, "b" * 32, 0.1)]
    assert not script.table("best.pt", rows)
    said = capsys.readouterr().out
    assert f"DIFFERENT  {'b' * 32}" in said
    assert "1 of 2 differ" in said
    assert max(map(len, said.splitlines())) <= 80


def test_make_passes_the_model_on(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-n", "-C", str(ROOT), "demo", "demo-github", "MODEL=my best.pt"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "scripts/demo --model 'my best.pt'" in done.stdout
    assert "scripts/demo --github --model 'my best.pt'" in done.stdout
