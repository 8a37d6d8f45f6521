"""What counts as a weight, by name and by content; odd names; and files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.commits import recorded
from tests.helpers.sandbox import Sandbox, weights

ONE, TWO = weights(4096, 1), weights(5000, 2)
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


# Names


@pytest.mark.parametrize(
    ("path", "env"),
    [
        ("żółw best (1)+v2.pt", {}),
        ("żółw best (1)+v2.pt", ASCII),
        ("folder with spaces/a b.pt", {}),
        *((name, {}) for name in ("-dash.pt", "Best.PT", "[1].pt", "a#b.pt", "#a.pt", "!a.pt")),
    ],
)
def test_an_odd_name_is_recorded_as_it_is(work: Sandbox, path: str, env: dict[str, str]) -> None:
    work.write(path, ONE)
    work.git("add", "-A", env=env)
    work.git("commit", "-m", "Train", env=env)
    recorded(work, {path: ONE})
    work.write(path, TWO)
    work.models("add", "--", path, env=env)
    work.git("commit", "-m", "Version 2", env=env)
    recorded(work, {path: TWO})
    work.models("status", env=env)


@pytest.mark.parametrize("path", [b"new\nline.pt", b"latin-\xe9.pt", b"tab\t.pt", b"back\\slash.pt"])
@pytest.mark.parametrize("env", [{}, ASCII], ids=["utf8", "ascii"])
def test_a_name_that_no_manifest_may_hold_stops_the_commit_before_anything_changes(
    work: Sandbox, path: bytes, env: dict[str, str]
) -> None:
    before = work.head()
    work.write("good.pt", TWO)
    (work / os.fsdecode(path)).write_bytes(ONE)
    work.git("add", "-A")
    staged = work.git("diff", "--cached", "--raw", "-z").out
    said = work.git("commit", "-m", "Train", code=1, env=env).err
    assert "cannot be a model's path" in said
    assert "  next: git mv " in said
    assert work.head() == before
    assert work.git("diff", "--cached", "--raw", "-z").out == staged
    assert work.entries() == {}
    assert not list((work / ".git").glob("models/objects/*/*"))


# Links and what is no file


def test_the_text_of_a_link_is_never_recorded(work: Sandbox) -> None:
    work.write("runs/e3/best.pt", ONE)
    (work / "best.pt").symlink_to("runs/e3/best.pt")
    (work / "last.pt").symlink_to("/nonexistent")
    (work / "loop.pt").symlink_to("loop.pt")
    (work / "folder.pt").symlink_to("runs")
    work.commit("Train")
    recorded(work, {"runs/e3/best.pt": ONE})
    assert {"best.pt", "last.pt", "loop.pt", "folder.pt"} <= set(work.files_at())
    assert (work / "best.pt").is_symlink()


@pytest.mark.parametrize("link", ["best.pt", "out.pt", "last.pt"])
def test_a_link_cannot_be_added(work: Sandbox, tmp_path: Path, link: str) -> None:
    work.write("runs/best.pt", ONE)
    (tmp_path / "outside.pt").write_bytes(ONE)
    (work / "best.pt").symlink_to("runs/best.pt")
    (work / "out.pt").symlink_to(tmp_path / "outside.pt")
    (work / "last.pt").symlink_to("nowhere.pt")
    assert link in work.models("add", link, code=1).err
    assert work.entries() == {}


def test_a_file_below_a_linked_folder_cannot_be_added(work: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/best.pt").write_bytes(ONE)
    (work / "linked").symlink_to(tmp_path / "outside")
    work.models("add", "linked/best.pt", code=1)
    assert work.entries() == {}


def test_writing_through_a_hard_link_does_not_reach_the_store(work: Sandbox) -> None:
    file = work.write("best.pt", ONE)
    os.link(file, work.root.parent / "backup.pt")
    work.commit("Train")
    recorded(work, {"best.pt": ONE})
    with open(work.root.parent / "backup.pt", "r+b") as stream:
        stream.write(TWO)
    recorded(work, {"best.pt": ONE}, on_disk={"best.pt": TWO})


def test_a_submodule_called_like_a_weight_is_skipped(work: Sandbox) -> None:
    work.git("submodule", "add", work.clone("library").root.as_uri(), "weights.pt")
    work.write("best.pt", ONE)
    work.commit("Add both")
    recorded(work, {"best.pt": ONE})
    assert "160000" in work.git("ls-tree", "HEAD", "weights.pt").out


def test_a_weight_inside_a_submodule_belongs_to_the_submodule(work: Sandbox) -> None:
    work.git("submodule", "add", work.clone("library").root.as_uri(), "library")
    work.git("commit", "-m", "Add the library")
    work.write("library/best.pt", ONE)
    said = work.models("add", "library/best.pt", code=1).err
    assert "library is a submodule; its models belong to its own models.yaml" in said


# Content


def test_an_empty_weight_stops_the_commit(work: Sandbox) -> None:
    before = work.head()
    work.write("empty.pt", b"")
    work.git("add", "-A")
    said = work.git("commit", "-m", "Train", code=1).err
    assert "empty.pt is empty, so it is no model" in said
    assert "next: git restore --staged empty.pt" in said
    assert work.head() == before
    work.git("restore", "--staged", "empty.pt")
    assert "it is empty" in work.models("add", "empty.pt", code=1).err


@pytest.mark.parametrize("path", ["template.pt", "paths.pth"])
def test_text_stays_in_git_without_a_word(work: Sandbox, path: str) -> None:
    work.write(path, "/usr/lib/python3/dist-packages\n")
    work.git("add", "-A")
    assert work.git("commit", "-m", "Text").err == ""
    assert path in work.files_at()
    work.write(path, "/elsewhere\n")
    assert work.git("commit", "-am", "Text again").err == ""


def test_a_small_weight_that_git_tracks_stays_in_git_with_a_notice(work: Sandbox) -> None:
    work.write("tests/tiny.pt", ONE)
    work.commit("Before us", env={"GIT_MODELS_SKIP": "1"})
    work.write("tests/tiny.pt", TWO)
    said = work.git("commit", "-am", "Another fixture").err
    assert said.splitlines() == [
        "tests/tiny.pt stays in git, as it is small; git models add tests/tiny.pt would move it out"
    ]
    assert "tests/tiny.pt" in work.files_at()
    work.models("add", "tests/tiny.pt")
    work.git("commit", "-m", "Move it out")
    recorded(work, {"tests/tiny.pt": TWO}, status=["?? tests/"])


def test_a_large_weight_that_git_tracks_is_moved_out_when_it_changes(work: Sandbox) -> None:
    work.write("big.pt", weights(1_200_000, 1))
    work.commit("Before us", env={"GIT_MODELS_SKIP": "1"})
    work.write("big.pt", weights(1_200_000, 2))
    work.git("commit", "-am", "Retrained")
    recorded(work, {"big.pt": weights(1_200_000, 2)}, status=["?? big.pt"])


def test_a_pointer_of_git_lfs_is_refused(work: Sandbox) -> None:
    before = work.head()
    work.write("best.pt", f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 19332096\n")
    work.git("add", "-A")
    said = work.git("commit", "-m", "Pointer", code=1).err
    assert "best.pt was not recorded: it is a Git LFS pointer, not the model" in said
    assert "next: git lfs pull -I best.pt && git add best.pt" in said
    assert work.head() == before
    assert "Git LFS pointer" in work.models("add", "best.pt", code=1).err


def test_a_path_that_git_lfs_filters_is_left_to_it_with_a_notice(work: Sandbox) -> None:
    clean = f"printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:{'b' * 64}\\nsize 4096\\n'"
    work.git("config", "filter.lfs.clean", clean)
    work.write(".gitattributes", "*.pt filter=lfs -text\n")
    work.write("lfs.pt", ONE)
    work.write("ours.onnx", TWO)
    work.git("add", "-A")
    assert "lfs.pt is left to Git LFS" in work.git("commit", "-m", "Both").err
    recorded(work, {"ours.onnx": TWO})
    assert work.git("show", "HEAD:lfs.pt").out.startswith("version https://git-lfs")
    assert work.read("lfs.pt") == ONE


def test_a_weight_without_a_nul_byte_is_recorded_as_it_lies_on_disk_whatever_autocrlf_does(work: Sandbox) -> None:
    work.git("config", "core.autocrlf", "input")
    # git takes it for text, as there is one control character among hundreds of letters.
    content = b"AB\r\nCD\r\n" * 100 + b"\x01EF"
    work.write("best.pt", content)
    work.git("add", "best.pt")
    assert work.git("cat-file", "-s", ":best.pt").out == f"{len(content) - 200}\n"
    work.git("commit", "-m", "Train")
    recorded(work, {"best.pt": content})


# Ignored, too many, too large


def test_a_weight_that_gitignore_hides_is_added_by_name_and_by_folder(work: Sandbox) -> None:
    work.write(".gitignore", "*.pt\nruns/\n")
    work.commit("Ignore weights")
    work.write("best.pt", ONE)
    work.write("runs/a/last.pt", TWO)
    assert "git ignores 2 weight files that nobody recorded" in work.models("status").out
    work.models("add", "best.pt", "runs")
    work.git("commit", "-m", "Train")
    recorded(work, {"best.pt": ONE, "runs/a/last.pt": TWO})


def test_more_than_twenty_new_weights_stop_the_commit_grouped_by_folder(work: Sandbox) -> None:
    before = work.head()
    for number in range(18):
        work.write(f"runs/exp/{number}.pt", weights(1000, number))
    for number in range(4):
        work.write(f"old/{number}.pt", weights(1000, 100 + number))
    work.git("add", "-A")
    said = work.git("commit", "-m", "Everything", code=1).err
    assert "this commit would record 22 new weight files (22.0 KB):" in said
    assert "  runs/exp/: 18 files, 18.0 KB" in said
    assert "  old/: 4 files, 4.0 KB" in said
    assert "next: git models add runs " in said
    assert "git models untrack 'runs/**'" in said
    assert work.head() == before
    assert work.entries() == {}
    work.models("add", "runs/")
    work.git("commit", "-m", "On purpose")
    assert len(work.entries("HEAD")) == 22
    assert not any(p.endswith(".pt") for p in work.files_at())
    assert work.status() == []


def test_new_weights_over_the_size_of_the_setting_stop_the_commit(work: Sandbox) -> None:
    work.git("config", "models.confirm", "20,8K")
    work.write("a.pt", ONE)
    work.write("b.pt", TWO)
    work.git("add", "-A")
    assert "would record 2 new weight files" in work.git("commit", "-m", "Two", code=1).err
    work.git("config", "models.confirm", "20,10K")
    work.git("commit", "-m", "Two")
    recorded(work, {"a.pt": ONE, "b.pt": TWO})


def test_another_large_file_stops_the_commit_with_three_ways_out(work: Sandbox) -> None:
    work.git("config", "models.limit", "100K")
    before = work.head()
    work.write("data/table.csv", "a,b\n" * 30_000)
    work.git("add", "-A")
    said = work.git("commit", "-m", "Data", code=1).err
    assert "  data/table.csv (120 KB)" in said
    assert "next: git models add data/table.csv" in said
    assert "git restore --staged data/table.csv" in said
    assert "git config models.limit 0" in said
    assert work.head() == before
    work.git("config", "models.limit", "0")
    work.git("commit", "-m", "Data")
    assert "data/table.csv" in work.files_at()


def test_a_sparse_file_of_120_mb_stops_the_commit_with_the_usual_limit(work: Sandbox) -> None:
    with open(work / "table.csv", "wb") as file:
        file.truncate(120_000_000)
    work.git("add", "table.csv")
    assert "  table.csv (120 MB)" in work.git("commit", "-m", "Data", code=1).err


def test_a_file_of_half_the_limit_is_committed_with_a_warning(work: Sandbox) -> None:
    work.git("config", "models.limit", "100K")
    work.write("table.csv", "a,b\n" * 15_000)
    work.git("add", "-A")
    assert "table.csv is 60.0 KB" in work.git("commit", "-m", "Data").err
    assert "table.csv" in work.files_at()


def test_a_command_line_in_an_ascii_locale_knows_names_in_utf_8(work: Sandbox, bin_folder: Path) -> None:
    work.write("żółw.pt", ONE)
    work.commit("Train")
    # As pip installs it: without the isolation that ignores PYTHONUTF8.
    start = f"'{bin_folder}/python' -c 'import sys; from git_models.main import main; sys.exit(main())'"
    assert "żółw.pt" in work.run(f"{start} status", env=ASCII | {"PYTHONIOENCODING": "utf-8"}).out
    assert "w.pt" in work.run(f"{start} status", env=ASCII).out
