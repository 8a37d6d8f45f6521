"""Give a model's present bytes, or an earlier version's, a version number: PATH@1.2.0 names them from then on.

Every tagged version can be fetched from models.yaml alone.
"""

from __future__ import annotations

import argparse

from git_models import lineage, manifests, repo, tagging, versions
from git_models.errors import ModelsError, word
from git_models.output import Output, size
from git_models.sight import MODIFIED, Sight, states


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="PATH", help="a model, or MODEL@COMMIT, MODEL@previous, …")
    parser.add_argument("version", metavar="VERSION", help="a semantic version: 1.2.0, 2.0.0-rc.1")
    parser.add_argument("-m", "--message", type=str, metavar="NOTE", default="", help="what is new in it")
    parser.add_argument("-f", "--force", action="store_true", help="go back, or move a version to other bytes")


def run(args: argparse.Namespace, out: Output) -> int:
    here = repo.find()
    known = manifests.current(here)
    chosen = lineage.find(here, known, args.model)
    entry = known.models.get(chosen.path)
    if entry is None:
        raise ModelsError(f"{chosen.path} is in no models.yaml any more", f"git models rollback {word(args.model)}")
    if versions.same_bytes(entry, chosen) and not args.force:
        _unchanged(here, chosen.path, args.version)
    tagged = tagging.tag(chosen, args.version, args.message, args.force)
    done = tagging.write(here, known, entry._replace(versions=tagged.versions))
    made = next(v for v in tagged.versions if v.version == tagging.number(args.version))
    name = f"{chosen.path}@{made.version}"
    out.result(f"{name}: {size(made.size)}, md5 {made.md5[:8]}" if done else f"{name} is there already")
    if done:
        out.note("models.yaml is staged. Next: git commit")
    out.document({"path": chosen.path, "changed": done, **lineage.version_json(made)})
    return 0


def _unchanged(here: repo.Repo, path: str, version: str) -> None:
    known = manifests.current(here)
    sight = Sight(here)
    (found,) = states(here, known, sight, [path])
    sight.save(known)
    if found.state == MODIFIED:
        raise ModelsError(
            f"{path} changed since it was recorded, and a tag names what is recorded",
            f"git models add {word(path)} --tag {word(version)}   # the file as it is now\n"
            f"git models tag --force {word(path)} {word(version)}   # the recorded version",
        )
