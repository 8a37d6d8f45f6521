"""Change what models.yaml says about a model; its bytes stay. An empty text takes a field away.

Without options the fields are opened in your editor (the one that git uses).
"""

from __future__ import annotations

import argparse
import difflib
import os
from typing import Any

from git_models import git, manifests, objects, repo, tagging, versions
from git_models.commands.add import described, fields, metrics
from git_models.errors import ModelsError, word
from git_models.manifest import Entry
from git_models.output import Output, safe
from git_models.repo import Repo
from git_models.selection import matching

_HELP = "# One line a field; \\n is a line break. Without a text a field goes. A metric is NAME=NUMBER.\n"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="PATH", help="a model")
    fields(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    found = matching(here, known, [args.model])
    if len(found) > 1:
        raise ModelsError(f"{args.model} stands for {len(found)} models", f"git models edit {word(found[0])}")
    entry = known.models[found[0]]
    wanted = described(args) or _edited(here, entry)
    if wanted.get("name"):
        tagging.check_name(wanted["name"])
    if wanted.get("created"):
        tagging.check_date(wanted["created"])
    clash = [e.path for e in versions.called(known, wanted.get("name", "")) if e.path != entry.path]
    if clash:
        raise ModelsError(f"{wanted['name']} is the name of {', '.join(clash)} already", "git models list")
    changed = tagging.described(entry, wanted)
    done = tagging.write(here, known, changed)
    out.result(f"{entry.path}: {', '.join(sorted(wanted)) or 'nothing'} {'set' if done else 'changed'}")
    for key, value in changed.metrics.items() if "metrics" in wanted else ():
        out.detail(safe(f"  {key} {value}"))
    if done:
        out.note("models.yaml is staged. Next: git commit")
    shown = {name: getattr(changed, name) for name in (*tagging.FIELDS, "metrics")}
    out.document({"path": entry.path, "changed": done, **shown})
    return 0


def _edited(here: Repo, entry: Entry) -> dict[str, Any]:
    """What the user changed in an editor. The form is git's own: a file of settings, which git reads and writes."""
    draft = objects.draft_bytes(_made(here.models), [_HELP.encode()])
    before = {name: getattr(entry, name) for name in tagging.FIELDS}
    numbers = {key: str(value) for key, value in entry.metrics.items()}
    try:
        for name, text in before.items():
            git.run("config", "--file", draft.file, f"model.{name}", text)
        for key, text in numbers.items():
            git.run("config", "--file", draft.file, "--add", "model.metric", f"{key}={text}")
        if not git.edit(draft.file):
            raise ModelsError(
                "the editor failed, so nothing was changed",
                f"git models edit {word(entry.path)} -m TEXT; git config core.editor names another editor",
            )
        said = git.run("config", "--file", draft.file, "-z", "--list").decode("utf-8", "replace")
    finally:
        objects.discard(draft)
    rows = [record.partition("\n")[::2] for record in said.split("\0")[:-1]]
    for key, _ in rows:
        if (name := key.removeprefix("model.")) not in (*before, "metric"):
            close = difflib.get_close_matches(name, [*before, "metric"], 1)
            raise ModelsError(
                f"there is no field {name!r}, so nothing was changed", f"did you mean {close[0]}?" if close else ""
            )
    texts = {name: text for key, text in rows if (name := key.removeprefix("model.")) in before}
    after = dict(text.partition("=")[::2] for key, text in rows if key == "model.metric" and text)
    found: dict[str, Any] = {name: texts.get(name, "") for name in before if texts.get(name, "") != before[name]}
    changes = [f"{key}={after.get(key, '')}" for key in {**numbers, **after} if numbers.get(key) != after.get(key)]
    return found | ({"metrics": metrics(changes)} if changes else {})


def _made(folder: str) -> str:
    os.makedirs(folder, exist_ok=True)
    return folder
