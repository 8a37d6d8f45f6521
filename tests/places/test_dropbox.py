"""The stand-in for Dropbox, held against the official SDK: what one writes the other reads."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_models import remotes
from git_models.remotes.base import Upload
from tests.fakes.dropbox import Dropbox, serve
from tests.helpers.sandbox import Sandbox

DATA = hashlib.shake_128(b"a model").digest(5 << 20)  # more than one block of its hash


@pytest.fixture
def both(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[remotes.Remote, Any]]:
    """A place of ours, and the SDK (through a proxy that takes Dropbox's hosts upon itself), over one account."""
    dropbox = pytest.importorskip("dropbox")
    cert, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    names = [
        "-addext",
        "subjectAltName=DNS:api.dropboxapi.com,DNS:content.dropboxapi.com",
        "-out",
        str(cert),
        "-keyout",
        str(key),
    ]
    subprocess.run([*made.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    account = Dropbox()
    with serve(account, context) as tls, serve(account):
        Sandbox(home).git("config", "--global", "models.box.endpoint", account.url)
        monkeypatch.setenv("DROPBOX_ACCESS_TOKEN", "access-0")
        session = dropbox.create_session(ca_certs=str(cert), proxies={"https": f"http://{tls}"})
        session.trust_env = False
        sdk = dropbox.Dropbox(oauth2_access_token="access-0", session=session)
        yield remotes.open("dropbox:///Apps/models", "box"), sdk


def test_what_the_sdk_uploads_is_read_here(both: tuple[remotes.Remote, Any]) -> None:
    place, sdk = both
    sdk.files_upload(DATA, "/Apps/models/w-0123456789ab.pt")
    (held,) = place.list()
    assert held.size == len(DATA)
    with place.get(held.asset, 7) as body:
        assert b"".join(body) == DATA[7:]


def test_what_is_put_here_is_read_by_the_sdk(both: tuple[remotes.Remote, Any], tmp_path: Path) -> None:
    place, sdk = both
    (tmp_path / "w.pt").write_bytes(DATA)
    md5, sha256 = hashlib.md5(DATA, usedforsecurity=False).hexdigest(), hashlib.sha256(DATA).hexdigest()
    place.put(Upload("w-0123456789ab.pt", str(tmp_path / "w.pt"), 0, len(DATA), sha256, md5, "w.pt"), lambda _: None)
    told, answer = sdk.files_download("/Apps/models/w-0123456789ab.pt")
    assert answer.content == DATA
    (entry,) = sdk.files_list_folder("/Apps/models").entries
    assert (entry.name, entry.size, entry.content_hash) == ("w-0123456789ab.pt", len(DATA), told.content_hash)
    sdk.files_delete_v2("/Apps/models/w-0123456789ab.pt")
    assert place.has(["w-0123456789ab.pt"]) == {}


def test_an_upload_session_of_the_sdk_is_the_same(both: tuple[remotes.Remote, Any]) -> None:
    import dropbox.files as types

    place, sdk = both
    begun = sdk.files_upload_session_start(DATA[:1000])
    cursor = types.UploadSessionCursor(begun.session_id, 1000)
    sdk.files_upload_session_append_v2(DATA[1000:9000], cursor)
    cursor.offset = 9000
    sdk.files_upload_session_finish(DATA[9000:], cursor, types.CommitInfo("/Apps/models/s-0123456789ab.pt"))
    with place.get("s-0123456789ab.pt") as body:
        assert b"".join(body) == DATA
