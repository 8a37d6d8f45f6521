"""Where secrets come from: for GitHub the environment, `gh`, then git's credential helpers; for others git's alone."""

from __future__ import annotations

import base64
import os
import subprocess
from functools import cache
from typing import NamedTuple

from git_models import git
from git_models.errors import ModelsError, RemoteError

_LIMIT = 15.0  # seconds for a helper program


class Token(NamedTuple):
    """A secret and where it was found; never printed as a whole."""

    value: str
    source: str  # for messages: "GH_TOKEN", "gh auth token", "git credential"

    def __repr__(self) -> str:
        return f"Token(from {self.source})"


def variables(host: str) -> tuple[str, str]:
    """The environment variables that hold a token for a host, as `gh` has them."""
    if host == "github.com" or host.endswith(".ghe.com"):
        return "GH_TOKEN", "GITHUB_TOKEN"
    return "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"


@cache
def find(protocol: str, host: str, top: str | None) -> Token | None:
    """A token for exactly this host (with its port, if any); None when nobody has one.

    Never asks the user. Looked up once a process. Raises RemoteError for a host name or a token with
    control characters in it, before any helper is asked.
    """
    _plain(host)
    for name in variables(host):
        if value := os.environ.get(name, "").strip():
            return Token(_plain(value), name)
    if protocol == "https" and (value := _from_gh(host)):
        return Token(_plain(value), "gh auth token")
    value = _filled(protocol, host, top).get("password", "")
    return Token(_plain(value), "git credential") if value else None


@cache
def authorization(protocol: str, host: str, top: str | None) -> str:
    """The Authorization header for exactly this host (with its port, if any) from git's credential helpers.

    "" when they hold nothing. The user name `bearer` marks a token (git before 2.46 cannot say so
    otherwise). Never asks the user. Looked up once a process. Raises RemoteError as `find`.
    """
    _plain(host)
    found = _filled(protocol, host, top)
    kind, secret = found.get("authtype", ""), found.get("credential", "")
    if kind and secret:
        return f"{_plain(kind)} {_plain(secret)}"
    password = found.get("password", "")
    return header(found.get("username", ""), password) if password else ""


def login_of(protocol: str, host: str, top: str | None) -> tuple[str, str] | None:
    """User and password that git's credential helpers hold for exactly this host. Raises RemoteError as `find`."""
    _plain(host)
    found = _filled(protocol, host, top)
    user, password = found.get("username", ""), found.get("password", "")
    return (_plain(user), _plain(password)) if user and password else None


def header(user: str, password: str) -> str:
    """The Authorization header for a user and a password; the user `bearer` has a token instead."""
    if user.lower() == "bearer":
        return f"Bearer {_plain(password)}"
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def approve(host: str, login: str, token: str, top: str | None, protocol: str = "https") -> None:
    """Give a token or password to git's credential helper to keep. Raises GitError."""
    git.run("credential", "approve", input=_lines(protocol, host, login, token), cwd=top, env=_silent())


def reject(host: str, token: str, top: str | None, protocol: str = "https") -> None:
    """Make git's credential helper forget a token that the service refused. Raises GitError."""
    git.run("credential", "reject", input=_lines(protocol, host, "", token), cwd=top, env=_silent())


def _lines(protocol: str, host: str, login: str = "", token: str = "") -> bytes:
    fields = {"protocol": protocol, "host": host, "username": login, "password": token}
    # A password may hold spaces; a user name or a host may not.
    return (
        "".join(f"{k}={_line(v) if k == 'password' else _plain(v)}\n" for k, v in fields.items() if v).encode() + b"\n"
    )


def _from_gh(host: str) -> str:
    try:
        command = [git.program("gh"), "auth", "token", "--hostname", host]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT, check=False
        )
    except (ModelsError, OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _filled(protocol: str, host: str, top: str | None) -> dict[str, str]:
    """What git's helpers know; {} when they would have to ask somebody."""
    # git 2.46 and newer hand out other kinds than user and password to those who say that they know them.
    lines = b"capability[]=authtype\n" + _lines(protocol, host)
    status, out = git.call("credential", "fill", input=lines, cwd=top, env=_silent(), ok=range(256))
    if status:
        return {}
    return dict(line.partition("=")[::2] for line in out.decode("utf-8", "replace").splitlines())


def _silent() -> dict[str, str]:
    # An empty GIT_ASKPASS also keeps git from falling back on SSH_ASKPASS and core.askPass.
    return os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "GCM_INTERACTIVE": "never"}


def _line(text: str) -> str:
    """Raises RemoteError for what would begin another line."""
    _plain(text.replace(" ", ""))
    return text


def _plain(text: str) -> str:
    """Raises RemoteError for control characters: a newline would begin another field or header."""
    if any(ord(c) < 33 or ord(c) == 127 for c in text):
        raise RemoteError("a host name or token holds control characters: not used")
    return text
