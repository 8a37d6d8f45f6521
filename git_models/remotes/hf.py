"""A repository of the Hugging Face Hub: objects go up as Git LFS does it, and one commit makes a batch visible.

The Hub's API as huggingface_hub 2.4 speaks it (preupload, the LFS batch with `basic` and `multipart`
transfers, commits as NDJSON). docs/architecture.md says why its library does not carry the bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import threading
from builtins import open as open_  # `open` is this module's own
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from git_models import git, urls
from git_models.errors import ModelsError, NotThere, RemoteError, Transient, UsageError
from git_models.output import safe
from git_models.remotes import answers, hf_parts, http, web
from git_models.remotes.base import Advance, Held, Options, Upload
from git_models.remotes.unfinished import note_for

if TYPE_CHECKING:
    import requests

HUB = "https://huggingface.co"

ASKED = 100
"""Paths in one question."""

_PART = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]{1,96}"
_URL = re.compile(rf"hf://((?:datasets/|spaces/)?)({_PART}/{_PART})(?:@([A-Za-z0-9._-]+))?((?:/{_PART})*)/?\Z", re.I)
_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}


class Place(NamedTuple):
    """A folder of a repository at a revision."""

    kind: str  # "models", "datasets" or "spaces"
    repo: str  # owner/name
    revision: str
    folder: str  # "" or ends in "/"

    @property
    def url(self) -> str:
        """The URL in its normal form."""
        kind = "" if self.kind == "models" else f"{self.kind}/"
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"hf://{kind}{self.repo}{at}/{self.folder}".rstrip("/")

    @property
    def path(self) -> str:
        """Of its pages on the Hub."""
        return self.repo if self.kind == "models" else f"{self.kind}/{self.repo}"


def normalise(url: str) -> str:
    """`hf://owner/repo`, with `@revision` and a folder if they are not `main` and the top. Raises UsageError."""
    return _parse(url).url


def open(url: str, name: str, options: Options) -> Hub:
    """The repository that a URL names."""
    return Hub(_parse(url), name, options)


def _parse(url: str) -> Place:
    found = _URL.match(url)
    if not found:
        raise UsageError(f"{url!r} is not of the form hf://OWNER/REPO or hf://datasets/OWNER/REPO/FOLDER")
    return Place(
        found[1].rstrip("/").lower() or "models",
        found[2],
        found[3] or "main",
        found[4].lstrip("/") + "/" * bool(found[4]),
    )


class Hub:
    """The Remote protocol over a repository of the Hub."""

    writable = True
    limit: int | None = 50 * 10**9  # a file; the Hub's documented bound
    per_minute: int | None = None
    per_hour: int | None = None
    several = True

    def __init__(self, place: Place, name: str, options: Options) -> None:
        self.place = place
        self.name = name
        self.url = place.url
        self._options = options
        self._base = _endpoint(name, options)
        # A Hub that the user named may lie in their own network, whoever named the repository.
        inside = options.from_manifest and self._base == HUB
        self._client = http.Client(options._replace(from_manifest=inside))
        self._api = f"{self._base}/api/{place.kind}/{place.repo}"
        self._sent: dict[str, tuple[str, Upload]] = {}  # asset → how it is committed, and what it is
        self._lock = threading.Lock()

    # Asking

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; a hundred in one question. The Hub computes the SHA-256 of what Git LFS keeps."""
        names, found = list(assets), dict[str, Held]()
        for start in range(0, len(names), ASKED):
            paths = [self.place.folder + name for name in names[start : start + ASKED]]
            url = f"{self._api}/paths-info/{quote(self.place.revision, safe='')}"
            # A form, as the official client sends it: mirrors of the Hub take nothing else.
            form = urlencode({"paths": paths, "expand": "False"}, doseq=True)
            answer = self._json("POST", url, form, "read", _FORM)
            listed = answers.mappings(answer or None, self._host)
            found |= {held.asset: held for item in listed if (held := self._held(item))}
        return {name: found[name] for name in names if name in found}

    def list(self) -> Iterator[Held]:
        """See Remote; page by page."""
        folder = quote(f"/{self.place.folder}".rstrip("/"))
        url: str | None = f"{self._api}/tree/{quote(self.place.revision, safe='')}{folder}?recursive=false"
        while url:
            with self._ask("GET", url) as response:
                if response.status_code == 404 and response.headers.get("X-Error-Code") == "EntryNotFound":
                    return
                if response.status_code != 200:
                    raise self._refused(response, "read")
                answer = answers.mappings(answers.read(http.whole(response), self._host), self._host)
                url = response.links.get("next", {}).get("url")
            if url and http.origin(url) != http.origin(self._base):
                raise RemoteError(f"{self._host} continues its list at another host: not followed")
            for item in answer:
                if held := self._held(item):
                    yield held

    def _held(self, item: dict[str, Any]) -> Held | None:
        path = str(item.get("path", ""))
        name = path.removeprefix(self.place.folder)
        if item.get("type", "file") != "file" or not _ASSET.fullmatch(name):
            return None
        lfs = answers.mapping(item.get("lfs"), self._host)
        sha256 = lfs.get("oid") or lfs.get("sha256")
        size = answers.number(lfs.get("size", item.get("size")), self._host)
        return Held(name, size, sha256 if isinstance(sha256, str) else None)

    # Up

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; the bytes go up here, `finish` commits them."""
        if not _ASSET.fullmatch(upload.asset):
            raise RemoteError(f"{upload.asset!r} cannot be a file name in {self.url}")
        if upload.asset in self._sent or self.has([upload.asset]):
            return  # the queue looks at what is there
        whole = hashlib.sha256()
        with http.Stream(upload, lambda _: None) as source:
            while data := source.read(1 << 20):
                whole.update(data)
        if whole.hexdigest() != upload.sha256:
            raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")
        mode = self._mode(upload)
        if mode == "lfs":
            self._lfs(upload, advance)
        else:
            advance(upload.size)  # it goes with the commit
        with self._lock:
            self._sent[upload.asset] = mode, upload

    def _mode(self, upload: Upload) -> str:
        """Whether the repository keeps such a file with Git LFS ("lfs") or plainly ("regular")."""
        path = self.place.folder + upload.asset
        with http.Stream(upload, lambda _: None) as source:
            sample = base64.b64encode(source.read(512)).decode("ascii")
        url = f"{self._api}/preupload/{quote(self.place.revision, safe='')}"
        files = [{"path": path, "sample": sample, "size": upload.size}]
        answer = answers.mapping(self._json("POST", url, {"files": files}, "write"), self._host)
        told = next(iter(answers.mappings(answer.get("files"), self._host)), {})
        if told.get("shouldIgnore"):
            raise RemoteError(
                f"a .gitignore in {self.place.repo} keeps {path} out", f"look at {self._base}/{self.place.path}"
            )
        return "lfs" if told.get("uploadMode") == "lfs" else "regular"

    def _lfs(self, upload: Upload, advance: Advance) -> None:
        body = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": upload.sha256, "size": upload.size}],
            "hash_algo": "sha256",
            "ref": {"name": self.place.revision},
        }
        url = f"{self._base}/{self.place.path}.git/info/lfs/objects/batch"
        answer = answers.mapping(self._json("POST", url, body, "write", _LFS), self._host)
        told = next(iter(answers.mappings(answer.get("objects"), self._host)), None)
        if told is None:
            raise answers.odd(self._host)
        if error := answers.mapping(told.get("error"), self._host):
            raise RemoteError(
                f"{self._host} does not take {upload.asset}: {safe(str(error.get('message', 'no reason given')))}"
            )
        actions = answers.mapping(told.get("actions"), self._host)
        if not actions:
            advance(upload.size)
            return  # it has these bytes, from a try that was killed or another repository
        way = answers.mapping(actions.get("upload"), self._host)
        target = answers.text(way.get("href"), self._host)
        given = {str(k): str(v) for k, v in answers.mapping(way.get("header"), self._host).items()}
        if "chunk_size" in given:
            with note_for(self._options, self.url, upload.asset) as note:
                hf_parts.send(upload, target, given, note, self._send, self._tell, advance)
        else:
            self._send(target, upload, advance, given)
        if verify := answers.mapping(actions.get("verify"), self._host):
            self._tell(answers.text(verify.get("href"), self._host), {"oid": upload.sha256, "size": upload.size})

    def _tell(self, url: str, what: Any) -> Any:
        return self._json("POST", self._checked(url), what, "write", _LFS)

    def _send(self, url: str, upload: Upload, advance: Advance, headers: dict[str, str] | None = None) -> str:
        """PUT to where the Hub says, without our token; the ETag."""
        with http.Stream(upload, advance) as body:
            response = self._client.send("PUT", self._checked(url), headers, body if upload.size else b"", long=True)
        with response:
            if response.status_code not in (200, 201, 204):
                raise http.refusal(response, url)
            return str(response.headers.get("ETag", ""))

    def _checked(self, url: str) -> str:
        """An address that the Hub gives. Raises RemoteError unless it is https, or on this machine as the Hub is."""
        if url.startswith("https://") or (self._base.startswith("http://") and http.loopback(http.origin(url)[1])):
            return url
        raise RemoteError(f"{self._host} sends uploads to an address without https: not followed")

    def finish(self) -> None:
        """See Remote: one commit for all that was put."""
        with self._lock:
            sent = dict(self._sent)
        lines: list[dict[str, Any]] = []
        for asset, (mode, upload) in sent.items():
            path = self.place.folder + asset
            if mode == "lfs":
                value = {"path": path, "algo": "sha256", "oid": upload.sha256, "size": upload.size}
                lines.append({"key": "lfsFile", "value": value})
            else:
                with open_(upload.file, "rb") as file:
                    file.seek(upload.offset)
                    content = base64.b64encode(file.read(upload.size)).decode("ascii")
                lines.append({"key": "file", "value": {"content": content, "path": path, "encoding": "base64"}})
        if lines:
            one = next(iter(sent.values()))[1].label
            self._commit(f"Add {one}" if len(lines) == 1 else f"Add {len(lines)} models", lines)
            with self._lock:
                self._sent = {asset: what for asset, what in self._sent.items() if asset not in sent}

    def delete(self, asset: str) -> None:
        """See Remote; the bytes stay in the repository's history."""
        with self._lock:
            self._sent.pop(asset, None)
        if self.has([asset]):
            self._commit(f"Remove {asset}", [{"key": "deletedFile", "value": {"path": self.place.folder + asset}}])

    def _commit(self, summary: str, lines: Sequence[dict[str, Any]]) -> None:
        summary = "".join(c if c.isprintable() else "?" for c in summary)[:200]
        rows = [{"key": "header", "value": {"summary": summary, "description": ""}}, *lines]
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        url = f"{self._api}/commit/{quote(self.place.revision, safe='')}"
        with self._ask("POST", url, data, {"Content-Type": "application/x-ndjson"}) as response:
            if response.status_code in (409, 412):
                raise Transient(f"somebody else committed to {self.place.repo} at the same time")
            if response.status_code not in (200, 201):
                raise self._refused(response, "write")

    # Down

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> http.Answer:
        """See Source; the Hub sends on to where the bytes are, and no token goes there."""
        path = quote(self.place.folder + asset)
        url = f"{self._base}/{self.place.path}/resolve/{quote(self.place.revision, safe='')}/{path}"
        response, final = self._client.follow(url, http.ranged(start, stop, tag), http.bearer(self._token()))
        if response.status_code not in (200, 206, 416) and http.origin(final) == http.origin(self._base):
            with response:
                if response.headers.get("X-Error-Code") == "EntryNotFound" or (
                    response.status_code == 404 and "X-Error-Code" not in response.headers
                ):
                    raise NotThere(f"{asset} is not in {self.url}", "whoever recorded it: git models push")
                raise self._refused(response, "read")
        return http.answer(response, final, start, tag)

    # Requests

    def _ask(
        self, method: str, url: str, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        own = http.origin(url) == http.origin(self._base)
        token = http.bearer(self._token()) if own else {}
        return self._client.send(method, url, {**(headers or {}), **token}, data, long=data is not None)

    def _json(self, method: str, url: str, body: Any, doing: str, headers: dict[str, str] | None = None) -> Any:
        kind = headers or {"Content-Type": "application/json"}
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        with self._ask(method, url, data, kind) as response:
            if response.status_code not in (200, 201):
                raise self._refused(response, doing)
            data = http.whole(response)
        return answers.read(data or b"{}", self._host)

    @property
    def _host(self) -> str:
        return http.host_of(self._base)

    def _token(self) -> str | None:
        if self._options.from_manifest or self._options.anonymous:
            return None
        return token()

    def _refused(self, response: requests.Response, doing: str) -> ModelsError:
        status, code = response.status_code, response.headers.get("X-Error-Code", "")
        where, page = f"{self.place.path} on {self._host}", f"{self._base}/{self.place.path}"
        said = urls.redact(response.headers.get("X-Error-Message", ""))[:200]
        if status == 413 or (status == 403 and "storage" in said.lower()):
            return RemoteError(f"{where} is full: {said or 'no reason given'}", f"look at {page}")
        if code == "GatedRepo":
            return RemoteError(f"{where} is gated", f"open {page}, accept its terms, then the same command again")
        if status == 401 and self._token():
            return RemoteError(f"{self._host} does not accept the token", f"{_sign_in()}   # or export HF_TOKEN=…")
        if code == "RevisionNotFound":
            return RemoteError(f"{where} has no revision {self.place.revision}", f"look at {page}/branches")
        if status in (401, 404):
            return RemoteError(
                f"{where} does not exist, or is private and {'not yours' if self._token() else 'there is no token'}",
                f"make it: {self._base}/new   # or: {_sign_in()}",
            )
        if status == 403:
            return RemoteError(
                f"the token may not {doing} {where}",
                f"{self._base}/settings/tokens: a fine-grained token with 'Write access to contents' of this one",
            )
        return http.refusal(response, response.url or self._base)


def token() -> str | None:
    """The user's token as the Hub's own tools keep it: HF_TOKEN, else the file that `hf auth login` writes."""
    if value := os.environ.get("HF_TOKEN", "").strip():
        return _plain(value)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = os.environ.get("HF_HOME") or os.path.join(cache, "huggingface")
    try:
        with open_(os.environ.get("HF_TOKEN_PATH") or os.path.join(home, "token"), encoding="utf-8") as file:
            return _plain(file.read().strip()) or None
    except (OSError, UnicodeDecodeError):
        return None


def _sign_in() -> str:
    """How to get a token: the Hub's own program does it, which the extra brings."""
    return "hf auth login" if shutil.which("hf") else "pip install 'git-models[hf]' && hf auth login"


def _plain(text: str) -> str:
    if not text.isascii() or any(ord(c) < 33 for c in text):
        raise RemoteError("the Hugging Face token holds control characters: not used", "hf auth login")
    return text


def _endpoint(name: str, options: Options) -> str:
    """The Hub: `models.NAME.endpoint`, HF_ENDPOINT or huggingface.co; never the manifest's. Raises RemoteError."""
    status, out = git.call("config", "--get", f"models.{name}.endpoint", cwd=options.top, ok=(0, 1))
    said = out.decode("utf-8", "replace").strip() if status == 0 else os.environ.get("HF_ENDPOINT", "")
    try:
        return web.parse(said or HUB).root.rstrip("/")
    except UsageError as error:
        raise RemoteError(error.what, f"git config models.{name}.endpoint https://HOST") from error
