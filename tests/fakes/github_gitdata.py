"""The API's git data: trees, commits and refs, made with git in the repository on disk."""

from __future__ import annotations

from git_models.git import GitError
from tests.fakes import github_json as show
from tests.fakes.github_api import Call, Refused, invalid, must_write, route
from tests.fakes.github_state import call, file_at, kind, make_commit, make_tree, refs, settle
from tests.fakes.web import Reply, json_reply


def must_have_commits(it: Call) -> None:
    """Raises Refused for a repository to which nothing was ever pushed."""
    if it.repo.empty:
        raise Refused(409, "Git Repository is empty.")


@route("GET", "/contents/*")
def contents(it: Call) -> Reply:
    """Only the raw form, which is asked for by its media type."""
    raw = "application/vnd.github.raw" in it.request.headers.get("Accept", "")
    data = file_at(it.repo, it.request.query.get("ref", "HEAD"), it.values[0]) if raw else None
    if data is None:
        raise Refused(404, "Not Found")
    return Reply(200, data, {"Content-Type": "application/vnd.github.raw+json; charset=utf-8"})


@route("POST", "/git/trees")
def create_tree(it: Call) -> Reply:
    must_write(it)
    must_have_commits(it)
    entries = it.json.get("tree")
    if not entries:
        raise Refused(422, "Invalid tree info")
    try:
        sha = make_tree(it.repo, entries, it.json.get("base_tree"))
    except (GitError, KeyError):
        raise Refused(422, "Invalid tree info") from None
    base = f"{it.urls.api}/repos/{it.repo.full_name}/git"
    tree = []
    for line in call(it.repo, "ls-tree", "-l", sha).splitlines():
        mode, type_, blob, size, path = line.split(None, 4)
        entry = {"path": path, "mode": mode, "type": type_, "sha": blob, "url": f"{base}/{type_}s/{blob}"}
        tree.append(entry if size == "-" else entry | {"size": int(size)})
    return json_reply(201, {"sha": sha, "url": f"{base}/trees/{sha}", "tree": tree, "truncated": False})


@route("POST", "/git/commits")
def create_commit(it: Call) -> Reply:
    must_write(it)
    must_have_commits(it)
    tree, parents, message = it.json.get("tree", ""), it.json.get("parents", []), it.json.get("message")
    if message is None:
        raise invalid("Commit", "missing_field", "message")
    now = it.hub.now()
    try:
        sha = make_commit(it.repo, tree, parents, message, now)
    except GitError:
        raise Refused(422, "Tree SHA does not exist") from None
    return json_reply(201, show.commit(it.urls, it.repo, sha, tree, parents, message, now))


def ref_reply(it: Call, status: int, name: str, sha: str) -> Reply:
    value = show.ref(it.urls, it.repo, name, sha, kind(it.repo, sha) or "commit")
    return json_reply(status, value, **({"Location": value["url"]} if status == 201 else {}))


@route("GET", "/git/ref/*")
def get_ref(it: Call) -> Reply:
    must_have_commits(it)
    name = f"refs/{it.values[0]}"
    sha = refs(it.repo, name).get(name)
    if not sha:
        raise Refused(404, "Not Found")
    return ref_reply(it, 200, name, sha)


@route("GET", "/git/refs/")
def list_refs(it: Call) -> Reply:
    must_have_commits(it)
    values = [show.ref(it.urls, it.repo, n, sha, kind(it.repo, sha) or "commit") for n, sha in refs(it.repo).items()]
    return json_reply(200, values)


@route("POST", "/git/refs")
def create_ref(it: Call) -> Reply:
    must_write(it)
    must_have_commits(it)
    name, sha = it.json.get("ref", ""), it.json.get("sha", "")
    if name in refs(it.repo):
        raise Refused(422, "Reference already exists")
    return write_ref(it, 201, name, sha)


@route("PATCH", "/git/refs/*")
def update_ref(it: Call) -> Reply:
    must_write(it)
    name = f"refs/{it.values[0]}"
    if name not in refs(it.repo, name):
        raise Refused(422, "Reference does not exist")
    return write_ref(it, 200, name, it.json.get("sha", ""))


def write_ref(it: Call, status: int, name: str, sha: str) -> Reply:
    if not name.startswith("refs/") or name.count("/") < 2 or not kind(it.repo, sha):
        raise Refused(422, "Object does not exist" if name.startswith("refs/") else "Reference name is invalid")
    call(it.repo, "update-ref", name, sha)
    return ref_reply(it, status, name, sha)


@route("DELETE", "/git/refs/*")
def delete_ref(it: Call) -> Reply:
    must_write(it)
    name = f"refs/{it.values[0]}"
    if name not in refs(it.repo, name):
        raise Refused(422, "Reference does not exist")
    call(it.repo, "update-ref", "-d", name)
    settle(it.repo)
    return Reply(204)
