"""People who work with a repository on the stand-in for GitHub."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.github import GitHub
from tests.helpers.sandbox import Sandbox, weights

# Whoever is asked for a password answers with the token that TOKEN holds.
HELPER = '!f() { echo username=x; echo "password=$TOKEN"; }; f'


def begin(hub: GitHub, tmp_path: Path, name: str = "owner/repo") -> Sandbox:
    """An empty work tree with the repository as origin, on a machine whose user declared the host to be a GitHub."""
    work = Sandbox(tmp_path / "work")
    work.root.mkdir()
    work.git("init")
    work.git("config", "--global", "credential.helper", HELPER)
    hub.repository("example/declares-the-host")
    work.git("config", "--global", "models.hub.url", hub.remote("example/declares-the-host"))
    work.git("remote", "add", "origin", f"{hub.url}/{name}.git")
    return work


def another(hub: GitHub, tmp_path: Path, name: str = "owner/repo", folder: str = "another") -> Sandbox:
    """A plain `git clone` of the repository, made by somebody else."""
    Sandbox(tmp_path).git("clone", f"{hub.url}/{name}.git", folder)
    return Sandbox(tmp_path / folder)


def published(hub: GitHub, tmp_path: Path, *models: str, name: str = "owner/repo", size: int = 50_000) -> Sandbox:
    """A work tree whose models were committed and pushed, each with bytes of its own."""
    hub.repository(name)
    work = begin(hub, tmp_path, name)
    work.git("pull", "origin", "main")
    work.models("setup")
    for seed, path in enumerate(models or ("best.pt",)):
        work.write(path, weights(size, seed))
    work.commit("Models")
    work.git("push", "-u", "origin", "HEAD")
    return work
