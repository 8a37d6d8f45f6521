"""Behind a company's proxy that looks into TLS: every https place takes the proxy and the company's certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_models import git, remotes
from git_models.errors import Offline, RemoteError, Transient
from git_models.remotes import http
from git_models.remotes.base import Options, Upload
from tests.fakes.company import Company
from tests.fakes.drive import FOLDER, Drive
from tests.fakes.dropbox import Dropbox
from tests.fakes.hub import Hub
from tests.fakes.web import Reply, Request
from tests.helpers.seal import NetworkRefused

DATA = b"\0weights" * 9999
ASSET = "best-0123456789ab.pt"
PLACES = {
    "dropbox": ("dropbox:///Apps/models", "content.dropboxapi.com"),
    "gdrive": (f"gdrive://{FOLDER}", "www.googleapis.com"),
    "hf": ("hf://ada/weights", "huggingface.co"),
    "https": ("https://web.example.com/models", "web.example.com"),
    "webdav": ("webdav+https://dav.example.com/models", "dav.example.com"),
}


def webdav() -> Callable[[Request], Reply]:
    """A WebDAV server without a list, in memory."""
    files: dict[str, bytes] = {}

    def answer(request: Request) -> Reply:
        path = request.path
        if request.method == "PUT":
            files[path] = b"".join(request.body.blocks())
            return Reply(201)
        if request.method == "MOVE":
            files["/models/" + request.headers["Destination"].rpartition("/")[2]] = files.pop(path)
            return Reply(201)
        if request.method in ("GET", "HEAD"):
            return Reply(200, files[path]) if path in files else Reply(404)
        files.pop(path, None)
        return Reply(204)

    return answer


@pytest.fixture(autouse=True)
def _signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DROPBOX_ACCESS_TOKEN", "GOOGLE_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "access-0")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """The proxy and what is behind it, under the names that these places have in the world."""
    box, drive, hub, dav = Dropbox(), Drive(url="https://www.googleapis.com"), Hub(), webdav()
    hub.url, hub.store = "https://huggingface.co", "https://cdn.example.com"
    hosts = dict.fromkeys(("api.dropboxapi.com", "content.dropboxapi.com"), box.answer)
    hosts |= {"www.googleapis.com": drive.answer, "huggingface.co": hub._answer, "cdn.example.com": hub._keep}
    hosts |= {"dav.example.com": dav, "web.example.com": lambda r: Reply(200, DATA) if ASSET in r.path else Reply(404)}
    with Company(tmp_path, hosts) as proxy:
        yield proxy


def by_environment(company: Company, patch: pytest.MonkeyPatch, ca: str) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        patch.setenv(name, company.proxy)
    patch.setenv(ca, str(company.ca))
    http.settings.cache_clear()


def by_git(company: Company) -> None:
    git.run("config", "--global", "http.proxy", company.proxy)
    git.run("config", "--global", "http.sslCAInfo", str(company.ca))
    http.settings.cache_clear()


def round_trip(url: str, folder: Path) -> None:
    place = remotes.open(url, "there", Options(patience=2))
    if place.writable:
        (folder / ASSET).write_bytes(DATA)
        md5, sha256 = hashlib.md5(DATA, usedforsecurity=False).hexdigest(), hashlib.sha256(DATA).hexdigest()
        place.put(Upload(ASSET, str(folder / ASSET), 0, len(DATA), sha256, md5, ASSET), lambda _: None)
        place.finish()
    assert place.has([ASSET])[ASSET].size == len(DATA)
    with place.get(ASSET) as body:
        assert b"".join(body) == DATA


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("ca", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "git"])
def test_every_place_goes_through_the_proxy_with_the_companys_certificate(
    company: Company, kind: str, ca: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, host = PLACES[kind]
    if ca == "git":
        by_git(company)
    else:
        by_environment(company, monkeypatch, ca)
    round_trip(url, tmp_path)
    assert host in company.asked


@pytest.mark.parametrize("kind", PLACES)
def test_a_certificate_that_nobody_named_is_refused_and_nothing_is_sent(
    company: Company, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_environment(company, monkeypatch, "UNUSED")
    git.run("config", "--global", "http.sslVerify", "false")  # is for git, never for us
    with pytest.raises(RemoteError, match=r"the certificate of .+ is not trusted") as caught:
        remotes.open(PLACES[kind][0], "there", Options(patience=2)).has([ASSET])
    assert not isinstance(caught.value, Transient)
    assert "REQUESTS_CA_BUNDLE" in caught.value.fix
    assert company.asked == []


@pytest.mark.parametrize("kind", PLACES)
def test_a_host_that_no_proxy_names_is_asked_directly(
    company: Company, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_git(company)
    by_environment(company, monkeypatch, "SSL_CERT_FILE")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "dropboxapi.com,googleapis.com,huggingface.co,.example.com")
    http.settings.cache_clear()
    with pytest.raises(NetworkRefused):  # what a sealed test gets for the real internet
        remotes.open(PLACES[kind][0], "there", Options(patience=2)).has([ASSET])
    assert company.asked == []


@pytest.mark.parametrize("kind", PLACES)
def test_a_proxy_that_is_not_there_is_offline_and_named(kind: str) -> None:
    with pytest.raises(Offline, match=r"proxy on the way to .+|cannot be reached") as caught:
        remotes.open(PLACES[kind][0], "there", Options(patience=2)).has([ASSET])
    assert caught.value.fix == "check HTTPS_PROXY"
