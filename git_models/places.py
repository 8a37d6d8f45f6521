"""Which remotes this clone reads from and writes to."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from git_models import git, messages, objects, remotes
from git_models.errors import ModelsError, word
from git_models.manifest import Manifest
from git_models.remotes.base import Remote
from git_models.repo import Repo

GITHUB = "github"
"""The name under which a manifest records the store of its repository."""


class Place(NamedTuple):
    """A remote by name and URL, and why it is known."""

    name: str
    url: str
    source: str  # "config", "manifest", "git remote", "pull request" or "argument"
    approved: bool  # may be read from unasked
    anonymous: bool = False  # … as a stranger: no credential goes there, and nothing is uploaded


def for_pull(repo: Repo, known: Manifest) -> list[Place]:
    """The places to look for objects, in order.

    This clone's own (`models.remote`), the manifest's, the releases of the git remotes, then whatever
    else this clone knows by name.
    """
    found = _default(repo)
    found += [_named_by_manifest(repo, name, url) for name, url in known.remotes.items()]
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
    for name in (git_remote,) if url else _push_remotes(repo):
        named = repo.config.git_remotes.get(name, (name,))
        derived = next((d for u in (*named, url) if u and (d := _store_of(repo, u))), None)
        if derived:
            return [Place(name or "origin", derived, "git remote", True)]
    readers = [p for p in for_pull(repo, known) if p.source == "manifest" and p.approved and not p.anonymous]
    if readers:
        return readers
    unapproved = next(iter(known.remotes), "")
    if unapproved:
        raise messages.unapproved(unapproved, known.remotes[unapproved])
    raise ModelsError(
        "no remote for models: origin is not a GitHub repository and no other place is configured",
        "git models remote add NAME URL   # for example file:///mnt/models",
    )


def for_readers(repo: Repo, known: Manifest) -> dict[str, str]:
    """The `remotes:` that the manifest lacks so that a fork's clone, too, finds the store; {} if it lacks none.

    The store of `upstream`, if there is such a git remote, else of origin. A clone that sends its
    models elsewhere has said so in its own way.
    """
    if known.remotes or repo.config.remote:
        return {}
    own = sorted(_derived(repo), key=lambda p: p.name != "upstream")
    return {GITHUB: own[0].url} if own else {}


def ours(repo: Repo, known: Manifest) -> list[Place]:
    """Where the repository itself keeps its models, whichever branch is checked out. Raises ModelsError."""
    origin = next(iter(repo.config.git_remotes.get("origin", ())), "")
    return for_push(repo, known, "origin", origin) if origin else for_push(repo, known)


def is_own(repo: Repo, url: str) -> bool:
    """Whether a store is the releases of the repository that `origin` names: nobody else keeps models there."""
    origin = next(iter(repo.config.git_remotes.get("origin", ())), "")
    own = _store_of(repo, origin) if origin else None
    return own is not None and remotes.same_store(url, [own])


def holders(repo: Repo, known: Manifest) -> dict[str, list[Place]]:
    """Object (sha256) → the places that were seen to hold it; nobody is asked."""
    found: dict[str, list[Place]] = {}
    for place in for_pull(repo, known):
        for oid in objects.held(repo.models, place.url):
            found.setdefault(oid, []).append(place)
    return found


def contributor(repo: Repo) -> Place | None:
    """The store of the fork that the branch here came from, None if it came from no fork.

    `gh pr checkout` leaves the fork in `branch.NAME.remote` or `.pushRemote`, a name or a URL; GitHub
    Actions describes the pull request in the file that GITHUB_EVENT_PATH names.
    """
    origin = next(iter(repo.config.git_remotes.get("origin", ())), "")
    home = _store_of(repo, origin) if origin else None
    for name in _branch_remotes(repo):
        derived = _store_of(repo, repo.config.git_remotes.get(name, (name,))[0])
        if derived and derived != home:
            return Place(name if "/" not in name else "fork", derived, "git remote", True)
    derived = _store_of(repo, _event_fork())
    return Place("fork", derived, "pull request", True, anonymous=True) if derived and derived != home else None


def fork(repo: Repo, known: Manifest, text: str) -> Place:
    """The store of a fork as a user typed it: OWNER/REPO beside this one, a git remote, a place or a URL."""
    if text in repo.config.git_remotes:
        derived = _store_of(repo, repo.config.git_remotes[text][0])
        if derived:
            return Place(text, derived, "git remote", True)
    derived = _store_of(repo, text)
    if not derived and "://" not in text and text.count("/") == 1:
        home = next((p.url for p in for_pull(repo, known) if remotes.github_host(p.url)), "github://owner/repo")
        derived = remotes.normalise("/".join([*home.partition("?")[0].split("/")[:-2], text]))
    return Place(text, derived, "argument", True) if derived else by_name(repo, known, text)


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
    """Whether a place that only the manifest names is as good as this clone's own.

    Release stores of this clone's own git remotes are. Everything else needs `git models remote trust`.
    """
    if url in (repo.config.trusted.get(name), repo.config.urls.get(name)):
        return True
    git_urls = [u for urls in repo.config.git_remotes.values() for u in urls]
    host = remotes.github_host(url)
    # That git itself talks to this repository there is as good as a declaration of the host.
    own = [d for u in git_urls if host and (d := remotes.from_git_remote(u, {host}))]
    return remotes.same_store(url, own)


def near(repo: Repo, url: str) -> bool:
    """Whether a place is a folder of the file system that this clone itself came from: its other clones see it, too."""
    git_urls = [u for urls in repo.config.git_remotes.values() for u in urls]
    return url.startswith("file:") and (
        not git_urls or any(u.startswith(("/", "file://", "./", "../")) for u in git_urls)
    )


def connect(repo: Repo, place: Place, patience: float = 30, wait: Callable[[float, str], None] | None = None) -> Remote:
    """The remote itself. Raises ModelsError for a place that is not approved or cannot be used."""
    if not place.approved:
        raise messages.unapproved(place.name, place.url)
    options = remotes.Options(
        top=repo.top,
        cache=os.path.join(repo.models, "listings"),
        patience=patience,
        # Enterprise Servers lie inside private networks; a stranger's word for a host does not.
        from_manifest=place.anonymous and remotes.github_host(place.url) not in _hosts(repo),
        anonymous=place.anonymous,
    )
    return remotes.open(place.url, place.name, options)


def need_writable(place: Place) -> None:
    """Raises ModelsError for a place that may only be read: models never go where nobody sent them."""
    if place.anonymous or not place.approved:
        raise messages.unapproved(place.name, place.url)


def _named_by_manifest(repo: Repo, name: str, url: str) -> Place:
    """A place of the manifest: ours, one that may be read (releases, web servers, a folder near us), or neither."""
    own = approved(repo, name, url)
    public = url.startswith(("https://", "hf://")) or remotes.github_host(url) in {"github.com", *_hosts(repo)}
    public = public or near(repo, url)
    return Place(name, url, "manifest", own or public, anonymous=public and not own)


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
                f"models.remote is {name!r}, but no place has that name", f"git models remote add {word(name)} URL"
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


def _push_remotes(repo: Repo) -> Iterator[str]:
    """The git remotes (names or URLs) that a plain `git push` would take here, the likeliest first."""
    raw = repo.config.raw
    branch = list(_branch_remotes(repo))
    yield from branch[:-1]
    yield from raw.get("remote.pushdefault", ())[-1:]
    yield from branch[-1:]
    yield from sorted(repo.config.git_remotes, key=lambda n: (n != "origin", n))


def _branch_remotes(repo: Repo) -> list[str]:
    """`branch.NAME.pushRemote` and `.remote` of the branch that is checked out."""
    branch = git.text("symbolic-ref", "-q", "--short", "HEAD", cwd=repo.top, ok=(0, 1))
    keys = (f"branch.{branch}.pushremote", f"branch.{branch}.remote")
    return [repo.config.raw[key][-1] for key in keys if key in repo.config.raw]


def _event_fork() -> str:
    """The repository that a pull request comes from, as GitHub Actions tells its jobs; "" elsewhere."""
    from git_models import jsons

    try:
        with open(os.environ.get("GITHUB_EVENT_PATH", ""), encoding="utf-8") as file:
            return str(jsons.read(file.read(jsons.LARGEST + 1))["pull_request"]["head"]["repo"]["clone_url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _store_of(repo: Repo, git_url: str) -> str | None:
    """The release store of a git remote; hosts other than GitHub's own count once the user configured a place there."""
    return remotes.from_git_remote(git_url, _hosts(repo))


def _hosts(repo: Repo) -> Collection[str]:
    """The hosts that the user declared to be GitHubs by configuring a place there."""
    return {host for url in repo.config.urls.values() if (host := remotes.github_host(url))}


def _unique(found: list[Place]) -> list[Place]:
    """One place for each URL: the first, but the one with the most rights if there are several."""
    best: dict[str, Place] = {}
    for place in found:
        if place.url not in best or _rights(place) > _rights(best[place.url]):
            best[place.url] = place
    return list(best.values())


def _rights(place: Place) -> tuple[bool, bool]:
    return place.approved, not place.anonymous
