"""Web servers as people run them: what they refuse, what a kill leaves, who is first."""

from __future__ import annotations

import gzip
import hashlib
import re
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import NotThere, RemoteError, StartOver
from git_models.remotes.base import Options, Upload
from git_models.remotes.webdav import WebDav
from tests.helpers.sandbox import Sandbox
from tests.helpers.uploads import Killed, made
from tests.places import servers

DATA = hashlib.shake_128(b"a model").digest(400_007)

upload = partial(made, data=DATA)


def dav(url: str, cache: Path | None = None) -> WebDav:
    place = remotes.open(f"webdav+{url}", "dav", Options(cache=str(cache) if cache else None))
    assert isinstance(place, WebDav)
    return place


def read(place: remotes.Source, asset: str, start: int = 0, stop: int | None = None) -> bytes:
    with place.get(asset, start, stop) as body:
        return b"".join(body)[start - body.start :]


def test_without_a_password_the_command_is_named(wsgidav: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="git holds none") as caught:
        dav(f"{wsgidav}/x").put(upload(tmp_path), lambda _: None)
    assert caught.value.fix == f"git models login {wsgidav.partition('://')[2]}"


def test_a_wrong_password_is_told_and_not_repeated(wsgidav: str, home: Path, tmp_path: Path) -> None:
    helper = "!f() { echo username=ada; echo password=wrong-one; }; f"
    Sandbox(home).git("config", "--global", "credential.helper", helper)
    with pytest.raises(RemoteError, match="does not accept the user and password") as caught:
        dav(f"{wsgidav}/x").put(upload(tmp_path), lambda _: None)
    assert "wrong-one" not in caught.value.what + caught.value.fix


def test_basic_authentication_of_nginx(nginx: tuple[str, Path], signed_in: None, tmp_path: Path) -> None:
    place = dav(f"{nginx[0]}/private/models")
    place.put(upload(tmp_path), lambda _: None)
    assert read(place, "best-0123456789ab.pt") == DATA
    assert read(remotes.open(f"{nginx[0]}/private/models", "web"), "best-0123456789ab.pt", 7) == DATA[7:]


def test_a_limit_on_the_size_is_told(nginx: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="refuses files of this size") as caught:
        dav(f"{nginx[0]}/small").put(upload(tmp_path), lambda _: None)
    assert "client_max_body_size" in caught.value.fix
    assert list((nginx[1] / "small").iterdir()) == []


def test_a_folder_that_may_only_be_read_is_told(nginx: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="does not let you write"):
        dav(f"{nginx[0]}/forbidden").put(upload(tmp_path), lambda _: None)


def test_a_server_without_webdav_is_told(nginx: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="WebDAV is not switched on"):
        dav(f"{nginx[0]}/read").put(upload(tmp_path), lambda _: None)


def test_a_server_that_takes_only_put_leads_to_its_option(nginx: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="has no MOVE") as caught:
        dav(f"{nginx[0]}/put").put(upload(tmp_path, "moved-0123456789ab.pt"), lambda _: None)
    assert f"webdav+{nginx[0]}/put?put=1" in caught.value.fix
    assert list((nginx[1] / "put").glob("*.*")) == []


def test_the_folder_above_is_not_made(nginx: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"the folder above .* does not exist"):
        dav(f"{nginx[0]}/no/such").put(upload(tmp_path), lambda _: None)


def test_what_a_kill_left_is_replaced_by_the_next_try(nginx: tuple[str, Path], tmp_path: Path) -> None:
    class Dies(WebDav):
        def _move(self, temp: str, upload: Upload) -> None:
            raise Killed

    base, www = nginx
    url = f"{base}/killed"
    dying = Dies(dav(url).site.base, "dav", Options(cache=str(tmp_path / "cache")))
    with pytest.raises(Killed):
        dying.put(upload(tmp_path), lambda _: None)
    (left,) = (www / "killed").iterdir()
    place = dav(url, tmp_path / "cache")
    assert place.has(["best-0123456789ab.pt"]) == {}
    assert list(place.list()) == []  # what is unfinished is no asset
    left.write_bytes(b"half")
    place.put(upload(tmp_path), lambda _: None)
    assert [f.name for f in (www / "killed").iterdir()] == ["best-0123456789ab.pt"]
    assert read(place, "best-0123456789ab.pt") == DATA
    assert list((tmp_path / "cache").rglob("*-*")) == []


@pytest.mark.parametrize("server", ["nginx", "wsgidav", "rclone_webdav"])
def test_whoever_is_first_stays(server: str, request: pytest.FixtureRequest, signed_in: None, tmp_path: Path) -> None:
    found = request.getfixturevalue(server)
    url = f"{found[0] if isinstance(found, tuple) else found}/first-{server}"

    class Second(WebDav):
        def _move(self, temp: str, upload: Upload) -> None:
            first.put(other, lambda _: None)
            super()._move(temp, upload)

    first, other = dav(url), upload(tmp_path, data=b"\0first")
    Second(first.site.base, "dav", Options()).put(upload(tmp_path, data=b"\0other"), lambda _: None)
    assert read(first, other.asset) == b"\0other" or read(first, other.asset) == b"\0first"
    assert [h.asset for h in first.list()] == [other.asset]
    if server != "rclone_webdav":  # rclone does not heed "Overwrite: F"; names carry the hash
        other_url = f"{url}-again"
        place = dav(other_url)
        place.put(upload(tmp_path, data=b"\0first"), lambda _: None)

        class Blind(WebDav):
            def look(self, asset: str):  # type: ignore[no-untyped-def]
                return None if asset == other.asset else super().look(asset)

        Blind(place.site.base, "dav", Options()).put(upload(tmp_path, data=b"\0later"), lambda _: None)
        assert read(place, other.asset) == b"\0first"
        assert [h.asset for h in place.list()] == [other.asset]


def test_a_plain_web_server_is_read_in_ranges(nginx: tuple[str, Path]) -> None:
    base, www = nginx
    (www / "read" / "w-0123456789ab.pt").write_bytes(DATA)
    place = remotes.open(f"{base}/read", "web")
    assert place.has(["w-0123456789ab.pt", "absent.pt"])["w-0123456789ab.pt"].size == len(DATA)
    for start, stop in ((0, 1), (1, 100_000), (len(DATA) - 7, None)):
        assert read(place, "w-0123456789ab.pt", start, stop) == DATA[start:stop]
    with pytest.raises(StartOver):
        place.get("w-0123456789ab.pt", len(DATA) + 5)
    with pytest.raises(NotThere):
        place.get("absent.pt")
    with pytest.raises(RemoteError, match="can only be read"):
        place.delete("w-0123456789ab.pt")


def test_a_file_that_lies_there_compressed_too_comes_as_it_is(nginx: tuple[str, Path]) -> None:
    base, www = nginx
    (www / "read" / "z.pt").write_bytes(DATA)
    (www / "read" / "z.pt.gz").write_bytes(gzip.compress(b"something else"))
    place = remotes.open(f"{base}/read", "web")
    assert place.has(["z.pt"])["z.pt"].size == len(DATA)
    assert read(place, "z.pt") == DATA


def test_links_that_expire(nginx: tuple[str, Path]) -> None:
    base, www = nginx
    (www / "signed" / "s.pt").write_bytes(DATA)

    def link(expires: int) -> str:
        digest = hashlib.md5(f"{expires}/signed/s.pt key".encode(), usedforsecurity=False).digest()
        return f"{base}/signed/s.pt?sig={urlsafe_b64encode(digest).rstrip(b'=').decode()}&e={expires}"

    assert read(remotes.links(), link(4_000_000_000)) == DATA
    with pytest.raises(RemoteError, match=r"refuses .*sig=\*\*\*&e=1 .*may have expired"):
        remotes.links().get(link(1))


def test_a_team_shares_models_over_webdav(wsgidav: str, signed_in: None, repo: Sandbox, clone) -> None:  # type: ignore[no-untyped-def]
    said = repo.models("remote", "add", "dav", f"webdav+{wsgidav}/team")
    assert "not work" not in said.err
    repo.models("setup")
    repo.weight("weights/best.pt", 300_000, seed=1)
    repo.commit("First weights")
    repo.git("push")
    tested = repo.models("remote", "test", "dav").out
    assert re.findall("^(ok|FAILED)", tested, re.M) == ["ok"] * 4
    other = clone("other")
    refused = other.models("pull", code=1)
    assert "git models remote trust dav" in refused.err
    other.models("remote", "trust", "dav")
    other.models("pull")
    assert other.sha256("weights/best.pt") == repo.entries()["weights/best.pt"]["sha256"]


def test_login_keeps_a_password_that_works(wsgidav: str, repo: Sandbox) -> None:
    host = wsgidav.partition("://")[2]
    repo.models("remote", "add", "dav", f"webdav+{wsgidav}/login", "--local", "--no-test")
    repo.git("config", "--global", "credential.helper", "store")
    wrong = repo.models("login", host, input=f"{servers.USER}\nwrong\n", code=1)
    assert "does not accept them" in wrong.err
    done = repo.models("login", host, input=f"{servers.USER}\n{servers.PASSWORD}\n")
    assert servers.PASSWORD not in done.out + done.err
    assert repo.models("remote", "test", "dav").out.count("ok ") == 4
