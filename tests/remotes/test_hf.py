"""The Hugging Face Hub: which URLs, whose token goes where, one commit a batch, and each refusal as a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import remotes
from git_models.errors import NotThere, RemoteError, UsageError
from git_models.remotes.base import Options, Remote, Upload
from tests.fakes.hub import Hub


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
    file = folder / asset
    file.write_bytes(data)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Upload(asset, str(file), 0, len(data), hashlib.sha256(data).hexdigest(), md5, f"weights/{asset}")


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


def test_a_stranger_sends_no_token(hub: Hub, place: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put(upload(tmp_path, "a-0123456789ab.pt"), lambda _: None)
    place.finish()
    hub.asked.clear()
    stranger = remotes.open("hf://ada/weights/models", "hub", Options(anonymous=True))
    with stranger.get("a-0123456789ab.pt", 1, 9) as body:
        assert b"".join(body) == (b"\0weights" * 2)[1:9]
    assert hub.asked
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


def test_what_is_not_there_is_told(place: Remote) -> None:
    with pytest.raises(NotThere, match="is not in hf://ada/weights/models"):
        place.get("absent.pt")
    assert list(place.list()) == []


def test_an_endpoint_must_be_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example.com")
    with pytest.raises(RemoteError, match="plain http is for this machine alone"):
        remotes.open("hf://ada/weights", "hub")
