"""Which remotes this clone reads from and writes to."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from git_models import messages, remotes
from git_models.errors import ModelsError
from git_models.manifest import Manifest
from git_models.remotes.base import Remote
from git_models.repo import Repo


class Place(NamedTuple):
    """A remote by name and URL, and why it is known."""

    name: str
    url: str
    source: str  # "config", "manifest", "git remote" or "argument"
    approved: bool  # may be read from unasked


def for_pull(repo: Repo, known: Manifest) -> list[Place]:
    """The places to look for objects, in order.

    This clone's own (`models.remote`), the manifest's, the releases of the git remotes, then whatever
    else this clone knows by name.
    """
    found = _default(repo)
    found += [Place(name, url, "manifest", approved(repo, name, url)) for name, url in known.remotes.items()]
    found += _derived(repo)
    found += [Place(name, url, "config", True) for name, url in repo.config.urls.items()]
    return _unique(found)


def for_push(repo: Repo, known: Manifest, git_remote: str = "", url: str = "") -> list[Place]:
    """The places that get every object of a push to the git remote `git_remote` at `url`.

    This clone's `models.remote`, else the releases of the repository that is pushed to, else a
    place that the manifest names and this clone's user approved. Raises ModelsError when there is none.
    """
    if repo.config.remote:
        return _unique(_default(repo))
    # The URL as configured: pre-push is told the one that insteadOf made of it.
    named = repo.config.git_remotes.get(git_remote, ())
    derived = next((d for u in (*named, url) if u and (d := _store_of(repo, u))), None)
    if derived:
        return [Place(git_remote or "origin", derived, "git remote", True)]
    if not url:
        own = _derived(repo)
        if own:
            return own[:1]
    readers = [p for p in for_pull(repo, known) if p.source == "manifest" and p.approved]
    if readers:
        return readers
    unapproved = next(iter(known.remotes), "")
    if unapproved:
        raise messages.unapproved(unapproved, known.remotes[unapproved])
    raise ModelsError(
        "no remote for models: origin is not a GitHub repository and no other place is configured",
        "git models remote add NAME URL   # for example file:///mnt/models",
    )


def by_name(repo: Repo, known: Manifest, text: str) -> Place:
    """The place that a user named, by name or by URL. Raises ModelsError for an unknown name."""
    found = for_pull(repo, known)
    for place in found:
        if text in (place.name, place.url):
            return place
    if "://" in text:
        return Place(text.partition(":")[0], remotes.normalise(text), "argument", True)
    names = ", ".join(p.name for p in found) or "none"
    raise ModelsError(f"no place is called {text!r}; there are: {names}", "git models remote list")


def approved(repo: Repo, name: str, url: str) -> bool:
    """Whether a place that only the manifest names may be read from unasked.

    Release stores of this clone's own git remotes may; a folder, too, when the repository itself
    came from this machine's file system. Everything else needs `git models remote trust`.
    """
    if url in (repo.config.trusted.get(name), repo.config.urls.get(name)):
        return True
    git_urls = [u for urls in repo.config.git_remotes.values() for u in urls]
    if url.startswith("file:"):
        return any(u.startswith(("/", "file://", "./", "../")) for u in git_urls) or not git_urls
    return url.startswith(("github:", "github+http:")) and remotes.same_store(
        url, [d for u in git_urls if (d := _store_of(repo, u))]
    )


def connect(repo: Repo, place: Place, patience: float = 30, wait: Callable[[float, str], None] | None = None) -> Remote:
    """The remote itself. Raises ModelsError for a place that is not approved or cannot be used."""
    if not place.approved:
        raise messages.unapproved(place.name, place.url)
    options = remotes.Options(
        top=repo.top,
        cache=os.path.join(repo.models, "listings"),
        patience=patience,
        from_manifest=place.source == "manifest" and repo.config.urls.get(place.name) != place.url,
    )
    return remotes.open(place.url, place.name, options)


def _default(repo: Repo) -> list[Place]:
    """The places that `models.remote` names."""
    found = []
    for name in repo.config.remote:
        if "://" in name:
            found.append(Place(name.partition(":")[0], name, "config", True))
        elif name in repo.config.urls:
            found.append(Place(name, repo.config.urls[name], "config", True))
        else:
            raise ModelsError(
                f"models.remote is {name!r}, but no place has that name", f"git models remote add {name} URL"
            )
    return found


def _derived(repo: Repo) -> list[Place]:
    """The release stores of this clone's git remotes, origin's first."""
    names = sorted(repo.config.git_remotes, key=lambda n: (n != "origin", n))
    found = []
    for name in names:
        derived = _store_of(repo, repo.config.git_remotes[name][0])
        if derived:
            found.append(Place(name, derived, "git remote", True))
    return found


def _store_of(repo: Repo, git_url: str) -> str | None:
    """The release store of a git remote; hosts other than GitHub's own count once the user configured a place there."""
    hosts = {u.split("/")[2] for u in repo.config.urls.values() if u.startswith(("github://", "github+http://"))}
    return remotes.from_git_remote(git_url, hosts)


def _unique(found: list[Place]) -> list[Place]:
    """One place for each URL: the first, but the approved one if there is one."""
    best: dict[str, Place] = {}
    for place in found:
        if place.url not in best or (place.approved and not best[place.url].approved):
            best[place.url] = place
    return list(best.values())
