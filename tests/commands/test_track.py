from __future__ import annotations

import pytest
import yaml

from tests.commands.conftest import answer, snapshot
from tests.helpers.sandbox import Sandbox


def tracked(work: Sandbox) -> list[str]:
    return (yaml.safe_load(work.git("show", ":models.yaml").out) or {}).get("track", [])


def test_a_new_pattern_is_staged_and_the_next_commit_goes_by_it(repo: Sandbox) -> None:
    repo.models("setup")
    repo.models("track", "*.bin")
    assert tracked(repo) == ["*.bin"]
    repo.weight("w.bin")
    repo.commit("With a weight")
    assert repo.files_at() == ["README.md", "models.yaml"]
    assert list(repo.entries()) == ["w.bin"]


def test_untrack_takes_back_what_track_added(repo: Sandbox) -> None:
    repo.models("track", "*.bin", "*.dat")
    repo.models("untrack", "*.bin")
    assert tracked(repo) == ["*.dat"]
    repo.models("untrack", "*.dat")
    assert tracked(repo) == []


def test_untrack_of_a_default_makes_an_exception_that_commits_honour(recorded: Sandbox) -> None:
    recorded.models("setup")
    recorded.models("untrack", "fixtures/**")
    assert tracked(recorded) == ["!fixtures/**"]
    recorded.weight("fixtures/tiny.pt", 2_000_000, seed=3)
    recorded.commit("A fixture")
    assert "fixtures/tiny.pt" in recorded.files_at()


def test_track_takes_an_exception_back(repo: Sandbox) -> None:
    repo.models("untrack", "*.pt")
    assert tracked(repo) == ["!*.pt"]
    repo.models("track", "*.pt")
    assert tracked(repo) == []


def test_a_default_that_a_wider_exception_hides_can_be_tracked_again(repo: Sandbox) -> None:
    repo.models("untrack", "*.p?")
    repo.models("track", "*.pt")
    assert tracked(repo) == ["!*.p?", "*.pt"]


@pytest.mark.parametrize("name", ["track", "untrack"])
def test_without_a_pattern_it_lists_them_with_their_source(repo: Sandbox, name: str) -> None:
    repo.models("track", "*.bin")
    repo.git("config", "models.track", "*.mine")
    shown = answer(repo, name)["patterns"]
    assert {"glob": "*.pt", "source": "default"} in shown
    assert shown[-2:] == [{"glob": "*.bin", "source": "models.yaml"}, {"glob": "*.mine", "source": "models.track"}]


@pytest.mark.parametrize("name", ["track", "untrack"])
@pytest.mark.parametrize("glob", ["", "!*.pt", "/", "a\nb", "*a*a*a*a*a*b"])
def test_what_is_no_pattern_is_refused(repo: Sandbox, name: str, glob: str) -> None:
    before = snapshot(repo)
    repo.models(name, glob, code=2)
    assert snapshot(repo) == before


def test_the_same_again_changes_nothing(repo: Sandbox) -> None:
    repo.models("track", "*.bin")
    assert answer(repo, "track", "*.bin") == {"track": ["*.bin"], "changed": False}
