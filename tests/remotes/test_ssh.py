"""ssh without a server: which URLs name a folder, and what ssh's last words mean."""

from __future__ import annotations

import pytest

from git_models import remotes
from git_models.errors import Offline, RemoteError, Transient, UsageError
from git_models.remotes.sftp import Target, refused

TARGET = Target("models.example.com", "ada", 2222, 5)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("ssh://Models.example.com/srv/models/", "ssh://models.example.com/srv/models"),
        ("ssh://ada@host:2222/~/models", "ssh://ada@host:2222/~/models"),
        ("ssh://host/a%20b", "ssh://host/a%20b"),
        ("ssh://[::1]/x", "ssh://[::1]/x"),
    ],
)
def test_a_url_has_one_form(url: str, normal: str) -> None:
    assert remotes.normalise(url) == normal


@pytest.mark.parametrize(
    "url",
    [
        *("ssh://host", "ssh://host/", "ssh://host/~", "ssh://host/a/../b", "ssh://host/a//b", "ssh://host/x?y"),
        *("ssh://-oProxyCommand=touch%20x/f", "ssh://-x@host/f", "ssh://ada:secret@host/f", "ssh://host/%0a"),
    ],
)
def test_an_option_a_secret_or_no_folder_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        remotes.normalise(url)


def test_ssh_asks_nobody_and_takes_no_name_for_an_option() -> None:
    words = TARGET.command("-s", "--", TARGET.name, "sftp")
    assert words[-4:] == ["-s", "--", "ada@models.example.com", "sftp"]
    assert "BatchMode=yes" in words
    assert words[words.index("-p") + 1] == "2222"


@pytest.mark.parametrize(
    ("said", "kind", "words", "fix"),
    [
        ("ada@h: Permission denied (publickey).", RemoteError, "does not let you in", "ssh-copy-id"),
        ("Host key verification failed.", RemoteError, "does not know the host key", "compare the key"),
        ("subsystem request failed on channel 0", RemoteError, "has no SFTP", "Subsystem sftp"),
        ("ssh: Could not resolve hostname x: Name or service not known", Offline, "cannot be reached", ""),
        ("ssh: connect to host x port 22: Connection timed out", Offline, "cannot be reached", ""),
        ("client_loop: send disconnect: Broken pipe", Transient, "broke", ""),
        ("", Transient, "no reason given", ""),
    ],
)
def test_what_ssh_says_last_becomes_a_sentence(said: str, kind: type[RemoteError], words: str, fix: str) -> None:
    told = refused(TARGET, f"Welcome\n{said}\n" if said else "")
    assert type(told) is kind
    assert words in told.what
    assert fix in told.fix
