"""Models with sizes and versions, what the remotes hold of them, the backups in folders, and which ones are active."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Collection, Mapping, Sequence

from git_models import activation, backups, history, manifests, messages, objects, places, repo, selection
from git_models.activation import Active
from git_models.backups import Backup
from git_models.commands import restore
from git_models.commands.backup import described as backup_described
from git_models.errors import ModelsError
from git_models.manifest import Entry, Manifest
from git_models.output import Output, plural, safe, size
from git_models.repo import Repo
from git_models.sight import OK, Sight, State, states
from git_models.versions import version_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")
    parser.add_argument("-l", "--long", action="store_true", help="hashes, asset names and every version as well")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    names = selection.matching(here, known, args.paths) if args.paths else list(known.models)
    sight = Sight(here)
    found = states(here, known, sight, names)
    sight.save(known)
    wanted = set(names)
    cloud = _cloud(here, known, wanted)
    kept = [b for b in _backups(here, known, out) if not args.paths or b.source in wanted]
    active = [a for a in activation.look(here, known) if not args.paths or a.path in wanted]
    _trained(here, known, found, {a.path for a in active}, args.long, out)
    for place, entries in cloud.items():
        total = sum(max(e.size, 0) for e in entries)
        out.result(f"Cloud: {place} holds {plural(len(entries), 'object')} ({size(total)})")
        for entry in entries if args.long else ():
            out.result(f"  {entry.asset}  {entry.path}")
    if kept:
        out.result(f"Backups: {plural(len(kept), 'backup')}, {size(sum(max(b.size, 0) for b in kept))}")
        for line in restore.rows(kept):
            out.result(line)
    _active(active, out)
    if not found:
        out.result("no models yet. Next: git models add PATH")
    if out.json:
        on = {url: {e.sha256 for e in entries} for url, entries in cloud.items()}
        out.document(
            {
                "models": [_described(here, s, on) for s in found],
                "cloud": [{"url": url, "objects": [e.sha256 for e in entries]} for url, entries in cloud.items()],
                "active": {a.name: a.target for a in active},
                "active_files": [
                    {"name": a.name, "path": a.path, "file": a.file, "sha256": a.sha256, "state": a.state}
                    for a in active
                ],
                "backups": [backup_described(b) for b in kept],
            }
        )
    return 0


def _cloud(here: Repo, known: Manifest, names: set[str]) -> dict[str, list[Entry]]:
    """URL -> the versions of these models that the place was seen to hold; nobody is asked."""
    wanted = {e.sha256: e for e in history.versions(known) if e.sha256 and e.path in names}
    found = {}
    for place in places.for_pull(here, known):
        there = objects.held(here.models, place.url)
        if entries := [e for oid, e in wanted.items() if oid in there]:
            found[place.url] = entries
    return found


def _backups(here: Repo, known: Manifest, out: Output) -> list[Backup]:
    """The backups that lie in folders; remotes are not asked for theirs."""
    try:
        shelves = backups.searched(here, known)
    except ModelsError as failed:
        out.warn(messages.told(failed))
        return []
    return [b for shelf in shelves if not shelf.place for b in backups.held(here, shelf)]


def _trained(here: Repo, known: Manifest, found: Sequence[State], active: set[str], long: bool, out: Output) -> None:
    if found:
        out.result(f"Trained: {plural(len(found), 'model')}, {size(sum(max(s.entry.size, 0) for s in found))}")
    width = max((len(s.path) for s in found), default=0)
    holders = places.holders(here, known) if long else {}
    for path, entry, state, _ in found:
        shown = size(entry.size) if entry.size >= 0 else "?"
        words = [_word(state), *(["active"] if path in active else []), *([f"({entry.name})"] if entry.name else [])]
        facts = f"{shown:>8}  {date_of(here, entry):<10}  {version_of(entry) or '-':<8} {entry.md5[:8] or '-':<8}"
        out.result(f"  {path:<{width}}  {facts}  {' '.join(words)}")
        if long:
            out.result(f"    sha256 {entry.sha256 or '-'}")
            out.result(f"    md5 {entry.md5 or '-'}  asset {entry.asset or '-'}")
            out.result(f"    on {', '.join(p.name for p in holders.get(entry.sha256, ())) or '-'}")
            for version in entry.versions:
                out.result(f"    {version.version} {version.date} {size(version.size)} sha256 {version.sha256}")


def date_of(here: Repo, entry: Entry) -> str:
    """The day (YYYY-MM-DD) of a model's bytes: of their tagged version, of `created:`, or of the file; "-" unknown."""
    tagged = next((v.date for v in entry.versions if v.sha256 and v.sha256 == entry.sha256), "")
    if day := tagged or entry.created:
        return safe(day[:10])
    try:
        return time.strftime("%Y-%m-%d", time.localtime(os.lstat(here.path(entry.path)).st_mtime))
    except OSError:
        return "-"


def _active(active: Sequence[Active], out: Output) -> None:
    if active:
        out.result("Active")
    for name, target, _, file, _, state in active:
        out.result(f"  {name} -> {target}" + (f"  {file} ({state})" if file else ""))


def _word(state: str) -> str:
    return "here" if state == OK else state


def _described(here: Repo, found: State, on: Mapping[str, Collection[str]]) -> dict[str, object]:
    entry = found.entry
    return {
        "path": found.path,
        "name": entry.label,
        "size": entry.size,
        "md5": entry.md5,
        "sha256": entry.sha256,
        "asset": entry.asset,
        "state": _word(found.state),
        "in_store": bool(entry.sha256) and objects.has(here.models, entry.sha256),
        "version": version_of(entry),
        "versions": [
            {"version": v.version, "date": v.date, "size": v.size, "sha256": v.sha256} for v in entry.versions
        ],
        "on": [url for url, oids in on.items() if entry.sha256 in oids],
    }
