from __future__ import annotations

import os
from pathlib import Path

from tests.commands.conftest import MODEL, answer
from tests.helpers.sandbox import Sandbox, weights


def store_object(work: Sandbox) -> Path:
    (found,) = (work / ".git/models/objects").glob("*/*")
    return found


def test_what_is_right_is_counted(recorded: Sandbox) -> None:
    assert recorded.models("verify").lines == ["1 model and 1 object verified (8.2 KB)"]
    assert answer(recorded, "verify") == {"models": 1, "objects": 1, "absent": [], "findings": []}


def test_a_changed_byte_is_found_even_if_the_stat_says_nothing(recorded: Sandbox) -> None:
    before = (recorded / MODEL).stat()
    with (recorded / MODEL).open("r+b") as file:
        file.seek(2000)
        file.write(b"\xff\xfe\xfd")
    os.utime(recorded / MODEL, ns=(before.st_atime_ns, before.st_mtime_ns))
    told = recorded.models("verify", code=1)
    assert told.lines[0].startswith(f"{MODEL} has other bytes than models.yaml says")
    assert "git models checkout --force" in told.lines[1]


def test_a_rotten_object_is_moved_aside_and_named(stored: Sandbox) -> None:
    rotten = store_object(stored)
    rotten.unlink()  # a folder on the same disk may share the file
    rotten.write_bytes(b"\0rotten")
    told = stored.models("verify", code=1)
    assert "failed its hash" in told.lines[0]
    assert told.lines[1] == f"  next: git models fetch {MODEL}"
    assert not rotten.exists()
    assert [f.read_bytes() for f in (stored / ".git/models/lost").iterdir()] == [b"\0rotten"]
    stored.models("fetch", MODEL)
    stored.models("verify")


def test_a_wrong_md5_beside_the_right_sha256_is_found(recorded: Sandbox) -> None:
    text = recorded.read("models.yaml").decode().replace(recorded.md5(MODEL), "0" * 32)
    recorded.write("models.yaml", text)
    said = answer(recorded, "verify", code=1)["findings"]
    assert [f["problem"] for f in said] == [f"models.yaml has the right sha256 of {MODEL}, but a wrong md5"]


def test_a_model_that_is_not_here_is_only_noted_unless_it_was_named(recorded: Sandbox) -> None:
    (recorded / MODEL).unlink()
    assert "1 model is not here" in recorded.models("verify").err
    assert f"git models pull {MODEL}" in recorded.models("verify", MODEL, code=1).out


def test_only_the_models_named_are_hashed(recorded: Sandbox) -> None:
    recorded.weight("other.pt", seed=1)
    recorded.models("add", "other.pt")
    recorded.weight(MODEL, seed=5)
    assert recorded.models("verify", "other.pt").lines == ["1 model and 1 object verified (8.2 KB)"]


def test_remote_finds_what_is_gone_there_and_push_then_brings_it_back(stored: Sandbox, place: Path) -> None:
    (asset,) = place.glob("best-*.pt")
    asset.unlink()
    stored.models("verify")
    stored.models("tag", MODEL, "1.0.0")
    told = stored.models("verify", "--remote", code=1)
    assert len(told.lines) == 2, "one object is told once, however many names it has"
    assert told.lines[1] == f"  next: git models push {MODEL}"
    stored.models("push")
    assert asset.read_bytes() == weights(4096)
    stored.models("verify", "--remote")


def test_a_file_behind_a_link_is_a_finding_and_not_followed(recorded: Sandbox, tmp_path: Path) -> None:
    (recorded / "weights").rename(tmp_path / "outside")
    (recorded / "weights").symlink_to(tmp_path / "outside")
    assert "is a link" in recorded.models("verify", code=1).out


def test_only_full_reads_again_what_seems_unchanged(recorded: Sandbox) -> None:
    rotten = store_object(recorded)
    rotten.write_bytes(b"\0" + b"r" * 4095)
    st = rotten.stat()
    oid = rotten.parent.name + rotten.name
    with (recorded / ".git/models/verified").open("a") as known:  # as if a disk had lost bits after it was hashed
        fields = (oid, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino, st.st_ctime_ns + 10**10)
        known.write("\n" + "\t".join(map(str, fields)) + "\n")
    recorded.models("verify")
    assert "failed its hash" in recorded.models("verify", "--full", code=1).out
