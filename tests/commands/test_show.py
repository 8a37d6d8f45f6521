from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.conftest import answer
from tests.helpers.sandbox import Sandbox
from tests.inspect.assembler import call, good_state, pickled, torch_zip

MODEL = "weights/best.pt"
SOUND = torch_zip(good_state())
EVIL = torch_zip(pickled(call("os", "system", "echo marker")))
LARGE = torch_zip(good_state(), [("archive/data/2", bytes(3 << 20))])


@pytest.fixture
def shown(repo: Sandbox) -> Sandbox:
    """A repository with a real checkpoint, recorded and committed."""
    repo.write(MODEL, SOUND)
    repo.models("add", "-m", "finds cats", MODEL)
    repo.git("commit", "-m", "Record a model")
    return repo


def test_a_recorded_model_is_shown_with_its_hashes_and_its_training(shown: Sandbox) -> None:
    said = answer(shown, "show", MODEL, "--tensors")
    assert (said["path"], said["state"], said["about"]) == (MODEL, "ok", "finds cats")
    assert (said["sha256"], said["md5"]) == (shown.sha256(MODEL), shown.md5(MODEL))
    assert said["scan"]["verdict"] == "weights-only"
    assert {t["name"] for t in said["tensors"]} == {"state_dict.weight", "state_dict.count"}
    assert said["metadata"]["epoch"] == 3
    told = shown.models("show", MODEL).lines
    assert f"sha256      {shown.sha256(MODEL)}" in told
    assert any(line.startswith("safe        weights-only") for line in told)


def test_tensors_are_listed_only_when_asked_for(shown: Sandbox) -> None:
    assert "state_dict.weight  float32  [2]" not in shown.models("show", MODEL).out
    assert "state_dict.weight  float32  [2]" in shown.models("show", MODEL, "--tensors").out


def test_a_changed_file_is_shown_as_it_is_now(shown: Sandbox) -> None:
    before = shown.sha256(MODEL)
    shown.write(MODEL, LARGE)
    said = answer(shown, "show", MODEL)
    assert said["state"] == "modified"
    assert said["sha256"] == shown.sha256(MODEL) != before
    assert said["size"] == len(LARGE)


def test_a_model_that_is_not_in_place_is_read_from_the_store(shown: Sandbox) -> None:
    (shown / MODEL).unlink()
    said = answer(shown, "show", MODEL)
    assert (said["state"], said["size"]) == ("missing", len(SOUND))


def test_an_earlier_version_is_shown_by_its_commit_and_by_its_tag(shown: Sandbox) -> None:
    first = shown.sha256(MODEL)
    shown.write(MODEL, LARGE)
    shown.models("add", MODEL)
    shown.git("commit", "-m", "Train again")
    assert answer(shown, "show", f"{MODEL}@HEAD^")["size"] == len(SOUND)
    text = shown.read("models.yaml").decode()
    hashes = f'sha256: "{first}", md5: "{"0" * 32}"'
    version = f'{{version: "1.0", date: "2026-01-01", {hashes}, size: {len(SOUND)}, asset: "a.pt"}}'
    shown.write("models.yaml", text.rstrip("\n") + f"\n    versions:\n      - {version}\n")
    said = answer(shown, "show", "best.pt@1.0")
    assert (said["sha256"], said["versions"]) == (first, ["1.0"])
    assert "no version '7.7'; there are: 1.0" in shown.models("show", "best.pt@7.7", code=1).err


def test_a_file_is_shown_outside_a_repository(tmp_path: Path) -> None:
    folder = Sandbox(tmp_path)
    folder.write("model.pt", EVIL)
    said = answer(folder, "show", "model.pt")
    assert "sha256" not in said
    assert said["scan"]["verdict"] == "dangerous"
    assert answer(folder, "show", "--hash", "model.pt")["sha256"] == folder.sha256("model.pt")


def test_a_file_with_an_at_sign_in_its_name_is_that_file(repo: Sandbox) -> None:
    repo.write("model@HEAD", SOUND)
    assert answer(repo, "show", "model@HEAD")["format"].startswith("torch zip")


class Ranged(http.server.BaseHTTPRequestHandler):
    """Serves LARGE under /ranges, in ranges, and under /whole, as a whole."""

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        data = LARGE
        if wanted and self.path.startswith("/ranges"):
            start, stop = int(wanted[1]), min(int(wanted[2]) + 1, len(LARGE))
            data = LARGE[start:stop]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(LARGE)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except ConnectionError:
            pass  # whoever asks may have seen enough

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranged) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_of_a_url_only_what_is_needed_is_fetched(tmp_path: Path, served: str) -> None:
    said = Sandbox(tmp_path).models("show", f"{served}/ranges/model.pt", "--tensors")
    assert "state_dict.weight  float32  [2]" in said.out
    assert re.search(r"^13[12] KB of 3\.1 MB fetched", said.err, re.MULTILINE)


def test_a_server_that_sends_only_whole_files_is_named(tmp_path: Path, served: str) -> None:
    assert "sends only whole files" in Sandbox(tmp_path).models("show", f"{served}/whole/model.pt", code=1).err


def test_a_model_that_is_only_on_the_remote_is_read_there(shown: Sandbox, place: Path) -> None:
    shown.git("config", "models.store.url", place.as_uri())
    shown.git("config", "models.remote", "store")
    shown.models("push")
    (shown / MODEL).unlink()
    for file in (shown / ".git/models/objects").glob("*/*"):
        file.unlink()
    said = shown.models("show", MODEL)
    assert "fetched from store" in said.err
    assert any(line.startswith("parameters") for line in said.lines)
