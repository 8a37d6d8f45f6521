"""A push over SSH, whose server closes a connection on which nothing happens while the models go up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.github import GitHub
from tests.helpers import ROOT
from tests.helpers.forge import begin
from tests.helpers.team import until

pytestmark = pytest.mark.slow

SSH = ROOT / "tests/fakes/ssh.py"


def test_a_connection_that_breaks_during_the_upload_costs_nothing_but_a_second_push(
    hub: GitHub, tmp_path: Path
) -> None:
    bare = hub.repository("owner/repo").git
    work = begin(hub, tmp_path)
    work.git("pull", "origin", "main")
    work.models("setup")
    work.git("config", "remote.origin.pushurl", f"ssh://git@example.com{bare}")
    work.write(".git/models/rates", f"{hub.remote('owner/repo')}\t10\n")
    work.weight("best.fault-upload-stall.pt", 3_000_000)
    work.commit("A model")
    dropped = tmp_path / "dropped"
    env = {"GIT_SSH_COMMAND": f"{sys.executable} {SSH} 0.5 {dropped}", "GIT_SSH_VARIANT": "simple"}
    push = subprocess.Popen(["git", "push", "origin", "HEAD"], cwd=work.root, env=os.environ | env, stderr=-1)
    hub.wait_for_stall()
    assert until(dropped.exists), "the server drops the connection while the upload is under way"
    hub.resume()
    said = push.communicate(timeout=60)[1].decode()
    assert push.returncode != 0
    assert "If git says 'Broken pipe', all models are stored" in said
    assert "git push again is quick" in said
    assert said.index("Broken pipe") < said.index("stored 1 object"), "said before it starts"
    assert [a.bytes() for a in hub.assets("owner/repo").values()] == [work.read("best.fault-upload-stall.pt")]
    dropped.unlink()
    hub.forget()
    work.git("push", "origin", "HEAD", env={**env, "GIT_SSH_COMMAND": f"{sys.executable} {SSH} 60 {dropped}"})
    assert hub.requests == [], "nothing is asked or sent again"
    assert work.git(f"--git-dir={bare}", "rev-parse", "main").out.strip() == work.head()
