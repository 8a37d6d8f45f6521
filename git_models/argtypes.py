"""What the words of a command line may be: types for argparse, which names the argument in front of the sentence."""

from __future__ import annotations

import argparse
import math


def filled(text: str) -> str:
    """Any word but an empty one, which is a variable that was not set: as a path it would name everything."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; is a variable not set?")
    return text


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def days(text: str) -> float:
    """A number of days from 0 on, parts of days as well."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return number


def refuse_empty(parser: argparse.ArgumentParser) -> None:
    """Let `filled` judge all arguments of a parser, and of the verbs below it, that ask for no other type.

    Texts that may be empty ask for `str`.
    """
    parser.register("type", None, filled)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                refuse_empty(verb)
