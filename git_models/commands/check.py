"""Look for what should not be in git: weights, large files, a broken manifest. Changes nothing; for CI and hooks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from git_models import (
    audit,
    findings,
    history,
    presence,
    repo,
)
from git_models.errors import UsageError, word
from git_models.migrate import choose, survey
from git_models.output import Output, plural, safe, size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these files (default: all that git tracks)")
    parser.add_argument("--all-files", action="store_true", help="all files that git tracks")
    parser.add_argument("--from-ref", metavar="A", help="what the commits after A …")
    parser.add_argument("--to-ref", metavar="B", help="… up to B bring into git")
    parser.add_argument(
        "--history", action="store_true", help="weights and large files in all commits, and beside them"
    )
    parser.add_argument("--remote", action="store_true", help="ask the remotes whether they hold every model")


def run(args: argparse.Namespace, out: Output) -> int:
    if (args.from_ref is None) != (args.to_ref is None):
        raise UsageError("--from-ref and --to-ref belong together", "git models check --from-ref main --to-ref HEAD")
    if args.history and (args.files or args.all_files or args.to_ref is not None or args.remote):
        raise UsageError("--history goes alone: it looks at everything", "git models check --history")
    here = repo.find()
    if args.history:
        return _history(here, out)
    known, about_manifest = audit.manifest_of(here)
    found, notes = about_manifest
    if args.to_ref is not None:
        blobs, hidden = audit.history_of(here, args.from_ref, args.to_ref)
        found += hidden
    else:
        some = [here.relative(f) for f in args.files]
        blobs = audit.in_index(None if args.all_files or not some else _files(here, some))
    about_files = audit.files(here, known, blobs)
    found += about_files.found
    notes += about_files.notes
    if args.remote:
        found += presence.on_remotes(here, known, list(history.versions(known)))[0]
    for note in notes:
        out.warn(note)
    if not found:
        out.result(f"{plural(len(blobs), 'file')} and {plural(len(known.models), 'model')} checked: nothing wrong")
    out.document(
        {"files": len(blobs), "models": len(known.models), "findings": findings.document(found), "notes": notes}
    )
    return findings.tell(found, out)


def _files(here: repo.Repo, some: list[str]) -> list[str]:
    """Files as they are, folders as the files in them."""
    tracked = [b.path for b in audit.in_index()] if any(os.path.isdir(here.path(p)) for p in some) else some
    return [p for p in tracked if any(s in (p, ".") or p.startswith(s + "/") for s in some)]


def _history(here: repo.Repo, out: Output) -> int:
    """What lies where, and what a migration would save. 1 when there is anything."""
    os.chdir(here.top)  # git lists an index from the current folder on
    found = survey.survey(here, choose.manifest_here(here), choose.rules(here))
    movable = _movable(found)
    fresh = [v for v in movable if v.unpushed]
    out.document({**found._asdict(), "history": [v._asdict() for v in found.history], **_savings(found)})
    if found.shallow:
        out.warn("this clone is shallow: older commits cannot be seen   # git fetch --unshallow")
    rows = [(v.size, v.commit[:10], v.path) for v in found.history]
    rows += [(count, "index", path) for path, count in found.staged]
    rows += [(count, "work tree", path) for path, count in found.loose]
    for count, where, path in sorted(rows, key=lambda row: -row[0])[: findings.SHOWN]:
        out.result(f"{size(count):>8}  {where:<10}  {path}")
    if len(rows) > findings.SHOWN:
        out.result(f"and {len(rows) - findings.SHOWN} more (all of them: --json)")
    if found.history:
        versions = plural(len(found.history), "version")
        out.result(f"in history: {versions}, for which git keeps {size(_disk(found.history))}")
    if fresh:
        out.result(f"  next: git models migrate history   # not pushed yet: {len(fresh)}, {size(_disk(fresh))}")
    if len(fresh) < len(movable):
        out.result(
            "  next: git models migrate history --no-rewrite   # they stay in old commits, new ones go elsewhere"
        )
        out.result(f"        git models migrate history --everything   # saves {size(_disk(movable))}; new history")
    for path, reason in found.refused:
        out.result(safe(f"cannot move {path!r}: {reason}"))
    if found.refused:
        out.result("  next: git rebase -i COMMIT^   # and there: git mv, git commit --amend")
    if found.staged or found.loose:
        first = (*found.staged, *found.loose)[0][0]
        out.result(f"  next: git models add {word(first)}   # in no commit yet: {len(found.staged) + len(found.loose)}")
    if found.lfs:
        out.result(f"Git LFS keeps {plural(found.lfs, 'file')}\n  next: git models migrate lfs --dry-run")
    if found.dvc:
        out.result(f"DVC keeps data ({plural(found.dvc, 'file')})\n  next: git models migrate dvc --dry-run")
    if not rows:
        out.result("no weights or large files in any commit" + (" that is here" if found.shallow else ""))
    return int(bool(rows) or found.shallow)


def _disk(versions: Sequence[survey.Version]) -> int:
    return sum({v.blob: v.disk for v in versions}.values())


def _savings(found: survey.Survey) -> dict[str, int]:
    movable = _movable(found)
    return {"saves_unpushed": _disk([v for v in movable if v.unpushed]), "saves_everything": _disk(movable)}


def _movable(found: survey.Survey) -> list[survey.Version]:
    stuck = {path for path, _ in found.refused}
    return [v for v in found.history if v.path not in stuck]
