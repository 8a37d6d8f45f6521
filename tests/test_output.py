"""What people read: sizes, times, escapes, bars on a terminal only, one document under --json."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from git_models.output import Output, duration, plural, safe, size
from tests.helpers.sandbox import Sandbox


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (17_090_379, "17.1 MB"),
        (99_949_999, "99.9 MB"),
        (99_950_000, "100 MB"),
        (999_600_000, "1.0 GB"),
        (4_200_000_000_000, "4.2 TB"),
    ],
)
def test_bytes_are_told_in_the_units_that_github_uses(count: int, said: str) -> None:
    assert size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (45, "45 s"), (89.4, "89 s"), (91, "2 min"), (1500, "25 min"), (7500, "2 h 5 min")],
)
def test_times_are_rounded_to_what_one_can_use(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_one_is_singular() -> None:
    assert [plural(0, "file"), plural(1, "file"), plural(2, "file"), plural(2, "entry", "entries")] == [
        "0 files",
        "1 file",
        "2 files",
        "2 entries",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("weights/größe.pt", "weights/größe.pt"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("line\nbreak", "line\\x0abreak"),
        ("c1\x9b2J", "c1\\x9b2J"),
        ("evil\u202etp.exe", "evil\\u202etp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        (os.fsdecode(b"latin\xe9.pt"), "latin\\xe9.pt"),
    ],
)
def test_a_name_cannot_move_the_cursor_or_turn_the_text_around(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_locale_without_the_letter_gets_an_escape_and_no_traceback() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Output(out=stream).result("größe.pt …")
    stream.seek(0)
    assert stream.read() == "gr\\xf6\\xdfe.pt \\u2026\n"


def test_quiet_keeps_results_and_warnings_and_drops_notes() -> None:
    out, err = io.StringIO(), io.StringIO()
    said = Output(quiet=True, out=out, err=err)
    said.result("result"), said.note("note"), said.warn("warning"), said.detail("detail")
    assert (out.getvalue(), err.getvalue()) == ("result\n", "warning\n")


def test_json_is_the_only_thing_on_stdout() -> None:
    out, err = io.StringIO(), io.StringIO()
    said = Output(json=True, out=out, err=err)
    said.result("result"), said.warn("warning"), said.document({"models": ["größe.pt"]})
    assert json.loads(out.getvalue()) == {"models": ["größe.pt"]}
    assert out.getvalue().isascii()
    assert err.getvalue() == "warning\n"


@pytest.fixture
def recorded(repo: Sandbox, place: Path) -> Sandbox:
    repo.models("setup", "--remote", place.as_uri())
    repo.weight("weights/best.pt", 3_000_000)
    return repo


def test_a_pipe_gets_no_bar_and_no_colour(recorded: Sandbox) -> None:
    said = recorded.models("add", "weights/best.pt", env={"TERM": "xterm-256color"})
    assert "\x1b" not in said.out + said.err


def terminal(work: Sandbox, *command: str, **env: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    master, slave = pty.openpty()
    given = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"} | env
    with subprocess.Popen(command, cwd=work.root, env=given, stdin=slave, stdout=slave, stderr=slave) as running:
        os.close(slave)
        shown = b""
        while True:
            try:
                block = os.read(master, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not block:
                break
            shown += block
        os.close(master)
    assert running.returncode == 0, shown
    return shown.decode()


def test_a_terminal_gets_a_bar_with_what_was_hashed(recorded: Sandbox) -> None:
    shown = terminal(recorded, "git", "models", "add", "weights/best.pt")
    assert "Recording" in shown
    assert "3.0/3.0 MB" in shown


def test_a_terminal_gets_bars_for_upload_and_download(recorded: Sandbox, place: Path) -> None:
    recorded.commit("Weights")
    assert "Uploading" in terminal(recorded, "git", "models", "push")
    recorded.git("push")
    (recorded / "weights/best.pt").unlink()
    for left in (recorded / ".git/models/objects").rglob("*"):
        if left.is_file():
            left.unlink()
    assert "Downloading" in terminal(recorded, "git", "models", "pull")


def test_no_color_and_dumb_terminals_are_respected(recorded: Sandbox) -> None:
    assert "\x1b[3" not in terminal(recorded, "git", "models", "status", NO_COLOR="1")
    assert "\x1b" not in terminal(recorded, "git", "models", "add", "weights/best.pt", TERM="dumb")


def test_every_command_fits_its_help_into_80_columns() -> None:
    from git_models.commands import usage

    assert max(map(len, usage().splitlines())) <= 80
