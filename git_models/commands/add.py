"""Record weight files in models.yaml and keep their bytes; the files stay where they are."""

from __future__ import annotations

import argparse
import os
from typing import Any

from git_models import manifests, naming, repo, safety, sight, staging, statcache, tagging, weightfiles
from git_models.errors import ModelsError, UsageError, word
from git_models.manifest import Entry
from git_models.output import Output, plural, size

_SHOWN = 20  # models that are named one by one


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, or folders to search for weight files")
    parser.add_argument("-u", "--update", action="store_true", help="every recorded model that changed")
    fields(parser)
    parser.add_argument("--tag", metavar="VERSION", help="tag what is recorded with this version")
    parser.add_argument(
        "--allow-dangerous", action="store_true", help="record what is built to run code when it is loaded"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be recorded")


def fields(parser: argparse.ArgumentParser, name: bool = True) -> None:
    """The options that say something about a model, for every command that records or edits one."""
    parser.add_argument("-m", "--description", type=str, metavar="TEXT", help="what this model is")
    parser.add_argument("--notes", type=str, metavar="TEXT", help="what else is worth knowing")
    parser.add_argument("--metric", action="append", default=[], metavar="NAME=NUMBER", help="a result: mAP50=0.91")
    parser.add_argument("--license", type=str, metavar="TEXT", help="under which it may be used")
    parser.add_argument("--stage", type=str, metavar="TEXT", help="how far it is: draft, staging, production")
    parser.add_argument("--source", type=str, metavar="TEXT", help="where it comes from")
    parser.add_argument("--created", type=str, metavar="DATE", help="when it was made: YYYY-MM-DD")
    if name:
        parser.add_argument("--name", type=str, metavar="NAME", help="what it is called besides its path")


def described(args: argparse.Namespace) -> dict[str, Any]:
    """What those options say, by field of an entry; a metric without a value is None. Raises UsageError."""
    found: dict[str, Any] = {f: getattr(args, f) for f in tagging.FIELDS if getattr(args, f, None) is not None}
    if found.get("name"):
        tagging.check_name(found["name"])
    if found.get("created"):
        tagging.check_date(found["created"])
    return found | ({"metrics": metrics(args.metric)} if args.metric else {})


def metrics(given: list[str]) -> dict[str, Any]:
    """Words NAME=NUMBER as a mapping; None stands for one without a value. Raises UsageError."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"{text!r} is not NAME=NUMBER", "git models edit PATH --metric mAP50=0.91")
        found[name] = _value(value)
    return found


def _value(text: str) -> int | float | str | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    if not args.paths and not args.update:
        raise UsageError("nothing to add", "git models add PATH, or git models add -u")
    known = manifests.current(here)
    about = described(args)
    if "name" in about and (len(args.paths) != 1 or args.update):
        raise UsageError("a name is for one model", "git models add PATH --name NAME")
    if args.tag:
        args.tag = tagging.number(args.tag)
    wanted = _named(here, args.paths)
    if args.update:
        cache = statcache.load(sight.stat_file(here))
        changed = [*staging.modified(here, known, cache), *staging.unstaged(here, known, cache)]
        wanted += [p for p in changed if p not in wanted]
    if args.dry_run:
        for path in wanted:
            out.result(f"would record {path} ({size(os.path.getsize(here.path(path)))})")
        out.document({"would_add": wanted})
        return 0
    for path in wanted if here.config.naming else ():
        if path not in known.models:
            named = tagging.described(Entry(path), about)
            naming.refuse(here.config.naming, named, f"git models add {word(path)} --name", args.tag or "")
    for path in wanted if args.tag else ():
        tagging.need_ahead(known.models.get(path, Entry(path)), args.tag)
    total = sum(os.path.getsize(here.path(p)) for p in wanted if os.path.isfile(here.path(p)))
    with out.progress("Recording", total) as advance:
        done = staging.add(here, wanted, about, advance)
    lines = [f"recorded {path}" for path in done.new]
    lines += [f"recorded the new version of {path}" for path in done.changed]
    lines += [f"moved {old} -> {new}, same bytes" for old, new in done.moved]
    shown = len(lines) if out.verbose or len(lines) <= _SHOWN else _SHOWN - 1
    for line in lines[:shown]:
        out.note(line)
    if lines[shown:]:
        out.note(f"… and {len(lines) - shown} more (-v names them)")
    if args.tag:
        _tag(here, wanted, args.tag, args.description or "", out)
    for path, doubt in done.doubts:
        out.warn(safety.doubtful(path, doubt))
    if done.new or done.changed or done.moved:
        count = len(done.new) + len(done.changed) + len(done.moved)
        out.note(f"{plural(count, 'model')} in models.yaml, staged. Next: git commit")
    elif not done.unchanged or args.paths:
        out.note("nothing changed")
    out.document(done._asdict())
    return 0


def _tag(here: repo.Repo, names: list[str], version: str, note: str, out: Output) -> None:
    for path in names:
        known = manifests.current(here)
        tagging.write(here, known, tagging.tag(known.models[path], version, note))
        out.note(f"tagged {path}@{version}")


def _named(here: repo.Repo, given: list[str]) -> list[str]:
    known = manifests.current(here)
    found: list[str] = []
    for text in given:
        path = here.relative(text)
        full = here.top if path == "." else here.path(path)
        if os.path.isdir(full) and not os.path.islink(full):
            inside = weightfiles.find(here, path, known)
            if not inside:
                globs = " ".join(weightfiles.globs(here, known))
                raise ModelsError(f"no weight files in {text}", f"git models track GLOB   # now: {globs}")
            found += inside
        elif not os.path.lexists(full):
            raise ModelsError(f"there is no file {text}")
        else:
            found.append(path)
    return list(dict.fromkeys(found))
