"""The stand-in for Drive, held against Google's own client: what one writes the other reads. And service accounts."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from git_models import remotes
from git_models.errors import RemoteError
from tests.fakes.drive import FOLDER, OTHER, Drive, serve
from tests.helpers.sandbox import Sandbox
from tests.helpers.uploads import made

DATA = hashlib.shake_128(b"a model").digest(1 << 20)

pytestmark = pytest.mark.filterwarnings("ignore")  # of Google's client


@pytest.fixture
def account(home: Path) -> Iterator[Drive]:
    drive = Drive()
    with serve(drive):
        Sandbox(home).git("config", "--global", "models.drive.endpoint", drive.url)
        yield drive


@pytest.fixture
def official(account: Drive) -> Iterator[Any]:
    """google-api-python-client, whose description of the API it ships."""
    import googleapiclient
    import httplib2
    from google.oauth2.credentials import Credentials
    from google_auth_httplib2 import AuthorizedHttp
    from googleapiclient.discovery import build_from_document

    document = Path(googleapiclient.__file__).parent / "discovery_cache/documents/drive.v3.json"
    text = document.read_text().replace("https://www.googleapis.com/", f"{account.url}/")
    plain = httplib2.Http(proxy_info=None)
    plain.redirect_codes = plain.redirect_codes - {308}  # as its own build_http does: Drive means something else
    with build_from_document(text, http=AuthorizedHttp(Credentials("access-0"), http=plain)) as client:
        yield client
    plain.close()


upload = partial(made, asset="w-0123456789ab.pt", data=DATA, label="w.pt")


def test_what_googles_client_uploads_is_read_here(
    account: Drive, official: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from googleapiclient.http import MediaIoBaseUpload

    media = MediaIoBaseUpload(io.BytesIO(DATA), "application/octet-stream", chunksize=256 << 10, resumable=True)
    body = {"name": "w-0123456789ab.pt", "parents": [FOLDER]}
    official.files().create(body=body, media_body=media, supportsAllDrives=True).execute()
    monkeypatch.setenv("GOOGLE_ACCESS_TOKEN", "access-0")
    (held,) = remotes.open(f"gdrive://{FOLDER}", "drive").list()
    assert (held.size, held.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    with remotes.open(f"gdrive://{FOLDER}", "drive").get(held.asset, 7) as answer:
        assert b"".join(answer) == DATA[7:]


def test_what_is_put_here_is_read_by_googles_client(
    account: Drive, official: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from googleapiclient.http import MediaIoBaseDownload

    monkeypatch.setenv("GOOGLE_ACCESS_TOKEN", "access-0")
    place = remotes.open(f"gdrive://{FOLDER}", "drive")
    place.put(upload(tmp_path), lambda _: None)
    (told,) = official.files().list(q=f"'{FOLDER}' in parents", fields="files(id,name,size)").execute()["files"]
    assert (told["name"], told["size"]) == ("w-0123456789ab.pt", str(len(DATA)))
    got = io.BytesIO()
    loader = MediaIoBaseDownload(got, official.files().get_media(fileId=told["id"]), chunksize=300_000)
    while not loader.next_chunk()[1]:
        pass
    assert got.getvalue() == DATA
    official.files().delete(fileId=told["id"]).execute()
    assert place.has(["w-0123456789ab.pt"]) == {}


def test_what_googles_client_copies_is_a_file_of_the_other_folder(
    account: Drive, official: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.add("w-0123456789ab.pt", DATA)
    (file,) = account.files
    body = {"name": file.name, "parents": [OTHER]}
    told = (
        official.files().copy(fileId=file.id, body=body, supportsAllDrives=True, fields="id,sha256Checksum").execute()
    )
    assert told["sha256Checksum"] == hashlib.sha256(DATA).hexdigest()
    monkeypatch.setenv("GOOGLE_ACCESS_TOKEN", "access-0")
    assert [h.asset for h in remotes.open(f"gdrive://{OTHER}", "drive").list()] == [file.name]


def test_a_service_account_signs_in_with_its_key(
    account: Drive, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.auth import jwt

    secret, public = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=robot"
    subprocess.run([*made.split(), "-keyout", str(secret), "-out", str(public)], check=True, capture_output=True)
    who = "robot@project.iam.gserviceaccount.com"
    key = tmp_path / "robot.json"
    key.write_text(json.dumps({"client_email": who, "private_key": secret.read_text(), "private_key_id": "1"}))
    Sandbox(home).git("config", "--global", "models.drive.keyFile", str(key))
    seen: list[dict[str, Any]] = []
    real = Drive._sign_in

    def sign_in(self: Drive, path: str, form: dict[str, str]) -> Any:
        seen.append(jwt.decode(form["assertion"], certs=public.read_text()))  # raises for a wrong signature
        return real(self, path, form)

    monkeypatch.setattr(Drive, "_sign_in", sign_in)
    place = remotes.open(f"gdrive://{FOLDER}", "drive")
    place.put(upload(tmp_path), lambda _: None)
    assert (seen[0]["iss"], seen[0]["aud"]) == (who, f"{account.url}/token")
    with pytest.raises(RemoteError) as caught:
        remotes.open("gdrive://1NotShared", "drive").put(upload(tmp_path), lambda _: None)
    assert caught.value.fix == f"in Drive: Share the folder with {who} as Editor"
    key.write_text("{}")
    with pytest.raises(RemoteError, match="is no key of a service account"):
        remotes.open(f"gdrive://{FOLDER}", "drive").has(["x.pt"])
