"""Jobs that outlive the command they belong to: this program again, in a process of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

from git_models.repo import Repo


def start(repo: Repo, *words: str) -> None:
    """Run `git models hook WORDS…` behind the back of the command that is running.

    The descriptors of the hook are not kept open: `git commit | cat` would wait for us.
    """
    subprocess.Popen(
        [sys.executable, "-I", "-m", "git_models", "hook", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=repo.top,
    )


def wait_for(pid: int, seconds: float) -> bool:
    """Wait until a process that is not our child has ended; False when `seconds` were not enough."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except (OSError, AttributeError):
        return _ask_until_gone(pid, seconds)
    try:
        poll = select.poll()
        poll.register(process, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(process)


def _ask_until_gone(pid: int, seconds: float) -> bool:
    """Where the system has no descriptors for processes (macOS, old kernels)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        time.sleep(0.1)
    return False
