"""`git diff` and `git log -p` of models.yaml say what happened, without a filter in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox

MODEL = "weights/m2.pt"


@pytest.fixture
def four(ready: Sandbox) -> Sandbox:
    """Four models in one commit."""
    for number in range(1, 5):
        ready.weight(f"weights/m{number}.pt", seed=number)
    ready.commit("Four models")
    return ready


def told(repo: Sandbox, *options: str) -> tuple[list[str], list[str], list[str]]:
    """Headings of the hunks, lines that went, lines that came."""
    lines = repo.git("diff", *(options or ("HEAD^", "HEAD")), "--", "models.yaml").lines
    body = lines[4:]
    return (
        [line.split("@@")[2].strip() for line in body if line.startswith("@@")],
        [line[1:].strip() for line in body if line.startswith("-")],
        [line[1:].strip() for line in body if line.startswith("+")],
    )


def test_training_again_changes_the_lines_of_that_model_alone(four: Sandbox) -> None:
    four.weight(MODEL, seed=20)
    four.models("add", "-u")
    four.commit("Trained again")
    _, went, came = told(four)
    assert [line.partition(":")[0] for line in went] == ["md5", "sha256", "asset"]
    assert [line.partition(":")[0] for line in came] == ["md5", "sha256", "asset"]
    shown = four.git("log", "-p", "-1", "--", "models.yaml").lines
    assert shown[next(at for at, line in enumerate(shown) if line.startswith("-  ")) - 1] == f"   {MODEL}:"


def test_a_model_that_comes_or_goes_is_one_block(four: Sandbox) -> None:
    four.weight("weights/m25.pt", seed=25)
    four.commit("One more")
    _, went, came = told(four)
    assert went == []
    assert [line.partition(": ")[0] for line in came] == ["weights/m25.pt:", "md5", "sha256", "size", "asset"]
    four.models("rm", "weights/m25.pt")
    four.commit("One less")
    assert told(four)[1:] == (came, [])


def test_a_rename_is_a_block_that_moves(four: Sandbox) -> None:
    four.models("mv", MODEL, "weights/z.pt")
    four.commit("Renamed")
    _, went, came = told(four)
    assert (went[0], came[0]) == (f"{MODEL}:", "weights/z.pt:")
    assert went[1:] == came[1:]


@pytest.mark.slow
def test_a_change_far_down_in_an_entry_is_headed_by_its_model(four: Sandbox) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        four.models("tag", MODEL, version, "-m", "Better")
        four.commit(version)
    headings, went, came = told(four)
    assert headings == [MODEL]
    assert went == []
    assert len(came) == 1 and '"1.3.0"' in came[0]


def test_git_tells_the_history_of_one_model(four: Sandbox) -> None:
    four.weight("weights/m3.pt", seed=30)
    four.models("add", "-u")
    four.commit("Another one")
    four.weight(MODEL, seed=20)
    four.models("add", "-u")
    four.commit("Trained again")
    subjects = four.git("log", "-s", "--format=%s", f"-L:{MODEL}:models.yaml").lines
    assert subjects == ["Trained again", "Four models"]


def test_how_somebody_else_compares_yaml_is_left_alone(repo: Sandbox, place: Path) -> None:
    repo.write(".gitattributes", "*.yaml diff=mine\n")
    repo.models("setup", "--remote", place.as_uri())
    assert repo.git("check-attr", "diff", "models.yaml").out.endswith(": mine\n")
    assert "diff.git-models" not in repo.git("config", "--local", "--list").out
