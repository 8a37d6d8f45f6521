"""The shape of the package: imports only go down, and a start is cheap."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.helpers.sandbox import Sandbox

# Lowest first. A module may import its own layer and those below; a name stands for a module of
# git_models or for a whole package.
LAYERS: dict[str, tuple[str, ...]] = {
    "pure": (
        "__init__",
        "argtypes",
        "config",
        "errors",
        "findings",
        "hashing",
        "jsons",
        "manifest",
        "messages",
        "naming",
        "output",
        "paths",
        "patterns",
        "urllists",
        "urls",
        "versions",
    ),
    "storage": (
        "behind",
        "git",
        "index",
        "inspect",
        "journal",
        "layout",
        "linelog",
        "link",
        "lock",
        "manifests",
        "objects",
        "odb",
        "places",
        "remotes",
        "repo",
        "statcache",
        "usertext",
    ),
    "transfer": ("download", "partfile", "pieces", "transfer", "upload", "workers"),
    "use cases": (
        "activation",
        "archiving",
        "audit",
        "caller",
        "backups",
        "checkup",
        "clearing",
        "committing",
        "copying",
        "diagnosis",
        "driver",
        "events",
        "placing",
        "presence",
        "pushing",
        "reclaim",
        "recording",
        "releasing",
        "selection",
        "syncing",
        "sight",
        "exchange",
        "excludes",
        "foreign",
        "getting",
        "githooks",
        "history",
        "importing",
        "lineage",
        "migrate",
        "pruning",
        "removing",
        "restoring",
        "retention",
        "rolling",
        "safety",
        "salvage",
        "space",
        "staging",
        "tagging",
        "weightfiles",
        "uploading",
        "whereabouts",
        "worktree",
    ),
    "commands": ("commands",),
    "main": ("__main__", "main"),
}

# Slow to import, or a door that only one module may open: who may import it.
OWNERS: dict[str, tuple[str, ...]] = {
    "boto3": ("remotes.s3",),
    "botocore": ("remotes.s3",),
    "google": ("remotes.gdrive_auth",),
    "keyring": ("remotes.tokens",),
    "numpy": ("inspect.numbers",),
    "pygit2": ("index",),
    "requests": ("remotes",),
    "rich": ("output",),
    # behind starts this program again, for what need not be waited for; credentials asks `gh`, sftp `ssh`.
    "subprocess": ("git", "behind", "remotes.credentials", "remotes.rclone", "remotes.sftp"),
    "semver": ("versions",),
    "yaml": ("manifest",),
    # Unpickling runs code: nobody.
    "pickle": (),
    "torch": (),
}

HEAVY = {"boto3", "keyring", "numpy", "pygit2", "requests", "rich", "semver", "yaml"}

MAX_LINES = 400


def modules() -> dict[str, Path]:
    """Dotted names below git_models ("remotes.base"; a package is "remotes") and their files."""
    package = ROOT / "git_models"
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path) -> Iterator[str]:
    """Every absolute name that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: write imports in full, not relative"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def own_imports(name: str) -> set[str]:
    """The modules of this package that `name` imports; `from git_models import git` is "git"."""
    known, used = modules(), set()
    for imported in imports(known[name]):
        if imported.partition(".")[0] == "git_models":
            parts = imported.split(".")[1:]
            # The longest prefix that is a module: the rest is a name inside it.
            used.add(next((m for n in range(len(parts), 0, -1) if (m := ".".join(parts[:n])) in known), "__init__"))
    return used - {name}


def layer(name: str) -> int:
    """The height of a module, counted from the pure ones."""
    for height, members in enumerate(LAYERS.values()):
        if name in members or name.partition(".")[0] in members:
            return height
    pytest.fail(
        f"git_models/{name.replace('.', '/')}.py has no layer: add it to LAYERS in tests/test_imports.py, "
        "as low as its imports allow, and draw it in docs/architecture.md"
    )


@pytest.mark.parametrize("name", modules())
def test_imports_only_go_down(name: str) -> None:
    names = list(LAYERS)
    for used in own_imports(name):
        assert layer(used) <= layer(name), (
            f"{name} ({names[layer(name)]}) imports {used} ({names[layer(used)]}), which lies above it: "
            "move what is shared down, or hand it in as an argument"
        )


def test_no_two_modules_import_each_other() -> None:
    TopologicalSorter({name: own_imports(name) for name in modules()}).prepare()


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_imported_only_by_its_owner(library: str) -> None:
    for name, file in modules().items():
        if any(imported.partition(".")[0] == library for imported in imports(file)):
            assert name.partition(".")[0] in OWNERS[library] or name in OWNERS[library], (
                f"{name} imports {library}: that is the job of {' and '.join(OWNERS[library]) or 'nobody'} "
                "(OWNERS in tests/test_imports.py)"
            )


@pytest.mark.parametrize("name", modules())
def test_a_module_can_be_read_in_one_sitting(name: str) -> None:
    assert len(modules()[name].read_text().splitlines()) <= MAX_LINES


def loaded(bin_folder: Path, where: Sandbox, *args: str, stdin: str = "") -> set[str]:
    """The top-level modules that a start of `git models ARGS` imports; the start must succeed."""
    command = [str(bin_folder / "python"), "-I", "-X", "importtime", "-m", "git_models", *args]
    done = subprocess.run(command, cwd=where.root, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    traced = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in traced}


@pytest.mark.parametrize("option", ["--version", "-h"])
def test_a_question_about_the_program_loads_nothing_heavy(bin_folder: Path, repo: Sandbox, option: str) -> None:
    assert not loaded(bin_folder, repo, option) & HEAVY


@pytest.mark.parametrize(
    ("hook", "args"),
    [
        ("pre-commit", []),
        ("pre-merge-commit", []),
        ("post-commit", []),
        ("post-checkout", ["HEAD", "HEAD", "1"]),
        ("post-merge", ["0"]),
        ("post-rewrite", ["amend"]),
        ("post-index-change", ["1", "0"]),
        ("pre-push", ["origin", "URL"]),
    ],
)
def test_a_hook_with_nothing_to_do_loads_nothing_heavy(
    bin_folder: Path, repo: Sandbox, hook: str, args: list[str]
) -> None:
    repo.write("train.py", "print('no model here')\n")
    repo.git("add", "train.py")
    head = repo.head()
    url = repo.git("remote", "get-url", "origin").out.strip()
    given = [{"HEAD": head, "URL": url}.get(arg, arg) for arg in args]
    stdin = {
        "pre-push": f"refs/heads/main {head} refs/heads/main {head}\n",
        "post-rewrite": f"{head} {head}\n",
    }.get(hook, "")
    assert not loaded(bin_folder, repo, "hook", hook, *given, stdin=stdin) & HEAVY
