"""`models.naming`: a pattern for the names of models, such as `{model_type}_{version}_{date}.pt`."""

from __future__ import annotations

import datetime
import re

from git_models import versions
from git_models.errors import ModelsError, word
from git_models.manifest import Entry, split_name

_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_VERSION = r"v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+?)?"
_DATE = r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}"
_SHAPES = {"version": _VERSION, "date": _DATE, "time": r"[0-9]{2}-?[0-9]{2}(?:-?[0-9]{2})?"}
_WORD = r"[^/\s]+?"


def fault(pattern: str, name: str) -> str:
    """Why a name does not follow a pattern, as the end of "NAME …"; "" if it does. Raises ModelsError for no pattern.

    `{version}` is a semantic one, `{date}` a day as 20261125 or 2026-11-25, `{time}` as 1200 or 120000;
    any other field stands for a word. The suffix is the file's own, whatever the pattern's is.
    """
    found = _regex(pattern).fullmatch(split_name(name)[0])
    if not found:
        return f"is not named like {pattern}"
    for key, text in found.groupdict().items():
        if key == "date" and not _is_day(text):
            return f"has {text} where {pattern} has a date"
        if key == "version" and versions.semantic(text) is None:
            return f"has {text} where {pattern} has a version"
    return ""


def suggested(pattern: str, entry: Entry, version: str = "") -> str:
    """A name that follows the pattern, made of what is known of the model."""
    stem, suffix = split_name(entry.label)
    words = re.sub(rf"(?:\A|(?<=[_.-]))(?:{_VERSION}|{_DATE})(?=[_.-]|\Z)", "", stem)
    first = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-") or "model"
    day = entry.created if _is_day(entry.created) else datetime.date.today().isoformat()
    tags = versions.ordered(entry)
    known = {
        "version": version or (tags[-1].version if tags else "1.0.0"),
        "date": day.replace("-", ""),
        "time": "0000",
    }
    free = [name for name in _FIELD.findall(pattern) if name not in known]
    known |= {name: first if at == 0 else name for at, name in enumerate(dict.fromkeys(free))}
    return _FIELD.sub(lambda field: known[field[1]], split_name(pattern)[0]) + (suffix or split_name(pattern)[1])


def refuse(pattern: str, entry: Entry, command: str, version: str = "") -> None:
    """Raise ModelsError for a new model whose name does not follow the pattern; a better name ends the `command`."""
    if pattern and (why := fault(pattern, entry.label)):
        better = suggested(pattern, entry, version)
        raise ModelsError(
            f"{entry.label} {why} (models.naming)",
            f"{command} {word(better)}   # or rename the file",
        )


def _regex(pattern: str) -> re.Pattern[str]:
    stem = split_name(pattern)[0]
    if not _FIELD.search(stem) or set("{}/") & set(_FIELD.sub("", stem)):
        raise ModelsError(
            f"models.naming is {pattern!r}; it needs fields in braces",
            "git config models.naming '{model_type}_{version}_{date}.pt'",
        )
    made, seen, at = "", set(), 0
    for field in _FIELD.finditer(stem):
        made += re.escape(stem[at : field.start()])
        name = field[1]
        made += f"(?P={name})" if name in seen else f"(?P<{name}>{_SHAPES.get(name, _WORD)})"
        seen.add(name)
        at = field.end()
    return re.compile(made + re.escape(stem[at:]))


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(re.sub(r"\A(\d{4})-?(\d{2})-?(\d{2})\Z", r"\1-\2-\3", text))
    except ValueError:
        return False
    return True
