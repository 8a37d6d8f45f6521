"""Which files are weights."""

from __future__ import annotations

import os
import pickle
import subprocess
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_models.patterns import DEFAULT_TRACK, lfs_pointer, looks_like_text, matches, page, pathspecs


@pytest.mark.parametrize("path", ["a.pt", "x/y/Best.PT", "a.pth.tar", "-dash.pt", "new\nline.pt", "żółw.onnx", ".pt"])
def test_weights_are_known_by_name_at_any_depth_and_in_any_case(path: str) -> None:
    assert matches(DEFAULT_TRACK, path)


@pytest.mark.parametrize("path", ["a.py", "apt", "a.pt.txt", "a.ptx", "models.yaml", "a.tar"])
def test_other_files_are_no_weights(path: str) -> None:
    assert not matches(DEFAULT_TRACK, path)


@pytest.mark.parametrize(
    ("patterns", "path", "wanted"),
    [
        (["runs/**"], "runs/a/b.bin", True),
        (["runs/**"], "x/runs/a", False),
        (["runs/"], "x/runs/a", True),
        (["/runs"], "x/runs/a", False),
        (["models/*.bin"], "models/a.bin", True),
        (["models/*.bin"], "models/x/a.bin", False),
        (["models/*.bin"], "x/models/a.bin", False),
        (["a/**/b.pt"], "a/b.pt", True),
        (["a/**/b.pt"], "a/x/y/b.pt", True),
        (["**/keep/*.pt"], "keep/a.pt", True),
        (["*.pt", "!keep.pt"], "x/keep.pt", False),
        (["*.pt", "!weights/**", "weights/best.pt"], "weights/best.pt", True),
        (["*.pt", "!weights/**", "weights/best.pt"], "weights/last.pt", False),
        (["m[0-9].pt"], "m7.pt", True),
        (["m[!0-9].pt"], "m7.pt", False),
        (["m?.pt"], "m/.pt", False),
        (["a+b(1).pt"], "a+b(1).pt", True),
        (["\\!x.pt"], "!x.pt", True),
        (["[.pt"], "[.pt", True),
        (["[].pt"], "[].pt", True),
        (["[!].pt"], "[!].pt", True),
        (["[]].pt"], "].pt", True),
        (["[!]].pt"], "].pt", False),
        (["[z-a].pt"], "b.pt", False),
        (["[!z-a].pt"], "b.pt", True),
        (["[z-ak].pt"], "k.pt", True),
        (["[a--].pt", "[[b].pt", "[a&&b].pt"], "&.pt", True),
        ([], "a.pt", False),
    ],
)
def test_globs_mean_what_they_mean_in_gitignore(patterns: list[str], path: str, wanted: bool) -> None:
    assert matches(patterns, path) is wanted


def plainly(glob: Sequence[str], path: Sequence[str]) -> bool:
    """Whether `*`, `**` and letters fit, tried in every way."""
    if not glob:
        return not path
    if glob[0] == "**":
        rests = range(1, len(path) + 1) if len(glob) == 1 else range(len(path))
        return any(plainly(glob[1:], path[at:]) for at in rests)
    return bool(path) and fnmatchcase(path[0], glob[0]) and plainly(glob[1:], path[1:])


@given(
    st.lists(st.sampled_from(["a", "*", "**", "a*", "*a*b", "*ab*a", "*b"]), min_size=2, max_size=6),
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=6),
)
def test_a_glob_fits_whenever_some_way_of_reading_it_does(glob: list[str], path: list[str]) -> None:
    fits = any(plainly(glob, path[: at + 1]) for at in range(len(path)))
    assert matches(["/".join(glob)], "/".join(path)) is fits


@pytest.mark.parametrize("hostile", ["*a", "**/", "**/a/", "**/*a*a/", "?*", "[a-z]*"])
@pytest.mark.parametrize("path", ["a" * 1000, "a/" * 500 + "a", "aaaa/" * 200 + "a"])
def test_no_glob_takes_long(hostile: str, path: str) -> None:
    start = time.process_time()
    assert not matches([hostile * 100 + "!"], path)
    assert time.process_time() - start < 10  # of the processor; one that tries all ways takes years


@pytest.mark.parametrize(
    "patterns",
    [DEFAULT_TRACK, ("*.pt", "!weights/**"), ("runs/**", "*.bin"), ("*.pt", "!a/**", "a/k.pt"), ("dir/", "/x.pt")],
)
def test_gits_pathspecs_find_all_that_matches_accepts(patterns: tuple[str, ...], tmp_path: Path) -> None:
    files = [
        "a.PT",
        "a/k.pt",
        "a/z.pt",
        "weights/b.pt",
        "runs/x/y.txt",
        "m.bin",
        "dir/f",
        "q/dir/f",
        "x.pt",
        "q/x.pt",
        "c.md",
    ]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, env=env, check=True)
    command = ["git", "ls-files", "-o", "-z", "--", *pathspecs(patterns)]
    found = set(
        subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True).stdout.decode().split("\0")
    )
    assert {name for name in files if matches(patterns, name)} <= found
    assert "c.md" not in found


def test_a_hundred_thousand_paths_are_matched_quickly() -> None:
    paths = [f"src/package{i % 97}/module_{i}.py" for i in range(100_000)]
    patterns = (*DEFAULT_TRACK, "runs/**", "!keep/*.pt")
    start = time.process_time()
    assert not any(matches(patterns, path) for path in paths)
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "head",
    [b"", b"hello\n", "żółw\n".encode(), b"import sys; sys.path\n", b"\x1b[1mx", b"AB\r\nCD\r\nEF", "😀".encode()[:3]],
)
def test_text_is_text(head: bytes) -> None:
    assert looks_like_text(head)


@pytest.mark.parametrize(
    "head", [pickle.dumps([1], 2), b"PK\x03\x04abc", b"GGUF\x03\x00", b"abc\xff\xfe", b"a\x01b", b"\xc5ab"]
)
def test_a_weight_is_no_text(head: bytes) -> None:
    assert not looks_like_text(head)


@pytest.mark.parametrize("offset", range(4))
def test_text_that_is_cut_inside_a_character_is_still_text(offset: int) -> None:
    assert looks_like_text(b"a" * offset + "😀".encode() * 2500)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (POINTER, "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\xef\xbb\xbf\n <HTML lang=en>", "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "an XML error"),
        (b"<Error><Code>", "an XML error"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC ""><html>', "an HTML page"),
        (b'{"error": {"code": 403}}', "a JSON answer"),
        (b'{"message":"Not Found"}', "a JSON answer"),
        (b'[{"id": 1}]', "a JSON answer"),
        (b"PK\x03\x04", ""),
        (b"\x80\x02}q", ""),
        (b"{\x00\x00", ""),
        (b"", ""),
    ],
)
def test_what_is_no_model_is_called_what_it_is(head: bytes, name: str) -> None:
    assert page(head) == name
    assert lfs_pointer(head) is (head == POINTER)
