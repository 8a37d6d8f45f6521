from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from git_models import history, repo
from git_models.manifest import HEADER
from tests.helpers.sandbox import Sandbox


def oid(seed: int) -> str:
    return f"{seed:064x}"


def commit(work: Sandbox, seed: int) -> None:
    """A commit whose manifest names this one object."""
    work.write("models.yaml", f'{HEADER}version: 1\nmodels:\n  a.pt:\n    sha256: "{oid(seed)}"\n    size: 1\n')
    work.commit(f"Version {seed}", "models.yaml")


@pytest.fixture
def cloned(repo: Sandbox) -> Sandbox:
    """A clone of a repository whose three commits name the objects 1, 2 and 3."""
    for seed in (1, 2, 3):
        commit(repo, seed)
    return repo.clone("clone")


def pushed(work: Sandbox, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    monkeypatch.chdir(work.root)
    return {int(o, 16) for o in history.names_pushed(repo.find(), {oid(n) for n in range(1, 9)})}


def test_what_any_commit_of_a_remote_names_is_pushed(
    repo: Sandbox, cloned: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(cloned, 4)
    assert pushed(cloned, monkeypatch) == {1, 2, 3}
    commit(repo, 5)
    cloned.git("fetch")
    assert pushed(cloned, monkeypatch) == {1, 2, 3, 5}, "a ref moved, so what was remembered is out of date"
    cloned.git("update-ref", "-d", "refs/remotes/origin/main")
    cloned.git("remote", "set-head", "origin", "--delete")
    assert pushed(cloned, monkeypatch) == set()


def test_a_history_that_is_fetched_to_its_beginning_is_looked_at_again(
    repo: Sandbox, cloned: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = repo.clone("shallow", "--depth=1")
    assert pushed(shallow, monkeypatch) == {3}
    shallow.git("fetch", "--unshallow")
    assert pushed(shallow, monkeypatch) == {1, 2, 3}


def test_so_it_is_where_a_branch_stands_on_the_edge_of_what_was_fetched(
    repo: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2, 3):
        commit(repo, seed)
    repo.git("branch", "release", "HEAD~1")
    shallow = repo.clone("shallow", "--depth=2")
    assert pushed(shallow, monkeypatch) == {2, 3}
    shallow.git("remote", "set-branches", "origin", "*")
    shallow.git("fetch", "--unshallow")
    assert pushed(shallow, monkeypatch) == {1, 2, 3}


def test_what_was_walked_while_a_fetch_came_is_not_remembered(
    repo: Sandbox, cloned: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = history.manifest_blobs

    def fetched_before(revs: Sequence[str]) -> list[str]:
        commit(repo, 4)
        cloned.git("fetch")
        return walk(revs)

    with monkeypatch.context() as busy:
        busy.setattr(history, "manifest_blobs", fetched_before)
        pushed(cloned, monkeypatch)
    repo.git("reset", "--hard", "HEAD~1")
    cloned.git("fetch", "--force")
    assert pushed(cloned, monkeypatch) == {1, 2, 3}, "the commit that named 4 is on no remote any more"


def test_the_history_is_walked_once_for_each_state_of_the_refs(
    cloned: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[object] = []
    walk: Callable[..., list[str]] = history.manifest_blobs
    monkeypatch.setattr(history, "manifest_blobs", lambda revs: walks.append(revs) or walk(revs))
    assert pushed(cloned, monkeypatch) == pushed(cloned, monkeypatch) == {1, 2, 3}
    assert len(walks) == 1
    monkeypatch.setattr(history, "__version__", "99.0.0")
    assert pushed(cloned, monkeypatch) == {1, 2, 3}
    assert len(walks) == 2, "another version of this program may read manifests that this one cannot"
    Path(cloned / ".git/models/pushed").write_bytes(b"torn")
    assert pushed(cloned, monkeypatch) == {1, 2, 3}
