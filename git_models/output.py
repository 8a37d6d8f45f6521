"""What a command prints: results on stdout, everything else on stderr.

One `Output` is made by `main` from `-q`, `-v` and `--json` and handed to the command.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")

# C0 and C1 controls, DEL, and the characters that reorder text on a terminal (Unicode TR36, 3.2).
_UNSAFE = {c: f"\\x{c:02x}" for c in (*range(0x20), *range(0x7F, 0xA0))} | {
    c: f"\\u{c:04x}"
    for c in (0x061C, 0x200B, 0x200C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
}


def safe(text: str) -> str:
    """`text` with everything escaped that could move a cursor, reorder or fail to encode."""
    if text.isascii() and text.isprintable():
        return text
    shown = text.translate(_UNSAFE)
    # A lone surrogate is a byte of a file name that is not UTF-8.
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in shown)


def size(count: int) -> str:
    """A number of bytes for people, decimal units as GitHub and disk makers use them: "17.1 MB"."""
    value = float(count)
    for unit in UNITS:
        if value < 999.5 or unit == UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 file", "3 files"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """ "45 s", "3 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _finite(value: Any) -> Any:
    """`value` with None in place of NaN and infinity, for which JSON has no words."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


class Output:
    """Where a command's words go."""

    def __init__(
        self,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self.out, self.err = out or sys.stdout, err or sys.stderr

    def result(self, text: str) -> None:
        """A line of the command's answer; not printed under `--json`."""
        if not self.json:
            _write(self.out, text)

    def note(self, text: str) -> None:
        """What was done, on stderr; silent under `-q`."""
        if not self.quiet:
            _write(self.err, text)

    def warn(self, text: str) -> None:
        """Something the user must hear of, on stderr, under `-q` as well."""
        _write(self.err, text)

    def detail(self, text: str) -> None:
        """Only under `-v`."""
        if self.verbose:
            _write(self.err, text)

    def document(self, value: Any) -> None:
        """The command's one JSON document; printed only under `--json`."""
        if self.json:
            import json

            try:
                text = json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)
            except ValueError:
                text = json.dumps(_finite(value), indent=2, ensure_ascii=True)
            _write(self.out, text)

    @contextmanager
    def progress(self, verb: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar with rate and remaining time for `total` bytes, on a terminal only.

        Yields a function that takes the number of bytes that have just moved; it may be called from
        any thread.
        """
        if self.quiet or self.json or total < 1 << 20 or not self.err.isatty() or os.environ.get("TERM") == "dumb":
            yield lambda _count: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=self.err), transient=True) as bars:
            task = bars.add_task(verb, total=total)
            yield lambda count: bars.advance(task, count)


def _write(stream: TextIO, text: str) -> None:
    """Print, whatever the locale: what the encoding lacks is written as an escape."""
    line = "\n".join(safe(part) for part in text.split("\n")) + "\n"
    try:
        stream.write(line)
    except UnicodeEncodeError:
        stream.write(line.encode("ascii", "backslashreplace").decode("ascii"))
    stream.flush()
