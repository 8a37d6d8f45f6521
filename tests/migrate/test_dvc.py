"""What DVC's files say, read and changed without DVC."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from git_models.errors import ModelsError
from git_models.migrate import dvc
from tests.helpers.sandbox import Sandbox, weights

HEAD = "# ours\nstages:\n  train:\n    cmd: x\n    outs:\n"


@pytest.mark.parametrize(
    ("outs", "expected"),
    [
        ("    - a.pt\n", "    - a.pt:\n        cache: false\n"),
        ("      - 'a.pt'  # best\n      - b\n", "      - 'a.pt':  # best\n          cache: false\n      - b\n"),
        (
            "    - a.pt:\n        persist: true\n",
            "    - a.pt:\n        cache: false\n        persist: true\n",
        ),
        ("    - a.pt:\n        cache: false\n", "    - a.pt:\n        cache: false\n"),
    ],
)
def test_an_output_leaves_the_cache_and_nothing_else_changes(outs: str, expected: str) -> None:
    assert dvc.uncached("dvc.yaml", HEAD + outs, "a.pt") == HEAD + expected


@pytest.mark.parametrize("text", [HEAD.rstrip() + " [a.pt]\n", HEAD + "    - b.pt\n", "stages: 5\n", "a: &x 1\n", ""])
def test_a_shape_that_is_not_understood_is_left_to_people(text: str) -> None:
    with pytest.raises(ModelsError, match=r"dvc\.yaml could not be changed"):
        dvc.uncached("dvc.yaml", text, "a.pt")


def test_old_caches_and_odd_files_of_dvc(repo: Sandbox, place: Path) -> None:
    repo.git("config", "models.remote", place.as_uri())
    content = weights(5000, 1)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    repo.write(f".dvc/cache/{md5[:2]}/{md5[2:]}", content)  # as DVC 2 laid it out
    repo.write(".dvc/.gitignore", "/cache\n")
    repo.write("sub/best.pt.dvc", f"wdir: ..\nouts:\n- md5: {md5}\n  path: best.pt\n")
    repo.write(".gitignore", "/best.pt\n*.log\n")
    repo.write("all.pt.dvc", f"outs:\n- md5: {md5}.dir\n  path: all.pt\n")
    repo.write("got.pt.dvc", f"deps:\n- path: elsewhere\nouts:\n- md5: {md5}\n  path: got.pt\n")
    repo.write("up.pt.dvc", f"outs:\n- md5: {md5}\n  path: ../up.pt\n")
    repo.write("bad.dvc", "outs: [\n")
    repo.write("data.csv.dvc", f"outs:\n- md5: {md5}\n  path: data.csv\n")
    repo.commit("With DVC")
    said = repo.models("migrate", "dvc").err
    assert list(repo.entries("HEAD")) == ["best.pt"] and repo.read("best.pt") == content
    assert repo.read(".gitignore") == b"*.log\n" and "sub/best.pt.dvc" not in repo.files_at()
    for name, why in (("all.pt", "a folder"), ("got.pt", "imported"), ("up.pt", "no name"), ("bad.dvc", "YAML")):
        assert any(line.startswith((f"{name} stays", f"../{name} stays")) and why in line for line in said.splitlines())


def test_what_a_stranger_put_in_the_way_of_dvc_is_neither_waited_for_nor_an_option(
    repo: Sandbox, place: Path, tmp_path: Path
) -> None:
    """Links in a committed cache, to a device without an end and to a pipe; and names that begin with a dash."""
    repo.git("config", "models.remote", place.as_uri())
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("a.pt", "/dev/zero"), ("--pipe.pt", str(tmp_path / "pipe"))):
        md5 = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        link = repo / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
        link.parent.mkdir(parents=True)
        link.symlink_to(target)
        repo.write(f"{name}.dvc", f"outs:\n- md5: {md5}\n  size: 4096\n  path: {name}\n")
    repo.commit("With DVC")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dvc").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{tmp_path}/asked"\nexit 1\n')
    (tmp_path / "bin/dvc").chmod(0o755)
    said = repo.models("migrate", "dvc", code=1, env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}).err
    assert "DVC's cache and remotes lack these" in said and "nothing was changed" in said
    assert (tmp_path / "asked").read_text().split() == ["fetch", "--", "--pipe.pt.dvc", "a.pt.dvc"]
    assert repo.entries() == {}
