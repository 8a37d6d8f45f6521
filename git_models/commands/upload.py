"""Record one file under a name, upload it and verify it there, at once; models.yaml is staged.

With a layout (git models setup --layout) a copy becomes trained/NAME; without one the file stays where it
is and NAME is its name. A new file under an old name is a new version, never an overwrite.
"""

from __future__ import annotations

import argparse
import os

from git_models import (
    exchange,
    manifests,
    messages,
    places,
    releasing,
    repo,
    safety,
    tagging,
    uploading,
)
from git_models.commands.add import described, fields
from git_models.manifest import Entry
from git_models.output import Output, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a weight file")
    parser.add_argument("name", nargs="?", metavar="NAME", help="what it is to be called (default: as the file)")
    fields(parser, name=False)
    parser.add_argument("--tag", metavar="VERSION", help="tag it with this version")
    parser.add_argument("--remote", metavar="REMOTE", help="to this place (default: where push uploads)")
    parser.add_argument(
        "--allow-dangerous", action="store_true", help="also what is built to run code when it is loaded"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    known = manifests.current(here)
    made = uploading.plan(here, known, args.file, args.name, described(args))
    if args.tag:
        args.tag = tagging.number(args.tag)
        tagging.need_ahead(known.models.get(made.path, Entry(made.path)), args.tag)
    targets = [places.by_name(here, known, args.remote)] if args.remote else places.for_push(here, known)
    for place in targets:
        places.need_writable(place)
    with out.progress("Recording", os.path.getsize(args.file)) as advance:
        done = uploading.record(here, known, made, advance)
    known = manifests.current(here)
    if args.tag:
        entry = tagging.tag(known.models[made.path], args.tag, args.description or "")
        tagging.write(here, known, entry)
        known = manifests.current(here)
    for path, doubt in done.doubts:
        out.warn(safety.doubtful(path, doubt))
    entry = known.models[made.path]
    changed = bool(done.new or done.changed or done.moved)
    out.note(f"{made.path} {'is recorded, models.yaml staged. Next: git commit' if changed else 'is recorded already'}")
    reports, failed = [], False
    for place in targets:
        pushed = exchange.push(here, place, {entry.sha256: entry}, out, ask=True)
        if pushed.sent:
            out.result(f"uploaded {entry.label} ({size(entry.size)}) to {place.url}, verified")
        elif not pushed.failed:
            out.result(f"{place.url} holds {entry.label} already, verified")
        for failure in pushed.failed:
            out.warn(messages.told(failure.named()))
        failed = failed or bool(pushed.failed)
        reports.append({"remote": place.url, "uploaded": bool(pushed.sent), "failed": bool(pushed.failed)})
    releasing.release(here, known)
    out.document(
        {
            "path": entry.path,
            "name": entry.label,
            "version": args.tag or "",
            "changed": changed,
            "size": entry.size,
            "md5": entry.md5,
            "sha256": entry.sha256,
            "asset": entry.asset,
            "remotes": reports,
        }
    )
    return int(failed)
