"""docs/migrate.md is its own test; what needs Git LFS or DVC is played by tests/migrations."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.helpers import ROOT, played

TEXT = (ROOT / "docs/migrate.md").read_text()
SECTIONS = played.sections(TEXT)
PLAIN = [name for name in SECTIONS if not {"LFS", "DVC"} & set(name.split())]


@pytest.mark.parametrize("section", [PLAIN[0], *(pytest.param(name, marks=pytest.mark.slow) for name in PLAIN[1:])])
def test_a_section_does_what_it_says(section: str, tmp_path: Path) -> None:
    played.compare(SECTIONS[section], played.play(SECTIONS[section], tmp_path))


def test_the_first_heading_is_what_people_search_for() -> None:
    assert next(iter(SECTIONS)) == "My push was refused: GH001"


def test_every_block_is_run_or_compared() -> None:
    kinds = re.findall(r"^```(.*)\n(?:.*\n)*?```$", TEXT, re.MULTILINE)
    blocks = [block for blocks in SECTIONS.values() for block in blocks]
    assert kinds.count("sh") + TEXT.count("<!-- before\n") == len(blocks)
    assert kinds.count("text") == len([block for block in blocks if block.output is not None])
    assert set(kinds) <= {"sh", "text"}


def test_every_link_leads_somewhere() -> None:
    headings = {re.sub(r"[^a-z0-9 _-]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^## (.*)", TEXT, re.M)}
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        target = link.partition("#")
        assert target[2] in headings if link.startswith("#") else os.path.isfile(ROOT / "docs" / target[0]), link
