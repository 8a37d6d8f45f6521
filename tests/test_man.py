"""The manual page knows the options that there are, and no others."""

from __future__ import annotations

import argparse
import re
from importlib import import_module

from git_models.commands import COMMANDS
from tests.helpers import ROOT

HIDDEN = {"hook", "merge-driver"}
EVERYWHERE = {"--help", "--json", "--quiet", "--verbose", "--version"}


def commands_section() -> str:
    text = re.sub(r"\\f[BIR]", "", (ROOT / "docs/man/git-models.1").read_text()).replace("\\-", "-")
    return text.partition(".SH COMMANDS")[2].partition('.SH "NAMES OF VERSIONS"')[0]


def actions(name: str) -> list[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    import_module(f"git_models.commands.{COMMANDS[name][0]}").configure(parser)
    found = []
    for action in parser._actions:
        nested = action.choices.values() if isinstance(action, argparse._SubParsersAction) else ()
        found += [action, *(inner for sub in nested for inner in sub._actions)]
    return found


def test_every_option_is_in_the_manual() -> None:
    text = commands_section()
    missing = set()
    for name in set(COMMANDS) - HIDDEN:
        for action in actions(name):
            spellings = action.option_strings
            wanted = spellings and action.help != argparse.SUPPRESS and not set(spellings) & EVERYWHERE
            if wanted and not any(re.search(rf"(?<![\w-]){re.escape(s)}(?![\w-])", text) for s in spellings):
                missing.add((name, *spellings))
    assert missing == set()


def test_every_option_of_the_manual_exists() -> None:
    real = {s for name in set(COMMANDS) - HIDDEN for action in actions(name) for s in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", commands_section())) <= real | EVERYWHERE
