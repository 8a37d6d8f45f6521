"""The name of an upload that is not finished: what a killed one left is found by the next try, and by nobody else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from git_models import jsons, lock
from git_models.errors import ModelsError
from git_models.remotes.base import Options

_FORM = re.compile(r"upload-[0-9a-f]{24}\.tmp")


def is_unfinished(name: str) -> bool:
    """Whether a file of a place is an upload under way, or what is left of one."""
    return bool(_FORM.fullmatch(name))


class Note:
    """What is remembered of an upload under way: a small JSON file that only its owner can read, or nothing."""

    def __init__(self, file: str) -> None:
        self._file = file  # "" remembers nothing

    def read(self) -> dict[str, Any]:
        """What was written last; {} without anything."""
        try:
            with open(self._file, encoding="utf-8") as file:
                found = jsons.read(file.read(jsons.LARGEST + 1))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, what: dict[str, Any]) -> None:
        """Remember. The service's address for an upload opens it: nobody else may read the file."""
        if self._file:
            draft = f"{self._file}.{os.getpid()}"
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(what, file)
            os.replace(draft, self._file)

    def forget(self) -> None:
        """The upload is over."""
        if self._file:
            with suppress(FileNotFoundError):
                os.unlink(self._file)


@contextmanager
def note_for(options: Options, url: str, asset: str) -> Iterator[Note]:
    """What an earlier try of this clone noted about an upload; a second process at the same time has nothing."""
    with name_for(options, url, asset) as name:
        ours = options.cache and os.path.isdir(
            os.path.join(options.cache, "uploads", name[len("upload-") : -len(".tmp")])
        )
        yield Note(os.path.join(options.cache or "", "uploads", name.replace(".tmp", ".json")) if ours else "")


@contextmanager
def name_for(options: Options, url: str, asset: str) -> Iterator[str]:
    """The name under which this clone uploads an asset before it gets its own.

    The same for every try from this clone, so that a try after a kill continues or replaces what was
    left. No two processes have it at once: the second one gets another. No asset has such a name.
    """
    if not options.cache:
        yield f"upload-{secrets.token_hex(12)}.tmp"
        return
    whole = "\0".join((socket.gethostname(), options.cache, url, asset))
    key = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    folder = os.path.join(options.cache, "uploads", key)
    try:
        held = lock.hold(folder, f"upload of {asset}", patience=0)
        held.__enter__()
    except ModelsError:
        yield f"upload-{secrets.token_hex(12)}.tmp"
        return
    try:
        yield f"upload-{key}.tmp"
    finally:
        held.__exit__(None, None, None)
        try:
            os.rmdir(folder)
        except OSError:
            pass  # somebody else waits for it
