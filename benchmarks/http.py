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
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import OURS, TOOLS, Place, write
from tests.helpers import seal

CONF = """\
daemon off; master_process off; {user} pid {dir}/pid; error_log {dir}/error.log;
events {{}}
http {{
  access_log off; sendfile on;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{ listen 127.0.0.1:{port}; root {www}; }}
}}
"""
BLOCK = 1 << 16


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(folder: Path, www: Path) -> Iterator[int]:
    """nginx that shows `www`: its port."""
    folder.mkdir()
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "conf").write_text(CONF.format(dir=folder, port=port, www=www, user=user))
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        raise SystemExit("please install nginx (apt-get install nginx)")
    with subprocess.Popen([program, "-c", str(folder / "conf"), "-p", str(folder)]) as server:
        try:
            wait_for(port)
            yield port
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    """Until something listens there."""
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"nothing listens on port {port}")


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
    port = free_port()
    process = multiprocessing.Process(target=relay, args=(port, behind, rate, delay), daemon=True)
    process.start()
    wait_for(port)
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
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        base = Path(name)
        os.environ.update(seal.environment(seal.install(base / "installed")) | seal.personal(base / "home"))
        (tool,) = [t for t in TOOLS if t.name == OURS]
        place = Place(base, tool)
        write(place.work / "best.pt", given.size, 1)
        for line in (tool.add, tool.commit, tool.push):
            place.sh(line, at="best.pt")
        (stored,) = place.store.iterdir()
        with nginx(base / "nginx", place.store) as port:
            fast = f"http://127.0.0.1:{port}"
            compare("loopback", place, fast, stored.name, given.rounds)
            with slow_line(port, given.rate, given.delay) as line:
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
