"""Leave files of this pattern to git, for everybody. Models that are recorded already stay models."""

from __future__ import annotations

import argparse

from git_models import manifests, patterns, repo
from git_models.commands import track
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    track.configure(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    if not args.globs:
        return track.show(here, known.track, out)
    track.check(args.globs)
    rest = [g for g in known.track if g.removeprefix("!") not in args.globs]
    # A glob that the manifest itself brought in only has to go; anything else becomes an exception.
    own = [g for g in known.track if g in args.globs and g not in patterns.DEFAULT_TRACK]
    exceptions = [f"!{g}" for g in dict.fromkeys(args.globs) if g not in own]
    return track.save(here, known.track, [*rest, *exceptions], out)
