"""Copy the old versions of models to another remote, verified there; a pull finds them there, too."""

from __future__ import annotations

import argparse

from git_models import archiving, manifests, messages, places, repo, selection
from git_models.errors import word
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="models, by path or name")
    parser.add_argument("--to", required=True, metavar="REMOTE", help="the place by name or URL")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be copied")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    place = places.by_name(here, known, args.to)
    wanted = archiving.older(here, known, selection.matching(here, known, args.paths))
    total = size(sum(max(e.size, 0) for e in wanted.values()))
    if args.dry_run:
        for entry in wanted.values():
            out.result(f"  would copy {entry.asset} ({size(max(entry.size, 0))})")
        out.result(f"would copy {plural(len(wanted), 'old version')} ({total}) to {place.url}")
        out.document({"dry_run": True, "remote": place.url, "copied": [e.sha256 for e in wanted.values()]})
        return 0
    done = archiving.archive(here, known, place, wanted, out)
    for failure in done.failed:
        out.warn(messages.told(failure.named()))
    for entry in done.sent:
        out.result(f"  copied {entry.asset} ({size(max(entry.size, 0))})")
    here_already = f", {done.already} were there" if done.already else ""
    out.result(f"{plural(len(done.sent), 'old version')} copied to {place.url}, verified{here_already}")
    if place.name not in known.remotes and not place.url.startswith("file:"):
        out.note(f"only this clone looks there: git models remote add {place.name} {word(place.url)} tells everybody")
    out.document(
        {
            "dry_run": False,
            "remote": place.url,
            "copied": [e.sha256 for e in done.sent],
            "already": done.already,
            "failed": [{"path": f.path, "error": f.error.what} for f in done.failed],
        }
    )
    return int(bool(done.failed))
