"""What rclone reaches: a kill in the middle, remotes that do not exist, whose configuration is closed."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import NotThere, RemoteError, StartOver
from git_models.remotes.base import Options
from tests.helpers.sandbox import Sandbox
from tests.helpers.team import until
from tests.helpers.uploads import kill, made
from tests.places.conftest import client

DATA = hashlib.shake_128(b"a model").digest(12_000_001)

upload = partial(made, data=DATA)


@pytest.mark.parametrize("kind", ["disk", "bucket"])
def test_a_killed_upload_never_gets_its_name(kind: str, rclone: None, moto: str, tmp_path: Path) -> None:
    folder, up = {"disk": f"{tmp_path}/far", "bucket": "models/killed"}[kind], upload(tmp_path)
    url, cache = f"rclone://{kind}/{folder}", tmp_path / "cache"
    kill(url, "any", cache, up, 5_000_000)
    place = remotes.open(url, "any", Options(cache=str(cache)))
    assert place.has([up.asset]) == {}
    place.put(up, lambda _: None)
    assert [(h.asset, h.size) for h in place.list()] == [(up.asset, len(DATA))]
    with place.get(up.asset) as body:
        assert b"".join(body) == DATA
    if kind == "disk":
        assert until(lambda: os.listdir(tmp_path / "far") == [up.asset], 5)
    else:
        assert not client(moto).list_multipart_uploads(Bucket="models").get("Uploads")
    assert place.has([up.asset])[up.asset].sha256 == up.sha256


def test_ranges_and_what_is_not_there(rclone: None, tmp_path: Path) -> None:
    place, up = remotes.open(f"rclone://secret/{tmp_path.name}", "any"), upload(tmp_path)
    place.put(up, lambda _: None)
    with place.get(up.asset, 5_000_000) as body:
        assert next(iter(body))[:10] == DATA[5_000_000:5_000_010]  # and leave in the middle
    with pytest.raises(StartOver):
        place.get(up.asset, 0, None, '"other"')
    with pytest.raises(StartOver):
        place.get(up.asset, len(DATA) + 1)
    with pytest.raises(NotThere):
        place.get("absent.pt")
    assert list(remotes.open("rclone://disk//no/such/folder", "any").list()) == []


def test_a_remote_that_rclone_does_not_know_is_told(rclone: None) -> None:
    with pytest.raises(RemoteError, match="no remote called elsewhere") as caught:
        remotes.open("rclone://elsewhere/models", "any").has(["x.pt"])
    assert "rclone config" in caught.value.fix


def test_an_encrypted_configuration_is_told_and_nobody_is_asked(
    rclone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = base64.b64encode(bytes(range(90))).decode()
    text = f"# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n{sealed}"
    (tmp_path / "closed").write_text(text)
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "closed"))
    with pytest.raises(RemoteError, match="configuration is encrypted") as caught:
        remotes.open("rclone://disk/models", "any").has(["x.pt"])
    assert "RCLONE_CONFIG_PASS" in caught.value.fix


def test_a_team_shares_models_through_rclone(rclone: None, repo: Sandbox, clone: Callable[..., Sandbox]) -> None:
    said = repo.models("remote", "add", "any", "rclone://secret/team")
    assert "not work" not in said.err
    repo.models("setup")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.commit("First weights")
    repo.git("push")
    other = clone("other")
    other.models("remote", "trust", "any")
    other.models("pull")
    assert other.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]


def test_rclone_copies_between_its_remotes(rclone: None, repo: Sandbox, tmp_path: Path) -> None:
    for name, where in (("a", f"disk/{tmp_path}/a"), ("b", f"disk/{tmp_path}/b"), ("c", "secret/c")):
        repo.models("remote", "add", name, f"rclone://{where}", "--no-test")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.models("add", "weights/best.pt")
    repo.models("push")
    assert "without passing" in repo.models("copy", "--from", "a", "--to", "b").err
    assert "without passing" not in repo.models("copy", "--from", "b", "--to", "c").err  # crypt tells no hash
    (kept,) = (tmp_path / "b").iterdir()
    assert kept.read_bytes() == repo.read("weights/best.pt")
