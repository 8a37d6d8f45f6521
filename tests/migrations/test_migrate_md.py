"""The sections of docs/migrate.md that need Git LFS or DVC."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import played
from tests.migrate.test_migrate_md import PLAIN, SECTIONS


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in PLAIN])
def test_a_section_does_what_it_says(section: str, tools: None, tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    played.compare(SECTIONS[section], played.play(SECTIONS[section], tmp_path / "world"))
