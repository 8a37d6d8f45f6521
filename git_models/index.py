"""git's index and object database, read and edited through plumbing.

Every call inherits GIT_INDEX_FILE: in pre-commit that is the index which becomes the commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from git_models import git

REGULAR = ("100644", "100755")
_SMALL = 1 << 20  # bytes
_BLOCK = 1 << 20  # bytes read at a time
_MANY = 40  # from here on the import of pygit2 pays


class Staged(NamedTuple):
    """A path whose index entry differs from the commit it was compared with."""

    path: str
    mode: str  # as git writes it: "100644", "120000", "160000"; "000000" when removed
    oid: str  # git's blob name
    old_mode: str  # "000000" for a new path
    old_oid: str


def head() -> str:
    """The commit of HEAD, "" on an unborn branch."""
    return git.text("rev-parse", "-q", "--verify", "HEAD^{commit}", ok=(0, 1, 128))


def empty_tree() -> str:
    """The name of the tree without entries, in this repository's object format."""
    return git.run("hash-object", "-t", "tree", "-w", "--stdin", input=b"").decode().strip()


def staged(against: str) -> list[Staged]:
    """What the index changes against a commit or tree."""
    fields = git.run("diff-index", "--cached", "--no-renames", "--raw", "--no-abbrev", "-z", against, "--").split(b"\0")
    found = []
    for meta, path in zip(fields[0:-1:2], fields[1::2], strict=False):
        old_mode, mode, old_oid, oid, _status = meta.decode().lstrip(":").split(" ")
        found.append(Staged(os.fsdecode(path), mode, oid, old_mode, old_oid))
    return found


def entries(paths: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Path -> (mode, oid) of the index's entries at stage 0, of `paths` or of all."""
    return ask_entries(paths)()


def ask_entries(paths: Sequence[str] = ()) -> Callable[[], dict[str, tuple[str, str]]]:
    """`entries`, asked for now and waited for later."""
    asked = _ask(paths)
    return lambda: {path: (mode, oid) for path, mode, oid, stage in _records(asked()) if stage == "0"}


def stages(paths: Sequence[str] = ()) -> Iterator[tuple[str, str, str, str]]:
    """(path, mode, oid, stage) of the index's entries; stages 1 to 3 are the sides of a conflict."""
    return _records(_ask(paths)())


def _ask(paths: Sequence[str]) -> Callable[[], bytes]:
    return git.begin("ls-files", "-s", "-z", "--full-name", "--", *(f":(top,literal){p}" for p in paths))


def _records(answer: bytes) -> Iterator[tuple[str, str, str, str]]:
    for record in answer.split(b"\0")[:-1]:
        meta, _, path = record.partition(b"\t")
        mode, oid, stage = meta.decode().split(" ")
        yield os.fsdecode(path), mode, oid, stage


def sizes(oids: Iterable[str]) -> dict[str, int]:
    """Blob name -> bytes, for those that are here."""
    names = list(dict.fromkeys(oids))
    if not names:
        return {}
    answer = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", input="\n".join(names).encode())
    rows = (line.split(" ") for line in answer.decode().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}


def blob(name: str) -> bytes:
    """A blob's bytes by any name git understands (":models.yaml", "HEAD:models.yaml"); b"" where there is none."""
    code, data = git.call("cat-file", "blob", name, ok=(0, 1, 128))
    return data if code == 0 else b""


def blobs(names: Sequence[str], cwd: str | None = None, env: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Several blobs in one call, by the names given; those that are missing are left out."""
    if not names:
        return {}
    data = git.run("cat-file", "--batch", input=b"".join(os.fsencode(n) + b"\n" for n in names), cwd=cwd, env=env)
    found, at = {}, 0
    for name in names:
        end = data.index(b"\n", at)
        fields = data[at:end].rsplit(b" ", 2)
        at = end + 1
        if fields[-1] == b"missing" or not fields[-1].isdigit():
            continue
        size = int(fields[-1])
        if fields[-2] == b"blob":
            found[name] = data[at : at + size]
        at += size + 1
    return found


def stream(oid: str, limit: int | None = None) -> Iterator[bytes]:
    """A blob's bytes as they come, at most `limit`. Raises GitError when git cannot read it."""
    # Below core.bigFileThreshold git reads a blob whole before it writes its first byte.
    with git.popen("-c", "core.bigFileThreshold=4m", "cat-file", "blob", oid) as process:
        assert process.stdout is not None
        while limit is None or limit > 0:
            data = process.stdout.read(_BLOCK if limit is None else min(_BLOCK, limit))
            if not data:
                break
            limit = None if limit is None else limit - len(data)
            yield data
        else:
            process.kill()
            return
    if process.returncode:
        raise git.GitError(["cat-file", "blob", oid], process.returncode, "")


def heads(known: Mapping[str, int], count: int) -> dict[str, bytes]:
    """The first `count` bytes of blobs, given with their sizes.

    Many small ones are read in this process by libgit2: a git process for each costs 3 ms, the import
    110 ms once. A large one, which libgit2 would read whole, and a repository that libgit2 cannot
    open (SHA-256) are left to git.
    """
    small = [oid for oid, size in known.items() if size <= _SMALL]
    found = _read_by_libgit2(small, count) if len(small) >= _MANY else {}
    return found | {oid: b"".join(stream(oid, count)) for oid, size in known.items() if size and oid not in found}


def _read_by_libgit2(oids: Sequence[str], count: int) -> dict[str, bytes]:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    try:
        # FROM_ENV: inside a hook the objects may lie where GIT_OBJECT_DIRECTORY says.
        repository = pygit2.Repository(".", RepositoryOpenFlag.FROM_ENV)
        return {oid: repository[oid].read_raw()[:count] for oid in oids}
    except (pygit2.GitError, KeyError, ValueError):
        return {}


def differs_from_disk(paths: Sequence[str]) -> set[str]:
    """Those of `paths` whose file no longer has the bytes that were staged (or is gone)."""
    if not paths:
        return set()
    literal = [f":(top,literal){p}" for p in paths]
    # Unlike diff-files, diff looks into a file that was only touched. It must not write this index.
    answer = git.run(
        "--no-optional-locks", "diff", "--no-ext-diff", "--name-only", "-z", "--no-renames", "--", *literal
    )
    return {os.fsdecode(p) for p in answer.split(b"\0")[:-1]}


def edit(remove: Mapping[str, str] | None = None, add: Mapping[str, str] | None = None) -> None:
    """Change the index in one step: take out `remove` (path -> its blob), put in `add` (path -> blob, mode 100644)."""
    replace(
        {p: ("0", oid) for p, oid in (remove or {}).items()} | {p: ("100644", oid) for p, oid in (add or {}).items()}
    )


def replace(changes: Mapping[str, tuple[str, str]]) -> None:
    """Give paths these modes and blobs in one step; the mode "0" takes a path out."""
    lines = [f"{mode} {oid} 0\t{path}" for path, (mode, oid) in changes.items()]
    if lines:
        git.run(
            "update-index", "--add", "-z", "--index-info", input=b"".join(os.fsencode(line) + b"\0" for line in lines)
        )


def write_blob(data: bytes) -> str:
    """Store bytes in git's object database as they are (no filters); returns the blob's name."""
    return git.run("hash-object", "-w", "--stdin", input=data).decode().strip()


def attributes(name: str, paths: Sequence[str]) -> dict[str, str]:
    """The value of one gitattribute for each path ("unspecified" where there is none)."""
    if not paths:
        return {}
    answer = git.run("check-attr", "-z", "--stdin", name, input=b"".join(os.fsencode(p) + b"\0" for p in paths))
    fields = answer.split(b"\0")
    return {os.fsdecode(path): value.decode() for path, value in zip(fields[0:-1:3], fields[2::3], strict=False)}
