"""Large files in parts, as the Hugging Face Hub takes them: what a killed upload got there is not sent again.

The Hub's `multipart` transfer (its own addition to Git LFS): an address for each part, and one that joins them.
Asking again begins another upload, so the addresses are noted for the next try; they hold for some hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from git_models.errors import RemoteError, Transient
from git_models.remotes.base import Advance, Upload
from git_models.remotes.unfinished import Note

NOTED = 64 << 20
"""Bytes that a kill may cost at most, beside the part under way."""

Put = Callable[[str, Upload, Advance], str]
"""Send a range to an address; the ETag that it answers."""

Tell = Callable[[str, Any], Any]
"""Tell the Hub something at an address of its own."""


def send(
    upload: Upload, done: str, given: Mapping[str, str], note: Note, put: Put, tell: Tell, advance: Advance
) -> None:
    """Send what is not there yet and have the parts joined. Raises Transient, RemoteError.

    `done` and `given` are what the Hub said to this try: used if there is no upload to go on with.
    """
    kept = note.read()
    begun = _fits(kept, upload)
    plan = kept if begun else _planned(upload, done, given)
    urls, size, tags, since = plan["urls"], plan["size"], list(plan["tags"]), 0
    try:
        for index, url in enumerate(urls):
            start = index * size
            part = upload._replace(offset=upload.offset + start, size=min(size, upload.size - start))
            if index < len(tags):
                advance(part.size)
                continue
            tags.append(put(url, part, advance))
            since += part.size
            if since >= NOTED:
                note.write({**plan, "tags": tags})
                since = 0
        parts = [{"partNumber": number, "etag": tag} for number, tag in enumerate(tags, 1)]
        tell(plan["done"], {"oid": upload.sha256, "parts": parts})
    except Transient:
        note.write({**plan, "tags": tags})
        raise
    except RemoteError as error:
        note.forget()
        if begun:  # its addresses hold for some hours only
            raise Transient(f"the upload of {upload.asset} that was begun is gone: {error.what}") from error
        raise
    note.forget()


def _planned(upload: Upload, done: str, given: Mapping[str, str]) -> dict[str, Any]:
    """What to do, as it is noted. Raises RemoteError for parts that do not make up the file."""
    urls = [url for _, url in sorted((int(k), v) for k, v in given.items() if k.isdigit())]
    size = int(given["chunk_size"]) if given["chunk_size"].isdigit() else 0
    if size <= 0 or len(urls) != -(-upload.size // size):
        raise RemoteError(f"the Hub describes an upload of {upload.asset} in parts that do not fit the file")
    return {"sha256": upload.sha256, "length": upload.size, "done": done, "urls": urls, "size": size, "tags": []}


def _fits(kept: Mapping[str, Any], upload: Upload) -> bool:
    """Whether a note is of an upload of these bytes that can go on."""
    urls, tags, size = kept.get("urls"), kept.get("tags"), kept.get("size")
    if kept.get("sha256") != upload.sha256 or kept.get("length") != upload.size or not isinstance(size, int):
        return False
    texts = [*urls, *tags, kept.get("done")] if isinstance(urls, list) and isinstance(tags, list) else [None]
    whole = size > 0 and isinstance(urls, list) and len(urls) == -(-upload.size // size)
    return whole and bool(tags) and all(isinstance(text, str) for text in texts)
