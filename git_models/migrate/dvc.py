"""Single model files that DVC keeps move to models.yaml; the rest of DVC stays as it is.

DVC names bytes by their MD5: `model.pt.dvc` for a file that was added, `dvc.lock` for what a stage
of `dvc.yaml` makes. Such an output becomes `cache: false`: the stage goes on making it, and the
bytes are ours.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from configparser import ConfigParser, Error
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from git_models import git, index, link, objects, paths, patterns, whereabouts
from git_models.errors import ManifestError, ModelsError
from git_models.hashing import Digests
from git_models.manifest.tree import Text, decode, load, value
from git_models.migrate import choose, history, keep, trees
from git_models.repo import Repo

_MD5 = re.compile(r"[0-9a-f]{32}")


class Output(NamedTuple):
    """A file that DVC keeps."""

    path: str
    md5: str
    size: int  # bytes, -1 unknown
    source: str  # the .dvc file or dvc.lock that says so


class Found(NamedTuple):
    """What DVC has in HEAD: what moves, and what stays: (path, reason)."""

    outputs: list[Output]
    stay: list[tuple[str, str]]


def find(wanted: Sequence[str]) -> Found:
    """The single files that DVC keeps, in HEAD, at paths that match the globs `wanted`."""
    found, stay = [], []
    entries = index.entries()
    names = [p for p in entries if p.endswith(".dvc") or posixpath.basename(p) == "dvc.lock"]
    texts = index.blobs([entries[p][1] for p in names])
    for name in sorted(names):
        try:
            tree: Mapping[str, Any] = load(decode(texts.get(entries[name][1], b""))) or {}
        except ManifestError as failed:
            stay.append((name, failed.what.replace("models.yaml", name)))
            continue
        read = _locked if posixpath.basename(name) == "dvc.lock" else _added
        for item, reason in read(name, tree):
            if not patterns.matches(tuple(wanted), item.path):
                continue
            reason = reason or _unfit(item)
            if reason:
                stay.append((item.path, reason))
            else:
                found.append(item)
    return Found(found, stay)


def _added(name: str, tree: Mapping[str, Any]) -> Iterator[tuple[Output, str]]:
    """The outputs of a .dvc file, and why one of them has to stay ("" if it need not)."""
    outs = tree.get("outs")
    outs = outs if isinstance(outs, list) else []
    for out in outs:
        several = "its .dvc file names several files" if len(outs) > 1 else ""
        imported = "DVC imported it from elsewhere" if tree.get("deps") else ""
        yield _output(name, tree, out, several or imported)


def _locked(name: str, tree: Mapping[str, Any]) -> Iterator[tuple[Output, str]]:
    stages = tree.get("stages", {})
    for stage in stages.values() if isinstance(stages, dict) else ():
        for out in (stage.get("outs") or ()) if isinstance(stage, dict) else ():
            yield _output(name, stage, out, "")


def _output(name: str, holder: Mapping[str, Any], out: Any, reason: str) -> tuple[Output, str]:
    if not isinstance(out, dict) or not isinstance(out.get("path"), str):
        return Output("", "", -1, name), "it cannot be read"
    folder = posixpath.join(posixpath.dirname(name), str(holder.get("wdir", ".")))
    path = posixpath.normpath(posixpath.join(folder, str(out["path"])))
    count = value(out.get("size", -1))
    return Output(path, str(out.get("md5", "")), count if isinstance(count, int) else -1, name), reason


def _unfit(item: Output) -> str:
    if item.md5.endswith(".dir"):
        return "it is a folder"
    if not _MD5.fullmatch(item.md5):
        return "DVC names it by something other than an MD5"
    try:
        paths.check(item.path)
    except ModelsError as bad:
        return bad.what
    return ""


def collect(here: Repo, found: Sequence[Output], advance: Callable[[int], None]) -> dict[str, Digests]:
    """Bring the bytes into the store, MD5 verified: digests by MD5.

    They come from DVC's cache, the work tree, a remote that is a folder, or whatever `dvc fetch`
    brings. Raises ModelsError that names those which cannot be had.
    """
    os.makedirs(here.models, exist_ok=True)
    objects.need_space(here.common, sum(max(o.size, 0) for o in found), "the files of DVC")
    done: dict[str, Digests] = {}
    lacking = _take(here, found, done, advance)
    why = ""
    if lacking:
        try:
            names = dict.fromkeys(o.source if o.source.endswith(".dvc") else o.path for o in lacking)
            git.tool("dvc", "fetch", "--", *names)
        except ModelsError as failed:
            why = f" ({failed.what.strip().splitlines()[-1]})"
        lacking = _take(here, lacking, done, advance)
    if lacking:
        rows = "".join(f"\n  {o.path}, md5 {o.md5}, named by {o.source}" for o in lacking[:10])
        raise ModelsError(f"DVC's cache and remotes lack these{why}; nothing was changed:{rows}", "dvc pull")
    return done


def _take(
    here: Repo, found: Sequence[Output], done: dict[str, Digests], advance: Callable[[int], None]
) -> list[Output]:
    """Copy what is on this machine into the store; returns what is not."""
    folders = _folders(here)
    lacking = []
    for item in found:
        ways = [os.path.join(f, item.md5[:2], item.md5[2:]) for f in folders] + [here.path(item.path)]
        for file in ways if item.md5 not in done else ():
            digests = _copy(here, item, file, advance)
            if digests:
                done[item.md5] = digests
                break
        if item.md5 not in done:
            lacking.append(item)
    return lacking


def _copy(here: Repo, item: Output, file: str, advance: Callable[[int], None]) -> Digests | None:
    # A commit can put a link there: to a device, or to a file that is no model of theirs.
    try:
        own = file == here.path(item.path)
        source = os.fdopen(link.open_file(here.top, item.path), "rb") if own else whereabouts.open_plain(file)
    except (OSError, ModelsError):
        return None
    with source:
        if item.size not in (-1, os.fstat(source.fileno()).st_size):
            return None
        draft = objects.draft_file(here.models, source.fileno(), advance)
    if draft.digests.md5 != item.md5:
        objects.discard(draft)
        return None
    objects.seal(here.models, [draft])
    return draft.digests


def _folders(here: Repo) -> list[str]:
    """The folders of this machine in which DVC may keep files: cache and remotes, of version 3 and of older ones."""
    base = here.path(".dvc")
    found = [os.path.join(base, "cache")]
    for name in ("config", "config.local"):
        # DVC's own format: git's, more or less; a broken one only means that nothing is found there.
        parser = ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(os.path.join(base, name), encoding="utf-8")
        except (Error, UnicodeDecodeError):
            continue
        for section in parser.sections():
            place = parser.get(section, "dir" if section == "cache" else "url", fallback="")
            if place.startswith("file://"):
                place = unquote(urlsplit(place).path)
            if place and "://" not in place:
                found.append(os.path.join(base, place))  # a relative one begins at the configuration file
    return [os.path.join(folder, *part) for folder in found for part in (("files", "md5"), ())]


def job(here: Repo, found: Sequence[Output], digests: Mapping[str, Digests]) -> history.Job:
    """The migration, one new commit: .dvc files and ignore lines go, stages keep their outputs without the cache."""
    made = keep.versions(here, [(o.path, digests[o.md5]) for o in found])
    entries = index.entries()
    models: dict[trees.Pair, keep.Version] = {}
    texts: dict[str, str | None] = {}
    extra = []

    def text(path: str) -> str:
        said = texts.get(path)
        return said if said is not None else os.fsdecode(index.blob(f"HEAD:{path}"))

    for item, version in zip(found, made, strict=True):
        folder = posixpath.dirname(item.path)
        ignore = posixpath.join(folder, ".gitignore")
        if ignore in entries:
            texts[ignore] = _unignored(text(ignore), posixpath.basename(item.path))
        if item.source.endswith(".dvc"):
            models[os.fsencode(item.source), entries[item.source][1]] = version
        else:
            recipe = posixpath.join(posixpath.dirname(item.source), "dvc.yaml")
            texts[recipe] = uncached(recipe, text(recipe), item.path)
            extra.append(version)
    changed = {(os.fsencode(p), entries[p][1]): (os.fsencode(t) if t and t.strip() else None) for p, t in texts.items()}
    globs = [g for g in dict.fromkeys(f"*{os.path.splitext(o.path)[1]}" for o in found) if len(g) > 1]
    known = choose.rules(here).globs
    return history.Job(
        what="migrate dvc",
        revs=None,
        models=models,
        changed=changed,
        globs=[g for g in globs if not patterns.matches(known, "x" + g[1:])],
        message=f"Keep {'a file' if len(found) == 1 else f'{len(found)} files'} in models.yaml instead of DVC\n",
        extra=extra,
    )


def _unignored(text: str, name: str) -> str:
    """.gitignore without the line that DVC writes for a file."""
    return "".join(row for row in text.splitlines(keepends=True) if row.strip() != f"/{name}")


def uncached(recipe: str, text: str, path: str) -> str:
    """dvc.yaml with `cache: false` at this output, nothing else changed. Raises ModelsError for an odd shape."""
    by_hand = ModelsError(
        f"{recipe} could not be changed by itself, so nothing was", f"write cache: false below {path} in {recipe}"
    )
    try:
        tree = _stages(text)
        for stage in tree.values():
            folder = posixpath.join(posixpath.dirname(recipe), str(stage.get("wdir", ".")))
            for at, out in enumerate(stage.get("outs") or ()):
                name = next(iter(out)) if isinstance(out, dict) else out
                if posixpath.normpath(posixpath.join(folder, str(name))) != path:
                    continue
                options = value(out[name]) if isinstance(out, dict) else {}
                if options.get("cache") is False:
                    return text
                done = _edited(text, name, isinstance(out, dict))
                stage["outs"][at] = {str(name): {**options, "cache": False}}
                if value(_stages(done)) == value(tree):
                    return done
    except (ManifestError, AttributeError, KeyError, TypeError, StopIteration):
        pass
    raise by_hand


def _stages(text: str) -> Mapping[str, Any]:
    tree: Mapping[str, Any] = load(decode(os.fsencode(text))) or {}
    stages: Mapping[str, Any] = tree["stages"]
    return stages


def _edited(text: str, name: Text, has_options: bool) -> str:
    """The text with a line `cache: false` below the output `name`."""
    rows, at = text.split("\n"), name.span
    if not has_options:
        rows[at.end_line] = f"{rows[at.end_line][: at.end_column]}:{rows[at.end_line][at.end_column :]}"
    rows.insert(at.end_line + 1, " " * (at.column + 2) + "cache: false")
    return "\n".join(rows)
