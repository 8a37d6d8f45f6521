"""Which models are meant: by what a user typed, by the settings of this clone, by what the store lacks."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

from git_models import objects, patterns
from git_models.errors import ModelsError, word
from git_models.manifest import Entry, Manifest
from git_models.repo import Repo


def selected(repo: Repo, known: Manifest, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """The paths that this clone wants: `models.include` and `models.exclude`, or the globs given instead."""
    include, exclude = include or repo.config.include, exclude or repo.config.exclude
    return [
        path
        for path in known.models
        if (not include or patterns.matches(include, path)) and not (exclude and patterns.matches(exclude, path))
    ]


def matching(repo: Repo, known: Manifest, typed: Sequence[str]) -> list[str]:
    """The models that paths, folders or names as a user typed them stand for. Raises ModelsError for an unknown one."""
    found: list[str] = []
    for text in typed:
        path = repo.relative(text)
        hits = [p for p in known.models if path in (".", p) or p.startswith(path + "/")]
        hits = hits or [p for p, e in known.models.items() if text == (e.name or os.path.basename(p))]
        if not hits:
            raise _not_a_model(repo, known, text)
        found += hits
    return list(dict.fromkeys(found))


def _not_a_model(repo: Repo, known: Manifest, text: str) -> ModelsError:
    from git_models import lineage, versions

    if os.path.lexists(repo.path(repo.relative(text))):
        return ModelsError(f"{text} holds no recorded model", f"git models add {word(text)}")
    if not lineage.names_version(repo, known, text):
        return versions.unknown(known, text)
    return ModelsError(
        f"{text} is one version of a model; here it takes the model as models.yaml names it",
        f"git models rollback {word(text)}   # make that version the recorded one\n"
        f"git models download {word(text)} FILE   # a copy of it",
    )


def unwanted(repo: Repo, known: Manifest) -> frozenset[str]:
    """The paths that this clone leaves out: `models.include` and `models.exclude`, and what a sparse checkout hides."""
    left = set(known.models)
    if repo.config.include or repo.config.exclude:
        left = set(selected(repo, known))
    cone = _cone(repo)
    return frozenset(p for p in known.models if p not in left or (cone and not patterns.matches(cone, p)))


def _cone(repo: Repo) -> tuple[str, ...]:
    """The patterns of a sparse checkout, in git's order; () where the work tree is whole."""
    if repo.config.raw.get("core.sparsecheckout", ("",))[-1] not in ("true", "yes", "on", "1"):
        return ()
    try:
        with open(os.path.join(repo.git_dir, "info", "sparse-checkout"), encoding="utf-8", errors="replace") as file:
            return tuple(line for row in file if (line := row.strip()) and not line.startswith("#"))
    except FileNotFoundError:
        return ()


def absent_objects(repo: Repo, entries: Iterable[Entry]) -> list[Entry]:
    """Those whose bytes the store lacks."""
    return [e for e in entries if not (e.sha256 and objects.has(repo.models, e.sha256))]


def absent(repo: Repo, known: Manifest, names: Collection[str]) -> list[Entry]:
    """The entries of `names` whose bytes the store lacks."""
    wanted = set(names)
    return absent_objects(repo, (e for p, e in known.models.items() if p in wanted))
