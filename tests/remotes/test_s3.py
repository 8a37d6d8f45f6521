"""S3 without a server: its URLs, what is said when boto3 is not there, and each error as a sentence."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from git_models import remotes
from git_models.errors import ModelsError, Offline, RemoteError, Transient, UsageError
from git_models.remotes.base import RateLimited
from git_models.remotes.s3_errors import explain
from tests.helpers.sandbox import Sandbox


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("s3://models", "s3://models"),
        ("S3://models/team/", "s3://models/team"),
        ("s3://my.bucket-1/a/b_c/(d)", "s3://my.bucket-1/a/b_c/(d)"),
    ],
)
def test_a_url_has_one_form(url: str, normal: str) -> None:
    assert remotes.normalise(url) == normal


@pytest.mark.parametrize(
    "url",
    [
        *("s3://", "s3://m", "s3://KEY:SECRET@bucket/x", "s3://bucket/../x", "s3://bucket/a//b", "s3://bucket/x?y=1"),
        *("s3://-bucket/x", "s3://bucket/a b", "s3://bucket/%2e%2e", "s3://bucket/x#y", "s3://bucket:80/x"),
    ],
)
def test_what_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"s3://bucket/prefix"):
        remotes.normalise(url)


def test_what_is_not_installed_is_named_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(RemoteError, match="needs boto3, which is not installed") as caught:
        remotes.open("s3://models/team", "cloud")
    assert caught.value.fix == "pip install 'git-models[s3]'"


def test_a_place_whose_library_is_missing_is_not_added(repo: Sandbox, bin_folder: Any) -> None:
    if "boto3" in repo.run(f"{bin_folder}/python -c 'import boto3' && echo boto3", code=None).out:
        pytest.skip("boto3 is installed here")
    told = repo.models("remote", "add", "cloud", "s3://models/team", code=1)
    assert "pip install 'git-models[s3]'" in told.err
    assert not repo.exists("models.yaml")


class Answer(Exception):
    """As botocore's ClientError."""

    def __init__(self, code: str, status: int, said: str = "", **headers: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling: {said} AWSAccessKeyId=AKIAABCDEFGHIJKLMNOP")
        self.response = {
            "Error": {"Code": code},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        }


def named(name: str) -> Exception:
    """As one of botocore's own exceptions."""
    failed: Exception = type(name, (Exception,), {})("https://bucket/?X-Amz-Signature=abcdef")
    return failed


@pytest.mark.parametrize(
    ("error", "kind", "words", "fix"),
    [
        (Answer("NoSuchBucket", 404), RemoteError, "there is no bucket team", "aws s3 mb s3://team"),
        (Answer("AccessDenied", 403), RemoteError, "may not write", "docs/remotes.md has the smallest policy"),
        (Answer("ExpiredToken", 400), RemoteError, "session has expired", "aws sso login"),
        (Answer("RequestTimeTooSkewed", 403), RemoteError, "clock differs", "timedatectl"),
        (Answer("QuotaExceeded", 403), RemoteError, "is full", "raise its quota"),
        (Answer("PermanentRedirect", 301), RemoteError, "another region", "models.cloud.region REGION"),
        (
            Answer("PermanentRedirect", 301, **{"x-amz-bucket-region": "eu-west-3"}),
            RemoteError,
            "another region",
            "git config models.cloud.region eu-west-3",
        ),
        (
            Answer("AuthorizationHeaderMalformed", 400, **{"x-amz-bucket-region": "$(touch x)"}),
            RemoteError,
            "another region",
            "models.cloud.region REGION",
        ),
        (
            Answer("AccessDenied", 403, "not authorized to perform: kms:GenerateDataKey"),
            RemoteError,
            "key",
            "kms:Decrypt",
        ),
        (Answer("KMS.DisabledException", 400), RemoteError, "encryption key", "ask its owner for kms:"),
        (Answer("InvalidAccessKeyId", 403), RemoteError, "not known there", "models.cloud.profile"),
        (Answer("SignatureDoesNotMatch", 403), RemoteError, "does not belong", "aws configure"),
        (Answer("EntityTooLarge", 400), RemoteError, "larger than", "models.partSize"),
        (Answer("XMinioStorageFull", 507), RemoteError, "is full", "free space"),
        (Answer("TooManyRequests", 429), RateLimited, "asks to wait", ""),
        (Answer("NoSuchUpload", 404), Transient, "damaged", ""),
        (Answer("503", 503), Transient, "failed", ""),
        (named("ResponseParserError"), RemoteError, "is no S3", "HTTPS_PROXY"),
        (named("ProfileNotFound"), RemoteError, "profile does not exist", "git config models.cloud.profile"),
        (named("ProxyConnectionError"), Offline, "X-Amz-Signature", ""),
        (Answer("InvalidObjectState", 403), RemoteError, "archive", "restore-object"),
        (Answer("SlowDown", 503, **{"retry-after": "9"}), RateLimited, "asks to wait", ""),
        (Answer("InternalError", 500), Transient, "failed with InternalError", ""),
        (Answer("BadDigest", 400), Transient, "damaged", ""),
        (Answer("Strange", 400), RemoteError, "refuses to write", ""),
        (named("NoCredentialsError"), RemoteError, "no AWS credentials", "aws configure"),
        (named("SSOTokenLoadError"), RemoteError, "not signed in", "aws sso login"),
        (named("EndpointConnectionError"), Offline, "X-Amz-Signature", ""),
        (named("ReadTimeoutError"), Transient, "connection broke", ""),
        (named("SSLError"), RemoteError, "certificate is not trusted", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_every_error_is_a_sentence_without_secrets(
    error: Exception, kind: type[ModelsError], words: str, fix: str
) -> None:
    told = explain(error, "team", "write", "cloud")
    assert type(told) is kind
    assert words in told.what
    assert fix in told.fix
    assert not any(secret in told.what for secret in ("abcdef", "AKIAABCDEFGHIJKLMNOP"))


def test_a_rate_limit_waits_as_long_as_it_was_told() -> None:
    told = explain(Answer("SlowDown", 503, **{"retry-after": "9"}), "team", "write")
    assert isinstance(told, RateLimited)
    assert told.after == 9.0
