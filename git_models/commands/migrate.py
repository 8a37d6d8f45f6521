"""Bring an existing project over: out of the commits that GitHub refuses, out of Git LFS, out of DVC."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from git_models import config, git, githooks, manifests, messages, objects, places, repo, safety
from git_models.errors import ModelsError, UsageError, word
from git_models.migrate import choose, dvc, history, lfs, moving, pointers
from git_models.output import Output, plural, size
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for short, long in (("-q", "--quiet"), ("-v", "--verbose")):
        common.add_argument(short, long, action="store_true", help=argparse.SUPPRESS)
    common.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, parents=[common], help=text, description=text, allow_abbrev=False)

    old = action("history", "weights that stand in commits; the cure when GitHub refuses a push (GH001)")
    old.add_argument("revs", nargs="*", metavar="REV", help="branches or ranges (default: all branches)")
    scope(old)
    old.add_argument("--include", action="append", default=[], metavar="GLOB", help="only files that match")
    old.add_argument("--above", metavar="SIZE", help="only files from this size on, whatever their name (100M)")
    from_lfs = action("lfs", "files that Git LFS keeps; by default in one new commit")
    which = from_lfs.add_mutually_exclusive_group()
    which.add_argument("--unpushed", action="store_true", help="in every commit that no remote has")
    which.add_argument("--everything", action="store_true", help="in all commits and tags, published ones, too")
    from_lfs.add_argument("--keep-lfs", action="append", default=[], metavar="GLOB", help="leave these to Git LFS")
    from_lfs.add_argument(
        "--from", dest="clones", action="append", default=[], metavar="CLONE", help="has objects, too"
    )
    from_lfs.add_argument("--skip-missing", action="store_true", help="leave what cannot be had to Git LFS")
    from_dvc = action("dvc", "single model files that DVC keeps, in one new commit")
    from_dvc.add_argument(
        "--include", action="append", default=[], metavar="GLOB", help="files that match, not weights"
    )
    for each in (old, from_lfs, from_dvc):
        each.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    action("undo", "go back to the history before the last migration")
    action("forget", "delete the backup refs of all migrations, so that git can give the disk space back")


def scope(parser: argparse.ArgumentParser) -> None:
    """Which commits a migration rewrites."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--unpushed", action="store_true", help="only commits that no remote has")
    which.add_argument("--everything", action="store_true", help="published commits and all tags, too")
    which.add_argument("--no-rewrite", action="store_true", help="no old commit: one new commit moves what is here now")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    args.clones = [os.path.abspath(c) for c in getattr(args, "clones", ())]
    os.chdir(here.top)  # git lists an index from the current folder on
    os.environ["GIT_NO_REPLACE_OBJECTS"] = "1"  # what is rewritten is what is there
    with moving.alone(here):
        finished = moving.resume(here)
        if finished:
            out.note(f"finished {finished.what}, which had been interrupted")
        if finished and finished.back and args.action == "undo":
            return _undone(finished, out)
        return {"history": _history, "lfs": _lfs, "dvc": _dvc, "undo": _undo, "forget": _forget}[args.action](
            here, args, out
        )


def _history(here: Repo, args: argparse.Namespace, out: Output) -> int:
    if args.no_rewrite and args.revs:
        raise UsageError(
            "--no-rewrite takes no REV: it moves what HEAD tracks", "git models migrate history --no-rewrite"
        )
    try:
        above = config.parse_size(args.above) if args.above else -1
    except ModelsError as bad:
        raise UsageError(bad.what, "git models migrate history --above 50M") from None
    wanted = choose.rules(here, args.include, above)
    revs = None if args.no_rewrite else choose.revisions(args.revs, args.everything)
    if not args.dry_run:
        moving.ready(here)
    if revs is not None and not args.everything:
        _warn_unknown(here, out)
    found, refused, _ = choose.choose_here(wanted) if revs is None else choose.choose(revs, wanted)
    for path, reason in refused:
        out.warn(f"{path!r} stays in git: {reason}")
    _tell(found, out)
    if refused and not found:
        raise ModelsError(
            f"nothing can move: models.yaml cannot hold {plural(len(refused), 'name')} above",
            "git mv, and git commit"
            if args.no_rewrite
            else "git rebase -i @{upstream}   # edit the commits that have them: git mv, git commit --amend",
        )
    if not found:
        tags = choose.only_in_tags(wanted) if revs is not None and not args.revs and not args.everything else []
        out.result(_nothing(args) if not tags else _in_tags(tags))
        out.document({"files": [], "dry_run": args.dry_run})
        return 0
    if args.dry_run:
        out.result(f"nothing was changed. To do it: git models migrate history {_words(args)}".rstrip())
        out.document({"files": _files(found), "dry_run": True})
        return 0
    job = history.Job(
        what=f"migrate history {_words(args)}".rstrip(),
        revs=revs,
        models=history.from_git(here, found, out),
        changed={},
        globs=[g for g in args.include if g not in choose.rules(here).globs],
        message=f"Keep {plural(len(found), 'weight file')} in models.yaml instead of git\n",
    )
    return _carry_out(here, job, found, out)


def _lfs(here: Repo, args: argparse.Namespace, out: Output) -> int:
    if not args.dry_run:
        moving.ready(here)
    revs = choose.revisions((), args.everything) if args.unpushed or args.everything else None
    if args.unpushed:
        _warn_unknown(here, out)
    found = lfs.find(revs, args.keep_lfs)
    files = [choose.Found(p.path, p.blob, p.size, p.commit) for p in found.moving] + found.plain
    for path, reason in found.stay:
        if reason != "--keep-lfs":
            out.warn(f"{path!r} stays with Git LFS: {reason}")
    _tell(files, out)
    if args.dry_run:
        lacking = pointers.missing(found.moving, pointers.folders(here, args.clones), here.models)
        if lacking:
            total = sum({p.oid: p.size for p in lacking}.values())
            out.result(f"{plural(len(lacking), 'file is', 'files are')} not on this machine yet ({size(total)})")
        out.document({"files": _files(files), "missing": sorted({p.path for p in lacking}), "dry_run": True})
        return 0
    if not files:
        out.result(_none_of_lfs(args))
        out.document({"files": [], "missing": [], "dry_run": False})
        return 0
    digests, lacking = lfs.collect(here, found, args.clones, args.everything, args.skip_missing, out)
    for pointer in lacking:
        out.warn(f"{pointer.path} ({size(pointer.size)}) stays with Git LFS: its bytes are nowhere to be had")
    what = "migrate lfs" + next((f" --{name}" for name in ("unpushed", "everything") if getattr(args, name)), "")
    code = _carry_out(here, lfs.job(here, found, digests, revs, args.keep_lfs, what, out), files, out)
    sent = lfs.to_send({f.path for f in files}) if revs is None else 0
    if sent:
        out.warn(
            f"{plural(sent, 'file')} of Git LFS in commits that were not pushed yet: git push sends them there.\n"
            "If that takes none any more (quota), take them out of these commits as well:\n"
            "  git models migrate undo && git models migrate lfs --unpushed"
        )
    gone = lfs.drop_hooks(here)
    if gone:
        out.note(f"hooks of Git LFS taken out, as it has nothing left to do here: {', '.join(gone)}")
    return code


def _dvc(here: Repo, args: argparse.Namespace, out: Output) -> int:
    if not args.dry_run:
        moving.ready(here)
    found = dvc.find(args.include or choose.rules(here).globs)
    for path, reason in found.stay:
        out.warn(f"{path} stays with DVC: {reason}")
    files = [choose.Found(o.path, o.md5, max(o.size, 0), "") for o in found.outputs]
    _tell(files, out)
    if args.dry_run or not files:
        out.result("nothing was changed" if files else "DVC keeps no single model file here")
        out.document({"files": [o._asdict() for o in found.outputs], "dry_run": args.dry_run})
        return 0
    with out.progress("Keeping", sum(f.size for f in files)) as advance:
        digests = dvc.collect(here, found.outputs, advance)
    return _carry_out(here, dvc.job(here, found.outputs, digests), files, out)


def _carry_out(here: Repo, job: history.Job, found: Sequence[choose.Found], out: Output) -> int:
    """Do it and say what was done."""
    done = history.carry_out(here, job, out, lambda: _prepare(here, out))
    if done is None:
        out.result("no branch or tag has them in commits that may be rewritten; nothing was changed")
        out.document({"files": [], "dry_run": False})
        return 0
    for line in history.told(done, here):
        out.result(line)
    for path in done.settled.different:
        out.warn(f"{path} on disk has other bytes than git had: git models add {word(path)}   # records the file's")
    for path, reason in done.settled.refused:
        out.warn(f"{path} was not put in place: {reason}")
    known = manifests.current(here)
    moved = [known.models[p] for p in dict.fromkeys(v.path for v in job.models.values()) if p in known.models]
    for path, reason in safety.sift(here, [e for e in moved if objects.has(here.models, e.sha256)]).refused:
        out.warn(f"{path} is recorded, and no other clone puts it in place unasked: {reason}")
    origin = next(iter(here.config.git_remotes.get("origin", ())), "")
    try:
        places.for_push(here, known, "origin", origin)
    except ModelsError as failed:
        out.warn(messages.told(failed))
    if done.published:
        out.result(messages.REWRITTEN)
    else:
        out.result("next: git push")
    out.document(
        {
            "files": _files(found),
            "dry_run": False,
            "id": done.journal.id,
            "commits": done.commits,
            "refs": [{"ref": r.name, "old": r.old, "new": r.new} for r in done.journal.refs],
            "signatures_dropped": done.signatures,
            "left_behind": done.left_behind,
            "published": done.published,
            "map": moving.map_file(here, done.journal.id) if done.commits else "",
        }
    )
    return 0


def _warn_unknown(here: Repo, out: Output) -> None:
    """Where nothing is known of a remote, every commit counts as not pushed."""
    for name in here.config.git_remotes:
        if not git.text("for-each-ref", "--count=1", f"refs/remotes/{name}"):
            out.warn(f"nothing is known of what {name} has   # git fetch {name}, if anything was pushed there")


def _prepare(here: Repo, out: Output) -> None:
    """Without hooks the next push would leave the bytes behind."""
    if not any(h.state in ("ours", "old") for h in githooks.look(here)):
        from git_models.commands import setup

        setup.prepare(here, out)


def _tell(found: Sequence[choose.Found], out: Output) -> None:
    """The files that move, the largest first, a line each."""
    totals: dict[str, list[int]] = {}
    for each in found:
        totals.setdefault(each.path, []).append(each.size)
    ranked = sorted(totals.items(), key=lambda kv: -sum(kv[1]))
    for path, sizes in ranked[:20]:
        out.result(f"  {path}: {plural(len(sizes), 'version')}, {size(sum(sizes))}")
    if len(ranked) > 20:
        out.result(f"  and {len(ranked) - 20} more (all of them: --json)")
    if found:
        total = sum({f.oid: f.size for f in found}.values())
        out.result(f"{plural(len(ranked), 'file')}, {plural(len(found), 'version')}, {size(total)}")


def _files(found: Sequence[choose.Found]) -> list[dict[str, object]]:
    return [{"path": f.path, "blob": f.oid, "size": f.size, "commit": f.commit} for f in found]


def _nothing(args: argparse.Namespace) -> str:
    if args.no_rewrite:
        return "git tracks no weights here"
    if args.everything:
        return "there are no weights in these commits"
    return "there are no weights in commits that no remote has   # git models check --history looks at all of them"


def _none_of_lfs(args: argparse.Namespace) -> str:
    if args.everything:
        return "Git LFS has no files here"
    if args.unpushed:
        return "Git LFS has no files in commits that no remote has   # git models migrate lfs moves those of HEAD"
    return "Git LFS has no files here (--everything looks at all commits)"


def _in_tags(tags: Sequence[str]) -> str:
    import shlex

    what = "no branch has weights that no remote has, only tags have"
    return f"{what}\n  next: git models migrate history {shlex.join(tags)}"


def _words(args: argparse.Namespace) -> str:
    """The options as they were typed, for the next command line and for the reflog."""
    import shlex

    words = [*args.revs]
    words += [f"--{name}" for name in ("unpushed", "everything") if getattr(args, name)]
    words += ["--no-rewrite"] if args.no_rewrite else []
    words += [part for glob in args.include for part in ("--include", glob)]
    words += ["--above", args.above] if args.above else []
    return shlex.join(words)


def _undo(here: Repo, args: argparse.Namespace, out: Output) -> int:
    return _undone(moving.undo(here), out)


def _undone(journal: moving.Journal, out: Output) -> int:
    out.result(
        f"{plural(len(journal.refs), 'ref')} back to where {journal.what} began; the files stayed where they are"
    )
    out.document({"id": journal.id, "refs": [{"ref": r.name, "old": r.new, "new": r.old} for r in journal.refs]})
    return 0


def _forget(here: Repo, args: argparse.Namespace, out: Output) -> int:
    gone = moving.forget(here)
    out.result(f"{plural(len(gone), 'backup ref')} deleted")
    if gone:
        out.result("  next: git reflog expire --expire=now --all && git gc --prune=now   # gives the disk space back")
    out.document({"deleted": gone})
    return 0
