"""Refs, index and work tree follow a new history, and can go back.

The order: everything new is on the disk and named by nothing; the journal says what is meant; all
refs move in one transaction, which also makes the backup refs; index and text files follow. Killed
before the transaction the repository is as it was, killed behind it the next `git models migrate`
finishes what is left.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from git_models import (
    excludes,
    git,
    githooks,
    index,
    link,
    lock,
    manifest,
    manifests,
    objects,
    patterns,
    releasing,
    repo,
    selection,
    worktree,
)
from git_models.errors import ModelsError, word
from git_models.excludes import BACKUP
from git_models.migrate.rewrite import Ref
from git_models.repo import Repo

_JOURNAL, _COMMITS = "journal.json", "commits"
_HEAD = 1024  # bytes; a pointer of Git LFS is shorter


class Journal(NamedTuple):
    """A migration as it is noted below `.git/models/migrations/`."""

    id: str
    what: str  # the command
    head: tuple[str, str]  # the commit of HEAD before and after
    refs: list[Ref]
    state: str  # "begun" until index and work tree agree, then "done"
    top: str  # the work tree in which it was called
    back: bool = False  # whether it is being undone


@contextmanager
def alone(here: Repo) -> Iterator[None]:
    """One migration at a time in a clone. Raises ModelsError that names the other one."""
    with lock.hold(_folder(here), "a migration", patience=1):
        yield


class Settled(NamedTuple):
    """How the work tree's models lie after their paths left git."""

    placed: tuple[str, ...]  # brought from the store, as nothing or a pointer was there
    different: tuple[str, ...]  # the file on disk has other bytes than git had
    refused: tuple[tuple[str, str], ...]


def ready(here: Repo) -> None:
    """Raise ModelsError unless the repository may be rewritten: whole, clean, in the middle of nothing."""
    if git.text("rev-parse", "--is-shallow-repository") == "true":
        raise ModelsError(
            "this clone is shallow: its older commits are not here to be rewritten", "git fetch --unshallow"
        )
    busy = repo.operation(here)
    if busy:
        raise ModelsError(f"a {busy} is in progress", f"git {busy} --continue, or git {busy} --abort")
    changed = git.text("status", "--porcelain", "-z", "-uno", "--ignore-submodules=dirty", cwd=here.top)
    if changed:
        first = changed.split("\0")[0][3:]
        raise ModelsError(
            f"there are changes that are in no commit: {first}", "git commit, or git stash; then the same command again"
        )
    if os.path.lexists(here.path(manifest.NAME)) and not index.entries([manifest.NAME]):
        raise ModelsError(f"{manifest.NAME} lies here and is in no commit", f"git add {manifest.NAME} && git commit")


def beside(here: Repo, commits: Mapping[str, str]) -> None:
    """Raise ModelsError if another worktree has one of these commits checked out: its files would not follow.

    The command can be called there, unless this worktree has such a commit as well.
    """
    for block in git.text("worktree", "list", "--porcelain").split("\n\n"):
        fields = dict(line.partition(" ")[::2] for line in block.splitlines())
        top = fields.get("worktree", "")
        if fields.get("HEAD") in commits and os.path.realpath(top) != os.path.realpath(here.top) and os.path.isdir(top):
            fix = f"cd {word(top)}   # and there the same command again"
            if index.head() in commits:
                linked = [path for path in (top, here.top) if os.path.isfile(os.path.join(path, ".git"))]
                fix = f"git worktree remove {word(linked[0])}   # it stays where there are changes"
            raise ModelsError(f"the worktree at {top} has one of these commits checked out", fix)


def new_id(here: Repo) -> str:
    """A name for a migration: the time, in UTC."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    taken = os.listdir(_folder(here)) if os.path.isdir(_folder(here)) else []
    return next(name for n in range(1, 1000) if (name := stamp + (f"-{n}" if n > 1 else "")) not in taken)


def _folder(here: Repo, name: str = "") -> str:
    return os.path.join(here.models, "migrations", name)


def map_file(here: Repo, name: str) -> str:
    """Where the object map of a migration lies: a line for each commit, its old and its new name."""
    return os.path.join(_folder(here, name), _COMMITS)


def begin(here: Repo, what: str, refs: Sequence[Ref], commits: Mapping[str, str], head: tuple[str, str]) -> Journal:
    """Note on disk what is about to be done; `head` is HEAD's commit before and after. Nothing else changes yet."""
    journal = Journal(new_id(here), what, head, list(refs), "begun", here.top)
    os.makedirs(_folder(here, journal.id))
    with open(map_file(here, journal.id), "w", encoding="ascii") as file:
        file.writelines(f"{old} {new}\n" for old, new in commits.items())
    objects.flush([map_file(here, journal.id)])
    _save(here, journal)
    return journal


def _save(here: Repo, journal: Journal) -> None:
    file = os.path.join(_folder(here, journal.id), _JOURNAL)
    with open(file + ".new", "w", encoding="utf-8", errors="surrogateescape") as stream:
        json.dump(journal._asdict(), stream)
    objects.flush([file + ".new"])
    os.replace(file + ".new", file)


def journals(here: Repo) -> list[Journal]:
    """All migrations that can be undone or must be finished, the newest first."""
    found = []
    for name in sorted(os.listdir(_folder(here)), reverse=True) if os.path.isdir(_folder(here)) else ():
        try:
            with open(os.path.join(_folder(here, name), _JOURNAL), encoding="utf-8", errors="surrogateescape") as file:
                said = json.load(file)
        except (OSError, ValueError):
            continue
        refs = [Ref(*ref) for ref in said["refs"]]
        found.append(Journal(**{**said, "refs": refs, "head": tuple(said["head"])}))
    return found


def move(here: Repo, journal: Journal, only: Sequence[str] | None = None) -> None:
    """Move all refs (or those named) in one transaction, which also makes or deletes the backups of all.

    Raises ModelsError, with nothing moved, if one of them is not where the journal says.
    """
    lines = []
    for ref in journal.refs:
        if only is None or ref.name in only:
            start, end = (ref.new, ref.old) if journal.back else (ref.old, ref.new)
            lines += [*(["option no-deref"] if ref.name == "HEAD" else []), f"update {ref.name} {end} {start}"]
        lines.append(f"delete {backup(journal, ref)}" if journal.back else f"update {backup(journal, ref)} {ref.old}")
    try:
        git.run("update-ref", "-m", f"git models migrate: {journal.what}", "--stdin", input=_text(lines))
    except git.GitError as failed:
        raise ModelsError(f"no ref was moved: {failed.stderr.strip()}", "the same command again") from None


def backup(journal: Journal, ref: Ref) -> str:
    """The name under which the old place of a ref is kept."""
    return f"{BACKUP}{journal.id}/{ref.name.removeprefix('refs/')}"


def _text(lines: Sequence[str]) -> bytes:
    return os.fsencode("".join(f"{line}\n" for line in lines))


def settle(here: Repo, journal: Journal) -> Settled:
    """Make index and work tree agree with HEAD after the refs moved; files of models are left where they are."""
    before, after = journal.head if not journal.back else journal.head[::-1]
    if before == after:
        _done(here, journal)
        return Settled((), (), ())
    known = manifests.at(here, after)
    changes: dict[str, tuple[str, str]] = {}
    now = index.entries()
    gone: list[tuple[str, str]] = []
    written: list[str] = []
    fresh: list[str] = []
    for path, old, new in _difference(before, after):
        at = now.get(path, ("0", ""))[1]
        if at not in (old[1], new[1], ""):
            continue  # the user has staged something since
        changes[path] = new
        if new[0] != "0" and old[0] == "0":
            fresh.append(path)
        elif new[0] != "0":
            # Killed when only the index was new: whatever else lies here by now is the user's.
            lies = at == new[1] and os.path.lexists(here.path(path))
            written += [] if lies and not _is_still(here, path, old[1]) else [path]
        elif path not in known.models:
            gone.append((path, old[1]))
        else:
            _drop_pointer(here, path, old[1])
    index.replace(changes)
    # What is new never overwrites; what changed was clean.
    for paths, force in ((written, ["-f"]), (fresh, [])):
        git.run("checkout-index", "-q", "-u", *force, "-z", "--stdin", input=_listed(paths), cwd=here.top, ok=(0, 1))
    for path, oid in gone:
        _remove(here, path, oid)
    git.run("update-index", "-q", "--refresh", cwd=here.top, ok=(0, 1))
    githooks.write_pathspecs(here, known)
    if journal.back:
        # What the manifest names no more stays where it is: git or another tool has it again.
        manifests.note_synced(here, manifests.data(here) or None, due=bool(known.models))
        excludes.rebuild(here)
        _done(here, journal)
        return Settled((), (), ())
    done = worktree.sync(here, skip=selection.unwanted(here, known), releasable=releasing.releasable(here))
    excludes.rebuild(here)
    _done(here, journal)
    return Settled(done.placed, done.kept, done.refused)


def _done(here: Repo, journal: Journal) -> None:
    """Nothing is left to finish; of what was undone nothing is left at all."""
    if journal.back:
        shutil.rmtree(_folder(here, journal.id))
    else:
        _save(here, journal._replace(state="done"))


def _listed(paths: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(p) + b"\0" for p in paths)


def _difference(before: str, after: str) -> list[tuple[str, tuple[str, str], tuple[str, str]]]:
    """(path, (old mode, old blob), (new mode, new blob)) of two commits; the mode is "0" where there is no file."""
    answer = git.run("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", before, after).split(b"\0")
    found = []
    for meta, path in zip(answer[0:-1:2], answer[1::2], strict=False):
        old_mode, new_mode, old, new, _ = meta.decode().lstrip(":").split(" ")
        zero = "000000"
        found.append(
            (
                os.fsdecode(path),
                ("0" if old_mode == zero else old_mode, "" if old_mode == zero else old),
                ("0" if new_mode == zero else new_mode, new),
            )
        )
    return found


def _drop_pointer(here: Repo, path: str, oid: str) -> None:
    """Take a pointer of Git LFS that lies in place of the model out of the work tree: git has the same bytes."""
    file = here.path(path)
    try:
        st = link.regular(here.top, path)
        if st is None or st.st_size > _HEAD:
            return
        with open(file, "rb") as stream:
            said = stream.read()
    except (ModelsError, OSError):
        return
    if patterns.lfs_pointer(said) and said == index.blob(oid):
        os.unlink(file)


def _remove(here: Repo, path: str, oid: str) -> None:
    """Take a text file that is in no commit any more out of the work tree, if it is still the one that git had."""
    try:
        if _is_still(here, path, oid):
            os.unlink(here.path(path))
    except OSError:
        pass


def _is_still(here: Repo, path: str, oid: str) -> bool:
    """Whether a file of the work tree is what git had as this blob."""
    try:
        return bool(link.regular(here.top, path)) and git.text("hash-object", "--", path, cwd=here.top) == oid
    except (ModelsError, OSError):
        return False


def resume(here: Repo) -> Journal | None:
    """Finish a migration that was killed: forget it if no ref had moved yet, else settle; returns it then."""
    unfinished = next((j for j in journals(here) if j.state == "begun"), None)
    if unfinished is None:
        return None
    if unfinished.top != here.top and os.path.isdir(unfinished.top):
        raise ModelsError(
            f"{unfinished.what} was interrupted in the worktree at {unfinished.top}",
            f"git -C {word(unfinished.top)} models migrate history --dry-run   # finishes it",
        )
    at = {ref.name: _at(ref.name) for ref in unfinished.refs}
    waiting = [r for r in unfinished.refs if at[r.name] == (r.new if unfinished.back else r.old)]
    if len(waiting) == len(unfinished.refs):
        # It never happened; git itself may have been killed when the backups had changed already.
        move(here, unfinished._replace(back=not unfinished.back), only=())
        if unfinished.back:
            _save(here, unfinished._replace(state="done", back=False))
        else:
            shutil.rmtree(_folder(here, unfinished.id))
        return None
    move(here, unfinished, only=[r.name for r in waiting])
    if index.head() == unfinished.head[0 if unfinished.back else 1]:
        settle(here, unfinished)
    else:  # the user has gone on since: what git shows now is theirs
        _done(here, unfinished)
    return unfinished


def _at(ref: str) -> str:
    return git.text("rev-parse", "-q", "--verify", ref, ok=(0, 1, 128))


def undo(here: Repo) -> Journal:
    """Go back to the history before the newest migration. Raises ModelsError if a ref has moved on since."""
    found = journals(here)
    if not found:
        raise ModelsError("there is no migration to undo", "git models migrate history --dry-run")
    # The user may be on another branch since: then nothing changes here.
    head, branch = index.head(), git.text("symbolic-ref", "-q", "HEAD", ok=(0, 1)) or "HEAD"
    before = next((ref.old for ref in found[0].refs if ref.name == branch), head)
    journal = found[0]._replace(state="begun", back=True, top=here.top, head=(before, head))
    ready(here)
    beside(here, {ref.new: ref.old for ref in journal.refs})
    for ref in journal.refs:
        if _at(ref.name) != ref.new:
            raise ModelsError(
                f"{ref.name} has moved since the migration; its old commits are at {backup(journal, ref)}",
                f"git log --oneline {ref.new[:10]}..{ref.name}",
            )
    _save(here, journal)
    try:
        move(here, journal)
    except ModelsError:
        if not resume(here):  # git may have been killed after it had done the work
            raise
        return journal
    settle(here, journal)
    return journal


def forget(here: Repo) -> list[str]:
    """Delete the backup refs of all migrations, in one transaction; the object maps stay. Returns the refs."""
    listing = git.text("for-each-ref", "--format=%(objectname) %(refname)", BACKUP).splitlines()
    git.run(
        "update-ref", "--stdin", input=_text([f"delete {r} {o}" for o, _, r in (x.partition(" ") for x in listing)])
    )
    for journal in journals(here):
        os.unlink(os.path.join(_folder(here, journal.id), _JOURNAL))
    return [line.partition(" ")[2] for line in listing]
