"""How each model stands: ok, modified, missing, not pushed; and weight files that nobody recorded."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

from git_models import audit, githooks, history, manifests, objects, places, repo, selection, weightfiles
from git_models.errors import word
from git_models.output import Output, plural, size
from git_models.sight import MISSING, MODIFIED, OK, Sight, State, states

SHOWN = 20  # models of one state, and weights that nobody recorded, that are named without -v


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    names = selection.matching(here, known, args.paths) if args.paths else None
    asked = weightfiles.ask_unrecorded(here, known)  # git looks through the work tree while we look at the models
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
    strangers, ignored, head = asked()
    holders = places.holders(here, known)
    lines, many = [], Counter[str]()
    for state, words in rows:
        said = ", ".join(words)
        many[said] += words != [OK]
        if out.verbose or 0 < many[said] <= SHOWN:
            on = ", ".join(p.name for p in holders.get(state.entry.sha256, ()))
            facts = f"{size(max(state.entry.size, 0))}{'; on ' if on else ''}{on}"
            lines.append(f"  {said:<22} {state.path} ({facts})")
    if not out.verbose:
        lines += [f"  {said:<22} … and {n - SHOWN} more (-v names them)" for said, n in many.items() if n > SHOWN]
    if lines:
        out.result("\n".join(lines))
    for path in strangers[:SHOWN]:
        out.result(f"  {'not recorded':<22} {path}")
    if len(strangers) > SHOWN:
        out.result(f"  and {len(strangers) - SHOWN} more that are not recorded")
    if ignored:
        shown = ", ".join(ignored[:3]) + (" …" if len(ignored) > 3 else "")
        out.result(f"git ignores {plural(len(ignored), 'weight file')} that nobody recorded: {shown}")
    strays, past = githooks.astray(here), audit.past_the_hooks(here, known, head)
    for finding in past[:SHOWN]:
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
