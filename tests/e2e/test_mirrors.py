"""Several places: a push brings everything to each, a pull takes the first that has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.fakes.github import GitHub
from tests.helpers.forge import another, begin
from tests.helpers.sandbox import Sandbox

pytestmark = pytest.mark.slow


@pytest.fixture
def mirrored(hub: GitHub, tmp_path: Path, place: Path) -> Sandbox:
    """A clone that sends its models to a folder and to the releases of origin; one model is pushed."""
    hub.repository("owner/repo")
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    work.models("remote", "add", "disk", place.as_uri(), "--local")
    work.git("config", "models.remote", "disk")
    work.git("config", "--add", "models.remote", hub.remote("owner/repo"))
    work.weight("best.pt", 50_000)
    work.commit("A model")
    work.git("push", "-u", "origin", "HEAD")
    return work


def reader(hub: GitHub, tmp_path: Path, place: Path) -> Sandbox:
    """A clone that looks in the folder first, then in the releases."""
    other = another(hub, tmp_path)
    other.models("remote", "add", "disk", place.as_uri(), "--local")
    other.git("config", "models.remote", "disk")
    return other


def test_every_default_gets_every_object(hub: GitHub, mirrored: Sandbox, place: Path) -> None:
    (kept,) = (p for p in place.rglob("best-*") if p.is_file())
    (asset,) = hub.assets("owner/repo").values()
    assert kept.read_bytes() == asset.bytes() == mirrored.read("best.pt")


def test_one_place_that_fails_stops_the_ref_but_not_the_other_place(
    hub: GitHub, mirrored: Sandbox, place: Path
) -> None:
    shutil.rmtree(place)
    place.write_text("a file where the folder was")
    mirrored.weight("next.pt", 60_000, seed=2)
    mirrored.commit("Another")
    before = mirrored.git("ls-remote", "origin", "main").out
    assert f"{place} is not a folder" in mirrored.git("push", code=1).err
    assert mirrored.git("ls-remote", "origin", "main").out == before
    assert len(hub.assets("owner/repo")) == 2


def test_pull_takes_the_first_place_that_has_the_right_bytes(
    hub: GitHub, mirrored: Sandbox, tmp_path: Path, place: Path
) -> None:
    first = reader(hub, tmp_path, place)
    hub.forget()
    first.models("pull")
    assert first.read("best.pt") == mirrored.read("best.pt")
    assert not hub.asked("blob"), "the folder comes first"
    (kept,) = (p for p in place.rglob("best-*") if p.is_file())
    for spoil in (lambda: kept.write_bytes(bytes(50_000)), kept.unlink, lambda: shutil.rmtree(place)):
        spoil()
        shutil.rmtree(first / ".git/models")
        (first / "best.pt").unlink()
        first.models("pull")
        assert first.read("best.pt") == mirrored.read("best.pt")
    assert len(hub.asked("blob")) == 3


def test_pull_goes_on_to_the_next_place_when_one_is_offline(
    hub: GitHub, mirrored: Sandbox, tmp_path: Path, place: Path
) -> None:
    other = another(hub, tmp_path)
    other.git("config", "models.nas.url", place.as_uri())
    hub.stop()
    other.models("pull")
    assert other.read("best.pt") == mirrored.read("best.pt")


def test_a_direct_link_comes_last_and_never_leads_into_the_own_network(
    hub: GitHub, mirrored: Sandbox, tmp_path: Path
) -> None:
    hub.repository("owner/elsewhere")
    hub.put("owner/elsewhere", "v1", "best.pt", mirrored.read("best.pt"))
    hub.delete_release("owner/repo", "git-models")
    other = another(hub, tmp_path)
    manifest = yaml.safe_load(other.read("models.yaml"))
    manifest["models"]["best.pt"]["urls"] = [f"{hub.url}/owner/elsewhere/releases/download/v1/best.pt"]
    other.write("models.yaml", yaml.safe_dump(manifest))
    assert "private network" in other.models("pull", code=1).err
