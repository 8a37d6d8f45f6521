"""Releases, assets, rights and limits of the stand-in for GitHub."""

from __future__ import annotations

import hashlib
import http.client
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.fakes.asking import DATA, NAME, OCTETS, ask, download, first_error, new_release, upload
from tests.fakes.github import GitHub
from tests.fakes.github_state import Repository

RELEASES = "/repos/owner/repo/releases"


def repository(hub: GitHub) -> Repository:
    repo, _ = hub.find("owner/repo")
    assert repo
    return repo


def test_what_goes_up_comes_down_by_the_public_url_without_a_token(hub: GitHub) -> None:
    asset = upload(hub, new_release(hub), NAME).json()
    assert (asset["state"], asset["size"], asset["label"]) == ("uploaded", len(DATA), "weights/best.pt")
    assert asset["digest"] == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    hub.forget()
    assert requests.get(asset["browser_download_url"], timeout=20).content == DATA
    assert [(r.role, r.status, r.authorized) for r in hub.requests] == [("web", 302, False), ("blob", 200, False)]
    assert hub.assets("owner/repo")[NAME].bytes() == DATA


def test_a_tag_on_an_orphan_commit_is_seen_by_ls_remote_and_not_by_plain_fetch(hub: GitHub, tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path / "clone")]
    subprocess.check_call(["git", "clone", "--quiet", str(repository(hub).git), str(tmp_path / "clone")])
    entry = {"path": "README.md", "mode": "100644", "type": "blob", "content": "a store\n"}
    tree = ask(hub, "POST", "/repos/owner/repo/git/trees", json={"tree": [entry]}).json()
    commit = ask(hub, "POST", "/repos/owner/repo/git/commits", json={"message": "s", "tree": tree["sha"]}).json()
    new_release(hub, target_commitish=commit["sha"])
    assert (
        subprocess.check_output([*git, "ls-remote", "--tags"], text=True) == f"{commit['sha']}\trefs/tags/git-models\n"
    )
    subprocess.check_call([*git, "fetch", "--quiet"])
    assert subprocess.check_output([*git, "tag"]) == b""


def test_an_empty_tree_is_refused(hub: GitHub) -> None:
    assert ask(hub, "POST", "/repos/owner/repo/git/trees", json={"tree": []}).status_code == 422


def test_refs_are_made_read_moved_and_deleted(hub: GitHub) -> None:
    main = ask(hub, "GET", "/repos/owner/repo/git/ref/heads/main").json()["object"]["sha"]
    assert ask(hub, "GET", "/repos/owner/repo/git/ref/tags/t").status_code == 404
    made = {"ref": "refs/tags/t", "sha": main}
    assert ask(hub, "POST", "/repos/owner/repo/git/refs", json=made).status_code == 201
    assert ask(hub, "POST", "/repos/owner/repo/git/refs", json=made).status_code == 422
    assert ask(hub, "PATCH", "/repos/owner/repo/git/refs/tags/t", json={"sha": main}).status_code == 200
    assert ask(hub, "GET", "/repos/owner/repo/git/ref/tags/t").json()["object"]["type"] == "commit"
    assert ask(hub, "DELETE", "/repos/owner/repo/git/refs/tags/t").status_code == 204
    assert ask(hub, "DELETE", "/repos/owner/repo/git/refs/tags/t").status_code == 422


def test_an_empty_repository_takes_no_release_and_no_git_data_until_something_is_pushed(
    hub: GitHub, tmp_path: Path
) -> None:
    repo = hub.repository("owner/new", empty=True)
    hub.token("new", can={"owner/new": "write"})
    refused = ask(hub, "POST", "/repos/owner/new/releases", "new", json={"tag_name": "git-models"})
    assert (refused.status_code, refused.json()["message"]) == (422, "Repository is empty.")
    for path, sent in (("trees", {"tree": [{}]}), ("commits", {"message": "x"}), ("refs", {"ref": "refs/heads/x"})):
        assert ask(hub, "POST", f"/repos/owner/new/git/{path}", "new", json=sent).status_code == 409
    subprocess.check_call(["git", "-C", str(repository(hub).git), "push", "--quiet", str(repo.git), "main"])
    assert ask(hub, "POST", "/repos/owner/new/releases", "new", json={"tag_name": "git-models"}).status_code == 201


def test_a_draft_has_no_tag_is_hidden_from_readers_and_changes_its_urls_when_published(hub: GitHub) -> None:
    draft = new_release(hub, draft=True)
    asset = upload(hub, draft, NAME).json()
    assert "/untagged-" in asset["browser_download_url"]
    assert draft["published_at"] is None
    assert ask(hub, "GET", f"{RELEASES}/tags/git-models").status_code == 404
    assert ask(hub, "GET", RELEASES, "").json() == []
    assert [r["id"] for r in ask(hub, "GET", RELEASES).json()] == [draft["id"]]
    assert requests.get(asset["browser_download_url"], timeout=20).status_code == 404
    published = ask(hub, "PATCH", f"{RELEASES}/{draft['id']}", json={"draft": False}).json()
    assert published["assets"][0]["browser_download_url"].endswith(f"/owner/repo/releases/download/git-models/{NAME}")
    assert download(hub, NAME).content == DATA


def test_deleting_the_tag_turns_the_release_into_a_draft_and_publishing_it_again_heals(hub: GitHub) -> None:
    release = new_release(hub)
    upload(hub, release, NAME)
    subprocess.check_call(["git", "-C", str(repository(hub).git), "tag", "-d", "git-models"], stdout=subprocess.DEVNULL)
    url = f"{hub.url}/owner/repo/releases/download/git-models/{NAME}"
    assert requests.get(url, timeout=20).status_code == 404
    assert ask(hub, "GET", f"{RELEASES}/tags/git-models").status_code == 404
    assert ask(hub, "PATCH", f"{RELEASES}/{release['id']}", json={"draft": False}).status_code == 200
    assert requests.get(url, timeout=20).content == DATA


def test_a_prerelease_that_is_not_latest_leaves_latest_alone(hub: GitHub) -> None:
    assert ask(hub, "GET", f"{RELEASES}/latest").status_code == 404
    first = new_release(hub, tag_name="v1", prerelease=False, make_latest="legacy")
    new_release(hub)
    assert ask(hub, "GET", f"{RELEASES}/latest").json()["id"] == first["id"]
    second = new_release(hub, tag_name="v2", prerelease=False, make_latest="true")
    new_release(hub, tag_name="v3", prerelease=False, make_latest="legacy")
    assert ask(hub, "GET", f"{RELEASES}/latest").json()["id"] == second["id"]


def test_a_second_release_of_a_tag_is_refused(hub: GitHub) -> None:
    new_release(hub)
    answer = ask(hub, "POST", RELEASES, json={"tag_name": "git-models"})
    assert first_error(answer) == {"resource": "Release", "code": "already_exists", "field": "tag_name"}
    assert first_error(ask(hub, "POST", RELEASES, json={}))["code"] == "missing_field"
    answer = ask(hub, "POST", RELEASES, json={"tag_name": "x", "target_commitish": "0" * 40})
    assert first_error(answer)["field"] == "target_commitish"


def test_a_deleted_release_leaves_its_tag(hub: GitHub) -> None:
    release = new_release(hub)
    assert ask(hub, "DELETE", f"{RELEASES}/{release['id']}").status_code == 204
    assert ask(hub, "GET", f"{RELEASES}/{release['id']}").status_code == 404
    assert ask(hub, "GET", "/repos/owner/repo/git/ref/tags/git-models").status_code == 200


def test_what_is_deleted_on_the_web_page_is_gone(hub: GitHub) -> None:
    hub.put("owner/repo", "git-models", NAME, DATA)
    hub.put("owner/repo", "git-models-2", NAME, DATA)
    hub.delete_tag("owner/repo", "git-models")
    assert [r.draft for r in hub.releases("owner/repo")] == [True, False]
    hub.delete_release("owner/repo", "git-models-2")
    assert ask(hub, "GET", RELEASES, "").json() == []
    hub.remove("owner/repo")
    assert ask(hub, "GET", RELEASES).status_code == 404


def test_an_immutable_release_takes_assets_as_a_draft_only(hub: GitHub) -> None:
    repository(hub).immutable = True
    draft = new_release(hub, draft=True)
    asset = upload(hub, draft, NAME).json()
    ask(hub, "PATCH", f"{RELEASES}/{draft['id']}", json={"draft": False})
    refused = upload(hub, draft, "other.pt")
    assert (refused.status_code, refused.json()["message"]) == (422, "Cannot upload assets to an immutable release.")
    assert ask(hub, "DELETE", f"{RELEASES}/assets/{asset['id']}").status_code == 422
    assert ask(hub, "DELETE", f"{RELEASES}/{draft['id']}").status_code == 204
    assert first_error(ask(hub, "POST", RELEASES, json={"tag_name": "git-models"}))["field"] == "tag_name"


def test_an_asset_is_renamed_and_deleted_and_its_name_is_taken_once(hub: GitHub) -> None:
    release = new_release(hub)
    asset = upload(hub, release, NAME).json()
    assert first_error(upload(hub, release, NAME)) == {
        "resource": "ReleaseAsset", "code": "already_exists", "field": "name"
    }  # fmt: skip
    path = f"{RELEASES}/assets/{asset['id']}"
    assert ask(hub, "PATCH", path, json={"name": "b.pt", "label": "b"}).json()["label"] == "b"
    upload(hub, release, NAME)
    assert first_error(ask(hub, "PATCH", path, json={"name": NAME}))["code"] == "already_exists"
    assert ask(hub, "DELETE", path).status_code == 204
    assert ask(hub, "GET", path).status_code == 404
    assert sorted(hub.assets("owner/repo")) == [NAME]


def test_names_are_sanitised(hub: GitHub) -> None:
    assert upload(hub, new_release(hub), "żółw (1)+v2@.pt").json()["name"] == "...w..1.+v2@.pt"


def test_limits_on_size_and_number_are_told_before_and_after(hub: GitHub) -> None:
    release = new_release(hub)
    hub.asset_limit = len(DATA)
    assert first_error(upload(hub, release, NAME))["field"] == "size"
    assert upload(hub, release, NAME, DATA[1:]).status_code == 201
    assert first_error(upload(hub, release, "empty.pt", b""))["field"] == "size"
    hub.assets_per_release = 1
    assert first_error(upload(hub, release, "b.pt", b"b"))["message"].startswith("file_count limited to 1 assets")


def test_an_upload_without_content_length_or_type_is_refused(hub: GitHub) -> None:
    url = new_release(hub)["upload_url"].partition("{")[0] + "?name=a.pt"
    assert ask(hub, "POST", url, data=iter([b"chunk"]), headers=OCTETS).status_code == 400
    assert first_error(ask(hub, "POST", url, data=b"b"))["field"] == "content_type"


def test_lists_come_in_pages_whose_next_links_name_the_repository_by_id(hub: GitHub) -> None:
    for number in range(35):
        hub.put("owner/repo", "git-models", f"{number}.pt", b"x")
    release = hub.release("owner/repo", "git-models")
    page = ask(hub, "GET", f"{RELEASES}/{release.id}/assets")
    assert len(page.json()) == 30
    assert f"/repositories/{repository(hub).id}/releases/" in page.links["next"]["url"]
    rest = ask(hub, "GET", page.links["next"]["url"])
    assert [asset["name"] for asset in rest.json()] == [f"{n}.pt" for n in range(30, 35)]
    assert "next" not in rest.links
    assert len(ask(hub, "GET", f"{RELEASES}/{release.id}/assets?per_page=1000").json()) == 35


def test_an_unchanged_list_is_304_and_costs_no_quota(hub: GitHub) -> None:
    first = ask(hub, "GET", RELEASES)
    again = ask(hub, "GET", RELEASES, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    left = ask(hub, "GET", "/rate_limit").json()["rate"]["remaining"]
    ask(hub, "GET", RELEASES, headers={"If-None-Match": first.headers["ETag"]})
    assert ask(hub, "GET", "/rate_limit").json()["rate"]["remaining"] == left
    new_release(hub)
    assert ask(hub, "GET", RELEASES, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_the_repository_says_what_the_token_may_do(hub: GitHub) -> None:
    assert ask(hub, "GET", "/repos/owner/repo").json()["permissions"]["push"] is True
    assert ask(hub, "GET", "/repos/owner/repo", "ro").json()["permissions"] == {
        "admin": False, "maintain": False, "push": False, "triage": False, "pull": True
    }  # fmt: skip
    assert "permissions" not in ask(hub, "GET", "/repos/owner/repo", "").json()


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        ("", 401, "Requires authentication"),
        ("wrong", 401, "Bad credentials"),
        ("ro", 403, "Resource not accessible by integration"),
        ("fine", 403, "Resource not accessible by personal access token"),
        ("classic", 404, "Not Found"),
        ("unscoped", 404, "Not Found"),
        ("saml", 403, "Resource protected by organization SAML enforcement."),
    ],
)
def test_writing_is_refused_in_the_words_that_fit(hub: GitHub, token: str, status: int, message: str) -> None:
    release = new_release(hub)
    hub.token("fine", kind="fine-grained")
    hub.token("classic")
    hub.token("unscoped", can={"owner/repo": "write"}, scopes="read:org, gist")
    hub.token("saml", can={"owner/repo": "write"}, sso="owner")
    for refused in (
        ask(hub, "POST", RELEASES, token, json={"tag_name": "x"}),
        upload(hub, release, NAME, token=token),
    ):
        assert refused.status_code == status
        assert refused.json()["message"].startswith(message)
        assert ("X-GitHub-SSO" in refused.headers) == (token == "saml")
    assert hub.assets("owner/repo") == {}


def test_a_token_works_in_each_scheme_until_it_is_revoked(hub: GitHub) -> None:
    for headers in ({"Authorization": "Bearer rw"}, {"Authorization": "token rw"}):
        answer = ask(hub, "GET", "/user", "", headers=headers)
        assert (answer.status_code, answer.headers["X-OAuth-Scopes"]) == (200, "repo")
    assert ask(hub, "GET", "/user", "", auth=("x", "rw")).json()["login"] == "octocat"
    assert "X-OAuth-Scopes" not in ask(hub, "GET", "/user", "ro").headers
    hub.revoke("rw")
    assert ask(hub, "GET", "/user").status_code == 401


def test_a_private_repository_does_not_exist_for_others_and_is_read_through_the_api(hub: GitHub) -> None:
    hub.repository("owner/secret", private=True)
    asset = hub.put("owner/secret", "git-models", NAME, DATA)
    hub.token("in", can={"owner/secret": "read"})
    assert ask(hub, "GET", "/repos/owner/secret/releases").status_code == 404
    browser = f"{hub.url}/owner/secret/releases/download/git-models/{NAME}"
    assert ask(hub, "GET", browser, "in").status_code == 404
    path = f"/repos/owner/secret/releases/assets/{asset.id}"
    assert ask(hub, "GET", path, "in").json()["name"] == NAME
    octets = {"Accept": "application/octet-stream"}
    found = ask(hub, "GET", path, "in", headers=octets)
    assert found.status_code == 302
    assert requests.get(found.headers["Location"], timeout=20).content == DATA
    hub.streams_assets = True
    assert ask(hub, "GET", path, "in", headers=octets).content == DATA


def test_a_renamed_repository_redirects_on_every_host(hub: GitHub) -> None:
    release = new_release(hub)
    upload(hub, release, NAME)
    hub.rename("owner/repo", "owner/new")
    moved = ask(hub, "GET", "/repos/owner/repo/releases?per_page=100")
    assert moved.status_code == 301
    assert ask(hub, "GET", moved.headers["Location"]).json()[0]["tag_name"] == "git-models"
    assert ask(hub, "POST", RELEASES, json={"tag_name": "x"}).status_code == 307
    moved = upload(hub, release, "b.pt")
    assert moved.status_code == 307
    assert ask(hub, "POST", moved.headers["Location"], data=b"b", headers=OCTETS).json()["name"] == "b.pt"
    assert requests.get(f"{hub.url}/owner/repo/releases/download/git-models/{NAME}", timeout=20).content == DATA


def test_the_quota_empties_says_when_it_is_full_again_and_spares_downloads(hub: GitHub) -> None:
    hub.put("owner/repo", "git-models", NAME, DATA)
    hub.quota[False] = 2
    assert [ask(hub, "GET", RELEASES, "").status_code for _ in range(3)] == [200, 200, 403]
    refused = ask(hub, "GET", RELEASES, "")
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert 3590 < int(refused.headers["X-RateLimit-Reset"]) - hub.now() <= 3601
    assert "assets" not in refused.json()
    assert download(hub, NAME).content == DATA
    hub.tick(3601)
    assert ask(hub, "GET", RELEASES, "").status_code == 200


def test_limits_can_be_declared_and_pass_with_the_clock(hub: GitHub) -> None:
    hub.rate_limited_until = hub.now() + 100
    hub.limit_status = 429
    refused = ask(hub, "GET", RELEASES)
    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (429, "0")
    hub.tick(101)
    hub.secondary_limited_until = hub.now() + 30
    assert ask(hub, "GET", RELEASES).status_code == 200
    refused = ask(hub, "POST", RELEASES, json={"tag_name": "x"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (403, "30")
    hub.tick(31)
    assert ask(hub, "POST", RELEASES, json={"tag_name": "x"}).status_code == 201


def test_a_client_without_a_name_is_refused(hub: GitHub) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    connection.request("GET", "/api/v3/repos/owner/repo")
    assert connection.getresponse().status == 403
    connection.close()


def test_an_old_enterprise_server_knows_no_digest(hub: GitHub) -> None:
    hub.digests = False
    assert "digest" not in upload(hub, new_release(hub), NAME).json()


def test_a_server_that_is_down_hangs_up_and_one_that_is_stopped_refuses(hub: GitHub) -> None:
    hub.down = True
    with pytest.raises(requests.ConnectionError):
        ask(hub, "GET", RELEASES)
    hub.down = False
    assert ask(hub, "GET", RELEASES).status_code == 200
    hub.stop()
    with pytest.raises(requests.ConnectionError):
        ask(hub, "GET", RELEASES)


def test_a_silent_server_takes_connections_and_answers_nothing(hub: GitHub) -> None:
    hub.silent = True
    with pytest.raises(requests.ReadTimeout):
        requests.get(hub.api, timeout=0.05)


def test_as_a_proxy_it_answers_for_the_hosts_of_github_localhost(hub: GitHub) -> None:
    proxies = {"http": hub.url}
    answer = requests.get("http://api.github.localhost/repos/owner/repo", proxies=proxies, timeout=20)
    assert answer.json()["url"] == "http://api.github.localhost/repos/owner/repo"


def test_the_command_line_prints_the_base_url_and_serves_until_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fakes.github", "--folder", str(tmp_path), "--repo", "o/r", "--token", "t"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        answer = requests.get(f"{url}/api/v3/repos/o/r", headers={"Authorization": "token t"}, timeout=20)
        assert answer.json()["permissions"]["push"] is True
        server.terminate()
        assert server.wait(20) == 0
