"""A token for people who push by SSH: found where gh or git keep one, or made on a page, checked and kept by git.

For the host of a web server that is a place for models: its user and password. For `dropbox`
and `gdrive`: an app's access.
"""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NamedTuple

from git_models import remotes, repo
from git_models.errors import ModelsError, NotARepository, RemoteError, UsageError
from git_models.output import Output
from git_models.remotes import Options, credentials, github_api, github_urls, tokens, web
from git_models.remotes.github_urls import Place


class Rights(NamedTuple):
    """Whose token it is and what it may do."""

    login: str
    write: bool | None  # None: there is no repository here to ask about


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="HOST", help="default: the host of origin, else github.com")


def run(args: argparse.Namespace, out: Output) -> int:
    if args.host in ("dropbox", "gdrive"):
        return (_dropbox if args.host == "dropbox" else _drive)(out)
    if args.host and (server := _server(args.host)):
        return _web(*server, out)
    place, in_repository, top = _place(args.host)
    asked = f"{place.owner}/{place.repo}" if in_repository else place.host
    protocol = "http" if place.plain else "https"
    token = credentials.find(protocol, place.host, top)
    if token:
        try:
            rights = _rights(place, in_repository, top, token.value)
        except RemoteError as failed:
            out.note(f"the token from {token.source} does not work: {failed.what}")
        else:
            if rights.write is not False:
                return _done(place, asked, rights, token.source, out)
            out.note(f"the token from {token.source} belongs to {rights.login} and may only read {asked}")
        if token.source != "git credential":
            raise ModelsError(
                f"the token from {token.source} wins over any that is kept here, and it may not write to {asked}",
                f"unset {token.source}" if "_" in token.source else f"gh auth login --hostname {place.host}",
            )
    value = _ask(place, out)
    rights = _rights(place, in_repository, top, value)
    if rights.write is False:
        raise ModelsError(
            f"this token belongs to {rights.login} and may only read {asked}; it was not kept",
            f"open {_page(place)} and give it 'Contents: Read and write' for {asked}",
        )
    if token:
        credentials.reject(place.host, token.value, top, protocol)
    credentials.approve(place.host, rights.login, value, top, protocol)
    credentials.find.cache_clear()
    kept = credentials.find(protocol, place.host, top)
    if not kept or kept.value != value:
        raise ModelsError(
            "the token is good, but git has no credential helper here that would keep it",
            "git config --global credential.helper store   # or libsecret, osxkeychain, manager; then git models login",
        )
    return _done(place, asked, rights, "git credential", out)


def _place(host: str | None) -> tuple[Place, bool, str | None]:
    """The repository to ask about, or just a host; whether it is a repository; the work tree, if there is one."""
    try:
        here = repo.find()
    except NotARepository:
        here = None
    names = sorted(here.config.git_remotes, key=lambda n: n != "origin") if here else []
    stores = [*(here.config.urls.values() if here else ()), *_of_git_remotes(here, names)]
    found = [github_urls.parse(u) for u in stores if u.startswith(("github:", "github+http:"))]
    for place in found:
        if host in (None, place.host):
            return place, True, here.top if here else None
    try:
        return github_urls.parse(f"github://{host or 'github.com'}/any/any"), False, here.top if here else None
    except UsageError:
        raise UsageError(f"{host!r} is no host name", "git models login github.com") from None


def _server(host: str) -> tuple[web.Base, str] | None:
    """The web server among this clone's places that has this host, and the work tree."""
    try:
        here = repo.find()
    except NotARepository:
        return None
    for url in here.config.urls.values():
        plain = url.removeprefix("webdav+").partition("?")[0]
        if plain.startswith(("https://", "http://")) and web.parse(plain).host == host.lower():
            return web.parse(plain), here.top
    return None


def _web(base: web.Base, top: str, out: Output) -> int:
    """Ask for a user and a password, try them, and have git keep them."""
    out.warn(f"{base.root} wants a user and a password; for a token, give the user name: bearer")
    if sys.stdin.isatty():
        user, password = input("user: ").strip(), getpass.getpass("password (it is not shown): ")
    else:
        user, password = (sys.stdin.readline(4096).rstrip("\r\n") for _ in range(2))
    if not user or not password:
        raise ModelsError("no user or no password was given", f"git models login {base.host}")
    protocol, secret = base.origin.partition(":")[0], credentials.header(user, password)
    if not web.accepts(base, Options(top=top), secret):
        raise ModelsError(f"{base.host} does not accept them; they were not kept", f"git models login {base.host}")
    credentials.approve(base.host, user, password, top, protocol)
    credentials.authorization.cache_clear()
    if credentials.authorization(protocol, base.host, top) != secret:
        raise ModelsError(
            "they are good, but git has no credential helper here that would keep them",
            f"git config --global credential.helper store   # or libsecret, …; then git models login {base.host}",
        )
    out.result(f"logged in at {base.host} as {user}; git keeps the password")
    out.document({"host": base.host, "login": user, "source": "git credential", "may_write": None})
    return 0


def _dropbox(out: Output) -> int:
    """Let an app of the user's own in, and keep its refresh token."""
    from git_models.remotes import dropbox

    here = repo.find()
    name, options = _named(here, "dropbox")
    out.warn(
        "make an app at https://www.dropbox.com/developers/apps (scoped access; an app folder is enough)\n"
        "  with the permissions files.content.read and files.content.write"
    )
    key = _line("app key: ")
    verifier = secrets.token_urlsafe(48)
    out.warn(f"open {dropbox.page(key, verifier)}\n  and copy the code that it shows")
    token = dropbox.refresh_token(name, options, key, verifier, _line("code: "))
    if not token:
        raise ModelsError("Dropbox did not accept the code: it holds for some minutes only", "git models login dropbox")
    return _kept("Dropbox", dropbox.HOST, tokens.Kept(key, token), options, out)


def _drive(out: Output) -> int:
    """Let an OAuth client of the user's own in, as a device does it, and keep its refresh token."""
    from git_models.remotes import gdrive_auth

    here = repo.find()
    name, options = _named(here, "gdrive")
    out.warn(
        "make an OAuth client of the type 'TVs and Limited Input devices' at\n"
        "  https://console.cloud.google.com/apis/credentials, in a project with the Drive API switched on"
    )
    client, secret = _line("client id: "), _line("client secret: ")
    told = gdrive_auth.device(name, options, client)
    if not told:
        raise ModelsError("Google does not know this client, or it is not of that type", "git models login gdrive")
    out.warn(f"open {told['verification_url']} and type {told['user_code']}")
    end = time.monotonic() + float(told.get("expires_in", 1800))
    while (token := gdrive_auth.device_token(name, options, client, secret, told["device_code"])) is None:
        if time.monotonic() > end:
            raise ModelsError("nobody agreed in time", "git models login gdrive")
        time.sleep(float(told.get("interval", 5)))
    return _kept("Google Drive", gdrive_auth.HOST, tokens.Kept(client, token, secret), options, out)


def _named(here: repo.Repo, scheme: str) -> tuple[str, Options]:
    """The name of the clone's first place of a scheme, else the scheme."""
    return next((n for n, u in here.config.urls.items() if u.startswith(f"{scheme}:")), scheme), Options(top=here.top)


def _kept(service: str, host: str, what: tokens.Kept, options: Options, out: Output) -> int:
    """Keep what lets an app in. Raises ModelsError where nothing can."""
    source = tokens.keep(host, what, options).source
    out.result(f"signed in at {service}; kept in {source}")
    if os.path.isabs(source):
        why = "no keyring answers" if find_spec("keyring") else "for a keyring: pip install 'git-models[keyring]'"
        out.note(f"only you can read that file; {why}")
    out.document({"host": host, "login": what.app, "source": source, "may_write": None})
    return 0


def _line(question: str) -> str:
    """A word that the user types. Raises ModelsError for none, or for what is none."""
    said = input(question).strip() if sys.stdin.isatty() else sys.stdin.readline(4096).strip()
    if not said or not said.isascii() or not said.isprintable() or " " in said:
        raise ModelsError(f"that is no {question.strip(': ')}", "git models login -h")
    return said


def _of_git_remotes(here: repo.Repo | None, names: list[str]) -> Iterator[str]:
    for name in names:
        if here and (url := remotes.from_git_remote(here.config.git_remotes[name][0])):
            yield url


def _rights(place: Place, in_repository: bool, top: str | None, token: str) -> Rights:
    """Whom the token belongs to, and whether it may write to the repository. Raises RemoteError."""
    options = Options(top=top)
    login = github_api.whoami(place, options, token).login
    if not in_repository:
        return Rights(login, None)
    with _in_use(place, token):
        access = github_api.Api(place, options).access()
    return Rights(login, access.push and not access.archived)


@contextmanager
def _in_use(place: Place, token: str) -> Iterator[None]:
    """Make this the token that is found first."""
    name = credentials.variables(place.host)[0]
    before = os.environ.get(name)
    os.environ[name] = token
    credentials.find.cache_clear()
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
        credentials.find.cache_clear()


def _page(place: Place) -> str:
    scheme = "http" if place.plain else "https"
    return f"{scheme}://{place.host}/settings/personal-access-tokens/new?name=git-models&contents=write"


def _ask(place: Place, out: Output) -> str:
    out.warn(f"make a token at {_page(place)}\n  with 'Contents: Read and write' for the repositories that keep models")
    if sys.stdin.isatty():
        token = getpass.getpass("token (it is not shown): ").strip()
    else:
        token = sys.stdin.readline(4096).strip()
    if not token:
        raise ModelsError("no token was given", f"git models login {place.host}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ModelsError("this is no token: it holds characters that no token has", f"git models login {place.host}")
    return token


def _done(place: Place, asked: str, rights: Rights, source: str, out: Output) -> int:
    may = f"may write to {asked}" if rights.write else f"is known at {asked}"
    out.result(f"logged in as {rights.login}: the token from {source} {may}")
    out.document({"host": place.host, "login": rights.login, "source": source, "may_write": rights.write})
    return 0
