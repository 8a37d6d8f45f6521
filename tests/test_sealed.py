"""The harness itself: what a test must not be able to reach."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from tests.helpers import ROOT
from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.seal import NetworkRefused


def test_home_and_git_configuration_are_the_tests_own(home: Path) -> None:
    assert Path.home() == home
    origins = subprocess.run(["git", "config", "--list", "--show-origin"], capture_output=True, text=True, check=True)
    assert {line.split("\t")[0] for line in origins.stdout.splitlines()} == {f"file:{home}/.gitconfig"}


def test_a_test_starts_outside_any_repository() -> None:
    assert subprocess.run(["git", "rev-parse"], capture_output=True, check=False).returncode == 128


def test_no_token_and_no_outer_git_variable_is_left() -> None:
    assert not {"GH_TOKEN", "GITHUB_TOKEN", "GIT_DIR", "GIT_INDEX_FILE", "SSH_AUTH_SOCK"} & set(os.environ)


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 443, 0, 0)])
def test_a_connection_out_of_the_machine_is_refused(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as sock, pytest.raises(NetworkRefused, match="only loopback"):
        sock.connect(address)


def test_a_library_cannot_take_the_refusal_for_being_offline() -> None:
    with pytest.raises(NetworkRefused, match=r"look up example\.com"):
        requests.get("http://example.com/", proxies={"http": ""}, timeout=5)


def test_a_subprocess_fails_at_once_where_it_would_need_the_network() -> None:
    done = subprocess.run(
        ["git", "ls-remote", "https://example.com/x.git"], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 128
    assert "127.0.0.1 port 9" in done.stderr


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        pass


def test_git_models_is_this_checkout_even_in_isolated_mode(bin_folder: Path) -> None:
    assert shutil.which("git-models") == str(bin_folder / "git-models")
    code = (
        "import git_models.hooks, pygit2, requests, yaml, rich; print(git_models.__file__, git_models.hooks.__file__)"
    )
    asked = [str(bin_folder / "python"), "-I", "-c", code]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    files = [Path(name).resolve() for name in done.stdout.split()]
    assert files == [ROOT / "git_models/__init__.py", ROOT / "hooks/__init__.py"]


def test_a_story_can_be_told_in_git_and_files(repo: Sandbox) -> None:
    repo.weight("weights/best.pt", 10_000, seed=1)
    repo.commit("Weights")
    repo.git("push")
    other = repo.clone("other")
    assert other.files_at() == ["README.md", "weights/best.pt"]
    assert other.read("weights/best.pt") == weights(10_000, seed=1) != weights(10_000, seed=2)
    assert other.status() == []
    assert other.git("show", "no-such-revision", code=128).err.startswith("fatal: ")
