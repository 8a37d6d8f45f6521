"""Which repository a URL means, and where its hosts are. Pure: nothing is asked."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from git_models import urls
from git_models.errors import ModelsError, UsageError

STORE = "git-models"
"""The store's release and tag where the URL names no other."""

_OWNER = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}"
_REPO = r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}"
_TAG = r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|\Z)))[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}(?<![./])"
_SCP = r"(?:[A-Za-z0-9_.-]+@)?([A-Za-z0-9.-]+):(?!/)(.+)"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Place(NamedTuple):
    """A repository's releases."""

    host: str  # with the port, if there is one
    owner: str
    repo: str
    store: str  # the first store release and its tag; the next ones are STORE-2, …
    plain: bool = False  # http on the loopback interface instead of https

    @property
    def web(self) -> str:
        """Base of the repository's pages and public downloads."""
        return f"{'http' if self.plain else 'https'}://{self.host}/{self.owner}/{self.repo}"

    @property
    def api(self) -> str:
        """Base of the API."""
        if self.plain:
            return f"http://{self.host}/api/v3"
        if self.cloud:
            return f"https://api.{self.host}"
        return f"https://{self.host}/api/v3"

    @property
    def uploads(self) -> str:
        """Base of the uploads host."""
        if self.plain:
            return f"http://{self.host}/api/uploads"
        if self.cloud:
            return f"https://uploads.{self.host}"
        return f"https://{self.host}/api/uploads"

    @property
    def cloud(self) -> bool:
        """Whether GitHub itself runs the host."""
        return known(self.host)

    @property
    def url(self) -> str:
        """The URL in its normal form."""
        scheme = "github+http" if self.plain else "github"
        host = "" if self.host == "github.com" else f"{self.host}/"
        release = "" if self.store == STORE else f"?release={_quoted(self.store)}"
        return f"{scheme}://{host}{self.owner}/{self.repo}{release}"

    @property
    def repository(self) -> tuple[str, str, str]:
        """What tells two repositories apart; GitHub does not care for upper and lower case."""
        return self.host, self.owner.lower(), self.repo.lower()

    def store_of(self, number: int) -> str:
        """The tag of the first, second, … store release."""
        return self.store if number == 1 else f"{self.store}-{number}"

    def number_of(self, tag: str) -> int | None:
        """The inverse of `store_of`; None for a release that is no store."""
        if tag == self.store:
            return 1
        found = re.fullmatch(re.escape(self.store) + r"-([1-9][0-9]{0,5})", tag)
        return int(found[1]) if found and int(found[1]) > 1 else None

    def download(self, tag: str, asset: str) -> str:
        """Where a public asset comes from without the API. A slash in a tag must be encoded."""
        return f"{self.web}/releases/download/{_quoted(tag)}/{_quoted(asset)}"


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def known(host: str) -> bool:
    """Whether a host is GitHub without anybody having said so."""
    return host == "github.com" or (host.endswith(".ghe.com") and host.count(".") == 2)


def parse(url: str) -> Place:
    """The repository of a `github:` URL. Raises UsageError with the forms that there are."""
    try:
        return _parse(url)
    except (ModelsError, ValueError) as error:
        raise UsageError(
            f"{urls.redact(url)!r} is no place for models: write github://OWNER/REPO, github://HOST/OWNER/REPO "
            f"or github://OWNER/REPO?release=NAME ({error})"
        ) from error


def _parse(url: str) -> Place:
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    plain = scheme == "github+http"
    if not plain and scheme != "github":
        raise ValueError(f"the scheme {scheme!r} is not github")
    path, _, query = rest.partition("?")
    names = path.rstrip("/").split("/")
    if len(names) == 2 and not plain:
        names = ["github.com", *names]
    if len(names) != 3:
        raise ValueError("owner and repository are missing")
    # Through the strict splitter: a host that two programs read differently is refused there.
    parts = urls.split(f"https://{names[0]}/")
    if parts.user or (plain and parts.host not in _LOOPBACK):
        raise ValueError("http is for this machine alone" if plain else "no user name is needed")
    host = f"{parts.host}:{parts.port}" if parts.port else parts.host
    owner, repo = names[1], names[2].removesuffix(".git")
    if not re.fullmatch(_OWNER, owner) or not re.fullmatch(_REPO, repo):
        raise ValueError(f"{owner}/{repo} cannot be a repository")
    return Place(host, owner, repo, _store(query), plain)


def _store(query: str) -> str:
    if not query:
        return STORE
    from urllib.parse import unquote

    key, _, value = query.partition("=")
    tag = unquote(value).removeprefix("refs/tags/")
    if key != "release" or not re.fullmatch(_TAG, tag):
        raise ValueError(f"{query!r} is not release=NAME with the name of a tag")
    return tag


def from_git_remote(url: str, hosts: Collection[str] = ()) -> str | None:
    """The store of the repository that a git remote names; None if it is not on GitHub.

    `hosts` are those that the user declared to be GitHub (Enterprise Servers, with the port if it is
    not the usual one) by configuring a `github://HOST/…` remote. Any form that git takes: https, ssh,
    `git@host:owner/repo`, git://, with and without `.git`.
    """
    scp = re.fullmatch(_SCP, url) if "://" not in url else None
    if scp:
        scheme, host, path = "ssh", scp[1].lower(), scp[2]
    else:
        # git takes a user and even a password in https URLs; they mean nothing here.
        bare = re.sub(r"\A([A-Za-z+]+://)[^/@]*@", r"\1", url)
        try:
            parts = urls.split(bare)
        except ModelsError:
            return None
        scheme, path = parts.scheme, parts.path.lstrip("/")
        if scheme not in ("https", "http", "ssh", "git", "git+ssh", "ssh+git"):
            return None
        # The port of ssh says nothing about that of https.
        host = f"{parts.host}:{parts.port}" if parts.port and scheme in ("http", "https") else parts.host
    host = {"ssh.github.com": "github.com", "www.github.com": "github.com"}.get(host, host)
    host = re.sub(r"\Assh\.(.+\.ghe\.com)\Z", r"\1", host.removesuffix(":443"))
    if not known(host) and host not in hosts:
        return None
    plain = scheme == "http" and host.partition(":")[0] in _LOOPBACK
    path = path.rstrip("/").removesuffix(".git")
    try:
        return parse(f"{'github+http' if plain else 'github'}://{host}/{path}").url
    except UsageError:
        return None
