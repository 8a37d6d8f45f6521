"""Models whose bytes git itself still has, from the time when it tracked them."""

from __future__ import annotations

from collections.abc import Sequence

from git_models import excludes, git, index, objects, staging
from git_models.git import GitError
from git_models.manifest import Entry
from git_models.repo import Repo


def from_git(repo: Repo, missing: Sequence[Entry]) -> list[Entry]:
    """Bring into the store what git's object database has of `missing`; returns those that it had.

    Only paths that some commit tracks are looked up, so that a repository without such commits pays
    nothing. A blob is read when its size is the entry's, and kept when its hash is.
    """
    wanted = {e.path: e for e in missing if e.sha256}
    tracked = excludes.tracked_in_history(repo, wanted)
    found = []
    for path in sorted(tracked):
        entry = wanted[path]
        sizes = index.sizes(_versions(path))
        for oid in (o for o, size in sizes.items() if size == entry.size):
            try:
                draft = staging.keep_blob(repo, oid, entry.size)
            except GitError:
                continue
            if draft.digests.sha256 == entry.sha256:
                objects.seal(repo.models, [draft])
                found.append(entry)
                break
            objects.discard(draft)
    return found


def _versions(path: str) -> list[str]:
    """git's names of the blobs that any commit has at `path`, the newest first; only of those that are here."""
    answer = git.run(
        *("log", "--all", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "--root", "-z"),
        *("--diff-filter=AM", "--", f":(top,literal){path}"),
    )
    rows = (field.split() for field in answer.split(b"\0") if field.lstrip(b"\n").startswith(b":"))
    return list(dict.fromkeys(row[3].decode() for row in rows))
