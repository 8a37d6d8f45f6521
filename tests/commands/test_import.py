from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_models import importing, manifests
from git_models.errors import ModelsError
from git_models.output import Output
from git_models.repo import find
from git_models.workers import Pace
from tests.commands.conftest import answer, snapshot
from tests.fakes.internet import Internet
from tests.fakes.web import Reply, listen
from tests.helpers.sandbox import Sandbox, weights
from tests.inspect.assembler import call, good_state, pickled, torch_zip

URL = "https://github.com/owner/repo/releases/download/v1/best.pt"
MODEL = weights(300_000, 1)


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with Internet(tmp_path) as web:
        web.pages[URL] = MODEL
        for name, value in web.env.items():
            monkeypatch.setenv(name, value)
        yield web


def test_a_file_is_recorded_on_first_use_and_pulled_from_there(
    repo: Sandbox, net: Internet, clone: Callable[..., Sandbox]
) -> None:
    net.cut[URL] = 1
    said = answer(repo, "import", URL, "weights/")["imported"][0]
    entry = repo.entries()["weights/best.pt"]
    assert (entry["urls"], entry["source"], entry["size"]) == ([URL], URL, len(MODEL))
    assert (entry["md5"], entry["sha256"]) == (repo.md5("weights/best.pt"), repo.sha256("weights/best.pt"))
    assert said["changed"] and repo.read("weights/best.pt") == MODEL
    assert repo.status() == ["A  models.yaml"]
    repo.git("commit", "-m", "Import")
    repo.git("push")
    other = clone("other")
    other.models("pull", "--no-setup")
    assert other.read("weights/best.pt") == MODEL
    assert "recorded already" in repo.models("import", URL, "weights/best.pt").out
    net.pages[URL] = weights(300_000, 2)
    before = snapshot(repo)
    assert "recorded with other bytes" in repo.models("import", URL, "weights/best.pt", code=1).err
    assert "another SHA-256" in repo.models("import", URL, "x.pt", "--sha256", "0" * 64, code=1).err
    assert snapshot(repo) == before
    repo.models("import", "--force", URL, "weights/best.pt")
    assert repo.read("weights/best.pt") == weights(300_000, 2)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"<!DOCTYPE html><title>sign in</title>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n", "Git LFS pointer"),
        (b'{"message": "Not Found"}', "JSON"),
        (b"", "empty"),
        (torch_zip(good_state())[:-30], "truncated"),
        (torch_zip(pickled(call("os", "system", "x"))), "built to run code"),
        (MODEL, "connection to github.com broke"),
        (Reply(404, b""), "nothing under"),
    ],
    ids=["page", "pointer", "json", "empty", "truncated", "dangerous", "short", "absent"],
)
def test_what_is_not_the_model_is_never_recorded(
    repo: Sandbox, net: Internet, page: bytes | Reply, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.root)
    monkeypatch.setattr(importing, "Pace", lambda: Pace(tries=1))
    net.pages[URL], net.cut[URL] = page, 9 if page is MODEL else 0
    here = find()
    with pytest.raises(ModelsError, match=why):
        importing.run(here, manifests.current(here), URL, "best.pt", Output(quiet=True))
    assert not repo.exists("models.yaml") and not repo.exists("best.pt")


@pytest.mark.slow
def test_a_list_is_imported_into_a_folder_and_what_fails_is_named(repo: Sandbox, net: Internet, place: Path) -> None:
    net.pages["https://example.com/nano.pt"] = weights(5000, 3)
    repo.git("config", "models.remote", place.as_uri())
    repo.write(
        "models.sh", f'declare -A MODEL_URLS=(\n  ["best.pt"]="{URL}"\n  [nano]=https://example.com/nano.pt\n)\n'
    )
    repo.write("more.txt", "gone.pt https://example.com/gone.pt\n")
    assert "2 models imported" in repo.models("import", "--from", "models.sh", "weights", "--mirror").out
    assert set(repo.entries()) == {"weights/best.pt", "weights/nano.pt"}
    assert len(list(place.iterdir())) == 2
    assert "line 1, gone.pt: " in repo.models("import", "--from", "more.txt", code=1).err


@pytest.mark.slow
def test_an_address_inside_a_network_is_not_for_everybody(repo: Sandbox, place: Path) -> None:
    server = listen(lambda _: Reply(200, MODEL, {}), lambda _: None)
    url = f"http://127.0.0.1:{server.port}/best.pt"
    repo.git("config", "models.remote", place.as_uri())
    assert "--mirror" in repo.models("import", url, "best.pt", code=1).err
    assert not repo.exists("models.yaml")
    repo.models("import", "--mirror", url, "best.pt")
    server.stop()
    assert "urls" not in repo.entries()["best.pt"]
    assert repo.read("best.pt") == MODEL
    assert "carries a" in repo.models("import", "https://example.com/a.pt?X-Amz-Signature=abc", "a.pt", code=1).err
