"""`.gitattributes` with fewer files in Git LFS: pure, text in and text out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from git_models import patterns

NAME = ".gitattributes"
LFS = ("filter=lfs", "diff=lfs", "merge=lfs", "-text")
_FILTER = re.compile(r"\s(?:[-!]filter|filter=\S+)(?!\S)")  # what takes a file from Git LFS, or gives it to another
_ALONE = frozenset((*LFS, "text=false", "lockable", "-crlf"))  # what says nothing without Git LFS


class Line(NamedTuple):
    """A line that gives files to Git LFS."""

    pattern: str  # as it stands there
    glob: str  # the same from the repository's root on, as `git models track` takes it
    rest: tuple[str, ...]  # its attributes that have nothing to do with Git LFS


def lines(path: str, text: str) -> list[Line]:
    """The lines of the attributes file at `path` that give files to Git LFS."""
    macros = _macros(text)
    return [found for row in text.splitlines() if (found := _line(path, row, macros))]


def above(path: str) -> list[str]:
    """The attributes files that can speak of a path, the outermost first."""
    folders = path.split("/")[:-1]
    return ["/".join([*folders[:n], NAME]) for n in range(len(folders) + 1)]


def gives(path: str, files: Iterable[tuple[str, str]]) -> bool:
    """Whether attributes files (path, text), the outermost first, give a path to Git LFS: the last line decides."""
    given = False
    for name, text in files:
        macros = _macros(text)
        for row in text.splitlines():
            line = _line(name, row, macros)
            found = line or _line(name, _FILTER.sub(" filter=lfs", row), macros)
            if found and _matcher(found.glob)(path):
                given = line is not None
    return given


def _macros(text: str) -> set[str]:
    """Names that stand for `filter=lfs` among others: `[attr]lfs filter=lfs diff=lfs …`."""
    rows = (row.split() for row in text.splitlines() if row.startswith("[attr]"))
    return {words[0].removeprefix("[attr]") for words in rows if "filter=lfs" in words}


def _line(path: str, row: str, macros: set[str]) -> Line | None:
    found = re.match(r'\s*("(?:[^"\\]|\\.)*"|[^\s#"]\S*)\s+(.*)', row)
    if not found or found[1].startswith("[attr]"):
        return None
    words = found[2].split()
    if "filter=lfs" not in words and not macros & set(words):
        return None
    pattern = found[1]
    body = pattern[1:-1].replace('\\"', '"') if pattern.startswith('"') else pattern
    body = body.replace("[[:space:]]", " ")
    folder = path.rpartition("/")[0]
    inner = body.lstrip("/")
    glob = f"{folder}/{inner}" if folder and "/" in body else f"{folder}/**/{inner}" if folder else body
    return Line(pattern, glob, tuple(w for w in words if w not in _ALONE and w not in macros))


def without(
    path: str, text: str, moved: Collection[str], kept: Collection[str], keep: Collection[str]
) -> tuple[str, list[str]]:
    """The text without the patterns whose files leave Git LFS, and those patterns as globs.

    `moved` and `kept` are all paths that Git LFS has, those that leave and those that stay; a pattern
    that is one of `keep` stays whatever it matches. Where a pattern has both, a line for each file
    that stays takes its place.
    """
    macros, out, gone = _macros(text), [], []
    for row in text.splitlines(keepends=True):
        line = _line(path, row, macros)
        if line is None:
            out.append(row)
            continue
        fits = _matcher(line.glob)
        stay = sorted(p for p in kept if fits(p))
        if line.pattern in keep or line.glob in keep or (stay and not any(fits(p) for p in moved)):
            out.append(row)
            continue
        gone.append(line.glob)
        if line.rest:
            out.append(" ".join([line.pattern, *line.rest]) + "\n")
        folder = path.rpartition("/")[0]
        out += [" ".join([_exact(p[len(folder) + 1 if folder else 0 :]), *LFS]) + "\n" for p in stay]
    if not any(_line(path, row, macros) for row in out):
        out = [row for row in out if not (row.startswith("[attr]") and row.split()[0].removeprefix("[attr]") in macros)]
    return "".join(out), gone


def _matcher(glob: str) -> Callable[[str], bool]:
    return lambda path: patterns.matches((glob,), path)


def _exact(path: str) -> str:
    """A pattern that fits this path alone."""
    return "/" + re.sub(r"\s", "[[:space:]]", re.sub(r"([*?\\[\]])", r"\\\1", path))


def added(text: str, names: Iterable[str]) -> str:
    """The text with lines that give these paths to Git LFS."""
    text += "" if not text or text.endswith("\n") else "\n"
    return text + "".join(" ".join([_exact(p), *LFS]) + "\n" for p in sorted(names))
