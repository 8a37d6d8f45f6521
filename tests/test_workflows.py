"""docs/workflows.md is its own test: each section is typed in exactly as it is printed, in a fresh repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.github import GitHub
from tests.fakes.internet import Internet
from tests.helpers import ROOT, played, seal
from tests.helpers.forge import stock
from tests.helpers.played import Block, compare, play
from tests.helpers.sandbox import weights

TEXT = (ROOT / "docs/workflows.md").read_text()
BEGIN = "What every section begins with"
ALWAYS = ("Train a new model", "Update a model", "Restore")


def sections() -> dict[str, list[Block]]:
    return played.sections(TEXT)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, _sealed_session: None) -> Path:
    """What the first section leaves: made once. Addresses in it are absolute, so each copy lies at the same path."""
    folder = tmp_path_factory.mktemp("workflows")
    (folder / "world").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seal.personal(tmp_path_factory.mktemp("begin") / "home").items():
            patch.setenv(name, value)
        play(sections()[BEGIN], folder / "world")
    (folder / "world").rename(folder / "prepared")
    return folder


@contextmanager
def known_github(folder: Path, blocks: list[Block]) -> Iterator[None]:
    """Where the commands speak of octo-org, a stand-in for GitHub on which it has models."""
    if not any("octo-org" in block.commands for block in blocks):
        yield
        return
    place = folder / f"web-{time.monotonic_ns()}"
    place.mkdir()
    with GitHub(place) as hub, Internet(place) as net, pytest.MonkeyPatch.context() as patch:
        for name in ("best.pt", "nano.pt"):
            net.pages[f"https://github.com/octo-org/detector/releases/download/v1.0/{name}"] = weights(
                200_000, len(name)
            )
        for name, value in net.env.items():
            patch.setenv(name, value)
        stock(hub, "octo-org/detector", {"weights/best.pt": weights(200_000)})
        settings = {f"url.{hub.url}/.insteadOf": "https://github.com/", "models.hub.url": hub.remote("octo-org/tools")}
        for key, value in settings.items():
            subprocess.run(["git", "config", "--global", key, value], check=True)
        yield


def cases() -> Iterator[object]:
    """Every section but the first; the three workflows with every change, the others with the slow tests."""
    for name in sections():
        if name != BEGIN:
            yield pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow)


@pytest.mark.parametrize("section", list(cases()))
def test_a_section_does_what_it_says(section: str, prepared: Path) -> None:
    world = prepared / "world"
    shutil.copytree(prepared / "prepared", world, symlinks=True)
    blocks = sections()[section]
    try:
        with known_github(world.parent, blocks):
            printed = play(blocks, world / "project")
    finally:
        # Not removed: what a push left running behind its back may still be at work in it.
        world.rename(prepared / f"done-{list(sections()).index(section)}")
    compare(blocks, printed)


def test_every_block_is_run_or_compared() -> None:
    kinds = re.findall(r"^```(.*)\n(?:.*\n)*?```$", TEXT, re.MULTILINE)
    pairs = [block for blocks in sections().values() for block in blocks]
    assert kinds.count("sh") == len(pairs)
    assert kinds.count("text") == len([block for block in pairs if block.output is not None])
    assert set(kinds) <= {"sh", "text"}


def test_every_link_leads_somewhere() -> None:
    headings = {re.sub(r"[^a-z0-9 _-]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^## (.*)", TEXT, re.M)}
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        target = link.partition("#")
        assert target[2] in headings if link.startswith("#") else os.path.isfile(ROOT / "docs" / target[0]), link
