"""Which models may be recorded and put in place: the scanner's verdicts, remembered by SHA-256.

`models.scan` decides: `warn` refuses what is dangerous and mentions what is unknown, once for each
file's bytes; `block` refuses both; `off` asks nothing. The scanner is imported only for bytes that
it has not seen before.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from git_models import __version__, linelog, objects
from git_models.errors import ModelsError, word
from git_models.manifest import Entry
from git_models.output import safe
from git_models.repo import Repo

_REFUSED = {"warn": ("dangerous",), "block": ("dangerous", "unknown"), "off": ()}
_VERDICTS = ("weights-only", "needs classes", "unknown", "dangerous")
# What no loader takes for a model says nothing about code; `block` refuses it all the same.
_NO_FORMAT = "unknown"
_SMALL = 1 << 16  # bytes of a file that is read whole


class Judged(NamedTuple):
    """The scanner's answer in short."""

    verdict: str
    format: str
    why: str  # one line, safe to print
    fresh: bool = False  # scanned just now, not remembered


class Sifted(NamedTuple):
    """Entries that may be put in place; and (path, reason) of those that may not or are doubtful."""

    plan: list[Entry]
    refused: list[tuple[str, str]]
    doubts: list[tuple[str, str]]


def off(repo: Repo) -> Repo:
    """The same repository for a command that was told to let everything pass."""
    return repo._replace(config=repo.config._replace(scan="off"))


def judge(repo: Repo, path: str, oid: str, file: str) -> Judged:
    """Is the model at `path`, whose bytes are `oid` and lie in `file`, safe to load? Raises OSError."""
    return judge_all(repo, [(path, oid, file)])[0]


def judge_all(repo: Repo, asked: Iterable[tuple[str, str, str]]) -> list[Judged]:
    """`judge` for many (path, oid, file); what had to be scanned is remembered at the end.

    A verdict of another version of this program does not count, since its lists may differ.
    """
    log = os.path.join(repo.models, "scans")
    known = linelog.read(log)
    found: list[Judged] = []
    fresh: dict[str, Judged] = {}
    try:
        for path, oid, file in asked:
            # The suffix is part of the question: a pickle named .safetensors gets past people.
            suffix = os.path.splitext(path)[1].lower()
            key = oid + suffix if len(suffix) <= 16 and suffix[1:].isalnum() and suffix.isascii() else oid
            fields = known.get(key, ())
            if len(fields) == 4 and fields[0] == __version__ and fields[1] in _VERDICTS:
                judged = Judged(fields[1], fields[2], fields[3])
            elif key in fresh:
                judged = fresh[key]._replace(fresh=False)
            else:
                judged = fresh[key] = look(path, file)
            found.append(judged)
    finally:
        rows = [(key, __version__, *judged[:3]) for key, judged in fresh.items()]
        linelog.append(log, rows, keep=lambda key: objects.has(repo.models, key[:64]))
    return found


def look(path: str, file: str) -> Judged:
    """The scanner's answer for a file that is to be called `path`; nothing is remembered. Raises OSError."""
    from git_models import inspect

    with open(file, "rb", buffering=0) as raw:
        size = os.fstat(raw.fileno()).st_size
        # The scanner goes to and fro.
        opened = io.BytesIO(raw.read(_SMALL)) if size <= _SMALL else io.BufferedReader(raw)
        report = inspect.scan(opened, size, path)
    why = report.findings[0].what if report.findings else f"it needs {', '.join(report.classes[:3])}"
    return Judged(report.verdict, report.format, safe(why), fresh=True)


def weighed(judged: Judged, setting: str) -> tuple[str, str]:
    """(why the file is refused, what is doubtful about it) under a value of `models.scan`; "" each if nothing is."""
    if judged.verdict in _REFUSED[setting]:
        return _said(judged), ""
    return "", _said(judged) if setting != "off" and _doubtful(judged) else ""


def admit(repo: Repo, drafts: Mapping[str, objects.Draft]) -> dict[str, str]:
    """What is doubtful about files that are about to be recorded, by path. Raises ModelsError for what is refused."""
    doubts = {}
    asked = [(path, draft.digests.sha256, draft.file) for path, draft in drafts.items()] if _asked(repo) else []
    for (path, *_), judged in zip(asked, judge_all(repo, asked), strict=True):
        if judged.verdict in _REFUSED[repo.config.scan]:
            raise ModelsError(
                f"{path} was not recorded: {_said(judged)}",
                f"git models scan {word(path)}   # says more\n"
                f"git models add --allow-dangerous {word(path)}   # if you know what it runs",
            )
        if _doubtful(judged):
            doubts[path] = _said(judged)
    return doubts


def sift(repo: Repo, plan: Iterable[Entry]) -> Sifted:
    """Which of these models, verified in the store, may be put in place."""
    found = Sifted([], [], [])
    if not _asked(repo):
        return found._replace(plan=list(plan))
    entries = list(plan)
    asked = ((e.path, e.sha256, objects.path(repo.models, e.sha256)) for e in entries)
    for entry, judged in zip(entries, judge_all(repo, asked), strict=True):
        if judged.verdict in _REFUSED[repo.config.scan]:
            ways = (
                f"  next: git models scan {word(entry.path)}   # says more\n"
                f"git models checkout --allow-dangerous {word(entry.path)}   # if you know what it runs"
            )
            found.refused.append((entry.path, f"{_said(judged)}\n{ways}"))
            continue
        found.plan.append(entry)
        if _doubtful(judged):
            found.doubts.append((entry.path, _said(judged)))
    return found


def placeable(repo: Repo | None, where: str, oid: str, file: str, scan: str) -> str:
    """What is doubtful about verified bytes that wait in `file` for their place `where`, for a value of `models.scan`.

    `oid` is "" where nobody knows it. Raises ModelsError for bytes that are refused.
    """
    if scan == "off":
        return ""
    name = os.path.basename(where)
    judged = judge(repo, name, oid, file) if repo and oid else look(name, file)
    refused, doubt = weighed(judged, scan)
    if refused:
        raise ModelsError(
            f"{name} was not put in place: {refused}",
            "the same command with --allow-dangerous   # if you know what it runs",
        )
    return doubt


def _asked(repo: Repo) -> bool:
    return repo.config.scan != "off"


def _doubtful(judged: Judged) -> bool:
    return judged.fresh and judged.verdict == "unknown" and judged.format != _NO_FORMAT


def _said(judged: Judged) -> str:
    lead = "it is built to run code" if judged.verdict == "dangerous" else "nobody knows whether it is safe to load"
    return f"{lead}: {judged.why}"


def doubtful(path: str, why: str) -> str:
    """The line that mentions a doubt."""
    return f"{path}: {why} (git models scan {word(path)})"
