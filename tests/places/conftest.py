"""Tests against servers that other people wrote. They run only when this folder is named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from git_models import git
from git_models.remotes import credentials, http
from git_models.remotes import rclone as rclone_place
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
    git.program.cache_clear()
    rclone_place._program.cache_clear()


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


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of every S3 server here, where the AWS tools look for them; nothing asks the cloud's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def endpoint(home: Path, name: str, url: str) -> None:
    """What a person types once: where the S3 place of that name is."""
    Sandbox(home).git("config", "--global", f"models.{name}.endpoint", url)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """moto's S3 with a bucket `models`."""
    with servers.moto(tmp_path_factory.mktemp("moto")) as url:
        bucket(url)
        yield url


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """rclone's S3."""
    with servers.rclone_s3(tmp_path_factory.mktemp("rclone-s3")) as url:
        yield url


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SeaweedFS."""
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as url:
        yield url


def client(url: str) -> Any:
    """boto3 itself."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=servers.KEY,
        aws_secret_access_key=servers.SECRET,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def bucket(url: str, name: str = "models") -> Any:
    """Make a bucket; boto3's client for it."""
    made = client(url)
    made.create_bucket(Bucket=name)
    return made


@pytest.fixture(scope="session")
def sshd_bin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An sshd with a shell, and sha256sum in it."""
    with servers.sshd(tmp_path_factory.mktemp("sshd")) as folder:
        yield folder


@pytest.fixture(scope="session")
def sftp_bin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An sshd that allows SFTP and nothing else."""
    with servers.sshd(tmp_path_factory.mktemp("sftp"), "ForceCommand internal-sftp") as folder:
        yield folder


@pytest.fixture
def ssh(sshd_bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ssh models.test` reaches the sshd with a shell."""
    first_in_path(monkeypatch, sshd_bin)


@pytest.fixture
def sftp(sftp_bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ssh models.test` reaches the sshd that allows SFTP alone."""
    first_in_path(monkeypatch, sftp_bin)


def first_in_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    git.program.cache_clear()
    rclone_place._program.cache_clear()


@pytest.fixture
def rclone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moto: str) -> None:
    """rclone's configuration: `disk` (local), `secret` (crypt over it) and `bucket` (moto's S3)."""
    program = servers.program("rclone")
    obscured = subprocess.run([program, "obscure", "a password"], capture_output=True, text=True, check=True)
    config = tmp_path / "rclone.conf"
    config.write_text(
        f"[disk]\ntype = local\n[secret]\ntype = crypt\nremote = disk:{tmp_path}/crypt\n"
        f"password = {obscured.stdout.strip()}\n[bucket]\ntype = s3\nprovider = Other\nendpoint = {moto}\n"
        f"access_key_id = {servers.KEY}\nsecret_access_key = {servers.SECRET}\n"
    )
    monkeypatch.setenv("RCLONE_CONFIG", str(config))
    first_in_path(monkeypatch, Path(program).parent)
