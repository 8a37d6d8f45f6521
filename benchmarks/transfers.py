"""Time and memory of an upload and a download through the stand-in for GitHub; the numbers of docs/performance.md.

    python -m benchmarks.transfers [--size BYTES] [--sparse] [--rate BYTES_A_SECOND]

`/usr/bin/time` (Debian's `time`) measures each command. With --rate every connection of the blob host
is limited, as GitHub's is, and the same file is fetched in one stream and in several ranges.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.fakes.github import GitHub
from tests.fakes.web import BLOCK, Reply, Request, Stream
from tests.helpers import seal


class Slow(GitHub):
    """The stand-in behind a line that gives each connection of the blob host `rate` bytes a second (0: no limit)."""

    rate = 0.0

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        if self.rate and request.port == self.blob_port and isinstance(reply.body, Stream):
            reply.body = Stream(reply.body.length, self._slowly(reply.body.blocks))
        return reply

    def _slowly(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        due = time.monotonic()
        for block in blocks:
            due += len(block) / self.rate
            time.sleep(max(0.0, due - time.monotonic()))
            yield block


def timed(name: str, folder: Path, *command: str, code: int = 0) -> None:
    """Run a command, which must end with `code`; print how long it took and the largest memory of its processes."""
    done = subprocess.run(["/usr/bin/time", "-v", *command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    clock = re.search(r"Elapsed .*: ([\d:.]+)", done.stderr)
    memory = re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)
    assert clock and memory
    print(f"{name:<44} {clock[1]:>9}  {int(memory[1]) / 1024:6.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of transfers.")
    parser.add_argument("--size", type=int, default=(2 << 30) + 1)
    parser.add_argument("--sparse", action="store_true", help="zeros with random ends instead of random bytes")
    parser.add_argument("--rate", type=float, default=0)
    given = parser.parse_args()
    with seal.workshop(os.environ.get("TMPDIR", "/var/tmp")) as base, Slow(base / "hub") as hub:
        play(hub, base, given.size, given.sparse, given.rate)


def play(hub: Slow, base: Path, size: int, sparse: bool, rate: float) -> None:
    """Record and push one file, fetch it in one stream and in ranges, compare."""
    hub.repository("owner/repo")
    os.environ["GH_ENTERPRISE_TOKEN"] = hub.token("rw", can={"owner/repo": "write"})
    git = ["git", "-C", str(base)]
    subprocess.run([*git, "config", "--global", "models.hub.url", hub.remote("owner/repo")], check=True)
    subprocess.run([*git, "clone", "--quiet", f"{hub.url}/owner/repo.git", "work"], check=True)
    work = base / "work"
    with (work / "best.pt").open("wb") as file:
        for start in (0, size - BLOCK) if sparse else range(0, size, BLOCK):
            file.seek(start)
            file.write(os.urandom(min(BLOCK, size - start)))
    timed("git models add", work, "git", "models", "add", "best.pt")
    timed("git models push", work, "git", "models", "push")
    hub.rate = rate
    for jobs in ("1", "4"):
        clone = base / f"clone-{jobs}"
        subprocess.run(["git", "init", "--quiet", str(clone)], check=True)
        subprocess.run(["git", "remote", "add", "origin", f"{hub.url}/owner/repo.git"], cwd=clone, check=True)
        (clone / "models.yaml").write_bytes((work / "models.yaml").read_bytes())
        timed(f"git models pull -j {jobs}", clone, "git", "models", "pull", "-j", jobs)
        subprocess.run(["cmp", str(work / "best.pt"), str(clone / "best.pt")], check=True)
        subprocess.run(["rm", "-rf", str(clone)], check=True)


if __name__ == "__main__":
    main()
