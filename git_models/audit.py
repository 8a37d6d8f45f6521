"""What should not be in git, and what a manifest lacks: the checks that change nothing and need no setup."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from git_models import (
    git,
    history,
    index,
    link,
    manifest,
    manifests,
    messages,
    naming,
    objects,
    patterns,
    places,
    remotes,
    staging,
    transfer,
)
from git_models.committing import KEEP_BELOW
from git_models.errors import ManifestError, ModelsError
from git_models.exchange import item
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
    return [Blob(p, mode, oid) for p, (mode, oid) in some.items() if paths is None or p in set(paths)]


def files(repo: Repo, known: Manifest, blobs: Sequence[Blob]) -> Audit:
    """Weights, by name and content, and other large files among what git has. Files of Git LFS are its own."""
    regular = [b for b in blobs if b.mode in index.REGULAR]
    sizes = index.sizes(b.oid for b in regular)
    globs = staging.track_patterns(repo, known)
    limit = repo.config.limit
    found, notes = [], []
    named = [b for b in regular if patterns.matches(globs, b.path)]
    filters = index.attributes("filter", [b.path for b in named])
    weights = {b for b in named if filters.get(b.path) != "lfs"}
    heads = index.heads({b.oid: sizes.get(b.oid, 0) for b in weights}, staging.HEAD_BYTES)
    for blob in regular:
        count = sizes.get(blob.oid, 0)
        where = f" in commit {blob.commit}" if blob.commit else ""
        reason = "no weight by its name"
        if blob in weights:
            reason = staging.not_a_weight(heads.get(blob.oid, b""), count)
        if not reason:
            found.append(_tracked_weight(blob, count, where))
        elif "pointer" in reason:
            found.append(
                Finding(
                    f"{blob.path}{where} is a Git LFS pointer in place of the model",
                    f"git lfs pull -I {blob.path} && git models add {blob.path}",
                    blob.path,
                )
            )
        elif limit and count >= limit:
            fix = "git models migrate history" if blob.commit else f"git models add {blob.path}"
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
        what, f"git models add {blob.path}   # or, if it belongs into git: git models untrack {blob.path}", blob.path
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


def past_the_hooks(repo: Repo, known: Manifest) -> list[Finding]:
    """Weights in commits that are on no remote yet, as a commit with --no-verify, or without hooks, leaves them there.

    A small one that git tracked before is a fixture, which the hooks leave to git.
    """
    blobs = list(_introduced(["HEAD", "--not", "--remotes"])) if index.head() else []
    globs = staging.track_patterns(repo, known)
    weights = [b for b in blobs if patterns.matches(globs, b.path)]
    sizes = index.sizes(b.oid for b in weights)
    weights = [b for b in weights if b.new or sizes.get(b.oid, 0) >= KEEP_BELOW]
    return files(repo, known, weights).found if weights else []


def tracked(repo: Repo, known: Manifest) -> list[Finding]:
    """Weights that git tracks now, and other files that GitHub would refuse, but for small fixtures."""
    blobs = in_index()
    sizes = index.sizes(b.oid for b in blobs)
    return files(repo, known, [b for b in blobs if sizes.get(b.oid, 0) >= KEEP_BELOW]).found


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
        f"{p} has no md5, so md5sum cannot check it: git models add {p}" for p, e in known.models.items() if not e.md5
    ]
    return known, Audit(list(dict.fromkeys(found)), notes)


def _entry(repo: Repo, entry: Entry) -> Iterator[Finding]:
    path = entry.path
    if repo.config.naming and (why := naming.fault(repo.config.naming, entry.label)):
        better = naming.suggested(repo.config.naming, entry)
        yield Finding(f"{path}: {entry.label} {why}", f"git models edit {path} --name {better}", path)
    if not entry.sha256:
        pin = f"git models pull {path} && git models add {path}"
        yield Finding(f"{path} has no sha256, and an md5 alone can be forged", pin, path)
    if not entry.urls and (not entry.asset or entry.size < 0):
        yield Finding(
            f"{path} names neither an asset with its size nor urls, so nobody can fetch it",
            f"git models add {path}",
            path,
        )
    try:
        st = link.regular(repo.top, path)
    except ModelsError as failed:
        yield Finding(failed.what, f"ls -l {path}", path)
        return
    if st and st.st_size < POINTER and st.st_size != entry.size:
        with open(repo.path(path), "rb") as file:
            if patterns.lfs_pointer(file.read(POINTER)):
                fix = f"git models checkout --force {path}"
                yield Finding(f"{path} on disk is a Git LFS pointer in place of the model", fix, path)


def on_remotes(repo: Repo, known: Manifest, entries: Sequence[Entry]) -> tuple[list[Finding], Mapping[str, set[str]]]:
    """Objects that readers cannot get: none of the places that may be asked has them with size and digest.

    Also URL -> the objects (sha256) that were seen there. A place that cannot be asked is a finding.
    """
    wanted = [e for e in entries if e.sha256 and e.asset and not e.urls]
    found, seen = links(entries, remotes.Options(top=repo.top, from_manifest=True)), {}
    for place in places.for_pull(repo, known):
        if not place.approved:
            stranger = messages.unapproved(place.name, place.url)
            found.append(Finding(stranger.what, stranger.fix))
            continue
        try:
            lacking = {i.sha256 for i in transfer.missing([item(e) for e in wanted], places.connect(repo, place))}
        except ModelsError as failed:
            found.append(Finding(failed.what, failed.fix))
            continue
        seen[place.url] = {e.sha256 for e in wanted} - lacking
    if not seen and wanted and not places.for_pull(repo, known):
        nowhere = messages.no_place()
        found.append(Finding(nowhere.what, nowhere.fix))
    anywhere = set().union(*seen.values())
    absent = [e for e in wanted if seen and e.sha256 not in anywhere]
    fork, there = _on_fork(repo, absent)
    for entry in absent:
        if entry.sha256 in there:
            what, fix = f"; only the fork {fork} has it", f"git models adopt {fork}"
        else:
            what, fix = "", f"git models push {entry.path}"
        found.append(Finding(f"{entry.path} ({entry.asset}) is not on {', '.join(seen)}{what}", fix, entry.path))
    return found, seen


def links(entries: Sequence[Entry], options: remotes.Options) -> list[Finding]:
    """Entries with `urls:` of which none answers with a file of the right size. One byte of each is asked for."""
    source, found = remotes.links(options), []
    for entry in entries:
        faults = []
        for url in entry.urls:
            try:
                with source.get(url, 0, 1) as body:
                    if entry.size < 0 or body.total in (None, entry.size):
                        break
                    faults.append(f"{url} has {body.total} bytes instead of {entry.size}")
            except ModelsError as failed:
                faults.append(failed.what)
        else:
            if faults:
                found.append(Finding(f"{entry.path}: {'; '.join(faults)}", f"git models pull {entry.path}", entry.path))
    return found


def _on_fork(repo: Repo, entries: Sequence[Entry]) -> tuple[str, set[str]]:
    """OWNER/REPO of the fork that the branch here came from, and which of these objects (sha256) it holds."""
    place = places.contributor(repo) if entries else None
    if place is None:
        return "", set()
    try:
        lacking = {i.sha256 for i in transfer.missing([item(e) for e in entries], places.connect(repo, place))}
    except ModelsError:
        return "", set()
    return "/".join(place.url.partition("?")[0].split("/")[-2:]), {e.sha256 for e in entries} - lacking


def note_seen(repo: Repo, entries: Sequence[Entry], seen: Mapping[str, set[str]]) -> None:
    """Remember what the places hold, and that they do not hold the rest."""
    for url, there in seen.items():
        objects.note_held(repo.models, url, there)
        objects.forget_held(repo.models, url, {e.sha256 for e in entries} - there)
