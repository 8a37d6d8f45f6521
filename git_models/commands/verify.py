"""Check the models of the work tree and the objects of the store: all that changed since it was last hashed.

--full trusts no time stamp and reads everything again, which alone finds a disk that loses bits.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from git_models import (
    findings,
    history,
    link,
    manifests,
    objects,
    presence,
    repo,
    selection,
)
from git_models.errors import ModelsError, word
from git_models.findings import Finding
from git_models.manifest import Entry
from git_models.output import Output, plural, size
from git_models.repo import Repo
from git_models.sight import Sight, same


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only these models and their objects")
    parser.add_argument("--full", action="store_true", help="hash everything again, also what seems unchanged")
    parser.add_argument("--remote", action="store_true", help="ask the remotes whether they hold every version")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    names = selection.matching(here, known, args.paths) if args.paths else list(known.models)
    entries = [known.models[p] for p in names]
    chosen = set(names)
    versions = [e for e in history.versions(known) if e.path in chosen]
    named = {e.sha256: e for e in versions if e.sha256}
    oids = [o for o in objects.oids(here.models) if not args.paths or o in named]
    total = sum(_size(here.path(p)) for p in names) + sum(_size(objects.path(here.models, o)) for o in oids)
    sight = Sight(here)
    with out.progress("Hashing", total) as advance, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        on_disk = list(pool.map(lambda e: _file(here, e, sight, advance, args.full), entries))
        shares = [oids[start :: (os.cpu_count() or 1)] for start in range(os.cpu_count() or 1)]
        bad = {oid for found in pool.map(lambda share: _bad(here, share, args.full, advance), shares) for oid in found}
        stored = [_rotten(here, oid, named.get(oid)) for oid in oids if oid in bad]
    sight.save(known)
    absent = [e.path for e, (here_too, _) in zip(entries, on_disk, strict=True) if not here_too]
    found = [*(fault for _, fault in on_disk if fault), *stored]
    if args.paths:
        found += [
            Finding(f"{p} is not here, so it could not be verified", f"git models pull {word(p)}", p) for p in absent
        ]
    elif absent:
        out.note(f"{plural(len(absent), 'model is', 'models are')} not here and not verified: git models pull")
    if args.remote:
        missing, seen = presence.on_remotes(here, known, versions)
        presence.note_seen(here, versions, seen)
        found += missing
    checked = len(entries) - len(absent)
    if not found:
        out.result(f"{plural(checked, 'model')} and {plural(len(oids), 'object')} verified ({size(total)})")
    out.document({"models": checked, "objects": len(oids), "absent": absent, "findings": findings.document(found)})
    return findings.tell(found, out)


def _size(file: str) -> int:
    try:
        return os.lstat(file).st_size
    except OSError:
        return 0


def _file(
    here: Repo, entry: Entry, sight: Sight, advance: Callable[[int], None], full: bool
) -> tuple[bool, Finding | None]:
    """Whether a model is in the work tree, and what is wrong with it."""
    path = entry.path
    try:
        digests = sight.digests(path, advance, full=full)
        st = link.regular(here.top, path)
    except (ModelsError, OSError) as failed:
        return True, Finding(
            failed.what if isinstance(failed, ModelsError) else f"{path}: {failed.strerror}",
            f"ls -l {word(path)}",
            path,
        )
    if digests is None or st is None:
        return False, None
    if not same(entry, digests):
        fix = f"git models add {word(path)} (keep the change), or git models checkout --force {word(path)} (drop it)"
        return True, Finding(f"{path} has other bytes than models.yaml says (sha256 {digests[0][:12]}…)", fix, path)
    wrong = [n for n, said, real in _facts(entry, digests, st.st_size) if said != real]
    if wrong:
        return True, Finding(
            f"models.yaml has the right sha256 of {path}, but a wrong {' and '.join(wrong)}",
            f"git models add {word(path)}",
            path,
        )
    return True, None


def _facts(entry: Entry, digests: tuple[str, str], count: int) -> Iterable[tuple[str, object, object]]:
    if entry.md5:
        yield "md5", entry.md5, digests[1]
    if entry.size >= 0:
        yield "size", entry.size, count


def _bad(here: Repo, oids: Sequence[str], full: bool, advance: Callable[[int], None]) -> list[str]:
    """The objects that fail their hash; they are moved aside."""
    total = sum(_size(objects.path(here.models, oid)) for oid in oids)
    _, bad = objects.checked(here.models, oids, full=full)
    advance(total)
    return bad


def _rotten(here: Repo, oid: str, entry: Entry | None) -> Finding:
    name = entry.path if entry else "an object that no model names now"
    lost = os.path.join(here.models, "lost")
    what = f"{name}: the store's copy failed its hash (sha256 {oid[:12]}…); it was moved to {lost}"
    return Finding(what, f"git models fetch {word(entry.path)}" if entry else "", entry.path if entry else "")
