"""What git calls through the hooks; not for people."""

from __future__ import annotations

import argparse
import sys

from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event")
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--framework", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace, out: Output) -> int:
    from git_models import events

    return events.handle(args.event, args.rest, sys.stdin, out, framework=args.framework)
