"""Tests against what GitHub recorded, described and ships. They run only when this folder is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.github import GitHub
from tests.fakes.github_hosts import place
from tests.fakes.web import Reply, Request
from tests.ground_truth.openapi import Description


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The tools that these tests need come from `scripts/ground-truth`, so `pytest tests` leaves them out."""
    return None if any("ground_truth" in argument for argument in config.args) else True


class Checked(GitHub):
    """The stand-in, each of whose answers is held against GitHub's description."""

    def __init__(self, folder: Path, description: Description) -> None:
        super().__init__(folder)
        self.description = description
        self.checked: list[str] = []

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        role, path, _ = place(self, request)
        if role in ("api", "uploads") and path != "/graphql" and not path.startswith("/repositories/"):
            assert isinstance(reply.body, bytes) or self.streams_assets
            if isinstance(reply.body, bytes):
                method = "GET" if request.method == "HEAD" else request.method
                self.checked.append(self.description.check(method, path, reply.status, reply.body))
        return reply


@pytest.fixture(scope="session")
def description() -> Description:
    return Description()


@pytest.fixture
def hub(tmp_path: Path, description: Description) -> Iterator[Checked]:
    """The stand-in; an answer that GitHub would not give fails the test."""
    server = Checked(tmp_path, description)
    with server:
        yield server
