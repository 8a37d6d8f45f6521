"""Tests against servers that other people wrote. They run only when this folder is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models.remotes import credentials, http
from tests.helpers.sandbox import Sandbox
from tests.places import servers


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The servers come from `scripts/places`, so `pytest tests` leaves these tests out."""
    return None if any("places" in argument for argument in config.args) else True


@pytest.fixture(autouse=True)
def _fresh_look_ups() -> None:
    """Secrets and proxies are looked up once a process; each test is a process of its own."""
    credentials.authorization.cache_clear()
    http.settings.cache_clear()


@pytest.fixture
def signed_in(home: Path) -> None:
    """git's credential helper holds the user and the password of every server here."""
    helper = f"!f() {{ echo username={servers.USER}; echo 'password={servers.PASSWORD}'; }}; f"
    Sandbox(home).git("config", "--global", "credential.helper", helper)


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """nginx: its base URL and the folder that it shows."""
    with servers.nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """rclone's WebDAV server."""
    with servers.rclone_webdav(tmp_path_factory.mktemp("rclone-dav")) as url:
        yield url


@pytest.fixture(scope="session")
def wsgidav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """WsgiDAV, which wants a user and a password."""
    with servers.wsgidav(tmp_path_factory.mktemp("wsgidav")) as url:
        yield url
