"""Places that keep objects: one module each, imported only when it is used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from git_models.errors import RemoteError, UsageError
from git_models.remotes.base import Linking, Near, Options, Remote, Source, Taking

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from git_models.remotes import github_urls

__all__ = [
    "SCHEMES",
    "Options",
    "Remote",
    "Source",
    "Taking",
    "at_once",
    "file_of",
    "from_git_remote",
    "github_host",
    "link",
    "links",
    "normalise",
    "open",
    "same_store",
]

SCHEMES = {
    "dropbox": "git_models.remotes.dropbox",
    "file": "git_models.remotes.file",
    "gdrive": "git_models.remotes.gdrive",
    "github": "git_models.remotes.github",
    "github+http": "git_models.remotes.github",
    "hf": "git_models.remotes.hf",
    "http": "git_models.remotes.web",
    "https": "git_models.remotes.web",
    "rclone": "git_models.remotes.rclone",
    "s3": "git_models.remotes.s3",
    "ssh": "git_models.remotes.ssh",
    "webdav+http": "git_models.remotes.webdav",
    "webdav+https": "git_models.remotes.webdav",
}
"""URL scheme → the module whose `open(url, name, options)` and `normalise(url)` serve it.

Installed packages add others (see CONTRIBUTING.md); none can take one of these.
"""


def open(url: str, name: str, options: Options | None = None) -> Remote:
    """The adapter for a URL; nothing is asked of the place yet.

    Raises UsageError for a URL that names no place that we know, RemoteError for one whose library or
    program is not installed.
    """
    remote: Remote = _module(url).open(url, name, options or Options())
    return remote


def normalise(url: str) -> str:
    """The URL in the one form that is written and compared. Raises UsageError if it is malformed."""
    normal: str = _module(url).normalise(url)
    return normal


def links(options: Options | None = None) -> Source:
    """What fetches the `urls:` of an entry: an asset's name is a URL there."""
    from git_models.remotes.direct import Links

    return Links(options or Options())


def file_of(url: str, path: str, revision: str = "HEAD", options: Options | None = None) -> bytes:
    """A small file of the repository whose release store a URL names. Raises NotThere, RemoteError, UsageError."""
    from git_models.remotes import github

    return github.open(url, "github", options or Options()).file(path, revision)


def link(remote: Source, asset: str) -> str:
    """A URL from which anybody gets the asset with `curl` alone, "" where there is none."""
    return remote.link(asset) if isinstance(remote, Linking) else ""


def at_once(sources: Sequence[Source], jobs: int) -> int:
    """How many of `jobs` transfers at once pay, where each of the sources may be asked."""
    numbers = [source.at_once() if isinstance(source, Near) else 0 for source in sources]
    return min(jobs, *numbers) if numbers and all(numbers) else jobs


def from_git_remote(url: str, hosts: Collection[str] = ()) -> str | None:
    """The URL of the store that belongs to a git remote, None if we know of none.

    `hosts`: see `github_urls.from_git_remote`.
    """
    from git_models.remotes import github_urls

    return github_urls.from_git_remote(url, hosts)


def same_store(url: str, others: Collection[str]) -> bool:
    """Whether a URL names the releases of one of the repositories that `others` name."""
    here = _releases(url)
    return here is not None and here.repository in {o.repository for o in map(_releases, others) if o}


def github_host(url: str) -> str:
    """The host whose repositories a store's URL speaks of, "" if it is no release store."""
    here = _releases(url)
    return here.host if here else ""


def _releases(url: str) -> github_urls.Place | None:
    """The repository whose releases a URL names, None for any other place."""
    if not url.lower().startswith(("github:", "github+http:")):
        return None
    from git_models.remotes import github_urls

    try:
        return github_urls.parse(url)
    except UsageError:
        return None


def _module(url: str):  # type: ignore[no-untyped-def]
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in SCHEMES:
        return import_module(SCHEMES[scheme])
    others = _installed()
    if scheme not in others:
        raise _no_place(url, scheme, (*SCHEMES, *others))
    try:
        return others[scheme].load()
    except ImportError as error:
        raise RemoteError(
            f"what serves {scheme}:// ({others[scheme].value}) cannot be loaded: {error}",
            "install it again, or ask those who wrote it",
        ) from error


_MEANT = {
    **dict.fromkeys(("dav", "davs", "webdav", "webdavs", "nextcloud"), "webdav+https://HOST/FOLDER"),
    **dict.fromkeys(("sftp", "scp", "rsync"), "ssh://HOST/FOLDER"),
    **dict.fromkeys(("nfs", "smb", "cifs", "afp"), "/FOLDER   # where it is mounted"),
    **dict.fromkeys(("gs", "gcs", "azure", "az", "b2", "onedrive", "box", "ftp", "ftps"), "rclone://NAME/PATH"),
    **dict.fromkeys(("drive", "googledrive"), "gdrive://FOLDERID"),
    **dict.fromkeys(("huggingface",), "hf://OWNER/REPO"),
    **dict.fromkeys(("minio", "r2", "ceph"), "s3://BUCKET/PREFIX"),
}
"""Schemes that people try, and what they mean here."""


def _no_place(url: str, scheme: str, known: Collection[str]) -> UsageError:
    """A URL that nothing serves, with what may have been meant."""
    from difflib import get_close_matches

    from git_models import urls

    close = get_close_matches(scheme, known, 1, 0.5)
    meant = _MEANT.get(scheme) or (f"{close[0]}://…" if close else "")
    return UsageError(
        f"{urls.redact(url)!r} names no place for models; a URL begins with one of "
        + ", ".join(f"{s}://" for s in sorted(known) if not s.endswith("http")),
        f"git models remote add NAME {meant}" if meant else "git models remote add -h",
    )


@cache
def _installed() -> dict[str, EntryPoint]:
    """The schemes that installed packages serve: the entry points of the group `git_models.remotes`."""
    from importlib.metadata import entry_points

    return {point.name.lower(): point for point in entry_points(group="git_models.remotes")}
