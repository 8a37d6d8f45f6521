"""Whatever is pushed, and however: the objects that it names are at the place before the ref moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.sandbox import Sandbox, weights
from tests.helpers.team import MODEL, retrain


def held(place: Path) -> set[bytes]:
    return {file.read_bytes() for file in place.iterdir() if file.is_file()}


@pytest.fixture
def ahead(ready: Sandbox) -> Sandbox:
    """Version 2 on `main`, and version 3 on the branch `side`, which no remote has."""
    retrain(ready, 2)
    ready.git("switch", "-c", "side")
    retrain(ready, 3)
    return ready


@pytest.mark.parametrize(
    ("words", "brought"),
    [
        (("origin", "main"), {2}),
        (("-u", "origin", "side"), {2, 3}),
        (("origin", "HEAD:refs/heads/other"), {2, 3}),
        (("--all",), {2, 3}),
        (("--mirror", "origin"), {2, 3}),
        (("origin", "HEAD^:refs/heads/main", "side"), {2, 3}),
    ],
    ids=lambda x: "".join(x) if isinstance(x, tuple) else "",
)
def test_all_objects_of_all_refs_go_up(ahead: Sandbox, place: Path, words: tuple[str, ...], brought: set[int]) -> None:
    ahead.git("push", *words)
    assert held(place) == {weights(4096, seed) for seed in (1, *brought)}


@pytest.mark.parametrize("words", [("v1",), ("-a", "v1", "-m", "Annotated")])
def test_a_tag_brings_its_objects(ahead: Sandbox, place: Path, words: tuple[str, ...]) -> None:
    ahead.git("tag", *words)
    ahead.git("push", "--tags")
    assert held(place) == {weights(4096, seed) for seed in (1, 2, 3)}


def test_a_forced_push_brings_what_takes_the_place_of_the_old(ahead: Sandbox, place: Path) -> None:
    ahead.git("push", "-u", "origin", "side")
    ahead.weight(MODEL, seed=4)
    ahead.models("add", MODEL)
    ahead.git("commit", "--amend", "--no-edit")
    ahead.git("push", code=1)
    ahead.git("push", "--force")
    assert held(place) == {weights(4096, seed) for seed in (1, 2, 3, 4)}


def test_deleting_a_branch_moves_no_object(ahead: Sandbox, origin: Sandbox, place: Path) -> None:
    ahead.git("push", "origin", "side")
    before = held(place)
    ahead.git("push", "origin", ":side")
    assert origin.git("branch", "--list", "side").out == ""
    assert held(place) == before


def test_a_shallow_clone_brings_its_own_commits(ready: Sandbox, clone: Callable[..., Sandbox], place: Path) -> None:
    shallow = clone("shallow", "--depth", "1")
    shallow.models("setup")
    shallow.models("pull")
    retrain(shallow, 5)
    shallow.git("push")
    assert held(place) == {weights(4096, seed) for seed in (1, 5)}


@pytest.mark.parametrize("words", [("origin", "side"), ("--all",), ("--mirror", "origin")])
def test_no_ref_moves_where_one_object_cannot_go_up(
    ahead: Sandbox, origin: Sandbox, place: Path, words: tuple[str, ...]
) -> None:
    before = origin.git("for-each-ref").out
    (ahead / MODEL).unlink()
    for file in (ahead / ".git/models/objects").glob("*/*"):
        file.unlink()
    assert MODEL in ahead.git("push", *words, code=1).err
    assert origin.git("for-each-ref").out == before
