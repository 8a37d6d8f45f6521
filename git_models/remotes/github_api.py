"""GitHub's REST API: calls, pages that are asked for only if they changed, refusals in words."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from git_models import jsons
from git_models.errors import ModelsError, RemoteError, Transient
from git_models.output import safe
from git_models.remotes import credentials
from git_models.remotes.base import EmptyRepository, Options, RateLimited
from git_models.remotes.credentials import Token
from git_models.remotes.github_urls import Place
from git_models.remotes.http import Client, bearer, host_of, origin, redirect, retry_after, whole

if TYPE_CHECKING:
    import requests

VERSION = "2022-11-28"
_NEXT = re.compile(r'<([^<>]+)>;\s*rel="next"')


class Refused(RemoteError):
    """A status that only the caller can judge: 404, 409, 422."""

    def __init__(self, what: str, fix: str, status: int, message: str, codes: tuple[str, ...]) -> None:
        super().__init__(what, fix)
        self.status = status
        self.message = message  # GitHub's, in lower case
        self.codes = codes  # of the field errors of a 422: "already_exists", …


class Access(NamedTuple):
    """What a token may do with a repository."""

    full_name: str  # OWNER/REPO as it is called today
    private: bool
    push: bool
    archived: bool
    scopes: tuple[str, ...] | None = None  # of a classic token; others tell none


class Identity(NamedTuple):
    """Whom a token belongs to."""

    login: str
    scopes: tuple[str, ...] | None  # of a classic token; None for the kinds whose rights are per repository


class Api:
    """The API for one repository. Safe to use from several threads."""

    def __init__(self, place: Place, options: Options) -> None:
        self.place = place
        self.client = Client(options)
        self._options = options
        self._cache = options.cache

    @property
    def anonymous(self) -> bool:
        """Whether no token is sent even if there is one."""
        return self._options.from_manifest or self._options.anonymous

    def token(self) -> Token | None:
        """Looked up when it is first needed; never for a URL that only the manifest vouches for."""
        if self.anonymous:
            return None
        return credentials.find("http" if self.place.plain else "https", self.place.host, self._options.top)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a call below the repository. Raises Refused, RemoteError, Transient."""
        response = self._ask(method, self._url(path), body)
        with response:
            return json_of(response) if response.status_code != 204 else None

    def raw(self, path: str) -> tuple[requests.Response, str] | None:
        """The answer to a call that sends a file itself, and its URL; None where there is none."""
        url = self._url(path)
        response = self._ask("GET", url, None, {"Accept": "application/vnd.github.raw+json"})
        if response.status_code == 404:
            response.close()
            return None
        return response, url

    def pages(self, path: str) -> Iterator[Any]:
        """All items of a list, each page asked for only if it changed since the last time."""
        url: str | None = self._url(f"{path}{'&' if '?' in path else '?'}per_page=100")
        while url:
            items, url = self._page(url)
            yield from items

    def access(self) -> Access:
        """What the token (or the public) may do here. Raises Refused (404), RemoteError."""
        with self._ask("GET", self._url(""), None) as response:
            repo = json_of(response)
            scopes = response.headers.get("X-OAuth-Scopes")
        rights = repo.get("permissions") or {}
        return Access(
            str(repo["full_name"]),
            bool(repo["private"]),
            bool(rights.get("push")),
            bool(repo.get("archived")),
            None if scopes is None else tuple(filter(None, scopes.replace(" ", "").split(","))),
        )

    def _url(self, path: str) -> str:
        return f"{self.place.api}/repos/{quote(self.place.owner)}/{quote(self.place.repo)}{path}"

    def _page(self, url: str) -> tuple[list[Any], str | None]:
        if origin(url) != origin(self.place.api):
            raise RemoteError(f"{self.place.host} names {host_of(url)} for the next page of a list: not asked")
        token = self.token()
        file = self._cached(url, token)
        kept = _read(file)
        response = self._ask("GET", url, None, {"If-None-Match": kept["etag"]} if kept else {})
        with response:
            if response.status_code == 304 and kept:
                return kept["items"], kept["next"]
            items = json_of(response)
            if not isinstance(items, list):
                raise RemoteError(f"{self.place.host} answered a list with something else")
            found = _NEXT.search(response.headers.get("Link", ""))
            following = found[1] if found else None
            if tag := response.headers.get("ETag"):
                _write(file, {"etag": tag, "items": items, "next": following})
            return items, following

    def _cached(self, url: str, token: Token | None) -> str | None:
        if not self._cache:
            return None
        # Two tokens may see different things, and whoever reads the folder must not learn the token.
        key = hashlib.sha256(f"{url}\n{token.value if token else ''}".encode()).hexdigest()
        return os.path.join(self._cache, f"{key}.json")

    def _ask(
        self, method: str, url: str, body: Mapping[str, Any] | None, more: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send with the token, to the API's own host only, along the redirects of a renamed repository."""
        token = self.token()
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION, **(more or {})}
        headers |= {"Content-Type": "application/json"} if data is not None else {}
        headers |= bearer(token.value if token else None)
        for _ in range(4):
            response = self.client.send(method, url, headers, data)
            target = redirect(response, url)
            if target is None:
                break
            response.close()
            if origin(target) != origin(self.place.api):
                raise RemoteError(f"the API of {self.place.host} sends us to {host_of(target)}: not followed")
            url = target
        if response.status_code >= 400:
            with response:
                raise self.refusal(response, method != "GET")
        return response

    def refusal(self, response: requests.Response, writing: bool) -> ModelsError:
        """What an error answer of the API or the uploads host means, and what to do about it."""
        place, status, token = self.place, response.status_code, self.token()
        try:
            said = json_of(response)
        except RemoteError:
            said = {}
        said = said if isinstance(said, dict) else {}
        message = str(said.get("message") or f"status {status}")
        low = message.lower()
        repo = f"{place.owner}/{place.repo}"
        if limit := self._limited(response, low):
            return limit
        if status == 401 and token is None:
            return RemoteError(
                f"{repo} on {place.host} takes models only from somebody with a token, and there is none here",
                fix=f"git models login {place.host}   # or set {credentials.variables(place.host)[0]}",
            )
        if status == 401:
            return RemoteError(
                f"{place.host} does not accept the token from {token.source if token else '?'}: "
                "it has expired, was revoked or is incomplete",
                fix=f"git models login {place.host}",
            )
        if sso := response.headers.get("X-GitHub-SSO", ""):
            page = sso.partition("url=")[2]
            return RemoteError(
                f"{place.owner} protects its repositories with single sign-on, "
                "and the token has not been authorised for it",
                fix=f"open {page or 'https://github.com/settings/tokens'} in a browser, then the same command again",
            )
        if status == 403 and "not accessible" in low:
            return RemoteError(
                f"the token from {token.source if token else '?'} may only read {repo}\n"
                "  (a pull request from a fork has such a token)",
                fix=f'git models login {place.host}   # a token with "Contents: write"\n'
                "git models push --remote github://YOU/FORK   # or store them at your fork",
            )
        if "empty" in low and status in (409, 422):
            return EmptyRepository(
                f"{repo} has no commit yet, so it can hold no release", fix="git push, then: git models push"
            )
        if status == 404:
            return self._unseen(token, writing, repo, low)
        if status >= 500:
            return Transient(f"{place.host} failed with status {status}", after=retry_after(response))
        errors = said.get("errors")
        errors = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
        codes = tuple(str(e.get("code", "")) for e in errors)
        full = safe(
            "; ".join([message, *(str(e.get("message") or f"{e.get('field')}: {e.get('code')}") for e in errors)])
        )
        return Refused(f"{place.host} refuses ({status}): {full}", "", status, full.lower(), codes)

    def _limited(self, response: requests.Response, message: str) -> RateLimited | None:
        if response.status_code not in (403, 429):
            return None
        place, after = self.place, retry_after(response)
        if response.headers.get("x-ratelimit-remaining") == "0" and after is None:
            reset = response.headers.get("x-ratelimit-reset", "")
            after = max(1.0, float(reset) - time.time()) if reset.isdigit() else None
            at = time.strftime("%H:%M", time.localtime(time.time() + (after or 0)))
            anonymous = self.token() is None
            return RateLimited(
                f"{place.host} takes no more requests from {'this address' if anonymous else 'this token'} until {at}",
                fix=f"set {credentials.variables(place.host)[0]} (or: git models login): a token may ask more often"
                if anonymous
                else f"wait until {at}, then the same command again",
                after=after or 60.0,
                exact=after is not None,
            )
        if after is not None or "rate limit" in message or response.status_code == 429:
            return RateLimited(
                f"{place.host} wants fewer requests at a time", after=after or 60.0, exact=after is not None
            )
        return None

    def _unseen(self, token: Token | None, writing: bool, repo: str, message: str) -> ModelsError:
        place = self.place
        if self.anonymous:
            what = f"{repo} on {place.host} is private or does not exist:\n  no token is sent there unasked"
            fix = f"git remote add upstream {place.web}.git   # if you may read it"
        elif token is None:
            what = f"{repo} on {place.host} is private or does not exist:\n  there is no token to look with"
            fix = f"git models login {place.host}   # or set {credentials.variables(place.host)[0]}"
        elif writing:
            what = f"the token from {token.source} may not write to {repo} (or {repo} does not exist)"
            fix = f"git models login {place.host} with a token that may write, or git models remote add FORK …"
        else:
            what = f"the token from {token.source} does not see {repo}: it is private, was renamed or does not exist"
            fix = f"git models login {place.host} with a token that may read it"
        return Refused(what, fix, 404, message, ())


def whoami(place: Place, options: Options, token: str) -> Identity:
    """Whom a token belongs to. Raises RemoteError for one that GitHub does not know."""
    url = f"{place.api}/user"
    with Client(options).send("GET", url, {"Accept": "application/vnd.github+json", **bearer(token)}) as response:
        if response.status_code in (401, 403):
            raise RemoteError(f"{place.host} does not accept this token", fix="copy it again, all of it")
        if response.status_code != 200:
            raise Transient(f"{place.host} failed with status {response.status_code}")
        scopes = response.headers.get("X-OAuth-Scopes")
        names = tuple(s.strip() for s in scopes.split(",") if s.strip()) if scopes is not None else None
        return Identity(str(json_of(response)["login"]), names)


def json_of(response: requests.Response) -> Any:
    """The answer's JSON. Raises Transient for a page, RemoteError for what is none."""
    content = whole(response)
    try:
        return jsons.read(content)
    except ValueError as error:
        host = host_of(response.url)
        if b"<html" in content[:1024].lower():
            raise Transient(f"{host} answered with a web page instead of its API") from error
        raise RemoteError(f"{host} answered with something that is not JSON") from error


def _read(file: str | None) -> dict[str, Any] | None:
    try:
        with open(file or "", encoding="utf-8") as source:
            kept = jsons.read(source.read(jsons.LARGEST + 1))
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) and {"etag", "items", "next"} <= kept.keys() else None


def _write(file: str | None, value: dict[str, Any]) -> None:
    """Keep a page; a cache that cannot be written is no reason to fail."""
    if not file:
        return
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        temp = f"{file}.{os.getpid()}-{time.monotonic_ns()}"
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="utf-8") as target:
            json.dump(value, target)
        os.replace(temp, file)
    except OSError:
        pass
