"""Say of model files whether they are safe to load, without loading them.

The exit code is 0 when every file is weights only or needs nothing but the usual model classes, and
1 when one is unknown or dangerous. Works outside a repository too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from git_models import inspect, patterns, whereabouts
from git_models.errors import ModelsError
from git_models.output import Output, plural, safe

# Asked of folders, whatever a manifest tracks or excepts: its author may be the one to be found out.
_LOOKED_AT = (
    *patterns.DEFAULT_TRACK,
    *("*.bin", "*.pkl", "*.pickle", "*.joblib", "*.npy", "*.npz", "*.h5", "*.hdf5", "*.tar", "*.mar", "*.nemo"),
)
_FINE = ("weights-only", "needs classes")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, or folders to search for model files")


def run(args: argparse.Namespace, out: Output) -> int:
    found = []
    for name in dict.fromkeys(_files(args.paths)):
        with whereabouts.opened(name) as (file, size):
            report = inspect.scan(file, size, name)
        found.append((name, report))
        lines = inspect.report_lines(report)
        out.result(f"{safe(name)}: {safe(lines[0])}")
        for line in lines[1:]:
            out.result(f"  {safe(line)}")
    bad = [name for name, report in found if report.verdict not in _FINE]
    if len(found) > 1:
        out.result(f"{plural(len(found), 'file')}, {len(bad) or 'none'} of them unknown or dangerous")
    out.document({"files": [{"path": name, **inspect.report_json(report)} for name, report in found]})
    return int(bool(bad))


def _files(given: Sequence[str]) -> Iterator[str]:
    """The files meant; links inside folders are not followed. Raises ModelsError for a folder without any."""
    for text in given:
        if not os.path.isdir(text):
            yield text
            continue
        inside = list(_inside(text))
        if not inside:
            raise ModelsError(f"no model files in {text}", "git models scan FILE   # any file, by its name")
        yield from inside


def _inside(top: str) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            full = os.path.join(folder, name)
            if patterns.matches(_LOOKED_AT, name) and os.path.isfile(full) and not os.path.islink(full):
                yield full
