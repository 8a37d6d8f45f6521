"""Every remote keeps to one contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_models.remotes import contract
from git_models.remotes.base import Remote


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_every_remote_keeps_the_contract(check: contract.Check, remote: Remote, tmp_path: Path) -> None:
    check(contract.Scratch(remote, str(tmp_path)))


def test_the_contract_cleans_up_behind_itself(remote: Remote, tmp_path: Path) -> None:
    results = list(contract.run(remote, str(tmp_path)))
    assert [r for r in results if r.fault] == []
    assert list(remote.list()) == []


def test_a_remote_that_loses_bytes_is_found_out(tmp_path: Path) -> None:
    from git_models.remotes.file import Folder

    class Lossy(Folder):
        def put(self, upload, advance):  # type: ignore[no-untyped-def]
            super().put(upload._replace(size=upload.size - 1), advance)

    results = list(contract.run(Lossy(str(tmp_path / "store"), "lossy"), str(tmp_path)))
    assert any(r.fault for r in results)
