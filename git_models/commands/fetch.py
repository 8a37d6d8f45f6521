"""Fetch the models that are missing into the store; the work tree stays as it is."""

from __future__ import annotations

import argparse

from git_models import repo
from git_models.commands import pull
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    pull.arguments(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    return pull.pull(args, repo.find(), out, place=False)
