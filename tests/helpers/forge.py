"""People who work with a repository on the stand-in for GitHub."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from git_models import manifest, tagging
from git_models.manifest import Entry
from tests.fakes.github import GitHub
from tests.fakes.github_state import call, make_commit, make_tree
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


def stock(hub: GitHub, name: str, models: Mapping[str, bytes], text: str = "") -> dict[str, Entry]:
    """A public repository as its people left it: models in its store, named by models.yaml on its branch.

    Each model is tagged 1.0.0. `text` is put in front of what the manifest says of them.
    """
    repo = hub.repository(name)
    entries = {}
    for path, data in models.items():
        md5, sha256 = hashlib.md5(data, usedforsecurity=False).hexdigest(), hashlib.sha256(data).hexdigest()
        entry = Entry(path, md5, sha256, len(data), manifest.asset_name(path, sha256))
        entries[path] = tagging.tag(entry, "1.0.0")
        hub.put(name, "git-models", entry.asset, data)
    content = manifest.update((text or "version: 1\n").encode(), entries).decode()
    tree = make_tree(repo, [{"path": "models.yaml", "mode": "100644", "content": content}], None)
    call(repo, "update-ref", "refs/heads/main", make_commit(repo, tree, [], "Models", hub.now()))
    return entries
