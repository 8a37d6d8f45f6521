"""S3 behind a company's proxy that looks into TLS (the other places: tests/remotes/test_company.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import git, remotes
from git_models.errors import Offline, RemoteError, Transient
from git_models.remotes import http as ours
from git_models.remotes.base import Options, Upload
from tests.fakes.company import Company
from tests.places import servers
from tests.places.servers import forward

DATA = b"\0weights" * 9999
ASSET = "best-0123456789ab.pt"
HOST = "s3.example.com"


@pytest.fixture
def company(moto: str, aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """The proxy; behind it is moto, as s3.example.com. No host is reached without it."""
    git.run("config", "--global", "models.cloud.endpoint", f"https://{HOST}")
    with Company(tmp_path, {HOST: lambda request: forward(moto, request)}) as proxy:
        yield proxy


def round_trip(folder: Path) -> None:
    ours.settings.cache_clear()
    place = remotes.open("s3://models/company", "cloud", Options(patience=2))
    (folder / ASSET).write_bytes(DATA)
    md5, sha256 = hashlib.md5(DATA, usedforsecurity=False).hexdigest(), hashlib.sha256(DATA).hexdigest()
    place.put(Upload(ASSET, str(folder / ASSET), 0, len(DATA), sha256, md5, ASSET), lambda _: None)
    with place.get(ASSET, 7) as body:
        assert b"".join(body) == DATA[7:]
    place.delete(ASSET)


def through(company: Company, patch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        patch.setenv(name, company.proxy)


@pytest.mark.parametrize("ca", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE", "profile"])
def test_the_companys_certificate_is_taken_from_the_environment(
    company: Company, ca: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(company, monkeypatch)
    if ca == "profile":
        (home / ".aws").mkdir()
        (home / ".aws" / "config").write_text(f"[default]\nca_bundle = {company.ca}\n")
    else:
        monkeypatch.setenv(ca, str(company.ca))
    round_trip(tmp_path)
    assert company.asked


def test_proxy_and_certificate_are_taken_from_git(company: Company, tmp_path: Path) -> None:
    git.run("config", "--global", "http.proxy", company.proxy)
    git.run("config", "--global", "http.sslCAInfo", str(company.ca))
    round_trip(tmp_path)
    assert company.asked


def test_what_is_named_for_aws_alone_goes_first(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(company, monkeypatch)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(company.ca))
    round_trip(tmp_path)


def test_a_certificate_that_nobody_named_is_refused(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(company, monkeypatch)
    git.run("config", "--global", "http.sslVerify", "false")
    with pytest.raises(RemoteError, match="the certificate is not trusted") as caught:
        round_trip(tmp_path)
    assert not isinstance(caught.value, Transient)
    assert "REQUESTS_CA_BUNDLE" in caught.value.fix
    assert company.asked == []


def test_a_ca_file_that_is_missing_is_named(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    through(company, monkeypatch)
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(RemoteError, match=r"/nowhere/ca\.pem"):
        round_trip(tmp_path)


def test_a_host_that_no_proxy_names_is_asked_directly(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.run("config", "--global", "http.proxy", company.proxy)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(company.ca))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "elsewhere.example,.example.com")
    with pytest.raises(Exception, match="only loopback is allowed"):  # what a sealed test gets for the internet
        round_trip(tmp_path)
    assert company.asked == []


def test_a_proxy_that_is_not_there_is_offline(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.run("config", "--global", "http.proxy", f"http://127.0.0.1:{servers.free_port()}")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(company.ca))
    with pytest.raises(Offline, match="proxy"):
        round_trip(tmp_path)
