"""Uploads to S3: whole, or in parts that outlive a kill. Each request is compared by the server with an MD5 of ours."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

from git_models.errors import RemoteError
from git_models.remotes.base import Advance, Upload, blocks
from git_models.remotes.s3_errors import code_of

PART = 64 << 20
"""Bytes of a part, unless the file would have more than 9,900 of them (S3 takes 10,000)."""


def send(client: Any, at: dict[str, str], upload: Upload, advance: Advance) -> None:
    """Store a file in one request. Raises what boto3 raises, and RemoteError for bytes that are not as promised."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for block in blocks(upload, 0, upload.size):
        sha256.update(block)
        md5.update(block)
    _same(sha256.hexdigest(), upload)
    with Window(upload.file, upload.offset, upload.size, advance) as body:
        _conditional(
            client.put_object,
            Body=body,
            ContentLength=upload.size,
            ContentMD5=base64.b64encode(md5.digest()).decode("ascii"),
            **at,
            **_described(upload),
        )


def send_parts(client: Any, at: dict[str, str], upload: Upload, advance: Advance) -> None:
    """Store a file in parts; those that an earlier try left there are compared and kept. Raises as `send`."""
    size = max(PART, -(-upload.size // 9900))
    number, known = _begun(client, at)
    if not number:
        number = client.create_multipart_upload(**at, **_described(upload))["UploadId"]
    whole, done = hashlib.sha256(), []
    for index, start in enumerate(range(0, upload.size, size), 1):
        length = min(size, upload.size - start)
        md5 = hashlib.md5(usedforsecurity=False)
        for block in blocks(upload, start, start + length):
            whole.update(block)
            md5.update(block)
        tag = known.get(index, ("", 0))
        if tag == (md5.hexdigest(), length):
            advance(length)
            done.append({"PartNumber": index, "ETag": f'"{tag[0]}"'})
            continue
        with Window(upload.file, upload.offset + start, length, advance) as body:
            answer = client.upload_part(
                Body=body,
                ContentLength=length,
                ContentMD5=base64.b64encode(md5.digest()).decode("ascii"),
                PartNumber=index,
                UploadId=number,
                **at,
            )
        done.append({"PartNumber": index, "ETag": answer["ETag"]})
    if whole.hexdigest() != upload.sha256:
        client.abort_multipart_upload(UploadId=number, **at)
    _same(whole.hexdigest(), upload)
    try:
        _conditional(client.complete_multipart_upload, UploadId=number, MultipartUpload={"Parts": done}, **at)
    except Exception as error:
        if code_of(error) in ("PreconditionFailed", "InvalidPart", "InvalidPartOrder"):
            client.abort_multipart_upload(UploadId=number, **at)
        raise


def _begun(client: Any, at: dict[str, str]) -> tuple[str, dict[int, tuple[str, int]]]:
    """The newest unfinished upload of this object, and its parts: number → (MD5, size); ("", {}) without one."""
    try:
        found = client.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", ())
        found = sorted((u for u in found if u["Key"] == at["Key"]), key=lambda u: str(u.get("Initiated", "")))
        if not found:
            return "", {}
        number = str(found[-1]["UploadId"])
        parts: dict[int, tuple[str, int]] = {}
        for page in client.get_paginator("list_parts").paginate(UploadId=number, **at):
            parts |= {p["PartNumber"]: (p["ETag"].strip('"'), p["Size"]) for p in page.get("Parts", ())}
        return number, parts
    except Exception as error:
        # Not everybody may list, and not every server can: then it begins anew.
        if code_of(error) in ("AccessDenied", "403", "NotImplemented", "NoSuchUpload", "MethodNotAllowed", "405"):
            return "", {}
        raise


def _conditional(call: Any, **given: Any) -> None:
    """Only if there is no such object yet; servers that know no conditions are asked without."""
    try:
        call(IfNoneMatch="*", **given)
    except Exception as error:
        if code_of(error) != "NotImplemented":
            raise
        if body := given.get("Body"):
            body.seek(0)
        call(**given)


def _described(upload: Upload) -> dict[str, Any]:
    # Metadata is sent in headers: ASCII only.
    label = "".join(c if " " <= c <= "~" else "?" for c in upload.label)[:200]
    return {
        "ContentType": "application/octet-stream",
        "Metadata": {"sha256": upload.sha256, "md5": upload.md5, "label": label},
    }


def _same(sha256: str, upload: Upload) -> None:
    if sha256 != upload.sha256:
        raise RemoteError(f"{upload.file} does not have the SHA-256 {upload.sha256}", fix="git models verify")


class Window(io.RawIOBase):
    """A range of a file that tells how far it was read; going back (to sign, then to send) tells less."""

    def __init__(self, file: str, offset: int, size: int, advance: Advance) -> None:
        self._file = open(file, "rb")  # noqa: SIM115
        self._offset, self._size, self._advance = offset, size, advance
        self._at = self._told = 0
        self._file.seek(offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = min(max(offset + (0, self._at, self._size)[whence], 0), self._size)
        self._file.seek(self._offset + self._at)
        if self._at < self._told:
            self._tell(self._at)
        return self._at

    def read(self, count: int = -1) -> bytes:
        rest = self._size - self._at
        data = self._file.read(rest if count < 0 else min(count, rest))
        self._at += len(data)
        if self._at > self._told:
            self._tell(self._at)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()

    def _tell(self, at: int) -> None:
        self._advance(at - self._told)
        self._told = at
