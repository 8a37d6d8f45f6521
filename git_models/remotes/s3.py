"""Amazon S3 and what speaks its language: own hashes in the metadata, uploads that a kill does not throw back."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from git_models import git
from git_models.errors import ModelsError, NotThere, RemoteError, StartOver, UsageError
from git_models.remotes import http, web
from git_models.remotes.base import Advance, Held, Options, Source, Upload, missing_extra
from git_models.remotes.s3_errors import code_of, explain, not_s3, status_of
from git_models.remotes.s3_upload import send, send_parts

WHOLE = 64 << 20
"""Bytes up to which a file goes up in one request; larger ones in parts of at least this size."""

ASKED_AT_ONCE = 8
"""Questions (HEAD) at the same time."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", re.ASCII)
_PREFIX = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._!*'()=+@-]+(?:/[A-Za-z0-9._!*'()=+@-]+)*", re.ASCII)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Place(NamedTuple):
    """A bucket and where in it."""

    bucket: str
    prefix: str  # "" or ends in "/"

    @property
    def url(self) -> str:
        """The URL in its normal form."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def normalise(url: str) -> str:
    """`s3://bucket/prefix`; raises UsageError."""
    return _parse(url).url


def open(url: str, name: str, options: Options) -> S3:
    """The bucket that a URL names. Raises RemoteError when boto3 is not installed."""
    return S3(_parse(url), name, options)


def _parse(url: str) -> Place:
    bucket, _, prefix = url.partition("://")[2].partition("/")
    prefix = prefix.rstrip("/")
    if not _BUCKET.fullmatch(bucket) or (prefix and not _PREFIX.fullmatch(prefix)):
        raise UsageError(
            f"{url!r} is not of the form s3://bucket/prefix; "
            "another endpoint than Amazon's: git config models.NAME.endpoint https://HOST"
        )
    return Place(bucket, prefix and prefix + "/")


class S3:
    """The Remote protocol over a bucket."""

    writable = True
    limit: int | None = 5 << 40
    per_minute: int | None = None
    per_hour: int | None = None
    several = True

    def __init__(self, place: Place, name: str, options: Options) -> None:
        try:
            import boto3  # noqa: F401
        except ImportError:
            raise missing_extra("s3", "boto3") from None
        self.place = place
        self.name = name
        self.url = place.url
        self._options = options
        self._made: Any = None
        self._stranger = False
        self._lock = threading.Lock()

    def _client(self) -> Any:
        """boto3's client, which all threads share; made when the first question is asked."""
        with self._lock:
            if self._made is None:
                self._made, self._stranger = _connect(self.name, self._options)
            return self._made

    def _at(self, asset: str) -> dict[str, str]:
        return {"Bucket": self.place.bucket, "Key": self.place.prefix + asset}

    def _told(self, error: Exception, doing: str) -> ModelsError:
        if self._stranger and status_of(error) in (401, 403):
            return RemoteError(
                f"s3: no AWS credentials were found, and strangers may not {doing} in {self.place.bucket}",
                f"aws configure   # or: git config models.{self.name}.profile PROFILE",
            )
        return explain(error, self.place.bucket, doing, self.name)

    def has(self, assets: Collection[str]) -> dict[str, Held]:
        """See Remote; the SHA-256 is the one that the uploader checked and wrote down. One HEAD each."""
        self._client()
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            found = list(pool.map(self._look, list(assets)))
        return {held.asset: held for held in found if held}

    def _look(self, asset: str) -> Held | None:
        client = self._client()
        try:
            head = client.head_object(**self._at(asset))
        except Exception as first:
            error: Exception = first
            if status_of(first) in (301, 400, 401, 403):
                # An answer to HEAD has no body that says why.
                try:
                    client.get_object(**self._at(asset), Range="bytes=0-0")["Body"].close()
                except Exception as second:
                    error = second
            if status_of(error) == 404 and code_of(error) != "NoSuchBucket":
                return None
            raise self._told(error, "look at what is there (s3:GetObject and s3:ListBucket)") from error
        # An ETag says nothing: that of an upload in parts, or of an encrypted object, is no MD5.
        return Held(asset, head["ContentLength"], head.get("Metadata", {}).get("sha256") or None)

    def list(self) -> Iterator[Held]:
        """See Remote."""
        try:
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.place.bucket, Prefix=self.place.prefix, Delimiter="/"):
                for item in page.get("Contents", ()):
                    if name := item["Key"][len(self.place.prefix) :]:
                        yield Held(name, item["Size"], at=item["LastModified"].timestamp())
        except Exception as error:
            raise self._told(error, "list the bucket (s3:ListBucket)") from error

    def put(self, upload: Upload, advance: Advance) -> None:
        """See Remote; a large file continues where the last try, of this process or another, was killed."""
        if self._look(upload.asset):
            return  # the queue looks at what is there
        try:
            way = send if upload.size <= WHOLE else send_parts
            way(self._client(), self._at(upload.asset), upload, advance)
        except Exception as error:
            if code_of(error) == "PreconditionFailed":
                return  # somebody else was first
            raise self._told(error, "write (s3:PutObject)") from error

    def finish(self) -> None:
        """See Remote; an object is there at once."""

    def get(self, asset: str, start: int = 0, stop: int | None = None, tag: str | None = None) -> Reading:
        """See Source."""
        wanted = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop is not None else {}
        try:
            answer = self._client().get_object(**self._at(asset), **wanted, **({"IfMatch": tag} if tag else {}))
        except Exception as error:
            if status_of(error) in (412, 416):
                raise StartOver(f"{asset} in {self.url} is not what was begun") from error
            if code_of(error) in ("NoSuchKey", "404", "NotFound"):
                raise NotThere(f"{asset} is not in {self.url}", "whoever recorded it: git models push") from error
            raise self._told(error, "read (s3:GetObject)") from error
        return Reading(answer, self.place.bucket)

    def take(self, source: Source, upload: Upload) -> bool:
        """See Taking; within one service, up to the 5 GB that it copies in one request."""
        if not isinstance(source, S3) or upload.size > 5 * 10**9:
            return False
        client, other = self._client(), source._client()
        if client.meta.endpoint_url != other.meta.endpoint_url or self._stranger or source._stranger:
            return False
        held = source._look(upload.asset)
        if held is None or held.sha256 != upload.sha256 or held.size != upload.size:
            return False
        if self._look(upload.asset) is None:
            try:
                client.copy_object(CopySource=source._at(upload.asset), **self._at(upload.asset))
            except Exception as error:
                raise self._told(error, "copy there (s3:PutObject)") from error
        return True

    def delete(self, asset: str) -> None:
        """See Remote."""
        try:
            self._client().delete_object(**self._at(asset))
        except Exception as error:
            raise self._told(error, "delete (s3:DeleteObject)") from error


class Reading:
    """The Body of one object."""

    def __init__(self, answer: dict[str, Any], bucket: str) -> None:
        self._body, self._bucket = answer["Body"], bucket
        self.start = 0
        self.total: int | None = answer.get("ContentLength")
        # Some servers send a range with status 200: the header decides.
        if found := _RANGE.fullmatch(answer.get("ContentRange") or ""):
            self.start, self.total = int(found[1]), int(found[2])
        self.tag: str | None = answer.get("ETag")

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                data: bytes = self._body.read(http.READ)
            except Exception as error:
                raise explain(error, self._bucket, "read (s3:GetObject)") from error
            if not data:
                return
            yield data

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()


def _connect(name: str, options: Options) -> tuple[Any, bool]:
    """A client with the credentials of the user's AWS configuration; whether there were none. Raises RemoteError."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    said = _settings(name, options.top)
    endpoint = said.get("endpoint")
    if endpoint:
        try:
            endpoint = web.parse(endpoint).origin
        except UsageError as error:
            raise RemoteError(error.what, f"git config models.{name}.endpoint https://HOST") from error
    way = http.settings(f"{endpoint or 'https://s3.amazonaws.com'}/", options.top)
    try:
        session = boto3.session.Session(profile_name=said.get("profile"), region_name=said.get("region"))
        scoped = session._session.get_scoped_config().get("s3")
        style = scoped.get("addressing_style") if isinstance(scoped, dict) else None
        stranger = options.anonymous or session.get_credentials() is None
        config = Config(
            signature_version=UNSIGNED if stranger else None,
            # Retries belong to the queue.
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=options.patience,
            read_timeout=http.PROCESSING,
            max_pool_connections=2 * ASKED_AT_ONCE,
            # Other makers refuse the checksums that newer versions add unasked.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": style or ("path" if endpoint else "auto")},
            proxies=way.proxies,
        )
        # What AWS_CA_BUNDLE or the profile's ca_bundle names was meant for this alone, so it goes first.
        own = session._session.get_config_variable("ca_bundle")
        if own and not os.path.exists(own):
            raise RemoteError(f"the CA file {own} does not exist", "check AWS_CA_BUNDLE and ca_bundle in ~/.aws/config")
        client = session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=session.region_name or "us-east-1",
            config=config,
            verify=None if own or way.verify is True else way.verify,
        )
        client.meta.events.register("after-call.s3", lambda **said: _no_page(name, **said))
        return client, stranger
    except Exception as error:
        raise explain(error, name, "connect", name) from error


def _no_page(name: str, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """A proxy's page can be well-formed XML, and then boto3 reads an empty bucket in it. Raises RemoteError."""
    if http_response.status_code >= 500:
        return
    if model.has_streaming_output or model.http["method"] == "HEAD":  # no body to look at; S3 always tells an ETag
        page = http_response.status_code < 300 and "ETag" not in parsed
    else:
        page = http_response.content[:100].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    if page:
        if body := parsed.get("Body"):
            body.close()
        raise not_s3(http.host_of(http_response.url), name)


def _settings(name: str, top: str | None) -> dict[str, str]:
    """`models.NAME.endpoint`, `.region` and `.profile` of git's configuration: never the manifest's."""
    found = {}
    for key in ("endpoint", "region", "profile"):
        status, out = git.call("config", "--get", f"models.{name}.{key}", cwd=top, ok=(0, 1))
        if status == 0 and (value := out.decode("utf-8", "replace").strip()):
            found[key] = value
    return found
