"""Nothing of the developer's machine reaches a test, and no test reaches the network."""

from __future__ import annotations

import ipaddress
import os
import socket
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT

# Everything else is dropped: GIT_*, tokens, proxies, editors, locale.
KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")
KEPT_PREFIXES = ("PYTEST_", "COV")

# The discard port: nothing listens there, so a subprocess that tries the network fails at once.
NOWHERE = "http://127.0.0.1:9"

GITCONFIG = """\
[user]
	name = Ada Tester
	email = ada@example.com
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[protocol "git"]
	allow = never
[gc]
	auto = 0
"""


class NetworkRefused(Exception):
    """A test tried to leave the machine. No OSError, so that no code under test can mistake it for being offline."""


def install(folder: Path) -> Path:
    """A `git-models` that runs this checkout, in the shape that `pip install .` gives it; returns its bin folder.

    It is a virtual environment of its own, because hooks start its interpreter with `-I`, which
    ignores PYTHONPATH. Links put the package together (`hooks/` lies beside it in the checkout), and
    a path file names the libraries that pytest itself runs with.
    """
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    (site,) = folder.glob("lib/python3*/site-packages")
    libraries = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    package = site / "git_models"
    package.mkdir()
    for item in (*(ROOT / "git_models").iterdir(), ROOT / "hooks"):
        (package / item.name).symlink_to(item)
    command = folder / "bin" / "git-models"
    command.write_text(f"#!{folder}/bin/python\nimport sys\nfrom git_models.main import main\nsys.exit(main())\n")
    command.chmod(0o755)
    return command.parent


def personal(home: Path) -> dict[str, str]:
    """The variables that say where a person's own files are; `home` is made and gets a `.gitconfig`."""
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text(GITCONFIG)
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CEILING_DIRECTORIES": str(home.parent.parent),
    }


@contextmanager
def workshop(folder: Path | str | None) -> Iterator[Path]:
    """A temporary folder (in `folder`) for a program that is no test, and an environment sealed like a test's."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        base = Path(name)
        os.environ.update(environment(install(base / "installed")) | personal(base / "home"))
        yield base


def environment(bin_folder: Path) -> dict[str, str]:
    """The rest of a test's environment: `bin_folder` comes first in PATH."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(KEPT_PREFIXES)}
    return kept | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
        "GIT_PAGER": "cat",
        "GIT_SSH_COMMAND": "false",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "ALL_PROXY": NOWHERE,
        "http_proxy": NOWHERE,
        "https_proxy": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
    }


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback address or a name that can only mean one."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_network(patch: pytest.MonkeyPatch) -> None:
    """From now on this process may look up and reach nothing but loopback: NetworkRefused."""

    def guard(name: str) -> None:
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, *args: Any) -> Any:
            # sendto has the address last, behind optional flags.
            address = args[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(str(address[0])):
                raise NetworkRefused(f"a test tried to reach {address[0]}:{address[1]}; only loopback is allowed")
            return real(self, *args)

        patch.setattr(socket.socket, name, guarded)

    for name in ("connect", "connect_ex", "sendto"):
        guard(name)

    real_lookup = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        # An address needs no look-up: what the system makes of an odd spelling may itself be tested.
        try:
            return real_lookup(host, *args, **options | {"flags": socket.AI_NUMERICHOST})
        except socket.gaierror:
            if name is None or is_loopback(name):
                return real_lookup(host, *args, **options)
        raise NetworkRefused(f"a test tried to look up {name}; only loopback is allowed")

    patch.setattr(socket, "getaddrinfo", lookup)
