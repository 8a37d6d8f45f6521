"""A few threads that move bytes: what they share, how they wait, when they give up.

All retries of the program are decided here; adapters only say whether a failure passes.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from git_models.errors import ModelsError, Offline, Transient
from git_models.manifest import Part
from git_models.remotes.base import RateLimited

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 64
"""Results that may wait for the caller: one can hold a file open, and a process may open few."""

PROGRESS = 1 << 20
"""Bytes that must have moved for a failure to count as the first one again."""


class Item(NamedTuple):
    """One version of a model on its way."""

    sha256: str  # 64 hex; "" in a hand-written entry that has only an MD5
    md5: str  # 32 hex or ""
    size: int  # bytes, -1 if unknown
    asset: str  # name on remotes, "" for an entry that has only `urls`
    path: str  # in the work tree, for messages and labels
    version: str = ""
    urls: tuple[str, ...] = ()  # direct links
    parts: tuple[Part, ...] = ()

    @property
    def assets(self) -> tuple[str, ...]:
        """The names under which remotes keep the bytes."""
        return tuple(part.asset for part in self.parts) or ((self.asset,) if self.asset else ())


class Outcome(NamedTuple):
    """What became of a batch."""

    done: tuple[Item, ...]
    failed: tuple[tuple[Item, ModelsError], ...]
    moved: int  # bytes that went over the line
    sources: Mapping[str, str] = MappingProxyType({})  # sha256 -> URL of the remote that sent the whole file


class Stopped(BaseException):
    """Ends a worker: the batch was interrupted. Never leaves this package's transfer modules."""


class Pace(NamedTuple):
    """How patient a batch is. All times in seconds, sizes in bytes."""

    tries: int = 5  # failures in a row without progress
    first: float = 1.0  # wait after the first failure; doubled after each further one
    most: float = 60.0  # the longest wait of our own choice
    limit: float = 900.0  # the longest wait that a service may ask for
    slow: int = 256 * 1024  # bytes a second under which a line counts as stalled …
    stall: float = 30.0  # … after so long
    alone: int = 256 << 20  # a lone file from this size on is fetched in ranges …
    range: int = 48 << 20  # … of this size
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] | None = None  # None: a sleep that an interrupt ends
    jitter: Callable[[], float] = random.random


Wait = Callable[[float, str], None]
"""Told about once a second how many seconds remain and what is waited for."""


class Crew:
    """What the workers of one batch share."""

    def __init__(self, pace: Pace, patience: float, wait: Wait) -> None:
        self.pace = pace
        self.patience = patience  # seconds of no connection after which a remote counts as offline
        self.wait = wait
        self.stop = threading.Event()
        self._not_before = 0.0  # by the pace's clock: a rate limit holds for everybody
        self._starts: deque[float] = deque()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raises Stopped once the batch was interrupted."""
        if self.stop.is_set():
            raise Stopped

    def pause(self, seconds: float, why: str) -> None:
        """Wait, telling how long still. Raises Stopped."""
        until = self.pace.clock() + seconds
        while (rest := until - self.pace.clock()) > 0:
            self.check()
            if seconds >= 2:
                self.wait(rest, why)
            step = min(rest, 1.0)
            if self.pace.sleep:
                self.pace.sleep(step)
            else:
                self.stop.wait(step)
        self.check()

    def turn(self, per_minute: int | None) -> None:
        """Wait until another request keeps to so many a minute (a window that slides)."""
        while per_minute:
            with self._lock:
                now = self.pace.clock()
                while self._starts and self._starts[0] <= now - 60:
                    self._starts.popleft()
                if len(self._starts) < per_minute:
                    self._starts.append(now)
                    return
                rest = self._starts[0] + 60 - now
            self.pause(rest, f"the service takes {per_minute} files a minute")

    def keep_trying(self, do: Callable[[], R], moved: Callable[[], int] = lambda: 0, limit: float | None = None) -> R:
        """The result of `do`, called again after failures that pass. Raises the last failure.

        `moved` counts bytes: whoever makes progress may fail more often. `limit` is the longest wait
        that a service may ask for, or that we give one that does not answer, in seconds (None: the pace's).
        """
        patience = self.patience if limit is None else min(self.patience, limit)
        limit = self.pace.limit if limit is None else limit
        failures, mark, dark = 0, moved(), None
        while True:
            self.check()
            if (rest := self._not_before - self.pace.clock()) > 0:
                self.pause(rest, "the service asked to wait")
            began = self.pace.clock()
            try:
                return do()
            except Transient as error:
                if moved() - mark >= PROGRESS:
                    failures, dark = 0, None
                mark = moved()
                failures += 1
                delay = self._delay(error, failures)
                now = self.pace.clock()
                if isinstance(error, Offline):
                    # From before the attempt: one that timed out has used up its share.
                    dark = began if dark is None else dark
                    if dark + patience - now <= delay:
                        raise
                elif failures >= self.pace.tries or delay > limit:
                    raise
                if isinstance(error, RateLimited):
                    self._not_before = max(self._not_before, now + delay)
                why = error.what
            self.pause(delay, why)

    def _delay(self, error: Transient, failures: int) -> float:
        doubled = 2.0 ** (failures - 1)
        if isinstance(error, RateLimited) and error.after is not None:
            # A little later than asked, and not all clients of an address in the same second.
            return (error.after if error.exact else error.after * doubled) + self.pace.jitter()
        return max(min(self.pace.first * doubled, self.pace.most) * (0.5 + self.pace.jitter() / 2), error.after or 0.0)


def each(
    tasks: Sequence[T], do: Callable[[T], R], jobs: int, stop: threading.Event
) -> Iterator[tuple[T, R | ModelsError]]:
    """`do` for all tasks in `jobs` threads; results as they come, in the caller's thread.

    ModelsErrors are results; anything else is raised here. At most AHEAD results wait for the caller.
    When the caller leaves early, `stop` is set and the threads, which nobody waits for long, end at
    their next look at it.
    """
    if not tasks:
        return
    todo, results = deque(tasks), SimpleQueue[tuple[T, R | BaseException]]()
    room = threading.Semaphore(AHEAD)

    def work() -> None:
        while room.acquire() and not stop.is_set():
            try:
                task = todo.popleft()
            except IndexError:
                return
            try:
                results.put((task, do(task)))
            except BaseException as error:
                results.put((task, error))

    # A thread that comes back from the kernel waits so long for one that computes: with small files, at each call.
    sys.setswitchinterval(0.0005)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, len(tasks)))]
    for thread in threads:
        thread.start()
    try:
        for _ in tasks:
            task, result = results.get()
            if isinstance(result, BaseException) and not isinstance(result, ModelsError):
                raise result
            yield task, result
            room.release()
    except BaseException:
        stop.set()
        raise
    finally:
        room.release(len(threads))
        end = time.monotonic() + 1.0
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
