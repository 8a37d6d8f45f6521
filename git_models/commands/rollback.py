"""Go back to an earlier version of a model: its file and what models.yaml says of it. Nothing is lost.

VERSION is a tagged one, previous (the default), {2} versions ago, {yesterday} or a commit. A file that was changed
goes into the store first.
"""

from __future__ import annotations

import argparse

from git_models import lineage, manifests, repo, rolling, safety, versions
from git_models.errors import UsageError, word
from git_models.output import Output, size
from git_models.versions import version_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="PATH[@VERSION]", help="a model, and the version to go back to")
    parser.add_argument("version", nargs="?", metavar="@VERSION", help="the same, as a word of its own")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--allow-dangerous", action="store_true", help="also to what is built to run code")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    known = manifests.current(here)
    given = lineage.names_version(here, known, args.model)
    if given and args.version:
        raise UsageError("two versions are named", f"git models rollback {word(args.model)}")
    named = args.model if given else f"{args.model}@{(args.version or versions.PREVIOUS).removeprefix('@')}"
    target = lineage.find(here, known, named)
    before = known.models.get(target.path)
    shown = f"{version_of(target) or named.rpartition('@')[2]} ({size(max(target.size, 0))}, md5 {target.md5[:8]})"
    document = {
        "path": target.path,
        "sha256": target.sha256,
        "was": before.sha256 if before else "",
        "version": version_of(target),
        "dry_run": args.dry_run,
        "kept": "",
    }
    if args.dry_run:
        out.result(f"would take {target.path} back to {shown}")
        out.document(document)
        return 0
    done = rolling.back(here, known, target, out)
    for path, doubt in done.doubts:
        out.warn(safety.doubtful(path, doubt))
    if done.kept:
        out.warn(f"the file as it was is kept:\n  cp {done.kept} FILE")
    out.result(f"{target.path} is {'at' if not done.changed else 'back at'} {shown}")
    if done.changed:
        out.note("models.yaml is staged. Next: git commit")
    out.document(document | {"kept": done.kept})
    return 0
