"""The block in `info/exclude` that keeps recorded models out of `git status`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable

from git_models import git, layout, link, manifests, statcache, usertext
from git_models.repo import Repo

BEGIN = "# >>> git models: recorded models, rebuilt by every command >>>"
END = "# <<< git models <<<"
BACKUP = "refs/original/models/"  # where a migration keeps the commits that it rewrote
_EXACT = 500  # more lines than this slow `git status` down: 10,000 exact lines cost 600 ms


def rebuild(repo: Repo) -> None:
    """Write the block anew from the manifests of all worktrees; the rest of the file stays as it is."""
    file, old, new = _compared(repo)
    if new != old:
        usertext.replace(file, new)


def up_to_date(repo: Repo) -> bool:
    """Whether the block is what `rebuild` would write."""
    _, old, new = _compared(repo)
    return old == new


def _compared(repo: Repo) -> tuple[str, str, str]:
    """The file, its text, and the text that it should have."""
    file = os.path.join(repo.common, "info", "exclude")
    old = usertext.read(file)
    recorded = sorted({path for m in manifests.everywhere(repo, on_disk=True) for path in m.models})
    crowds = {_crowd(p) for p in recorded} if len(recorded) > _EXACT else set()
    tracked = tracked_in_history(repo, {*recorded, *crowds})
    lines = lines_for([p for p in recorded if p not in tracked], tracked)
    return file, old, _without(old) + _render(lines, layout.copies(repo, recorded))


def remove(repo: Repo) -> None:
    """Take the block out."""
    file = os.path.join(repo.common, "info", "exclude")
    old = usertext.read(file)
    if BEGIN in old:
        usertext.replace(file, _without(old))


def tracked_in_history(repo: Repo, paths: Iterable[str]) -> set[str]:
    """Those of `paths` that some commit of some ref tracks, or one that was fetched for a merge.

    What `_crowd` gives stands for all files that it covers.
    git silently overwrites an excluded file when it checks such a commit out, so these get no line.
    Answers are remembered: a path is looked up again only when refs have moved since.
    """
    wanted = set(paths)
    if not wanted:
        return set()
    rows = (line.partition(" ") for line in git.text("show-ref", "--head", ok=(0, 1)).splitlines())
    # What a migration left behind, like a reflog, is not checked out by name.
    named = {oid for oid, _, name in rows if not name.startswith(BACKUP)}
    fetched = (line.split("\t")[0] for line in usertext.read(os.path.join(repo.git_dir, "FETCH_HEAD")).splitlines())
    tips = sorted(named | _existing(set(fetched)))
    file = os.path.join(repo.models, "tracked")
    seen_tips, seen_paths, hits = _remembered(file)
    if hits and _unreachable(seen_tips - set(tips), tips):
        seen_paths = seen_paths - hits  # a rewritten commit or a deleted branch may have been the one
        hits = set()
    unknown = wanted - seen_paths
    new_tips = [t for t in tips if t not in seen_tips]
    if new_tips and wanted - unknown:
        hits |= _look(wanted - unknown, new_tips, sorted(seen_tips & _existing(seen_tips)))
    if unknown:
        hits |= _look(unknown, tips, [])
    if unknown or new_tips:
        parts = [sorted(tips), sorted(wanted), sorted(hits & wanted)]
        statcache.replace(file, b"\0\0".join(b"\0".join(os.fsencode(x) for x in part) for part in parts))
    return hits & wanted


def _remembered(file: str) -> tuple[set[str], set[str], set[str]]:
    try:
        with open(file, "rb") as stream:
            tips, paths, hits = (
                {os.fsdecode(x) for x in part.split(b"\0") if x} for part in stream.read().split(b"\0\0")
            )
        return tips, paths, hits
    except (OSError, ValueError):
        return set(), set(), set()


def _unreachable(gone: set[str], tips: list[str]) -> bool:
    """Whether a commit that a ref named once is reached from none any more."""
    here = _existing(gone)
    revs = "\n".join([*here, *(f"^{t}" for t in tips)]).encode()
    return len(here) < len(gone) or bool(here and git.run("rev-list", "-1", "--stdin", input=revs))


def _existing(oids: set[str]) -> set[str]:
    if not oids:
        return set()
    answer = git.run("cat-file", "--batch-check=%(objectname)", input="\n".join(sorted(oids)).encode())
    return {line for line in answer.decode().splitlines() if " " not in line}


def _look(paths: set[str], tips: list[str], known: list[str]) -> set[str]:
    """The paths among `paths` that commits reachable from `tips` and not from `known` add or change."""
    if not tips:
        return set()
    specs = [_pathspec(p) for p in paths] if len(paths) <= _EXACT else []
    revs = "\n".join([*tips, *(f"^{k}" for k in known)]).encode()
    args = ("log", "--stdin", "--format=", "--name-only", "-z", "--no-renames", "--diff-filter=AM", "-m", "--root")
    answer = git.run(*args, "--", *specs, input=revs)
    names = {os.fsdecode(p) for p in answer.split(b"\0") if p}
    return (names | {_crowd(name) for name in names}) & paths


def _pathspec(path: str) -> str:
    if not path.startswith("/"):
        return f":(top,literal){path}"
    folder = path[1:].rpartition("/")[0]
    return f":(top,literal){folder}" if folder else ":(top)"


def _render(lines: list[str], folders: list[str]) -> str:
    # The first: what a killed process leaves beside a model must not be committed.
    return "\n".join([BEGIN, link.UNFINISHED, *(f"/{_escape(f)}/" for f in folders), *lines, END, ""])


def _crowd(path: str) -> str:
    """The files with this one's folder and suffix, a word that is no path; one without suffix stands alone."""
    folder, _, name = path.rpartition("/")
    suffix = name[name.rindex(".") :] if "." in name[1:] else ""
    return f"/{folder}/*{suffix}" if suffix else f"/{path}"


def lines_for(paths: list[str], tracked: Collection[str] = ()) -> list[str]:
    """A line for each path; where these are too many, one for folder and suffix, the most crowded ones first.

    A new weight beside few recorded ones is still seen by git then. A crowd in `tracked` has a file that some
    commit tracks, and gets no line for all.
    """
    crowds: dict[str, list[str]] = {}
    for path in paths:
        crowds.setdefault(_crowd(path), []).append(path)
    found, most = len(paths), len(paths)
    sizes = [len(crowd) for name, crowd in crowds.items() if name not in tracked]
    for most in sorted({*sizes} - {1}, reverse=True):
        if found <= _EXACT:
            break
        found -= sizes.count(most) * (most - 1)
    else:
        most = 1
    lines = []
    for crowd, members in crowds.items():
        if len(members) <= most or crowd in tracked:
            lines += ["/" + _escape(path) for path in members]
        else:
            folder, _, suffix = crowd[1:].rpartition("/*")
            lines.append(f"/{_escape(folder)}/*{_escape(suffix)}" if folder else f"/*{_escape(suffix)}")
    return sorted(lines)


def _escape(path: str) -> str:
    """`path` as a pattern that matches only itself (gitignore(5))."""
    text = re.sub(r"([\\*?\[\]!#])", r"\\\1", path)
    return re.sub(r" +$", lambda m: "\\ " * len(m[0]), text)


def _without(text: str) -> str:
    begin, end = text.find(BEGIN), text.find(END)
    if not 0 <= begin < end:
        return text if not text or text.endswith("\n") else text + "\n"
    return text[:begin] + text[end + len(END) :].removeprefix("\n")
