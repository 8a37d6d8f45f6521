"""New commits, tags and notes in place of old ones: written beside them, named by nothing yet."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from git_models import git, objects
from git_models.errors import ModelsError
from git_models.odb import Pack, Read, reader
from git_models.repo import Repo

_SIGNATURES = re.compile(rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----$", re.M)


class Ref(NamedTuple):
    """A ref and where it is to go."""

    name: str
    old: str
    new: str


class Rewritten(NamedTuple):
    """What was written."""

    commits: dict[str, str]  # old name -> new name, of those that are different
    refs: list[Ref]
    signatures: int  # that no longer fit, and were dropped


def commits(revs: Sequence[str], read: Read, pack: Pack, tree: Callable[[str], str]) -> tuple[dict[str, str], int]:
    """Rewrite the commits of a range, parents first: (old name -> new name, dropped signatures).

    Author, dates, message, encoding and unknown headers stay byte for byte. A commit whose tree and
    parents stay is left as it is, signature and all.
    """
    made: dict[str, str] = {}
    dropped = 0
    with git.popen("rev-list", "--topo-order", "--reverse", *revs) as listing:
        assert listing.stdout is not None
        for line in listing.stdout:
            oid = line[:-1].decode()
            raw = read(oid)[1]
            try:
                new, signatures = _commit(raw, tree, made)
            except ModelsError as failed:
                raise ModelsError(f"commit {oid[:10]}: {failed.what}", failed.fix) from None
            if new is not None:
                made[oid] = pack.add("commit", new)
                dropped += signatures
    if listing.returncode:
        raise git.GitError(["rev-list", *revs], listing.returncode, "")
    return made, dropped


def _commit(raw: bytes, tree: Callable[[str], str], made: Mapping[str, str]) -> tuple[bytes | None, int]:
    """A commit object with its new tree and parents (None: both stay), and how many signatures went."""
    head, gap, message = raw.partition(b"\n\n")
    headers = re.split(rb"\n(?! )", head)  # a line that begins with a space goes on
    changed = False
    for at, header in enumerate(headers):
        key, _, worth = header.partition(b" ")
        if key in (b"tree", b"parent"):
            old = worth.decode()
            new = tree(old) if key == b"tree" else made.get(old, old)
            if new != old:
                headers[at] = key + b" " + new.encode()
                changed = True
    if not changed:
        return None, 0
    # A merge of a signed tag repeats the tag, which names a commit that is no parent any more.
    kept = [h for h in headers if not h.startswith((b"gpgsig ", b"gpgsig-sha256 ", b"mergetag "))]
    return b"\n".join(kept) + gap + message, len(headers) - len(kept)


def refs(made: Mapping[str, str], read: Read, pack: Pack) -> tuple[list[Ref], int]:
    """The branches and tags (and a detached HEAD) that follow rewritten commits, and how many tags lose a signature."""
    found, dropped = [], 0
    heads, tags = "refs/heads", "refs/tags"
    answer = git.text("for-each-ref", "--format=%(objectname) %(objecttype) %(symref) %(refname)", heads, tags)
    for line in answer.splitlines():
        oid, kind, symref, name = line.split(" ", 3)
        if symref:
            continue
        if kind == "tag":
            new, signatures = _tag(oid, made, read, pack)
            dropped += signatures
        else:
            new = made.get(oid, oid)
        if new != oid:
            found.append(Ref(name, oid, new))
    if git.call("symbolic-ref", "-q", "HEAD", ok=(0, 1))[0]:
        oid = git.text("rev-parse", "HEAD")
        if oid in made:
            found.append(Ref("HEAD", oid, made[oid]))
    return found, dropped


def _tag(oid: str, made: Mapping[str, str], read: Read, pack: Pack) -> tuple[str, int]:
    raw = read(oid)[1]
    first, kind, rest = raw.split(b"\n", 2)
    target = first.partition(b" ")[2].decode()
    signatures = 0
    if kind == b"type tag":
        new, signatures = _tag(target, made, read, pack)
    else:
        new = made.get(target, target)
    if new == target:
        return oid, 0
    header, gap, message = rest.partition(b"\n\n")
    begin = _SIGNATURES.search(message)
    if begin:
        message = message[: begin.start()]
        signatures += 1
    return pack.add("tag", b"object %s\n%s\n" % (new.encode(), kind) + header + gap + message), signatures


def notes(made: Mapping[str, str], scratch: str) -> list[Ref]:
    """The notes refs with a commit on top that hangs the notes of old commits and tags on the new ones.

    `scratch` is the name of a file that may be written for an index.
    """
    found = []
    for line in git.text("for-each-ref", "--format=%(objectname) %(refname)", "refs/notes").splitlines():
        oid, _, name = line.partition(" ")
        moves = []
        for row in git.run("ls-tree", "-r", "-z", oid).split(b"\0")[:-1]:
            meta, _, path = row.partition(b"\t")
            mode, _, blob = meta.decode().split(" ")
            about = path.replace(b"/", b"").decode("ascii", "replace")
            if about in made:
                new, sizes = made[about], [len(part) for part in path.decode().split("/")]
                moves += [f"0 {blob}\t{path.decode()}", f"{mode} {blob}\t{_fanned(new, sizes)}"]
        if moves:
            tree = _written(oid, moves, scratch)
            text = b"Notes moved by git models migrate\n"
            found.append(Ref(name, oid, git.run("commit-tree", tree, "-p", oid, input=text).decode().strip()))
    return found


def tree_with(commit: str, changes: Mapping[str, tuple[str, str]], scratch: str) -> str:
    """The tree of a commit with these (mode, blob) at these paths; its name. `scratch` as for `notes`."""
    return _written(commit, [f"{mode} {blob}\t{path}" for path, (mode, blob) in changes.items()], scratch)


def _written(base: str, rows: Sequence[str], scratch: str) -> str:
    env = {**os.environ, "GIT_INDEX_FILE": scratch}
    git.run("read-tree", base, env=env)
    git.run(
        "update-index", "--add", "-z", "--index-info", input=b"".join(os.fsencode(r) + b"\0" for r in rows), env=env
    )
    tree = git.run("write-tree", env=env).decode().strip()
    os.unlink(scratch)
    return tree


def _fanned(oid: str, sizes: Iterable[int]) -> str:
    """A name of an object as a path of notes: parts of these sizes."""
    parts, at = [], 0
    for count in sizes:
        parts.append(oid[at : at + count])
        at += count
    return "/".join(parts)


def left_behind(made: Mapping[str, str], moved: Sequence[Ref]) -> list[str]:
    """Branches and tags that still hold commits which were rewritten."""
    names = {ref.name for ref in moved}
    listing = git.text("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags").splitlines()
    others = [name for name in listing if name not in names]
    if not others or not _hold(others, made):  # one question for all: there may be thousands of tags
        return []
    return [name for name in others if _hold([name], made)]


def _hold(tips: Sequence[str], made: Mapping[str, str]) -> bool:
    known = [f"^{oid}" for oid in git.text("rev-parse", "--remotes").split()]
    answer = git.run("rev-list", "--stdin", input="\n".join([*tips, *known]).encode())
    return not made.keys().isdisjoint(answer.decode().split())


def on_top(head: str, tree: str, message: str) -> str:
    """A new commit of the user's on `head` with this tree; returns its name."""
    sign = ["-S"] if git.text("config", "--bool", "commit.gpgSign", ok=(0, 1)) == "true" else []
    return git.run("commit-tree", *sign, tree, "-p", head, input=message.encode()).decode().strip()


def write(repo: Repo, job: Callable[[Read, Pack], Rewritten]) -> Rewritten:
    """Run a job that reads and writes objects; they reach the disk together, at the end, or not at all."""
    pack = Pack(os.path.join(repo.models, "tmp"))
    try:
        with reader() as read:
            done = job(read, pack)
        pack.save()
    finally:
        pack.close()
    moved = done.commits | {ref.old: ref.new for ref in done.refs}  # an annotated tag can have a note, too
    hanging = notes(moved, objects.temp(repo.models)) if done.commits else []
    return done._replace(refs=[*done.refs, *hanging])


def check(done: Rewritten) -> None:
    """Raise ModelsError unless git finds every object that the new refs need."""
    tips = [ref.new for ref in done.refs]
    old = [f"^{ref.old}" for ref in done.refs]
    try:
        git.run("rev-list", "--objects", "--quiet", "--stdin", input="\n".join([*tips, *old]).encode())
    except git.GitError as failed:
        raise ModelsError(f"the new history is incomplete, so nothing was changed: {failed.stderr}") from None
