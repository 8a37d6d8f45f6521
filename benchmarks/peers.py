"""The same jobs with Git LFS, DVC, git-annex and `git models`, on the same bytes, in one run.

    python -m benchmarks.peers [--size MIB] [--many N] [--crowd N] [--rounds N] [--turns N]
        [--tools git-lfs,dvc,…] [--folder DIR]

The tools take turns at each job, so that a busy machine slows them all; a number is the median of the rounds.
Each has a repository, an origin and a folder as its store, under one temporary folder. The table ends with what we
want to reach (`BARS`) and whether this run did. `scripts/bench` installs the peers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.helpers import seal

MODEL = "weights/best.pt"
OURS = "git models"


class Tool(NamedTuple):
    """How one of them is spoken to: lines for `sh`. {store} and {origin} are its folders, {at} is a path."""

    name: str
    setup: str
    add: str
    commit: str
    push: str
    clone: str
    status: str
    unlock: str = "true"  # before a model is written to again


_CLONE = "git clone -q -b {branch} file://{origin} {at}"
TOOLS = (
    Tool(
        "git-lfs",
        setup="git lfs install --local && git lfs track '*.pt'",
        add="git add {at}",
        commit="git commit -qm Work",
        push="git push -q origin HEAD",
        clone="git -c filter.lfs.process='git-lfs filter-process' -c filter.lfs.required=true "
        "-c filter.lfs.smudge='git-lfs smudge -- %f' " + _CLONE.removeprefix("git "),
        status="git lfs status",
    ),
    Tool(
        "dvc",
        setup="dvc init -q && dvc remote add -q -d store {store} && dvc install -q",
        add="dvc add -q {at} && git add -A",
        commit="git commit -qm Work",
        push="git push -q origin HEAD",
        clone=_CLONE + " && cd {at} && dvc pull -q",
        status="dvc status -q",
        unlock="rm -f {at}",
    ),
    Tool(
        "git-annex",
        setup="git annex init -q here && git annex initremote -q store type=directory directory={store} encryption=none"
        " && git config annex.largefiles 'include=*.pt'",
        add="git annex add -q {at}",
        commit="git commit -qm Work",
        push="git annex copy -q --to store && git push -q origin HEAD git-annex",
        clone=_CLONE + " && cd {at} && git annex init -q there && git annex enableremote -q store directory={store}"
        " && git annex verifyremote store --safe 1 && git annex get -q .",
        status="git annex status",
        unlock="git annex unlock -q {at}",
    ),
    Tool(
        OURS,
        setup="git models setup --remote file://{store} && git config models.confirm '999999 100G'",
        add="git models add {at} && git add -A",
        commit="git commit -qm Work",
        push="git push -q origin HEAD",
        clone=_CLONE + " && cd {at} && git models pull",
        status="git models status",
    ),
)


class Cost(NamedTuple):
    """What a line cost, its children included."""

    seconds: float
    memory: int  # bytes, of the largest process
    processor: float  # seconds, of all processes that ended


class Place:
    """A tool's folders."""

    def __init__(self, base: Path, tool: Tool) -> None:
        self.tool, self.base = tool, base / tool.name.replace(" ", "-")
        self.work, self.store, self.origin = (self.base / name for name in ("work", "store", "origin.git"))
        self.base.mkdir(parents=True)
        self.store.mkdir()
        self.sh(f"git init -q --bare {self.origin} && git init -q {self.work}", self.base)
        self.sh(f"git remote add origin file://{self.origin}")
        (self.work / "README.md").write_text("A project\n")
        self.sh(tool.setup)
        self.sh("git add -A && git commit -qm Begin")

    def sh(self, line: str, folder: Path | None = None, *, at: str | Path = "", branch: str = "") -> Cost:
        """Run a line in the work tree. Exits with all that it said if it fails."""
        line = line.format(store=self.store, origin=self.origin, at=at, branch=branch)
        with tempfile.TemporaryFile() as said:
            began = time.perf_counter()
            process = subprocess.Popen(["sh", "-c", line], cwd=folder or self.work, stdout=said, stderr=said)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise SystemExit(f"{self.tool.name}: {line}\n{said.read().decode(errors='replace')[-3000:]}")
        return Cost(seconds, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)


class Bench:
    """All results of a run: job -> tool -> costs."""

    def __init__(self) -> None:
        self.places: Sequence[Place] = ()
        self.costs: dict[str, dict[str, list[Cost]]] = {}
        self.disk: dict[str, dict[str, float]] = {}  # when -> tool -> how often the model lies in the clone

    def job(
        self, name: str, do: Callable[[Place], Cost], rounds: int = 1, places: Sequence[Place] | None = None
    ) -> None:
        """Time a job, the tools in turns."""
        for _ in range(rounds):
            for place in self.places if places is None else places:
                os.sync()  # nobody waits for what another one left to be written
                self.costs.setdefault(name, {}).setdefault(place.tool.name, []).append(do(place))
        found, busy = self.medians(name), self.medians(name, "processor")  # of all rounds so far
        print(f"  {name}: " + ", ".join(f"{t} {s:.3f} s ({busy[t]:.3f})" for t, s in found.items()), file=sys.stderr)

    def weigh(self, when: str, size: int) -> None:
        """How much a clone with one model of `size` MiB takes up, store included, as a multiple of the model."""
        for place in self.places:
            found = self.disk.setdefault(when, {})
            for _ in range(20):  # what a push makes superfluous is removed behind it
                said = subprocess.run(["du", "-sk", str(place.work)], capture_output=True, text=True, check=True).stdout
                found[place.tool.name] = int(said.split()[0]) / 1024 / size
                if found[place.tool.name] < DISK[when] + 0.02:
                    break
                time.sleep(0.25)

    def medians(self, name: str, what: str = "seconds") -> dict[str, float]:
        """The median of a field of the costs by tool."""
        return {t: statistics.median(getattr(c, what) for c in costs) for t, costs in self.costs.get(name, {}).items()}


class Bar(NamedTuple):
    """What we want to reach at a job: at most `best` times the best peer (or `of` one), and `seconds`."""

    best: float | None = None
    of: str = ""
    seconds: float | None = None
    yard: float | None = None  # at most so many times the longer of `md5sum` and a copy that is on disk


PLAIN = "git add + commit"
BARS = {
    "add + commit": Bar(best=0.9, yard=1.25),
    PLAIN: Bar(seconds=6.0),
    "push to a folder": Bar(seconds=0.3),
    "clone + pull": Bar(best=1.1, yard=1.25),
    "switch, pushed versions": Bar(seconds=0.1),
    "commit of code, many models": Bar(best=1.0, of="git-lfs"),
    "checkout of code": Bar(best=1.0, of="git-lfs"),
    "status, many models": Bar(best=1.2),
    "status, a crowd": Bar(best=0.7),
    "git status, a crowd": Bar(best=1.5, of="git-lfs"),
    "add + commit, many small": Bar(best=0.9),
    "push, many small": Bar(best=1.0),
    "clone + pull, many small": Bar(best=0.5),
}
DISK = {"disk after add + commit, × model": 2.0, "disk after push, × model": 1.0}
MEMORY = 120 * 10**6  # bytes, any of our jobs


def write(file: Path, mebibytes: int, seed: int) -> None:
    """Random bytes, the same for the same seed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    dice = random.Random(seed)  # noqa: S311 (the same bytes every time)
    if file.is_symlink():
        file.unlink()
    with open(file, "wb") as target:
        for _ in range(mebibytes):
            target.write(b"\0" + dice.randbytes((1 << 20) - 1))  # no accidental pickle


def scatter(folder: Path, count: int, seed: int, size: int = 10_240) -> None:
    """So many models of `size` bytes, a hundred in a folder."""
    dice = random.Random(seed)  # noqa: S311 (the same bytes every time)
    for number in range(count):
        file = folder / f"part{number // 100:04d}/model{number:06d}.pt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\0" + dice.randbytes(size - 1))  # no accidental pickle


def add(place: Place, at: str) -> Cost:
    return place.sh(f"{place.tool.add} && {place.tool.commit}", at=at)


def large(bench: Bench, size: int) -> None:
    """The jobs with one model of `size` MiB, then with its second version."""
    for place in bench.places:
        write(place.work / MODEL, size, 1)
    bench.job("add + commit", lambda p: add(p, MODEL))
    bench.weigh("disk after add + commit, × model", size)
    bench.job("push to a folder", lambda p: p.sh(p.tool.push))
    bench.weigh("disk after push, × model", size)
    bench.job("clone + pull", lambda p: p.sh(p.tool.clone, at=p.base / "clone", branch="main"))
    for place in bench.places:
        shutil.rmtree(place.base / "clone")
        place.sh("git checkout -q -b two")
        place.sh(place.tool.unlock, at=MODEL)
        write(place.work / MODEL, size, 2)
        add(place, MODEL)
        place.sh(place.tool.push)
    for place in bench.places:
        place.sh("git checkout -q main")  # the first way is not timed: what is young is not believed
        place.sh("git checkout -q two")
    bench.job("switch, pushed versions", lambda p: p.sh("git checkout -q main"))
    for place in bench.places:
        place.sh("git checkout -q two")


def plain(bench: Bench, size: int) -> None:
    """A large model on its way into a commit by git's own `git add`; on a branch that goes again."""
    ours = [p for p in bench.places if p.tool.name == OURS]
    for place in ours:
        place.sh("git checkout -q -b plain")
        write(place.work / "weights/plain.pt", size, 5)
    bench.job(PLAIN, lambda p: p.sh("git add weights/plain.pt && git commit -qm Plain"), places=ours)
    for place in ours:
        place.sh("git checkout -q two && git branch -q -D plain")


def small(bench: Bench, many: int, crowd: int, rounds: int) -> None:
    """The jobs with crowds of small models, beside the large one."""

    def code(place: Place) -> Cost:
        with open(place.work / "README.md", "a") as file:
            file.write("more\n")
        place.sh("git add README.md")
        return place.sh("git commit -qm Code")

    def around(place: Place) -> Cost:
        place.sh("git branch -f same")
        place.sh("git checkout -q same")
        return place.sh("git checkout -q -")

    bench.job("checkout of code", around, rounds)
    for place in bench.places:
        scatter(place.work / "many", many, 3)
    bench.job("add + commit, many small", lambda p: add(p, "many"))
    bench.job("commit of code, many models", code, rounds)
    bench.job("status, many models", lambda p: p.sh(p.tool.status), rounds)
    bench.job("push, many small", lambda p: p.sh(p.tool.push))
    bench.job("clone + pull, many small", lambda p: p.sh(p.tool.clone, at=p.base / "clone", branch="two"))
    if crowd:
        for place in bench.places:
            scatter(place.work / "crowd", crowd, 4)
        bench.job("add + commit, a crowd", lambda p: add(p, "crowd"))
        for place in bench.places:
            write(place.work / "weights/late.pt", 1, 6)
        bench.job("one more model, a crowd", lambda p: add(p, "weights/late.pt"))
        bench.job("status, a crowd", lambda p: p.sh(p.tool.status), rounds)
        bench.job("git status, a crowd", lambda p: p.sh("git status --porcelain"), rounds)


def yardsticks(base: Path, size: int) -> dict[str, float]:
    """Seconds of `md5sum` and of a copy that is on disk, on as many bytes."""
    file = base / "yardstick"
    write(file, size, 9)
    found = {}
    for name, line in (("md5sum", "md5sum yardstick"), ("cp + fsync", "cp yardstick copy && sync copy")):
        began = time.perf_counter()
        subprocess.run(["sh", "-c", line], cwd=base, check=True, capture_output=True)
        found[name] = time.perf_counter() - began
    return found


def verdict(job: str, found: Mapping[str, float], yard: float) -> tuple[str, bool]:
    """The bar in words with its number of seconds, and whether it was met."""
    bar, mine = BARS[job], found[OURS]
    peers = {t: s for t, s in found.items() if t != OURS and (not bar.of or t == bar.of)}
    limits = {}
    if bar.best is not None and peers:
        limits[f"{bar.best:g} × {bar.of or 'the best peer'}"] = bar.best * min(peers.values())
    if bar.yard is not None:
        limits[f"{bar.yard:g} × max(md5sum, cp)"] = bar.yard * yard
    if bar.seconds is not None:
        limits[f"{bar.seconds:g} s"] = bar.seconds
    return "; ".join(f"{words} ({limit:.3f})" for words, limit in limits.items()), all(
        mine <= limit for limit in limits.values()
    )


def table(bench: Bench, names: Sequence[str], yards: Mapping[str, float]) -> str:
    """The results as Markdown."""
    lines = ["| job | " + " | ".join(names) + " | bar (seconds) | met |", "|---|" + "---|" * (len(names) + 2)]
    for job in bench.costs:
        found = bench.medians(job)
        words, met = verdict(job, found, max(yards.values())) if job in BARS else ("", True)
        cells = [f"{found[n]:.3f}" if n in found else "–" for n in names]
        lines.append(f"| {job} | " + " | ".join(cells) + f" | {words} | {'yes' if met else '**no**'} |")
    for when, by in bench.disk.items():
        bar = DISK[when]
        met = "yes" if by[OURS] < bar + 0.02 else "**no**"  # git's own files
        lines.append(f"| {when} | " + " | ".join(f"{by[n]:.2f}" for n in names) + f" | {bar:g} | {met} |")
    # git itself maps what `git add` is given, whole.
    most = max(c.memory for job, by in bench.costs.items() for c in by.get(OURS, ()) if job != PLAIN)
    lines.append(f"\nOur largest process: {most / 1e6:.0f} MB (bar: {MEMORY / 1e6:.0f} MB). Yardsticks: ")
    lines[-1] += ", ".join(f"{name} {seconds:.2f} s" for name, seconds in yards.items()) + "."
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=512, help="MiB of the large model")
    parser.add_argument("--many", type=int, default=1000, help="small models")
    parser.add_argument("--crowd", type=int, default=9_000, help="more of them, for status alone; 0: none")
    parser.add_argument("--rounds", type=int, default=5, help="of the short jobs")
    parser.add_argument("--turns", type=int, default=3, help="of the jobs with the large model, in fresh repositories")
    parser.add_argument("--tools", default=",".join(t.name for t in TOOLS))
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    given = parser.parse_args()
    peers = os.environ.get("GIT_MODELS_PEERS", "")  # where scripts/bench put them
    os.environ["PATH"] = os.pathsep.join(filter(None, (peers, os.environ["PATH"])))
    with seal.workshop(given.folder) as base:
        os.environ["DVC_NO_ANALYTICS"] = "1"
        chosen = [t for t in TOOLS if t.name in given.tools.split(",")]
        bench = Bench()
        yarded = []
        for turn in range(given.turns):
            if turn > 1:
                shutil.rmtree(base / str(turn - 1))
            bench.places = [Place(base / str(turn), tool) for tool in chosen]
            yarded.append(yardsticks(base, given.size))
            large(bench, given.size)
            plain(bench, given.size)
            if turn == 0:
                # Before anything is deleted, and what it made stays: ext4 looks at each inode that was freed in the
                # last minute before it makes a file, which takes up to a millisecond for each of many small ones.
                small(bench, given.many, given.crowd, given.rounds)
        yards = {name: statistics.median(y[name] for y in yarded) for name in yarded[0]}
        print(table(bench, [t.name for t in chosen], yards))
        if given.json:
            found = {what: {job: bench.medians(job, what) for job in bench.costs} for what in Cost._fields}
            given.json.write_text(json.dumps(found | {"yardsticks": yards}, indent=1))


if __name__ == "__main__":
    main()
