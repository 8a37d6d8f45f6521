"""Dropbox: tokens that are renewed, uploads that go on after a kill, and each refusal as a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import ModelsError, NotThere, RemoteError, Transient, UsageError
from git_models.remotes import dropbox as ours
from git_models.remotes.base import Options, RateLimited
from tests.fakes.dropbox import KEY, REFRESH, Dropbox, serve
from tests.fakes.web import html_reply, json_reply
from tests.helpers.sandbox import Sandbox
from tests.helpers.uploads import Killed, dying, made

DATA = hashlib.shake_128(b"a model").digest(900_007)


@pytest.fixture
def account(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dropbox]:
    """A Dropbox, and a credential helper that holds the app key and a refresh token."""
    monkeypatch.setattr(ours, "PIECE", 200_000)
    box = Dropbox()
    with serve(box):
        git = Sandbox(home)
        git.git("config", "--global", "models.box.endpoint", box.url)
        git.git(
            *("config", "--global", "credential.https://api.dropboxapi.com.helper"),
            f"!f() {{ echo username={KEY}; echo password={REFRESH}; }}; f",
        )
        yield box


def place(cache: Path | None = None) -> remotes.Remote:
    return remotes.open("dropbox:///Apps/models", "box", Options(cache=str(cache) if cache else None))


upload = partial(made, asset="w-0123456789ab.pt", data=DATA, label="w.pt")


@pytest.mark.parametrize("url", ["dropbox://Apps/x", "dropbox:///a/../b", "dropbox:///a?x", "dropbox:///a%0ab"])
def test_what_is_no_folder_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="dropbox:///FOLDER"):
        remotes.normalise(url)


def test_a_token_is_made_from_what_git_keeps_and_renewed_when_it_expires(account: Dropbox, tmp_path: Path) -> None:
    box = place()
    box.put(upload(tmp_path), lambda _: None)
    assert account.renewed == 1
    account.tokens.clear()
    held = box.has(["w-0123456789ab.pt"])["w-0123456789ab.pt"]
    assert (held.size, held.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert account.renewed == 2
    assert place().has([held.asset])[held.asset].sha256 is None  # Dropbox itself tells no SHA-256


def test_an_upload_goes_on_where_it_was_killed(account: Dropbox, tmp_path: Path) -> None:
    up = upload(tmp_path)
    with pytest.raises(Killed):
        place(tmp_path / "cache").put(up, dying(500_000))
    (note,) = (tmp_path / "cache" / "uploads").glob("*.json")
    assert note.stat().st_mode & 0o777 == 0o600
    again: list[int] = []
    place(tmp_path / "cache").put(up, again.append)
    assert again[0] == 400_000  # two whole pieces were there
    assert sum(again) == len(DATA)
    assert account.files[f"/Apps/models/{up.asset}"] == DATA
    assert list((tmp_path / "cache" / "uploads").iterdir()) == []


def test_a_session_that_is_gone_is_begun_anew(account: Dropbox, tmp_path: Path) -> None:
    account.fault = ("files/upload_session/finish", json_reply(409, {"error_summary": "lookup_failed/not_found/"}))
    with pytest.raises(Transient, match="session at Dropbox is gone"):
        place(tmp_path / "cache").put(upload(tmp_path), lambda _: None)
    account.sessions.clear()
    place(tmp_path / "cache").put(upload(tmp_path), lambda _: None)
    assert list(account.files.values()) == [DATA]


def test_all_pages_are_listed(account: Dropbox, tmp_path: Path) -> None:
    for number in range(5):
        account.files[f"/Apps/models/w{number}.pt"] = b"\0x"
    account.files["/Apps/models/deeper/w.pt"] = b"\0x"
    assert [h.asset for h in place().list()] == [f"w{n}.pt" for n in range(5)]


@pytest.mark.parametrize(
    ("reply", "kind", "words", "fix"),
    [
        (json_reply(429, {"error_summary": "too_many_requests/"}, Retry_After="7"), RateLimited, "asks to wait", ""),
        (json_reply(401, {"error_summary": "invalid_access_token/"}), RemoteError, "does not accept", "login dropbox"),
        (json_reply(401, {"error_summary": "missing_scope/"}), RemoteError, "may not write", "files.content.write"),
        (json_reply(409, {"error_summary": "path/insufficient_space/"}), RemoteError, "is full", "free space"),
        (json_reply(409, {"error_summary": "path/no_write_permission/"}), RemoteError, "may only be read", "ask"),
        (json_reply(500, {}), Transient, "failed with status 500", ""),
        (json_reply(409, {"error_summary": "too_many_write_operations/"}), RateLimited, "asks to wait", ""),
        (json_reply(403, {"error_summary": "access_error/"}), RemoteError, "may only be read", "ask its owner"),
        (json_reply(409, {"error_summary": "path/disallowed_name/"}), RemoteError, "disallowed_name", ""),
        (html_reply(200, "Blocked"), RemoteError, "a proxy or a log-in page", "in a browser"),
        (html_reply(403, "Blocked"), RemoteError, "may only be read", ""),
    ],
)
def test_every_refusal_is_a_sentence(
    account: Dropbox, reply: object, kind: type[ModelsError], words: str, fix: str, tmp_path: Path
) -> None:
    account.fault = ("files/upload_session/finish", reply)
    with pytest.raises(kind, match=words) as caught:
        place().put(upload(tmp_path), lambda _: None)
    assert type(caught.value) is kind
    assert fix in caught.value.fix
    assert REFRESH not in caught.value.what + caught.value.fix


def test_whoever_is_first_stays(account: Dropbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = upload(tmp_path)
    account.files[f"/Apps/models/{up.asset}"] = b"\0first"
    monkeypatch.setattr(ours.Dropbox, "_look", lambda *_: None)
    place().put(up, lambda _: None)
    assert account.files[f"/Apps/models/{up.asset}"] == b"\0first"


def test_a_sign_in_that_was_taken_back_is_told(account: Dropbox, home: Path) -> None:
    Sandbox(home).git(
        *("config", "--global", "credential.https://api.dropboxapi.com.helper"),
        f"!f() {{ echo username={KEY}; echo password=other-refresh-token; }}; f",
    )
    with pytest.raises(RemoteError, match="no longer accepts this sign-in") as caught:
        place().has(["x.pt"])
    assert caught.value.fix == "git models login dropbox"
    assert "other-refresh-token" not in caught.value.what


def test_nobody_signed_in_is_told(home: Path) -> None:
    with pytest.raises(RemoteError, match="nobody is signed in") as caught:
        place().has(["x.pt"])
    assert caught.value.fix == "git models login dropbox"
    with pytest.raises(RemoteError, match="have an account there"):
        remotes.open("dropbox:///Apps/models", "box", Options(anonymous=True)).has(["x.pt"])


def test_what_is_not_there_is_told(account: Dropbox) -> None:
    with pytest.raises(NotThere):
        place().get("absent.pt")
    place().delete("absent.pt")


def test_signing_in_keeps_a_refresh_token(account: Dropbox, repo: Sandbox, home: Path) -> None:
    repo.git("config", "--global", "--unset-all", "credential.https://api.dropboxapi.com.helper")
    repo.models("remote", "add", "box", "dropbox:///Apps/models", "--no-test", "--local")
    assert "git models login dropbox" in repo.models("remote", "test", "box", code=1).out
    assert "did not accept" in repo.models("login", "dropbox", input=f"{KEY}\nwrong\n", code=1).err
    done = repo.models("login", "dropbox", input=f"{KEY}\nthe-code\n")
    assert "token_access_type=offline" in done.err
    assert done.lines == [f"signed in at Dropbox; kept in {home}/.config/git-models/tokens/api.dropboxapi.com.json"]
    assert "only you can read that file; " in done.err
    assert REFRESH not in done.out + done.err
    assert repo.models("remote", "test", "box").out.count("ok ") == 4
