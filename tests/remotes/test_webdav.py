"""The list of a WebDAV server: what counts in it, and what it may cost."""

from __future__ import annotations

import time

import pytest

from git_models.errors import RemoteError
from git_models.remotes.webdav import _files

ROOT = "https://dav.example.org/models/"
FILE = (
    "<D:response><D:href>/models/{name}</D:href><D:propstat><D:prop><D:getcontentlength>{size}</D:getcontentlength>"
    "</D:prop></D:propstat>{more}</D:response>"
)


def listed(*responses: str) -> list[tuple[str, int]]:
    text = f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{"".join(responses)}</D:multistatus>'
    return [(held.asset, held.size) for held in _files(text.encode(), ROOT, "dav.example.org")]


def test_files_directly_in_the_folder_count() -> None:
    other = FILE.format(name="below/b.pt", size=2, more="")
    folder = FILE.format(name="c", size=3, more="<D:propstat><D:prop><D:collection/></D:prop></D:propstat>")
    assert listed(FILE.format(name="a%20b.pt", size=1, more=""), other, folder) == [("a b.pt", 1)]


def test_an_answer_inside_an_answer_is_none_and_costs_nothing() -> None:
    deep = "".join(FILE.format(name=f"{n}.pt", size=n, more="").removesuffix("</D:response>") for n in range(20_000))
    start = time.process_time()
    assert listed(deep + "</D:response>" * 20_000) == [("0.pt", 0)]
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!DOCTYPE a><a/>", "definitions"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "definitions"),
        ("<a>" + "<b/>" * 1_000_001 + "</a>", "more files than are read"),
        ("<html><body><br></body>", "no XML"),
        ("", "no XML"),
    ],
)
def test_a_list_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(RemoteError, match=said):
        _files(text.encode(), ROOT, "dav.example.org")


def test_another_encoding_hides_nothing() -> None:
    with pytest.raises(RemoteError):
        _files("<!DOCTYPE a><a/>".encode("utf-16"), ROOT, "dav.example.org")
