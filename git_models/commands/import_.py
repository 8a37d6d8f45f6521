"""Record a file that already lies on the web: a release asset, a share link, any URL. It is pulled from there later.

Its hashes are taken on first use, unless they are given. A page, a pointer file or what was cut off is
never recorded. --from takes a list: lines NAME URL [MD5], or a bash array MODEL_URLS[NAME]=URL.
"""

from __future__ import annotations

import argparse
import os
import re
from typing import Any

from git_models import importing, layout, manifests, messages, paths, repo, safety, urllists, urls
from git_models.errors import ModelsError, UsageError
from git_models.manifest import split_name
from git_models.output import Output, plural, size
from git_models.repo import Repo
from git_models.urllists import Wanted


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="where the file lies")
    parser.add_argument("path", nargs="?", metavar="PATH", help="what it becomes here; a folder keeps its name")
    parser.add_argument("--md5", metavar="HASH", help="what its MD5 must be")
    parser.add_argument("--sha256", metavar="HASH", help="what its SHA-256 must be")
    parser.add_argument("--from", dest="source", metavar="FILE", help="all that a list names, into the folder PATH")
    parser.add_argument("--mirror", action="store_true", help="put a copy into our own remote, too")
    parser.add_argument(
        "-f", "--force", action="store_true", help="a new version where PATH is recorded with other bytes"
    )
    parser.add_argument(
        "--allow-dangerous", action="store_true", help="also what is built to run code when it is loaded"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.allow_dangerous:
        here = safety.off(here)
    reports: list[dict[str, Any]] = []
    failed = 0
    for wanted, path in _wanted(here, args):
        try:
            reports.append(_one(here, wanted, path, args, out))
        except ModelsError as failure:
            if not args.source:
                raise
            failed += 1
            shown = ModelsError(f"line {wanted.line}, {wanted.name}: {failure.what}", failure.fix)
            out.warn(messages.told(shown))
            reports.append({"path": path, "url": urls.redact(wanted.url), "error": failure.what})
    if args.source:
        out.result(f"{plural(len(reports) - failed, 'model')} imported" + (f", {failed} failed" if failed else ""))
    if len(reports) > failed:
        out.note("models.yaml is staged. Next: git commit")
    out.document({"imported": reports})
    return int(bool(failed))


def _wanted(here: Repo, args: argparse.Namespace) -> list[tuple[Wanted, str]]:
    if not args.source:
        if not args.url or not args.path:
            raise UsageError("URL and PATH are needed", "git models import https://HOST/best.pt weights/best.pt")
        for kind, length in (("md5", 32), ("sha256", 64)):
            given = getattr(args, kind)
            if given and not re.fullmatch(f"[0-9a-fA-F]{{{length}}}", given):
                raise UsageError(f"--{kind} takes {length} hexadecimal digits")
        url = urllists.direct(args.url)
        path = here.relative(args.path)
        if args.path.endswith("/") or os.path.isdir(here.path(path)):
            name = urllists.file_name(url)
            if not name:
                raise UsageError("this address does not say what the file is called", "git models import URL PATH/NAME")
            path = name if path == "." else f"{path}/{name}"
        return [(Wanted(path, url, args.md5 or "", args.sha256 or ""), path)]
    if args.path or args.md5 or args.sha256:
        raise UsageError("a list has its own addresses and hashes", "git models import --from FILE [FOLDER]")
    with open(args.source, encoding="utf-8", errors="replace") as file:
        found = urllists.read(file.read())
    if not found:
        raise ModelsError(f"{args.source} names no models", "one a line: best.pt https://… [MD5]")
    folder = here.relative(args.url) if args.url else layout.folder(here, layout.TRAINED)
    return [(w._replace(url=urllists.direct(w.url)), _path(w, folder)) for w in found]


def _path(wanted: Wanted, folder: str) -> str:
    """The path that a name of a list stands for; a bare name gets the suffix of its file."""
    name = wanted.name if split_name(wanted.name)[1] else wanted.name + split_name(urllists.file_name(wanted.url))[1]
    path = f"{folder}/{name}" if folder and folder != "." else name
    paths.check(path)
    return path


def _one(here: Repo, wanted: Wanted, path: str, args: argparse.Namespace, out: Output) -> dict[str, Any]:
    known = manifests.current(here)
    given = {"md5": wanted.md5, "sha256": wanted.sha256}
    done = importing.run(here, known, wanted.url, path, out, mirror=args.mirror, force=args.force, **given)
    if done.doubt:
        out.warn(safety.doubtful(path, done.doubt))
    entry = done.entry
    out.result(f"{path}: {size(entry.size)}, md5 {entry.md5}{'' if done.changed else ', recorded already'}")
    places = []
    for pushed in importing.mirrored(here, manifests.current(here), entry, out) if args.mirror else ():
        for failure in pushed.failed:
            raise failure.named()
        out.result(f"a copy is at {pushed.place.url}, verified")
        places.append(pushed.place.url)
    return {
        "path": path,
        "url": urls.redact(wanted.url),
        "changed": done.changed,
        "size": entry.size,
        "md5": entry.md5,
        "sha256": entry.sha256,
        "mirrors": places,
    }
