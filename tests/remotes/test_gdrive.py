"""Google Drive: who signs in, uploads that go on after a kill, names that occur twice, refusals as sentences."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import ModelsError, NotAModel, NotThere, RemoteError, Transient, UsageError
from git_models.remotes import gdrive as ours
from git_models.remotes.base import Options, RateLimited
from tests.fakes.drive import CLIENT, FOLDER, OTHER, REFRESH, SECRET, Drive, error, serve
from tests.fakes.web import html_reply
from tests.helpers.sandbox import Sandbox
from tests.helpers.uploads import Killed, dying, made

DATA = hashlib.shake_128(b"a model").digest(900_007)


@pytest.fixture
def account(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    """A Drive, and a credential helper that holds a client and its refresh token."""
    monkeypatch.setattr(ours, "PIECE", 256 << 10)
    drive = Drive()
    with serve(drive):
        git = Sandbox(home)
        git.git("config", "--global", "models.drive.endpoint", drive.url)
        git.git(
            *("config", "--global", "credential.https://oauth2.googleapis.com.helper"),
            f"!f() {{ echo username={CLIENT}; echo password={SECRET}:{REFRESH}; }}; f",
        )
        yield drive


def place(cache: Path | None = None, folder: str = FOLDER) -> remotes.Remote:
    return remotes.open(f"gdrive://{folder}", "drive", Options(cache=str(cache) if cache else None))


upload = partial(made, asset="w-0123456789ab.pt", data=DATA, label="w.pt")


@pytest.mark.parametrize("url", ["gdrive://", "gdrive://a/b", "gdrive://x' or 'a", "gdrive://abcd?y", "gdrive://a.b"])
def test_what_is_no_folder_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="gdrive://FOLDERID"):
        remotes.normalise(url)


def test_a_token_is_made_from_what_git_keeps_and_renewed_when_it_expires(account: Drive, tmp_path: Path) -> None:
    drive = place()
    drive.put(upload(tmp_path), lambda _: None)
    account.tokens.clear()
    held = drive.has(["w-0123456789ab.pt"])["w-0123456789ab.pt"]
    assert (held.size, held.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert account.renewed == 2


def test_an_upload_goes_on_where_drive_stands(account: Drive, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        place(tmp_path / "cache").put(upload(tmp_path), dying(600_000))
    (note,) = (tmp_path / "cache" / "uploads").glob("*.json")
    assert note.stat().st_mode & 0o777 == 0o600
    again: list[int] = []
    place(tmp_path / "cache").put(upload(tmp_path), again.append)
    assert again[0] == 512 << 10  # two whole pieces were there
    assert sum(again) == len(DATA)
    assert [f.data for f in account.files] == [DATA]
    assert list((tmp_path / "cache" / "uploads").iterdir()) == []


def test_a_piece_that_was_taken_in_part_goes_on_behind_it(account: Drive, tmp_path: Path) -> None:
    account.take = 100_000
    moved: list[int] = []
    place().put(upload(tmp_path), moved.append)
    assert sum(moved) == len(DATA)
    assert [f.data for f in account.files] == [DATA]


def test_of_two_writers_the_first_stays(account: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account.add("w-0123456789ab.pt", b"\0first")
    drive = place()
    monkeypatch.setattr(ours.Drive, "has", lambda *_: {})
    drive.put(upload(tmp_path), lambda _: None)
    assert [f.data for f in account.files] == [b"\0first"]


def test_a_name_that_occurs_twice_is_the_oldest_and_goes_as_one(account: Drive) -> None:
    account.add("w.pt", b"\0old")
    account.add("w.pt", b"\0newer")
    account.add("v.pt", b"\0v")
    drive = place()
    assert [(h.asset, h.size) for h in drive.list()] == [("w.pt", 4), ("v.pt", 2)]
    with drive.get("w.pt") as body:
        assert b"".join(body) == b"\0old"
    drive.delete("w.pt")
    assert [f.name for f in account.files] == ["v.pt"]
    with pytest.raises(NotThere):
        place().get("w.pt")


@pytest.mark.parametrize(
    ("reply", "kind", "words", "fix"),
    [
        (error(403, "storageQuotaExceeded", "The user's Drive storage quota"), RemoteError, "is full", "free space"),
        (
            error(403, "storageQuotaExceeded", "Service Accounts do not have storage quota."),
            RemoteError,
            "no space of its own",
            "shared drive",
        ),
        (error(403, "userRateLimitExceeded", "slower"), RateLimited, "asks to wait", ""),
        (error(403, "accessNotConfigured", "enable it by visiting"), RemoteError, "not switched on", "enable it"),
        (error(403, "dailyLimitExceeded", ""), RemoteError, "for today", "24 hours"),
        (error(403, "insufficientFilePermissions", "no"), RemoteError, "may not write", "as Editor"),
        (error(403, "cannotDownloadAbusiveFile", ""), NotAModel, "malware", ""),
        (error(503, "backendError", ""), Transient, "503", ""),
        (error(429, "rateLimitExceeded", ""), RateLimited, "asks to wait", ""),
        (error(403, "teamDriveFileLimitExceeded", ""), RemoteError, "is full", "free space"),
        (error(403, "appNotAuthorizedToFile", ""), RemoteError, "may not write", "as Editor"),
        (error(404, "notFound", "File not found: ."), RemoteError, "may not write", "as Editor"),
        (html_reply(403, "Blocked"), RemoteError, "may not write", ""),
        (html_reply(200, "Blocked"), RemoteError, "a proxy or a log-in page", "in a browser"),
        (html_reply(502, "Bad gateway"), Transient, "502", ""),
    ],
)
def test_every_refusal_is_a_sentence(
    account: Drive, reply: object, kind: type[ModelsError], words: str, fix: str, tmp_path: Path
) -> None:
    account.fault = ("POST", reply)
    with pytest.raises(kind, match=words) as caught:
        place().put(upload(tmp_path), lambda _: None)
    assert type(caught.value) is kind
    assert fix in caught.value.fix


def test_a_folder_that_is_not_shared_is_told_with_whom_to_share_it(account: Drive, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="may not write in the Drive folder 1Other") as caught:
        place(folder="1Other").put(upload(tmp_path), lambda _: None)
    assert caught.value.fix == "in Drive: Share the folder with your Google account as Editor"


def test_a_sign_in_that_was_taken_back_is_told(account: Drive, home: Path) -> None:
    Sandbox(home).git(
        *("config", "--global", "credential.https://oauth2.googleapis.com.helper"),
        f"!f() {{ echo username={CLIENT}; echo password={SECRET}:1//other; }}; f",
    )
    with pytest.raises(
        RemoteError, match=r"no longer accepts the sign-in of your Google account \(invalid_grant\)"
    ) as caught:
        place().has(["x.pt"])
    assert caught.value.fix == "git models login gdrive"
    assert SECRET not in caught.value.what


def test_a_library_that_is_not_installed_is_named_with_the_line_to_type(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "key.json"))
    with pytest.raises(RemoteError, match="needs google-auth, which is not installed") as caught:
        place().has(["x.pt"])
    assert caught.value.fix == "pip install 'git-models[gdrive]'"


def test_nobody_signed_in_is_told(home: Path) -> None:
    with pytest.raises(RemoteError, match="nobody is signed in") as caught:
        place().has(["x.pt"])
    assert "git models login gdrive" in caught.value.fix


def test_signing_in_as_a_device_keeps_a_refresh_token(account: Drive, repo: Sandbox, home: Path) -> None:
    account.agreed = False
    repo.git("config", "--global", "--unset-all", "credential.https://oauth2.googleapis.com.helper")
    repo.models("remote", "add", "drive", f"gdrive://{FOLDER}", "--no-test", "--local")
    assert "does not know this client" in repo.models("login", "gdrive", input="other\nx\n", code=1).err
    done = repo.models("login", "gdrive", input=f"{CLIENT}\n{SECRET}\n")
    assert "open https://www.google.com/device and type ABCD-EFGH" in done.err
    assert (home / ".config/git-models/tokens/oauth2.googleapis.com.json").exists()
    assert not any(secret in done.out + done.err for secret in (SECRET, REFRESH))
    assert repo.models("remote", "test", "drive").out.count("ok ") == 4


def test_a_folder_takes_from_another_without_the_bytes_passing_here(account: Drive, tmp_path: Path) -> None:
    source, target, up = place(), place(folder=OTHER), upload(tmp_path)
    assert isinstance(target, remotes.Taking)
    assert target.take(source, up) is False  # it is not there yet
    source.put(up, lambda _: None)
    sessions = len(account.sessions)
    wrong = up._replace(sha256="0" * 64)
    assert target.take(source, wrong) is False
    for _ in range(2):
        assert target.take(source, up) is True
    assert len(account.sessions) == sessions
    assert [(f.parent, f.data) for f in account.files] == [(FOLDER, DATA), (OTHER, DATA)]
    assert target.has([up.asset])[up.asset].sha256 == up.sha256
    with pytest.raises(RemoteError, match="may not write in the Drive folder 1Elsewhere"):
        place(folder="1Elsewhere").take(source, up)  # type: ignore[attr-defined]


def test_the_list_says_when(account: Drive) -> None:
    account.add("w.pt", b"\0old")
    assert [h.at for h in place().list()] == [1767225600.0]
