from __future__ import annotations

from pathlib import Path

from git_models import journal
from tests.commands.conftest import MODEL
from tests.helpers.sandbox import Sandbox


def test_push_and_pull_are_noted_with_their_place(stored: Sandbox, place: Path) -> None:
    (stored / MODEL).unlink()
    next((stored / ".git/models/objects").glob("*/*")).unlink()
    stored.models("pull")
    first, second = journal.read(str(stored / ".git/models"))
    size, oid = 4096, stored.sha256(MODEL)
    assert first[:5] == ("upload", MODEL, oid, size, place.as_uri())
    assert second[:5] == ("download", MODEL, oid, size, place.as_uri())
