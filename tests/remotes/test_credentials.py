"""Where a token comes from, and that nobody is asked for one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_models import git
from git_models.errors import RemoteError
from git_models.remotes import credentials
from git_models.remotes.credentials import Token


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    git.program.cache_clear()
    return folder


def script(file: Path, body: str) -> None:
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("host", ["github.com", "sub.ghe.com"])
def test_the_variables_of_gh_hold_tokens_for_github_itself(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "wrong")
    monkeypatch.setenv("GITHUB_TOKEN", "second")
    assert credentials.find("https", host, None) == Token("second", "GITHUB_TOKEN")
    credentials.find.cache_clear()
    monkeypatch.setenv("GH_TOKEN", "first")
    assert credentials.find("https", host, None) == Token("first", "GH_TOKEN")


def test_other_hosts_never_get_the_token_of_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_TOKEN", "secret")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    for host in ("github.com.evil", "notgithub.com", "ghe.corp.example", "127.0.0.1:80"):
        assert credentials.find("https", host, None) is None


def test_gh_is_asked_after_the_environment(programs: Path) -> None:
    script(programs / "gh", 'test "$*" = "auth token --hostname ghe.corp.example" && echo from-gh')
    assert credentials.find("https", "ghe.corp.example", None) == Token("from-gh", "gh auth token")


def test_git_is_asked_last_and_what_was_approved_is_found(home: Path) -> None:
    git.run("config", "--global", "credential.helper", "store")
    assert credentials.find("https", "github.com", None) is None
    credentials.approve("github.com", "octocat", "kept", None)
    credentials.find.cache_clear()
    assert credentials.find("https", "github.com", None) == Token("kept", "git credential")
    credentials.reject("github.com", "kept", None)
    credentials.find.cache_clear()
    assert credentials.find("https", "github.com", None) is None


def test_nobody_is_asked(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(programs / "ask", f"touch {tmp_path}/asked; echo typed")
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(programs / "ask"))
    git.run("config", "--global", "core.askPass", str(programs / "ask"))
    assert credentials.find("https", "github.com", None) is None
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("host", ["github.com\nhost=evil", "github.com\r", "github.com\0", "git hub.com"])
def test_a_host_with_control_characters_is_refused_before_a_helper_sees_it(host: str, programs: Path) -> None:
    script(programs / "gh", "exit 99")
    with pytest.raises(RemoteError, match="control characters"):
        credentials.find("https", host, None)


def test_a_token_with_a_newline_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_TOKEN", "a\r\nX-Header: b")
    with pytest.raises(RemoteError, match="control characters"):
        credentials.find("https", "github.com", None)


def test_a_token_is_never_printed() -> None:
    assert "secret" not in repr(Token("secret", "GH_TOKEN"))
    assert "secret" not in f"{Token('secret', 'GH_TOKEN')}"


def test_a_work_tree_cannot_bring_its_own_gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "gh", "echo stolen")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".", prepend=":")
    git.program.cache_clear()
    found = subprocess.run(["sh", "-c", "command -v gh"], capture_output=True, text=True, check=False).stdout
    assert found.strip() in ("./gh", "gh")
    assert credentials.find("https", "github.com", None) is None
