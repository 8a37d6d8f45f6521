from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from git_models import journal
from git_models.journal import Event
from tests.helpers import ROOT


def test_events_come_back_as_they_were_noted_with_their_date(tmp_path: Path) -> None:
    event = Event("upload", "weights/böse \n.pt", "a" * 64, 17, "file:///srv/models")
    journal.note(str(tmp_path), [event])
    journal.note(str(tmp_path), [Event("backup", "b.pt", at="2026-01-02T03:04:05+01:00")])
    first, second = journal.read(str(tmp_path))
    assert first._replace(at="") == event
    assert first.at.startswith("20")
    assert second.at == "2026-01-02T03:04:05+01:00"


def test_only_the_models_asked_for_are_told(tmp_path: Path) -> None:
    journal.note(str(tmp_path), [Event("upload", "a.pt"), Event("upload", "b.pt")])
    assert [e.path for e in journal.read(str(tmp_path), ["b.pt"])] == ["b.pt"]


def test_a_line_that_a_killed_writer_left_costs_only_itself(tmp_path: Path) -> None:
    journal.note(str(tmp_path), [Event("upload", "a.pt")])
    with (tmp_path / "journal").open("a") as file:
        file.write('{"event": "upload", "pa')
    journal.note(str(tmp_path), [Event("upload", "b.pt")])
    with (tmp_path / "journal").open("a") as file:
        file.write('[1]\n{"event": "upload", "path": "c.pt", "size": "large"}\n{"event": "other", "path": "d.pt"}\n')
    assert [e.path for e in journal.read(str(tmp_path))] == ["a.pt", "b.pt"]


def test_it_keeps_no_secret(tmp_path: Path) -> None:
    journal.note(str(tmp_path), [Event("download", "a.pt", place="https://ada:hunter2@example.org/x?sig=hunter3")])
    assert b"hunter" not in (tmp_path / "journal").read_bytes()


def test_a_journal_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    journal.note(str(tmp_path), [Event("upload", "a.pt")])


def test_several_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    script = (
        "import sys; from git_models import journal\n"
        "for n in range(200):\n"
        "    journal.note(sys.argv[1], [journal.Event('upload', f'{sys.argv[2]}-{n}' + 'x' * 500)] * 3)"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        for n in range(4)
    ]
    assert [w.wait() for w in writers] == [0] * 4
    assert len(journal.read(str(tmp_path))) == 4 * 200 * 3
