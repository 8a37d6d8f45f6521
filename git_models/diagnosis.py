"""What `doctor` looks at: a list of questions, each a function that answers with findings. Nothing is changed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

from git_models import audit, backups, excludes, git, githooks, history, objects, places, selection
from git_models.errors import ModelsError, Offline, word
from git_models.findings import Finding
from git_models.manifest import Manifest
from git_models.migrate import moving
from git_models.output import plural, size
from git_models.places import Place
from git_models.remotes.base import Remote
from git_models.repo import Repo
from git_models.sight import MISSING, Sight, states

OLDEST_GIT = (2, 25)  # rev-list --no-object-names and post-index-change are older, Ubuntu 20.04 has this one
PATIENCE = 10.0  # seconds of a silent network
FREE = 1_000_000_000  # bytes that should be free, whatever the models need


class Case(NamedTuple):
    """The clone that is looked at."""

    repo: Repo
    known: Manifest  # empty where it cannot be read


Check = Callable[[Case], Iterator[Finding]]


def git_itself(case: Case) -> Iterator[Finding]:
    said = git.text("--version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) < OLDEST_GIT:
        yield Finding(f"{said} is older than {'.'.join(map(str, OLDEST_GIT))}", "install a newer git")


def hooks(case: Case) -> Iterator[Finding]:
    repo, setup = case.repo, "git models setup"
    where = githooks.folder(repo)
    looked = githooks.look(repo)
    lacking = [h.event for h in looked if h.state == "none"]
    usual = os.path.join(repo.common, "hooks")
    if os.path.realpath(where) != os.path.realpath(usual):
        ours = [e for e in githooks.EVENTS if _is_ours(os.path.join(usual, e))]
        if ours and any(h.state in ("none", "foreign") for h in looked):
            yield Finding(f"core.hooksPath ({where}) bypasses the hooks that setup put into {usual}", setup)
            return
    if len(lacking) == len(looked):
        yield Finding("no hooks are installed: commits and pushes carry weights into git", setup)
    elif lacking:
        yield Finding(f"hooks are missing: {', '.join(lacking)}", setup)
    for hook in looked:
        if hook.state == "foreign":
            yield Finding(f"{hook.file} is somebody else's and ours is not called", setup)
        elif hook.state == "old":
            gone = [p for p in _programs(hook.file) if not os.path.exists(p)]
            yield Finding(f"{hook.file} {f'starts {gone[0]}, which is gone' if gone else hook_drift(hook)}", setup)
    if os.environ.get("GIT_MODELS_SKIP"):
        yield Finding("GIT_MODELS_SKIP is set, so the hooks do nothing", "unset GIT_MODELS_SKIP")
    if len(lacking) < len(looked) and not githooks.pathspecs_agree(repo, case.known):
        yield Finding("the hooks know other patterns than models.yaml", setup)


def hook_drift(hook: githooks.Hook) -> str:
    """What is the matter with a hook of ours that is not as `setup` would write it."""
    if not os.access(hook.file, os.X_OK):
        return "is not executable, so git does not run it"
    return "is not as git models setup writes it: somebody edited it, or it is of another version"


def _is_ours(file: str) -> bool:
    try:
        with open(file, "rb") as stream:
            return githooks.MARK in stream.read(200)
    except OSError:
        return False


def _programs(file: str) -> list[str]:
    """The interpreter and the package that a shim starts."""
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        return re.findall(r"^(?:python|package)='([^']*)'$", stream.read(), re.M)


def manifest_(case: Case) -> Iterator[Finding]:
    yield from audit.manifest_of(case.repo)[1].found


def places_(case: Case) -> Iterator[Finding]:
    """Where models go: known, reachable, writable, and visible to readers."""
    try:
        targets = places.for_push(case.repo, case.known)
    except ModelsError as failed:
        yield Finding(failed.what, failed.fix)
        return
    for place in targets:
        try:
            remote = places.connect(case.repo, place, PATIENCE)
            if place.url.startswith("github"):
                yield from _github(place, remote)
            elif place.url.startswith("file:"):
                yield from _folder(place, remote)
            elif not remote.writable:
                yield Finding(f"{place.url} can only be read", "git models remote default NAME")
            else:
                remote.has(["git-models-doctor.txt"])  # raises where it is not reached, or nobody is signed in
        except Offline as failed:
            yield Finding(
                f"{place.url} cannot be reached: {failed.what}",
                failed.fix or "git models doctor   # when the network is back",
            )
        except ModelsError as failed:
            yield Finding(f"{place.url}: {failed.what}", failed.fix)


def _folder(place: Place, remote: Remote) -> Iterator[Finding]:
    remote.has(())  # raises where the disk is not mounted
    folder = getattr(remote, "path", "")
    if folder and os.path.isdir(folder) and not os.access(folder, os.W_OK):
        yield Finding(f"{folder} may not be written to", f"ls -ld {word(folder)}")


def _github(place: Place, remote: Remote) -> Iterator[Finding]:
    from git_models.remotes.github import GitHub

    assert isinstance(remote, GitHub)
    login = f"git models login {remote.place.host}"
    token = remote.api.token()
    access = remote.access()
    if access.archived:
        yield Finding(
            f"{access.full_name} is archived, so nothing can be stored there", "git models remote add NAME URL"
        )
    elif not token:
        yield Finding(f"there is no token for {remote.place.host}: models can be fetched and not pushed", login)
    elif not access.push:
        yield Finding(f"the token from {token.source} may not write to {access.full_name}", login)
    elif access.scopes is not None and not {"repo", *(() if access.private else ("public_repo",))} & set(access.scopes):
        scopes = ", ".join(access.scopes) or "none"
        yield Finding(
            f"the token from {token.source} lacks the scope repo, so it cannot store models (it has: {scopes})", login
        )
    if access.full_name.lower() != f"{remote.place.owner}/{remote.place.repo}".lower():
        yield Finding(f"{place.url} is called {access.full_name} now", "git remote set-url origin NEW-URL")
    for draft in remote.store.drafts():
        held = plural(len(draft.assets), "asset")
        yield Finding(
            f"the release {draft.tag} of {access.full_name} is a draft: nobody can fetch its {held}",
            "git models push   # publishes it again",
        )


def store(case: Case) -> Iterator[Finding]:
    """Only objects whose stat changed since they were last hashed are read."""
    models = case.repo.models
    paths = {e.sha256: e.path for e in history.versions(case.known)}
    _, bad = objects.checked(models, list(objects.oids(models)))
    for oid in bad:
        fix = f"git models fetch {word(paths[oid])}" if oid in paths else "git models verify"
        yield Finding(f"the store's copy of {paths.get(oid, oid)} failed its hash", fix, paths.get(oid, ""))
    lost = os.path.join(models, "lost")
    if os.path.isdir(lost) and (count := len(os.listdir(lost))):
        yield Finding(
            f"{plural(count, 'damaged object lies', 'damaged objects lie')} in {lost}",
            f"git models verify && rm -r {lost}",
        )
    for journal in moving.journals(case.repo):
        if journal.state == "begun":
            yield Finding(f"{journal.what} was interrupted", "git models migrate history --dry-run   # finishes it")


def excluded(case: Case) -> Iterator[Finding]:
    if not excludes.up_to_date(case.repo):
        yield Finding("the block in info/exclude does not match models.yaml", "git models setup")


def space(case: Case) -> Iterator[Finding]:
    """Room where models are written: the store and the work tree, folders for backups, folders that are remotes."""
    repo, known = case.repo, case.known
    wanted = selection.selected(repo, known)
    need = sum(max(e.size, 0) for e in selection.absent(repo, known, wanted) if not os.path.exists(repo.path(e.path)))
    largest = max((e.size for e in known.models.values()), default=0)
    folders = {repo.common: need, repo.top: need}
    try:
        folders |= {shelf.where: largest for shelf in backups.shelves(repo, known) if not shelf.place}
        near = (p for p in places.for_push(repo, known) if p.url.startswith("file:"))
        folders |= {getattr(places.connect(repo, p), "path", repo.top): largest for p in near}
    except ModelsError:
        pass  # other checks say what is wrong with these places
    volumes: dict[int, tuple[str, int]] = {}
    for folder, count in folders.items():
        while folder and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        device = os.stat(folder).st_dev
        volumes[device] = max(volumes.get(device, ("", -1)), (folder, count), key=lambda v: v[1])
    for folder, count in volumes.values():
        free = shutil.disk_usage(folder).free
        if free < count + FREE:
            more = f", and what is to be written there needs {size(count)}" if count else ""
            yield Finding(f"only {size(free)} are free on the disk of {folder}{more}", f"df -h {word(folder)}")


def models(case: Case) -> Iterator[Finding]:
    """What the manifest names and this clone or the remotes have not."""
    repo, known = case.repo, case.known
    seen = Sight(repo)
    found = states(repo, known, seen, selection.selected(repo, known))
    seen.save(known)
    missing = [s.path for s in found if s.state == MISSING]
    if missing:
        yield Finding(f"{_some(missing)} not here", "git models pull", missing[0])
    entries = {e.sha256: e for e in history.versions(known) if e.sha256 and not e.urls}
    loose = set(entries) - objects.held_anywhere(repo.models)
    loose -= history.names_pushed(repo, loose)
    if loose:
        paths = sorted({entries[oid].path for oid in loose})
        yield Finding(f"{_some(paths)} not pushed: this clone has the only copy", "git models push", paths[0])


def migrations(case: Case) -> Iterator[Finding]:
    for journal in moving.journals(case.repo):
        if journal.state == "begun":
            yield Finding(
                f"{journal.what} was interrupted", "git models migrate history --dry-run   # finishes it first"
            )


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if paths[1:] else ""
    return f"{paths[0]}{more} {'are' if more else 'is'}"


CHECKS: dict[str, Check] = {
    "git": git_itself,
    "hooks": hooks,
    "manifest": manifest_,
    "places": places_,
    "store": store,
    "excludes": excluded,
    "disk": space,
    "models": models,
}
"""Name → question, in the order in which they are asked."""
