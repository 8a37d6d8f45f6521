"""Treat files of this pattern as weights, for everybody: `track:` in models.yaml. Without GLOB: list the patterns."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from git_models import githooks, manifests, patterns, recording, repo
from git_models.errors import UsageError
from git_models.output import Output
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "globs", nargs="*", metavar="GLOB", help="as in .gitignore, from the repository's root; quote it: '*.bin'"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    if not args.globs:
        return show(here, known.track, out)
    check(args.globs)
    track = [g for g in known.track if g.removeprefix("!") not in args.globs]
    track += [g for g in dict.fromkeys(args.globs) if g not in patterns.DEFAULT_TRACK or _excepted(track, g)]
    return save(here, known.track, track, out)


def _excepted(track: Sequence[str], glob: str) -> bool:
    """Whether an exception that stays would win over a default."""
    return any(g.startswith("!") and patterns.matches([g[1:]], glob.replace("*", "x")) for g in track)


def check(globs: Sequence[str]) -> None:
    """Raise UsageError for what is no pattern."""
    for glob in globs:
        nothing = not glob.strip("/! ") or glob.startswith("!")
        if reason := "is no pattern" if nothing else patterns.fault(glob):
            raise UsageError(f"{glob!r} {reason}", "git models track '*.bin'   # untrack makes exceptions")


def save(here: Repo, old: Sequence[str], new: Sequence[str], out: Output) -> int:
    """Write the manifest's globs and tell the hooks; says what the change was."""
    if list(old) != list(new):
        recording.record(here, track=list(new))
        githooks.write_pathspecs(here, manifests.current(here))
        out.note(f"track: {' '.join(new) or 'the defaults'}   # models.yaml is staged. Next: git commit")
    else:
        out.note("nothing changed")
    out.document({"track": list(new), "changed": list(old) != list(new)})
    return 0


def show(here: Repo, track: Sequence[str], out: Output) -> int:
    """List what counts as a weight, the last match wins, and who says so."""
    sources = (("default", patterns.DEFAULT_TRACK), ("models.yaml", track), ("models.track", here.config.track))
    for source, globs in sources:
        for glob in globs:
            out.result(f"  {glob:<20} {source}")
    out.document({"patterns": [{"glob": g, "source": source} for source, globs in sources for g in globs]})
    return 0
