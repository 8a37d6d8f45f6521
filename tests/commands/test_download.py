"""upload, download and url: one model under a name, in a clone and from a repository that is not cloned."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from pathlib import Path

import pytest

from git_models import getting
from git_models.partfile import SMALL
from tests.commands.conftest import MODEL, answer, snapshot
from tests.commands.test_versions import twice  # noqa: F401 (a fixture)
from tests.fakes.github import GitHub
from tests.fakes.web import Reply, Request, listen
from tests.helpers.forge import stock
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox, weights
from tests.inspect.assembler import call, good_state, pickled, torch_zip

EVIL = torch_zip(pickled(call("os", "system", "echo marker")))


def test_a_version_goes_to_a_file_and_what_is_there_is_backed_up_first(twice: Sandbox, tmp_path: Path) -> None:  # noqa: F811
    (twice / ".git/models/held").rename(tmp_path / "held")
    said = answer(twice, "download", "best.pt@1.0.0", "../copy/")
    target = tmp_path / "copy" / "best.pt"
    assert said["target"] == str(target) and said["from"] == (tmp_path / "place").as_uri()
    assert target.read_bytes() == weights(4096, 1)
    assert "has these very bytes already" in twice.models("download", "best.pt@1.0.0", str(target)).out
    refused = twice.models("download", "best.pt", str(target), code=1).err
    assert "already, with other bytes" in refused and "--force" in refused
    assert target.read_bytes() == weights(4096, 1)
    kept = answer(twice, "download", "best.pt", str(target), "--force")["kept"]
    assert Path(kept).read_bytes() == weights(4096, 1)
    assert target.read_bytes() == weights(4096, 2)
    assert os.listdir(tmp_path / "copy") == ["best.pt"], "nothing is left beside it"


def test_without_dest_a_model_goes_to_its_path_and_through_no_link(ready: Sandbox, tmp_path: Path) -> None:
    (ready / MODEL).unlink()
    ready.models("download", "best.pt")
    assert ready.read(MODEL) == weights(4096, 1)
    (ready / MODEL).unlink()
    (ready / "weights").rmdir()
    (ready / "weights").symlink_to(tmp_path / "place")
    assert "is a link" in ready.models("download", "best.pt", code=1).err
    (tmp_path / "link.pt").symlink_to("nowhere")
    assert "is a link" in ready.models("download", "best.pt", "../link.pt", code=1).err


def test_what_is_not_the_model_never_gets_its_name(ready: Sandbox, tmp_path: Path) -> None:
    (asset,) = (tmp_path / "place").glob("best-*.pt")
    (ready / MODEL).unlink()
    asset.write_bytes(weights(4096, 9))
    ready.models("download", "best.pt", "../other.pt", code=1)
    assert not (tmp_path / "other.pt").exists()
    ready.weight(MODEL, seed=5)
    assert "no model is called 'bset.pt'" in ready.models("download", "bset.pt", code=1).err
    assert ready.read(MODEL) == weights(4096, 5)


def test_url_prints_what_a_machine_without_python_needs(ready: Sandbox, tmp_path: Path) -> None:
    lines = ready.models("url", "best.pt", "--sh").lines
    place = (tmp_path / "place").as_uri()
    assert lines[0].startswith(f"curl -gfL --proto '=file' --proto-redir '=https' --retry 3 -o best.pt {place}/best-")
    assert lines[1:] == [
        f"echo '{ready.md5(MODEL)}  best.pt' | md5sum -c",
        f"echo '{ready.sha256(MODEL)}  best.pt' | sha256sum -c",
    ]
    other = Sandbox(tmp_path / "bare")
    other.root.mkdir()
    said = other.run("\n".join(lines)).out
    assert said == 2 * "best.pt: OK\n"
    assert other.read("best.pt") == weights(4096, 1)


SOMEWHERE = "https://example.org/best.pt"


@pytest.mark.parametrize(
    ("url", "way"),
    [
        (SOMEWHERE, "--proto '=https' --proto-redir '=https' --retry 3 -o best.pt https://example.org/best.pt"),
        ("http://127.0.0.1:8080/b.pt", "--proto '=http' --proto-redir '=http,https' --retry 3 -o best.pt http://127"),
        ("https://h.org/[a-z]{1,2}.pt?a=$(id)&b='", "-gfL --proto '=https'"),
        ("https://github.com/o/r/blob/main/b.pt", "--retry 3 -o best.pt https://github.com/o/r/raw/main/b.pt"),
    ],
)
def test_the_lines_follow_no_redirect_out_of_https(lone: Sandbox, url: str, way: str) -> None:
    _only_at(lone, url)
    (curl, _, check) = models(lone, "url", "best.pt", "--sh").lines
    assert way in curl and shlex.split(curl)[-1].startswith(url[:18]) and ";" not in curl
    assert check == f"echo '{lone.sha256(MODEL)}  best.pt' | sha256sum -c"


@pytest.mark.parametrize(
    "url", ["http://example.org/best.pt", "file:///etc/passwd", "ftp://example.org/x", "ssh://h/x"]
)
def test_the_lines_name_nothing_that_pull_would_not_ask(lone: Sandbox, url: str) -> None:
    _only_at(lone, url)
    assert "no place that anybody can read" in models(lone, "url", "best.pt", code=1).err


def test_where_only_an_md5_is_known_it_is_checked(lone: Sandbox) -> None:
    md5 = lone.md5(MODEL)
    _only_at(lone, SOMEWHERE, f'md5: "{md5}"')
    assert models(lone, "url", "best.pt", "--sh").lines[1:] == [f"echo '{md5}  best.pt' | md5sum -c"]


def test_curl_stays_on_https_and_other_bytes_end_with_an_error(lone: Sandbox, tmp_path: Path) -> None:
    seen = []

    def answer(request: Request) -> Reply:
        seen.append(request.path)
        there = {"/ftp": "ftp://127.0.0.1/x", "/file": f"file://{tmp_path}/repo/README.md"}
        return Reply(302, headers={"Location": there[request.path]}) if request.path in there else Reply(200, b"other")

    server = listen(answer, lambda _: None)
    try:
        for path in ("/ftp", "/file", "/other"):
            _only_at(lone, f"http://127.0.0.1:{server.port}{path}")
            lines = models(lone, "url", "best.pt", "--sh").lines
            lone.run("set -e\ncd ..\n" + "\n".join(lines), code=None if path == "/other" else 1)
            assert (tmp_path / "best.pt").exists() == (path == "/other")
            assert lone.run("set -e\ncd ..\n" + "\n".join(lines), code=None).code != 0
    finally:
        server.stop()
    assert set(seen) == {"/ftp", "/file", "/other"}


def _only_at(work: Sandbox, url: str, hashes: str = "") -> None:
    """The model is recorded at this one address."""
    hashes = hashes or f'md5: "{work.md5(MODEL)}"\n    sha256: "{work.sha256(MODEL)}"'
    work.write("models.yaml", f"version: 1\nmodels:\n  {MODEL}:\n    {hashes}\n    urls: [{json.dumps(url)}]\n")


def test_upload_in_place_gives_a_name_and_verifies_at_once(ready: Sandbox, tmp_path: Path) -> None:
    ready.weight("runs/exp/best.pt", seed=7)
    before = snapshot(ready)
    clash = ready.models("upload", "runs/exp/best.pt", code=1).err
    assert f"best.pt is the name of another model already: {MODEL}" in clash
    assert snapshot(ready) == before
    said = answer(
        ready, "upload", "runs/exp/best.pt", "custom.pt", "--tag", "1.0.0", "-m", "cats", "--metric", "mAP50=0.9"
    )
    entry = ready.entries()["runs/exp/best.pt"]
    assert (said["name"], entry["name"], entry["description"], entry["metrics"]) == (
        "custom.pt",
        "custom.pt",
        "cats",
        {"mAP50": 0.9},
    )
    assert entry["versions"][0]["version"] == "1.0.0"
    assert entry["created"] == time.strftime("%Y-%m-%d")
    assert (tmp_path / "place" / entry["asset"]).read_bytes() == weights(4096, 7)
    assert ready.status() == ["M  models.yaml"]
    again = answer(ready, "upload", "runs/exp/best.pt", "custom.pt")
    assert not again["changed"] and not again["remotes"][0]["uploaded"]
    assert answer(ready, "download", "custom.pt@1.0.0", "../")["target"] == str(tmp_path / "custom.pt")


@pytest.mark.slow
def test_upload_with_a_layout_copies_and_an_old_name_gets_a_new_version(ready: Sandbox, tmp_path: Path) -> None:
    ready.git("config", "models.layout", "data/models")
    outside = tmp_path / "elsewhere.pt"
    outside.write_bytes(weights(4096, 3))
    ready.models("upload", "../elsewhere.pt", "detector")
    path = "data/models/trained/detector.pt"
    assert ready.read(path) == weights(4096, 3)
    assert ready.entries()[path]["source"] == str(outside)
    outside.write_bytes(weights(4096, 4))
    ready.models("upload", "../elsewhere.pt", "detector")
    assert ready.read(path) == weights(4096, 4)
    assert len(list((tmp_path / "place").glob("detector-*.pt"))) == 2
    ready.weight(path, seed=5)
    assert "recorded nowhere" in ready.models("upload", "../elsewhere.pt", "detector", code=1).err
    assert ready.read(path) == weights(4096, 5)


@pytest.fixture
def anywhere(tmp_path: Path, hub: GitHub) -> Sandbox:
    """A folder that is no repository, on a machine where git's configuration leads to this GitHub."""
    folder = Sandbox(tmp_path / "anywhere")
    folder.root.mkdir()
    folder.git("config", "--global", f"url.{hub.url}/.insteadOf", "https://github.com/")
    folder.git("config", "--global", "models.hub.url", hub.remote("declares/the-host"))
    return folder


def test_a_public_repository_is_read_without_clone_token_or_api(anywhere: Sandbox, hub: GitHub) -> None:
    model = weights(300_000, 1)
    stock(hub, "ada/tools", {"weights/best.pt": model})
    anywhere.models("download", "ada/tools:best.pt", "models/")
    assert anywhere.read("models/best.pt") == model
    assert os.listdir(anywhere / "models") == ["best.pt"]
    assert hub.requests[0].path == "/ada/tools/raw/HEAD/models.yaml"
    assert not hub.asked("api") and not any(r.authorized for r in hub.requests)
    assert "has these very bytes already" in anywhere.models("download", "ada/tools:best.pt", "models/best.pt").out
    anywhere.write("best.pt", b"mine")
    anywhere.models("download", "ada/tools:best.pt@1.0.0", code=1)
    kept = answer(anywhere, "download", "ada/tools:best.pt@1.0.0", "--force")["kept"]
    assert Path(kept).read_bytes() == b"mine" and "best_backup_" in kept
    assert anywhere.read("best.pt") == model
    lines = anywhere.models("url", "ada/tools:best.pt", "--sh").out
    anywhere.run(f"rm best.pt; {lines}")
    assert anywhere.read("best.pt") == model


def test_show_reads_only_the_bytes_that_it_needs(anywhere: Sandbox, hub: GitHub) -> None:
    large = torch_zip(good_state(), [("archive/data/2", bytes(3 << 20))])
    stock(hub, "ada/tools", {"weights/best.pt": large})
    said = anywhere.models("show", "ada/tools:best.pt@1.0.0", "--json")
    found = json.loads(said.out)
    assert (found["repository"], found["version"], found["size"]) == ("ada/tools", "1.0.0", len(large))
    assert found["scan"]["verdict"] == "weights-only" and found["tensor_count"] == 2
    assert re.search(r"\b(\d+) KB of 3\.1 MB fetched", said.err)
    assert os.listdir(anywhere.root) == []


@pytest.mark.slow
def test_what_is_misspelt_or_private_is_told_apart(anywhere: Sandbox, hub: GitHub) -> None:
    stock(hub, "ada/tools", {"weights/best.pt": weights(4096)})
    assert "did you mean ada/tools:best.pt" in anywhere.models("download", "ada/tools:bset.pt", code=1).err
    assert "there are: 1.0.0" in anywhere.models("download", "ada/tools:best.pt@2.0.0", code=1).err
    assert "private or misspelt" in anywhere.models("download", "ada/none:best.pt", code=1).err
    assert "OWNER/REPO:MODEL" in anywhere.models("download", "best.pt", code=128).err
    hub.find("ada/tools")[0].private = True
    hub.token("ro", can={"ada/tools": "read"})
    anywhere.models("download", "ada/tools:best.pt", code=1)
    anywhere.models("download", "ada/tools:best.pt", env={"GH_ENTERPRISE_TOKEN": "ro"})
    assert anywhere.read("best.pt") == weights(4096)


def test_what_is_built_to_run_code_does_not_land(anywhere: Sandbox, hub: GitHub) -> None:
    # What is smaller is soon fetched again, and not kept.
    evil = torch_zip(pickled(call("os", "system", "echo marker")), [("archive/data/9", bytes(SMALL))])
    stock(hub, "ada/tools", {"evil.pt": evil})
    refused = anywhere.models("download", "ada/tools:evil.pt", "x.pt", code=1).err
    assert "built to run code" in refused and "--allow-dangerous" in refused
    assert not anywhere.exists("x.pt")
    anywhere.git("config", "--global", "models.scan", "off")
    hub.forget()
    anywhere.models("download", "ada/tools:evil.pt", "x.pt")
    assert anywhere.read("x.pt") == evil
    assert not hub.asked("blob")[1:], "what was verified before is not fetched again"
    assert os.listdir(anywhere.root) == ["x.pt"]


def test_a_hostile_manifest_leads_nowhere(anywhere: Sandbox, hub: GitHub, place: Path, tmp_path: Path) -> None:
    text = f'version: 1\nremotes:\n  other: {{url: "{place.as_uri()}"}}\n'
    (entry,) = stock(hub, "ada/tools", {"weights/best.pt": weights(4096)}, text).values()
    (place / entry.asset).write_bytes(weights(4096))
    hub.release("ada/tools", "git-models").assets.clear()
    said = anywhere.models("download", "ada/tools:weights/best.pt", "in/", code=1).err
    assert f"{place.as_uri()}: not asked for a stranger" in said
    assert not (anywhere / "in" / "best.pt").exists()
    hostile = entry._replace(name="../../escape.pt")
    assert getting.target(None, hostile, f"{tmp_path}/") == str(tmp_path / "best.pt")
