"""What opens Dropbox and Google Drive again: an app and its refresh token, in the system's keyring or else a file.

git's credential helpers keep passwords for hosts that git talks to; these two it never does.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from git_models import jsons
from git_models.errors import ModelsError, RemoteError, word
from git_models.remotes import credentials
from git_models.remotes.base import Options

SERVICE = "git-models"
"""Under which the keyring lists what is kept; the user name beside it is the host."""


class Kept(NamedTuple):
    """An app (or OAuth client) and what lets it in; never printed as a whole."""

    app: str
    refresh: str
    secret: str = ""  # of the app, where it has one
    source: str = ""  # for messages: "the keyring", a file's name, "git credential"

    def __repr__(self) -> str:
        return f"Kept(from {self.source})"


def find(host: str, options: Options) -> Kept | None:
    """What is kept for a host; None for nothing. Never asks in the terminal.

    What an administrator gave git's credential helper counts last: the app is the user, `SECRET:REFRESH`
    or the refresh token alone the password. Raises RemoteError for a file that others can read.
    """
    if found := _of(_ask_keyring(lambda ring: ring.get_password(SERVICE, host), options), "the keyring"):
        return found
    if found := _of(_read(_file(host)), _file(host)):
        return found
    if login := credentials.login_of("https", host, options.top):
        secret, _, refresh = login[1].rpartition(":")
        return Kept(login[0], refresh, secret, "git credential")
    return None


def keep(host: str, kept: Kept, options: Options) -> Kept:
    """Keep it: in the keyring if there is one that gives it back, else in a file that only its owner can read.

    What was kept for the host before is forgotten. Returns it with its source. Raises ModelsError.
    """
    text = json.dumps({"app": kept.app, "secret": kept.secret, "refresh": kept.refresh})

    def store(ring: Any) -> str | None:
        ring.set_password(SERVICE, host, text)
        return ring.get_password(SERVICE, host)  # type: ignore[no-any-return]

    old, file = credentials.login_of("https", host, options.top), _file(host)
    if old:
        credentials.reject(host, old[1], options.top)
    if _ask_keyring(store, options) == text:
        with suppress(FileNotFoundError):
            os.unlink(file)
        return kept._replace(source="the keyring")
    try:
        _write(file, text)
    except OSError as error:
        raise ModelsError(
            f"nothing here can keep the sign-in: no keyring, and {file}: {error.strerror}",
            "pip install 'git-models[keyring]'",
        ) from error
    return kept._replace(source=file)


def _of(text: str | None, source: str) -> Kept | None:
    try:
        found = jsons.read(text or "")
        app, refresh, secret = (found[key] for key in ("app", "refresh", "secret"))
    except (ValueError, TypeError, KeyError):
        return None
    good = all(isinstance(value, str) for value in (app, refresh, secret)) and app and refresh
    return Kept(app, refresh, secret, source) if good else None


def _ask_keyring(do: Callable[[Any], str | None], options: Options) -> str | None:
    """What the keyring says, None where there is none: the library, a backend, or anybody who unlocks it in time."""
    try:
        import keyring
    except ImportError:
        return None
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(do(keyring.get_keyring()))
        except Exception:  # each backend has errors of its own: none of them is a reason to end here
            answers.put(None)

    # A locked keyring asks in a window; a hook cannot wait for someone who is not there.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=options.patience)
    except queue.Empty:
        return None


def _file(host: str) -> str:
    """Where it is kept without a keyring: outside any repository, one file a host."""
    said = os.environ.get("XDG_CONFIG_HOME", "")
    folder = said if os.path.isabs(said) else os.path.expanduser("~/.config")
    return os.path.join(folder, "git-models", "tokens", f"{host}.json")


def _read(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(1 << 16)
    except (OSError, UnicodeDecodeError):
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise RemoteError(f"{file} holds a secret that others on this machine can read: not used", _chmod(file))
    return text


def _chmod(file: str) -> str:
    return f"chmod 600 {word(file)}"


def _write(file: str, text: str) -> None:
    """Replace it in one step. Raises OSError."""
    folder = os.path.dirname(file)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    # Where the home folder is a repository itself, `git add -A` there must not take this along.
    ignore = os.path.join(folder, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="utf-8") as opened:
            opened.write("*\n")
    draft = f"{file}.{secrets.token_hex(6)}.new"
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(draft, file)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)
