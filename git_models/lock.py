"""One writer at a time: a lock file that survives network file systems and dead owners."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from git_models.errors import ModelsError, word

PATIENCE = 60.0  # seconds; the longest job under the lock is an index update
_PAUSE = 0.02


@contextmanager
def hold(folder: str, purpose: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold `folder/lock` for the block; its text says who holds it: pid, host and purpose.

    O_EXCL rather than flock, which does nothing on some network file systems. A lock whose owner is
    dead (same host, no such process) is taken over. Raises ModelsError that names the owner when
    `patience` seconds have passed.
    """
    os.makedirs(folder, exist_ok=True)
    file = os.path.join(folder, "lock")
    mine = f"{os.getpid()} {os.uname().nodename} {purpose}\n"
    until = time.monotonic() + patience
    while True:
        # Written aside and linked, so that nobody ever reads a lock without its owner's name.
        draft = f"{file}.{os.getpid()}"
        try:
            with open(draft, "w") as stream:
                stream.write(mine)
            os.link(draft, file)
            break
        except FileExistsError:
            pass
        finally:
            if os.path.exists(draft):
                os.unlink(draft)
        owner = _owner(file)
        if owner and not _alive(owner):
            _break(file, owner)
        elif time.monotonic() > until:
            raise ModelsError(
                "another git models is at work: " + (owner.strip() or "nobody knows whose"),
                f"rm {word(file)}   # if that process is gone",
            )
        else:
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        if _owner(file) == mine:
            os.unlink(file)


def _owner(file: str) -> str:
    try:
        with open(file) as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def _alive(owner: str) -> bool:
    pid, host, _ = (owner + "  ").split(" ", 2)
    if host != os.uname().nodename or not pid.isdecimal():
        return True  # cannot tell: wait for it
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _ended(pid)


def _ended(pid: str) -> bool:
    """Whether a process is only waiting for its parent to ask how it ended; in a container often nobody does."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            # proc(5): "PID (NAME) STATE …", and the name may hold anything.
            return stream.read().rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
    except OSError:
        return False


def _break(file: str, dead: str) -> None:
    """Remove the lock of a dead owner, and only that one: two waiters may both have seen it."""
    aside = f"{file}.stale.{os.getpid()}"
    try:
        os.rename(file, aside)
    except FileNotFoundError:
        return
    if _owner(aside) != dead:
        try:
            os.link(aside, file)  # somebody was quicker and holds it: give it back
        except FileExistsError:
            pass
    os.unlink(aside)
