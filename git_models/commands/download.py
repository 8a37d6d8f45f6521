"""Get one model, verified: by name or path, now or as one of its versions, to a file or into a folder.

OWNER/REPO:MODEL[@VERSION] needs no clone: one models.yaml is read, and for a public repository no token.
Without DEST it goes to its path in models.yaml; outside a repository, and from another one, into the current folder.
"""

from __future__ import annotations

import argparse
import os

from git_models import foreign, getting, lineage, manifests, repo, safety
from git_models.errors import ModelsError, NotARepository, NotThere, UsageError, word
from git_models.getting import Got
from git_models.manifest import Entry
from git_models.output import Output, size
from git_models.repo import Repo
from git_models.versions import version_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL[@VERSION]", help="a model; OWNER/REPO:MODEL is one of another repository"
    )
    parser.add_argument(
        "dest", nargs="?", metavar="DEST", help="a file, or a folder (ends in / where there is none yet)"
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace DEST; what is there is backed up first")
    parser.add_argument("--from", dest="source", metavar="REMOTE", help="only from this place")
    parser.add_argument(
        "--allow-dangerous", action="store_true", help="also what is built to run code when it is loaded"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    entry, done = (_foreign if foreign.split(args.model) else _own)(args, out)
    shown = os.path.relpath(done.target)
    if done.doubt:
        out.warn(safety.doubtful(shown, done.doubt))
    if done.kept:
        out.note(f"what was there is kept as {done.kept}")
    label = f"{entry.label}{f'@{version_of(entry)}' if version_of(entry) else ''}"
    count = os.path.getsize(done.target)
    out.result(
        f"{shown}: {label}, {size(count)}, verified" if done.changed else f"{shown} has these very bytes already"
    )
    out.document(
        {
            "path": entry.path,
            "name": entry.label,
            "version": version_of(entry),
            "target": done.target,
            "changed": done.changed,
            "kept": done.kept,
            "from": done.source,
            "size": count,
            "md5": entry.md5,
            "sha256": entry.sha256,
        }
    )
    return 0


def _own(args: argparse.Namespace, out: Output) -> tuple[Entry, Got]:
    if args.model.startswith(("https://", "http://")):
        raise UsageError(
            "an address is no model yet", f"git models import {word(args.model)} {word(args.dest or 'PATH')}"
        )
    try:
        here = repo.find()
    except NotARepository as failed:
        raise NotARepository(failed.what, "git models download OWNER/REPO:MODEL   # from anywhere") from None
    known = manifests.current(here)
    entry = lineage.find(here, known, args.model)
    where = getting.target(here, entry, args.dest)
    return entry, getting.get(
        here,
        entry,
        where,
        lambda: getting.sources(here, known, out, args.source),
        out,
        scan=_scan(args, here),
        jobs=here.config.jobs,
        force=args.force,
    )


def _foreign(args: argparse.Namespace, out: Output) -> tuple[Entry, Got]:
    there = foreign.find(args.model)
    where = getting.target(None, there.entry, args.dest)
    sources = [s for s in there.sources if args.source in (None, s.name, s.url)]
    if not sources:
        names = ", ".join(s.url for s in there.sources)
        raise ModelsError(f"{args.source} is none of the places of {there.repository}: {names}")
    try:
        got = getting.get(None, there.entry, where, lambda: sources, out, scan=_scan(args, None), force=args.force)
    except NotThere as failed:
        raise foreign.nowhere(there, [failed]) from None
    return there.entry, got


def _scan(args: argparse.Namespace, here: Repo | None) -> str:
    return "off" if args.allow_dangerous else (here.config if here else repo.settings()).scan
