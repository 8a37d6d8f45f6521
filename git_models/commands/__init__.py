"""One verb, one module: `configure(parser)` adds its options, `run(options, out)` returns the exit code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

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
    "activate": ("activate", "make a version the one in use"),
    "backup": ("backup", "dated copies of a model, with metadata"),
    "restore": ("restore", "bring a backup back, verified; or list them"),
    "scan": ("scan", "is this model safe to load"),
    "show": ("show", "what is in a model: tensors, training, versions"),
    "diff": ("diff", "which models changed, down to tensors"),
    "upload": ("upload", "record one model under a name and upload it at once"),
    "download": ("download", "one model, any version, from any repository, to a file"),
    "import": ("import_", "record a file that already lies on the web"),
    "url": ("url", "where a model can be fetched with curl alone"),
    "log": ("log", "the versions of a model, who made them and when"),
    "tag": ("tag", "give a model's bytes a version: PATH@1.2.0"),
    "rollback": ("rollback", "back to an earlier version, file and manifest"),
    "edit": ("edit", "description, metrics, license of a model"),
    "track": ("track", "treat files of this pattern as weights"),
    "untrack": ("untrack", "leave files of this pattern to git"),
    "migrate": ("migrate", "an existing project: history, Git LFS, DVC"),
    "export": ("export", "the way back: to Git LFS"),
    "adopt": ("adopt", "take over what only a contributor's fork holds"),
    "copy": ("copy", "copy objects from one place to another"),
    "remote": ("remote", "the places that keep the bytes"),
    "login": ("login", "a token for GitHub"),
    "du": ("du", "what the models take up, and where"),
    "archive": ("archive", "copy old versions to another remote"),
    "gc": ("gc", "free space on a remote: what no commit names"),
    "prune": ("prune", "free space here: what a remote holds and nobody needs"),
    "verify": ("verify", "check every hash"),
    "completion": ("completion", "completion for bash, zsh or fish"),
    "hook": ("hook", ""),
    "merge-driver": ("merge_driver", ""),
}
ALIASES = {"install": "setup", "init": "setup", "ls": "list", "ls-files": "list"}
COMMON = 9


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


def parse(words: list[str]) -> argparse.Namespace:
    """The options of a command line, and the command's module as `module`. Raises UsageError for an unknown command."""
    from git_models.errors import UsageError

    name = ALIASES.get(words[0], words[0])
    if name != "overview" and name not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(name, [*COMMANDS, *ALIASES], 1)
        raise UsageError(f"there is no command {name!r}", f"git models {close[0]}" if close else "git models -h")
    parser = parser_of(name, words[0])
    options, rest = parser.parse_known_args(words[1:])
    if rest and not any(word.startswith("-") for word in rest):
        try:
            # A word behind an option, as in `restore NAME --force DEST`: argparse looks there on demand only.
            return parser.parse_intermixed_args(words[1:])
        except TypeError:
            pass  # it cannot, where the words begin with a verb of their own
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def parser_of(name: str, typed: str) -> argparse.ArgumentParser:
    """The parser of a command, whose module is imported and becomes the default of `module`."""
    import argparse

    module = import_module(f"git_models.commands.{COMMANDS[name][0] if name in COMMANDS else name}")
    parser = argparse.ArgumentParser(
        prog=f"git models {typed}", description=module.__doc__, allow_abbrev=False, formatter_class=_formatter
    )
    if COMMANDS.get(name, ("", name))[1]:
        parser.add_argument("-q", "--quiet", action="store_true", help="results and problems only")
        parser.add_argument("-v", "--verbose", action="store_true", help="say more")
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    module.configure(parser)
    if COMMANDS.get(name, ("", name))[1]:
        from git_models.argtypes import refuse_empty

        refuse_empty(parser)
    parser.set_defaults(module=module)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """argparse's own, told how wide the terminal is: it would import six modules to find out, for every command."""
    import argparse
    import os

    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):
        columns = 80
    return argparse.HelpFormatter(prog, width=columns - 2)
