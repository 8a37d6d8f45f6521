"""What must hold after a commit, in whatever form it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tests.helpers.sandbox import Sandbox

DEADLINE = 20.0  # seconds that something behind the back of a command may take


def recorded(
    work: Sandbox,
    models: dict[str, bytes],
    *,
    revision: str = "HEAD",
    status: Sequence[str] = (),
    on_disk: dict[str, bytes] | None = None,
    store: Path | None = None,
) -> None:
    """`revision` records exactly `models` and holds none of them; index, disk and store say the same.

    `status` is what `git status --porcelain` may show, `on_disk` the models whose file is meant to be
    newer than the commit, `store` the store of a repository that has it in an unusual place.
    """
    held = work.files_at(revision)
    entries = work.entries(revision)
    assert sorted(entries) == sorted(models)
    indexed = work.git("ls-files", "-z").out.split("\0")
    for path, content in models.items():
        assert path not in held, f"{revision} holds {path}"
        assert path not in indexed, f"the index holds {path}"
        entry = entries[path]
        oid = hashlib.sha256(content).hexdigest()
        assert entry["sha256"] == oid
        assert entry["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
        assert entry["size"] == len(content)
        assert oid[:12] in entry["asset"]
        assert work.read(path) == (on_disk or {}).get(path, content)
        kept = (store or work / ".git/models/objects") / oid[:2] / oid[2:]
        assert kept.read_bytes() == content
    assert {p: e for p, e in work.entries("").items() if p in models} == entries, "the index's manifest differs"
    assert {p: e for p, e in work.entries().items() if p in models} == entries, "the manifest on disk differs"
    assert work.status() == list(status)
    assert work.git("diff", "--cached", "--name-only", revision).lines == [
        line[3:] for line in status if line[0] not in " ?"
    ]


def blob(work: Sandbox, content: bytes) -> str:
    """git's name for these bytes."""
    kind = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    kind.update(content)
    return kind.hexdigest()


def loose(work: Sandbox, content: bytes) -> Path:
    """Where git keeps these bytes after `git add`."""
    name = blob(work, content)
    return work / f".git/objects/{name[:2]}/{name[2:]}"
