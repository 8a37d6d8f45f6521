"""Trees of commits without the files that move, and with the manifest that was true then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from git_models.errors import ModelsError
from git_models.manifest import NAME
from git_models.odb import Pack, Read

_FOLDER, _FILE = b"40000", b"100644"
_FILES = (_FILE, b"100755", b"100664")
_CACHED = 4096  # folders whose new form is remembered

# (path, name of the blob), the path as git has it: what is to become of this file of a tree.
Pair = tuple[bytes, str]
Gone = tuple[Pair, ...]


class Plan(NamedTuple):
    """What becomes of files: they leave the tree, or get another content (the blob's new name)."""

    gone: frozenset[Pair]
    changed: Mapping[Pair, str]
    manifest: Callable[
        [str, Gone], str
    ]  # (name of the old models.yaml or "", what left the tree) -> name of the new one
    always: bool = False  # whether every tree gets a manifest, even if no file leaves it


def rewriter(read: Read, pack: Pack, plan: Plan) -> Callable[[str], str]:
    """A function from the name of a commit's tree to that of the new one, which is the same where nothing moves."""
    paths = {path for path, _ in (*plan.gone, *plan.changed)}
    folders = {path[: i + 1] for path in paths for i, byte in enumerate(path) if byte == 0x2F}
    width = 32 if pack.algorithm == "sha256" else 20

    @lru_cache(_CACHED)
    def folder(prefix: bytes, oid: str) -> tuple[str, Gone]:
        """The new name of the tree at `prefix`, "" for one that became empty, and what left it."""
        rows, gone, same = walk(prefix, oid)
        if same:
            return oid, gone
        return (pack.add("tree", join(rows)) if rows else ""), gone

    def walk(prefix: bytes, oid: str) -> tuple[list[Row], Gone, bool]:
        rows: list[Row] = []
        gone: list[Pair] = []
        same = True
        for row in split(read(oid)[1], width):
            path, new = prefix + row.name, row.oid
            if row.mode == _FOLDER:
                if path + b"/" in folders:
                    new, below = folder(path + b"/", row.oid)
                    gone += below
            elif path in paths and row.mode in _FILES:
                if (path, row.oid) in plan.gone:
                    gone.append((path, row.oid))
                    new = ""
                else:
                    new = plan.changed.get((path, row.oid), row.oid)
            same = same and new == row.oid
            if new:
                rows.append(row._replace(oid=new))
        return rows, tuple(gone), same

    @lru_cache(_CACHED)
    def root(oid: str) -> str:
        rows, gone, same = walk(b"", oid)
        if same and not plan.always:
            return oid
        if gone or plan.always:
            name = NAME.encode()
            old = next((row for row in rows if row.name == name), None)
            if old and old.mode not in _FILES:
                raise ModelsError(f"a commit has a folder or a link called {NAME}", "git log --all -- models.yaml")
            blob = plan.manifest(old.oid if old else "", gone)
            rows = [r for r in rows if r.name != name]
            if blob:
                rows = sorted([*rows, Row(old.mode if old else _FILE, name, blob)], key=order)
        return pack.add("tree", join(rows))

    return root


class Row(NamedTuple):
    """One entry of a tree."""

    mode: bytes
    name: bytes
    oid: str


def split(raw: bytes, width: int) -> Iterable[Row]:
    """The entries of a tree object; `width` is the length of a name in bytes."""
    at = 0
    while at < len(raw):
        space = raw.index(b" ", at)
        end = raw.index(b"\0", space)
        yield Row(raw[at:space], raw[space + 1 : end], raw[end + 1 : end + 1 + width].hex())
        at = end + 1 + width


def join(rows: Sequence[Row]) -> bytes:
    """The tree object with these entries."""
    return b"".join(b"%s %s\0%s" % (row.mode, row.name, bytes.fromhex(row.oid)) for row in rows)


def order(row: Row) -> bytes:
    """git sorts a tree as if folders ended in a slash."""
    return row.name + b"/" if row.mode == _FOLDER else row.name
