"""How GitHub's API writes users, repositories, releases, assets and git objects."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from tests.fakes.faults import has
from tests.fakes.github_state import Asset, Release, Repository, Token, User

Json = dict[str, Any]


class Urls(NamedTuple):
    """Where this client finds the three hosts that answers name."""

    api: str
    uploads: str
    web: str


def stamp(seconds: float) -> str:
    """Epoch seconds as GitHub prints them."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int) -> str:
    """An opaque id."""
    return base64.b64encode(f"{kind}{number}".encode()).decode()


def user(urls: Urls, who: User) -> Json:
    """A `simple-user`."""
    api = f"{urls.api}/users/{who.login}"
    return {
        "login": who.login,
        "id": who.id,
        "node_id": node_id("User", who.id),
        "avatar_url": f"{urls.web}/avatars/u/{who.id}?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{urls.web}/{who.login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": "User",
        "site_admin": False,
    }


def asset(urls: Urls, repo: Repository, release: Release, it: Asset, digests: bool) -> Json:
    """A `release-asset`; an old Enterprise Server (`digests` False) knows no digest at all."""
    value: Json = {
        "url": f"{urls.api}/repos/{repo.full_name}/releases/assets/{it.id}",
        "id": it.id,
        "node_id": node_id("ReleaseAsset", it.id),
        "name": it.name,
        "label": it.label,
        "uploader": user(urls, it.uploader),
        "content_type": it.content_type,
        "state": it.state,
        "size": it.size,
        "digest": f"sha256:{it.sha256}" if it.sha256 and not has(it.name, "no-digest") else None,
        "download_count": it.downloads,
        "created_at": stamp(it.created),
        "updated_at": stamp(it.updated),
        "browser_download_url": f"{urls.web}/{repo.full_name}/releases/download/{quote(release.slug, '')}/{it.name}",
    }
    if not digests:
        del value["digest"]
    return value


def release(urls: Urls, repo: Repository, it: Release, digests: bool) -> Json:
    """A `release` with all its assets."""
    api = f"{urls.api}/repos/{repo.full_name}"
    return {
        "url": f"{api}/releases/{it.id}",
        "assets_url": f"{api}/releases/{it.id}/assets",
        "upload_url": f"{urls.uploads}/repos/{repo.full_name}/releases/{it.id}/assets{{?name,label}}",
        "html_url": f"{urls.web}/{repo.full_name}/releases/tag/{quote(it.slug, '')}",
        "id": it.id,
        "author": user(urls, it.author),
        "node_id": node_id("Release", it.id),
        "tag_name": it.tag,
        "target_commitish": it.target,
        "name": it.name,
        "draft": it.draft,
        "immutable": it.immutable,
        "prerelease": it.prerelease,
        "created_at": stamp(it.created),
        "updated_at": stamp(it.published or it.created),
        "published_at": None if it.published is None else stamp(it.published),
        "assets": [asset(urls, repo, it, a, digests) for a in it.assets],
        "tarball_url": None if it.draft else f"{api}/tarball/{quote(it.tag)}",
        "zipball_url": None if it.draft else f"{api}/zipball/{quote(it.tag)}",
        "body": it.body,
    }


# Parts of a repository's answer that are URLs below its own, by the name of the field.
_BELOW = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "statuses": "statuses/{sha}",
    "trees": "git/trees{/sha}",
} | {
    name: name
    for name in [
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "hooks",
        "languages",
        "merges",
        "stargazers",
        "subscribers",
        "subscription",
        "tags",
        "teams",
    ]
}
_COUNTS = [
    "forks",
    "forks_count",
    "stargazers_count",
    "watchers",
    "watchers_count",
    "open_issues",
    "open_issues_count",
    "network_count",
    "subscribers_count",
    "size",
]
_RIGHTS = ("admin", "maintain", "push", "triage", "pull")
_GRANTS = {"admin": _RIGHTS, "write": _RIGHTS[2:], "read": _RIGHTS[4:]}


def repository(urls: Urls, it: Repository, token: Token | None, now: float) -> Json:
    """A `full-repository`, with `permissions` for who has a token."""
    api, web, owner = f"{urls.api}/repos/{it.full_name}", f"{urls.web}/{it.full_name}", User(it.id + 10_000, it.owner)
    host = urlsplit(web).netloc
    value: Json = {
        "id": it.id,
        "node_id": node_id("Repository", it.id),
        "name": it.name,
        "full_name": it.full_name,
        "private": it.private,
        "visibility": "private" if it.private else "public",
        "owner": user(urls, owner),
        "html_url": web,
        "description": it.description,
        "fork": False,
        "url": api,
        "git_url": f"git://{host}/{it.full_name}.git",
        "ssh_url": f"git@{host.partition(':')[0]}:{it.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "language": None,
        "mirror_url": None,
        "license": None,
        "default_branch": it.default_branch,
        "archived": False,
        "disabled": False,
        "created_at": stamp(now),
        "updated_at": stamp(now),
        "pushed_at": stamp(now),
        "topics": [],
    }
    value |= {f"{name}_url": f"{api}/{path}" for name, path in _BELOW.items()}
    value |= {f"has_{what}": False for what in ("issues", "projects", "wiki", "pages", "downloads", "discussions")}
    value |= dict.fromkeys(_COUNTS, 0)
    if token:
        granted = _GRANTS[token.can.get(it.full_name, "read")]
        value["permissions"] = {right: right in granted for right in _RIGHTS}
    return value


def ref(urls: Urls, repo: Repository, name: str, sha: str, kind: str) -> Json:
    """A `git-ref`."""
    git = f"{urls.api}/repos/{repo.full_name}/git"
    return {
        "ref": name,
        "node_id": node_id(name, repo.id),
        "url": f"{git}/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{git}/{kind}s/{sha}"},
    }


def commit(urls: Urls, repo: Repository, sha: str, tree: str, parents: list[str], message: str, now: float) -> Json:
    """A `git-commit`."""
    git = f"{urls.api}/repos/{repo.full_name}/git"
    web = f"{urls.web}/{repo.full_name}/commit"
    who = {"name": "GitHub", "email": "noreply@github.com", "date": stamp(now)}
    return {
        "sha": sha,
        "node_id": node_id(sha, repo.id),
        "url": f"{git}/commits/{sha}",
        "html_url": f"{web}/{sha}",
        "author": who,
        "committer": who,
        "tree": {"sha": tree, "url": f"{git}/trees/{tree}"},
        "message": message,
        "parents": [{"sha": p, "url": f"{git}/commits/{p}", "html_url": f"{web}/{p}"} for p in parents],
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


def me(urls: Urls, who: User, now: float) -> Json:
    """A `public-user`, which is what a token without the scope `user` sees of its owner."""
    empty = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    return user(urls, who) | empty | counts | {"created_at": stamp(now), "updated_at": stamp(now)}
