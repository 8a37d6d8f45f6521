"""The name of an upload that is not finished: what a killed one left is found by the next try, and by nobody else."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from git_models import lock
from git_models.errors import ModelsError
from git_models.remotes.base import Options

_FORM = re.compile(r"upload-[0-9a-f]{24}\.tmp")


def is_unfinished(name: str) -> bool:
    """Whether a file of a place is an upload under way, or what is left of one."""
    return bool(_FORM.fullmatch(name))


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
