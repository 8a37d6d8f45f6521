"""What `pip install .` puts on a machine, and what sets up a machine for development."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from tests.helpers import ROOT
from tests.helpers.sandbox import Sandbox

PAGE = ROOT / "docs/man/git-models.1"
HIDDEN = {"hook", "merge-driver", "overview"}  # what git calls, and what no word calls

needs_man = pytest.mark.skipif(not shutil.which("man"), reason="man is not installed (Debian: man-db)")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the package installed from a wheel, without its dependencies."""
    base = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, base / "source", ignore=unwanted)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # Building without isolation and installing without an index need no network.
    subprocess.run([*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", base, base / "source"], check=True)
    venv.EnvBuilder(symlinks=True, with_pip=False).create(base / "venv")
    (wheel,) = base.glob("*.whl")
    target = ["--python", str(base / "venv/bin/python"), "install", "--no-index", "--no-deps"]
    subprocess.run([*pip, *target, wheel], check=True)
    return base / "venv"


def test_installing_gives_the_command(prefix: Path) -> None:
    assert os.access(prefix / "bin/git-models", os.X_OK)


def test_installing_gives_the_hooks_and_every_module(prefix: Path) -> None:
    (package,) = prefix.glob("lib/python3*/site-packages/git_models")

    def below(folder: Path, pattern: str) -> set[str]:
        return {str(file.relative_to(folder)) for file in folder.rglob(pattern)}

    assert below(package / "hooks", "*.sh") == below(ROOT / "hooks", "*.sh")
    assert below(package, "*.py") - {"hooks/__init__.py"} == below(ROOT / "git_models", "*.py")


@needs_man
def test_git_help_models_finds_the_page_after_installing(prefix: Path, repo: Sandbox) -> None:
    assert (prefix / "share/man/man1/git-models.1").read_bytes() == PAGE.read_bytes()
    path = f"{prefix}/bin:{os.environ['PATH']}"
    for question in (["help", "models"], ["models", "--help"]):
        assert "keep model weights out of git" in repo.git(*question, env={"PATH": path, "MANWIDTH": "80"}).out


@needs_man
def test_the_page_renders_without_a_warning_in_80_columns() -> None:
    env = os.environ | {"MANWIDTH": "80"}
    done = subprocess.run(["man", "--warnings", "-l", PAGE], env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def test_the_page_names_every_command() -> None:
    text = re.sub(r"\\f[BIR]", "", PAGE.read_text()).replace("\\-", "-")
    commands = {
        file.stem.rstrip("_").replace("_", "-") for file in (ROOT / "git_models/commands").glob("[a-z]*.py")
    } - HIDDEN
    named = set(re.findall(r"^(?:\.B )?([a-z-]+)", text.partition(".SH COMMANDS")[2], re.MULTILINE))
    assert commands <= named


def test_the_projects_own_manifest_points_at_a_real_detector() -> None:
    models = yaml.safe_load((ROOT / "models.yaml").read_text())["models"]
    assert set(models) == {"examples/yolov8n.pt"}
    entry = models["examples/yolov8n.pt"]
    assert entry["size"] == 6549796
    assert entry["sha256"] == "f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36"
    assert entry["urls"] == ["https://github.com/ultralytics/assets/releases/download/v8.4.0/yolov8n.pt"]
    assert entry["license"] == "AGPL-3.0"


def test_the_repository_passes_its_own_check() -> None:
    Sandbox(ROOT).models("check", "--all-files")


@pytest.mark.parametrize(
    ("kind", "file"), [("config", ".pre-commit-config.yaml"), ("manifest", ".pre-commit-hooks.yaml")]
)
def test_the_pre_commit_framework_accepts_our_files(kind: str, file: str) -> None:
    subprocess.run([sys.executable, "-m", "pre_commit", f"validate-{kind}", ROOT / file], check=True)


def test_the_own_hooks_are_those_that_others_get() -> None:
    provided = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    used = {hook["id"]: hook for repo in config["repos"] for hook in repo["hooks"] if hook["id"] in provided}
    assert {name: hook["entry"].removeprefix(".venv/bin/") for name, hook in used.items()} == {
        name: hook["entry"] for name, hook in provided.items()
    }
    stages = {stage for hook in provided.values() for stage in hook["stages"]} - {"manual"}
    assert set(config["default_install_hook_types"]) == stages


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        (None, "apt-get install python3 python3-venv"),
        ('case "$*" in *version_info*) exit 1 ;; --version) echo Python 3.9.2 ;; esac', "PYTHON=python3.12"),
        ('case "$*" in *ensurepip*) exit 1 ;; esac', "apt-get install python3-venv"),
    ],
    ids=["no Python", "an old Python", "Debian without python3-venv"],
)
def test_setting_up_says_what_to_install_when_the_machine_lacks(tmp_path: Path, body: str | None, advice: str) -> None:
    python = tmp_path / "python"
    if body is not None:
        python.write_text(f"#!/bin/sh\n{body}\n")
        python.chmod(0o755)
    env = os.environ | {"PYTHON": str(python)}
    done = subprocess.run([ROOT / "scripts/venv"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert advice in done.stderr


def test_make_help_names_every_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    done = subprocess.run(["make", "-s", "-C", ROOT, "help"], capture_output=True, text=True, check=True)
    assert {line.split()[0] for line in done.stdout.splitlines()} == targets
