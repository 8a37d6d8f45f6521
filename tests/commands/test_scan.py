from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL, answer
from tests.helpers.sandbox import Sandbox
from tests.inspect.assembler import call, good_state, make, pickled, torch_zip

EVIL = torch_zip(pickled(call("os", "system", "echo marker")))
STRANGE = torch_zip(pickled(make("somebody.models", "Net", {"a": 1})))
DETECTOR = torch_zip(pickled(make("torch.nn.modules.linear", "Linear", {"training": False})))
SOUND = torch_zip(good_state())


@pytest.mark.parametrize(
    ("data", "verdict", "code"),
    [(SOUND, "weights-only", 0), (DETECTOR, "needs classes", 0), (STRANGE, "unknown", 1), (EVIL, "dangerous", 1)],
)
def test_the_exit_code_is_the_verdict(tmp_path: Path, data: bytes, verdict: str, code: int) -> None:
    folder = Sandbox(tmp_path)
    folder.write("model.pt", data)
    told = folder.models("scan", "model.pt", code=code)
    assert told.lines[0].startswith(f"model.pt: {verdict} (")
    (file,) = answer(folder, "scan", "model.pt", code=code)["files"]
    assert (file["path"], file["verdict"]) == ("model.pt", verdict)


def test_the_reason_is_named(tmp_path: Path) -> None:
    folder = Sandbox(tmp_path)
    folder.write("model.pt", EVIL)
    assert "os.system" in folder.models("scan", "model.pt", code=1).out


def test_a_folder_is_searched_for_model_files_whatever_a_manifest_excepts(repo: Sandbox) -> None:
    repo.write("models.yaml", 'version: 1\ntrack: ["!*.pt"]\n')
    repo.write("a/sound.pt", SOUND)
    repo.write("a/deep/evil.pkl", EVIL)
    repo.write("a/readme.txt", "nothing")
    (repo / "a/link.pt").symlink_to("deep/evil.pkl")
    told = repo.models("scan", "a", code=1)
    assert [line.partition(":")[0] for line in told.lines if ": " in line and not line.startswith(" ")] == [
        "a/sound.pt",
        "a/deep/evil.pkl",
    ]
    assert told.lines[-1] == "2 files, 1 of them unknown or dangerous"


def test_a_folder_without_models_is_an_error(tmp_path: Path) -> None:
    assert "no model files in ." in Sandbox(tmp_path).models("scan", ".", code=1).err


def test_a_recorded_model_that_is_not_in_place_is_scanned_in_the_store(repo: Sandbox) -> None:
    repo.write("evil.pt", EVIL)
    repo.models("add", "--allow-dangerous", "evil.pt")
    (repo / "evil.pt").unlink()
    assert repo.models("scan", "evil.pt", code=1).lines[0].startswith("evil.pt: dangerous")


def test_what_is_not_here_is_named(recorded: Sandbox, tmp_path: Path) -> None:
    assert "no model is called" in recorded.models("scan", "none.pt", code=1).err
    assert "there is no file none.pt" in Sandbox(tmp_path).models("scan", "none.pt", code=1).err
    (recorded / MODEL).unlink()
    (store,) = (recorded / ".git/models/objects").glob("*/*")
    store.unlink()
    assert f"git models pull {MODEL}" in recorded.models("scan", MODEL, code=1).err


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    assert "pipe.pt is no file" in Sandbox(tmp_path).models("scan", "pipe.pt", code=1).err


def test_names_in_a_file_cannot_forge_a_line(tmp_path: Path) -> None:
    folder = Sandbox(tmp_path)
    folder.write("model.pt", torch_zip(pickled(call("os", "system\x1b[2K", "x"))))
    told = folder.models("scan", "model.pt", code=1).out
    assert "\x1b" not in told
