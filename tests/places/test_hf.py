"""The stand-in for the Hub, held against the official client: what one writes the other reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.remotes.base import Upload
from tests.fakes.hub import REPO, Hub
from tests.helpers.sandbox import Sandbox
from tests.places import servers

DATA = hashlib.shake_128(b"a model").digest(300_007)


@pytest.fixture(params=[0, 100_000], ids=["one request", "parts"])
def hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub(private=True, chunk=request.param) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_writer")
        yield server


@pytest.fixture
def official(hub: Hub, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """huggingface_hub's own client of the stand-in."""
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    import huggingface_hub
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return huggingface_hub.HfApi(endpoint=hub.url, token="hf_writer")


@pytest.mark.filterwarnings("ignore")
def test_what_the_official_client_commits_is_read_here(official, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "w.pt").write_bytes(DATA)
    official.upload_file(path_or_fileobj=str(tmp_path / "w.pt"), path_in_repo="models/w-0123456789ab.pt", repo_id=REPO)
    place = remotes.open(f"hf://{REPO}/models", "hub")
    held = place.has(["w-0123456789ab.pt"])["w-0123456789ab.pt"]
    assert (held.size, held.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert list(place.list()) == [held]
    with place.get("w-0123456789ab.pt", 7) as body:
        assert b"".join(body) == DATA[7:]


@pytest.mark.filterwarnings("ignore")
def test_what_is_put_here_is_read_by_the_official_client(official, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "w.pt").write_bytes(DATA)
    md5, sha256 = hashlib.md5(DATA, usedforsecurity=False).hexdigest(), hashlib.sha256(DATA).hexdigest()
    place = remotes.open(f"hf://{REPO}/models", "hub")
    place.put(Upload("w-0123456789ab.pt", str(tmp_path / "w.pt"), 0, len(DATA), sha256, md5, "w.pt"), lambda _: None)
    place.finish()
    (told,) = official.get_paths_info(REPO, ["models/w-0123456789ab.pt"])
    assert (told.size, told.lfs.sha256) == (len(DATA), sha256)
    file = official.hf_hub_download(REPO, "models/w-0123456789ab.pt", cache_dir=tmp_path / "cache")
    assert Path(file).read_bytes() == DATA


def test_what_its_own_program_signs_in_is_found(
    hub: Hub, repo: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    repo.models("remote", "add", "hub", f"hf://{REPO}/models", "--no-test", "--local")
    assert "hf auth login" in repo.models("remote", "test", "hub", code=1).out
    repo.run(f"{servers.program('hf')} auth login --token hf_writer", env={"HF_HUB_DISABLE_XET": "1"})
    told = repo.models("remote", "test", "hub")
    assert told.out.count("ok ") == 4
    assert "hf_writer" not in told.out + told.err


def test_a_mirror_of_the_hub_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.olah(tmp_path, {"models/w-0123456789ab.pt": DATA}) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        place = remotes.open(f"hf://{REPO}/models", "mirror")
        (held,) = place.list()
        assert (held.asset, held.size) == ("w-0123456789ab.pt", len(DATA))
        assert place.has([held.asset, "absent.pt"]) == {held.asset: held}
        with place.get(held.asset, 7) as body:
            assert b"".join(body)[7 - body.start :] == DATA[7:]  # it sends whole files alone
