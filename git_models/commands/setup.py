"""Prepare this clone: hooks, excludes and the place for the models. Once per clone; again does no harm."""

from __future__ import annotations

import argparse
import os

from git_models import (
    driver,
    excludes,
    git,
    githooks,
    layout,
    link,
    manifests,
    messages,
    places,
    recording,
    remotes,
    repo,
    weightfiles,
)
from git_models.errors import ModelsError, word
from git_models.output import Output, plural
from git_models.repo import Repo


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remote", metavar="URL", help="where the models go (default: the releases of origin's repository)"
    )
    parser.add_argument("--track", action="append", default=[], metavar="GLOB", help="what else is a weight")
    parser.add_argument(
        "--layout", metavar="DIR", help="keep trained, active and backed up models in folders below DIR"
    )
    parser.add_argument("--no-hooks", action="store_true", help="everything but the hooks")
    parser.add_argument("--watch", action="store_true", help="let git status and git commit -a see changed models")
    parser.add_argument("--uninstall", action="store_true", help="take hooks and excludes out again")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    if args.uninstall:
        return _uninstall(here, out)
    if args.remote:
        _set_remote(here, args.remote, out)
        here = repo.find()
    if args.track:
        known = manifests.current(here)
        recording.record(here, track=[*known.track, *(g for g in args.track if g not in known.track)])
    if args.layout:
        here = _set_layout(here, args.layout, out)
    written = prepare(here, out, hooks=not args.no_hooks, watch=args.watch)
    _tell_readers(here, out)
    known = manifests.current(here)
    try:
        targets = places.for_push(here, known, "origin", _origin_url(here))
        out.result(f"models go to {', '.join(p.url for p in targets)}")
    except ModelsError as failed:
        targets = []
        out.warn(messages.told(failed))
    _report_weights(here, out)
    out.result("ready. Next: git add and git commit weight files as always")
    out.document({"hooks": written, "remotes": [p.url for p in targets]})
    return 0


def prepare(here: Repo, out: Output, *, hooks: bool = True, watch: bool = False) -> list[str]:
    """Hooks, merge driver, watching and excludes; returns the events whose hook was written."""
    known = manifests.current(here)
    written = []
    if hooks:
        written = githooks.install(here, known)
        for hook in githooks.look(here):
            if hook.chained and hook.event in written:
                out.note(f"the {hook.event} hook that was there is kept and runs first")
        if written:
            out.note(f"{plural(len(written), 'hook')} installed in {os.path.relpath(githooks.folder(here), here.top)}")
    driver.install(here)
    if watch:
        githooks.watch(here)
    if not here.config.raw.get("core.loosecompression"):
        # 512 MiB by plain `git add`: 17 s with compression, 4.5 s without; weights do not compress.
        git.run("config", "core.looseCompression", "0", cwd=here.top)
        out.note("core.looseCompression is 0 in this clone now: git add of a large file is four times as fast")
    excludes.rebuild(here)
    return written


def _set_remote(here: Repo, url: str, out: Output) -> None:
    url = remotes.normalise(url)
    known = manifests.current(here)
    scheme = url.partition(":")[0].partition("+")[0]  # "github+http" is no name
    name = next((n for n, u in {**known.remotes, **here.config.urls}.items() if u == url), scheme)
    git.run("config", f"models.{name}.url", url, cwd=here.top)
    git.run("config", "models.remote", name, cwd=here.top)
    if known.remotes.get(name) != url:
        recording.record(here, remotes={name: url})
        out.note(f"models.yaml tells readers of {url}; it is staged")


def _set_layout(here: Repo, text: str, out: Output) -> Repo:
    folder = here.relative(text)
    if folder == ".":
        raise ModelsError("the layout needs a folder of its own", "git models setup --layout data/models")
    layout.check(folder)
    try:
        parent, _ = link.open_parent(here.top, f"{folder}/{layout.TRAINED}/model", create=True)
    except ModelsError as failed:
        why = failed.what.rpartition(": ")[2]
        raise ModelsError(f"models cannot lie in {folder}: {why}", "git models setup --layout data/models") from None
    os.close(parent)  # people put files there themselves; the other folders are made when they are needed
    git.run("config", "models.layout", folder, cwd=here.top)
    out.note(f"models lie in {folder}: trained/, and when they are needed active/, backups/ and downloads/")
    return repo.find()


def _tell_readers(here: Repo, out: Output) -> None:
    """A manifest without `remotes:` gets the store of origin: a fork's clone could not know it."""
    readers = places.for_readers(here, manifests.current(here))
    if readers and manifests.data(here) and not manifests.unmerged(here):
        recording.record(here, remotes=readers)
        out.note(f"models.yaml tells readers of {', '.join(readers.values())}; it is staged. Next: git commit")


def _origin_url(here: Repo) -> str:
    return next(iter(here.config.git_remotes.get("origin", ())), "")


def _report_weights(here: Repo, out: Output) -> None:
    """Weights that git tracks, that .gitignore hides, or that GitHub refuses: why people come here."""
    from git_models import patterns
    from git_models.migrate import choose

    globs = weightfiles.globs(here, manifests.current(here))
    answer = git.run("ls-files", "-z", "--full-name", "--", *patterns.pathspecs(globs), cwd=here.top)
    tracked = [
        p
        for p in map(os.fsdecode, answer.split(b"\0"))
        if p and os.path.isfile(here.path(p)) and os.path.getsize(here.path(p)) >= 10**6
    ]
    if tracked:
        out.result(
            f"git tracks {plural(len(tracked), 'weight file')} ({tracked[0]} …): "
            f"git models add {word(tracked[0])} moves it out"
        )
    refused = choose.large(choose.revisions([], False), here.config.limit) if here.config.limit else {}
    if refused:
        what = plural(len(refused), "file", "files")
        out.result(f"commits that were not pushed hold {what} that GitHub would refuse: git models migrate history")
    ignored = weightfiles.ask_unrecorded(here, manifests.current(here))().ignored
    if ignored:
        what = plural(len(ignored), "weight file is", "weight files are")
        out.result(f"{what} hidden by .gitignore: git models add {word(ignored[0])}")


def _uninstall(here: Repo, out: Output) -> int:
    changed = githooks.uninstall(here)
    excludes.remove(here)
    githooks.unwatch(here)
    driver.uninstall(here)
    out.result(f"{plural(len(changed), 'hook')} taken out; models, models.yaml and .git/models stay")
    out.document({"hooks": changed})
    return 0
