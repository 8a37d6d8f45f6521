"""Fetch the models that are missing into the store; the work tree stays as it is.

PATH@VERSION fetches that version (also @latest, @previous, @{yesterday}, @COMMIT).
"""

from __future__ import annotations

import argparse

from git_models import lineage, manifests, repo
from git_models.commands import pull
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    pull.arguments(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    named = [text for text in args.paths if lineage.names_version(here, known, text)]
    more = [lineage.find(here, known, text) for text in named]
    args.paths = [text for text in args.paths if text not in named]
    return pull.pull(args, here, out, place=False, more=more)
