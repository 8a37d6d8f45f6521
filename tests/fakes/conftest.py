from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.github import GitHub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """A stand-in with the public repository owner/repo, a token that may write to it and one that may not."""
    with GitHub(tmp_path) as server:
        server.repository("owner/repo")
        server.token("rw", can={"owner/repo": "write"})
        server.token("ro", can={"owner/repo": "read"}, kind="integration")
        yield server
