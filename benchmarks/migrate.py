"""Time and memory of `git models migrate history` and `check --history` on a made-up project with a long history.

    python -m benchmarks.migrate [--commits N] [--weights N] [--size BYTES] [--folder DIR]

The commits change a few of 500 source files each; every so many of them trains one of ten weights again.
`git fast-import` writes them all. `/usr/bin/time` (Debian's `time`) measures each command; memory is that of the
largest process, git's own included.
"""

from __future__ import annotations

import argparse
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.transfers import timed
from tests.helpers import seal

FILES, MODELS = 500, 10


def stream(commits: int, weights: int, size: int) -> Iterator[bytes]:
    """The history, for fast-import. The weights begin at the second commit and are spread evenly."""
    dice = random.Random(1)  # noqa: S311 (the same project every time)
    every = max(1, commits // weights) if weights else commits + 1
    for number in range(commits):
        text = b"Work %d\n" % number
        yield b"commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\n" % (1_700_000_000 + 60 * number)
        yield b"data %d\n%s" % (len(text), text)
        for _ in range(FILES if number == 0 else 3):
            which = dice.randrange(FILES)
            body = b"# %d\n" % number + dice.randbytes(300).hex().encode() + b"\n"
            yield b"M 100644 inline src/part%d/module%d.py\ndata %d\n%s\n" % (which % 25, which, len(body), body)
        if number % every == 1 and number // every < weights:
            yield b"M 100644 inline weights/model%d.pt\ndata %d\n" % (number // every % MODELS, size)
            for at in range(0, size, 1 << 20):
                yield dice.randbytes(min(1 << 20, size - at))
            yield b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commits", type=int, default=5000)
    parser.add_argument("--weights", type=int, default=200, help="versions of weights")
    parser.add_argument("--size", type=int, default=10_737_418, help="bytes of each")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    with seal.workshop(given.folder) as base:
        repo = base / "repo"
        subprocess.run(["git", "init", "-q", str(repo)], check=True)
        options = ("-c", "core.compression=1", "fast-import", "--quiet")
        with subprocess.Popen(["git", *options], cwd=repo, stdin=subprocess.PIPE) as importing:
            assert importing.stdin is not None
            for data in stream(given.commits, given.weights, given.size):
                importing.stdin.write(data)
        subprocess.run(["git", "reset", "-q", "--hard"], cwd=repo, check=True)
        total = given.weights * given.size / 1e9
        print(f"{given.commits} commits, {given.weights} versions of weights, {total:.1f} GB", flush=True)
        timed("git models check --history", repo, "git", "models", "check", "--history", "-q", code=given.weights > 0)
        if given.weights:
            timed("git models migrate history --dry-run", repo, "git", "models", "migrate", "history", "--dry-run")
            timed("git models migrate history", repo, "git", "models", "migrate", "history")
            timed("git models migrate undo", repo, "git", "models", "migrate", "undo")


if __name__ == "__main__":
    main()
