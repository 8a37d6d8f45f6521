"""One file under a name: into trained/ of the layout, or in place; never over another model's name."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from git_models import (
    index,
    layout,
    manifest,
    naming,
    objects,
    paths,
    releasing,
    safety,
    staging,
    tagging,
    versions,
    whereabouts,
    worktree,
)
from git_models.errors import ModelsError, word
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo
from git_models.sight import Sight
from git_models.staging import Advance


class Plan(NamedTuple):
    """What is to become of a file."""

    file: str  # as it was typed
    path: str  # of the model
    copied: bool  # whether the file goes there as a copy; else it lies there
    fields: Mapping[str, Any]


def plan(repo: Repo, known: Manifest, file: str, name: str | None, fields: Mapping[str, Any]) -> Plan:
    """Where the file goes and what its entry says. Raises ModelsError, for a clash of names with all paths."""
    if not os.path.lexists(file):
        raise ModelsError(f"there is no file {file}", "ls")
    trained = layout.folder(repo, layout.TRAINED)
    inside = _inside(repo, file)
    if trained and not (inside or "").startswith(f"{trained}/"):
        label = name or os.path.basename(file)
        if not manifest.split_name(label)[1]:
            label += manifest.split_name(os.path.basename(file))[1]
        tagging.check_name(label)
        path = f"{trained}/{label}"
    elif inside:
        path, label = inside, name or ""
        if name:
            tagging.check_name(name)
        elif inside not in known.models:
            label = os.path.basename(inside)
    else:
        raise ModelsError(
            f"{file} lies outside the repository, and there is no folder for copies",
            "git models setup --layout data/models   # upload then copies it to data/models/trained/",
        )
    paths.check(path)
    clash = [e.path for e in versions.called(known, label) if label and e.path != path]
    if clash:
        raise ModelsError(
            f"{label} is the name of another model already: {', '.join(clash)}",
            f"git models upload {word(file)} ANOTHER-NAME\n"
            "git models setup --layout data/models   # then a new file under an old name is its new version",
        )
    if path not in known.models:
        naming.refuse(repo.config.naming, Entry(path, name=label), f"git models upload {word(file)}")
    about = dict(fields)
    if inside != path:
        about.setdefault("source", inside or _private(file))
    elif label and label != os.path.basename(path):
        about["name"] = label
    about.setdefault("created", datetime.date.fromtimestamp(os.stat(file).st_mtime).isoformat())
    return Plan(file, path, inside != path, about)


def _inside(repo: Repo, file: str) -> str | None:
    try:
        return repo.relative(file)
    except ModelsError:
        return None


def _private(file: str) -> str:
    """A path for everybody's eyes: not the name of somebody's home."""
    full, home = os.path.abspath(file), os.path.expanduser("~")
    return f"~{full[len(home) :]}" if full.startswith(home + os.sep) else full


def record(repo: Repo, known: Manifest, made: Plan, advance: Advance) -> staging.Added:
    """Record the file, and put the copy in place where there is to be one. Raises ModelsError, nothing lost.

    The bytes come into the store first. Killed afterwards, the same call goes on.
    """
    if not made.copied:
        return staging.add(repo, [made.path], made.fields, advance)
    for path in index.entries([made.path]):
        raise ModelsError(f"git tracks {path} itself", f"git models add {word(path)}")
    need_recorded(repo, known, made.path)
    with whereabouts.open_plain(made.file) as opened:
        draft, _ = staging.keep_open(repo, opened.fileno(), made.file, advance)
    try:
        doubt = safety.admit(repo, {made.path: draft}).get(made.path, "")
        objects.seal(repo.models, [draft])
    except BaseException:
        objects.discard(draft)
        raise
    kept = staging.Kept(made.path, draft.digests, None, doubt)
    done = staging.register(repo, known, [kept], made.fields, remove={})
    placed = worktree.sync(repo, wanted=[made.path], releasable=releasing.releasable(repo))
    for path, reason in placed.refused:
        raise ModelsError(
            f"{path} is recorded, but was not put in place: {reason}", f"git models checkout {word(path)}"
        )
    return done


def need_recorded(repo: Repo, known: Manifest, path: str) -> None:
    """Raise ModelsError where the copy would have to replace bytes that are recorded nowhere."""
    sight = Sight(repo)
    found = sight.digests(path)
    entry = known.models.get(path)
    if found is None and os.path.lexists(repo.path(path)):
        raise ModelsError(f"{path} is a link or a folder", f"ls -ld {word(path)}")
    recorded = found is None or (entry and found[0] == entry.sha256) or objects.has(repo.models, found[0])
    if not recorded and found and found[0] not in objects.held_anywhere(repo.models):
        raise ModelsError(
            f"{path} is there with bytes that are recorded nowhere", f"git models add {word(path)}   # keep them"
        )
