"""Make a version of a model the one in use: named under active: in models.yaml, the file in active/ of the layout.

Without NAME, put the files of everything that models.yaml calls active in place.
"""

from __future__ import annotations

import argparse

from git_models import activation, lineage, manifests, messages, repo, safety
from git_models.errors import ModelsError, UsageError, word
from git_models.manifest import Manifest
from git_models.output import Output
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", metavar="NAME[@V]", help="a model, and which version of it")
    parser.add_argument("--as", dest="name", metavar="NAME", help="the active name (default: the model's)")
    parser.add_argument("--remove", metavar="NAME", help="take an active name away, and its file")
    parser.add_argument("--allow-dangerous", action="store_true", help="also what is built to run code")


def run(args: argparse.Namespace, out: Output) -> int:
    if args.remove and (args.model or args.name):
        raise UsageError("--remove takes an active name alone", "git models activate --remove NAME")
    if args.name and not args.model:
        raise UsageError("--as needs a model", "git models activate MODEL --as NAME")
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    known = manifests.current(here)
    if args.remove:
        return _remove(here, known, args.remove, out)
    if not args.model:
        return _all(here, known, out)
    entry = lineage.find(here, known, args.model)
    if entry.path not in known.models:
        raise ModelsError(f"{entry.path} is not in models.yaml any more", f"git models rollback {word(args.model)}")
    name = args.name or entry.label
    before = known.active.get(name, "")
    other = activation.model_of(known, before)
    if before and other != entry.path and not args.name:
        raise ModelsError(
            f"{name} is the active name of {other} already",
            f"git models activate {word(args.model)} --as {word(name)}   # takes it over\n"
            f"git models activate {word(args.model)} --as OTHER",
        )
    target = activation.value(here, known, args.model, entry)
    file = activation.activate(here, known, entry, name, target, out)
    out.result(f"{name} -> {target}" + (f"  {file}" if file else ""))
    if not file:
        out.note("there is no layout, so no file was put: git models setup --layout data/models")
    if "@" not in target:
        out.note(f"it has no version yet and follows {target}: git models tag {word(target)} VERSION")
    if before != target:
        out.note("models.yaml is staged. Next: git commit")
    out.document({"name": name, "target": target, "file": file, "sha256": entry.sha256})
    return 0


def _all(here: Repo, known: Manifest, out: Output) -> int:
    failed = []
    for name, target, _, file, _, state in activation.look(here, known):
        try:
            activation.activate(here, known, lineage.find(here, known, target), name, target, out)
            out.result(f"{name} -> {target}" + (f"  {file}" if file else ""))
        except ModelsError as error:
            failed.append((name, error))
            out.warn(messages.told(ModelsError(f"{name} -> {target} ({state}): {error.what}", error.fix)))
    if not known.active:
        out.result("no model is active. Next: git models activate NAME[@V]")
    out.document({"active": dict(known.active), "failed": [name for name, _ in failed]})
    return int(bool(failed))


def _remove(here: Repo, known: Manifest, name: str, out: Output) -> int:
    if name not in known.active:
        there = ", ".join(known.active) or "none"
        raise ModelsError(f"no active model is called {name!r}; there are: {there}", "git models list")
    left = activation.deactivate(here, known, name)
    out.result(f"{name} is not active any more; models.yaml is staged")
    if left:
        out.warn(f"git models: {left} was left there: its bytes are recorded nowhere")
    out.document({"removed": name, "left": left})
    return 0
