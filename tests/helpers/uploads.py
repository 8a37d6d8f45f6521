"""What tests put into a place and read out of it, and processes that are killed on the way."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from git_models.remotes.base import Source, Upload
from tests.helpers import ROOT


def made(folder: Path, asset: str = "best-0123456789ab.pt", *, data: bytes, label: str = "best.pt") -> Upload:
    """An upload of `data`, which is written into `folder`."""
    file = folder / f"{asset}.here"
    file.write_bytes(data)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Upload(asset, str(file), 0, len(data), hashlib.sha256(data).hexdigest(), md5, label)


def read(source: Source, asset: str, start: int = 0, stop: int | None = None) -> bytes:
    """Exactly the bytes that an asset's range is answered with."""
    with source.get(asset, start, stop) as body:
        return b"".join(body)


class Killed(BaseException):
    """The process ends here."""


def dying(most: int) -> Callable[[int], None]:
    """What counts the bytes of an upload, and ends the process once more than `most` have moved."""
    moved = 0

    def advance(count: int) -> None:
        nonlocal moved
        moved += count
        if moved > most:
            raise Killed

    return advance


_KILLED = """
import os, signal, sys
from git_models import remotes
from git_models.remotes.base import Options, Upload
moved = 0
def advance(count):
    global moved
    moved += count
    if moved > {most}:
        os.kill(os.getpid(), signal.SIGKILL)
{first}
remotes.open({url!r}, {name!r}, Options(cache={cache!r})).put(Upload(*{up!r}), advance)
"""


def kill(url: str, name: str, cache: Path, up: Upload, most: int, first: str = "") -> None:
    """Upload in a process that first runs `first`, and gets a real SIGKILL once more than `most` bytes have moved."""
    script = _KILLED.format(most=most, first=first, url=url, name=name, cache=str(cache), up=tuple(up))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
