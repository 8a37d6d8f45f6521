"""A pull from a web server beside `curl` and `md5sum`, on the loopback interface and on a slow line.

    python -m benchmarks.http [--size MIB] [--rate BYTES_A_SECOND] [--delay SECONDS] [--rounds N] [--folder DIR]

The server is Debian's nginx. The slow line is a relay in front of it that gives each connection `rate` bytes a
second and brings everything `delay` seconds later than it was sent; such a line is what ranges are for.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import OURS, TOOLS, Place, write
from tests.helpers import seal
from tests.helpers.team import until
from tests.places import servers

BLOCK = 1 << 16


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, rate: float, delay: float) -> None:
    """Bytes from one side to the other, each `delay` seconds after it came and no faster than `rate`."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=max(4, int(rate * (delay + 0.05) / BLOCK)))

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - time.monotonic())
            if not data:
                break
            target.write(data)
            await target.drain()
        target.close()

    task = asyncio.create_task(arrive())
    free = time.monotonic()
    try:
        while data := await source.read(BLOCK):
            free = max(free, time.monotonic()) + len(data) / rate
            await under_way.put((free + delay, data))
        await under_way.put((time.monotonic() + delay, b""))
        await task
    except OSError:
        task.cancel()


def relay(port: int, behind: int, rate: float, delay: float) -> None:
    """The slow line, for ever."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(carry(reader, back, rate, delay), carry(there, writer, rate, delay))

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def slow_line(behind: int, rate: float, delay: float) -> Iterator[int]:
    """The port of a relay to the port `behind`."""
    port = servers.free_port()
    process = multiprocessing.Process(target=relay, args=(port, behind, rate, delay), daemon=True)
    process.start()
    if not until(lambda: servers.answers(port), 10):
        raise SystemExit("the relay does not start")
    try:
        yield port
    finally:
        process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--rate", type=float, default=20e6, help="bytes a second of a connection of the slow line")
    parser.add_argument("--delay", type=float, default=0.015, help="seconds each way on the slow line")
    parser.add_argument("--rounds", type=int, default=3, help="on the loopback interface")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args()
    with seal.workshop(given.folder) as base:
        (tool,) = [t for t in TOOLS if t.name == OURS]
        place = Place(base, tool)
        write(place.work / "best.pt", given.size, 1)
        for line in (tool.add, tool.commit, tool.push):
            place.sh(line, at="best.pt")
        (stored,) = place.store.iterdir()
        (base / "nginx").mkdir()
        with servers.nginx(base / "nginx") as (fast, www):
            os.link(stored, www / stored.name)
            compare("loopback", place, fast, stored.name, given.rounds)
            with slow_line(int(fast.rpartition(":")[2]), given.rate, given.delay) as line:
                compare("slow line", place, f"http://127.0.0.1:{line}", stored.name, 1)


def compare(what: str, place: Place, url: str, asset: str, rounds: int) -> None:
    """Print the medians of all ways to get the bytes."""
    found: dict[str, list[float]] = {}
    clone = place.base / "clone"
    for _ in range(rounds):
        for way, line in (
            ("curl", f"curl -sf -o {place.base}/got {url}/{asset}"),
            ("md5sum", f"md5sum {place.store}/{asset}"),
        ):
            found.setdefault(way, []).append(place.sh(line).seconds)
        place.sh(f"git clone -q -b main file://{place.origin} {clone}")
        place.sh(f"git -C {clone} models remote add -q web {url} && git -C {clone} config models.remote web")
        found.setdefault("pull", []).append(place.sh("git models pull", clone).seconds)
        place.sh(f"cmp {place.work}/best.pt {clone}/best.pt")
        shutil.rmtree(clone)
    curl, md5, pull = (statistics.median(found[way]) for way in ("curl", "md5sum", "pull"))
    print(
        f"| {what} | {curl:.2f} | {md5:.2f} | {pull:.2f} | {max(curl, md5) / pull:.2f} × the slower of the two, "
        f"{curl / pull:.2f} × curl |",
        flush=True,
    )


if __name__ == "__main__":
    main()
