from __future__ import annotations

from tests.helpers.inside import answer, models
from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL


def test_each_model_that_is_not_as_it_should_be_is_named_with_its_state(recorded: Sandbox) -> None:
    recorded.weight("other.pt", seed=2)
    models(recorded, "add", "other.pt")
    recorded.weight(MODEL, seed=3)
    (recorded / "other.pt").unlink()
    recorded.weight("new.pt", seed=4)
    assert models(recorded, "status").lines[:3] == [
        "  missing, not pushed, in the store other.pt (4.1 KB)",
        f"  modified, not pushed   {MODEL} (4.1 KB)",
        "  not recorded           new.pt",
    ]


def test_a_path_or_a_name_limits_it_and_one_that_no_model_has_is_refused(recorded: Sandbox) -> None:
    recorded.weight("other.pt", seed=2)
    models(recorded, "add", "other.pt")
    for given in (MODEL, "weights", "weights/", "best.pt"):
        assert [m["path"] for m in answer(recorded, "status", given)["models"]] == [MODEL]
    assert len(answer(recorded, "status", ".")["models"]) == 2
    assert "no-such.pt" in models(recorded, "status", "no-such.pt", code=1).err
    recorded.weight("new.pt", seed=3)
    assert "git models add new.pt" in models(recorded, "status", "new.pt", code=1).err


def test_a_link_to_a_weight_is_not_named_as_one(recorded: Sandbox) -> None:
    (recorded / "link.pt").symlink_to(recorded / MODEL)
    assert answer(recorded, "status")["unrecorded"] == []


def test_the_keys_of_its_json_are_these(stored: Sandbox) -> None:
    said = answer(stored, "status")
    assert list(said) == ["models", "unrecorded", "ignored", "past_hooks", "hooks"]
    assert list(said["models"][0]) == ["path", "state", "size", "sha256", "pushed", "on"]
    assert said["models"][0]["pushed"] and len(said["models"][0]["on"]) == 1


def test_of_a_crowd_in_one_state_twenty_are_named(repo: Sandbox) -> None:
    for number in range(25):
        repo.weight(f"w/m{number:02d}.pt", seed=number)
    models(repo, "add", "w")
    (repo / "w/m24.pt").unlink()
    said = models(repo, "status").lines
    assert sum("ok, not pushed" in line for line in said) == 21
    assert "  ok, not pushed         … and 4 more (-v names them)" in said
    assert any("missing" in line and "w/m24.pt" in line for line in said), "another state has its own twenty"
    every = models(repo, "status", "-v").lines
    assert sum("ok, not pushed" in line for line in every) == 24
    assert not any("more (-v" in line for line in every)
    assert len(answer(repo, "status")["models"]) == 25


def test_weights_are_seen_before_the_first_commit_and_on_no_branch(repo: Sandbox) -> None:
    repo.write(".gitignore", "hidden/\n")
    repo.weight("a b\n.pt", seed=1)
    repo.weight("hidden/h.pt", seed=2)
    repo.write("empty.pt")
    for prepare in ("true", "git add .gitignore && git commit -qm One && git checkout -q --detach"):
        repo.run(prepare)
        said = answer(repo, "status")
        assert (said["unrecorded"], said["ignored"]) == (["a b\n.pt"], ["hidden/h.pt"])
