"""A change of the manifest: in the work tree's file and in the index, and what follows from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from git_models import excludes, git, index, lock, manifest, manifests
from git_models.errors import ManifestError
from git_models.manifest import Entry
from git_models.repo import Repo


def record(
    repo: Repo,
    models: Mapping[str, Entry | None] | None = None,
    *,
    remove: Mapping[str, str] | None = None,
    remotes: Mapping[str, str | None] | None = None,
    track: Sequence[str] | None = None,
    active: Mapping[str, str | None] | None = None,
    moved: tuple[str, str] | None = None,
    stage: bool = True,
) -> None:
    """Change entries in the work tree's manifest and in the index's, each from what it was.

    A user's unstaged edits of `models.yaml` so stay unstaged. `remove` (path -> blob) leaves the index
    in the same step. The work tree's file comes first: killed in between, the weight is still in the
    index and the same command does it again. The hooks are told last that there is nothing to do: killed
    before, they bring the exclude block up to date. Raises ManifestError, and GitError where another git
    holds the index, with nothing changed.
    """

    def changed(raw: bytes, models: Mapping[str, Entry | None]) -> bytes:
        if moved:
            raw = manifest.move(raw, *moved)
        return manifest.update(raw, models, remotes=remotes or {}, track=track, active=active or {})

    with lock.hold(repo.models, "models.yaml"):
        mine = manifests.data(repo)
        agreed = manifests.is_synced(repo, mine)
        sides = {stage: oid for path, _, oid, stage in index.stages([manifest.NAME]) if path == manifest.NAME}
        if sides.keys() - {"0"}:
            raise ManifestError(
                "models.yaml is in the middle of a merge",
                fix="git models checkout --ours or --theirs, or edit it; then git add models.yaml",
            )
        new_mine = changed(mine, models or {})
        staged: dict[str, str] = {}
        if stage:
            theirs = index.blob(sides["0"]) if sides else b""
            new_theirs = new_mine
            if theirs != mine:
                before, staged_before = manifests.parse(repo, mine).models, manifests.parse(repo, theirs).models
                own = {p: _applied(before.get(p), e, staged_before.get(p)) for p, e in (models or {}).items()}
                new_theirs = changed(theirs, own)
            staged = {manifest.NAME: index.write_blob(new_theirs)} if new_theirs != theirs else {}
        leaving = {p: None for p, e in (models or {}).items() if e is None}
        if agreed and leaving:
            # First: else a hook takes away, after a kill, what `rm --cached` leaves where it is.
            manifests.note_synced(repo, manifest.update(mine, leaving), due=manifests.is_due(repo))
        if new_mine != mine:
            manifests.write(repo, new_mine)
        try:
            index.edit(remove=remove, add=staged)
        except git.GitError:
            # Another git is at work: `git commit -a` holds the index as long as its editor is open.
            if new_mine != mine and mine:
                manifests.write(repo, mine)
            elif new_mine != mine:
                os.unlink(repo.path(manifest.NAME))
            raise
        if staged and track is None:
            manifests.note_staged(repo, staged[manifest.NAME])
    if models or moved:
        excludes.rebuild(repo)
    if agreed:
        # What is recorded is on disk: the hooks need not sync for it. A sync that was due before stays due.
        manifests.settle(repo, new_mine, due=manifests.is_due(repo))


def _applied(before: Entry | None, after: Entry | None, to: Entry | None) -> Entry | None:
    """`to` with these bytes and with what else `after` changes in `before`: an unstaged edit stays unstaged."""
    if after is None or to is None:
        return after
    bytes_too = ("md5", "sha256", "size", "asset", "parts", "urls")
    fields = {f: v for f, v in after._asdict().items() if f in bytes_too or not before or v != getattr(before, f)}
    return to._replace(**fields)
