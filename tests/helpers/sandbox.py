"""A work tree, and what a person at a terminal does in it: `git`, `git models`, and files that change."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

PATIENCE = 120  # seconds after which a command is taken to hang


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def weights(size: int, seed: int = 0) -> bytes:
    """`size` bytes that look like weights: the same for the same seed, everywhere, and never text."""
    return (b"\0" + hashlib.shake_128(str(seed).encode()).digest(max(0, size - 1)))[:size]


@dataclass(frozen=True)
class Sandbox:
    """One work tree (or bare repository) at `root`.

    `git`, `models` and `run` fail the test, with all that was printed, unless the exit code is
    `code` (None: any). Names of variables that `env` sets to "" are taken out of the environment.
    """

    root: Path

    def __truediv__(self, path: str) -> Path:
        return self.root / path

    def git(self, *args: str, **options: Any) -> Result:
        return self._call(["git", *args], **options)

    def models(self, *args: str, **options: Any) -> Result:
        return self._call(["git", "models", *args], **options)

    def run(self, command: str, **options: Any) -> Result:
        """A line as it is typed into a shell."""
        return self._call(["sh", "-c", command], **options)

    def write(self, path: str, content: bytes | str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def weight(self, path: str, size: int = 4096, seed: int = 0) -> Path:
        """A file of `size` bytes at `path`; another seed is another version."""
        return self.write(path, weights(size, seed))

    def commit(self, message: str = "Work", *paths: str, **options: Any) -> Result:
        """`git add` of `paths` (all when there are none) and `git commit`."""
        self.git("add", *(("--", *paths) if paths else ("--all",)))
        return self.git("commit", "-m", message, **options)

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self.root / path).is_file()

    def md5(self, path: str) -> str:
        return hashlib.md5(self.read(path), usedforsecurity=False).hexdigest()

    def sha256(self, path: str) -> str:
        return hashlib.sha256(self.read(path)).hexdigest()

    def files_at(self, revision: str = "HEAD") -> list[str]:
        """The paths that a commit holds, sorted."""
        return sorted(filter(None, self.git("ls-tree", "-rz", "--name-only", revision).out.split("\0")))

    def status(self) -> list[str]:
        """`git status --porcelain`, a line an item: [] is clean."""
        return self.git("status", "--porcelain").lines

    def head(self, revision: str = "HEAD") -> str:
        return self.git("rev-parse", "--verify", revision).out.strip()

    def entries(self, revision: str | None = None) -> dict[str, Any]:
        """The models that the manifest names, in the work tree or at a revision; {} without one."""
        if revision is None:
            text = self.read("models.yaml").decode() if self.exists("models.yaml") else ""
        else:
            text = self.git("show", f"{revision}:models.yaml", code=None).out
        return (yaml.safe_load(text) or {}).get("models") or {}

    def clone(self, name: str, *options: str) -> Sandbox:
        """A plain `git clone` of this repository into a folder beside it."""
        folder = self.root.parent / name
        self.git("clone", *options, "--", self.root.as_uri(), str(folder))
        return Sandbox(folder)

    def _call(
        self,
        command: list[str],
        *,
        code: int | None = 0,
        cwd: str = ".",
        env: Mapping[str, str] | None = None,
        input: str = "",
    ) -> Result:
        given = {k: v for k, v in (os.environ | dict(env or {})).items() if v}
        done = subprocess.run(
            command,
            cwd=self.root / cwd,
            env=given,
            input=os.fsencode(input),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        result = Result(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))
        assert code is None or result.code == code, (
            f"{command} in {self.root} ended with {result.code}, not {code}\n"
            f"--- stdout\n{result.out}\n--- stderr\n{result.err}"
        )
        return result
