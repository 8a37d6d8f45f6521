"""What goes wrong with S3, as sentences that say how to get on. The only reader of botocore's exceptions."""

from __future__ import annotations

import re
from typing import Any

from git_models.errors import ModelsError, Offline, RemoteError, Transient
from git_models.output import safe
from git_models.remotes.base import RateLimited
from git_models.urls import redact

_LATER = ("InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict")
_SLOWER = ("SlowDown", "TooManyRequests", "RequestLimitExceeded", "Throttling", "ThrottlingException", "429")
_DAMAGED = ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "NoSuchUpload")
_POLICY = "docs/remotes.md has the smallest policy; whoever owns the bucket can attach it"
_WORDS: dict[str, tuple[str, str]] = {
    "NoSuchBucket": ("there is no bucket {bucket}", "aws s3 mb s3://{bucket}   # or look at models.{name}.endpoint"),
    "InvalidAccessKeyId": (
        "the access key is not known there",
        "aws configure   # or models.{name}.profile, .endpoint",
    ),
    "SignatureDoesNotMatch": ("the secret key does not belong to the access key", "aws configure"),
    "ExpiredToken": ("the AWS session has expired", "aws sso login   # or export new credentials"),
    "TokenRefreshRequired": ("the AWS session has expired", "aws sso login"),
    "InvalidToken": ("the AWS session token is not valid", "aws sso login   # or unset AWS_SESSION_TOKEN"),
    "RequestTimeTooSkewed": ("this machine's clock differs from the server's", "set the clock: timedatectl set-ntp 1"),
    "EntityTooLarge": ("the file is larger than the server takes", "git config models.partSize 1900M"),
    "QuotaExceeded": ("{bucket} is full", "raise its quota, then: git models push"),
    "XMinioStorageFull": ("{bucket} is full: the server's disk", "free space there, then: git models push"),
    "PermanentRedirect": ("{bucket} is in another region", "git config models.{name}.region {region}"),
    "AuthorizationHeaderMalformed": ("{bucket} is in another region", "git config models.{name}.region {region}"),
    "IllegalLocationConstraintException": ("{bucket} is in another region", "git config models.{name}.region {region}"),
    "InvalidObjectState": ("the object was moved to an archive", "aws s3api restore-object …, then again"),
    "AccountProblem": ("the account is suspended or unpaid", "look at the provider's console"),
    # Before anything is asked, by the name of botocore's exception.
    "NoCredentialsError": ("no AWS credentials were found", "aws configure   # or models.{name}.profile"),
    "PartialCredentialsError": ("the AWS credentials are incomplete", "aws configure"),
    "ProfileNotFound": ("the AWS profile does not exist", "git config models.{name}.profile PROFILE"),
    "CredentialRetrievalError": ("the AWS credentials could not be had", "look at credential_process in ~/.aws/config"),
    "SSOTokenLoadError": ("you are not signed in to AWS", "aws sso login"),
    "UnauthorizedSSOTokenError": ("the AWS sign-in has expired", "aws sso login"),
    "TokenRetrievalError": ("the AWS sign-in has expired", "aws sso login"),
    "InvalidBucketName": ("{bucket} is no name for a bucket there", "git models remote list"),
    "AllAccessDisabled": ("{bucket} is closed for everybody", "ask its owner"),
    "MethodNotAllowed": ("{bucket} takes no files this way", "look at models.{name}.endpoint"),
    "ConfigParseError": ("the AWS configuration cannot be read", "look at ~/.aws/config"),
}
_OFFLINE = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError")
_BROKEN = (
    *("ConnectionClosedError", "ReadTimeoutError", "HTTPClientError", "ResponseStreamingError", "IncompleteReadError"),
    *("ConnectionError", "ProtocolError", "IncompleteRead", "ConnectionResetError", "BrokenPipeError", "TimeoutError"),
)


def code_of(error: Exception) -> str:
    """S3's own word for an error; "" for one that is not the server's."""
    return str(_answer(error).get("Error", {}).get("Code", ""))


def status_of(error: Exception) -> int:
    """The HTTP status, 0 without one."""
    return int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explain(error: Exception, bucket: str, doing: str, name: str = "NAME") -> ModelsError:
    """The error that the queue understands; `doing` says what was tried and which permission that takes.

    `name` is that of the place, for the commands to type.
    """
    if isinstance(error, ModelsError):
        return error
    code, status, kind = code_of(error), status_of(error), type(error).__name__
    said = safe(redact(str(error)))
    if code.startswith("KMS.") or (status in (400, 403) and "kms:" in str(error).lower()):
        return RemoteError(
            f"s3: you may not {doing} in {bucket}: its encryption key is not yours to use ({code})",
            "ask its owner for kms:GenerateDataKey and kms:Decrypt on the key",
        )
    if kind == "ResponseParserError":
        return not_s3(bucket, name)
    if words := _WORDS.get(code) or _WORDS.get(kind):
        known = {"bucket": bucket, "name": name, "region": _region(error)}
        return RemoteError(f"s3: {words[0].format(**known)}", words[1].format(**known))
    if code in _SLOWER or status == 429:
        after = _answer(error).get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", "")
        return RateLimited(
            f"s3: {bucket} asks to wait ({code})", after=float(after) if after.isdigit() else 5.0, exact=after.isdigit()
        )
    if code in _DAMAGED:
        return Transient(f"s3: what arrived in {bucket} was damaged ({code})")
    if code in _LATER or status >= 500:
        return Transient(f"s3: {bucket} failed with {code or status}")
    if status in (401, 403):
        return RemoteError(f"s3: you may not {doing} in {bucket} ({code})", _POLICY)
    if kind == "SSLError":
        return RemoteError(
            f"s3: the certificate is not trusted ({said})",
            "export REQUESTS_CA_BUNDLE=/path/to/company-ca.pem (or: git config --global http.sslCAInfo PATH)",
        )
    if kind in _OFFLINE:
        return Offline(f"s3: {said}")
    if kind in _BROKEN:
        return Transient(f"s3: the connection broke ({said})")
    return RemoteError(f"s3: {bucket} refuses to {doing}: {said}")


def not_s3(what: str, name: str) -> RemoteError:
    """A page arrived in place of S3's answer."""
    return RemoteError(
        f"s3: what answers for {what} is no S3: is there a proxy or a log-in page in between?",
        f"look at models.{name}.endpoint and HTTPS_PROXY",
    )


def _region(error: Exception) -> str:
    """Where the bucket is, if the answer says it and it is a plain word; else REGION."""
    answer = _answer(error)
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    found = str(headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region") or "")
    return found if re.fullmatch(r"[a-z0-9-]{1,40}", found) else "REGION"


def _answer(error: Exception) -> dict[str, Any]:
    found = getattr(error, "response", None)
    return found if isinstance(found, dict) else {}
