"""What lets an app in at Dropbox or Google Drive, where there is no keyring: a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from git_models.errors import ModelsError, RemoteError
from git_models.remotes import tokens
from git_models.remotes.base import Options
from tests.helpers.sandbox import Sandbox

HOST = "api.dropboxapi.com"
KEPT = tokens.Kept("app key", "refresh:token", "its secret")


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".config" / "git-models" / "tokens" / f"{HOST}.json"


def test_it_is_kept_in_a_file_of_its_owners_alone(file: Path) -> None:
    old = os.umask(0)
    try:
        told = tokens.keep(HOST, KEPT, Options())
    finally:
        os.umask(old)
    assert told.source == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert tokens.find(HOST, Options()) == told
    assert tokens.find("oauth2.googleapis.com", Options()) is None
    tokens.keep(HOST, KEPT._replace(refresh="newer"), Options())
    assert tokens.find(HOST, Options()) == told._replace(refresh="newer")
    assert sorted(p.name for p in file.parent.iterdir()) == [".gitignore", file.name]


def test_no_repository_takes_it_along(home: Path, file: Path) -> None:
    dotfiles = Sandbox(home)
    dotfiles.git("init")
    tokens.keep(HOST, KEPT, Options())
    dotfiles.git("add", "-A")
    assert "git-models" not in dotfiles.git("ls-files").out


def test_a_file_that_others_can_read_is_not_used(file: Path) -> None:
    tokens.keep(HOST, KEPT, Options())
    file.chmod(0o640)
    with pytest.raises(RemoteError, match="others on this machine can read") as caught:
        tokens.find(HOST, Options())
    assert caught.value.fix == f"chmod 600 {file}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"app": 1, "refresh": "x", "secret": ""}', "\0", '{"app":'])
def test_a_damaged_file_is_none(file: Path, text: str) -> None:
    tokens.keep(HOST, KEPT, Options())
    file.write_text(text)
    assert tokens.find(HOST, Options()) is None


def test_where_nothing_can_be_written_it_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc")
    with pytest.raises(ModelsError, match="nothing here can keep the sign-in") as caught:
        tokens.keep(HOST, KEPT, Options())
    assert "git-models[keyring]" in caught.value.fix


def test_what_gits_helper_holds_is_used_until_something_is_kept(home: Path, file: Path) -> None:
    git = Sandbox(home)
    git.git("config", "--global", "credential.helper", "store")
    (home / ".git-credentials").write_text(f"https://appkey:old%3Arefresh@{HOST}\n")
    assert tokens.find(HOST, Options()) == tokens.Kept("appkey", "refresh", "old", "git credential")
    tokens.keep(HOST, KEPT, Options())
    assert tokens.find(HOST, Options()) == KEPT._replace(source=str(file))
    assert (home / ".git-credentials").read_text() == ""


def test_it_is_not_printed() -> None:
    assert repr(KEPT._replace(source="the keyring")) == "Kept(from the keyring)"
