"""A stand-in for GitHub: the API, the uploads host, the download host and the blob host.

    with GitHub(tmp_path) as hub:
        hub.repository("owner/repo", origin=bare)
        hub.token("rw", can={"owner/repo": "write"})
        git("models", "remote", "add", "store", hub.remote("owner/repo"))

Three ports of the loopback interface, no TLS. The base port serves everything as an Enterprise Server
does (`/api/v3`, `/api/uploads`, `/OWNER/REPO/releases/download/…`); the `upload_url` of releases points
at the second one and downloads are redirected to the third with a URL that is signed and lives
`url_lifetime` seconds. As an HTTP proxy it also answers for `api.`, `uploads.` and plain
`github.localhost`, which is how `gh` can be pointed at it.

Faults are chosen by names, see `tests.fakes.faults`; switches for the whole server are the public
attributes of `GitHub`.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.fakes import github_hosts
from tests.fakes.faults import Faults
from tests.fakes.github_state import (
    Asset,
    Kind,
    Release,
    Repository,
    Role,
    Token,
    User,
    call,
    make_commit,
    make_tree,
    settle,
)
from tests.fakes.web import Reply, Request, listen


class Logged(NamedTuple):
    """A request that was answered (status 0: the connection was closed instead)."""

    role: str  # api, uploads, web, blob
    method: str
    path: str  # without /api/v3 or /api/uploads, decoded
    query: dict[str, str]
    headers: dict[str, str]  # lower-case names; the value of Authorization is not kept
    authorized: bool  # whether Authorization was sent
    status: int


class GitHub:
    """The server; entering the `with` block starts it, leaving it stops it.

    Leaving raises AssertionError when the stand-in itself failed in between.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.down = False  # every connection is closed without an answer
        self.silent = False  # connections are accepted and not answered until `resume`
        self.rate_limited_until = 0.0  # epoch seconds: `limit_status` with x-ratelimit-remaining 0
        self.limit_status = 403  # or 429
        self.secondary_limited_until = 0.0  # epoch seconds: writing answers 403 with Retry-After
        self.quota: dict[bool, int] = {False: 60, True: 5000}  # requests an hour: without and with a token
        self.uploads_elsewhere = True  # False: `upload_url` names the base port, as an Enterprise Server's does
        self.digests = True  # False: an Enterprise Server that computes none
        self.streams_assets = False  # True: the API sends an asset's bytes itself, no redirect
        self.asset_limit = 1 << 31  # bytes; an asset must be smaller
        self.assets_per_release = 1000
        self.url_lifetime = 300  # seconds
        self.requests: list[Logged] = []
        self.faults = Faults()
        self.lock = threading.RLock()
        self._folder = folder
        self._ahead = 0.0
        self._ids = itertools.count(1000)
        self._used: dict[str, tuple[float, int]] = {}
        self._tokens: dict[str, Token] = {}
        self._users: dict[str, User] = {}
        self._repositories: dict[str, Repository] = {}
        self._moved: dict[str, Repository] = {}
        self._errors: list[str] = []
        self._wanted_port = port

    # Running it

    def __enter__(self) -> GitHub:
        (self._folder / "assets").mkdir(parents=True, exist_ok=True)
        self._listeners = [listen(self.answer, self._errors.append, p) for p in (self._wanted_port, 0, 0)]
        self.port, self.uploads_port, self.blob_port = (one.port for one in self._listeners)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.resume()
        self.stop()
        if self._errors and kind is None:
            raise AssertionError("the stand-in failed:\n" + "\n".join(self._errors))

    def stop(self) -> None:
        """Refuse every connection from now on: what being offline looks like."""
        for one in self._listeners:
            one.stop()
        self._listeners = []

    @property
    def url(self) -> str:
        """The base of everything."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """The base of the API, as on an Enterprise Server."""
        return f"{self.url}/api/v3"

    def remote(self, full_name: str) -> str:
        """The URL under which `git models` knows a repository of this server."""
        return f"github+http://127.0.0.1:{self.port}/{full_name}"

    def now(self) -> float:
        """The server's clock, epoch seconds."""
        return time.time() + self._ahead

    def tick(self, seconds: float) -> None:
        """Put the server's clock forward."""
        self._ahead += seconds

    def next_id(self) -> int:
        """A number that nothing has yet."""
        return next(self._ids)

    def new_file(self) -> Path:
        """Where the bytes of a new asset go."""
        return self._folder / "assets" / str(self.next_id())

    # What is on it

    def repository(
        self,
        full_name: str,
        *,
        private: bool = False,
        origin: Path | None = None,
        empty: bool = False,
        immutable: bool = False,
    ) -> Repository:
        """A repository. `origin` is a bare repository on disk, whose tags and the releases follow each other.

        Without `origin` one is made, with a commit unless `empty`. What is returned may be changed
        later, for instance made private.
        """
        owner, _, name = full_name.partition("/")
        folder = origin or self._folder / "git" / f"{owner}+{name}.git"
        repo = Repository(self.next_id(), owner, name, private, immutable, folder)
        if origin is None:
            folder.mkdir(parents=True)
            call(repo, "init", "--quiet", "--bare", "--initial-branch=main")
            if not empty:
                tree = make_tree(repo, [{"path": "README.md", "mode": "100644", "content": f"# {name}\n"}], None)
                commit = make_commit(repo, tree, [], "Initial commit", self.now())
                call(repo, "update-ref", "refs/heads/main", commit)
        self._repositories[full_name.lower()] = repo
        return repo

    def user(self, login: str) -> User:
        """The account of that name."""
        return self._users.setdefault(login, User(self.next_id(), login))

    def token(
        self,
        name: str,
        *,
        can: Mapping[str, Role] | None = None,
        login: str = "octocat",
        kind: Kind = "classic",
        scopes: str = "repo",
        sso: str = "",
    ) -> str:
        """A token that is valid from now on: `name` itself.

        `kind` decides how a missing right is refused; `sso` names an organisation that it is not
        authorised for yet.
        """
        self._tokens[name] = Token(self.user(login), dict(can or {}), kind, scopes, sso)
        return name

    def revoke(self, name: str) -> None:
        """Make a token one that nobody knows."""
        del self._tokens[name]

    def rename(self, old: str, new: str) -> None:
        """Rename a repository; its old name redirects."""
        repo = self._repositories.pop(old.lower())
        self._moved[old.lower()] = repo
        repo.owner, _, repo.name = new.partition("/")
        self._repositories[new.lower()] = repo
        for token in self._tokens.values():
            if old in token.can:
                token.can[new] = token.can[old]

    def remove(self, full_name: str) -> None:
        """Delete a repository."""
        del self._repositories[full_name.lower()]

    def releases(self, full_name: str) -> list[Release]:
        """All releases, drafts too, oldest first."""
        repo = self._repositories[full_name.lower()]
        settle(repo)
        return repo.releases

    def release(self, full_name: str, tag: str) -> Release:
        """The release of a tag, draft or not. Raises KeyError."""
        for release in self.releases(full_name):
            if release.tag == tag:
                return release
        raise KeyError(tag)

    def assets(self, full_name: str) -> dict[str, Asset]:
        """The assets of all releases by name."""
        return {asset.name: asset for release in self.releases(full_name) for asset in release.assets}

    def delete_release(self, full_name: str, tag: str) -> None:
        """Delete a release and leave its tag, as the web page does."""
        self._repositories[full_name.lower()].releases.remove(self.release(full_name, tag))

    def delete_tag(self, full_name: str, tag: str) -> None:
        """Delete a tag: its release turns into a draft."""
        call(self._repositories[full_name.lower()], "update-ref", "-d", f"refs/tags/{tag}")
        self.releases(full_name)

    def put(self, full_name: str, tag: str, name: str, data: bytes) -> Asset:
        """Place an asset, in place of one of that name; makes a published release where there is none."""
        repo = self._repositories[full_name.lower()]
        author = self.user("octocat")
        try:
            release = self.release(full_name, tag)
        except KeyError:
            call(repo, "update-ref", f"refs/tags/{tag}", f"refs/heads/{repo.default_branch}")
            now = self.now()
            release = Release(
                self.next_id(), tag, repo.default_branch, tag, "", False, False, "legacy", author, now, now
            )
            repo.releases.append(release)
        file = self.new_file()
        file.write_bytes(data)
        now, digest = self.now(), hashlib.sha256(data).hexdigest()
        kind = "application/octet-stream"
        asset = Asset(self.next_id(), name, "", kind, len(data), digest, "uploaded", author, now, now, file)
        release.assets[:] = [old for old in release.assets if old.name != name] + [asset]
        return asset

    # What was asked

    def asked(self, role: str = "", method: str = "") -> list[Logged]:
        """The requests so far, of one host or method only if named."""
        return [r for r in self.requests if role in ("", r.role) and method in ("", r.method)]

    def forget(self) -> None:
        """Empty the log of requests."""
        self.requests.clear()

    def wait_for_stall(self, seconds: float = 20) -> None:
        """Return once a transfer is held up by a `stall`. Raises TimeoutError."""
        self.faults.wait_for_stall(seconds)

    def resume(self) -> None:
        """End every `stall`, now and later."""
        self.faults.resume()

    # For the hosts

    def answer(self, request: Request) -> Reply:
        """Answer one request on any of the ports."""
        return github_hosts.answer(self, request)

    def log(self, role: str, request: Request, path: str, status: int) -> None:
        """Remember a request."""
        headers = {k.lower(): v for k, v in request.headers.items() if k.lower() != "authorization"}
        authorized = "Authorization" in request.headers
        self.requests.append(Logged(role, request.method, path, request.query, headers, authorized, status))

    def owner_of(self, credential: str) -> Token | None:
        """What is known of a token."""
        return self._tokens.get(credential)

    def find(self, full_name: str) -> tuple[Repository | None, bool]:
        """A repository by name or id, and whether it has that name no more."""
        for repo in self._repositories.values():
            if str(repo.id) == full_name:
                return repo, False
        name = full_name.lower()
        return (self._repositories.get(name) or self._moved.get(name)), name not in self._repositories

    def file_of(self, number: str) -> Asset | None:
        """The complete asset with that id."""
        for repo in self._repositories.values():
            for release in repo.releases:
                for asset in release.assets:
                    if str(asset.id) == number and asset.state == "uploaded":
                        return asset
        return None

    def used(self, credential: str | None, more: int = 0) -> tuple[int, int, float]:
        """The hourly limit, the requests of this hour (after `more`), and when the hour ends."""
        with self.lock:
            since, count = self._used.get(credential or "", (self.now(), 0))
            if self.now() - since >= 3600:
                since, count = self.now(), 0
            self._used[credential or ""] = since, count + more
        return self.quota[credential is not None], count + more, since + 3600


def main(arguments: list[str] | None = None) -> None:
    """Serve until killed; the base URL is the one line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.github", description="A stand-in for GitHub.")
    parser.add_argument("--folder", type=Path, required=True, help="where assets go")
    parser.add_argument("--repo", action="append", required=True, metavar="OWNER/REPO[=BARE]")
    parser.add_argument("--token", action="append", default=[], help="one that may write to all of them")
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads that would take them
    names = [name.partition("=")[::2] for name in given.repo]
    with GitHub(given.folder, given.port) as hub:
        for name, origin in names:
            hub.repository(name, private=given.private, origin=Path(origin) if origin else None)
        for token in given.token:
            hub.token(token, can={name: "write" for name, _ in names})
        print(hub.url, flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
