"""Sign-ins in the system's keyring: the real `keyring` library, with backends that other people wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyrings.alt.file import PlaintextKeyring

from git_models.remotes import tokens
from git_models.remotes.base import Options
from tests.fakes.dropbox import KEY, REFRESH, Dropbox, serve
from tests.helpers.sandbox import Sandbox

HOST = "api.dropboxapi.com"
KEPT = tokens.Kept("app key", "refresh token", "")


@pytest.fixture
def ring(home: Path) -> Iterator[KeyringBackend]:
    """A keyring that works."""
    before = keyring.get_keyring()
    backend = PlaintextKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".config" / "git-models" / "tokens" / f"{HOST}.json"


def test_a_keyring_that_works_keeps_it(ring: KeyringBackend, file: Path) -> None:
    told = tokens.keep(HOST, KEPT, Options())
    assert told == KEPT._replace(source="the keyring")
    assert tokens.find(HOST, Options()) == told
    assert not file.exists()
    assert ring.get_password("git-models", HOST)


def test_a_file_that_was_kept_before_goes_once_the_keyring_has_it(ring: KeyringBackend, file: Path) -> None:
    keyring.set_keyring(fail.Keyring())
    assert tokens.keep(HOST, KEPT, Options()).source == str(file)
    keyring.set_keyring(ring)
    assert tokens.find(HOST, Options()) == KEPT._replace(source=str(file))
    assert tokens.keep(HOST, KEPT, Options()).source == "the keyring"
    assert not file.exists()


class Locked(null.Keyring):
    """Waits for somebody to unlock it."""

    waiting = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.waiting.wait(60)
        return None


@pytest.mark.parametrize("backend", [fail.Keyring(), null.Keyring(), Locked()], ids=["fail", "null", "locked"])
def test_without_one_that_works_it_is_a_file(ring: KeyringBackend, file: Path, backend: KeyringBackend) -> None:
    keyring.set_keyring(backend)
    quick = Options(patience=0.1)
    assert tokens.keep(HOST, KEPT, quick).source == str(file)
    assert tokens.find(HOST, quick) == KEPT._replace(source=str(file))
    Locked.waiting.set()


@pytest.fixture
def box(home: Path) -> Iterator[Dropbox]:
    account = Dropbox()
    with serve(account):
        Sandbox(home).git("config", "--global", "models.box.endpoint", account.url)
        yield account


def signed_in(repo: Sandbox, env: dict[str, str]) -> None:
    repo.models("remote", "add", "box", "dropbox:///Apps/models", "--no-test", "--local")
    done = repo.models("login", "dropbox", input=f"{KEY}\nthe-code\n", env=env)
    assert done.lines == ["signed in at Dropbox; kept in the keyring"]
    assert REFRESH not in done.out + done.err
    assert repo.models("remote", "test", "box", env=env).out.count("ok ") == 4


def test_signing_in_uses_the_secret_service_of_a_desktop(
    box: Dropbox, repo: Sandbox, home: Path, file: Path, tmp_path: Path
) -> None:
    """GNOME's keyring over D-Bus, as Debian ships them."""
    daemon, session = (shutil.which(name) for name in ("gnome-keyring-daemon", "dbus-daemon"))
    assert daemon and session, "make places installs gnome-keyring and dbus"
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    command = [session, "--session", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as bus:
        try:
            assert bus.stdout
            env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
            unlock = [daemon, "--foreground", "--unlock", "--components=secrets"]
            with subprocess.Popen(unlock, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ring:
                try:
                    assert ring.stdin and ring.stdout
                    ring.stdin.write("password of the desktop\n")
                    ring.stdin.close()
                    ring.stdout.readline()
                    names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
                    backend = {"PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"}
                    signed_in(repo, {name: env[name] for name in names} | backend)
                    assert not file.exists()
                finally:
                    ring.terminate()
        finally:
            bus.terminate()
