"""What all routes of the stand-in's REST API share: the call, refusals, rights, pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.fakes.github_json import Json, Urls
from tests.fakes.github_state import Asset, Release, Repository, Token
from tests.fakes.web import Reply, Request, json_reply

if TYPE_CHECKING:
    from tests.fakes.github import GitHub

DOCS = "https://docs.github.com/rest"


class Call(NamedTuple):
    """One request to the API, after the repository and the token are known."""

    hub: GitHub
    request: Request
    urls: Urls
    token: Token | None
    repo: Repository
    values: tuple[str, ...]  # the variable parts of `path`
    path: str  # below the repository's
    json: Json  # what was sent, {} if it was no object

    def release(self) -> Release:
        """The release whose id is in the path; drafts exist for writers only. Raises Refused."""
        for release in self.repo.releases:
            if str(release.id) == self.values[0] and (not release.draft or writes(self)):
                return release
        raise Refused(404, "Not Found")

    def asset(self) -> tuple[Release, Asset]:
        """The asset whose id is in the path, with its release. Raises Refused."""
        for release in self.repo.releases:
            for asset in release.assets:
                if str(asset.id) == self.values[0] and (not release.draft or writes(self)):
                    return release, asset
        raise Refused(404, "Not Found")


class Refused(Exception):
    """An error answer: `body` becomes its JSON; `errors` are (resource, code, field, message)."""

    def __init__(self, status: int, message: str, *errors: tuple[str, str, str | None, str | None], **headers: str):
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body: Json = {"message": message}
        if errors:
            self.body["errors"] = [
                {"resource": r, "code": c} | ({"field": f} if f else {}) | ({"message": m} if m else {})
                for r, c, f, m in errors
            ]
        self.body |= {"documentation_url": DOCS, "status": str(status)}


def invalid(resource: str, code: str, field: str | None = None, message: str | None = None) -> Refused:
    """The answer 422 to a request that makes no sense."""
    return Refused(422, "Validation Failed", (resource, code, field, message))


Route = Callable[[Call], Reply]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, path: str) -> Callable[[Route], Route]:
    """Register a function for a path below a repository's; `#` is a number, `*` anything."""
    pattern = re.compile(re.escape(path).replace(r"\#", r"(\d+)").replace(r"\*", "(.+)"))

    def register(function: Route) -> Route:
        ROUTES.append((method, pattern, function))
        return function

    return register


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The function for a path below a repository's. Raises Refused."""
    for verb, pattern, function in ROUTES:
        if verb == method and (match := pattern.fullmatch(path)):
            return function, match.groups()
    raise Refused(404, "Not Found")


def writes(it: Call) -> bool:
    """Whether the token may write to the repository; a classic one needs the scope as well."""
    if it.token is None or it.token.can.get(it.repo.full_name) not in ("write", "admin"):
        return False
    needed = {"repo"} if it.repo.private else {"repo", "public_repo"}
    return it.token.kind != "classic" or not needed.isdisjoint(it.token.scopes.split(", "))


def must_write(it: Call) -> None:
    """Raises Refused, in the words that fit the kind of token."""
    if it.token is None:
        raise Refused(401, "Requires authentication")
    if it.token.kind == "classic" and not writes(it):
        raise Refused(404, "Not Found")
    if not writes(it):
        what = "integration" if it.token.kind == "integration" else "personal access token"
        raise Refused(403, f"Resource not accessible by {what}")


def paged(it: Call, items: list[Any], render: Callable[[Any], Json]) -> Reply:
    """One page of a list, with the Link header where there are more."""
    query = it.request.query
    size = min(max(int(query.get("per_page", 30)), 1), 100)
    page = max(int(query.get("page", 1)), 1)
    last = max(-(-len(items) // size), 1)
    base = f"{it.urls.api}/repositories/{it.repo.id}{it.path}?per_page={size}&page="
    links = [("prev", page - 1)] * (page > 1) + [("next", page + 1), ("last", last)] * (page < last)
    links += [("first", 1)] * (page > 1)
    headers = {"Link": ", ".join(f'<{base}{n}>; rel="{rel}"' for rel, n in links)} if links else {}
    return json_reply(200, [render(item) for item in items[(page - 1) * size : page * size]], **headers)
