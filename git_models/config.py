"""Settings as git's own configuration gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from git_models.errors import ModelsError

_SIZE = r"(?i:([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?)"
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
# What a repository can be asked for in one `git config` call.
PATTERN = (
    r"^(models\..*|core\.(hookspath|ignorecase|loosecompression|fsmonitor|splitindex|sparsecheckout)"
    r"|remote\..*\.(url|pushurl)|branch\..*\.(remote|pushremote)|remote\.pushdefault"
    r"|merge\.git-models\.driver|diff\.git-models\.xfuncname)$"
)


def parse_size(text: str) -> int:
    """Bytes in "100M", "1.9G", "2 GB", "123". Decimal, as GitHub counts its 100 MB.

    Raises ModelsError for anything else.
    """
    found = re.fullmatch(_SIZE, text.strip())
    if not found:
        raise ModelsError(f"{text!r} is not a size; write it like 500M or 2G")
    return int(float(found[1]) * _UNITS[found[2].lower()])


class Config(NamedTuple):
    """The settings of one clone. Sizes are bytes."""

    remote: tuple[str, ...] = ()
    fetch: str = "auto"
    fetch_limit: int = 10**9
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    track: tuple[str, ...] = ()
    confirm_files: int = 20
    confirm_size: int = 2 * 10**9
    limit: int = 100 * 10**6
    part_size: int = 1900 * 10**6
    jobs: int = 4
    link: str = "auto"
    keep: str = "unpushed"
    max_store: int = 0  # bytes that the store may hold, 0 is no limit
    min_copies: int = 1  # places that must hold an object before this clone gives it up
    backup: tuple[str, ...] = ()  # folders, URLs or names of places
    naming: str = ""  # a pattern for names of models; "" is none
    layout: str = ""  # folder of trained/, active/ and the others; "" is none
    scan: str = "warn"
    urls: Mapping[str, str] = {}  # models.<name>.url
    trusted: Mapping[str, str] = {}  # models.<name>.trusted: the URL approved under that name
    git_remotes: Mapping[str, tuple[str, ...]] = {}  # name -> fetch and push URLs
    hooks_path: str = ""
    raw: Mapping[str, tuple[str, ...]] = {}  # everything that was read, keys in lower case


def parse(data: bytes) -> Config:
    """A Config from the output of `git config -z --get-regexp PATTERN`.

    Keys are case-insensitive but for the middle part. Raises ModelsError for a value that makes no
    sense, naming the key.
    """
    raw: dict[str, list[str]] = {}
    for record in data.split(b"\0")[:-1]:
        key, _, value = record.partition(b"\n")
        name = key.decode("utf-8", "surrogateescape")
        head, _, rest = name.partition(".")
        middle, dot, last = rest.rpartition(".")
        raw.setdefault(f"{head.lower()}.{middle}{dot}{last.lower()}", []).append(
            value.decode("utf-8", "surrogateescape")
        )

    def one(key: str, default: str) -> str:
        return raw[key][-1] if key in raw else default

    def count(key: str, default: int) -> int:
        value = one(key, str(default))
        if not value.isdecimal():
            raise ModelsError(f"{key} is {value!r}, not a number", f"git config --unset {key}")
        return int(value)

    def choice(key: str, *allowed: str) -> str:
        value = one(key, allowed[0])
        if value not in allowed:
            raise ModelsError(f"{key} is {value!r}; it can be {', '.join(allowed)}", f"git config {key} {allowed[0]}")
        return value

    if (linked := one("models.link", "auto")) in ("hardlink", "symlink"):
        raise ModelsError(
            f"models.link is {linked!r}, which is not offered: training would write through the link into the store's "
            "copy.\n  auto shares disk space where the file system can (btrfs, xfs), and copies elsewhere",
            "git config --unset models.link",
        )
    confirm_files, confirm_size = 20, 2 * 10**9
    for part in one("models.confirm", "").replace(",", " ").split():
        if part.isdecimal() and int(part) < 10**6:
            confirm_files = int(part)
        else:
            confirm_size = parse_size(part)
    return Config(
        remote=tuple(raw.get("models.remote", ())),
        fetch=choice("models.fetch", "auto", "manual"),
        fetch_limit=parse_size(one("models.fetchlimit", "1G")),
        include=tuple(raw.get("models.include", ())),
        exclude=tuple(raw.get("models.exclude", ())),
        track=tuple(raw.get("models.track", ())),
        confirm_files=confirm_files,
        confirm_size=confirm_size,
        limit=parse_size(one("models.limit", "100M")),
        part_size=parse_size(one("models.partsize", "1900M")),
        jobs=max(1, count("models.jobs", 4)),
        link=choice("models.link", "auto", "copy"),
        keep=choice("models.keep", "unpushed", "all"),
        max_store=parse_size(one("models.maxstore", "0")),
        min_copies=max(1, count("models.mincopies", 1)),
        backup=tuple(raw.get("models.backup", ())),
        naming=one("models.naming", ""),
        layout=one("models.layout", "").strip("/"),
        scan=choice("models.scan", "warn", "block", "off"),
        urls=_named(raw, "models.", ".url"),
        trusted=_named(raw, "models.", ".trusted"),
        git_remotes={
            name: (*raw[f"remote.{name}.url"], *raw.get(f"remote.{name}.pushurl", ()))
            for name in _named(raw, "remote.", ".url")
        },
        hooks_path=one("core.hookspath", ""),
        raw={key: tuple(values) for key, values in raw.items()},
    )


def _named(raw: Mapping[str, list[str]], head: str, tail: str) -> dict[str, str]:
    return {
        key[len(head) : -len(tail)]: values[-1]
        for key, values in raw.items()
        if key.startswith(head) and key.endswith(tail) and len(key) > len(head) + len(tail)
    }
