"""`models.yaml`: what it says, and how it is changed without disturbing what people wrote in it.

Pure: bytes in, values or bytes out. What parses and edits is imported when it is first asked for: most
commands read a manifest that was parsed before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from git_models.manifest.values import (
    EMPTY,
    HEADER,
    MAX_BYTES,
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

if TYPE_CHECKING:
    from git_models.manifest.edit import move, update
    from git_models.manifest.merge import merge, resolve
    from git_models.manifest.read import parse, warnings

__all__ = [
    "EMPTY",
    "HEADER",
    "MAX_BYTES",
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

_LATER = {
    **dict.fromkeys(("move", "update"), "edit"),
    **dict.fromkeys(("merge", "resolve"), "merge"),
    **dict.fromkeys(("parse", "warnings"), "read"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found  # `merge` is a module's name, too
    return found
