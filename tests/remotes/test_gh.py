"""GitHub's own client gets what we put, and we get what it puts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from git_models import remotes
from tests.fakes.github import GitHub
from tests.helpers.transfers import Bench

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("gh"), reason="needs Debian's gh")]


def gh(hub: GitHub, folder: Path, *words: str) -> None:
    """`gh release WORDS` with the stand-in as its proxy."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GH_HOST": "github.localhost", "GH_TOKEN": "rw"}
    env["HTTP_PROXY"] = hub.url
    command = ["gh", "release", *words, "--repo", "owner/repo"]
    subprocess.run(command, env=env, cwd=folder, check=True, capture_output=True)


def test_gh_downloads_the_same_bytes_as_we_do(hub: GitHub, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    item, large = bench.model("best.pt"), bench.model("large.pt", seed=1, part=30_000)
    store = remotes.open(hub.remote("owner/repo"), "github")
    assert not bench.upload([item, large], store).failed
    assert not bench.download([item, large], store).failed
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    gh(hub, theirs, "download", "git-models")
    assert (theirs / "best.pt").read_bytes() == bench.landed["best.pt"]
    subprocess.run("cat large.pt.part-* > large.pt", shell=True, cwd=theirs, check=True)
    assert (theirs / "large.pt").read_bytes() == bench.landed["large.pt"]


def test_what_gh_uploaded_counts_as_there(hub: GitHub, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first, second = bench.model("first.pt"), bench.model("second.pt", seed=1)
    store = remotes.open(hub.remote("owner/repo"), "github")
    bench.upload([first], store)
    gh(hub, tmp_path, "upload", "git-models", "second.pt")
    hub.forget()
    assert not bench.upload([second], store).failed
    assert hub.asked("uploads") == []
