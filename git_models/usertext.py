"""Files of git's own folder that hold the user's lines beside ours: read, and replaced in one step."""

from __future__ import annotations

import os

from git_models import objects


def read(file: str) -> str:
    """The whole file, line ends and bytes that are no UTF-8 as they are; "" if it is not there."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def replace(file: str, text: str) -> None:
    """Make this the file's text. Whatever happens in between, the whole of the old or of the new is there."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    objects.replace(file, f"{file}.{os.getpid()}", text.encode("utf-8", "surrogateescape"))
