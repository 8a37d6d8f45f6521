from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from git_models import (
    presence,
)
from git_models.manifest import Entry
from git_models.remotes import Options
from tests.commands.conftest import MODEL, answer, snapshot
from tests.fakes.github import GitHub
from tests.helpers.sandbox import Sandbox, weights

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 19332096\n"


def problems(work: Sandbox, *args: str, code: int = 1) -> list[str]:
    return [f["problem"] for f in answer(work, "check", *args, code=code)["findings"]]


def test_a_clean_repository_passes_and_says_what_was_looked_at(recorded: Sandbox) -> None:
    assert recorded.models("check").lines == ["2 files and 1 model checked: nothing wrong"]


@pytest.mark.parametrize("args", [[], ["--all-files"], ["w.pt"], ["."]])
def test_a_small_weight_that_came_in_without_hooks_is_found_in_a_clean_clone(
    repo: Sandbox, clone: Callable[..., Sandbox], args: list[str]
) -> None:
    repo.weight("w.pt", 9000)
    repo.commit("With a weight")
    repo.git("push")
    fresh = clone("fresh", "--depth", "1")
    before = snapshot(fresh)
    told = fresh.models("check", *args, code=1)
    assert told.lines[0] == "git tracks w.pt (9.0 KB), a weight file"
    assert told.lines[1].startswith("  next: git models add w.pt")
    assert snapshot(fresh) == before


def test_only_the_files_named_are_looked_at(repo: Sandbox) -> None:
    repo.weight("w.pt")
    repo.commit("With a weight")
    repo.models("check", "README.md")


@pytest.mark.parametrize("by", ["models.yaml", "configuration"])
def test_an_exception_is_honoured(repo: Sandbox, by: str) -> None:
    repo.weight("tests/tiny.pt")
    repo.commit("A fixture")
    repo.models("check", code=1)
    if by == "models.yaml":
        repo.models("untrack", "tests/**")
    else:
        repo.git("config", "models.track", "!tests/*.pt")
    repo.models("check")


def test_text_with_the_name_of_a_weight_is_none(repo: Sandbox) -> None:
    repo.write("paths.pth", "./src\n")
    repo.commit("A path file")
    repo.models("check")


def test_a_link_and_a_submodule_with_the_name_of_a_weight_are_passed_over(repo: Sandbox) -> None:
    (repo / "last.pt").symlink_to("elsewhere.pt")
    repo.git("add", "last.pt")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head()},weights.pt")
    repo.models("check")


def test_a_pointer_of_git_lfs_in_place_of_a_weight_is_called_one(repo: Sandbox) -> None:
    repo.write("w.pt", POINTER)
    repo.commit("A pointer")
    assert problems(repo) == ["w.pt is a Git LFS pointer in place of the model"]


def test_a_file_that_git_lfs_manages_is_left_to_it(repo: Sandbox) -> None:
    repo.write(".gitattributes", "*.pt filter=lfs\n")
    repo.write("w.pt", POINTER)
    repo.commit("A pointer")
    repo.models("check")


def test_a_pointer_in_the_work_tree_in_place_of_a_model_is_found(recorded: Sandbox) -> None:
    recorded.write(MODEL, POINTER)
    assert problems(recorded) == [f"{MODEL} on disk is a Git LFS pointer in place of the model"]


def test_another_file_over_the_limit_is_found_and_one_over_half_of_it_noted(repo: Sandbox) -> None:
    repo.git("config", "models.limit", "10K")
    repo.write("large.csv", b"x" * 10_000)
    repo.write("heavy.csv", b"x" * 6_000)
    repo.commit("Tables")
    said = answer(repo, "check", code=1)
    assert [f["path"] for f in said["findings"]] == ["large.csv"]
    assert said["notes"] == ["heavy.csv is 6.0 KB: GitHub warns from 50 MB on"]


def test_a_model_that_git_tracks_as_well_is_found(recorded: Sandbox) -> None:
    recorded.git("add", "-f", MODEL)
    assert problems(recorded) == [f"git tracks {MODEL} (4.1 KB), a weight file"]


def test_a_missing_sha256_is_reported_with_the_way_to_pin_it(recorded: Sandbox) -> None:
    text = recorded.read("models.yaml").decode()
    recorded.write("models.yaml", "".join(line for line in text.splitlines(True) if "sha256" not in line))
    told = recorded.models("check", code=1)
    assert told.lines == [
        f"{MODEL} has no sha256, and an md5 alone can be forged",
        f"  next: git models pull {MODEL} && git models add {MODEL}",
    ]


def test_a_malformed_hash_is_an_error_with_its_line(recorded: Sandbox) -> None:
    recorded.write("models.yaml", recorded.read("models.yaml").replace(b'md5: "', b'md5: "x'))
    assert "line " in problems(recorded)[0]


def test_a_broken_manifest_that_is_staged_is_found_though_the_file_is_mended(recorded: Sandbox) -> None:
    good = recorded.read("models.yaml")
    recorded.write("models.yaml", "models: [\n")
    recorded.git("add", "models.yaml")
    recorded.write("models.yaml", good)
    assert "models.yaml" in problems(recorded)[0]


def test_a_manifest_outside_git_is_found(repo: Sandbox) -> None:
    repo.write("models.yaml", "version: 1\nmodels: {}\n")
    assert problems(repo) == ["models.yaml is not in git, so nobody else has it"]


def test_a_range_names_the_commit_that_brought_a_weight_in_although_a_later_one_took_it_out(repo: Sandbox) -> None:
    start = repo.head()
    repo.weight("żółw best.pt", 9000)
    repo.commit("In")
    sinner = repo.head()[:10]
    repo.git("rm", "żółw best.pt")
    repo.git("commit", "-m", "Out")
    repo.models("check")
    found = problems(repo, "--from-ref", start, "--to-ref", "HEAD")
    assert found == [f"żółw best.pt (9.0 KB), a weight file, stands in commit {sinner}"]
    repo.models("check", "--from-ref", "HEAD", "--to-ref", "HEAD")


def test_a_range_from_zeros_is_the_whole_history(repo: Sandbox) -> None:
    repo.weight("w.pt")
    repo.commit("In")
    assert len(problems(repo, "--from-ref", "0" * 40, "--to-ref", "HEAD")) == 1


def test_a_shallow_clone_says_what_it_cannot_see(repo: Sandbox, clone: Callable[..., Sandbox]) -> None:
    start = repo.head()
    repo.write("a.py", "a = 1\n")
    repo.commit("Code")
    repo.git("push")
    shallow = clone("shallow", "--depth", "1")
    told = shallow.models("check", "--from-ref", "0" * 40, "--to-ref", "HEAD", code=1)
    assert f"nothing before commit {repo.head()[:10]} can be seen" in told.out
    assert "git fetch --unshallow" in told.out
    assert "cannot see that far back" in shallow.models("check", "--from-ref", start, "--to-ref", "HEAD", code=1).err
    shallow.git("fetch", "--unshallow")
    shallow.models("check", "--from-ref", start, "--to-ref", "HEAD")


def test_half_a_range_is_a_mistake(repo: Sandbox) -> None:
    repo.models("check", "--from-ref", "HEAD", code=2)


def test_remote_finds_an_asset_that_is_gone_or_cut_short(stored: Sandbox, place: Path) -> None:
    stored.models("check", "--remote")
    (asset,) = place.glob("best-*.pt")
    asset.write_bytes(asset.read_bytes()[:100])
    assert problems(stored, "--remote") == [f"{MODEL} ({asset.name}) is not on {place.as_uri()}"]
    asset.unlink()
    told = stored.models("check", "--remote", code=1)
    assert told.lines[1] == f"  next: git models push {MODEL}"
    stored.models("check")


def test_remote_without_any_place_is_not_called_clean(recorded: Sandbox) -> None:
    assert problems(recorded, "--remote") == ["no place to fetch models from is known"]


def entry(size: int, *urls: str) -> Entry:
    return Entry(MODEL, sha256="0" * 64, size=size, urls=urls)


def test_a_link_is_right_when_one_of_them_answers_with_the_size(hub: GitHub) -> None:
    hub.put("owner/repo", "v1", "best.pt", weights(4096))
    good = f"{hub.url}/owner/repo/releases/download/v1/best.pt"
    bad = good.replace("best", "gone")
    assert presence.links([entry(4096, bad, good)], Options()) == []
    (short,) = presence.links([entry(5000, good)], Options())
    assert short.what == f"{MODEL}: {good} has 4096 bytes instead of 5000"
    (gone,) = presence.links([entry(4096, bad)], Options())
    assert "has nothing under" in gone.what


def test_a_link_of_the_manifest_into_a_private_network_is_a_finding_and_not_asked(
    recorded: Sandbox, hub: GitHub
) -> None:
    text = recorded.read("models.yaml").decode().rstrip("\n")
    recorded.write("models.yaml", f"{text}\n    urls: [{hub.url.replace('http:', 'https:')}/x.pt]\n")
    recorded.git("add", "models.yaml")
    recorded.models("check")
    assert "private network" in problems(recorded, "--remote")[0]
    assert hub.requests == []
