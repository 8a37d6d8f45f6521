from __future__ import annotations

import hashlib
import json

import pytest

from git_models import lineage, manifest, manifests, repo
from git_models.errors import ModelsError
from git_models.manifest import Entry, Version
from tests.helpers.sandbox import Sandbox

MODEL = "weights/best.pt"


def bytes_of(seed: int) -> dict[str, object]:
    digest = hashlib.sha256(str(seed).encode()).hexdigest()
    return {"md5": digest[:32], "sha256": digest, "size": 100 + seed, "asset": f"a-{seed}.pt"}


def record(work: Sandbox, seed: int, path: str = MODEL, date: str = "2026-11-01T12:00:00", **fields: object) -> None:
    """A commit whose manifest says that the model has these bytes."""
    before = manifest.parse(text(work)).models.get(path, Entry(path))
    entry = before._replace(**{**bytes_of(seed), **fields})  # type: ignore[arg-type]
    commit(work, f"Version {seed}", date, manifest.update(text(work), {path: entry}))


def commit(work: Sandbox, subject: str, date: str, content: bytes) -> None:
    work.write("models.yaml", content)
    work.git("add", "models.yaml")
    work.git("commit", "-m", subject, env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})


def text(work: Sandbox) -> bytes:
    return work.read("models.yaml") if work.exists("models.yaml") else b""


def rows(work: Sandbox, *paths: str, revisions: tuple[str, ...] = ("HEAD",)) -> list[lineage.Row]:
    here = repo.find(str(work.root))
    return list(lineage.log(here, manifests.current(here), list(paths) or None, revisions))


def sizes(found: list[lineage.Row]) -> list[int]:
    return [row.entry.size - 100 for row in found]


@pytest.fixture
def work(repo: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.chdir(repo.root)
    return repo


def named(work: Sandbox, name: str) -> int:
    here = repo.find()
    return lineage.find(here, manifests.current(here), name).size - 100


def test_every_version_is_listed_with_its_author_and_its_tag(work: Sandbox) -> None:
    record(work, 1, metrics={"mAP50": 0.8})
    tag = Version("1.0.0", "2026-11-02", **bytes_of(1), note="the first")  # type: ignore[arg-type]
    record(work, 2, date="2026-11-03T08:00:00", versions=(tag,), metrics={"mAP50": 0.9})
    new, old = rows(work, MODEL)
    assert sizes([new, old]) == [2, 1]
    assert (old.version, old.note, old.metrics) == ("1.0.0", "the first", {"mAP50": 0.8})
    assert (new.commit.author, new.commit.subject, new.commit.date[:10]) == ("Ada Tester", "Version 2", "2026-11-03")
    assert work.head(new.commit.short) == work.head()


def test_a_renamed_model_keeps_its_past_and_another_one_at_its_old_path_has_its_own(work: Sandbox) -> None:
    record(work, 1)
    record(work, 2)
    commit(work, "Move", "2026-11-02T12:00:00", manifest.move(text(work), MODEL, "final.pt"))
    record(work, 3, "final.pt")
    record(work, 7)
    assert sizes(rows(work, "final.pt")) == [3, 2, 1]
    assert sizes(rows(work, MODEL))[0] == 7
    assert named(work, "final.pt@HEAD~4") == 1
    assert named(work, "final.pt@previous") == 2


@pytest.mark.parametrize(
    ("before", "after", "path", "joined"),
    [
        ({}, {}, "final.pt", True),  # nearly as large, and the only one that went
        ({}, {"size": 900}, "final.pt", False),
        ({}, {}, "final.onnx", False),
        ({}, {"size": 900}, "other/best.pt", True),  # of the same name
        ({"name": "cats"}, {"name": "cats", "size": 900}, "final.pt", True),
        ({"description": "Finds cats"}, {"description": "Finds cats", "size": 900}, "final.pt", True),
        ({}, {"versions": (Version("1.0.0", "2026-11-02", **bytes_of(1)),), "size": 900}, "final.pt", True),  # type: ignore[arg-type]
    ],
)
def test_a_model_that_is_renamed_and_trained_again_in_one_commit_keeps_its_past(
    work: Sandbox, before: dict[str, object], after: dict[str, object], path: str, joined: bool
) -> None:
    record(work, 1, **before)
    entry = Entry(path, **{**bytes_of(2), **after})  # type: ignore[arg-type]
    commit(work, "Both", "2026-11-02T12:00:00", manifest.update(text(work), {MODEL: None, path: entry}))
    assert sizes(rows(work, path)) == [entry.size - 100, *([1] if joined else [])]
    if joined:
        assert named(work, f"{path}@previous") == 1 and named(work, f"{path}@HEAD~1") == 1


def test_where_several_models_could_be_the_renamed_one_none_is(work: Sandbox) -> None:
    record(work, 1, "a/best.pt")
    record(work, 2, "b/best.pt")
    new = {path: Entry(path, **bytes_of(seed)) for path, seed in (("c/best.pt", 3), ("d/best.pt", 4))}  # type: ignore[arg-type]
    gone = {"a/best.pt": None, "b/best.pt": None}
    commit(work, "All", "2026-11-02T12:00:00", manifest.update(text(work), gone | new))
    assert sizes(rows(work, "c/best.pt")) == [3]


TAGGED = {"versions": (Version("1.0.0", "2026-11-01", **bytes_of(9)),)}  # type: ignore[arg-type]
ITS_BYTES = {"versions": (Version("1.0.0", "2026-11-01", **bytes_of(1)),)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ({}, {}, False),
        ({"name": "Cats"}, {"name": "Cats"}, True),
        ({"description": "Finds cats"}, {"description": "Finds cats"}, True),
        ({"notes": "Third try"}, {"notes": "Third try"}, True),
        (TAGGED, TAGGED, True),
        ({}, ITS_BYTES, True),
        ({"sha256": ""}, {**bytes_of(1), "sha256": ""}, True),
    ],
    ids=["nothing", "name", "description", "notes", "a version", "its bytes as a version", "md5"],
)
def test_of_two_that_went_and_two_that_came_what_both_have_tells_which(
    work: Sandbox, before: dict[str, object], after: dict[str, object], joined: bool
) -> None:
    record(work, 1, "old/a.pt", **before)
    record(work, 2, "old/b.pt")
    new = {"new/c.pt": Entry("new/c.pt", **{**bytes_of(3), **after}), "new/d.pt": Entry("new/d.pt", **bytes_of(4))}  # type: ignore[arg-type]
    gone = {"old/a.pt": None, "old/b.pt": None}
    commit(work, "All", "2026-11-02T12:00:00", manifest.update(text(work), gone | new))
    own = [] if "md5" in after else [3]  # the same bytes under another path are no new version
    found = [seed for seed in sizes(rows(work, "new/c.pt")) if seed != 9]
    assert found == [*own, *([1] if joined else [])]
    assert sizes(rows(work, "new/d.pt")) == [4]


@pytest.mark.parametrize("twice", ["old", "new"])
def test_what_two_of_one_side_have_tells_nothing(work: Sandbox, twice: str) -> None:
    notes = {"old/a.pt": "same", "old/b.pt": "same" if twice == "old" else "other"}
    for seed, (path, note) in enumerate(notes.items(), 1):
        record(work, seed, path, notes=note)
    new = {
        path: Entry(path, **bytes_of(seed), notes="same" if path == "new/c.pt" or twice == "new" else "")  # type: ignore[arg-type]
        for seed, path in ((3, "new/c.pt"), (4, "new/d.pt"))
    }
    commit(work, "All", "2026-11-02T12:00:00", manifest.update(text(work), dict.fromkeys(notes) | new))
    assert sizes(rows(work, "new/c.pt")) == [3]


def test_several_traits_of_one_model_tell_of_one(work: Sandbox) -> None:
    traits = {"name": "Cats", "description": "Finds cats", "notes": "Third try"}
    record(work, 1, "old/a.pt", **traits)
    record(work, 2, "old/b.pt")
    new = {"new/c.pt": Entry("new/c.pt", **bytes_of(3), **traits), "new/d.pt": Entry("new/d.pt", **bytes_of(4))}  # type: ignore[arg-type]
    gone = {"old/a.pt": None, "old/b.pt": None}
    commit(work, "All", "2026-11-02T12:00:00", manifest.update(text(work), gone | new))
    assert sizes(rows(work, "new/c.pt")) == [3, 1]


def test_bytes_with_two_tags_are_told_under_both(work: Sandbox) -> None:
    tags = [Version(v, "2026-11-02", **bytes_of(1), note=f"note of {v}") for v in ("1.0.0-rc.1", "1.0.0")]  # type: ignore[arg-type]
    record(work, 1, versions=tuple(tags))
    record(work, 2)
    assert [(r.version, r.note) for r in rows(work, MODEL)] == [
        ("", ""),
        ("1.0.0", "note of 1.0.0"),
        ("1.0.0-rc.1", "note of 1.0.0-rc.1"),
    ]
    assert named(work, "best.pt@previous") == 1


def test_versions_of_a_merged_branch_are_listed_and_the_merge_is_none_of_them(work: Sandbox) -> None:
    record(work, 1)
    work.git("switch", "-c", "longer")
    record(work, 2)
    record(work, 3)
    work.git("switch", "main")
    record(work, 9, "other.pt")
    work.git("merge", "--no-edit", "longer")
    assert sizes(rows(work, MODEL)) == [3, 2, 1]


def test_another_branch_is_listed_when_it_is_asked_for(work: Sandbox) -> None:
    record(work, 1)
    work.git("switch", "-c", "longer")
    record(work, 2)
    work.git("switch", "main")
    assert sizes(rows(work, MODEL)) == [1]
    assert sizes(rows(work, MODEL, revisions=("--branches",))) == [2, 1]


def test_what_is_not_committed_comes_first(work: Sandbox) -> None:
    record(work, 1)
    work.write("models.yaml", manifest.update(text(work), {MODEL: Entry(MODEL, **bytes_of(2))}))  # type: ignore[arg-type]
    found = rows(work, MODEL)
    assert sizes(found) == [2, 1]
    assert found[0].commit == lineage.Commit()
    assert named(work, "best.pt@previous") == 1


def test_a_tag_that_no_commit_here_shows_comes_last(work: Sandbox) -> None:
    record(work, 2, versions=(Version("1.0.0", "2026-10-01", **bytes_of(1)),))  # type: ignore[arg-type]
    assert [(row.version, row.commit.date) for row in rows(work, MODEL)][-1] == ("1.0.0", "2026-10-01")


def test_versions_are_named_by_commit_by_date_and_by_number(work: Sandbox) -> None:
    for seed in (1, 2, 3):
        record(work, seed, date=f"2026-11-0{seed}T12:00:00")
    work.git("tag", "paper", "HEAD~2")
    for name, expected in {
        "best.pt": 3,
        f"{MODEL}@previous": 2,
        "best.pt@{2}": 1,
        "best.pt@{0}": 3,
        "best.pt@HEAD~1": 2,
        "best.pt@paper": 1,
        "best.pt@{2026-11-02 18:00}": 2,
        "best.pt@{0.5 days ago}": 3,
    }.items():
        assert named(work, name) == expected, name


def test_after_going_back_previous_is_what_one_came_from(work: Sandbox) -> None:
    for seed in (1, 2, 1):
        record(work, seed)
    assert named(work, "best.pt@previous") == 2


@pytest.mark.parametrize("name", ["{nonsense}", "{}", "no-such-commit", "{99}", "{2001-01-01}", "--all", "{--all}"])
def test_what_names_no_version_is_refused(work: Sandbox, name: str) -> None:
    record(work, 1)
    with pytest.raises(ModelsError):
        named(work, f"best.pt@{name}")


def test_a_removed_model_is_found_where_it_still_was(work: Sandbox) -> None:
    record(work, 1)
    record(work, 2, "other.pt")
    commit(work, "Remove", "2026-11-02T12:00:00", manifest.update(text(work), {MODEL: None}))
    assert named(work, f"{MODEL}@HEAD~1") == 1
    with pytest.raises(ModelsError, match="no model is called"):
        named(work, MODEL)


def test_a_name_works_from_a_folder_below(work: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    record(work, 1)
    record(work, 2)
    (work / "weights").mkdir()
    monkeypatch.chdir(work / "weights")
    assert named(work, "best.pt@previous") == 1


def test_an_activation_is_part_of_the_story(work: Sandbox) -> None:
    record(work, 1)
    commit(work, "Use it", "2026-11-02T12:00:00", manifest.update(text(work), active={"detector": MODEL}))
    first = rows(work, MODEL)[0]
    assert (first.active, first.commit.subject) == ("detector", "Use it")


def test_a_broken_manifest_in_the_past_stops_nothing(work: Sandbox) -> None:
    record(work, 1)
    good = text(work)
    commit(work, "Break", "2026-11-02T12:00:00", b"<<<<<<< ours\n")
    commit(work, "Mend", "2026-11-03T12:00:00", good)
    assert sizes(rows(work, MODEL)) == [1, 1]


@pytest.mark.parametrize("shape", ["block", "quoted", "flow", "last", "commented"])
def test_an_entry_is_followed_however_it_is_written(work: Sandbox, shape: str) -> None:
    for seed in (1, 2, 2, 3):
        one = ", ".join(f"{key}: {json.dumps(value)}" for key, value in bytes_of(seed).items())
        block = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in bytes_of(seed).items())
        entry = {
            "block": f"  {MODEL}:\n{block}",
            "quoted": f'  "{MODEL}":\n{block}',
            "flow": f"  {MODEL}: {{{one}}}\n",
            "last": f"  {MODEL}:\n{block}".removesuffix("\n"),
            "commented": f"  {MODEL}:  # ours\n{block}",
        }[shape]
        other = f'  other.pt:\n    md5: "{seed:032x}"\n' if shape != "last" else ""
        commit(work, f"Version {seed}", "2026-11-01T12:00:00", f"version: 1\nmodels:\n{other}{entry}".encode())
        (work / "models.yaml").write_text((work / "models.yaml").read_text() + "\n")
        work.git("commit", "-am", "A line more")
    assert sizes(rows(work, MODEL)) == [3, 2, 1]


def test_a_crowd_that_is_renamed_in_one_commit_is_compared_once_each(
    work: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = 300
    entries = {f"old/m{n}.pt": Entry(f"old/m{n}.pt")._replace(**bytes_of(n)) for n in range(crowd)}  # type: ignore[arg-type]
    commit(work, "Crowd", "2026-11-01T12:00:00", manifest.update(b"", entries))
    moved = {
        f"new/m{n}.pt": Entry(f"new/m{n}.pt", description="one text for all")._replace(
            **bytes_of(n if n % 2 else n + 1000)  # type: ignore[arg-type]
        )
        for n in range(crowd)
    }
    commit(work, "Move", "2026-11-02T12:00:00", manifest.update(b"", moved))
    compared = 0

    def same_bytes(one: Entry, other: Entry) -> bool:
        nonlocal compared
        compared += 1
        return one.sha256 == other.sha256

    with monkeypatch.context() as counting:
        counting.setattr(lineage.versions, "same_bytes", same_bytes)
        found = rows(work)
    # The odd ones were renamed; the even ones were trained again as well, and their names tell them.
    assert len(found) == crowd + crowd // 2
    assert compared < 20 * crowd
    assert sizes(rows(work, "new/m7.pt")) == [7]
    assert sizes(rows(work, "new/m8.pt")) == [1008, 8]
