"""The git command that runs the hook: what it was asked to do."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence


def arguments(verb: str = "commit") -> list[str]:
    """What follows `verb` on the command line of the git that runs the hook; [] where it cannot be read."""
    return command({verb})[1:]


def command(verbs: Collection[str]) -> list[str]:
    """The git that runs the hook: its verb, if that is one of `verbs`, and what follows; [] otherwise.

    Other hooks may stand in between (the pre-commit framework): the first ancestor that is a git with
    such a verb counts. Linux only; elsewhere there is no such file.
    """
    pid = str(os.getppid())
    for _ in range(16):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as stream:
                words = [os.fsdecode(a) for a in stream.read().split(b"\0")[:-1]]
            if words and os.path.basename(words[0]) == "git":
                for at, word in enumerate(words):
                    if word in verbs:
                        return words[at:]
            with open(f"/proc/{pid}/stat", "rb") as stream:
                pid = stream.read().rpartition(b")")[2].split()[1].decode()
        except (OSError, IndexError):
            return []
    return []


def takes_all(given: Sequence[str]) -> bool:
    """Whether this is `commit -a`: git's index is then the lock file, as for -i and -p, so the arguments decide."""
    if not os.environ.get("GIT_INDEX_FILE", "").endswith("index.lock"):
        return False
    words = iter(given)
    for word in words:
        if word == "--":
            break
        if word == "--all":
            return True
        if word.startswith("-") and not word.startswith("--"):
            # The first option that takes a value takes the rest of the word, or else the next word.
            found = re.match(r"([^mFCctSu]*)([mFCctSu]?)(.*)", word[1:], re.S)
            assert found
            if "a" in found[1]:
                return True
            if found[2] and found[2] in "mFCct" and not found[3]:
                next(words, "")
    return not given


def throwaway_index() -> bool:
    """Whether git works on a copy of the index, as for -a, -i, -p and a path."""
    return os.environ.get("GIT_INDEX_FILE", "").endswith(".lock")
