"""The command line: which command, its arguments, and what becomes of errors."""

from __future__ import annotations

import os
import sys

from git_models import __version__
from git_models.commands import parse, usage

EXIT_BUG, EXIT_INTERRUPTED = 3, 130
TWICE = 0.25  # seconds; nobody means two interrupts that come closer together


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0 done, 1 expected failure or "no", 2 usage, 3 a bug, 128 no repository."""
    if sys.getfilesystemencoding() != "utf-8" and argv is None:
        # LC_ALL=C in an old terminal: the names of files are UTF-8 all the same. S606: this very program again.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"git-models {__version__}")
        return 0
    if words in (["-h"], ["--help"], ["help"]):
        print(usage())
        return 0
    return _guarded(words)


def _guarded(words: list[str]) -> int:
    from git_models.errors import ModelsError

    # Our own git calls must not start our own hooks.
    os.environ["GIT_MODELS_RUNNING"] = "1"
    _interrupt_once()
    try:
        return _run(words)
    except ModelsError as failed:
        return _failed(words, failed)
    except KeyboardInterrupt:
        from git_models.messages import INTERRUPTED

        print(f"git models: {INTERRUPTED}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away: `git models list | head`.
        _drop_output()
        return 0
    except OSError as failed:
        code = _failed(words, _translated(failed))
        _drop_output()
        return code
    except Exception:
        return _bug()


def _interrupt_once() -> None:
    """Take the second SIGINT of one Ctrl-C for what it is: the terminal sends one, and so does `git`, our parent.

    It would come in the middle of what the first one makes us clean up. Someone who presses twice is heard.
    """
    import signal
    import time

    last = float("-inf")

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > TWICE:
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def _drop_output() -> None:
    """Let Python not try once more, at its end, to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    from git_models.output import Output

    options = parse(words or ["overview"])
    values = vars(options)
    out = Output(json=values.get("json", False), quiet=values.get("quiet", False), verbose=values.get("verbose", False))
    code: int = options.module.run(options, out)
    return code


def _failed(words: list[str], failed: Exception) -> int:
    from git_models.errors import ModelsError
    from git_models.messages import told
    from git_models.output import Output
    from git_models.urls import redact

    assert isinstance(failed, ModelsError)
    out = Output(json="--json" in words)
    out.warn(told(failed))
    out.document({"error": redact(failed.what), "fix": redact(failed.fix)})
    return failed.code


def _translated(failed: OSError) -> Exception:
    """What the operating system refused, in a sentence."""
    import errno

    from git_models.errors import ModelsError, word

    file = os.fsdecode(failed.filename) if isinstance(failed.filename, (str, bytes)) else ""
    where, folder = f": {file}" if file else "", os.path.dirname(file) or "."
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelsError(f"the disk is full{where}", f"df -h {word(folder)}")
    if failed.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ModelsError(f"no permission to write or read{where}", f"ls -ld {word(folder)}")
    return ModelsError(f"{failed.strerror or failed}{where}")


def _bug() -> int:
    """An unexpected exception: a log file for the report, one line for the user."""
    import tempfile
    import traceback

    from git_models.output import Output
    from git_models.urls import redact

    text = redact("".join(traceback.format_exc()))
    with tempfile.NamedTemporaryFile(
        "w", prefix="git-models-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(f"git-models {__version__}, Python {sys.version}\n{text}")
    out = Output()
    out.warn(f"git models: this is a bug: {text.strip().splitlines()[-1]}\n  next: report it with {log.name}")
    if os.environ.get("GIT_MODELS_TRACE"):
        out.warn(text)
    return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
