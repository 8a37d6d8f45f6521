"""The exact sentences for the worst moments, each with the command to type next. Golden-tested."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_models.errors import ModelsError, NotAModel, NotThere, word
from git_models.manifest import NAME, Entry
from git_models.output import duration, plural, size

RECORDED_RUN_AGAIN = f"recorded in {NAME}; git had already decided that there was nothing to commit"

NO_MODELS = f"{NAME} names no models: nothing to pull"

NO_MANIFEST = f"there is no {NAME} here: nothing to pull. Begin with git models add PATH"


REWRITTEN = """\
published commits were rewritten. You, once:
  git push --force-with-lease --all && git push --force --tags
Everybody else, once, in a clone without unpushed commits:
  git fetch --tags --force && git reset --keep @{upstream} && git models pull
and with unpushed commits (OLD: the published commit on which they stand):
  git fetch --tags --force && git rebase --onto @{upstream} OLD"""

INTERRUPTED = "interrupted; the same command goes on where it stopped"


def told(failed: ModelsError) -> str:
    """An error as it is printed: what happened, then the commands to type next. Secrets are taken out."""
    from git_models.urls import redact

    lines = [f"git models: {failed.what}"]
    if failed.fix:
        lines.append("  next: " + failed.fix.replace("\n", "\n        "))
    return redact("\n".join(lines))


def _either(*ways: tuple[str, str]) -> str:
    """Several commands and what each is for, in two columns."""
    width = max(len(command) for command, _ in ways)
    return "\n".join(f"{command:<{width}}  # {purpose}" for command, purpose in ways)


def unknown(text: str, paths: Sequence[str]) -> ModelsError:
    """No model has this path or name."""
    import difflib

    close = difflib.get_close_matches(text, [*paths, *(os.path.basename(p) for p in paths)], 1)
    return ModelsError(f"no model is called {text!r}", f"did you mean {close[0]}?" if close else "git models list")


def not_in_this_commit(path: str) -> str:
    """A recorded model changed on disk and the commit goes on without it."""
    return f"{path} changed and is not in this commit: git models add -u"


def too_large(found: Sequence[tuple[str, int]]) -> ModelsError:
    """Other files that GitHub would refuse stand in the commit."""
    lines = [f"  {path} ({size(count)})" for path, count in found]
    first = found[0][0]
    return ModelsError(
        "\n".join([f"GitHub refuses files over 100 MB, and this commit has {len(found)} of them:", *lines]),
        _either(
            (f"git models add {word(first)}", "keep it as a model, outside git"),
            (f"git restore --staged {word(first)}", "leave it out of this commit"),
            ("git config models.limit 0", "no limit here (GitHub still has one)"),
        ),
    )


def too_much(new: Sequence[tuple[str, int]]) -> ModelsError:
    """More new weights than anybody adds on purpose."""
    groups: dict[str, list[int]] = {}
    for path, count in new:
        groups.setdefault(os.path.dirname(path) or ".", []).append(count)
    ranked = sorted(groups.items(), key=lambda kv: -sum(kv[1]))
    lines = [f"  {folder}/: {plural(len(counts), 'file')}, {size(sum(counts))}" for folder, counts in ranked[:8]]
    if len(ranked) > 8:
        lines.append(f"  and {len(ranked) - 8} more folders")
    top = ranked[0][0].split("/")[0]
    total = sum(count for _, count in new)
    return ModelsError(
        "\n".join([f"this commit would record {plural(len(new), 'new weight file')} ({size(total)}):", *lines]),
        _either(
            (f"git models add {word(top)}", "yes, keep them as models"),
            (f"git models untrack {word(top + '/**')}", "no, they are not for this repository"),
        ),
    )


def nowhere(entry: Entry, recorded: str) -> ModelsError:
    """An object that a commit names is neither here nor on the remote."""
    who = f"recorded by {recorded}" if recorded else "recorded by no commit yet"
    return NotThere(
        f"{entry.path}: its bytes are neither in this clone nor on a remote\n"
        f"  ({size(max(entry.size, 0))}, sha256 {entry.sha256[:12]}…; {who})",
        "git models push   # in the clone where it was recorded",
    )


def other_bytes(path: str, source: str, what: str, got: object, expected: object) -> NotAModel:
    """What arrived is not what models.yaml names; `what` is "bytes", "SHA-256" or "MD5"."""
    return NotAModel(
        f"{path}: what {source} sent is not the model\n  ({_against(what, got, expected)}); nothing was put in place",
        _either(
            ("git models pull", "once more: the line may have been bad"),
            ("git models verify --remote", "is it the place's copy that is bad?"),
        ),
    )


def replaced(path: str, url: str, what: str, got: object, expected: object) -> NotAModel:
    """An address that an entry names has other bytes than it had; `what` is as for `other_bytes`."""
    return NotAModel(
        f"{path}: what lies at {url} now is not what models.yaml records\n"
        f"  ({_against(what, got, expected)}); nothing was put in place",
        _either(
            (f"git models pull {word(path)}", "once more: the line may have been bad"),
            (f"git models import --force {word(url)} {word(path)}", "take what is there now, if that was meant"),
        ),
    )


def _against(what: str, got: object, expected: object) -> str:
    short = [text if len(text) <= 20 else f"{text[:12]}…" for text in (str(got), str(expected))]
    return f"{what} {short[0]} instead of {short[1]}"


def instead(path: str, source: str, arrived: str) -> NotAModel:
    """A page or a pointer arrived under the model's name."""
    return NotAModel(
        f"{path}: {source} sent {arrived}\n  instead of the model; it was not kept",
        f"git models pull {word(path)}   # when {source} answers properly again",
    )


def unapproved(name: str, url: str) -> ModelsError:
    """A place that only the manifest names."""
    return ModelsError(
        f"{NAME} names a place that you have not approved: {url}", f"git models remote trust {word(name)}"
    )


def no_place() -> ModelsError:
    """There is nowhere to fetch from."""
    return ModelsError("no place to fetch models from is known", "git models remote add NAME URL")


def kept_local(path: str) -> str:
    """A locally changed model stands where another version is due."""
    ways = _either(
        (f"git models add {word(path)}", "record them"),
        (f"git models checkout --force {word(path)}", "drop them"),
    )
    return f"{path} was left as it is: its changes are recorded nowhere\n  next: " + ways.replace("\n", "\n        ")


def still_missing(count: int, total: int) -> str:
    """What a hook says when it fetched nothing or not everything."""
    return f"{plural(count, 'model')} ({size(total)}) not here yet: git models pull"


def unpinned(paths: Sequence[str]) -> str:
    """What a hook says of models that the manifest names by MD5 alone: two different files can have the same."""
    return (
        f"{plural(len(paths), 'model')} with an MD5 alone, not fetched: anybody can make two files of one MD5\n"
        f"  next: git models pull {word(paths[0])} && git models add {word(paths[0])}   # records its SHA-256"
    )


def offline(count: int) -> str:
    """What a hook says when the network is gone."""
    return f"no network: {plural(count, 'model')} not fetched. When it is back: git models pull"


def above_limit(count: int, total: int, limit: int) -> str:
    """A hook would have to fetch more than models.fetchLimit."""
    what = f"{plural(count, 'model')} ({size(total)})"
    return f"{what} not fetched, more than models.fetchLimit ({size(limit)}): git models pull"


def long_upload(seconds: float) -> str:
    """Before an upload that outlasts an idle SSH connection."""
    return (
        f"this upload takes about {duration(seconds)}, and a server may close git's connection meanwhile.\n"
        "If git says 'Broken pipe', all models are stored and git push again is quick.\n"
        "  next time: git models push && git push"
    )


def gh001(found: Sequence[tuple[str, int, str]]) -> ModelsError:
    """The push carries blobs that GitHub refuses (its error GH001)."""
    lines = [f"  {path} ({size(count)}) in commit {commit}" for path, count, commit in found[:10]]
    if len(found) > 10:
        lines.append(f"  and {len(found) - 10} more")
    return ModelsError(
        "\n".join(
            [
                "GitHub would refuse this push (GH001): files over 100 MB stand in its commits.",
                *lines,
                "Deleting them in a later commit does not help: the earlier ones are pushed, too.",
            ]
        ),
        "git models migrate history   # moves them out of all commits that were not pushed; can be undone",
    )


def backup_refs() -> ModelsError:
    """A push of everything would publish what a migration has just taken out."""
    return ModelsError(
        "this push would carry refs/original/models/, the old commits that a migration keeps for its undo",
        _either(
            ("git push --all && git push --tags", "without them"),
            ("git models migrate forget", "delete them, when you are sure"),
        ),
    )


def upload_failed(count: int, place: str, first: str, fix: str) -> ModelsError:
    """pre-push could not store everything."""
    return ModelsError(
        f"nothing was pushed: {plural(count, 'object')} could not be stored at\n  {place}\n  {first}",
        fix or "git push   # goes on where it stopped",
    )


def store_tag(ref: str) -> ModelsError:
    """A push would delete the tag that the store's release hangs on."""
    return ModelsError(
        f"this push would delete {ref}, on which the release with all models hangs:\n"
        "  without that tag every download fails",
        "git fetch origin 'refs/tags/*:refs/tags/*' && git push --mirror",
    )


def stored(count: int, total: int, url: str) -> str:
    """After an upload inside a push."""
    return f"stored {plural(count, 'object')} ({size(total)}) at {url}"


def first_push(url: str) -> ModelsError:
    """The refs of a first push went ahead of it; git now finds them there and calls that a failure."""
    return ModelsError(
        "this repository was empty, so its refs went first and the models after them:\n"
        f"  everything is there, at {url}.\n"
        "  git says 'failed to push' now, because it finds the refs already pushed",
        "git push   # says: Everything up-to-date",
    )


def first_push_failed(failed: ModelsError) -> ModelsError:
    """The refs are on the remote, the models are not."""
    return ModelsError(
        f"this repository was empty, so its refs went first: they are there, the models are not\n  {failed.what}",
        "git models push",
    )
