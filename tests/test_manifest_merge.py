"""Three-way merges and the choice of a side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_models import manifest
from git_models.errors import ManifestError
from git_models.manifest import Entry, Version
from tests.manifests import ENTRIES, entry

PATHS = ("a.pt", "b/c.pt", "m.pt", "z.pt", "żółw.pt", "-dash.pt")


def made(*paths: str) -> bytes:
    return manifest.update(b"", {path: entry(path) for path in paths})


def test_models_added_on_both_sides_merge_in_either_order() -> None:
    base = made("m.pt")
    ours = manifest.update(base, {"a.pt": entry("a.pt"), "n.pt": entry("n.pt")})
    theirs = manifest.update(base, {"b.pt": entry("b.pt"), "o.pt": entry("o.pt")})
    done, left = manifest.merge(base, ours, theirs)
    assert left == ()
    assert list(manifest.parse(done).models) == ["a.pt", "b.pt", "m.pt", "n.pt", "o.pt"]
    assert manifest.merge(base, theirs, ours) == (done, ())


def test_two_first_manifests_merge() -> None:
    done, left = manifest.merge(b"", made("a.pt"), made("b.pt"))
    assert left == ()
    assert done == made("a.pt", "b.pt")


def test_edits_of_different_fields_of_one_model_merge() -> None:
    base = made("a.pt")
    one = manifest.update(base, {"a.pt": entry("a.pt", 2)})
    other = manifest.update(base, {"a.pt": entry("a.pt")._replace(description="x", metrics={"map": 0.5})})
    done, left = manifest.merge(base, one, other)
    assert left == ()
    assert manifest.parse(done).models["a.pt"] == entry("a.pt", 2)._replace(description="x", metrics={"map": 0.5})
    assert manifest.merge(base, other, one) == (done, ())


def test_versions_tagged_on_both_sides_are_kept_in_order_of_date() -> None:
    first, second, third = (
        Version(name, date, "", sha * 64, 5, "x.pt")
        for name, date, sha in (("1.0", "2026-01-01", "a"), ("1.1", "2026-02-01", "b"), ("1.2", "2026-03-01", "c"))
    )
    base = manifest.update(b"", {"a.pt": entry("a.pt")._replace(versions=(first,))})
    ours = manifest.update(base, {"a.pt": entry("a.pt")._replace(versions=(first, third))})
    theirs = manifest.update(base, {"a.pt": entry("a.pt")._replace(versions=(first, second))})
    done, left = manifest.merge(base, ours, theirs)
    assert left == ()
    assert manifest.parse(done).models["a.pt"].versions == (first, second, third)
    assert manifest.merge(base, theirs, ours) == (done, ())


def test_a_model_removed_on_one_side_is_gone_and_the_other_sides_comments_stay() -> None:
    base = made("a.pt", "m.pt", "z.pt")
    ours = manifest.update(base, {"m.pt": None})
    theirs = base.replace(b"  z.pt:\n", b"  # the good one\n  z.pt:\n")
    for done, left in (manifest.merge(base, ours, theirs), manifest.merge(base, theirs, ours)):
        assert left == ()
        assert done == ours.replace(b"  z.pt:\n", b"  # the good one\n  z.pt:\n")


def test_removing_everything_on_two_sides_leaves_a_valid_manifest() -> None:
    base = made("a.pt", "b.pt")
    ours, theirs = manifest.update(base, {"a.pt": None}), manifest.update(base, {"b.pt": None})
    done, left = manifest.merge(base, ours, theirs)
    assert (left, manifest.parse(done).models) == ((), {})


def test_the_same_models_bytes_changed_on_both_sides_stay_in_markers_around_whole_blocks() -> None:
    base = made("a.pt", "m.pt", "z.pt")
    ours = manifest.update(base, {"m.pt": entry("m.pt", 2), "b.pt": entry("b.pt")})
    theirs = manifest.update(base, {"m.pt": entry("m.pt", 3), "c.pt": entry("c.pt")})
    done, left = manifest.merge(base, ours, theirs)
    assert left == ("m.pt",)
    text = done.decode()
    inside = text[text.index("<<<<<<< ours\n") : text.index(">>>>>>> theirs\n")]
    assert inside.count("  m.pt:\n") == 2
    assert "z.pt" not in inside
    with pytest.raises(ManifestError, match="unresolved conflict"):
        manifest.parse(done)
    for side, seed in (("ours", 2), ("theirs", 3)):
        for path in ("m.pt", None):
            settled = manifest.parse(manifest.resolve(done, side, path))
            assert settled.models["m.pt"] == entry("m.pt", seed)
            assert list(settled.models) == ["a.pt", "b.pt", "c.pt", "m.pt", "z.pt"]


def test_a_model_removed_here_and_changed_there_is_a_conflict() -> None:
    base = made("a.pt", "m.pt")
    done, left = manifest.merge(
        base, manifest.update(base, {"m.pt": None}), manifest.update(base, {"m.pt": entry("m.pt", 2)})
    )
    assert left == ("m.pt",)
    assert list(manifest.parse(manifest.resolve(done, "ours", "m.pt")).models) == ["a.pt"]
    assert manifest.parse(manifest.resolve(done, "theirs", "m.pt")).models["m.pt"] == entry("m.pt", 2)


def test_a_model_where_the_other_side_has_a_folder_is_a_conflict() -> None:
    base = made("m.pt")
    ours = manifest.update(base, {"x": entry("x")})
    theirs = manifest.update(base, {"x/y.pt": entry("x/y.pt")})
    done, left = manifest.merge(base, ours, theirs)
    assert set(left) == {"x", "x/y.pt"}
    assert list(manifest.parse(manifest.resolve(done, "theirs")).models) == ["m.pt", "x/y.pt"]


def test_one_of_two_conflicts_is_resolved_and_the_other_stays() -> None:
    base = made("a.pt", "m.pt")
    ours = manifest.update(base, {"a.pt": entry("a.pt", 2), "m.pt": entry("m.pt", 2)})
    theirs = manifest.update(base, {"a.pt": entry("a.pt", 3), "m.pt": entry("m.pt", 3)})
    done, left = manifest.merge(base, ours, theirs)
    assert left == ("a.pt", "m.pt")
    half = manifest.resolve(done, "theirs", "a.pt")
    assert half.count(b"<<<<<<< ") == 1
    whole = manifest.parse(manifest.resolve(half, "ours", "m.pt"))
    assert (whole.models["a.pt"], whole.models["m.pt"]) == (entry("a.pt", 3), entry("m.pt", 2))


GIT_CONFLICT = """\
version: 1
models:
  a.pt:
    md5: "{a}"
<<<<<<< HEAD
  b.pt:
    md5: "{b}"
||||||| 1234567
=======
  c.pt:
    md5: "{c}"
>>>>>>> side
    size: 5
"""


def test_union_keeps_both_models_of_a_conflict_that_git_made_in_the_middle_of_a_block() -> None:
    text = GIT_CONFLICT.format(a="a" * 32, b="b" * 32, c="c" * 32).encode()
    assert list(manifest.parse(manifest.resolve(text, "union")).models) == ["a.pt", "b.pt", "c.pt"]
    assert list(manifest.parse(manifest.resolve(text, "ours")).models) == ["a.pt", "b.pt"]
    half = manifest.resolve(text, "theirs", "c.pt")
    assert half.count(b"<<<<<<< ") == 1
    assert list(manifest.parse(manifest.resolve(half, "theirs", "b.pt")).models) == ["a.pt", "c.pt"]


def test_union_leaves_a_model_that_both_changed_in_markers() -> None:
    base = made("a.pt")
    done, _ = manifest.merge(
        base, manifest.update(base, {"a.pt": entry("a.pt", 2)}), manifest.update(base, {"a.pt": entry("a.pt", 3)})
    )
    assert b"<<<<<<< " in manifest.resolve(done, "union")


def test_resolving_a_path_that_is_on_no_side_is_an_error() -> None:
    with pytest.raises(ManifestError, match="neither side"):
        manifest.resolve(made("a.pt"), "ours", "nothing.pt")


def test_hand_written_shapes_merge_too() -> None:
    base = b'version: 1\nmodels: {a.pt: {md5: "%s"}}\n' % (b"a" * 32)
    ours = manifest.update(base, {"b.pt": entry("b.pt")})
    theirs = base.replace(b"}}", b', description: x}, c.pt: {md5: "%s"}}' % (b"c" * 32))
    for one, other in ((ours, theirs), (theirs, ours)):
        done, left = manifest.merge(base, one, other)
        assert left == ()
        models = manifest.parse(done).models
        assert list(models) == ["a.pt", "b.pt", "c.pt"]
        assert models["a.pt"].description == "x"


def test_remotes_merge_by_name_and_the_same_one_changed_twice_is_a_conflict() -> None:
    base = manifest.update(made("a.pt"), remotes={"one": "s3://a/b"})
    ours = manifest.update(base, remotes={"two": "s3://c/d"})
    theirs = manifest.update(base, remotes={"three": "s3://e/f"}, active={"d": "a.pt"})
    done, left = manifest.merge(base, ours, theirs)
    assert left == ()
    assert set(manifest.parse(done).remotes) == {"one", "two", "three"}
    clash = manifest.merge(
        base, manifest.update(base, remotes={"one": "s3://x/x"}), manifest.update(base, remotes={"one": "s3://y/y"})
    )
    assert clash[1] == ("remotes.one",)


CHANGES = st.dictionaries(st.sampled_from(PATHS), st.none() | ENTRIES, max_size=4)


def applied(text: bytes, changes: dict[str, Entry | None]) -> bytes:
    return manifest.update(text, changes)


@settings(max_examples=40)
@given(start=CHANGES, ours=CHANGES, theirs=CHANGES)
def test_changes_of_different_models_merge_to_both_in_either_order(
    start: dict[str, Entry | None], ours: dict[str, Entry | None], theirs: dict[str, Entry | None]
) -> None:
    base = applied(made("seed.pt"), start)
    theirs = {path: e for path, e in theirs.items() if path not in ours}
    one, other = applied(base, ours), applied(base, theirs)
    done, left = manifest.merge(base, one, other)
    assert left == ()
    assert manifest.parse(done) == manifest.parse(applied(one, theirs))
    assert manifest.merge(base, other, one) == (done, ())


@settings(max_examples=40)
@given(start=CHANGES, ours=CHANGES, theirs=CHANGES)
def test_every_merge_either_parses_or_can_be_resolved_to_each_side(
    start: dict[str, Entry | None], ours: dict[str, Entry | None], theirs: dict[str, Entry | None]
) -> None:
    base = applied(made("seed.pt"), start)
    one, other = applied(base, ours), applied(base, theirs)
    done, left = manifest.merge(base, one, other)
    if not left:
        manifest.parse(done)
        return
    assert set(manifest.merge(base, other, one)[1]) == set(left)
    for side, text in (("ours", one), ("theirs", other)):
        settled, meant = manifest.parse(manifest.resolve(done, side)), manifest.parse(text)
        assert all(settled.models.get(path) == meant.models.get(path) for path in left)
