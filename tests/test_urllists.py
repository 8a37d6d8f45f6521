from __future__ import annotations

import pytest

from git_models import urllists
from git_models.errors import ModelsError
from git_models.urllists import Wanted

MD5 = "0123456789abcdef0123456789ABCDEF"


def test_lines_of_name_address_and_hash() -> None:
    text = f"# models\n\nbest.pt https://example.com/a.pt {MD5}\nnano https://example.com/n.pt  # small\n"
    assert urllists.read(text) == [
        Wanted("best.pt", "https://example.com/a.pt", MD5.lower(), "", 3),
        Wanted("nano", "https://example.com/n.pt", "", "", 4),
    ]


def test_a_bash_array_with_variables_and_hashes_in_another_array() -> None:
    text = f"""#!/bin/bash
BASE="https://example.com/v1"
declare -A MODEL_URLS=(
    ["best.pt"]="$BASE/best.pt"
    [nano.pt]=${{BASE}}/nano.pt ['a b.pt']='https://example.com/a%20b.pt'
)
MODEL_URLS["late.pt"]="https://example.com/late.pt"
declare -A MODEL_MD5=([best.pt]={MD5})
curl -L "$BASE/best.pt"
"""
    text = text.replace('curl -L "$BASE/best.pt"\n', "")
    found = {w.name: w for w in urllists.read(text)}
    assert {name: w.url for name, w in found.items()} == {
        "best.pt": "https://example.com/v1/best.pt",
        "nano.pt": "https://example.com/v1/nano.pt",
        "a b.pt": "https://example.com/a%20b.pt",
        "late.pt": "https://example.com/late.pt",
    }
    assert found["best.pt"].md5 == MD5.lower()


@pytest.mark.parametrize(
    "text",
    [
        "best.pt https://example.com/a.pt not-a-hash",
        "https://example.com/a.pt",
        "best.pt ftp://example.com/a.pt",
        'MODEL_URLS[a.pt]="$NOWHERE/a.pt"',
        "curl -LO https://example.com/a.pt",
        "MODEL_URLS[a.pt]=$(cat secret)",
    ],
)
def test_what_is_unclear_is_named_with_its_line(text: str) -> None:
    with pytest.raises(ModelsError, match="line 2"):
        urllists.read(f"# a list\n{text}\n")


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("https://www.dropbox.com/s/abc/w.pt?dl=0", "https://www.dropbox.com/s/abc/w.pt?dl=1"),
        ("https://www.dropbox.com/scl/fi/a/w.pt?rlkey=k&dl=0", "https://www.dropbox.com/scl/fi/a/w.pt?rlkey=k&dl=1"),
        ("https://github.com/o/r/blob/main/w/best.pt", "https://github.com/o/r/raw/main/w/best.pt"),
        ("https://huggingface.co/o/r/blob/main/best.pt", "https://huggingface.co/o/r/resolve/main/best.pt"),
        (
            "https://drive.google.com/file/d/ID_1/view?usp=sharing",
            "https://drive.usercontent.google.com/download?id=ID_1&export=download&confirm=t",
        ),
        (
            "https://drive.google.com/open?id=ID-2&resourcekey=k",
            "https://drive.usercontent.google.com/download?id=ID-2&export=download&confirm=t&resourcekey=k",
        ),
        ("https://drive.google.com.example/file/d/ID/view", "https://drive.google.com.example/file/d/ID/view"),
        ("https://github.com/o/r/releases/download/v1/a.pt", "https://github.com/o/r/releases/download/v1/a.pt"),
    ],
)
def test_the_address_of_a_page_becomes_that_of_its_file(page: str, file: str) -> None:
    assert urllists.direct(page) == file


@pytest.mark.parametrize(
    "url",
    [
        "https://drive.google.com/drive/folders/abc",
        "https://www.dropbox.com/sh/abc/x?dl=0",
        "https://drive.google.com/",
        "https://user:secret@example.com/a.pt",
    ],
)
def test_a_folder_is_no_file(url: str) -> None:
    with pytest.raises(ModelsError):
        urllists.direct(url)
