"""The few GraphQL questions that `gh release` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.github_json import Json, stamp
from tests.fakes.github_state import Release
from tests.fakes.web import Reply, json_reply

if TYPE_CHECKING:
    from tests.fakes.github import GitHub


def graphql(hub: GitHub, asked: Any) -> Reply:
    """Answer with exactly the fields of the queries of `gh` 2.23: its client accepts no others."""
    query, values = asked["query"], asked.get("variables", {})
    repo, _ = hub.find(f"{values.get('owner')}/{values.get('name')}")
    if not repo:
        return json_reply(200, {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": "no"}]})
    answer: Json = {}
    if "releases(" in query:
        answer["releases"] = {
            "nodes": [_release(r) for r in reversed(repo.releases)],
            "pageInfo": {"hasNextPage": False, "endCursor": None},
        }
    elif "release(" in query:
        tag = values.get("tagName")
        found = next((r for r in repo.releases if r.tag == tag), None)
        answer["release"] = {"databaseId": found.id, "isDraft": found.draft} if found else None
    return json_reply(200, {"data": {"repository": answer}})


def _release(it: Release) -> Json:
    return {
        "name": it.name,
        "tagName": it.tag,
        "isDraft": it.draft,
        "isLatest": it.latest == "true",
        "isPrerelease": it.prerelease,
        "createdAt": stamp(it.created),
        "publishedAt": None if it.published is None else stamp(it.published),
    }
