"""git clone, git models setup and git models pull in one."""

from __future__ import annotations

import argparse
import os

from git_models import git
from git_models.errors import ModelsError
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL")
    parser.add_argument("folder", nargs="?", metavar="DIR")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="after --: options for git clone")


def run(args: argparse.Namespace, out: Output) -> int:
    extra = [o for o in args.options if o != "--"]
    folder = args.folder or os.path.basename(args.url.rstrip("/")).removesuffix(".git")
    if git.attached("clone", *extra, "--", args.url, folder):
        raise ModelsError(f"git clone of {args.url} failed")
    os.chdir(folder)
    from git_models.commands import parse, pull

    options = parse(["pull", *(["--json"] if args.json else []), *(["-q"] if args.quiet else [])])
    return pull.run(options, out)
