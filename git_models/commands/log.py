"""The versions of models, the newest first: who recorded which bytes when, under which number, with which note.

Through renames and merged branches; with --all, on every branch. --markdown writes a changelog. --local
tells instead what happened in this clone: uploads, downloads, backups and the like.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from git_models import argtypes, journal, lineage, manifests, repo, selection
from git_models.errors import ModelsError, UsageError
from git_models.lineage import Row
from git_models.output import Output, safe, size
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models, also removed ones")
    parser.add_argument("-n", "--max-count", type=argtypes.count, metavar="N", help="at most so many versions")
    parser.add_argument("--all", action="store_true", help="on every branch and tag, not only on this one")
    parser.add_argument("--markdown", action="store_true", help="as tables, a changelog")
    parser.add_argument("--local", action="store_true", help="what happened in this clone, the newest first")


def run(args: argparse.Namespace, out: Output) -> int:
    if args.local and (args.all or args.markdown):
        raise UsageError("--local tells of this clone alone", "git models log --local PATH")
    here = repo.find()
    if args.local:
        return _local(here, args, out)
    found = list(islice(_rows(here, args.paths, args.all), args.max_count))
    if args.markdown:
        for line in _markdown(found):
            out.result(line)
    else:
        several = len({row.entry.path for row in found}) > 1
        for row in found:
            for line in _lines(row, several):
                out.result(safe(line))
    if not found:
        out.note("no models yet. Next: git models add PATH")
    out.document({"log": [_described(row) for row in found]})
    return 0


def _local(here: Repo, args: argparse.Namespace, out: Output) -> int:
    """What the journal says. Paths are looked for as typed, so that models that are gone are found, too."""
    wanted = {name for text in args.paths for name in (text, here.relative(text))}
    events = [e for e in journal.read(here.models) if not wanted or {e.path, os.path.basename(e.path)} & wanted]
    found = list(islice(reversed(events), args.max_count))
    for event in found:
        count = size(event.size) if event.size >= 0 else ""
        more = "  ".join(filter(None, (event.place, event.name, event.version)))
        out.result(f"{event.at[:19].replace('T', ' ')}  {event.event:<8} {event.path}  {count}  {more}".rstrip())
    if not found and wanted:
        out.note(f"nothing has happened here to {', '.join(args.paths)}. All there is: git models log --local")
    elif not found:
        out.note("nothing has happened here yet")
    out.document({"events": [event._asdict() for event in found]})
    return 0


def _rows(here: Repo, given: Sequence[str], everywhere: bool) -> Iterator[Row]:
    known = manifests.current(here)
    revisions = ("HEAD", "--branches", "--remotes", "--tags") if everywhere else ("HEAD",)
    if not given:
        return lineage.log(here, known, None, revisions)
    try:
        return lineage.log(here, known, selection.matching(here, known, given), revisions)
    except ModelsError as unknown:
        # A model that was removed since.
        found = list(lineage.log(here, known, [here.relative(p) for p in given], revisions))
        if not found:
            raise unknown
        return iter(found)


def _lines(row: Row, several: bool) -> Iterator[str]:
    entry, commit = row.entry, row.commit
    name = f"{entry.path}  " if several else ""
    where = commit.short or ("tagged" if commit.date else "not committed")
    head = f"{name}{row.version or '-':<9} {commit.date[:10] or '-'} {where:<10}"
    if row.active:
        yield f"{head} active as {row.active}"
        return
    count = size(entry.size) if entry.size >= 0 else "?"
    yield f"{head} {count:>8}  md5 {entry.md5[:8] or '-'}  {commit.author}".rstrip()
    said = "; ".join(filter(None, (row.note or entry.description or commit.subject, _metrics(row))))
    if said:
        yield f"{'':<9} {said}"


def _metrics(row: Row) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.metrics.items())


def _markdown(found: Iterable[Row]) -> Iterator[str]:
    models: dict[str, list[Row]] = {}
    for row in found:
        models.setdefault(row.entry.label, []).append(row)
    for at, (name, rows) in enumerate(models.items()):
        yield from ("",) if at else ()
        yield f"# {_cell(name)}"
        yield ""
        yield "| version | date | author | commit | size | MD5 | note | metrics |"
        yield "|---|---|---|---|---|---|---|---|"
        for row in rows:
            note = f"active as {row.active}" if row.active else row.note or row.entry.description or row.commit.subject
            count = size(row.entry.size) if row.entry.size >= 0 else ""
            cells = (row.version, row.commit.date[:10], row.commit.author, row.commit.short, count, row.entry.md5, note)
            yield f"| {' | '.join(map(_cell, (*cells, _metrics(row))))} |"


def _cell(text: str) -> str:
    return safe(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _described(row: Row) -> dict[str, Any]:
    entry, commit = row.entry, row.commit
    return {
        "path": entry.path,
        "version": row.version,
        "active": row.active,
        "date": commit.date,
        "author": commit.author,
        "commit": commit.oid,
        "subject": commit.subject,
        "size": entry.size,
        "md5": entry.md5,
        "sha256": entry.sha256,
        "asset": entry.asset,
        "note": row.note,
        "description": entry.description,
        "metrics": dict(row.metrics),
    }
