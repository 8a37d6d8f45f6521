"""Change what models.yaml says about a model; its bytes stay. An empty text takes a field away."""

from __future__ import annotations

import argparse

from git_models import manifests, repo, tagging, versions
from git_models.commands.add import described, fields
from git_models.errors import ModelsError, UsageError
from git_models.output import Output, safe
from git_models.selection import matching


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="PATH", help="a model")
    fields(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    found = matching(here, known, [args.model])
    if len(found) > 1:
        raise ModelsError(f"{args.model} stands for {len(found)} models", f"git models edit {found[0]}")
    entry = known.models[found[0]]
    wanted = described(args)
    if not wanted:
        raise UsageError("nothing to change", f"git models edit {entry.path} -m TEXT --metric NAME=NUMBER")
    clash = [e.path for e in versions.called(known, wanted.get("name", "")) if e.path != entry.path]
    if clash:
        raise ModelsError(f"{wanted['name']} is the name of {', '.join(clash)} already", "git models list")
    changed = tagging.described(entry, wanted)
    done = tagging.write(here, known, changed)
    out.result(f"{entry.path}: {', '.join(sorted(wanted))} {'set' if done else 'as before'}")
    for key, value in changed.metrics.items() if "metrics" in wanted else ():
        out.detail(safe(f"  {key} {value}"))
    if done:
        out.note("models.yaml is staged. Next: git commit")
    shown = {name: getattr(changed, name) for name in (*tagging.FIELDS, "metrics")}
    out.document({"path": entry.path, "changed": done, **shown})
    return 0
