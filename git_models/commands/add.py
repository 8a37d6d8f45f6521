"""Record weight files in models.yaml and keep their bytes; the files stay where they are."""

from __future__ import annotations

import argparse
import os
from typing import Any

from git_models import manifests, repo, safety, staging, statcache
from git_models.errors import ModelsError, UsageError
from git_models.output import Output, plural, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, or folders to search for weight files")
    parser.add_argument("-u", "--update", action="store_true", help="every recorded model that changed")
    parser.add_argument("-m", "--description", metavar="TEXT", help="what this model is")
    parser.add_argument(
        "--allow-dangerous", action="store_true", help="record what is built to run code when it is loaded"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be recorded")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    if not args.paths and not args.update:
        raise UsageError("nothing to add", "git models add PATH, or git models add -u")
    known = manifests.current(here)
    wanted = _named(here, args.paths)
    if args.update:
        cache = statcache.load(staging.stat_file(here))
        wanted += [p for p in staging.modified(here, known, cache) if p not in wanted]
    if args.dry_run:
        for path in wanted:
            out.result(f"would record {path} ({size(os.path.getsize(here.path(path)))})")
        out.document({"would_add": wanted})
        return 0
    fields: dict[str, Any] = {"description": args.description} if args.description else {}
    total = sum(os.path.getsize(here.path(p)) for p in wanted if os.path.isfile(here.path(p)))
    with out.progress("Recording", total) as advance:
        done = staging.add(here, wanted, fields, advance)
    for path in done.new:
        out.note(f"recorded {path}")
    for path in done.changed:
        out.note(f"recorded the new version of {path}")
    for old, new in done.moved:
        out.note(f"moved {old} -> {new}, same bytes")
    for path, doubt in done.doubts:
        out.warn(safety.doubtful(path, doubt))
    if done.new or done.changed or done.moved:
        count = len(done.new) + len(done.changed) + len(done.moved)
        out.note(f"{plural(count, 'model')} in models.yaml, staged. Next: git commit")
    elif not done.unchanged or args.paths:
        out.note("nothing changed")
    out.document(done._asdict())
    return 0


def _named(here: repo.Repo, given: list[str]) -> list[str]:
    globs = staging.track_patterns(here, manifests.current(here))
    found: list[str] = []
    for text in given:
        path = here.relative(text)
        full = here.top if path == "." else here.path(path)
        if os.path.isdir(full) and not os.path.islink(full):
            inside = staging.find_weights(here, path, globs)
            if not inside:
                raise ModelsError(f"no weight files in {text}", f"git models track GLOB   # now: {' '.join(globs)}")
            found += inside
        elif not os.path.lexists(full):
            raise ModelsError(f"there is no file {text}")
        else:
            found.append(path)
    return list(dict.fromkeys(found))
