"""What a stranger's repository may not do to whoever clones it and pulls: nothing but bring its models."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox, weights

# The publicly known pair of 128 bytes with one MD5 (Wang and Yu, 2005; also in RFC 6151's references): six bits differ.
ONE = bytes.fromhex(
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
    "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
    "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
)
OTHER = bytes(b ^ 0x80 if at in (19, 45, 59, 83, 109, 123) else b for at, b in enumerate(ONE))
BYTES = weights(4096, 7)


def named(path: str, data: bytes, sha256: bool = True, asset: str = "") -> str:
    """An entry as somebody writes it by hand."""
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    lines = [f"  {json.dumps(path)}:", f'    md5: "{md5}"']
    lines += [f'    sha256: "{hashlib.sha256(data).hexdigest()}"'] if sha256 else []
    return "\n".join([*lines, f"    size: {len(data)}", f"    asset: {asset or 'x.pt'}"]) + "\n"


@pytest.fixture
def stranger(repo: Sandbox, place: Path) -> Sandbox:
    """A repository whose author writes models.yaml by hand, and a place that has the bytes."""
    repo.git("config", "--global", "models.remote", place.as_uri())
    (place / "x.pt").write_bytes(BYTES)
    return repo


def published(stranger: Sandbox, *entries: str) -> Sandbox:
    """A clone of what the stranger published."""
    stranger.write("models.yaml", "version: 1\nmodels:\n" + "".join(sorted(entries)))
    stranger.git("add", "-A")
    stranger.git("commit", "-m", "Trust me")
    stranger.git("push", "origin", "main")
    return stranger.clone("victim")


def origin_of(stranger: Sandbox) -> Sandbox:
    return Sandbox(stranger.root.parent / "origin.git")


def test_a_link_on_the_way_is_never_followed(stranger: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (stranger / "outlink").symlink_to("../outside")
    (stranger / "hookdir").symlink_to(".git/hooks")
    (stranger / "x.pt").symlink_to("../outside/made.pt")
    entries = [named(p, BYTES) for p in ("outlink/x.pt", "hookdir/pre-commit", "fine.pt")]
    victim = published(stranger, *entries)
    hooks = sorted(os.listdir(victim / ".git/hooks"))
    said = victim.models("pull", code=1)
    assert "outlink is a link" in said.err and "hookdir is a link" in said.err
    assert victim.read("fine.pt") == BYTES
    assert list((tmp_path / "outside").iterdir()) == []
    assert "pre-commit" not in hooks and b"git-models hook" in (victim / ".git/hooks/pre-commit").read_bytes()


def test_what_git_tracks_stays_what_git_has(stranger: Sandbox) -> None:
    stranger.write("train.py", "print('training')\n")
    stranger.write("src/model.py", "pass\n")
    paths = ("train.py", "src", "README.md")
    victim = published(stranger, *(named(p, BYTES) for p in paths))
    models(victim, "pull", code=None)
    assert victim.read("train.py") == b"print('training')\n"
    assert victim.read("src/model.py") == b"pass\n"
    assert victim.status() == []


def test_below_a_file_that_git_tracks_nothing_is_made(stranger: Sandbox) -> None:
    stranger.write("train.py", "print('training')\n")
    victim = published(stranger, named("train.py/x.pt", BYTES))
    models(victim, "pull", code=1)
    assert victim.read("train.py") == b"print('training')\n"


@pytest.mark.parametrize("filled", [True, False])
def test_a_submodule_is_another_repository(stranger: Sandbox, filled: bool) -> None:
    library = stranger.root.parent / "library"
    shutil.copytree(origin_of(stranger).root, library)
    stranger.git("submodule", "add", "--quiet", library.as_uri(), "sub")
    victim = published(stranger, named("sub/x.pt", BYTES), named("sub/deep/x.pt", BYTES))
    if filled:
        victim.git("submodule", "update", "--init")
    said = victim.models("pull", code=1).err
    assert "sub/x.pt was not put in place: it lies in the repository sub" in said
    assert "sub/deep/x.pt was not put in place" in said
    assert not list((victim / "sub").glob("**/x.pt"))
    # Nor is anything taken away from there when the manifest changes its mind.
    if filled:
        victim.write("sub/x.pt", BYTES)
        stranger.write("models.yaml", "version: 1\n")
        stranger.commit("Never mind")
        stranger.git("push", "origin", "main")
        victim.git("pull")
        assert victim.read("sub/x.pt") == BYTES


def test_a_file_with_a_second_name_elsewhere_is_never_written_into(stranger: Sandbox, tmp_path: Path) -> None:
    victim = published(stranger, named("x.pt", BYTES))
    models(victim, "pull")
    (tmp_path / "precious").hardlink_to(victim / "x.pt")
    new = weights(4096, 8)
    (stranger.root.parent / "place/y.pt").write_bytes(new)
    stranger.write("models.yaml", "version: 1\nmodels:\n" + named("x.pt", new, asset="y.pt"))
    stranger.commit("Another version")
    stranger.git("push", "origin", "main")
    victim.git("-c", "core.hooksPath=/dev/null", "pull")
    models(victim, "pull")
    assert (victim.read("x.pt"), (tmp_path / "precious").read_bytes()) == (new, BYTES)


def test_a_leading_dash_is_a_name_and_no_option(stranger: Sandbox) -> None:
    names = ("-rf/--upload-pack=x.pt", "-n", "-delete", "--help.pt")
    victim = published(stranger, *(named(name, BYTES) for name in names))
    victim.models("pull")
    assert [victim.read(name) for name in names] == [BYTES] * len(names)
    # The hooks hand all names to find and ls.
    victim.write("train.py", "pass\n")
    victim.commit("Code")
    victim.git("checkout", "-b", "other")
    assert victim.exists("README.md") and victim.status() == []
    assert [victim.read(name) for name in names] == [BYTES] * len(names)
    for name in names:
        victim.weight(name, seed=9)
        models(victim, "add", "--", name)
    models(victim, "mv", "--", "-n", "-m")
    models(victim, "rm", "--", "-delete")
    assert sorted(victim.entries()) == ["--help.pt", "-m", "-rf/--upload-pack=x.pt"]


def test_names_that_differ_in_case_alone_are_warned_about(stranger: Sandbox) -> None:
    victim = published(stranger, named("Best.pt", BYTES), named("best.pt", BYTES))
    said = models(victim, "check", code=None)
    assert "'Best.pt' and 'best.pt' differ only in case" in said.out + said.err


@pytest.mark.slow
def test_nothing_is_imported_from_a_checked_out_branch(stranger: Sandbox) -> None:
    for name in ("yaml", "json", "requests", "pygit2", "git_models", "sitecustomize", "argparse"):
        stranger.write(f"{name}.py", "open('ran', 'w')\n")
    victim = published(stranger, named("x.pt", BYTES))
    victim.models("pull")
    victim.weight("new.pt", 5000, seed=3)
    victim.git("add", "new.pt")
    victim.git("commit", "-m", "Mine")
    victim.git("checkout", "HEAD^")
    assert victim.read("x.pt") == BYTES
    assert not victim.exists("ran") and not (victim / ".git/ran").exists()


def test_the_pair_has_one_md5_and_two_sha256() -> None:
    assert ONE != OTHER and len(ONE) == 128
    assert hashlib.md5(ONE, usedforsecurity=False).digest() == hashlib.md5(OTHER, usedforsecurity=False).digest()
    assert hashlib.sha256(ONE).digest() != hashlib.sha256(OTHER).digest()


def test_of_two_files_with_one_md5_the_sha256_decides(stranger: Sandbox, place: Path) -> None:
    (place / "x.pt").write_bytes(OTHER)
    victim = published(stranger, named("best.pt", ONE))
    assert "SHA-256" in models(victim, "pull", code=1).err
    assert not victim.exists("best.pt")
    (place / "x.pt").write_bytes(ONE)
    models(victim, "pull")
    assert victim.read("best.pt") == ONE
    victim.write("best.pt", OTHER)
    assert "modified" in models(victim, "status", code=None).out, "the twin is not the recorded file"
    models(victim, "verify", code=1)
    models(victim, "add", "best.pt")
    models(victim, "push")
    assert hashlib.sha256(OTHER).hexdigest() == victim.entries()["best.pt"]["sha256"]
    assert {f.read_bytes() for f in place.iterdir() if f.stat().st_size == 128} == {ONE, OTHER}


def test_hooks_leave_what_has_an_md5_alone_and_say_how_to_pin_it(stranger: Sandbox, place: Path) -> None:
    victim = published(stranger)
    victim.models("setup")
    (place / "x.pt").write_bytes(OTHER)
    stranger.write("models.yaml", "version: 1\nmodels:\n" + named("best.pt", ONE, sha256=False))
    stranger.commit("By MD5")
    stranger.git("push", "origin", "main")
    said = victim.git("pull").err
    assert "1 model with an MD5 alone, not fetched" in said
    assert "git models pull best.pt && git models add best.pt" in said
    assert not victim.exists("best.pt")
    assert "MD5 alone" not in victim.git("checkout", "-b", "work").err, "once for each manifest"
    victim.run("git models pull best.pt && git models add best.pt")
    assert victim.entries()["best.pt"]["sha256"] == hashlib.sha256(OTHER).hexdigest()


def test_a_folder_of_somebody_else_is_gits_own_refusal_and_no_setting_changes(repo: Sandbox, home: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    before = (home / ".gitconfig").read_bytes()
    models(repo, "setup", code=None)
    os.chown(repo.root, 12345, 12345)
    os.chown(repo.root / ".git", 12345, 12345)
    for command in ("status", "pull", "setup", "add README.md", "doctor"):
        said = models(repo, *command.split(), code=128).err
        assert "dubious ownership" in said and "safe.directory" in said, command
    assert (home / ".gitconfig").read_bytes() == before
