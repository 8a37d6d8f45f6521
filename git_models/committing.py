"""What happens around `git commit`: weights leave the index on their way into it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from git_models import (
    caller,
    excludes,
    git,
    index,
    manifests,
    messages,
    objects,
    paths,
    patterns,
    reclaim,
    recording,
    safety,
    staging,
    statcache,
    weightfiles,
)
from git_models.errors import ModelsError, PathError, word
from git_models.index import Staged
from git_models.manifest import NAME, Entry, Manifest
from git_models.output import Output, size
from git_models.repo import Repo
from git_models.sight import stat_file
from git_models.staging import Kept


class Sorted(NamedTuple):
    """The staged files of a commit by what is to become of them."""

    weights: tuple[tuple[Staged, int], ...]  # with their sizes in bytes
    fixtures: tuple[str, ...]  # small weights that git tracks already
    large: tuple[tuple[str, int], ...]  # other files that GitHub would refuse
    heavy: tuple[tuple[str, int], ...]  # and those of which it would warn
    lfs: tuple[str, ...]  # left to Git LFS


def pre_commit(repo: Repo, out: Output) -> int:
    """Take staged weights out of the commit and record them; 1 stops the commit.

    The order: store, work tree's manifest, index (one step), exclude block. Killed in between, the
    weight is still staged or already recorded, and the same `git commit` goes on.
    """
    _forget_pending(repo)
    reclaim.undo(repo)
    arguments = caller.arguments()
    amend = any("--amend".startswith(a) for a in arguments if len(a) > 3)
    base = _base(amend)
    staged = index.staged(base)
    known = manifests.current(repo)
    if any(s.path == NAME for s in staged):
        manifests.at(repo, "")  # a broken manifest must not be committed
    found = sort(repo, known, staged)
    _stop_large(found, out)
    _confirm(repo, known, found.weights)
    kept = _keep(repo, found.weights, out)
    included = [] if not caller.takes_all(arguments) else _changed(repo, known, [k.path for k in kept])
    extra = staging.keep_files(repo, included, lambda _: None)
    done = staging.NOTHING
    if kept or extra:
        remove = {s.path: s.oid for s, _ in found.weights}
        done = staging.register(repo, known, [*kept, *extra], {}, remove=remove)
        _leave_pending(repo, found.weights, kept)
        _say_added(done, out)
    for path in found.fixtures:
        out.note(f"{path} stays in git, as it is small; git models add {word(path)} would move it out")
    for path in found.lfs:
        out.note(f"{path} is left to Git LFS")
    _mention_changed(repo, manifests.current(repo), out)
    if not amend and not staged and (done.new or done.changed or done.moved):
        raise ModelsError(messages.RECORDED_RUN_AGAIN, "the same git commit again")
    if kept and not amend and _nothing_left(repo, base, arguments):
        names = ", ".join(k.path for k in kept)
        # Where git works on a copy of the index (-a, -i, a path), the real one still holds the weight.
        fix = f"git models add {word(kept[0].path)}   # unstages it" if caller.throwaway_index() else "git status"
        raise ModelsError(f"nothing to commit: {names} is recorded in {NAME} with these very bytes", fix)
    return 0


def refuse_without_push(repo: Repo) -> None:
    """Raise ModelsError if this commit carries weights: no hook would upload them, and they would exist here only."""
    found = sort(repo, manifests.current(repo), index.staged(_base(False)))
    if found.weights:
        raise ModelsError(
            f"{found.weights[0][0].path} stays where it is: no pre-push hook would upload it in this clone",
            "git models setup   # beside the framework\n"
            "        pre-commit install --hook-type pre-push   # with git-models-push in .pre-commit-config.yaml",
        )


def pre_merge_commit(repo: Repo, out: Output) -> int:
    """An automatic merge that would commit weights: move them in the index and let the user commit."""
    known = manifests.current(repo)
    found = sort(repo, known, index.staged("HEAD"))
    _stop_large(found, out)
    if not found.weights:
        return 0
    kept = _keep(repo, found.weights, out)
    _say_added(staging.register(repo, known, kept, {}, remove={s.path: s.oid for s, _ in found.weights}), out)
    names = ", ".join(k.path for k in kept)
    raise ModelsError(
        f"this merge would commit {names}; the weights are recorded now and the merge is staged", "git commit"
    )


def post_commit(repo: Repo, out: Output) -> int:
    """Make the real index and the manifest on disk agree with the commit; then reclaim git's copy.

    After `commit -- path` the real index still holds the weight. And whoever puts unstaged changes
    back after the hooks (the pre-commit framework) may have put back a manifest without the entry.
    """
    file = _pending_file(repo)
    try:
        with open(file, "rb") as stream:
            fields = [os.fsdecode(f) for f in stream.read().split(b"\0") if f]
    except FileNotFoundError:
        excludes.rebuild(repo)  # somebody committed past the other hook, and git tracks what is recorded
        return 0
    pending = dict(zip(fields[0::3], fields[1::3], strict=True))
    now = index.entries(list(pending))
    committed = manifests.at(repo, "HEAD").models
    here = manifests.current(repo).models
    # An aborted commit may have left its notes: only what this one recorded is settled.
    known = {
        p for p, oid in zip(fields[0::3], fields[2::3], strict=True) if p in committed and committed[p].sha256 == oid
    }
    stale = {p: oid for p, oid in pending.items() if p in known and p in now and now[p][1] == oid}
    lost = [p for p in known if p not in here]
    if stale or lost:
        changes: dict[str, Entry | None] = {p: committed[p] for p in (*stale, *lost)}
        # Where a file was renamed the commit took the entry from its old path, too.
        moved = {committed[p].sha256 for p in stale}
        before = manifests.at(repo, "HEAD@{1}").models
        changes |= {p: None for p, e in before.items() if p not in committed and e.sha256 in moved}
        recording.record(repo, changes, remove=stale)
    os.unlink(file)
    excludes.rebuild(repo)
    reclaim.later(repo, list(pending.values()))
    return 0


def sort(repo: Repo, known: Manifest, staged: Sequence[Staged]) -> Sorted:
    """Tell weights from other files, by name first and then by their first bytes."""
    files = [s for s in staged if s.mode in index.REGULAR]
    sizes = index.sizes(s.oid for s in files)
    globs = weightfiles.globs(repo, known)
    named = [s for s in files if patterns.matches(globs, s.path)]
    filters = index.attributes("filter", [s.path for s in named])
    peeked = index.heads(
        {s.oid: sizes.get(s.oid, 0) for s in named if filters.get(s.path) != "lfs"}, weightfiles.HEAD_BYTES
    )
    weights, fixtures, lfs = [], [], []
    for item in named:
        count = sizes.get(item.oid, 0)
        if filters.get(item.path) == "lfs":
            lfs.append(item.path)
            continue
        head = peeked.get(item.oid, b"")
        reason = weightfiles.not_a_weight(head, count)
        if patterns.lfs_pointer(head):
            raise ModelsError(
                f"{item.path} was not recorded: {reason}",
                f"git lfs pull -I {word(item.path)} && git add {word(item.path)}",
            )
        if count and reason:
            continue
        if item.old_oid.strip("0") and count < weightfiles.KEEP_BELOW and item.path not in known.models:
            fixtures.append(item.path)
        elif count == 0:
            raise ModelsError(f"{item.path} is empty, so it is no model", f"git restore --staged {word(item.path)}")
        else:
            try:
                paths.check(item.path)
            except PathError as bad:
                raise PathError(bad.what, f"git mv {word(item.path)} NEWNAME") from None
            weights.append((item, count))
    taken = {s.path for s, _ in weights} | set(lfs)
    rest = sorted(((s.path, sizes.get(s.oid, 0)) for s in files if s.path not in taken), key=lambda x: -x[1])
    limit = repo.config.limit
    large = tuple(x for x in rest if limit and x[1] >= limit)
    heavy = tuple(x for x in rest if limit and limit // 2 <= x[1] < limit)
    return Sorted(tuple(weights), tuple(fixtures), large, heavy, tuple(lfs))


def _stop_large(found: Sorted, out: Output) -> None:
    for path, count in found.heavy:
        out.warn(f"{path} is {size(count)}: GitHub warns from 50 MB on and refuses 100 MB")
    if found.large:
        raise messages.too_large(found.large)


def _confirm(repo: Repo, known: Manifest, weights: Sequence[tuple[Staged, int]]) -> None:
    """Promise 8: no surprise gigabytes."""
    new = [(s.path, count) for s, count in weights if s.path not in known.models]
    total = sum(count for _, count in new)
    if len(new) > repo.config.confirm_files or total > repo.config.confirm_size:
        raise messages.too_much(new)


def _keep(repo: Repo, weights: Sequence[tuple[Staged, int]], out: Output) -> list[Kept]:
    """Bring the staged bytes into the store: from the file on disk where it still is what was staged."""
    if not weights:
        return []
    names = [s.path for s, _ in weights]
    newer = index.differs_from_disk(names)
    drafts: dict[str, tuple[objects.Draft, statcache.Record | None]] = {}
    with out.progress("Recording", sum(count for _, count in weights)) as advance:
        try:
            for item, _ in weights:
                if item.path not in newer:
                    drafts[item.path] = staging.keep_file(repo, item.path, advance)
            # A file that was written to while it was copied is no longer what was staged.
            newer |= index.differs_from_disk(list(drafts))
            for item, count in weights:
                if item.path in newer:
                    if item.path in drafts:
                        objects.discard(drafts[item.path][0])
                    drafts[item.path] = staging.keep_blob(repo, item.oid, count), None
                    if os.path.lexists(repo.path(item.path)):
                        out.warn(f"{item.path} on disk is newer than what was staged; the staged bytes are recorded")
            doubts = safety.admit(repo, {path: draft for path, (draft, _) in drafts.items()})
            objects.seal(repo.models, [draft for draft, _ in drafts.values()])
        except BaseException:
            for draft, _ in drafts.values():
                objects.discard(draft)
            raise
    return [Kept(path, draft.digests, record, doubts.get(path, "")) for path, (draft, record) in drafts.items()]


def _changed(repo: Repo, known: Manifest, but: Sequence[str]) -> list[str]:
    cache = statcache.load(stat_file(repo))
    return [p for p in staging.modified(repo, known, cache) if p not in but]


def _mention_changed(repo: Repo, known: Manifest, out: Output) -> None:
    """One line for each model that changed and is not in this commit. Only a hash says that it did."""
    from git_models.sight import MODIFIED, Sight, states

    suspects = _changed(repo, known, ())
    sight = Sight(repo)
    for found in states(repo, known, sight, suspects) if suspects else ():
        if found.state == MODIFIED:
            out.note(messages.not_in_this_commit(found.path))
    sight.save()


def _say_added(done: staging.Added, out: Output) -> None:
    names = [*done.new, *done.changed]
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        out.note(f"recorded in {NAME}, not in git: {shown} ({size(done.size)})")
    for old, new in done.moved:
        out.note(f"moved in {NAME}: {old} -> {new}")
    for path, doubt in done.doubts:
        out.warn(safety.doubtful(path, doubt))


def _base(amend: bool) -> str:
    """What the commit is compared with: HEAD, its parent when it is replaced, or nothing at all."""
    name = "HEAD^" if amend else "HEAD"
    return git.text("rev-parse", "-q", "--verify", f"{name}^{{commit}}", ok=(0, 1, 128)) or index.empty_tree()


def _nothing_left(repo: Repo, base: str, arguments: Sequence[str]) -> bool:
    """Whether git would now make an empty commit that nobody asked for."""
    if "--allow-empty" in arguments or os.path.exists(os.path.join(repo.git_dir, "MERGE_HEAD")):
        return False
    return not index.staged(base)


def _pending_file(repo: Repo) -> str:
    return os.path.join(repo.state, "pending")


def _forget_pending(repo: Repo) -> None:
    """What an aborted commit left behind says nothing about this one."""
    try:
        os.unlink(_pending_file(repo))
    except FileNotFoundError:
        pass


def _leave_pending(repo: Repo, weights: Sequence[tuple[Staged, int]], kept: Sequence[Kept]) -> None:
    os.makedirs(repo.state, exist_ok=True)
    fields = [f for (s, _), k in zip(weights, kept, strict=True) for f in (s.path, s.oid, k.digests.sha256)]
    if fields:
        with open(_pending_file(repo), "wb") as stream:
            stream.write(b"".join(os.fsencode(f) + b"\0" for f in fields))
