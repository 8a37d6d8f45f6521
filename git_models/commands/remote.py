"""The places that keep the bytes: add, remove, list, default, trust, test."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from git_models import git, manifests, places, recording, remotes, repo, urls
from git_models.errors import ModelsError, UsageError, word
from git_models.manifest import Manifest
from git_models.output import Output
from git_models.places import Place
from git_models.remotes.base import Remote, Upload
from git_models.repo import Repo

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", re.ASCII)


def configure(parser: argparse.ArgumentParser) -> None:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for short, long in (("-q", "--quiet"), ("-v", "--verbose")):
        common.add_argument(short, long, action="store_true", help=argparse.SUPPRESS)
    common.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, parents=[common], help=text, description=text, allow_abbrev=False)

    action("list", "what is known, from where, and where models go (the default)")
    add = action("add", "make a place known under a name; the first one becomes the default")
    add.add_argument("name", metavar="NAME")
    add.add_argument("url", metavar="URL", help="github://OWNER/REPO, /FOLDER, webdav+https://HOST/FOLDER, …")
    add.add_argument("--no-test", action="store_true", help="do not try whether it works")
    add.add_argument("--local", action="store_true", help="in this clone only, not in models.yaml")
    remove = action("remove", "forget a place; what it keeps stays there")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--local", action="store_true", help="in this clone only, not in models.yaml")
    default = action("default", "send models to this place, or every model to each of several")
    default.add_argument("names", metavar="NAME", nargs="+")
    action("trust", "approve a place that models.yaml names, in this clone").add_argument("name", metavar="NAME")
    test = action("test", "put a small file there, look at it, get it back, delete it")
    test.add_argument("name", metavar="NAME", nargs="?", help="the place by name or URL (default: where models go)")
    test.add_argument("--full", action="store_true", help="everything that a place must do, in a dozen uploads")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    do: dict[str | None, Callable[[], int]] = {
        None: lambda: _list(here, known, out),
        "list": lambda: _list(here, known, out),
        "add": lambda: _add(here, known, args, out),
        "remove": lambda: _remove(here, known, args, out),
        "default": lambda: _default(here, known, args.names, out),
        "trust": lambda: _trust(here, known, args.name, out),
        "test": lambda: _test(here, known, args, out),
    }
    return do[args.action]()


def _list(here: Repo, known: Manifest, out: Output) -> int:
    found = places.for_pull(here, known)
    try:
        targets = {p.url for p in places.for_push(here, known)}
    except ModelsError:
        targets = set()
    width = max((len(p.name) for p in found), default=0)
    for place in found:
        words = [place.source, *([] if place.approved else ["not approved"])]
        words += ["read without a token"] if place.anonymous else []
        mark = "*" if place.url in targets else " "
        out.result(f"{mark} {place.name:<{width}}  {place.url}  ({', '.join(words)})")
    if not found:
        out.result("no places yet. Next: git models remote add NAME URL")
    out.document({"remotes": [{**p._asdict(), "default": p.url in targets} for p in found]})
    return 0


def _add(here: Repo, known: Manifest, args: argparse.Namespace, out: Output) -> int:
    name, url = args.name, args.url
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a place: use letters, digits, . - and _", "git models remote list")
    if reason := urls.secret(url):
        raise UsageError(
            f"this URL {reason}; it would be read by everybody", "git models login   # keeps tokens safely"
        )
    url = remotes.normalise(f"file://{url}" if os.path.isabs(url) else url)
    before = {**known.remotes, **here.config.urls}.get(name, url)
    if before != url:
        raise ModelsError(f"{name} is {before} already", f"git models remote remove {word(name)}")
    # A folder helps only readers on the same machines: those who cloned from its file system.
    shared = not args.local and (not url.startswith("file:") or places.near(here, url))
    remote = remotes.open(url, name, remotes.Options(top=here.top))  # says what is not installed
    first = remote.writable and not here.config.remote
    if shared and known.remotes.get(name) != url:
        recording.record(here, remotes={name: url})
        out.note("models.yaml tells readers of it; it is staged. Next: git commit")
    git.run("config", f"models.{name}.url", url, cwd=here.top)
    out.result(f"{name} is {url}")
    if first:
        git.run("config", "models.remote", name, cwd=here.top)
        out.note(f"models go to {name} now")
    # A release store would get a tag and a release by it: `setup` and the first push look at those.
    steps = [] if args.no_test or remotes.github_host(url) else _steps(here, Place(name, url, "config", True), False)
    for what, fault in steps:
        if fault:
            out.warn(f"{name} is known now and does not work yet: {what}: {fault}")
    out.document(
        {
            "name": name,
            "url": url,
            "in_manifest": shared,
            "default": first or name in here.config.remote,
            "works": not any(fault for _, fault in steps) if steps else None,
        }
    )
    return 0


def _remove(here: Repo, known: Manifest, args: argparse.Namespace, out: Output) -> int:
    name = args.name
    in_manifest = name in known.remotes and not args.local
    if name not in here.config.urls and not in_manifest:
        raise _unknown(name, [*here.config.urls, *known.remotes])
    if in_manifest:
        recording.record(here, remotes={name: None})
        out.note("models.yaml names it no more; it is staged. Next: git commit")
    for key in ("url", "trusted"):
        git.run("config", "--unset-all", f"models.{name}.{key}", cwd=here.top, ok=(0, 5))
    git.run("config", "--unset-all", "models.remote", f"^{re.escape(name)}$", cwd=here.top, ok=(0, 5))
    if name in repo.find().config.urls:
        raise ModelsError(
            f"{name} is in the configuration of all your repositories as well; it was left there",
            f"git config --global --unset models.{name}.url",
        )
    out.result(f"removed {name}; what it keeps stays there")
    out.document({"name": name, "in_manifest": in_manifest})
    return 0


def _default(here: Repo, known: Manifest, names: Sequence[str], out: Output) -> int:
    chosen = [places.by_name(here, known, name) for name in dict.fromkeys(names)]
    for place in chosen:
        places.need_writable(place)
        if not places.connect(here, place).writable:
            raise ModelsError(f"{place.name} ({place.url}) can only be read", "git models remote add NAME URL")
    for first, place in enumerate(chosen):
        # Only a name of the configuration is looked up there; other places go by their URL.
        value = place.name if place.name in here.config.urls else place.url
        git.run("config", "--add" if first else "--replace-all", "models.remote", value, cwd=here.top)
    out.result(f"models go to {', '.join(f'{p.name} ({p.url})' for p in chosen)}")
    out.document(
        {
            "name": chosen[0].name,
            "url": chosen[0].url,
            "remotes": [{"name": p.name, "url": p.url} for p in chosen],
        }
    )
    return 0


def _trust(here: Repo, known: Manifest, name: str, out: Output) -> int:
    if name not in known.remotes:
        raise _unknown(name, list(known.remotes))
    url = known.remotes[name]
    git.run("config", f"models.{name}.trusted", url, cwd=here.top)
    out.result(f"{name} may be used in this clone as long as it is {url}")
    out.document({"name": name, "url": url})
    return 0


def _unknown(name: str, names: list[str]) -> ModelsError:
    close = get_close_matches(name, names, 1)
    return ModelsError(
        f"no place is called {name!r}", f"did you mean {close[0]}?" if close else "git models remote list"
    )


def _test(here: Repo, known: Manifest, args: argparse.Namespace, out: Output) -> int:
    place = places.by_name(here, known, args.name) if args.name else places.for_push(here, known)[0]
    places.need_writable(place)
    steps = []
    for what, fault in _steps(here, place, args.full):
        out.result(f"{'FAILED' if fault else 'ok':<7} {what}" + (f": {fault}" if fault else ""))
        steps.append({"step": what, "fault": fault})
    good = not any(s["fault"] for s in steps)
    out.result(f"{place.name} ({place.url}) {'works' if good else 'does not work'}")
    out.document({"name": place.name, "url": place.url, "works": good, "steps": steps})
    return int(not good)


def _steps(here: Repo, place: Place, full: bool) -> list[tuple[str, str]]:
    """(step, fault) of trying a place; one that cannot be written to is asked for something that it does not have."""
    remote = places.connect(here, place)
    if not remote.writable:
        return [("it answers", _fault(lambda: "" if remote.has(["git-models-test"]) == {} else "it has everything"))]
    with tempfile.TemporaryDirectory(prefix="git-models-") as folder:
        return _everything(remote, folder) if full else _round_trip(remote, folder)


def _everything(remote: Remote, folder: str) -> list[tuple[str, str]]:
    from git_models.remotes import contract

    return [(result.check, result.fault) for result in contract.run(remote, folder)]


def _round_trip(remote: Remote, folder: str) -> list[tuple[str, str]]:
    """(step, fault) of putting one small file there and taking it away again; the first fault but the last ends it."""
    asset = f"git-models-test-{secrets.token_hex(6)}.txt"
    data = f"git models tries this place with a random number: {secrets.token_hex(16)}\n".encode()
    file = os.path.join(folder, asset)
    with open(file, "wb") as stream:
        stream.write(data)
    sha256, md5 = hashlib.sha256(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest()

    def put() -> str:
        remote.put(Upload(asset, file, 0, len(data), sha256, md5, "a test of git models"), lambda _: None)
        remote.finish()
        return ""

    def has() -> str:
        held = remote.has([asset]).get(asset)
        return "" if held and held.size == len(data) and held.sha256 in (None, sha256) else f"it answers {held}"

    def get() -> str:
        with remote.get(asset) as body:
            return "" if b"".join(body) == data else "other bytes came back"

    def delete() -> str:
        remote.delete(asset)
        return "it is still there" if remote.has([asset]) else ""

    done = []
    for what, step in (("a file can be put there", put), ("it is there", has), ("it comes back unchanged", get)):
        done.append((what, _fault(step)))
        if done[-1][1]:
            break
    gone = _fault(delete)
    # What does not get there need not go again; it was tried all the same, since an answer can get lost.
    return done if done[0][1] else [*done, ("it is deleted again", gone)]


def _fault(step: Callable[[], str]) -> str:
    try:
        return step()
    except ModelsError as failed:
        return failed.what + (f" (next: {failed.fix})" if failed.fix else "")
