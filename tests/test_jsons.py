"""JSON that others wrote is read within bounds, wherever it comes from."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_models import backups, journal, jsons
from git_models.backups import Shelf
from git_models.remotes import gdrive_auth, unfinished
from tests.helpers import ROOT

DEEP = "[" * 200_000 + "]" * 200_000
HOSTILE = {
    "deep lists": DEEP,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "never closed": "[" * 200_000,
    "deep enough for what is done with it later": "[" * 60 + "]" * 60,
    "too many values": "[" + "[]," * 1_000_000 + "1]",
    "too large": '"' + "a" * jsons.LARGEST + '"',
    "a number of a million digits": "1" * 1_000_000,
    "no number": "NaN",
    "an infinite size": '{"size": Infinity}',
    "a number beyond all floats": '{"size": 1e999}',
    "half": '{"a": ',
    "nothing": "",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize("kind", [str, str.encode])
def test_what_no_honest_server_sends_is_an_error_like_any_other(text: str, kind: Callable[[str], bytes | str]) -> None:
    with pytest.raises(ValueError):
        jsons.read(kind(text))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_whatever_json_writes_is_read(value: object) -> None:
    assert jsons.read(json.dumps(value)) == jsons.read(json.dumps(value).encode()) == value


@given(st.text() | st.binary())
def test_other_text_raises_a_value_error_and_nothing_else(text: str | bytes) -> None:
    try:
        jsons.read(text)
    except ValueError:
        pass


def test_readers_of_what_lies_around_take_it_for_nothing(tmp_path: Path) -> None:
    found = backups.parse("a_backup_20260101_000000.pt", Shelf("/srv"), DEEP.encode())
    assert found.sha256 == ""
    (tmp_path / "journal").write_text(DEEP + '\n{"event": "upload", "path": "b.pt"}\n')
    assert [event.path for event in journal.read(str(tmp_path))] == ["b.pt"]
    (tmp_path / "note").write_text(DEEP)
    assert unfinished.Note(str(tmp_path / "note")).read() == {}
    assert gdrive_auth.json_of(DEEP.encode()) == {}


def test_nobody_else_reads_json() -> None:
    # safetensors has bounds of its own; a migration's journal is written and read by this program alone.
    allowed = {"jsons.py", "inspect/safetensors.py", "migrate/moving.py"}
    package = ROOT / "git_models"
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Attribute) and node.attr in ("load", "loads", "json"):
                whose = getattr(node.value, "id", "")
                reads = whose == "json" if node.attr != "json" else whose in ("response", "answer")
                assert not reads or str(file.relative_to(package)) in allowed, f"{file}:{node.lineno}: use jsons.read"
