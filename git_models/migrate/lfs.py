"""From Git LFS to models.yaml: the same bytes, since a pointer names them by their SHA-256, too."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import NamedTuple

from git_models import git, githooks, index, paths, patterns
from git_models.errors import ModelsError, PathError
from git_models.hashing import Digests
from git_models.migrate import attributes, choose, history, keep, pointers, trees
from git_models.output import Output, plural, size
from git_models.repo import Repo

HOOKS = ("pre-push", "post-checkout", "post-commit", "post-merge")


class Found(NamedTuple):
    """What leaves Git LFS, and what stays there: (path, reason)."""

    tracked: pointers.Tracked
    moving: list[pointers.Pointer]
    plain: list[choose.Found]  # real files that should have been pointers
    stay: list[tuple[str, str]]


def find(revs: Sequence[str] | None, keep_globs: Sequence[str]) -> Found:
    """What Git LFS has in HEAD (None) or in any tree of a range of commits, without what `keep_globs` match."""
    tracked = pointers.in_head() if revs is None else pointers.in_history(revs, begin=choose.beginnings(revs))
    stay = dict(tracked.odd)
    for path in {p.path for p in tracked.pointers} | {f.path for f in tracked.plain}:
        if keep_globs and patterns.matches(tuple(keep_globs), path):
            stay[path] = "--keep-lfs"
            continue
        try:
            paths.check(path)
        except PathError as bad:
            stay[path] = bad.what
    return Found(
        tracked,
        [p for p in tracked.pointers if p.path not in stay],
        [f for f in tracked.plain if f.path not in stay],
        sorted(stay.items()),
    )


def collect(
    here: Repo, found: Found, others: Sequence[str], everything: bool, skip: bool, out: Output
) -> tuple[dict[str, Digests], list[pointers.Pointer]]:
    """Bring all bytes into the store: (digests by sha256, pointers without bytes, which `skip` allows).

    What is not on this machine is asked of Git LFS's server first. Raises ModelsError that names what is missing.
    """
    where = pointers.folders(here, others)
    lacking = pointers.missing(found.moving, where, here.models)
    why = ""
    if lacking:
        total = sum({p.oid: p.size for p in lacking}.values())
        out.note(f"{plural(len(lacking), 'file')} of Git LFS not here ({size(total)}): asking git lfs fetch")
        why = pointers.fetch(everything)
        where = pointers.folders(here, others)
        lacking = pointers.missing(found.moving, where, here.models)
    if lacking and not skip:
        raise _absent(lacking, why)
    names = set(lacking)
    wanted = [p for p in found.moving if p not in names]
    os.makedirs(here.models, exist_ok=True)
    with out.progress("Keeping", sum({p.oid: p.size for p in wanted}.values())) as advance:
        digests, bad = pointers.keep(here, wanted, where, advance)
    if bad and not skip:
        raise _absent(bad, "the copies here do not have the bytes that their pointers name")
    return digests, [*lacking, *(p for p in wanted if p.oid not in digests)]


def _absent(lacking: Sequence[pointers.Pointer], why: str) -> ModelsError:
    rows = [
        f"  {p.path} ({size(p.size)}), sha256 {p.oid[:12]}…" + (f", in commit {p.commit[:10]}" if p.commit else "")
        for p in lacking[:10]
    ]
    more = [f"  and {len(lacking) - 10} more"] if len(lacking) > 10 else []
    return ModelsError(
        "\n".join(
            [
                f"{plural(len(lacking), 'file')} of Git LFS cannot be had" + (f" ({why})" if why else "") + ":",
                *rows,
                *more,
                "nothing was changed",
            ]
        ),
        "git models migrate lfs --from CLONE   # another clone, on any disk, that has them\n"
        "git models migrate lfs --skip-missing   # these stay with Git LFS",
    )


def job(
    here: Repo,
    found: Found,
    digests: dict[str, Digests],
    revs: Sequence[str] | None,
    keep_globs: Sequence[str],
    what: str,
    out: Output,
) -> history.Job:
    """The migration: pointers become entries, attributes lose their lines. `revs` as for `find`."""
    there = [p for p in found.moving if p.oid in digests]
    made = keep.versions(here, [(p.path, digests[p.oid]) for p in there])
    models = {(os.fsencode(p.path), p.blob): version for p, version in zip(there, made, strict=True)}
    models |= history.from_git(here, found.plain, out)
    moved = {os.fsdecode(path) for path, _ in models}
    kept = {p.path for p in found.tracked.pointers if (os.fsencode(p.path), p.blob) not in models}
    changed: dict[trees.Pair, bytes | None] = {}
    globs: dict[str, None] = {}
    texts = index.blobs([oid for _, oid in found.tracked.attributes])
    now = index.entries()
    for path, oid in found.tracked.attributes:
        text, gone = attributes.without(path, os.fsdecode(texts.get(oid, b"")), moved, kept, keep_globs)
        if gone and now.get(path, ("", ""))[1] == oid:  # what Git LFS had long ago need not be a model from now on
            globs |= dict.fromkeys(g for g in gone if any(c in g for c in "*?["))
        if gone:
            changed[os.fsencode(path), oid] = os.fsencode(text) if text.strip() else None
    known = choose.rules(here).globs
    return history.Job(
        what=what,
        revs=revs,
        models=models,
        changed=changed,
        globs=[g for g in globs if g not in known],
        message=f"Keep {plural(len(moved), 'file')} in models.yaml instead of Git LFS\n",
    )


def to_send(moved: Collection[str]) -> int:
    """How many pointers at these paths stand in commits that must still be pushed: Git LFS sends their objects then."""
    return sum(p.path in moved for p in pointers.in_history(choose.UNPUSHED, choose.EVERYTHING).pointers)


def drop_hooks(here: Repo) -> list[str]:
    """Take the hooks of Git LFS out when it has nothing left to do; returns their events.

    That is when HEAD has no pattern for it and no commit that must still be pushed holds a pointer.
    Only hooks as `git lfs install` writes them go, beside ours or alone.
    """
    if any(worth == "lfs" for worth in index.attributes("filter", list(index.entries())).values()):
        return []
    own = {p: oid for p, (_, oid) in index.entries().items() if p.rpartition("/")[2] == attributes.NAME}
    texts = index.blobs(list(own.values()))
    if any(attributes.lines(p, os.fsdecode(texts.get(oid, b""))) for p, oid in own.items()):
        return []
    if pointers.in_history(choose.UNPUSHED, choose.EVERYTHING).pointers:
        return []
    folder, gone = githooks.folder(here), []
    for event in HOOKS:
        for file in (os.path.join(folder, event), os.path.join(folder, event + githooks.CHAINED)):
            try:
                with open(file, encoding="utf-8", errors="replace") as stream:
                    said = stream.read()
            except OSError:
                continue
            rows = [row for row in said.splitlines() if row.strip() and not row.startswith("#")]
            alone = len(rows) == 1 or (len(rows) == 2 and "git-lfs" in rows[0])
            if alone and rows[-1].strip() == _call(event):
                os.unlink(file)
                gone.append(event)
    return gone


def add_hooks(here: Repo) -> list[str]:
    """Let git call Git LFS in this clone, behind our hooks where there are such; returns events that need a hand.

    `git lfs install` itself stops at the first hook that is not its own.
    """
    git.run("lfs", "install", "--local", "--skip-repo", cwd=here.top)
    folder, left = githooks.folder(here), []
    os.makedirs(folder, exist_ok=True)
    ours = {hook.event for hook in githooks.look(here) if hook.state in ("ours", "old")}
    for event in HOOKS:
        file = os.path.join(folder, event + (githooks.CHAINED if event in ours else ""))
        try:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777), "w", encoding="ascii") as stream:
                stream.write(f"#!/bin/sh\n{_call(event)}\n")
        except FileExistsError:
            with open(file, encoding="utf-8", errors="replace") as stream:
                if "git lfs" not in stream.read():
                    left.append(event)
    return left


def _call(event: str) -> str:
    return f'git lfs {event} "$@"'
