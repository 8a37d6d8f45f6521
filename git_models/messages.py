"""The exact sentences for the worst moments, each with the command to type next. Golden-tested."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_models.errors import ModelsError, NotThere
from git_models.manifest import NAME, Entry
from git_models.output import duration, plural, size

RECORDED_RUN_AGAIN = f"recorded in {NAME}; git had already decided that there was nothing to commit"

NO_MANIFEST = f"there is no {NAME} here: nothing to pull. Begin with git models add PATH"


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
        "\n".join(
            [
                f"GitHub refuses files over 100 MB, and this commit carries {plural(len(found), 'such file')}:",
                *lines,
            ]
        ),
        f"git models add {first}            # keep it as a model, outside git\n"
        f"        git restore --staged {first}        # leave it out of this commit\n"
        f"        git config models.limit 0           # no limit here (not for GitHub)",
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
        f"git models add {top}/             # yes, keep them as models\n"
        f"        git models untrack '{top}/**'     # no, they are not for this repository",
    )


def nowhere(entry: Entry, recorded: str) -> ModelsError:
    """An object that a commit names is neither here nor on the remote."""
    who = f"recorded by {recorded}" if recorded else "recorded by no commit yet"
    return NotThere(
        f"{entry.path}: its bytes ({size(max(entry.size, 0))}, sha256 {entry.sha256[:12]}…) are neither in this clone "
        f"nor on a remote; {who}",
        "git models push   # in the clone where it was recorded",
    )


def unapproved(name: str, url: str) -> str:
    """A place that only the manifest names."""
    return f"{NAME} names the place {url}, which you have not approved: git models remote trust {name}"


def no_place() -> ModelsError:
    """There is nowhere to fetch from."""
    return ModelsError("no place to fetch models from is known", "git models remote add NAME URL")


def kept_local(path: str) -> str:
    """A locally changed model stands where another version is due."""
    return (
        f"{path} has changes that are recorded nowhere, so it was left as it is: "
        f"git models add {path}, or git models checkout --force {path}"
    )


def still_missing(count: int, total: int) -> str:
    """What a hook says when it fetched nothing or not everything."""
    return f"{plural(count, 'model')} ({size(total)}) not here yet: git models pull"


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
        f"this upload takes about {duration(seconds)}. If git then says 'Broken pipe', the models are stored "
        "all the same: git push again is quick. (git models push && git push avoids it.)"
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
                "Deleting them in a later commit does not help: the commits that have them are pushed, too.",
            ]
        ),
        "git models migrate history",
    )


def upload_failed(count: int, place: str, first: str, fix: str) -> ModelsError:
    """pre-push could not store everything."""
    return ModelsError(
        f"{plural(count, 'object')} could not be stored at {place}, so nothing was pushed. {first}",
        fix or "git push   # goes on where it stopped",
    )


def store_tag(ref: str) -> ModelsError:
    """A push would delete the tag that the store's release hangs on."""
    return ModelsError(
        f"this push would delete {ref} on the remote. The release with all models hangs on that tag: "
        "without it every download fails",
        "git fetch origin 'refs/tags/*:refs/tags/*' && git push --mirror",
    )


def stored(count: int, total: int, url: str) -> str:
    """After an upload inside a push."""
    return f"stored {plural(count, 'object')} ({size(total)}) at {url}"


def first_push(url: str) -> ModelsError:
    """The refs of a first push went ahead of it; git now finds them there and calls that a failure."""
    return ModelsError(
        f"this repository was empty, so its refs went first and the models after them: everything is there, at {url}. "
        "git says 'failed to push' now, because it finds the refs already pushed",
        "git push   # says: Everything up-to-date",
    )


def first_push_failed(failed: ModelsError) -> ModelsError:
    """The refs are on the remote, the models are not."""
    return ModelsError(
        f"this repository was empty, so its refs went first; they are there, but the models are not: {failed.what}",
        "git models push",
    )
