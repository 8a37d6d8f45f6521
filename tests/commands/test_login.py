from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import answer
from tests.fakes.github import GitHub
from tests.helpers.sandbox import Sandbox

TOKEN = "GH_ENTERPRISE_TOKEN"


@pytest.fixture
def work(repo: Sandbox, hub: GitHub) -> Sandbox:
    """A repository whose models go to the stand-in."""
    repo.git("config", "models.store.url", hub.remote("owner/repo"))
    return repo


@pytest.fixture
def kept(home: Path) -> Path:
    """Where git keeps tokens."""
    file = home / "credentials"
    with (home / ".gitconfig").open("a") as config:
        config.write(f"[credential]\n\thelper = store --file={file}\n")
    return file


def test_a_token_that_may_write_is_found_and_nothing_is_asked(work: Sandbox) -> None:
    told = work.models("login", env={TOKEN: "rw"})
    assert told.lines == [f"logged in as ada: the token from {TOKEN} may write to owner/repo"]
    assert "rw" not in told.err


def test_a_token_from_the_page_is_checked_and_kept(work: Sandbox, kept: Path, hub: GitHub) -> None:
    told = work.models("login", input="rw\n")
    assert f"{hub.url}/settings/personal-access-tokens/new" in told.err
    assert told.lines == ["logged in as ada: the token from git credential may write to owner/repo"]
    assert kept.read_text() == f"http://ada:rw@127.0.0.1%3a{hub.port}\n"
    assert answer(work, "login") == {
        "host": f"127.0.0.1:{hub.port}",
        "login": "ada",
        "source": "git credential",
        "may_write": True,
    }


@pytest.mark.parametrize(
    ("given", "said"), [("ro", "may only read owner/repo"), ("nobody", "does not accept this token")]
)
def test_a_token_that_does_not_help_is_not_kept(work: Sandbox, kept: Path, given: str, said: str) -> None:
    assert said in work.models("login", input=f"{given}\n", code=1).err
    assert not kept.exists()


@pytest.mark.parametrize("given", ["", "\n", "two words\n", "gh\x01\n", "żółw\n"])
def test_what_is_no_token_is_refused_before_anybody_is_asked(work: Sandbox, hub: GitHub, given: str) -> None:
    hub.forget()
    work.models("login", input=given, code=1)
    assert hub.requests == []


def test_a_kept_token_that_was_revoked_is_replaced(work: Sandbox, kept: Path, hub: GitHub) -> None:
    hub.token("old", can={"owner/repo": "write"}, login="ada")
    work.models("login", input="old\n")
    hub.revoke("old")
    work.models("login", input="rw\n")
    assert kept.read_text() == f"http://ada:rw@127.0.0.1%3a{hub.port}\n"


def test_a_token_of_the_environment_that_may_only_read_is_named_as_what_is_in_the_way(work: Sandbox) -> None:
    told = work.models("login", env={TOKEN: "ro"}, input="rw\n", code=1)
    assert "belongs to bob and may only read owner/repo" in told.err
    assert f"unset {TOKEN}" in told.err


def test_without_a_helper_it_says_that_the_token_was_not_kept(work: Sandbox) -> None:
    told = work.models("login", input="rw\n", code=1)
    assert "git config --global credential.helper" in told.err


def test_a_host_that_is_none_is_refused(work: Sandbox) -> None:
    work.models("login", "github.com@evil", code=2)
