"""Tagged versions and what people say about a model: changes of an entry that leave its bytes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from git_models import paths, recording, versions
from git_models.errors import ModelsError, PathError, UsageError, word
from git_models.manifest import Entry, Manifest, Version
from git_models.repo import Repo

FIELDS = ("name", "description", "notes", "license", "source", "created", "stage")
"""What `edit` sets as texts; `metrics` come besides."""


def number(text: str) -> str:
    """A semantic version as it is written, without a leading v. Raises UsageError with the nearest that is one."""
    near = versions.semantic(text)
    if str(near) == text.removeprefix("v"):
        return str(near)
    raise UsageError(
        f"{text!r} is no semantic version (MAJOR.MINOR.PATCH, see semver.org)",
        f"git models tag PATH {near or '1.0.0'}",
    )


def tag(entry: Entry, name: str, note: str = "", force: bool = False) -> Entry:
    """The entry with one more tagged version, that of its present bytes.

    Raises ModelsError for a version below one that is there or with other bytes, unless `force`,
    and for an entry that could not be fetched by that version.
    """
    name = number(name)
    if not (entry.sha256 and entry.md5 and entry.asset and entry.size >= 0):
        raise ModelsError(
            f"{entry.path} has not all of its hashes, size and asset yet", f"git models add {word(entry.path)}"
        )
    there = {v.version: v for v in entry.versions}
    if name in there and not versions.same_bytes(there[name], entry) and not force:
        raise ModelsError(
            f"{entry.path}@{name} is tagged already, with other bytes",
            f"git models log {word(entry.path)}   # what there is",
        )
    if not force:
        need_ahead(entry, name)
    import datetime

    old = there.get(name)
    made = Version(
        name,
        old.date if old and versions.same_bytes(old, entry) else datetime.date.today().isoformat(),
        entry.md5,
        entry.sha256,
        entry.size,
        entry.asset,
        note or (old.note if old else ""),
        entry.metrics,
        entry.parts,
        old.extra if old else {},
    )
    there[name] = made
    return entry._replace(versions=tuple(there.values()))


def need_ahead(entry: Entry, name: str) -> None:
    """Raise ModelsError for a new version that is lower than one that the model has."""
    numbers = [v.version for v in versions.ordered(entry) if versions.semantic(v.version)]
    if name not in numbers and numbers and versions.semantic(name) < versions.semantic(numbers[-1]):
        raise ModelsError(
            f"{name} would go back behind {numbers[-1]}, the newest version of {entry.path}",
            f"git models tag --force {word(entry.path)} {word(name)}   # if that is meant",
        )


def check_name(name: str) -> None:
    """Raise UsageError for what cannot be a model's name: it must also do as a file's."""
    try:
        paths.check(name)
    except PathError as failed:
        raise UsageError(failed.what.replace("path", "name")) from None
    if "/" in name or "@" in name:
        raise UsageError(f"{name!r} cannot be a model's name: it holds a / or an @")


def check_date(text: str) -> None:
    """Raise UsageError for what is no date as models.yaml has it: ISO 8601, YYYY-MM-DD, a time may follow."""
    import datetime

    try:
        datetime.date.fromisoformat(text[:10])
        datetime.datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise UsageError(f"{text!r} is no date", f"--created {datetime.date.today().isoformat()}") from None


def described(entry: Entry, fields: Mapping[str, Any]) -> Entry:
    """The entry with these fields set; "" takes one away, and metrics are changed one by one (None takes one away)."""
    texts = {name: text for name, text in fields.items() if name != "metrics"}
    metrics = {k: v for k, v in {**entry.metrics, **fields.get("metrics", {})}.items() if v is not None}
    return entry._replace(**texts, metrics=metrics)


def write(repo: Repo, known: Manifest, entry: Entry) -> bool:
    """Record the changed entry in the work tree's manifest and in the index; False when nothing changed."""
    if known.models.get(entry.path) == entry:
        return False
    recording.record(repo, {entry.path: entry})
    return True
