"""Back to an earlier version: its bytes come first, then the entry changes, then the file."""

from __future__ import annotations

import os
from typing import NamedTuple

from git_models import exchange, objects, recording, releasing, safety, selection, versions, worktree
from git_models.errors import ModelsError, word
from git_models.manifest import Entry, Manifest
from git_models.output import Output
from git_models.repo import Repo
from git_models.sight import Sight


class Rolled(NamedTuple):
    """What going back did."""

    changed: bool  # whether models.yaml says something else now
    kept: str  # where the bytes lie that were recorded nowhere; "" where there were none
    doubts: tuple[tuple[str, str], ...]


def back(repo: Repo, known: Manifest, target: Entry, out: Output) -> Rolled:
    """Make the entry and its file those of `target`. Raises ModelsError, nothing changed, if its bytes cannot be had.

    Killed before the file has changed, the entry names the earlier version and the file is "modified",
    in the store or as it was; the same call goes on.
    """
    path = target.path
    bring(repo, known, target, out)
    sight = Sight(repo)
    found = sight.digests(path)
    fine = found is not None and found[0] == target.sha256
    if found is None and os.path.lexists(repo.path(path)):
        raise ModelsError(f"{path} is a link or a folder, not the model's file", f"ls -l {word(path)}")
    if not fine and (refused := safety.sift(repo, [target]).refused):
        raise ModelsError(
            f"{path} stays as it is: {refused[0][1].partition(chr(10))[0]}", f"git models scan {word(path)}"
        )
    before = known.models.get(path)
    # Nobody names what is neither an entry's nor a remote's: say where it is.
    mine = (
        found[0]
        if found and not fine and not (before and versions.same_bytes(before, Entry(path, sha256=found[0])))
        else ""
    )
    lonely = bool(mine) and mine not in objects.held_anywhere(repo.models)
    recording.record(repo, {path: target})
    done = worktree.sync(repo, wanted=[path], force=True, releasable=releasing.releasable(repo))
    if done.refused or done.missing:
        raise ModelsError(
            f"{path} could not be replaced: {done.refused[0][1] if done.refused else 'its bytes are not here'}",
            f"git models checkout --force {word(path)}",
        )
    return Rolled(before != target, objects.path(repo.models, mine) if lonely else "", done.doubts)


def bring(repo: Repo, known: Manifest, entry: Entry, out: Output) -> None:
    """Have the entry's bytes in the store, or in the work tree at its path. Raises ModelsError."""
    found = Sight(repo).digests(entry.path)
    if (found and found[0] == entry.sha256) or not selection.absent_objects(repo, [entry]):
        return
    for failure in exchange.fetch(repo, known, [entry], out).failed:
        raise failure.named()
