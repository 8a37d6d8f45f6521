from __future__ import annotations

import pytest

from git_models import versions
from git_models.errors import ModelsError
from git_models.manifest import Entry, Manifest, Version


def tagged(name: str, seed: int) -> Version:
    return Version(name, "2026-01-01", f"{seed:032x}", f"{seed:064x}", 100 + seed, f"best-{seed}.pt")


def entry(path: str = "weights/best.pt", now: int = 0, **fields: object) -> Entry:
    made = Entry(path, f"{now:032x}", f"{now:064x}", 100 + now, f"best-{now}.pt", urls=("https://example.com/a.pt",))
    return made._replace(**fields)  # type: ignore[arg-type]


def known(*entries: Entry, **active: str) -> Manifest:
    return Manifest(models={e.path: e for e in entries}, active=active)


TAGS = tuple(tagged(name, seed) for seed, name in enumerate(("1.10.0", "1.9.0", "2.0.0-rc.1"), 1))


def test_a_version_brings_its_own_bytes_and_no_link_to_other_ones() -> None:
    found = versions.find(known(entry(versions=TAGS, description="cats")), "best.pt@1.9.0")
    assert (found.sha256, found.size, found.asset) == (TAGS[1].sha256, 102, "best-2.pt")
    assert (found.path, found.description, found.urls) == ("weights/best.pt", "cats", ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("latest", "1.10.0"), ("v1.9.0", "1.9.0"), ("2.0.0-rc.1", "2.0.0-rc.1"), ("previous", "2.0.0-rc.1")],
)
def test_versions_have_an_order(name: str, expected: str) -> None:
    assert versions.version_of(versions.find(known(entry(versions=TAGS)), f"weights/best.pt@{name}")) == expected


def test_previous_is_the_one_below_the_present_one() -> None:
    now = entry(now=1, versions=TAGS)
    assert versions.version_of(versions.find(known(now), "best.pt@previous")) == "1.9.0"


def test_latest_is_the_model_itself_where_nothing_is_tagged() -> None:
    assert versions.find(known(entry()), "best.pt@latest") == entry()


def test_a_name_with_an_at_of_its_own_is_a_name() -> None:
    models = known(entry("a@1.0.pt"), entry("a", versions=(tagged("1.0.pt", 9),)))
    assert versions.find(models, "a@1.0.pt").path == "a@1.0.pt"
    assert versions.split("b@main@{1}", lambda name: name == "b") == ("b", "main@{1}")


def test_active_is_what_the_manifest_says() -> None:
    models = known(entry(versions=TAGS), entry("other.pt"), detector="weights/best.pt@1.9.0")
    for text in ("@active", "detector@active", "best.pt@active"):
        assert versions.version_of(versions.find(models, text)) == "1.9.0", text
    with pytest.raises(ModelsError, match=r"no version of other\.pt is active"):
        versions.find(models, "other.pt@active")


def test_two_active_versions_are_told_apart_by_their_names() -> None:
    models = known(entry(versions=TAGS), stable="weights/best.pt@1.9.0", edge="weights/best.pt@2.0.0-rc.1")
    assert versions.version_of(versions.find(models, "edge@active")) == "2.0.0-rc.1"
    with pytest.raises(ModelsError, match="stable@active") as failed:
        versions.find(models, "best.pt@active")
    assert failed.value.fix


def test_an_unknown_name_suggests_the_nearest() -> None:
    models = known(entry(name="detector"), entry("other.pt"))
    for text, close in (("detectr@1.0", "detector"), ("weights/bset.pt", "weights/best.pt"), ("othr.pt", "other.pt")):
        with pytest.raises(ModelsError) as failed:
            versions.find(models, text)
        assert failed.value.fix == f"did you mean {close}?", text


def test_a_missing_version_lists_those_that_there_are() -> None:
    with pytest.raises(ModelsError, match=r"there are: 1\.9\.0, 1\.10\.0, 2\.0\.0-rc\.1") as failed:
        versions.find(known(entry(versions=TAGS)), "best.pt@1.9.1")
    assert failed.value.fix == "did you mean weights/best.pt@1.9.0?"
    with pytest.raises(ModelsError, match="no version before this one"):
        versions.find(known(entry()), "best.pt@previous")
    with pytest.raises(ModelsError, match="none has been tagged"):
        versions.find(known(entry()), "best.pt@1.0")
    with pytest.raises(ModelsError, match="no version ''"):
        versions.find(known(entry()), "best.pt@")  # as in a script whose variable is empty


def test_a_name_that_two_models_have_is_no_name() -> None:
    with pytest.raises(ModelsError, match=r"a/best\.pt, b/best\.pt"):
        versions.find(known(entry("a/best.pt"), entry("b/best.pt")), "best.pt")


@pytest.mark.parametrize("target", ["weights/best.pt@active", "gone.pt@1.0.0", "weights/best.pt@7.7.7"])
def test_an_active_version_that_is_none_is_an_error_and_no_circle(target: str) -> None:
    models = known(entry(versions=TAGS), slot=target)
    for text in ("slot@active", "@active", "best.pt@active"):
        with pytest.raises(ModelsError):
            versions.find(models, text)


def test_a_name_of_active_wins_over_a_model_of_that_name() -> None:
    models = known(entry(versions=TAGS), entry("other.pt", now=7), **{"best.pt": "other.pt"})
    assert versions.find(models, "best.pt@active").path == "other.pt"
