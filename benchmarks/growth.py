"""How the cost of each job grows with the number of models, and with the size of one.

    python -m benchmarks.growth [--models N] [--mebibytes N] [--plot FILE] [--folder DIR]

One repository for each power of ten up to N models of 1 KiB, and one for each power of two (times 1 MiB) of one
model's size. Prints seconds, memory and the exponent of growth between the two largest (1 is a straight line);
`--plot` draws them on two logarithmic axes with matplotlib.
"""

from __future__ import annotations

import argparse
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.peers import OURS, TOOLS, Cost, Place, scatter, write
from tests.helpers import seal

Curve = dict[int, Cost]


def steps(most: int, factor: int) -> Iterator[int]:
    """1, factor, factor² … up to `most`, which is the last in any case."""
    at = 1
    while at < most:
        yield at
        at *= factor
    yield most


def jobs(place: Place, at: str) -> Iterator[tuple[str, Cost]]:
    """What is timed in one repository, whose models lie at `at` and are not recorded yet."""
    tool = place.tool
    yield "add + commit", place.sh(f"{tool.add} && {tool.commit}", at=at)
    yield "push", place.sh(tool.push)
    place.sh("git models status")  # what was young is hashed once more and believed from now on
    yield "status", place.sh(tool.status)
    yield "git status", place.sh("git status --porcelain")
    (place.work / "README.md").write_text("more\n")
    place.sh("git add README.md")
    yield "commit of code", place.sh("git commit -qm Code")
    place.sh("git branch same")
    yield "checkout of code", place.sh("git checkout -q same")
    yield "clone + pull", place.sh(tool.clone, at=place.base / "clone", branch="main")


def measure(base: Path, models: int, mebibytes: int) -> dict[str, Curve]:
    """Job -> size -> cost, for both kinds of growth."""
    (tool,) = [t for t in TOOLS if t.name == OURS]
    curves: dict[str, Curve] = {}
    for kind, sizes in (("models", steps(models, 10)), ("MiB", steps(mebibytes, 8))):
        for size in sizes:
            place = Place(base / f"{kind}-{size}", tool)
            if kind == "models":
                scatter(place.work / "many", size, 1, 1024)
            else:
                write(place.work / "many/large.pt", size, 1)
            for job, cost in jobs(place, "many"):
                curves.setdefault(f"{job}, {kind}", {})[size] = cost
            shutil.rmtree(place.base.parent)
    return curves


def table(curves: Mapping[str, Curve]) -> str:
    """The curves as Markdown."""
    lines = []
    for kind in ("models", "MiB"):
        chosen = {name: curve for name, curve in curves.items() if name.endswith(kind)}
        sizes = list(next(iter(chosen.values())))
        lines += [f"| {kind} | " + " | ".join(f"{s:,}" for s in sizes) + " | exponent | most memory |"]
        lines += ["|---|" + "---|" * (len(sizes) + 2)]
        for name, curve in chosen.items():
            last = ""
            if len(sizes) > 1:
                before, after = sizes[-2:]
                ratio = math.log(curve[after].seconds / curve[before].seconds) / math.log(after / before)
                last = f"{ratio:.2f}"
            memory = max(cost.memory for cost in curve.values())
            cells = [f"{curve[s].seconds:.3f}" for s in sizes]
            lines += [f"| {name.partition(',')[0]} | " + " | ".join(cells) + f" | {last} | {memory / 1e6:.0f} MB |"]
        lines += [""]
    return "\n".join(lines)


def plot(curves: Mapping[str, Curve], file: Path) -> None:
    """Two panels, logarithmic both ways."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(12, 5), sharey=True)
    for panel, kind in zip(panels, ("models", "MiB"), strict=True):
        for name, curve in curves.items():
            if name.endswith(kind):
                panel.loglog(list(curve), [c.seconds for c in curve.values()], marker="o", label=name.partition(",")[0])
        panel.set_xlabel("models of 1 KiB" if kind == "models" else "MiB of one model")
        panel.grid(True, which="both", alpha=0.3)
    panels[0].set_ylabel("seconds")
    panels[0].legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    print(f"drawn: {file}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--mebibytes", type=int, default=8192)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    with seal.workshop(given.folder) as base:
        curves = measure(base, given.models, given.mebibytes)
    print(table(curves))
    if given.plot:
        plot(curves, given.plot)


if __name__ == "__main__":
    main()
