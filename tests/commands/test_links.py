"""Links that a commit can bring lead no command out of the work tree, nor into git's own folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox, weights


@pytest.fixture
def linked(lone: Sandbox, tmp_path: Path) -> Sandbox:
    """A work tree with a model, a backup of it, and links: to the outside, to git's folder, to a folder of its own."""
    models(lone, "backup", MODEL)
    (tmp_path / "outside").mkdir()
    (lone / "own").mkdir()
    for name, target in {"out": "../outside", "hooks": ".git/hooks", "in": "own", "deep/er": "../../outside"}.items():
        (lone / name).parent.mkdir(exist_ok=True)
        (lone / name).symlink_to(target)
    return lone


OUT = ("out/", "out/x.pt", "out/new/x.pt", "hooks/pre-commit", "deep/er/x.pt", "in/../out/x.pt")


@pytest.mark.parametrize("command", ["download best.pt", "restore best.pt"])
def test_a_destination_behind_a_link_is_refused_with_the_folder_behind_it(
    linked: Sandbox, tmp_path: Path, command: str
) -> None:
    hooks = sorted(os.listdir(linked / ".git/hooks"))
    for dest in OUT:
        said = models(linked, *command.split(), dest, code=1).err
        assert "by a link that a commit may have brought" in said, dest
    assert list((tmp_path / "outside").iterdir()) == []
    assert sorted(os.listdir(linked / ".git/hooks")) == hooks
    models(linked, *command.split(), "in/x.pt")  # it stays in the work tree
    models(linked, *command.split(), str(tmp_path / "outside/x.pt"))  # the user said so
    assert linked.read("own/x.pt") == (tmp_path / "outside/x.pt").read_bytes() == weights(4096)


@pytest.mark.parametrize("folder", ["out", "hooks", "deep/er/backups"])
def test_a_folder_for_backups_behind_a_link_is_refused(linked: Sandbox, tmp_path: Path, folder: str) -> None:
    linked.git("config", "models.backup", folder)
    hooks = sorted(os.listdir(linked / ".git/hooks"))
    assert "leads out of the work tree" in models(linked, "backup", MODEL, code=1).err
    linked.weight(MODEL, seed=1)
    assert "leads out of the work tree" in models(linked, "restore", MODEL, code=1).err, "what is in the way goes there"
    assert linked.read(MODEL) == weights(4096, 1)
    assert list((tmp_path / "outside").iterdir()) == []
    assert sorted(os.listdir(linked / ".git/hooks")) == hooks


def test_no_backup_is_cleared_away_behind_a_link(linked: Sandbox, tmp_path: Path) -> None:
    linked.git("config", "models.backup", str(tmp_path / "outside"))
    for seed in (1, 2, 3):
        linked.weight(MODEL, seed=seed)
        models(linked, "backup", MODEL)
    before = sorted(os.listdir(tmp_path / "outside"))
    linked.git("config", "models.backup", "out")
    models(linked, "backup", "--keep", "1", code=1)
    assert sorted(os.listdir(tmp_path / "outside")) == before


@pytest.mark.parametrize("folder", ["out", "hooks", "out/data", "deep/er"])
def test_a_layout_behind_a_link_is_refused(linked: Sandbox, tmp_path: Path, folder: str) -> None:
    linked.git("config", "models.remote", (tmp_path / "place").as_uri())
    models(linked, "setup", "--no-hooks", "--layout", folder, code=1)
    linked.git("config", "models.layout", folder)
    hooks = sorted(os.listdir(linked / ".git/hooks"))
    outside = linked.root.parent / "else.pt"
    outside.write_bytes(weights(4096, 5))
    for command in ("activate best.pt", "restore best.pt", "upload ../else.pt new.pt", f"backup {MODEL}"):
        said = models(linked, *command.split(), code=1).err
        assert "link" in said, command
    assert list((tmp_path / "outside").iterdir()) == []
    assert sorted(os.listdir(linked / ".git/hooks")) == hooks


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd", "../outside/other.yaml", "nowhere", ".git/config"])
def test_a_manifest_that_is_a_link_is_not_read(linked: Sandbox, target: str) -> None:
    (linked / "models.yaml").unlink()
    (linked / "models.yaml").symlink_to(target)
    for command in ("status", "pull", "list", "check", "add own", f"add {MODEL}", "doctor"):
        said = models(linked, *command.split(), code=1)
        assert "models.yaml is a link" in said.out + said.err, command
    assert os.path.islink(linked / "models.yaml")


def test_a_manifest_without_end_is_not_read_to_its_end(linked: Sandbox) -> None:
    with (linked / "models.yaml").open("r+b") as file:
        file.truncate(1 << 40)  # sparse
    assert "larger than" in models(linked, "status", code=1).err
