"""`models.yaml`: what it says, and how it is changed without disturbing what people wrote in it.

Pure: bytes in, values or bytes out. PyYAML is imported when a manifest is first parsed.
"""

from git_models.manifest.edit import move, update
from git_models.manifest.merge import merge, resolve
from git_models.manifest.read import parse, warnings
from git_models.manifest.values import (
    EMPTY,
    HEADER,
    NAME,
    Entry,
    Manifest,
    Part,
    Version,
    asset_name,
    freeze,
    split_name,
    thaw,
)

__all__ = [
    "EMPTY",
    "HEADER",
    "NAME",
    "Entry",
    "Manifest",
    "Part",
    "Version",
    "asset_name",
    "freeze",
    "merge",
    "move",
    "parse",
    "resolve",
    "split_name",
    "thaw",
    "update",
    "warnings",
]
