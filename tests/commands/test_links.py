"""Models that lie elsewhere: what a link sends in place of the model lands nowhere, and the next address serves."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.internet import Internet
from tests.fakes.web import Reply
from tests.helpers.sandbox import Sandbox, weights

PATH = "weights/best.pt"
DRIVE = "https://drive.google.com/file/d/ID_1/view?usp=sharing"
FETCHED = "https://drive.usercontent.google.com/download?id=ID_1&export=download&confirm=t"
LINK, MIRROR = "https://example.com/best.pt", "https://huggingface.co/ada/x/resolve/main/best.pt"
OLD, MODEL = weights(40_000, 1), weights(50_000, 2)
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with Internet(tmp_path) as web:
        for name, value in web.env.items():
            monkeypatch.setenv(name, value)
        yield web


@pytest.fixture
def work(repo: Sandbox) -> Sandbox:
    """A repository without any place. What its second commit names is not here; what its first named still is."""
    repo.write(PATH, MODEL)
    repo.models("add", PATH)
    repo.write("newer.yaml", repo.read("models.yaml"))
    repo.git("rm", "-q", "--cached", "models.yaml")
    for name in ("models.yaml", PATH):
        (repo / name).unlink()
    repo.write(PATH, OLD)
    repo.models("add", PATH)
    return repo


def named(work: Sandbox, *urls: str) -> None:
    """The manifest now names the new bytes, at these addresses; nothing holds them here."""
    text = work.read("newer.yaml").decode()
    listed = ", ".join(f'"{url}"' for url in urls)
    work.write("models.yaml", re.sub(r"( +)(asset: .*\n)", rf"\1\2\1urls: [{listed}]\n", text))
    held(work).unlink()


def held(work: Sandbox) -> Path:
    """Where the store has the new bytes."""
    files = (p for p in (work / ".git/models/objects").rglob("*") if p.is_file())
    (found,) = (p for p in files if p.stat().st_size == len(MODEL))
    return found


PAGES = {
    "scan": (Reply(200, b"<!DOCTYPE html><title>Virus scan warning</title>", HTML), "virus-scan page"),
    "quota": (Reply(200, b"<html>Too many users have viewed or downloaded", HTML), "quota of this file is used up"),
    "sign in": (Reply(200, b"<html><title>Sign in - Google Accounts</title>", HTML), "sign-in page"),
    "as bytes": (b"<!DOCTYPE html><title>Virus scan warning</title>", "an HTML page|bytes"),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_drive_lands_nowhere(work: Sandbox, net: Internet, page: str) -> None:
    net.pages[FETCHED], said = PAGES[page]
    named(work, DRIVE)
    told = work.models("pull", "--no-setup", code=1)
    assert any(words in told.err for words in said.split("|"))
    assert work.read(PATH) == OLD
    assert list((work / ".git/models/incomplete").glob("*")) == []


def test_a_page_of_drive_makes_the_next_address_serve(work: Sandbox, net: Internet) -> None:
    net.pages[FETCHED], _ = PAGES["quota"]
    net.pages[MIRROR] = MODEL
    named(work, DRIVE, MIRROR)
    work.models("pull", "--no-setup")
    assert work.read(PATH) == MODEL


@pytest.mark.parametrize(
    "link", [DRIVE, "https://drive.google.com/open?id=ID_1", "https://drive.google.com/uc?id=ID_1"]
)
def test_no_file_is_called_view_or_open(repo: Sandbox, net: Internet, link: str) -> None:
    net.pages[FETCHED] = MODEL
    assert "does not say what the file is called" in repo.models("import", link, "weights/", code=2).err
    repo.models("import", link, PATH)
    assert repo.read(PATH) == MODEL


def test_the_query_of_a_link_is_no_part_of_the_name(repo: Sandbox, net: Internet) -> None:
    net.pages["https://www.dropbox.com/scl/fi/tok/best.pt?rlkey=k3y&dl=1"] = MODEL
    repo.models("import", "https://www.dropbox.com/scl/fi/tok/best.pt?rlkey=k3y&dl=0", "weights/")
    assert repo.read(PATH) == MODEL


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        (weights(51_568, 3), "51568 instead of 50000"),
        (weights(50_000, 3), f"SHA-256 {hashlib.sha256(weights(50_000, 3)).hexdigest()[:12]}… instead of"),
    ],
    ids=["longer", "as long"],
)
def test_a_link_whose_bytes_were_replaced_is_told_and_never_taken(
    work: Sandbox, net: Internet, replaced: bytes, words: str
) -> None:
    net.pages[LINK] = replaced
    named(work, LINK)
    told = work.models("pull", "--no-setup", code=1)
    assert words in told.err
    assert f"git models import --force {LINK} {PATH}" in told.err
    assert work.read(PATH) == OLD
    named_before = work.read("models.yaml")
    net.pages[MIRROR] = MODEL
    work.write("models.yaml", named_before.decode().replace("]", f', "{MIRROR}"]'))
    work.models("pull", "--no-setup")
    assert work.read(PATH) == MODEL


def test_only_import_force_takes_the_new_bytes(work: Sandbox, net: Internet) -> None:
    net.pages[LINK] = weights(51_568, 3)
    named(work, LINK)
    work.models("import", LINK, PATH, code=1)
    assert work.read(PATH) == OLD
    work.models("import", "--force", LINK, PATH)
    assert work.read(PATH) == weights(51_568, 3)
    assert work.entries()[PATH]["size"] == 51_568


def test_a_link_that_comes_encoded_is_hashed_decoded(work: Sandbox, net: Internet) -> None:
    net.pages[LINK] = Reply(200, gzip.compress(MODEL), {"Content-Encoding": "gzip", "ETag": '"of the encoded"'})
    named(work, LINK)
    work.models("pull", "--no-setup")
    assert work.read(PATH) == MODEL


def test_a_signed_link_that_has_expired_is_told_and_a_place_with_credentials_serves(
    work: Sandbox, net: Internet, place: Path, tmp_path: Path
) -> None:
    signed = "https://huggingface.co/store/best.pt?X-Amz-Expires=5&X-Amz-Signature=abcdef0123"
    error = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    net.pages[signed] = Reply(403, error, {"Content-Type": "application/xml"})
    net.pages[LINK] = Reply(302, headers={"Location": signed})
    shutil.copy(held(work), tmp_path / "kept")
    named(work, LINK)
    told = work.models("pull", "--no-setup", code=1)
    assert "the signed link to huggingface.co has expired" in told.err
    assert "abcdef0123" not in told.out + told.err
    assert work.read(PATH) == OLD
    shutil.copy(tmp_path / "kept", place / work.entries()[PATH]["asset"])
    work.models("remote", "add", "disk", place.as_uri(), "--local")
    work.models("pull", "--no-setup")
    assert work.read(PATH) == MODEL
