"""From models.yaml back to Git LFS."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from git_models import git, index, link, manifest, manifests, objects
from git_models.errors import ModelsError, word
from git_models.manifest import Entry
from git_models.migrate import attributes, moving, pointers, rewrite
from git_models.repo import Repo


def need_lfs() -> None:
    """Raise ModelsError unless Git LFS is installed: nobody else can make git call the files unchanged."""
    if git.call("lfs", "version", ok=(0, 1))[0]:
        raise ModelsError("Git LFS is not installed", "apt-get install git-lfs, or see https://git-lfs.com")


def hand_over(here: Repo, entries: Sequence[Entry], advance: Callable[[int], None]) -> None:
    """Copy the bytes of models into the store of Git LFS, verified. Raises ModelsError when some are not here."""
    folder = pointers.own_folder(here)
    for entry in entries:
        target = pointers.place(folder, entry.sha256)
        if os.path.exists(target):
            continue
        file = _open(here, entry)
        try:
            draft = objects.draft_file(here.models, file, advance)
        finally:
            os.close(file)
        if draft.digests.sha256 != entry.sha256:
            objects.discard(draft)
            raise ModelsError(
                f"{entry.path} has changes that are recorded nowhere", f"git models add {word(entry.path)}"
            )
        objects.flush([draft.file])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(draft.file, target)


def _open(here: Repo, entry: Entry) -> int:
    own = objects.path(here.models, entry.sha256)
    try:
        return os.open(own, os.O_RDONLY | os.O_CLOEXEC) if os.path.exists(own) else link.open_file(here.top, entry.path)
    except FileNotFoundError:
        raise ModelsError(f"the bytes of {entry.path} are not here", f"git models pull {word(entry.path)}") from None


def commit(here: Repo, entries: Sequence[Entry]) -> moving.Journal:
    """One commit on HEAD in which these models are pointers of Git LFS and no entries; HEAD's branch moves to it."""
    head = index.head()
    names = [e.path for e in entries]
    raw = manifest.update(index.blob(f"HEAD:{manifest.NAME}"), dict.fromkeys(names))
    text = attributes.added(os.fsdecode(index.blob(f"HEAD:{attributes.NAME}")), names)
    changes = {e.path: ("100644", index.write_blob(_pointer(e))) for e in entries}
    changes[manifest.NAME] = ("100644", index.write_blob(raw))
    changes[attributes.NAME] = ("100644", index.write_blob(os.fsencode(text)))
    tree = rewrite.tree_with(head, changes, objects.temp(here.models))
    new = rewrite.on_top(head, tree, "Keep models in Git LFS instead of models.yaml\n")
    branch = git.text("symbolic-ref", "-q", "HEAD", ok=(0, 1)) or "HEAD"
    journal = moving.begin(here, "export lfs", [rewrite.Ref(branch, head, new)], {}, (head, new))
    try:
        moving.move(here, journal)
        moving.settle(here, journal)
    except ModelsError:
        if not moving.resume(here):
            raise
    return journal


def _pointer(entry: Entry) -> bytes:
    """The pointer as Git LFS writes it (its specification, version 1)."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (entry.sha256.encode(), entry.size)


def known_here(here: Repo) -> dict[str, Entry]:
    """The models of HEAD's manifest that can go: whole entries."""
    return {p: e for p, e in manifests.at(here, "HEAD").models.items() if e.sha256 and e.size > 0}
