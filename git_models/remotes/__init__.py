"""Places that keep objects: one module each, imported only when it is used."""

from __future__ import annotations

from importlib import import_module

from git_models.errors import UsageError
from git_models.remotes.base import Options, Remote

SCHEMES = {
    "file": "git_models.remotes.file",
    "github": "git_models.remotes.github",
    "github+http": "git_models.remotes.github",
}
"""URL scheme → the module whose `open(url, name, options)` and `normalise(url)` serve it."""


def open(url: str, name: str, options: Options | None = None) -> Remote:
    """The adapter for a URL; nothing is asked of the place yet.

    Raises UsageError for a URL that names no place that we know.
    """
    remote: Remote = _module(url).open(url, name, options or Options())
    return remote


def normalise(url: str) -> str:
    """The URL in the one form that is written and compared. Raises UsageError if it is malformed."""
    normal: str = _module(url).normalise(url)
    return normal


def _module(url: str):  # type: ignore[no-untyped-def]
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in SCHEMES:
        known = ", ".join(f"{s}://" for s in SCHEMES)
        raise UsageError(f"{url!r} names no place for models; a URL begins with one of {known}")
    return import_module(SCHEMES[scheme])
