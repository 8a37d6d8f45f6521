"""Folders that ssh reaches: with a shell on the far side, and with SFTP alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from git_models import remotes
from git_models.errors import NotThere, Offline, RemoteError, StartOver, Transient, UsageError
from git_models.remotes.base import Options
from git_models.remotes.ssh import Ssh
from tests.helpers.sandbox import Sandbox
from tests.helpers.uploads import kill, made, read
from tests.places import servers
from tests.places.conftest import first_in_path

DATA = hashlib.shake_128(b"a model on a far machine").digest(24_000_001)


def place(folder: Path | str, cache: Path | None = None, host: str = "models.test") -> Ssh:
    made = remotes.open(f"ssh://{host}{quote(str(folder))}", "far", Options(cache=str(cache) if cache else None))
    assert isinstance(made, Ssh)
    return made


upload = partial(made, data=DATA)


@pytest.mark.parametrize(("kind", "resumed"), [("ssh", True), ("sftp", False)])
def test_an_upload_goes_on_after_a_kill_if_the_far_side_can_hash(
    kind: str, resumed: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    request.getfixturevalue(kind)
    far, up = tmp_path / "far", upload(tmp_path)
    kill(f"ssh://models.test{far}", "far", tmp_path / "cache", up, 4_000_000)
    (left,) = far.iterdir()
    assert 4_000_000 <= left.stat().st_size < len(DATA)
    again, moved = place(far, tmp_path / "cache"), list[int]()
    assert list(again.list()) == []
    again.put(up, moved.append)
    assert (moved[0] >= 4_000_000) is resumed
    assert sum(moved) == len(DATA)
    assert [(f.name, f.read_bytes()) for f in far.iterdir()] == [(up.asset, DATA)]
    assert again.has([up.asset])[up.asset].sha256 == (up.sha256 if resumed else None)


def test_what_was_left_and_is_not_the_beginning_is_found_out(ssh: None, tmp_path: Path) -> None:
    far, up = tmp_path / "far", upload(tmp_path)
    first = place(far, tmp_path / "cache")
    first._path = str(far)
    far.mkdir()
    with first._session() as session:  # plant a rest with other bytes under the name of the next try
        from git_models.remotes.unfinished import name_for

        with name_for(first._options, first.url, up.asset) as name:
            handle = session.open(f"{far}/{name}", 0x02 | 0x08)
            session.write(handle, 0, [b"x" * 5_000_000], lambda _: None)
            session.close_file(handle)
    with pytest.raises(Transient, match="arrived damaged"):
        first.put(up, lambda _: None)
    assert list(far.iterdir()) == []
    first.put(up, lambda _: None)
    assert read(first, up.asset) == DATA


def test_ranges_and_what_is_not_there(sftp: None, tmp_path: Path) -> None:
    source, up = place(tmp_path / "far"), upload(tmp_path)
    source.put(up, lambda _: None)
    with source.get(up.asset, 5_000_000) as body:
        assert next(iter(body))[:10] == DATA[5_000_000:5_000_010]  # and leave in the middle
    assert read(source, up.asset, 23_999_990) == DATA[23_999_990:]
    with pytest.raises(StartOver):
        source.get(up.asset, 0, None, '"other"')
    with pytest.raises(NotThere):
        source.get("absent.pt")
    assert len(source._idle) == 1


def test_paths_that_a_shell_would_take_apart(ssh: None, tmp_path: Path) -> None:
    folder = tmp_path / "it's $(touch far away) ü;&"
    source, up = place(folder), upload(tmp_path, data=b"\0small")
    source.put(up, lambda _: None)
    assert source.has([up.asset])[up.asset].sha256 == up.sha256  # the far shell found it
    assert (folder / up.asset).read_bytes() == b"\0small"


def test_a_folder_below_home(ssh: None, tmp_path: Path) -> None:
    name = f"git-models-test-{os.getpid()}"
    source, up = place(f"/~/{name}"), upload(tmp_path, data=b"\0small")
    assert source.url == f"ssh://models.test/~/{name}"
    try:
        source.put(up, lambda _: None)
        assert source.has([up.asset])[up.asset].sha256 == up.sha256
        assert [h.asset for h in source.list()] == [up.asset]
    finally:
        source.delete(up.asset)
        subprocess.run(["ssh", "models.test", f"rmdir {name}"], check=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("host", "kind", "words", "fix"),
    [
        ("stranger.test", RemoteError, "does not let you in", "ssh-copy-id stranger.test"),
        ("unknown.test", RemoteError, "does not know the host key", "ssh unknown.test   # once by hand"),
        ("no-such-host.invalid", Offline, "cannot be reached", ""),
        ("127.0.0.1:9", Offline, "cannot be reached", ""),
    ],
)
def test_what_ssh_says_becomes_a_sentence(
    ssh: None, host: str, kind: type[RemoteError], words: str, fix: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=words) as caught:
        place(tmp_path, host=host).has(["x.pt"])
    assert fix in caught.value.fix


def test_the_folder_above_is_not_made(ssh: None, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="is its disk mounted") as caught:
        place(tmp_path / "no" / "such").put(upload(tmp_path), lambda _: None)
    assert caught.value.fix.startswith("ssh models.test mkdir -p ")


def test_an_account_that_may_only_read_is_told(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with servers.sshd(tmp_path_factory.mktemp("ro"), "ForceCommand internal-sftp -R") as folder:
        first_in_path(monkeypatch, folder)
        with pytest.raises(RemoteError, match="no permission"):
            place(tmp_path / "far").put(upload(tmp_path), lambda _: None)


def test_a_login_shell_that_talks_is_told(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with servers.sshd(tmp_path_factory.mktemp("noisy"), "ForceCommand echo Welcome to this machine") as folder:
        first_in_path(monkeypatch, folder)
        with pytest.raises(RemoteError, match="prints something at log-in"):
            place(tmp_path / "far").has(["x.pt"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_told(ssh: None, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        with pytest.raises(RemoteError, match="is full"):
            place(disk / "far").put(upload(tmp_path), lambda _: None)
        assert list((disk / "far").iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_an_option_is_no_host() -> None:
    for url in ("ssh://-oProxyCommand=x/folder", "ssh://-x@host/folder", "ssh://host/", "ssh://host/a/../b"):
        with pytest.raises(UsageError):
            remotes.open(url, "far")


def test_a_team_shares_models_over_ssh(ssh: None, repo: Sandbox, clone: Callable[..., Sandbox], tmp_path: Path) -> None:
    said = repo.models("remote", "add", "far", f"ssh://models.test{tmp_path}/far")
    assert "not work" not in said.err
    repo.models("setup")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.commit("First weights")
    repo.git("push")
    other = clone("other")
    other.models("remote", "trust", "far")
    other.models("pull")
    assert other.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]
