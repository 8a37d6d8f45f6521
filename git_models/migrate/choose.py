"""Which files of a range of commits are weights, or too large for GitHub."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from git_models import git, index, manifest, paths, patterns, weightfiles
from git_models.errors import ModelsError, PathError
from git_models.repo import Repo

UNPUSHED = ("--branches", "HEAD", "--not", "--remotes")
EVERYTHING = ("--branches", "--tags", "HEAD")
_SPECS = 500  # more paths than this are cheaper to sift here than to hand to git


class Change(NamedTuple):
    """A file that a commit adds or changes."""

    path: str
    mode: str
    oid: str
    commit: str


class Rules(NamedTuple):
    """What is wanted."""

    globs: tuple[str, ...]  # names of weights …
    floor: int  # … from this size (bytes) on
    large: int  # any other file from this size (bytes) on; 0 none
    text: bool  # whether a text can be meant; otherwise only from `large` on


class Found(NamedTuple):
    """A version of a file that is wanted."""

    path: str
    oid: str  # git's name of the blob
    size: int  # bytes
    commit: str  # the oldest commit that has it


class Choice(NamedTuple):
    """What is wanted, sorted by path, and what would be but cannot be a model: (path, reason), and its versions."""

    found: list[Found]
    refused: list[tuple[str, str]]
    stuck: list[Found]


def rules(repo: Repo, include: Sequence[str] = (), above: int = -1) -> Rules:
    """The rules for `--include` and `--above` (bytes, -1 not given).

    Without either: weights from 1 MB on, since smaller ones that git tracks are left to it by a
    commit, too; and whatever GitHub would refuse.
    """
    if include:
        return Rules(tuple(include), max(above, 1), 0, True)
    if above >= 0:
        return Rules((), 0, max(above, 1), True)
    return Rules(
        weightfiles.globs(repo, manifest_here(repo)), weightfiles.KEEP_BELOW, repo.config.limit or 10**8, False
    )


def manifest_here(repo: Repo) -> manifest.Manifest:
    """The work tree's manifest; a broken one counts as empty, since all that is asked of it are its globs."""
    from git_models import manifests

    try:
        return manifests.current(repo)
    except ModelsError:
        return manifest.EMPTY


def revisions(names: Sequence[str], everything: bool) -> list[str]:
    """Arguments for rev-list: the commits that a migration may rewrite. Raises ModelsError for an unknown name."""
    here = bool(index.head())
    if names:
        answer = git.call("rev-parse", "--revs-only", "--end-of-options", *names, ok=(0, 128))
        tips = answer[1].decode().split()
        if answer[0] or not any(not t.startswith("^") for t in tips):
            raise ModelsError(f"git knows no commits called {' '.join(names)}", "git branch --list")
        return tips if everything else [*tips, "--not", "--remotes"]
    return [r for r in (EVERYTHING if everything else UNPUSHED) if r != "HEAD" or here]


def introduced(revs: Sequence[str], specs: Sequence[str] = ()) -> Iterator[Change]:
    """Every file that a commit of a range adds or changes, the newest commit first.

    A merge brings only what is in none of its parents. Names of pathspecs are literal.
    """
    raw = ("--raw", "--no-abbrev", "--no-renames", "-c", "--root", "-z", "--format=%x01%H")
    literal = [f":(top,literal){p}" for p in specs]
    with git.popen("log", *raw, *revs, "--", *literal) as process:
        assert process.stdout is not None
        fields, commit = _split(process.stdout.read), ""
        for field in fields:
            text = field.lstrip(b"\n")
            if text.startswith(b"\x01"):
                commit = text[1:].decode()
            elif text.startswith(b":"):
                path = next(fields)
                words = text.lstrip(b":").split()
                parents = len(text) - len(text.lstrip(b":"))
                mode, oid = words[parents].decode(), words[2 * parents + 1].decode()
                if mode != "000000":
                    yield Change(os.fsdecode(path), mode, oid, commit)
    if process.returncode:
        raise git.GitError(["log", *revs], process.returncode, "")


def whole(commit: str) -> Iterator[Change]:
    """Every file of a commit."""
    for row in git.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
        meta, _, path = row.partition(b"\t")
        mode, _, oid = meta.decode().split(" ")
        yield Change(os.fsdecode(path), mode, oid, commit)


def beginnings(revs: Sequence[str]) -> list[str]:
    """The commits outside a range on which it stands."""
    return [line[1:] for line in git.text("rev-list", "--boundary", *revs).splitlines() if line.startswith("-")]


def _split(read: Callable[[int], bytes]) -> Iterator[bytes]:
    rest = b""
    while data := read(1 << 16):
        *whole, rest = (rest + data).split(b"\0")
        yield from whole
    if rest:
        yield rest


def large(revs: Sequence[str], floor: int) -> dict[str, int]:
    """Blob -> bytes, of the blobs of at least `floor` bytes that a range of commits brings; git itself looks."""
    oids = []
    filters = (f"--filter=blob:limit={floor}", "--filter-print-omitted")
    with git.popen("rev-list", "--objects", "--no-object-names", *filters, *revs) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"~"):
                oids.append(line[1:-1].decode())
    if process.returncode:
        raise git.GitError(["rev-list", *revs], process.returncode, "")
    return index.sizes(oids)


def choose(revs: Sequence[str], wanted: Rules) -> Choice:
    """The files of a range that the rules want; once a path is wanted, each of its versions is.

    Empty files, pointers of Git LFS and texts stay. Paths that no manifest may hold are refused.
    """
    floors = [n for n in (wanted.floor if wanted.globs else 0, wanted.large) if n]
    sizes = large(revs, min(floors))
    if not sizes:
        return Choice([], [], [])
    seen: dict[str, dict[str, str]] = {}  # path -> blob -> the oldest commit that has it
    for change in introduced(revs):
        if change.mode in index.REGULAR and noticed(wanted, change.path, sizes.get(change.oid, 0)):
            seen.setdefault(change.path, {})[change.oid] = change.commit
    heads: dict[str, bytes] = {}
    _look(heads, {o: sizes[o] for p, oids in seen.items() for o in oids if sizes.get(o, 0) >= min(floors)})
    chosen = {p for p, oids in seen.items() if any(is_wanted(wanted, p, sizes.get(o, 0), heads.get(o)) for o in oids)}
    # The smaller versions of paths that were noticed for their size alone.
    others = [p for p in chosen if not patterns.matches(wanted.globs, p)]
    for change in introduced(revs, others if len(others) <= _SPECS else ()) if others else ():
        if change.path in chosen and change.mode in index.REGULAR:
            seen[change.path][change.oid] = change.commit
    sizes |= index.sizes(o for p in chosen for o in seen[p] if o not in sizes)
    _look(heads, {o: sizes.get(o, 0) for p in chosen for o in seen[p]})
    return _sorted_out(
        Found(path, oid, sizes[oid], commit)
        for path in chosen
        for oid, commit in seen[path].items()
        if _is_model(wanted, sizes.get(oid, 0), heads.get(oid))
    )


def _sorted_out(found: Iterable[Found]) -> Choice:
    refused: dict[str, str] = {}
    good, stuck = [], []
    for each in found:
        try:
            paths.check(each.path)
            good.append(each)
        except PathError as bad:
            refused[each.path] = bad.what
            stuck.append(each)
    return Choice(sorted(good), sorted(refused.items()), sorted(stuck))


def only_in_tags(wanted: Rules) -> list[str]:
    """Tags with commits that no branch and no remote is known to have, and in which there is something to move."""
    tips = ("--tags", "--not", "--remotes", "--branches")
    commits = {f.commit for f in choose(tips, wanted).found}
    asked = [f"--contains={commit}" for commit in sorted(commits)]
    return git.text("for-each-ref", "--format=%(refname:strip=1)", *asked, "refs/tags").splitlines() if asked else []


def choose_here(wanted: Rules) -> Choice:
    """The files of HEAD's commit that the rules want."""
    return choose_from(wanted, [change[:3] for change in whole("HEAD")])


def choose_from(wanted: Rules, rows: Sequence[tuple[str, str, str]]) -> Choice:
    """Those of (path, mode, blob) that the rules want."""
    sizes = index.sizes(oid for _, mode, oid in rows if mode in index.REGULAR)
    named = [(p, o) for p, _, o in rows if o in sizes and noticed(wanted, p, sizes[o])]
    heads: dict[str, bytes] = {}
    _look(heads, {o: sizes[o] for _, o in named})
    return _sorted_out(
        Found(path, oid, sizes[oid], "") for path, oid in named if is_wanted(wanted, path, sizes[oid], heads.get(oid))
    )


def noticed(wanted: Rules, path: str, count: int) -> bool:
    """Whether name or size of a file are of interest."""
    return patterns.matches(wanted.globs, path) or (0 < wanted.large <= count)


def is_wanted(wanted: Rules, path: str, count: int, head: bytes | None) -> bool:
    """Whether the rules want a file of `count` bytes that begins with `head` (None: not read)."""
    big = 0 < wanted.large <= count
    named = count >= wanted.floor and patterns.matches(wanted.globs, path)
    return (big or named) and _is_model(wanted, count, head)


def _is_model(wanted: Rules, count: int, head: bytes | None) -> bool:
    if head is None or not count or patterns.lfs_pointer(head):
        return False
    # A text that GitHub refuses has to go somewhere.
    return wanted.text or 0 < wanted.large <= count or not weightfiles.not_a_weight(head, count)


def _look(heads: dict[str, bytes], sizes: Mapping[str, int]) -> None:
    """Read the beginnings of blobs that were not looked at yet."""
    heads |= index.heads({o: n for o, n in sizes.items() if o not in heads}, weightfiles.HEAD_BYTES)
