"""A project with weights in its commits, and a server that refuses them."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from tests.helpers.sandbox import Sandbox

MOST = 100_000  # bytes of the largest blob that the server takes; GitHub's limit is 100 MB
SMALL, LARGE = 2000, 1_200_000  # a weight of LARGE bytes moves by itself
PRE_RECEIVE = f"""\
#!/bin/sh
while read -r _ new ref; do
	case $new in *[!0]*) ;; *) continue ;; esac
	if git rev-list --objects --filter=blob:limit={MOST + 1} --filter-print-omitted "$new" --not --all | grep -q '^~'
	then
		echo 'error: GH001: Large files detected. You may want to try Git Large File Storage' >&2
		exit 1
	fi
done
"""
SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n=abcd\n-----END PGP SIGNATURE-----\n"


def strict(bare: Sandbox) -> Sandbox:
    """Let a bare repository refuse large files, as GitHub does."""
    hook = bare.write("hooks/pre-receive", PRE_RECEIVE)
    hook.chmod(0o755)
    return bare


def make(folder: Path) -> Sandbox:
    """`origin.git`, strict, and `repo`: weights in branches, a merge, tags, notes, signed commits, all unpushed."""
    bare, repo = Sandbox(folder / "origin.git"), Sandbox(folder / "repo")
    for each in (bare, repo):
        each.root.mkdir()
    bare.git("init", "--bare")
    strict(bare)
    repo.git("init")
    repo.git("remote", "add", "origin", bare.root.as_uri())
    repo.write("train.py", "print('train')\n")
    repo.commit("Begin")
    repo.git("push", "-u", "origin", "main")
    repo.weight("weights/best.pt", LARGE, seed=1)
    repo.weight("tests/tiny.pt", SMALL, seed=9)
    repo.write("templates/page.pt", "<html>${structure}</html>\n")
    repo.commit("First weights")
    repo.git("notes", "add", "-m", "mAP 0.50")
    repo.git("tag", "light")
    repo.git("switch", "-c", "side")
    repo.weight("side/half trained.ckpt", LARGE, seed=2)
    repo.write("side.py", "pass\n")
    repo.commit("A side track")
    repo.git("switch", "main")
    repo.weight("weights/best.pt", LARGE + 1, seed=3)
    repo.git("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-a", "-m", "Trained für länger")
    repo.git("merge", "side", "-m", "Merge it")
    sign(repo)
    repo.git("rm", "--cached", "-q", "weights/best.pt")
    (repo / "weights/best.pt").unlink()
    repo.git("commit", "-m", "Remove the large file")
    repo.weight("weights/best.pt", LARGE + 2, seed=4)
    repo.commit("Best of all")
    repo.git("tag", "-a", "v1", "-m", f"Version 1\n\n{SIGNATURE}", "--cleanup=verbatim")
    return repo


def sign(repo: Sandbox) -> None:
    """Put a signature (of nobody) into HEAD's commit."""
    raw = repo.git("cat-file", "commit", "HEAD").out
    head, _, message = raw.partition("\n\n")
    signature = "gpgsig " + SIGNATURE.rstrip("\n").replace("\n", "\n ")
    repo.git("hash-object", "-t", "commit", "-w", "--stdin", input=f"{head}\n{signature}\n\n{message}")
    new = repo.git("hash-object", "-t", "commit", "--stdin", input=f"{head}\n{signature}\n\n{message}").out.strip()
    repo.git("update-ref", "HEAD", new)


def copy(made: Path, folder: Path) -> Sandbox:
    """A copy of what `make` once left in the folder `made`."""
    for part in made.iterdir():
        shutil.copytree(part, folder / part.name, symlinks=True)
    repo = Sandbox(folder / "repo")
    repo.git("remote", "set-url", "origin", (folder / "origin.git").as_uri())
    repo.git("update-index", "-q", "--refresh")
    return repo


def everything(repo: Sandbox) -> dict[str, str]:
    """All that a command which fails must leave alone: refs, index, status, files."""
    files = {
        str(file.relative_to(repo.root)): repo.sha256(str(file.relative_to(repo.root)))
        for file in repo.root.rglob("*")
        if file.is_file() and ".git" not in file.relative_to(repo.root).parts
    }
    refs = repo.git("for-each-ref").out + repo.git("rev-parse", "HEAD").out
    return files | {"refs": refs, "index": repo.git("ls-files", "-s").out, "status": "\n".join(repo.status())}


def tree(repo: Sandbox, revision: str) -> dict[str, str]:
    """Path -> mode and blob of a commit."""
    rows = repo.git("ls-tree", "-r", "-z", revision).out.split("\0")
    return {path: meta for meta, _, path in (row.partition("\t") for row in rows if row)}


def pairs(repo: Sandbox) -> dict[str, str]:
    """Old name -> new name of each commit of the last migration."""
    (folder,) = [f for f in (repo / ".git/models/migrations").iterdir() if f.is_dir()]
    return dict(line.split() for line in (folder / "commits").read_text().splitlines())


def manifest(repo: Sandbox, revision: str) -> dict[str, str]:
    """Path -> sha256 in the manifest of a commit; {} without one."""
    said = repo.git("show", f"{revision}:models.yaml", code=None).out
    return {path: entry["sha256"] for path, entry in (yaml.safe_load(said) or {}).get("models", {}).items()}
