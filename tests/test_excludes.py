"""The lines that hide recorded models from `git status`: exact while they are few, for a folder where they crowd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_models import excludes


def ignored(folder: Path, lines: list[str], *paths: str) -> list[str]:
    """Those of `paths` that git itself ignores by these lines."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".git/info/exclude").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["git", "-C", str(folder), "check-ignore", *paths], capture_output=True, text=True, check=False
    )
    return done.stdout.split("\n")[:-1]


def crowd(folder: str, count: int, suffix: str = ".pt") -> list[str]:
    return [f"{folder}/m{n:04d}{suffix}" for n in range(count)]


def test_up_to_500_models_have_a_line_each() -> None:
    paths = crowd("a", 250) + crowd("b", 250)
    assert excludes.lines_for(paths) == [f"/{p}" for p in paths]


def test_beyond_that_the_most_crowded_folder_gets_one_line(tmp_path: Path) -> None:
    lines = excludes.lines_for([*crowd("runs", 499), "runs/last.onnx", "weights/best.pt"])
    assert lines == ["/runs/*.pt", "/runs/last.onnx", "/weights/best.pt"]
    new = ("runs/new.pt", "runs/new.onnx", "weights/new.pt", "runs/deep/new.pt")
    assert ignored(tmp_path, lines, *new) == ["runs/new.pt"]


def test_folders_alike_are_treated_alike() -> None:
    paths = [path for n in range(6) for path in crowd(f"f{n}", 100)] + crowd("small", 30)
    assert excludes.lines_for(paths) == [f"/f{n}/*.pt" for n in range(6)] + [f"/{p}" for p in crowd("small", 30)]


@pytest.mark.parametrize("name", ["a b [1]*?.pt", "#x.pt", "!y.pt", "back\\slash.pt", "end .pt", "plain"])
def test_a_name_hides_itself_alone_and_a_folder_of_such_names_is_matched(tmp_path: Path, name: str) -> None:
    assert ignored(tmp_path, excludes.lines_for([name]), name, "x" + name, "sub/" + name) == [
        '"back\\\\slash.pt"' if "\\" in name else name
    ]
    many = [*crowd("f[1] *", 600), f"f[1] */{name}"]
    assert "/f\\[1\\] \\*/*.pt" in excludes.lines_for(many)


def test_nothing_recorded_needs_no_line() -> None:
    assert excludes.lines_for([]) == []
