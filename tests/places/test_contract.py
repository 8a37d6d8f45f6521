"""Every place keeps the contract, against servers that other people wrote."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from git_models import remotes
from git_models.remotes import contract
from git_models.remotes.base import Options, Remote
from tests.places.conftest import endpoint

PLACES = (
    *("webdav nginx", "webdav nginx put", "webdav rclone", "webdav wsgidav"),
    *("s3 moto", "s3 rclone_s3", "s3 seaweedfs"),
    *("ssh", "sftp"),
    *("rclone disk", "rclone secret"),
)


@pytest.fixture(params=PLACES)
def remote(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Remote:
    """One of every kind of place, in an empty folder of its own that does not exist yet."""
    folder = f"models-{secrets.token_hex(4)}"
    kind, _, server = request.param.partition(" ")
    options = Options(cache=str(tmp_path / "cache"))
    if kind == "webdav":
        if server.startswith("nginx"):
            base, www = request.getfixturevalue("nginx")
            if "put" in server:
                (www / "put" / folder).mkdir()
                return remotes.open(f"webdav+{base}/put/{folder}?put=1", "dav", options)
        else:
            request.getfixturevalue("signed_in")
            base = request.getfixturevalue(f"{server}" if server == "wsgidav" else f"{server}_webdav")
        return remotes.open(f"webdav+{base}/{folder}", "dav", options)
    if kind == "s3":
        request.getfixturevalue("aws")
        endpoint(home, "cloud", request.getfixturevalue(server))
        return remotes.open(f"s3://models/{folder}", "cloud", options)
    if kind in ("ssh", "sftp"):
        request.getfixturevalue(kind)
        return remotes.open(f"ssh://models.test{tmp_path}/{folder}", "far", options)
    if kind == "rclone":
        request.getfixturevalue("rclone")
        path = f"{tmp_path}/{folder}" if server == "disk" else folder
        return remotes.open(f"rclone://{server}/{path}", "any", options)
    raise AssertionError(kind)


def test_every_place_keeps_the_contract(remote: Remote, tmp_path: Path) -> None:
    results = list(contract.run(remote, str(tmp_path)))
    faults = [r for r in results if r.fault]
    if remote.url.endswith("?put=1"):
        # A server that takes nothing but PUT tells no list either; the transfer needs none.
        assert all("has no PROPFIND" in r.fault for r in faults)
        return
    assert faults == []
    assert list(remote.list()) == []
