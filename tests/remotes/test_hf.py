"""The Hugging Face Hub: which URLs, whose token goes where, one commit a batch, and each refusal as a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import NotThere, RemoteError, Transient, UsageError
from git_models.remotes import hf_parts
from git_models.remotes.base import Options, RateLimited, Remote, Upload
from tests.fakes.hub import Hub, error
from tests.fakes.web import Reply, html_reply, json_reply
from tests.helpers.uploads import Killed, dying, made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def place(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Remote:
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    return remotes.open("hf://ada/weights/models", "hub")


def upload(folder: Path, asset: str, data: bytes = b"\0weights" * 999) -> Upload:
    return made(folder, asset, data=data, label=f"weights/{asset}")


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("hf://ada/weights/", "hf://ada/weights"),
        ("hf://ada/weights@main/models", "hf://ada/weights/models"),
        ("hf://datasets/ada/w.1@v2/a/b", "hf://datasets/ada/w.1@v2/a/b"),
    ],
)
def test_a_url_has_one_form(url: str, normal: str) -> None:
    assert remotes.normalise(url) == normal


@pytest.mark.parametrize(
    "url", ["hf://ada", "hf://ada/../x", "hf://hf_token@ada/x", "hf://ada/x?y", "hf://ada/x/../y", "hf://ada/x@a/../b"]
)
def test_what_is_no_repository_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="OWNER/REPO"):
        remotes.normalise(url)


def test_a_batch_is_one_commit_and_nothing_is_visible_before(hub: Hub, place: Remote, tmp_path: Path) -> None:
    names = ["a-0123456789ab.pt", "b-0123456789ab.pt", "note.txt"]
    for name in names:
        place.put(upload(tmp_path, name), lambda _: None)
    assert hub.files == {}
    place.finish()
    assert sorted(hub.files) == [f"models/{name}" for name in names]
    assert hub.commits == ["Add 3 models"]
    place.finish()
    assert len(hub.commits) == 1
    assert [h.asset for h in place.list()] == names  # the Hub's pages have two each
    held = place.has(names)
    assert held["note.txt"].sha256 is None  # the Hub hashes what Git LFS keeps
    assert held[names[0]].sha256 == hashlib.sha256(b"\0weights" * 999).hexdigest()


def test_bytes_that_are_there_from_a_killed_try_are_not_sent_again(hub: Hub, place: Remote, tmp_path: Path) -> None:
    up = upload(tmp_path, "a-0123456789ab.pt")
    place.put(up, lambda _: None)  # and killed before `finish`
    before = len(hub.parts)
    again, moved = remotes.open("hf://ada/weights/models", "hub"), list[int]()
    again.put(up, moved.append)
    again.finish()
    assert (len(hub.parts), sum(moved)) == (before, up.size)
    assert again.has([up.asset])[up.asset].sha256 == up.sha256


@pytest.fixture
def begun(hub: Hub, place: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upload:
    """An upload in parts that was killed in its third part; the note of it is in `cache`."""
    monkeypatch.setattr(hf_parts, "NOTED", 1)
    hub.chunk = 300_000
    up = upload(tmp_path, "a-0123456789ab.pt", hashlib.shake_128(b"large").digest(1_000_000))
    with pytest.raises(Killed):
        cached(tmp_path).put(up, dying(700_000))
    return up


def cached(folder: Path) -> Remote:
    return remotes.open("hf://ada/weights/models", "hub", Options(cache=str(folder / "cache")))


def test_an_upload_in_parts_goes_on_where_it_was_killed(hub: Hub, begun: Upload, tmp_path: Path) -> None:
    (note,) = (tmp_path / "cache" / "uploads").glob("*.json")
    assert note.stat().st_mode & 0o777 == 0o600
    moved: list[int] = []
    again = cached(tmp_path)
    again.put(begun, moved.append)
    again.finish()
    assert moved[:2] == [300_000, 300_000]  # two whole parts were there
    assert sum(moved) == begun.size
    assert set(hub.parts) == {"u1"}
    assert hub.files["models/a-0123456789ab.pt"] == Path(begun.file).read_bytes()
    assert list((tmp_path / "cache" / "uploads").iterdir()) == []


def test_an_upload_whose_addresses_expired_is_begun_anew(hub: Hub, begun: Upload, tmp_path: Path) -> None:
    hub.gone.add("u1")
    with pytest.raises(Transient, match=r"begun is gone: the signed link to .+ has expired") as caught:
        cached(tmp_path).put(begun, lambda _: None)
    assert "secret" not in caught.value.what
    cached(tmp_path).put(begun, lambda _: None)
    assert begun.sha256 in hub.objects
    assert "u1" not in [upload for upload, parts in hub.parts.items() if len(parts) > 2]


@pytest.mark.parametrize(
    "change", ['"size": 300000|"size": 7', '"tags": [|"tags": [1, ', '"urls": [|"urls": 5, "x": [']
)
def test_a_note_that_does_not_fit_is_not_followed(hub: Hub, begun: Upload, tmp_path: Path, change: str) -> None:
    (note,) = (tmp_path / "cache" / "uploads").glob("*.json")
    text = note.read_text()
    assert change.partition("|")[0] in text
    note.write_text(text.replace(*change.split("|")))
    cached(tmp_path).put(begun, lambda _: None)
    assert begun.sha256 in hub.objects


def test_a_stranger_sends_no_token(hub: Hub, place: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
    place.finish()
    hub.asked.clear()
    stranger = remotes.open("hf://ada/weights/models", "hub", Options(anonymous=True))
    with stranger.get("a-0123456789ab.pt", 1, 9) as body:
        assert b"".join(body) == (b"\0weights" * 2)[1:9]
    assert hub.asked
    assert {auth for _, _, auth in hub.asked} == {""}


def test_a_hub_in_the_own_network_serves_a_repository_that_the_manifest_names(
    hub: Hub, place: Remote, tmp_path: Path
) -> None:
    place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
    place.finish()
    hub.asked.clear()
    stranger = remotes.open("hf://ada/weights/models", "hub", Options(from_manifest=True))
    with stranger.get("a-0123456789ab.pt") as body:
        assert b"".join(body) == b"\0weights" * 999
    assert {auth for _, _, auth in hub.asked} == {""}


def test_the_token_that_hf_auth_login_wrote_is_found(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = home / ".cache" / "huggingface"
    folder.mkdir(parents=True)
    (folder / "token").write_text("hf_writer\n")
    place = remotes.open("hf://ada/weights", "hub")
    place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
    place.finish()
    assert hub.commits == ["Add weights/a-0123456789ab.pt"]


@pytest.mark.parametrize(
    ("token", "repo", "words", "fix"),
    [
        ("", "ada/weights", "may not write|no write access", "Write access to contents"),
        ("hf_reader", "ada/weights", "the token may not write", "Write access to contents"),
        ("hf_unknown", "ada/weights", "does not accept the token", "hf auth login"),
        ("hf_writer", "ada/other", "does not exist, or is private and not yours", "/new"),
        ("", "ada/other", "there is no token", "hf auth login"),
    ],
)
def test_every_refusal_is_a_sentence(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str, repo: str, words: str, fix: str, tmp_path: Path
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    place = remotes.open(f"hf://{repo}", "hub")
    with pytest.raises(RemoteError, match=words) as caught:
        place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
    assert fix in caught.value.fix
    assert not token or token not in caught.value.what + caught.value.fix


@pytest.mark.parametrize(
    ("call", "reply", "kind", "words", "fix"),
    [
        ("preupload", json_reply(429, {}, Retry_After="7"), RateLimited, "asks to wait", ""),
        ("preupload", error(401, "", "Token expired"), RemoteError, "does not accept the token", "HF_TOKEN"),
        ("preupload", error(403, "GatedRepo", "gated"), RemoteError, "is gated", "accept its terms"),
        ("preupload", error(404, "RevisionNotFound", "x"), RemoteError, "no revision main", "/branches"),
        ("preupload", error(413, "", "too large"), RemoteError, "is full", "look at"),
        ("preupload", error(403, "", "Private repository storage limit reached"), RemoteError, "is full", "look at"),
        ("preupload", error(503, "", "maintenance"), Transient, "status 503", ""),
        ("preupload", html_reply(200, "Blocked"), RemoteError, "a proxy or a log-in page", "in a browser"),
        ("preupload", json_reply(200, {"files": [{"shouldIgnore": True}]}), RemoteError, "gitignore", "look at"),
        ("commit", error(412, "", "A commit has happened since"), Transient, "somebody else committed", ""),
        ("commit", error(429, "", "too many commits"), RateLimited, "asks to wait", ""),
        ("commit", error(403, "", "no"), RemoteError, "may not write", "Write access"),
    ],
)
def test_every_answer_that_is_none_is_a_sentence(
    hub: Hub, place: Remote, call: str, reply: Reply, kind: type[RemoteError], words: str, fix: str, tmp_path: Path
) -> None:
    hub.fault = (call, reply)
    with pytest.raises(kind, match=words) as caught:
        place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
        place.finish()
    assert type(caught.value) is kind
    assert fix in caught.value.fix
    assert "hf_writer" not in caught.value.what + caught.value.fix
    place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
    place.finish()  # once that has passed, it goes on
    assert "models/a-0123456789ab.pt" in hub.files


def test_what_is_not_there_is_told(place: Remote) -> None:
    with pytest.raises(NotThere, match="is not in hf://ada/weights/models"):
        place.get("absent.pt")
    assert list(place.list()) == []


def test_an_endpoint_must_be_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example.com")
    with pytest.raises(RemoteError, match="plain http is for this machine alone"):
        remotes.open("hf://ada/weights", "hub")
