"""What git calls to merge two versions of models.yaml; not for people."""

from __future__ import annotations

import argparse

from git_models import manifest
from git_models.errors import word
from git_models.output import Output


def configure(parser: argparse.ArgumentParser) -> None:
    for name in ("base", "ours", "theirs", "path"):
        parser.add_argument(name)


def run(args: argparse.Namespace, out: Output) -> int:
    """git takes the result from the file `ours`; 1 tells it that conflicts are left (gitattributes(5))."""
    sides = []
    for name in (args.base, args.ours, args.theirs):
        with open(name, "rb") as file:
            sides.append(file.read())
    done, left = manifest.merge(*sides)
    with open(args.ours, "wb") as file:
        file.write(done)
    for what in left:
        out.warn(
            f"{args.path}: both sides changed {what}\n"
            f"  next: git models checkout --ours {word(what)}, or --theirs; then git commit"
        )
    return int(bool(left))
