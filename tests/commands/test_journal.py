from __future__ import annotations

from pathlib import Path

from git_models import journal
from tests.commands.conftest import MODEL
from tests.helpers import inside
from tests.helpers.sandbox import Sandbox


def test_push_and_pull_are_noted_with_their_place(stored: Sandbox, place: Path) -> None:
    (stored / MODEL).unlink()
    next((stored / ".git/models/objects").glob("*/*")).unlink()
    stored.models("pull")
    first, second = journal.read(str(stored / ".git/models"))
    size, oid = 4096, stored.sha256(MODEL)
    assert first[:5] == ("upload", MODEL, oid, size, place.as_uri())
    assert second[:5] == ("download", MODEL, oid, size, place.as_uri())


def test_log_local_tells_it_the_newest_first(lone: Sandbox, place: Path) -> None:
    inside.models(lone, "backup", MODEL)
    lone.git("config", "models.remote", place.as_uri())
    inside.models(lone, "push")
    lines = inside.models(lone, "log", "--local", MODEL).lines
    assert [line.split()[2:4] for line in lines] == [["upload", MODEL], ["backup", MODEL]]
    assert place.as_uri() in lines[0]
    assert [e["event"] for e in inside.answer(lone, "log", "--local", "-n", "1", "best.pt")["events"]] == ["upload"]
    assert "nothing has happened" in inside.models(lone, "log", "--local", "other.pt").err
    assert inside.models(lone, "log", "--local", "--all", code=2)
