"""What should not be in git, and what a manifest lacks: the checks that change nothing and need no setup."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from git_models import (
    git,
    history,
    index,
    link,
    manifest,
    manifests,
    patterns,
    statcache,
    weightfiles,
)
from git_models.errors import ManifestError, ModelsError, word
from git_models.findings import Finding
from git_models.manifest import NAME, Entry, Manifest
from git_models.output import size
from git_models.repo import Repo

POINTER = 1024  # bytes; Git LFS keeps its pointers below this


class Blob(NamedTuple):
    """A file as git has it."""

    path: str
    mode: str
    oid: str
    commit: str = ""  # short name of the commit that brings it; "" in the index
    new: bool = False  # whether that commit's parent has no such path


class Audit(NamedTuple):
    """What a check found, and what it has to say besides."""

    found: list[Finding]
    notes: list[str]


def in_index(paths: Sequence[str] | None = None) -> list[Blob]:
    """The files that git tracks, all or those of `paths`."""
    if paths is not None and not paths:
        return []
    some = index.entries(paths if paths is not None and len(paths) <= 500 else ())
    wanted = None if paths is None else set(paths)
    return [Blob(p, mode, oid) for p, (mode, oid) in some.items() if wanted is None or p in wanted]


def files(repo: Repo, known: Manifest, blobs: Sequence[Blob]) -> Audit:
    """Weights, by name and content, and other large files among what git has. Files of Git LFS are its own."""
    regular = [b for b in blobs if b.mode in index.REGULAR]
    sizes = index.sizes(b.oid for b in regular)
    globs = weightfiles.globs(repo, known)
    limit = repo.config.limit
    found, notes = [], []
    named = [b for b in regular if patterns.matches(globs, b.path)]
    filters = index.attributes("filter", [b.path for b in named])
    suspects = {b for b in named if filters.get(b.path) != "lfs"}
    heads = index.heads({b.oid: sizes.get(b.oid, 0) for b in suspects}, weightfiles.HEAD_BYTES)
    for blob in regular:
        count = sizes.get(blob.oid, 0)
        where = f" in commit {blob.commit}" if blob.commit else ""
        reason = "no weight by its name"
        if blob in suspects:
            reason = weightfiles.not_a_weight(heads.get(blob.oid, b""), count)
        if not reason:
            found.append(_tracked_weight(blob, count, where))
        elif "pointer" in reason:
            found.append(
                Finding(
                    f"{blob.path}{where} is a Git LFS pointer in place of the model",
                    f"git lfs pull -I {word(blob.path)} && git models add {word(blob.path)}",
                    blob.path,
                )
            )
        elif limit and count >= limit:
            fix = "git models migrate history" if blob.commit else f"git models add {word(blob.path)}"
            found.append(
                Finding(f"{blob.path} ({size(count)}){where}: GitHub refuses files over 100 MB", fix, blob.path)
            )
        elif limit and count >= limit // 2:
            notes.append(f"{blob.path} is {size(count)}{where}: GitHub warns from 50 MB on")
    return Audit(found, notes)


def _tracked_weight(blob: Blob, count: int, where: str) -> Finding:
    if blob.commit:
        what = f"{blob.path} ({size(count)}), a weight file, stands{where}"
        return Finding(what, "git models migrate history", blob.path)
    what = f"git tracks {blob.path} ({size(count)}), a weight file"
    return Finding(
        what,
        f"git models add {word(blob.path)}   # or, if it belongs into git: git models untrack {word(blob.path)}",
        blob.path,
    )


def history_of(repo: Repo, start: str, end: str) -> tuple[list[Blob], list[Finding]]:
    """What the commits after `start` up to `end` bring into git, and what a shallow clone hides of them.

    A `start` of zeros or "" means everything that `end` reaches. Raises ModelsError for a commit that
    is not here.
    """
    shallow = git.text("rev-parse", "--is-shallow-repository") == "true"
    tip = _commit(end, shallow)
    revs = [tip] if not start or history.is_zero(start) else [tip, f"^{_commit(start, shallow)}"]
    found = list(_introduced(revs))
    if not shallow:
        return found, []
    with open(os.path.join(repo.common, "shallow"), encoding="ascii") as file:
        edges = set(file.read().split())
    hidden = [oid for oid in git.text("rev-list", *revs).split() if oid in edges]
    what = "this clone is shallow: nothing before commit {} can be seen, so the range was not checked as a whole"
    return found, [Finding(what.format(oid[:10]), "git fetch --unshallow") for oid in hidden]


def past_the_hooks(repo: Repo, known: Manifest, head: str) -> list[Finding]:
    """Weights in commits up to `head` that no remote has yet, where one with --no-verify, or without hooks, left them.

    A small one that git tracked before is a fixture, which the hooks leave to git. The last HEAD without any is
    remembered: what is reached from it is not looked at again.
    """
    globs = weightfiles.globs(repo, known)
    note, clean = os.path.join(repo.state, "clean"), _read(os.path.join(repo.state, "clean"))
    now = "\n".join([head, *globs])
    if not head or now == clean:
        return []
    before = clean.split("\n")
    known_clean = [f"^{before[0]}"] if before[1:] == list(globs) and index.sizes([before[0]]) else []
    suspects = [b for b in _introduced([head, *known_clean, "--not", "--remotes"]) if patterns.matches(globs, b.path)]
    sizes = index.sizes(b.oid for b in suspects)
    suspects = [b for b in suspects if b.new or sizes.get(b.oid, 0) >= weightfiles.KEEP_BELOW]
    found = files(repo, known, suspects).found if suspects else []
    if not found:
        statcache.replace(note, now.encode("utf-8", "surrogateescape"))
    return found


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError:
        return ""


def tracked(repo: Repo, known: Manifest) -> list[Finding]:
    """Weights that git tracks now, and other files that GitHub would refuse, but for small fixtures."""
    blobs = in_index()
    sizes = index.sizes(b.oid for b in blobs)
    return files(repo, known, [b for b in blobs if sizes.get(b.oid, 0) >= weightfiles.KEEP_BELOW]).found


def _commit(name: str, shallow: bool) -> str:
    oid = git.text("rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}", ok=(0, 1, 128))
    if not oid:
        raise ModelsError(
            f"there is no commit {name} here"
            + (": this clone is shallow and cannot see that far back" if shallow else ""),
            "git fetch --unshallow" if shallow else "git fetch",
        )
    return oid


def _introduced(revs: Sequence[str]) -> Iterator[Blob]:
    """Every file that a commit of a range adds or changes."""
    raw = ("--raw", "--no-abbrev", "--no-renames", "-m", "--root", "-z", "--diff-filter=AMT")
    fields = iter(git.run("log", "--format=%H", *raw, *revs, "--").split(b"\0"))
    commit, seen = "", set()
    for field in fields:
        # The commit's name, then its changes; between the two stands now a NUL, now a line end.
        for part in field.split(b"\n"):
            if part.startswith(b":"):
                path = os.fsdecode(next(fields))
                _, mode, _, oid, kind = part.decode().split(" ")
                if (path, oid) not in seen:
                    seen.add((path, oid))
                    yield Blob(path, mode, oid, commit, kind == "A")
            elif part:
                commit = part.decode()[:10]


def manifest_of(repo: Repo) -> tuple[Manifest, Audit]:
    """The manifest as git would commit it, and what is wrong with it and with the work tree's."""
    found: list[Finding] = []
    here = manifests.data(repo)
    staged = index.blob(f":{NAME}")
    if manifests.unmerged(repo):
        found.append(
            Finding(f"{NAME} is in the middle of a merge", f"git add {NAME}   # once it is as you want it", NAME)
        )
    elif here and not staged:
        found.append(Finding(f"{NAME} is not in git, so nobody else has it", f"git add {NAME}", NAME))
    known = manifest.EMPTY
    for raw in dict.fromkeys((here, staged)):
        try:
            known = manifests.parse(repo, raw) if raw else known
            found += [f for e in known.models.values() for f in _entry(repo, e)]
        except ManifestError as failed:
            found.append(Finding(failed.what, failed.fix or f"edit {NAME}, then git models check", NAME))
    notes = manifest.warnings(known)
    notes += [
        f"{p} has no md5, so md5sum cannot check it: git models add {word(p)}"
        for p, e in known.models.items()
        if not e.md5
    ]
    return known, Audit(list(dict.fromkeys(found)), notes)


def _misnamed(repo: Repo, entry: Entry) -> Iterator[Finding]:
    from git_models import naming

    if why := naming.fault(repo.config.naming, entry.label):
        better = naming.suggested(repo.config.naming, entry)
        yield Finding(
            f"{entry.path}: {entry.label} {why}",
            f"git models edit {word(entry.path)} --name {word(better)}",
            entry.path,
        )


def _entry(repo: Repo, entry: Entry) -> Iterator[Finding]:
    path = entry.path
    if repo.config.naming:
        yield from _misnamed(repo, entry)
    if not entry.sha256:
        pin = f"git models pull {word(path)} && git models add {word(path)}"
        yield Finding(f"{path} has no sha256, and an md5 alone can be forged", pin, path)
    if not entry.urls and (not entry.asset or entry.size < 0):
        yield Finding(
            f"{path} names neither an asset with its size nor urls, so nobody can fetch it",
            f"git models add {word(path)}",
            path,
        )
    try:
        st = link.regular(repo.top, path)
    except ModelsError as failed:
        yield Finding(failed.what, f"ls -l {word(path)}", path)
        return
    if st and st.st_size < POINTER and st.st_size != entry.size:
        with open(repo.path(path), "rb") as file:
            if patterns.lfs_pointer(file.read(POINTER)):
                fix = f"git models checkout --force {word(path)}"
                yield Finding(f"{path} on disk is a Git LFS pointer in place of the model", fix, path)
