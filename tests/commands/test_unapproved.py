"""No model ever goes to a place that nobody approved in this clone, whatever its kind and whichever the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from git_models import remotes
from tests.commands.conftest import MODEL, snapshot
from tests.fakes.github import GitHub
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox

PLACES = {
    "dropbox": "dropbox:///Apps/models",
    "file": "file:///srv/stolen",
    "gdrive": "gdrive://0AbcDef",
    "github": "github://stranger/repo",
    "github+http": "github+http://127.0.0.1:1/stranger/repo",
    "hf": "hf://stranger/weights",
    "http": "http://127.0.0.1:1/models",
    "https": "https://models.example.com/f",
    "rclone": "rclone://drive/models",
    "s3": "s3://bucket/prefix",
    "ssh": "ssh://models.example.com/srv",
    "webdav+http": "webdav+http://127.0.0.1:1/f",
    "webdav+https": "webdav+https://dav.example.com/f",
}
OFTEN = ("file", "github", "https", "s3")  # the others, which differ in nothing here, are slow tests
COMMANDS = [
    ["push"],
    ["push", "--remote", "thief"],
    ["push", "--all", "--remote", "{url}"],
    ["upload", "new.pt", "--remote", "thief"],
    ["upload", "new.pt"],
    ["copy", "--from", "own", "--to", "thief", "--all"],
    ["archive", MODEL, "--to", "thief"],
    ["gc", "--remote", "thief", "--delete"],
    ["backup", MODEL],
    ["remote", "default", "thief"],
    ["remote", "test", "thief"],
    ["remote", "test", "thief", "--full"],
    ["remote", "test"],
]


def lured(work: Sandbox, url: str) -> Sandbox:
    """Its models.yaml names a place; nobody approved it in this clone."""
    work.git("remote", "add", "origin", "git@git.example.com:owner/repo.git")
    work.write(
        "models.yaml",
        work.read("models.yaml").replace(
            b"models:\n", f"remotes: {{thief: {{url: {json.dumps(url)}}}}}\nmodels:\n".encode(), 1
        ),
    )
    work.git("commit", "-qam", "Send them to me")
    work.git("config", "models.backup", url)
    work.git("config", "models.own.url", (work.root.parent / "own").as_uri())
    work.weight("new.pt", seed=9)
    return work


def test_every_kind_of_place_is_among_these() -> None:
    assert set(PLACES) == set(remotes.SCHEMES)


@pytest.mark.parametrize(
    "kind", [kind if kind in OFTEN else pytest.param(kind, marks=pytest.mark.slow) for kind in PLACES]
)
def test_no_command_sends_a_model_there(lone: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = PLACES[kind]
    work = lured(lone, url)
    opened: list[str] = []
    real = remotes.open

    def noted(to: str, name: str, options: remotes.Options | None = None) -> remotes.Remote:
        opened.append(to)
        return real(to, name, options)

    monkeypatch.setattr(remotes, "open", noted)
    before = snapshot(work)
    for command in COMMANDS:
        said = models(work, *(word.replace("{url}", url) for word in command), code=1).err
        assert "you have not approved" in said, command
        assert "git models remote trust thief" in said, command
    assert snapshot(work) == before
    assert url not in opened, "nobody is even asked"


@pytest.mark.slow
def test_a_server_that_would_take_it_hears_nothing(lone: Sandbox, hub: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    work = lured(lone, hub.remote("owner/repo"))
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "rw")
    for command in COMMANDS:
        models(work, *(word.replace("{url}", hub.remote("owner/repo")) for word in command), code=1)
    assert hub.asked() == []


def test_a_push_of_git_stops_before_a_byte_leaves(recorded: Sandbox, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    recorded.git("remote", "rename", "origin", "away")
    work = lured(recorded, stolen.as_uri())
    # git itself still gets there: the address that it is given is another one.
    origin = work.git("remote", "get-url", "away").out.strip()
    work.git("config", f"url.{origin}.insteadOf", "git@git.example.com:owner/repo.git")
    work.git("remote", "remove", "away")
    work.models("setup", code=None)
    before = work.git("ls-remote", "origin").out
    said = work.git("push", "origin", "HEAD:main", code=1).err
    assert "git models remote trust thief" in said
    assert list(stolen.iterdir()) == []
    assert work.git("ls-remote", "origin").out == before
    work.models("remote", "trust", "thief")
    work.git("push", "origin", "HEAD:main")
    assert [file.read_bytes() for file in stolen.rglob("*.pt")] == [work.read(MODEL)]
