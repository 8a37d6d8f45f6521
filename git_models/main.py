"""The command line: which command, its arguments, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from git_models import __version__

# name -> (module below git_models.commands, what it does); the order is that of the overview.
COMMANDS = {
    "setup": ("setup", "prepare this clone: hooks, excludes, remote"),
    "status": ("status", "what is changed, missing, not pushed"),
    "add": ("add", "record weight files, new or retrained"),
    "push": ("push", "upload what the remote lacks"),
    "pull": ("pull", "fetch what is missing and put it in place"),
    "list": ("list", "models, sizes, versions"),
    "clone": ("clone", "git clone, setup and pull in one"),
    "check": ("check", "for CI: weights in git, a bad manifest"),
    "doctor": ("doctor", "find what is wrong and how to mend it"),
    "fetch": ("fetch", "fetch into the store only"),
    "checkout": ("checkout", "put models in place from the store"),
    "rm": ("rm", "remove models from the manifest and the work tree"),
    "mv": ("mv", "rename a model"),
    "track": ("track", "treat files of this pattern as weights"),
    "untrack": ("untrack", "leave files of this pattern to git"),
    "remote": ("remote", "the places that keep the bytes"),
    "login": ("login", "a token for GitHub"),
    "verify": ("verify", "hash everything again"),
    "hook": ("hook", ""),
}
ALIASES = {"install": "setup", "init": "setup", "ls": "list", "ls-files": "list"}
COMMON = 9

EXIT_BUG, EXIT_INTERRUPTED = 3, 130


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 expected failure or "no", 2 usage, 3 a bug, 128 no repository."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"git-models {__version__}")
        return 0
    if words in (["-h"], ["--help"], ["help"]):
        print(usage())
        return 0
    return _guarded(words)


def usage() -> str:
    """The text of `git models -h`."""
    rows = [f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items() if text]
    return "\n".join(
        [
            "usage: git models COMMAND [-h] [-q] [-v] [--json] …",
            "",
            "Model weights that do not fit into git: kept elsewhere, named in models.yaml.",
            "",
            *rows[:COMMON],
            "",
            *rows[COMMON:],
            "",
            "git models COMMAND -h says more; git help models is the manual.",
        ]
    )


def _guarded(words: list[str]) -> int:
    from git_models.errors import ModelsError

    # Our own git calls must not start our own hooks.
    os.environ["GIT_MODELS_RUNNING"] = "1"
    try:
        return _run(words)
    except ModelsError as failed:
        return _failed(words, failed)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away: `git models list | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as failed:
        return _failed(words, _translated(failed))
    except Exception:
        return _bug()


def _run(words: list[str]) -> int:
    import argparse

    from git_models.errors import UsageError
    from git_models.output import Output

    if not words:
        words = ["overview"]
    name = ALIASES.get(words[0], words[0])
    if name != "overview" and name not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(name, [*COMMANDS, *ALIASES], 1)
        raise UsageError(f"there is no command {name!r}", f"git models {close[0]}" if close else "git models -h")
    module = import_module(f"git_models.commands.{COMMANDS[name][0] if name in COMMANDS else name}")
    parser = argparse.ArgumentParser(prog=f"git models {words[0]}", description=module.__doc__, allow_abbrev=False)
    if name != "hook":
        parser.add_argument("-q", "--quiet", action="store_true", help="only errors")
        parser.add_argument("-v", "--verbose", action="store_true", help="say more")
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    module.configure(parser)
    options = parser.parse_args(words[1:])
    values = vars(options)
    out = Output(json=values.get("json", False), quiet=values.get("quiet", False), verbose=values.get("verbose", False))
    code: int = module.run(options, out)
    return code


def _failed(words: list[str], failed: Exception) -> int:
    from git_models.errors import ModelsError
    from git_models.output import Output
    from git_models.urls import redact

    assert isinstance(failed, ModelsError)
    out = Output(json="--json" in words)
    out.warn(f"git models: {redact(failed.what)}")
    if failed.fix:
        out.warn(f"  next: {redact(failed.fix)}")
    out.document({"error": redact(failed.what), "fix": redact(failed.fix)})
    return failed.code


def _translated(failed: OSError) -> Exception:
    """What the operating system refused, in a sentence."""
    import errno

    from git_models.errors import ModelsError

    where = f": {os.fsdecode(failed.filename)}" if isinstance(failed.filename, (str, bytes)) else ""
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelsError(f"the disk is full{where}", "df -h .")
    if failed.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ModelsError(f"no permission to write or read{where}", "ls -ld .git .")
    return ModelsError(f"{failed.strerror or failed}{where}")


def _bug() -> int:
    """An unexpected exception: a log file for the report, one line for the user."""
    import tempfile
    import traceback

    from git_models.urls import redact

    text = redact("".join(traceback.format_exc()))
    with tempfile.NamedTemporaryFile(
        "w", prefix="git-models-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(f"git-models {__version__}, Python {sys.version}\n{text}")
    print(
        f"git models: this is a bug: {text.strip().splitlines()[-1]}\n  next: report it with {log.name}",
        file=sys.stderr,
    )
    if os.environ.get("GIT_MODELS_TRACE"):
        print(text, file=sys.stderr)
    return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
