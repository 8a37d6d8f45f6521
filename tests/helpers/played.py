"""Documents that are their own tests: their blocks are typed in exactly as they are printed.

A `sh` block is run; a `text` block behind it is what it prints, on both streams. In it `…` stands for
anything: in a line of its own for any lines, inside a line for any characters. What a section needs
and no reader does stands in a comment, `<!-- before` and `-->`, in front of its first block.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

MARK = "\x1e"  # printed between the blocks of a section


class Block(NamedTuple):
    """Commands, and what they print (None: whatever it is)."""

    commands: str
    output: str | None


def sections(text: str) -> dict[str, list[Block]]:
    """The blocks below each heading, where there are any."""
    found: dict[str, list[Block]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^(?:```sh|<!-- before)\n(.*?)^(?:```|-->)\n(?:```text\n(.*?)^```\n)?", part, re.M | re.S)
        if blocks:
            found[part.partition("\n")[0]] = [Block(commands, output or None) for commands, output in blocks]
    return found


def play(blocks: list[Block], folder: Path) -> list[str]:
    """What each block prints, in one shell; a command that fails ends it and fails the test."""
    script = "set -e\nexec 2>&1\n" + f"printf '{MARK}'\n".join(block.commands for block in blocks)
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(MARK)


def compare(blocks: list[Block], printed: list[str]) -> None:
    """Fail unless each block printed what the document says."""
    for block, said in zip(blocks, printed, strict=True):
        if block.output is not None:
            assert re.fullmatch(pattern(block.output), said), f"{block.commands}printed\n{said}expected\n{block.output}"


def pattern(output: str) -> str:
    """The regular expression for an expected output."""
    rows = ["(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in output.splitlines()]
    return "".join(rows)
