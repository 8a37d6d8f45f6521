"""Weights that git tracks move to models.yaml: in every commit of a range, or in one commit on top of HEAD."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from git_models import git, index, manifest, places
from git_models.errors import ModelsError, word
from git_models.excludes import BACKUP
from git_models.hashing import Digests
from git_models.migrate import choose, keep, moving, rewrite, trees
from git_models.odb import Pack, Read
from git_models.output import Output, duration, plural
from git_models.repo import Repo

_MANY = 3000  # commits that take more than a moment


class Job(NamedTuple):
    """What is to move, whichever place it comes from."""

    what: str  # the command, for the reflog and the journal
    revs: Sequence[str] | None  # the commits to rewrite; None makes one new commit on HEAD
    models: Mapping[trees.Pair, keep.Version]  # files that become models; their bytes are in the store
    changed: Mapping[trees.Pair, bytes | None]  # other files: their new content, None takes them away
    globs: Sequence[str] = ()  # patterns that the manifest is to track from now on
    message: str = ""  # of the new commit
    extra: Sequence[keep.Version] = ()  # models of the new commit that no file of git stands for


class Done(NamedTuple):
    """What a migration did."""

    journal: moving.Journal
    commits: int  # that were rewritten
    published: bool  # whether a remote has some of them
    signatures: int
    left_behind: list[str]  # branches and tags that still hold old commits
    settled: moving.Settled


def from_git(here: Repo, found: Sequence[choose.Found], out: Output) -> dict[trees.Pair, keep.Version]:
    """Bring files of git's object database into the store."""
    sizes = {f.oid: f.size for f in found}
    with out.progress("Keeping", sum(sizes.values())) as advance:
        digests: dict[str, Digests] = keep.blobs(here, sizes, advance)
    made = keep.versions(here, [(f.path, digests[f.oid]) for f in found])
    return {(os.fsencode(f.path), f.oid): version for f, version in zip(found, made, strict=True)}


def carry_out(here: Repo, job: Job, out: Output, prepare: Callable[[], None]) -> Done | None:
    """Rewrite, check, and let refs, index and work tree follow; None when no commit would change.

    `prepare` is called before the first ref moves. Raises ModelsError with the repository as it was.
    """
    head = index.head()
    readers = places.for_readers(here, choose.manifest_here(here))
    if job.revs is None:
        done, after = _on_top(here, job, readers, head)
    else:
        revs = job.revs
        count = int(git.text("rev-list", "--count", *revs))
        if count > _MANY:
            out.note(f"reading {plural(count, 'commit')}, about {duration(count / 1500)}")
        done = rewrite.write(here, lambda read, pack: _everywhere(revs, job, readers, read, pack))
        after = done.commits.get(head, head)
    if not done.refs:
        return None
    moving.beside(here, done.commits)
    rewrite.check(done)
    lost = rewrite.left_behind(done.commits, done.refs)
    published = bool(done.commits) and _published(done.commits)
    prepare()
    journal = moving.begin(here, job.what, done.refs, done.commits, (head, after))
    try:
        moving.move(here, journal)
        settled = moving.settle(here, journal)
    except ModelsError:
        if not moving.resume(here):  # git may have been killed after it had done the work
            raise
        settled = moving.Settled((), (), ())
    return Done(journal, len(done.commits), published, done.signatures, lost, settled)


def _everywhere(revs: Sequence[str], job: Job, readers: Mapping[str, str], read: Read, pack: Pack) -> rewrite.Rewritten:
    tree = trees.rewriter(read, pack, _plan(job, readers, read, pack))
    made, dropped = rewrite.commits(revs, read, pack, tree)
    refs, tags = rewrite.refs(made, read, pack)
    return rewrite.Rewritten(made, refs, dropped + tags)


def _on_top(here: Repo, job: Job, readers: Mapping[str, str], head: str) -> tuple[rewrite.Rewritten, str]:
    found = []

    def one(read: Read, pack: Pack) -> rewrite.Rewritten:
        old = git.text("rev-parse", "HEAD^{tree}")
        new = trees.rewriter(read, pack, _plan(job, readers, read, pack))(old)
        found.append(new if new != old else "")
        return rewrite.Rewritten({}, [], 0)

    done = rewrite.write(here, one)
    if not found[0]:
        return done, head
    branch = git.text("symbolic-ref", "-q", "HEAD", ok=(0, 1)) or "HEAD"
    new = rewrite.on_top(head, found[0], job.message)
    return done._replace(refs=[rewrite.Ref(branch, head, new)]), new


def _plan(job: Job, readers: Mapping[str, str], read: Read, pack: Pack) -> trees.Plan:
    @lru_cache(64)
    def parsed(oid: str) -> tuple[bytes, manifest.Manifest]:
        raw = read(oid)[1] if oid else b""
        return raw, manifest.parse(raw) if raw.strip() else manifest.EMPTY

    @lru_cache(256)
    def made(oid: str, gone: trees.Gone) -> str:
        raw, known = parsed(oid)
        found = [*(job.models[pair] for pair in gone if pair in job.models), *job.extra]
        return pack.add("blob", keep.merged(raw, known, found, readers, job.globs)) if found else oid

    changed = {pair: pack.add("blob", new) for pair, new in job.changed.items() if new is not None}
    gone = frozenset((*job.models, *(pair for pair, new in job.changed.items() if new is None)))
    return trees.Plan(gone, changed, made, always=bool(job.extra))


def _published(commits: Mapping[str, str]) -> bool:
    """Whether a remote-tracking ref reaches one of these commits."""
    with git.popen("rev-list", "--remotes") as listing:
        assert listing.stdout is not None
        return any(line[:-1].decode() in commits for line in listing.stdout)


def told(done: Done, here: Repo) -> list[str]:
    """The outcome in lines."""
    refs = [ref.name.removeprefix("refs/heads/").removeprefix("refs/") for ref in done.journal.refs]
    shown = ", ".join(refs[:5]) + (f" and {len(refs) - 5} more" if len(refs) > 5 else "")
    lines = []
    if done.commits:
        lines.append(f"{plural(done.commits, 'commit')} rewritten; moved: {shown}")
    if done.signatures:
        lines.append(f"{plural(done.signatures, 'signature')} dropped: they were of the old commits and tags")
    if done.left_behind:
        held = [name.removeprefix("refs/heads/").removeprefix("refs/") for name in done.left_behind]
        lines.append(
            f"old commits are still held by {', '.join(held[:5])}{' …' if held[5:] else ''}"
            f"   # git models migrate history {word(held[0])}"
        )
    if not done.commits:
        lines.append(f"one new commit: {done.journal.head[1][:10]}; git models migrate undo takes it back")
    else:
        lines.append(f"the old commits are kept at {BACKUP}{done.journal.id}; git models migrate undo goes back")
        lines.append(f"old and new names: {os.path.relpath(moving.map_file(here, done.journal.id), here.top)}")
    return lines
