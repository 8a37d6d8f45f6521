"""Models of a repository that is not cloned: OWNER/REPO:MODEL[@VERSION], from one raw models.yaml, without history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from git_models import git, manifest, remotes, repo, versions
from git_models.errors import ManifestError, ModelsError, NotThere, RemoteError, UsageError, word
from git_models.manifest import Entry, Manifest
from git_models.remotes import Options, Source

_NAMED = re.compile(
    r"(?:(github(?:\+http)?)://)?((?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[\w-]+/[\w.-]+):(?!//)(.+)", re.ASCII | re.S
)
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
PLACES = 8
"""Places of a foreign manifest that are asked: it may name any number of them."""


class Foreign(NamedTuple):
    """A model of another repository and where its bytes may be had."""

    repository: str  # as it was typed: OWNER/REPO, with a host if there was one
    entry: Entry
    sources: tuple[Source, ...]  # in the order in which they are asked
    elsewhere: tuple[str, ...]  # URLs of places that its manifest names and that are not asked


def split(text: str) -> tuple[str, str] | None:
    """(repository, MODEL[@VERSION]) of OWNER/REPO:MODEL, HOST/OWNER/REPO:MODEL or github://…; None for other words."""
    found = _NAMED.fullmatch(text)
    if not found:
        return None
    return (f"{found[1]}://{found[2]}" if found[1] else found[2]), found[3]


def find(text: str) -> Foreign:
    """The model that OWNER/REPO:MODEL[@VERSION] names. Raises ModelsError.

    A store other than the repository's own is asked as a stranger would, and only one that the public reads.
    """
    parts = split(text)
    if parts is None:
        raise UsageError(f"{text!r} is not OWNER/REPO:MODEL")
    where, model = parts
    store, hosts = _store(where)

    def earlier(entry: Entry, name: str) -> Entry | None:
        if not _COMMIT.fullmatch(name):
            return None
        try:
            return _manifest(where, store, name).models.get(entry.path)
        except NotThere:
            return None

    known = _manifest(where, store, "HEAD")
    try:
        entry = versions.find(known, model, earlier=earlier)
    except ModelsError as unknown:
        fix = unknown.fix
        if fix.startswith("git models"):
            names = [f"{where}:{path}" for path in known.models]
            fix = f"git models show {word(names[0])}" if len(names) == 1 else ""
            more = (
                f" of {len(known.models)}: {', '.join(list(known.models)[:10])}" if names else ", which has no models"
            )
            raise ModelsError(
                f"{where}: {unknown.what}{more if 'no model is called' in unknown.what else ''}", fix
            ) from None
        raise ModelsError(f"{where}: {unknown.what}", fix.replace("did you mean ", f"did you mean {where}:")) from None
    sources: list[Source] = [remotes.open(store, where, Options())]
    strangers = []
    for name, url in known.remotes.items():
        if remotes.same_store(url, [store]):
            continue
        public = url.startswith("https://") or remotes.github_host(url) in {"github.com", *hosts}
        if public and len(sources) < PLACES:
            sources.append(remotes.open(url, name, Options(from_manifest=True)))
        else:
            strangers.append(url)
    return Foreign(where, entry, tuple(sources), tuple(strangers))


def _store(where: str) -> tuple[str, set[str]]:
    """The release store of a repository as it was typed, and the hosts that the user declared to be GitHubs.

    git's own `url.*.insteadOf` is honoured: it may lead to a mirror or an Enterprise Server.
    """
    settings = repo.settings()
    hosts = {host for url in settings.urls.values() if (host := remotes.github_host(url))}
    if "://" in where:
        return remotes.normalise(where), hosts
    names = where.split("/")
    if len(names) == 2:
        names = ["github.com", *names]
    else:
        hosts.add(names[0])
    url = git.text("ls-remote", "--get-url", f"https://{'/'.join(names)}")
    store = remotes.from_git_remote(url, hosts)
    if not store:
        raise UsageError(f"{where} is no repository on GitHub ({url})", "git models download OWNER/REPO:MODEL")
    return store, hosts


def _manifest(where: str, store: str, revision: str) -> Manifest:
    raw = remotes.file_of(store, manifest.NAME, revision)
    try:
        return manifest.parse(raw)
    except ManifestError as failed:
        raise RemoteError(f"{where}: {failed.what}") from None


def nowhere(found: Foreign, failures: Sequence[ModelsError]) -> ModelsError:
    """None of the places has the bytes."""
    if found.elsewhere:
        return ModelsError(
            f"{found.repository} keeps {found.entry.path} at {', '.join(found.elsewhere)}: not asked for a stranger",
            f"git models clone https://github.com/{found.repository}   # then: git models remote trust NAME",
        )
    return failures[0] if failures else ModelsError(f"{found.repository}: no place has {found.entry.path}")
