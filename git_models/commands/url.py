"""Where a model can be fetched without this program; with --sh, the lines to type on a machine that has only curl."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from shlex import quote

from git_models import foreign, getting, lineage, manifests, remotes, repo, urllists, urls
from git_models.errors import ModelsError, word
from git_models.manifest import Entry
from git_models.output import Output
from git_models.remotes import Source, http
from git_models.versions import version_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL[@VERSION]", help="a model; OWNER/REPO:MODEL is one of another repository"
    )
    parser.add_argument("--sh", action="store_true", help="lines for a shell: curl, md5sum, sha256sum")


def run(args: argparse.Namespace, out: Output) -> int:
    if foreign.split(args.model):
        there = foreign.find(args.model)
        entry, sources = there.entry, list(there.sources)
    else:
        here = repo.find()
        known = manifests.current(here)
        entry = lineage.find(here, known, args.model)
        sources = getting.sources(here, known, out)
    found = _urls(entry, sources)
    for line in _lines(entry, found) if args.sh else found:
        out.result(line)
    out.document(
        {
            "path": entry.path,
            "version": version_of(entry),
            "urls": found,
            "size": entry.size,
            "md5": entry.md5,
            "sha256": entry.sha256,
        }
    )
    return 0


def _urls(entry: Entry, sources: Sequence[Source]) -> list[str]:
    """One URL, or one for each part. Raises ModelsError where nothing is public."""
    assets = [part.asset for part in entry.parts] or ([entry.asset] if entry.asset else [])
    failures = []
    for source in sources if assets else ():
        try:
            found = [remotes.link(source, asset) for asset in assets]
        except ModelsError as failed:
            failures.append(failed)
            continue
        if all(found):
            return found
    # models.yaml may name anything; only what `pull` would ask is handed to curl.
    for url in entry.urls:
        if _asked(url):
            return [urllists.direct(url)]
    if failures:
        raise failures[0]
    raise ModelsError(
        f"no place that anybody can read has {entry.path}",
        f"git models push {word(entry.path)}   # if it was not uploaded yet; private places need git models download",
    )


def _lines(entry: Entry, found: Sequence[str]) -> list[str]:
    name = getting.file_name(entry)
    pieces = [f"{name}.part-{number}" for number in range(1, len(found) + 1)] if len(found) > 1 else [name]
    lines = [_curl(piece, url) for piece, url in zip(pieces, found, strict=True)]
    if len(pieces) > 1:
        parts = " ".join(map(_argument, pieces))
        lines.append(f"cat {parts} > {_argument(name)} && rm {parts}")
    # SHA-256 decides, so it is the last: the outcome of the lines is its.
    hashes = [("md5sum", entry.md5), ("sha256sum", entry.sha256)]
    return lines + [f"echo {quote(f'{digest}  {_plain(name)}')} | {program} -c" for program, digest in hashes if digest]


def _curl(piece: str, url: str) -> str:
    """Nothing in the URL is a pattern (-g), no redirect leaves https; the quotes are for zsh (=NAME is a program)."""
    redirects = "http,https" if url.startswith("http://") else "https"
    proto = f"--proto '={urls.split(url).scheme}' --proto-redir '={redirects}'"
    return f"curl -gfL {proto} --retry 3 -o {_argument(piece)} {quote(url)}"


def _asked(url: str) -> bool:
    """Whether `pull` would ask a link of models.yaml: https, or http that does not leave this machine."""
    parts = urls.split(url)
    return parts.scheme == "https" or (parts.scheme == "http" and http.loopback(parts.host))


def _plain(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name


def _argument(name: str) -> str:
    return quote(_plain(name))
