"""Tokens for Google Drive: a service account's key, or the user's own OAuth client and its refresh token."""

from __future__ import annotations

import os
import time
from builtins import open as open_  # as the other modules of this package call it
from typing import Any, NamedTuple
from urllib.parse import urlencode

from git_models import git, jsons
from git_models.errors import RemoteError, UsageError
from git_models.remotes import answers, http, tokens, web
from git_models.remotes.base import Options, missing_extra

API, OAUTH = "https://www.googleapis.com", "https://oauth2.googleapis.com"
HOST = "oauth2.googleapis.com"
"""What the client, its secret and the refresh token are kept for (see tokens.py)."""

ALL, OWN = "https://www.googleapis.com/auth/drive", "https://www.googleapis.com/auth/drive.file"
"""Scopes: everything that is shared with the account; what this client made (all that device sign-in may ask for)."""


class Hosts(NamedTuple):
    """Where Google is."""

    api: str
    oauth: str


class Access(NamedTuple):
    """A token, until when it holds, and whose it is."""

    token: str
    until: float  # seconds of the monotonic clock
    who: str


def hosts(name: str, options: Options) -> Hosts:
    """Google's, or the one that `models.NAME.endpoint` names. Raises RemoteError."""
    said = _setting(name, "endpoint", options)
    if not said:
        return Hosts(API, OAUTH)
    try:
        base = web.parse(said).origin
    except UsageError as error:
        raise RemoteError(error.what, f"git config --unset models.{name}.endpoint") from error
    return Hosts(base, base)


def access(name: str, options: Options, at: Hosts) -> Access:
    """A token: of GOOGLE_ACCESS_TOKEN, of a service account's key file, or of what `login` kept. Raises RemoteError."""
    if value := os.environ.get("GOOGLE_ACCESS_TOKEN", "").strip():
        return Access(value, float("inf"), "the account of GOOGLE_ACCESS_TOKEN")
    client = http.Client(options)
    if file := _setting(name, "keyFile", options) or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", ""):
        return _of_service(os.path.expanduser(file), client, at)
    kept = tokens.find(HOST, options)
    if not kept:
        raise RemoteError(
            "nobody is signed in at Google Drive here",
            f"git config models.{name}.keyFile KEY.json   # a service account's; or: git models login gdrive",
        )
    form = {"grant_type": "refresh_token", "refresh_token": kept.refresh}
    form |= {"client_id": kept.app, "client_secret": kept.secret}
    return _token(client, at, form, "your Google account")


def _of_service(file: str, client: http.Client, at: Hosts) -> Access:
    try:
        from google.auth import crypt, jwt
    except ImportError:
        raise missing_extra("gdrive", "google-auth") from None
    try:
        with open_(file, encoding="utf-8") as opened:
            info = jsons.read(opened.read(jsons.LARGEST + 1))
        who = str(info["client_email"])
        signer = crypt.RSASigner.from_service_account_info(info)
    except OSError as error:
        raise RemoteError(f"{file} cannot be read: {error.strerror}", "git config models.NAME.keyFile FILE") from error
    except (ValueError, KeyError, TypeError):
        raise RemoteError(f"{file} is no key of a service account", "git config models.NAME.keyFile FILE") from None
    now = int(time.time())
    said = {"iss": who, "scope": ALL, "aud": f"{at.oauth}/token", "iat": now, "exp": now + 3600}
    assertion = jwt.encode(signer, said).decode("ascii")
    return _token(
        client, at, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}, who
    )


def _token(client: http.Client, at: Hosts, form: dict[str, str], who: str) -> Access:
    status, told = post(client, f"{at.oauth}/token", form)
    if status != 200:
        raise RemoteError(
            f"Google no longer accepts the sign-in of {who} ({told.get('error', status)})", "git models login gdrive"
        )
    token, lasts = answers.text(told.get("access_token"), HOST), answers.number(told.get("expires_in", 3600), HOST)
    return Access(token, time.monotonic() + lasts - 60, who)


def device(name: str, options: Options, client_id: str) -> dict[str, Any]:
    """What Google says to a device that wants in: `user_code`, `verification_url`, `device_code`, `interval`.

    {} for a client that it does not know. Raises Offline, Transient.
    """
    status, told = post(
        http.Client(options), f"{hosts(name, options).oauth}/device/code", {"client_id": client_id, "scope": OWN}
    )
    return told if status == 200 else {}


def device_token(name: str, options: Options, client_id: str, secret: str, code: str) -> str | None:
    """The refresh token once the user has agreed, None as long as not. Raises RemoteError."""
    form = {"client_id": client_id, "client_secret": secret, "device_code": code}
    form["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code"
    status, told = post(http.Client(options), f"{hosts(name, options).oauth}/token", form)
    if status == 200:
        return str(told.get("refresh_token", ""))
    if told.get("error") in ("authorization_pending", "slow_down"):
        return None
    raise RemoteError(f"Google did not let this client in ({told.get('error', status)})", "git models login gdrive")


def post(client: http.Client, url: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and answer of a form. Raises Offline, Transient, RemoteError."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with client.send("POST", url, kind, urlencode(form).encode()) as response:
        if response.status_code >= 500 or response.status_code == 429:
            raise http.refusal(response, url)
        return response.status_code, json_of(http.whole(response))


def json_of(data: bytes) -> dict[str, Any]:
    """An object; {} for anything else."""
    try:
        found = jsons.read(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _setting(name: str, key: str, options: Options) -> str:
    status, out = git.call("config", "--get", f"models.{name}.{key}", cwd=options.top, ok=(0, 1))
    return out.decode("utf-8", "replace").strip() if status == 0 else ""
