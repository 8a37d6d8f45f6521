"""Share links of Drive and Dropbox in `urls:`: pages are told apart from files, and nothing else is rewritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import remotes, urllists
from git_models.errors import ModelsError, NotAModel, NotThere, RemoteError
from tests.fakes.internet import Internet
from tests.fakes.web import Reply

DATA = b"\0weights" * 9999
FILE = "https://drive.usercontent.google.com/download?id=ID_1&export=download&confirm=t"
HTML = {"Content-Type": "text/html; charset=utf-8"}
FORM = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<form id="download-form" action="{action}" method="get"><input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="ID_1"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="5-6"></form></body></html>"""
CONFIRMED = f"{FILE}&uuid=5-6"


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with Internet(tmp_path) as internet:
        for name, value in internet.env.items():
            monkeypatch.setenv(name, value)
        yield internet


def page(text: str, status: int = 200) -> Reply:
    return Reply(status, text.encode(), HTML)


def fetch(url: str, start: int = 0) -> bytes:
    with remotes.links().get(url, start) as body:
        return b"".join(body)


@pytest.mark.parametrize(
    "link",
    [
        "https://drive.google.com/file/d/ID_1/view?usp=sharing",
        "https://drive.google.com/file/u/2/d/ID_1/edit",
        "https://drive.google.com/open?id=ID_1",
        "https://drive.google.com/uc?export=download&id=ID_1",
        "https://drive.google.com/a/example.com/uc?usp=sharing&id=ID_1",
        "https://docs.google.com/uc?id=ID_1",
        FILE,
    ],
)
def test_every_shape_of_a_drive_link_is_one_file(net: Internet, link: str) -> None:
    net.pages[FILE] = DATA
    assert fetch(link) == DATA
    assert fetch(link, 5) == DATA[5:]


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("/s/abc/w.pt?dl=0", "/s/abc/w.pt?dl=1"),
        ("/s/abc/w.pt", "/s/abc/w.pt?dl=1"),
        ("/scl/fi/tok/w.pt?rlkey=k3y&st=x&dl=0", "/scl/fi/tok/w.pt?rlkey=k3y&st=x&dl=1"),
    ],
)
def test_a_dropbox_link_is_asked_for_the_file(net: Internet, link: str, asked: str) -> None:
    net.pages[f"https://www.dropbox.com{asked}"] = DATA
    assert fetch(f"https://www.dropbox.com{link}") == DATA


@pytest.mark.parametrize(
    "link",
    [
        *("https://drive.google.com/drive/folders/abc", "https://www.dropbox.com/sh/a/b?dl=0"),
        "https://www.dropbox.com/scl/fo/a/b?rlkey=x&dl=0",
    ],
)
def test_a_folder_is_refused_with_the_reason(link: str) -> None:
    with pytest.raises(RemoteError, match="is of a folder"):
        remotes.links().get(link)


@pytest.mark.parametrize(
    "link", ["https://drive.google.com.example/file/d/ID/view", "https://dropbox.com.example/s/a/w.pt?dl=0"]
)
def test_a_host_that_looks_alike_is_not_rewritten(link: str) -> None:
    assert urllists.direct(link) == link


def test_the_question_of_the_virus_scan_is_answered_once(net: Internet) -> None:
    net.pages[FILE] = page(FORM.format(action="https://drive.usercontent.google.com/download"))
    net.pages[CONFIRMED] = DATA
    assert fetch("https://drive.google.com/uc?id=ID_1", 7) == DATA[7:]
    assert net.asked == [FILE, CONFIRMED]
    net.asked.clear()
    net.pages[CONFIRMED] = net.pages[FILE]
    with pytest.raises(NotAModel, match="virus-scan page"):
        fetch(FILE)
    assert net.asked == [FILE, CONFIRMED]


@pytest.mark.parametrize("action", ["https://evil.example/x", "http://drive.usercontent.google.com/download", ""])
def test_a_form_that_leads_elsewhere_is_not_followed(net: Internet, action: str) -> None:
    net.pages[FILE] = page(FORM.format(action=action))
    with pytest.raises(NotAModel):
        fetch(FILE)
    assert net.asked == [FILE]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("<title>Google Drive - Quota exceeded</title>Too many users have viewed", RemoteError, "up to 24 hours"),
        ("<title>Sign in - Google Accounts</title>", RemoteError, "not public"),
        ("<p>You need access. Request access", RemoteError, "not public"),
        ("<p>Sorry, the file you have requested was not found", NotThere, "deleted or never public"),
        ("<p>Something new", NotAModel, "served a page"),
    ],
)
def test_a_page_of_drive_is_a_sentence(net: Internet, text: str, kind: type[ModelsError], words: str) -> None:
    net.pages[FILE] = page(f"<!DOCTYPE html><html>{text}")
    with pytest.raises(kind, match=words):
        fetch(FILE)


@pytest.mark.parametrize(
    ("text", "status", "kind", "words"),
    [
        ("This link has been temporarily disabled: too much traffic", 429, RemoteError, "daily traffic"),
        ("This item was deleted", 404, NotThere, "deleted or turned off"),
        ("Log in to Dropbox", 200, RemoteError, "sign-in page"),
        ("Hello", 200, NotAModel, "a page in place"),
    ],
)
def test_a_page_of_dropbox_is_a_sentence(
    net: Internet, text: str, status: int, kind: type[ModelsError], words: str
) -> None:
    net.pages["https://www.dropbox.com/s/abc/w.pt?dl=1"] = page(text, status)
    with pytest.raises(kind, match=words):
        fetch("https://www.dropbox.com/s/abc/w.pt?dl=0")
