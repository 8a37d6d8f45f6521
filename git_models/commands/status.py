"""How each model stands: ok, modified, missing, not pushed; and weight files that nobody recorded."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from git_models import audit, git, githooks, history, layout, manifests, objects, patterns, places, repo, staging
from git_models.errors import word
from git_models.manifest import Manifest
from git_models.output import Output, plural, size
from git_models.sight import MISSING, MODIFIED, OK, Sight, State, states


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    names = [here.relative(p) for p in args.paths] if args.paths else None
    if names is not None:
        names = [p for p in known.models if any(p == n or n == "." or p.startswith(n + "/") for n in names)]
    sight = Sight(here)
    found = states(here, known, sight, names)
    sight.save(known)
    held = objects.held_anywhere(here.models)
    loose = {s.entry.sha256 for s in found} - held - {""}
    # Objects of a clone whose held/ notes are young: what a pushed commit names was uploaded before it.
    pushed = held | (history.names_pushed(here, loose) if loose else set())
    rows = []
    for state in found:
        words = [state.state]
        if state.entry.sha256 and state.entry.sha256 not in pushed and not state.entry.urls:
            words.append("not pushed")
        if state.state == MISSING and state.entry.sha256 and objects.has(here.models, state.entry.sha256):
            words.append("in the store")
        rows.append((state, words))
    strangers, ignored = unrecorded(here, known)
    holders = places.holders(here, known)
    lines = []
    for state, words in rows:
        if words != [OK] or out.verbose:
            on = ", ".join(p.name for p in holders.get(state.entry.sha256, ()))
            facts = f"{size(max(state.entry.size, 0))}{'; on ' if on else ''}{on}"
            lines.append(f"  {', '.join(words):<22} {state.path} ({facts})")
    if lines:
        out.result("\n".join(lines))
    for path in strangers[:20]:
        out.result(f"  {'not recorded':<22} {path}")
    if len(strangers) > 20:
        out.result(f"  and {len(strangers) - 20} more that are not recorded")
    if ignored:
        shown = ", ".join(ignored[:3]) + (" …" if len(ignored) > 3 else "")
        out.result(f"git ignores {plural(len(ignored), 'weight file')} that nobody recorded: {shown}")
    strays, past = githooks.astray(here), audit.past_the_hooks(here, known)
    for finding in past[:20]:
        out.result(f"  {'past the hooks':<22} {finding.what}")
    _advise(rows, [*strangers, *ignored], out)
    if past:
        out.result(f"committed past the hooks: {past[0].fix}")
    if strays:
        what = ", ".join(h.event for h in strays)
        out.result(f"hooks edited, replaced or removed ({what}): git models doctor, then git models setup")
    if out.json:
        out.document(
            {
                "models": [
                    {
                        "path": s.path,
                        "state": s.state,
                        "size": s.entry.size,
                        "sha256": s.entry.sha256,
                        "pushed": "not pushed" not in w,
                        "on": [p.url for p in holders.get(s.entry.sha256, ())],
                    }
                    for s, w in rows
                ],
                "unrecorded": strangers,
                "ignored": ignored,
                "past_hooks": [f.path for f in past],
                "hooks": [{"event": h.event, "state": h.state} for h in strays],
            }
        )
    return 0


def _advise(rows: Sequence[tuple[State, list[str]]], strangers: Sequence[str], out: Output) -> None:
    said = {word for _, words in rows for word in words}
    if not rows and not strangers:
        out.result("no models yet. Next: git models add PATH, or git add and commit a weight file")
    elif said <= {OK} and not strangers:
        total = sum(max(s.entry.size, 0) for s, _ in rows)
        if rows:
            out.result(f"{plural(len(rows), 'model')}, {size(total)}: all here, unchanged and pushed")
    if MODIFIED in said:
        out.result("changed models: git models add -u (or git models checkout --force PATH to drop the change)")
    if MISSING in said:
        out.result("missing models: git models pull")
    if "not pushed" in said:
        out.result("not pushed: git push, or git models push")
    if strangers:
        out.result(f"not recorded: git models add {word(strangers[0])}")


def unrecorded(here: repo.Repo, known: Manifest) -> tuple[list[str], list[str]]:
    """Weight files that no entry names: those that git sees as untracked, and those that .gitignore hides."""
    specs = patterns.pathspecs(staging.track_patterns(here, known))
    # `traditional`, as `matching` would name an ignored folder and not what is in it.
    flags = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=traditional")
    answer = git.run("--no-optional-locks", "status", *flags, "--", *specs, cwd=here.top)
    copies = tuple(f"{folder}/" for folder in layout.copies(here, known.models))
    found: dict[str, list[str]] = {"??": [], "!!": []}
    for item in os.fsdecode(answer).split("\0"):
        kind, path = item[:2], item[3:]
        if kind in found and path not in known.models and not path.startswith(copies) and _is_weight(here, path):
            found[kind].append(path)
    return found["??"], found["!!"]


def _is_weight(here: repo.Repo, path: str) -> bool:
    try:
        with open(here.path(path), "rb") as file:
            return not staging.not_a_weight(file.read(staging.HEAD_BYTES), os.fstat(file.fileno()).st_size)
    except OSError:
        return False
