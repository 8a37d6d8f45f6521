"""Names of models and of their versions, as far as a manifest alone can tell: MODEL, MODEL@1.2.0, @latest, @active."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from git_models import messages
from git_models.errors import ModelsError, word
from git_models.manifest import Entry, Manifest, Version

LATEST, PREVIOUS, ACTIVE = "latest", "previous", "active"

Earlier = Callable[[Entry, str], "Entry | None"]
"""What a repository's history knows of a model: its version of that name, None for a name that means nothing."""


def split(text: str, is_model: Callable[[str], bool]) -> tuple[str, str]:
    """(model, version) of MODEL[@VERSION]; a path or name that has an @ of its own wins."""
    if is_model(text):
        return text, ""
    for at in reversed([i for i, c in enumerate(text) if c == "@" and i]):
        if is_model(text[:at]):
            return text[:at], text[at + 1 :]
    head, _, tail = text.partition("@")
    return (head, tail) if head else (text, "")


def version_of(entry: Entry) -> str:
    """The tagged version that the model's bytes are, "" if none; the newest if there are several."""
    return next((v.version for v in reversed(ordered(entry)) if same_bytes(v, entry)), "")


def ordered(entry: Entry) -> list[Version]:
    """The tagged versions, the lowest first; a name that is no semantic version stays behind the one before it."""
    if len(entry.versions) < 2:
        return list(entry.versions)
    ranks: list[tuple[Any, int]] = []
    for at, tagged in enumerate(entry.versions):
        number = semantic(tagged.version)
        ranks.append((number or (ranks[-1][0] if ranks else semantic("0.0.0-0")), at))
    return [entry.versions[at] for _, at in sorted(ranks)]


def semantic(text: str) -> Any:
    """The semantic version that a text is, None if it is none. A leading v is allowed, and 1.2 is 1.2.0."""
    import semver

    try:
        return semver.Version.parse(text.removeprefix("v"), optional_minor_and_patch=True)
    except ValueError:
        return None


def at(entry: Entry, version: Version) -> Entry:
    """The entry with the bytes of one of its tagged versions."""
    there = Entry(entry.path, version.md5, version.sha256, version.size, version.asset, parts=version.parts)
    return bytes_of(entry, there._replace(metrics=version.metrics))


def bytes_of(entry: Entry, other: Entry) -> Entry:
    """The entry with the bytes of another: what `urls` and metrics say of other bytes is left out."""
    same = same_bytes(other, entry)
    return entry._replace(
        md5=other.md5,
        sha256=other.sha256,
        size=other.size,
        asset=other.asset,
        parts=other.parts,
        urls=entry.urls if same else other.urls,
        metrics=other.metrics or (entry.metrics if same else {}),
    )


def same_bytes(one: Version | Entry, other: Version | Entry) -> bool:
    """Whether two are the same object; SHA-256 decides where both have one."""
    return one.sha256 == other.sha256 if one.sha256 and other.sha256 else bool(one.md5) and one.md5 == other.md5


def called(known: Manifest, text: str) -> list[Entry]:
    """The models of this path, or else of this name."""
    if text in known.models:
        return [known.models[text]]
    return [e for e in known.models.values() if text in (e.label, e.path.rpartition("/")[2])]


def find(
    known: Manifest,
    text: str,
    *,
    relative: Callable[[str], str] = lambda text: text,
    earlier: Earlier = lambda _entry, _name: None,
) -> Entry:
    """The model that MODEL[@VERSION] names, with that version's bytes.

    `relative` makes a manifest's path of what was typed; `earlier` asks the history. Raises ModelsError
    for what is unknown, with the nearest name or the versions that there are, and for a name that
    several models have.
    """
    if text == f"@{ACTIVE}" and len(known.active) == 1:
        text = f"{next(iter(known.active))}@{ACTIVE}"
    if text.endswith(f"@{ACTIVE}") and (slot := text.removesuffix(f"@{ACTIVE}")) in known.active:
        return _slot(known, slot, earlier)
    model, version = split(text, lambda name: bool(called(known, relative(name)) or called(known, name)))
    found = called(known, relative(model)) or called(known, model)
    if not found:
        raise unknown(known, text)
    if len(found) > 1:
        paths = [e.path for e in found]
        raise ModelsError(
            f"{model} is the name of {len(found)} models: {', '.join(paths)}",
            f"name one of them by its path: {paths[0]}",
        )
    if not version and text != model:
        raise missing(found[0], "")  # as in a script whose variable is empty
    return pick(known, found[0], version, earlier)


def pick(known: Manifest, entry: Entry, version: str, earlier: Earlier = lambda _entry, _name: None) -> Entry:
    """The entry with the bytes of a version. Raises ModelsError where there is none of that name."""
    if not version:
        return entry
    tags = ordered(entry)
    bare = version.removeprefix("v")
    if tagged := next((v for v in tags if v.version == version), None) or next(
        (v for v in tags if v.version.removeprefix("v") == bare), None
    ):
        return at(entry, tagged)
    if version == LATEST:
        stable = [v for v in tags if not getattr(semantic(v.version), "prerelease", None)]
        return at(entry, (stable or tags)[-1]) if tags else entry
    if version == ACTIVE:
        return _active(known, entry, earlier)
    if (there := earlier(entry, version)) is not None:
        return bytes_of(entry, there)
    if version == PREVIOUS and (before := _before(entry, tags)):
        return at(entry, before)
    raise missing(entry, version)


def _before(entry: Entry, tags: Sequence[Version]) -> Version | None:
    """The tagged version before the one that the entry is, or the last one if it is none."""
    here = next((i for i, v in enumerate(tags) if same_bytes(v, entry)), len(tags))
    return tags[here - 1] if here else None


def _slot(known: Manifest, name: str, earlier: Earlier) -> Entry:
    """What is active under a name."""
    target = known.active[name]
    path, version = split(target, known.models.__contains__)
    if path not in known.models or version == ACTIVE:
        raise ModelsError(f"active: {name} is {target}, which models.yaml does not have", "git models list")
    return pick(known, known.models[path], version, earlier)


def _active(known: Manifest, entry: Entry, earlier: Earlier) -> Entry:
    slots = {
        target: name
        for name, target in known.active.items()
        if split(target, known.models.__contains__)[0] == entry.path
    }
    if len(slots) == 1:
        return _slot(known, next(iter(slots.values())), earlier)
    if slots:
        names = ", ".join(f"{name}@{ACTIVE} ({target})" for target, name in slots.items())
        raise ModelsError(f"{len(slots)} versions of {entry.path} are active: {names}", "git models list")
    raise ModelsError(f"no version of {entry.path} is active", f"git models activate {word(entry.path)}")


def missing(entry: Entry, version: str) -> ModelsError:
    """No version has this name; those that there are."""
    if version == PREVIOUS:
        return ModelsError(f"{entry.path} has no version before this one", f"git models log {word(entry.path)}")
    names = [v.version for v in ordered(entry)]
    there = f"there are: {', '.join(names)}" if names else "none has been tagged yet"
    import difflib

    close = difflib.get_close_matches(version, names, 1)
    fix = f"did you mean {entry.path}@{close[0]}?" if close else f"git models log {word(entry.path)}"
    return ModelsError(f"{entry.path} has no version {version!r}; {there}", fix)


def unknown(known: Manifest, text: str) -> ModelsError:
    """No model has this path or name; the nearest that there is."""
    model = text.partition("@")[0] or text
    return messages.unknown(model, [*known.models, *(e.label for e in known.models.values()), *known.active])
