"""A real SIGKILL in the middle of an upload: the next process goes on with what the service has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import git, remotes
from git_models.remotes import dropbox as ours_dropbox
from git_models.remotes import gdrive as ours_gdrive
from git_models.remotes import hf_parts
from git_models.remotes.base import Options, Remote
from tests.fakes import drive, dropbox
from tests.fakes.hub import Hub
from tests.helpers.uploads import kill, made

DATA = b"\0" + hashlib.shake_128(b"a large model").digest(1_999_999)
PIECE = 300_000  # no multiple of it is sent at once, so a count that is one was not sent
URLS = {"dropbox": "dropbox:///Apps/models", "gdrive": f"gdrive://{drive.FOLDER}", "hf": "hf://ada/weights"}
SMALL = f"""
from git_models.remotes import dropbox, gdrive, hf_parts
dropbox.PIECE = gdrive.PIECE = {PIECE}
hf_parts.NOTED = 1
"""


@pytest.fixture(params=URLS)
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("DROPBOX_ACCESS_TOKEN", "GOOGLE_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "access-0")
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    for module in (ours_dropbox, ours_gdrive):
        monkeypatch.setattr(module, "PIECE", PIECE)
    monkeypatch.setattr(hf_parts, "NOTED", 1)
    box, disk = dropbox.Dropbox(), drive.Drive()
    with dropbox.serve(box), drive.serve(disk), Hub(chunk=PIECE) as hub:
        where = {"dropbox": box.url, "gdrive": disk.url, "hf": hub.url}[request.param]
        git.run("config", "--global", "models.there.endpoint", where)
        yield URLS[request.param]


def test_an_upload_goes_on_where_it_was_killed(url: str, tmp_path: Path) -> None:
    up = made(tmp_path, data=DATA)
    kill(url, "there", tmp_path / "cache", up, 1_600_000, SMALL)
    again: Remote = remotes.open(url, "there", Options(cache=str(tmp_path / "cache")))
    assert again.has([up.asset]) == {}
    sent: list[int] = []
    again.put(up, sent.append)
    again.finish()
    assert sum(sent) == len(DATA)
    assert sum(n for n in sent if n % PIECE == 0) == 5 * PIECE  # of the 1.6 MB before the kill
    with again.get(up.asset) as body:
        assert b"".join(body) == DATA
    assert list((tmp_path / "cache" / "uploads").iterdir()) == []
