"""The exact sentences for the worst moments. Change one here and there together, and read it aloud first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_models import messages
from git_models.commands import ALIASES, COMMANDS
from git_models.errors import ModelsError
from git_models.manifest import Entry
from tests.fakes.github import GitHub
from tests.helpers import ROOT
from tests.helpers.sandbox import Sandbox

BEST = "weights/best.pt"
PLACE = "github://ada/detector"
ENTRY = Entry(BEST, "0" * 32, "4567890abcde" + "0" * 52, 17_090_379, "best-4567890abcde.pt")

MOMENTS: dict[str, tuple[ModelsError | str, str]] = {
    "an MD5 alone": (
        messages.unpinned(["a b.pt", BEST]),
        """\
2 models with an MD5 alone, not fetched: anybody can make two files of one MD5
  next: git models pull 'a b.pt' && git models add 'a b.pt'   # records its SHA-256""",
    ),
    "a failed upload": (
        messages.upload_failed(1, PLACE, f"{BEST}: the connection to uploads.github.com broke", ""),
        """\
git models: nothing was pushed: 1 object could not be stored at
  github://ada/detector
  weights/best.pt: the connection to uploads.github.com broke
  next: git push   # goes on where it stopped""",
    ),
    "a long upload over SSH": (
        messages.long_upload(1500),
        """\
this upload takes about 25 min, and a server may close git's connection meanwhile.
If git says 'Broken pipe', all models are stored and git push again is quick.
  next time: git models push && git push""",
    ),
    "too much at once": (
        messages.too_much([(f"runs/exp{n}/last.pt", 90_000_000) for n in (1, 1, 1, 2)] + [("a.pt", 5)]),
        """\
git models: this commit would record 5 new weight files (360 MB):
  runs/exp1/: 3 files, 270 MB
  runs/exp2/: 1 file, 90.0 MB
  ./: 1 file, 5 B
  next: git models add runs           # yes, keep them as models
        git models untrack 'runs/**'  # no, they are not for this repository""",
    ),
    "a large file that is no model": (
        messages.too_large([("data/all.csv", 120_288_897)]),
        """\
git models: GitHub refuses files over 100 MB, and this commit has 1 of them:
  data/all.csv (120 MB)
  next: git models add data/all.csv        # keep it as a model, outside git
        git restore --staged data/all.csv  # leave it out of this commit
        git config models.limit 0          # no limit here (GitHub still has one)""",
    ),
    "GH001": (
        messages.gh001([("data/all.csv", 120_288_897, "1a2b3c4")]),
        """\
git models: GitHub would refuse this push (GH001): files over 100 MB stand in its commits.
  data/all.csv (120 MB) in commit 1a2b3c4
Deleting them in a later commit does not help: the earlier ones are pushed, too.
  next: git models migrate history   # moves them out of all commits that were not pushed; can be undone""",
    ),
    "the old commits of a migration in a push": (
        messages.backup_refs(),
        """\
git models: this push would carry refs/original/models/, the old commits that a migration keeps for its undo
  next: git push --all && git push --tags  # without them
        git models migrate forget          # delete them, when you are sure""",
    ),
    "offline": (messages.offline(2), "no network: 2 models not fetched. When it is back: git models pull"),
    "more than a hook may fetch": (
        messages.above_limit(3, 4_200_000_000, 1_000_000_000),
        "3 models (4.2 GB) not fetched, more than models.fetchLimit (1.0 GB): git models pull",
    ),
    "a page instead of a model": (
        messages.instead(BEST, "github", "an HTML page"),
        """\
git models: weights/best.pt: github sent an HTML page
  instead of the model; it was not kept
  next: git models pull weights/best.pt   # when github answers properly again""",
    ),
    "other bytes than the model's": (
        messages.other_bytes(BEST, "github", "SHA-256", "f9c0caa5f879" + "0" * 52, ENTRY.sha256),
        """\
git models: weights/best.pt: what github sent is not the model
  (SHA-256 f9c0caa5f879… instead of 4567890abcde…); nothing was put in place
  next: git models pull             # once more: the line may have been bad
        git models verify --remote  # is it the place's copy that is bad?""",
    ),
    "an address whose file was replaced": (
        messages.replaced(BEST, "https://host/best.pt", "bytes", 51568, 50000),
        """\
git models: weights/best.pt: what lies at https://host/best.pt now is not what models.yaml records
  (bytes 51568 instead of 50000); nothing was put in place
  next: git models pull weights/best.pt                                 # once more: the line may have been bad
        git models import --force https://host/best.pt weights/best.pt  # take what is there now, if that was meant""",
    ),
    "a kept local change": (
        messages.kept_local(BEST),
        """\
weights/best.pt was left as it is: its changes are recorded nowhere
  next: git models add weights/best.pt               # record them
        git models checkout --force weights/best.pt  # drop them""",
    ),
    "an object that is on no remote": (
        messages.nowhere(ENTRY, "Ada Tester on 2026-11-24 in commit 1a2b3c4"),
        """\
git models: weights/best.pt: its bytes are neither in this clone nor on a remote
  (17.1 MB, sha256 4567890abcde…; recorded by Ada Tester on 2026-11-24 in commit 1a2b3c4)
  next: git models push   # in the clone where it was recorded""",
    ),
    "a place that nobody approved": (
        messages.unapproved("lab", "file:///mnt/lab"),
        """\
git models: models.yaml names a place that you have not approved: file:///mnt/lab
  next: git models remote trust lab""",
    ),
    "deleting the store's tag": (
        messages.store_tag("refs/tags/git-models"),
        """\
git models: this push would delete refs/tags/git-models, on which the release with all models hangs:
  without that tag every download fails
  next: git fetch origin 'refs/tags/*:refs/tags/*' && git push --mirror""",
    ),
    "the first push to an empty repository": (
        messages.first_push(PLACE),
        """\
git models: this repository was empty, so its refs went first and the models after them:
  everything is there, at github://ada/detector.
  git says 'failed to push' now, because it finds the refs already pushed
  next: git push   # says: Everything up-to-date""",
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_worst_moments_have_these_words(moment: str) -> None:
    said, expected = MOMENTS[moment]
    assert (messages.told(said) if isinstance(said, ModelsError) else said) == expected


@pytest.mark.parametrize("moment", MOMENTS)
def test_each_of_them_names_a_command_to_type(moment: str) -> None:
    assert re.search(r"\bgit (models |push|reset|fetch|checkout)", MOMENTS[moment][1])


def test_every_command_that_the_program_advises_exists() -> None:
    advised = set()
    for file in [*(ROOT / "git_models").rglob("*.py"), *(ROOT / "hooks").glob("*.sh")]:
        # Behind a quote, a colon, an `&&` or a bracket it is a command; in a sentence it is the program's name.
        advised |= set(re.findall(r"""(?:["'`(&:]|or|and) ?git models ([a-z][a-z-]+)""", file.read_text()))
    words = {"is", "itself", "cannot", "records", "tries"}
    assert len(advised) > 10
    assert advised - words - set(COMMANDS) - set(ALIASES) == set()


def test_no_secret_is_printed_with_an_error() -> None:
    failed = ModelsError("no answer from https://ada:pa55word@example.com/x?sig=abcdef", "use ghp_0123456789abcdef")
    said = messages.told(failed)
    assert not [secret for secret in ("pa55word", "abcdef") if secret in said]


# Where the words come from a service's answer, or from the shell, they are tested by the real thing.


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    with GitHub(tmp_path / "hub") as server:
        server.repository("ada/detector", private=True)
        yield server


@pytest.fixture
def recorded(repo: Sandbox, hub: GitHub) -> Sandbox:
    """A clone whose one model is not on the private store yet."""
    repo.models("setup", "--remote", hub.remote("ada/detector"))
    repo.weight(BEST, 5000)
    repo.commit("Weights")
    return repo


def told(said: str, hub: GitHub) -> str:
    return said.replace(f"127.0.0.1:{hub.port}", "HOST")


def test_a_push_without_a_token_says_how_to_get_one(recorded: Sandbox, hub: GitHub) -> None:
    said = told(recorded.models("push", code=1).err, hub)
    assert said == (
        "git models: ada/detector on HOST is private or does not exist:\n"
        "  there is no token to look with\n"
        "  next: git models login HOST   # or set GH_ENTERPRISE_TOKEN\n"
    )


def test_a_push_with_a_token_that_may_only_read_says_which_and_what_to_do(recorded: Sandbox, hub: GitHub) -> None:
    hub.token("reader", can={"ada/detector": "read"}, kind="integration")
    said = told(recorded.models("push", code=1, env={"GH_ENTERPRISE_TOKEN": "reader"}).err, hub)
    assert said == (
        "git models: weights/best.pt: the token from GH_ENTERPRISE_TOKEN may only read ada/detector\n"
        "  (a pull request from a fork has such a token)\n"
        '  next: git models login HOST   # a token with "Contents: write"\n'
        "        git models push --remote github://YOU/FORK   # or store them at your fork\n"
    )


def test_git_push_without_a_token_stops_before_the_ref_moves(recorded: Sandbox, hub: GitHub) -> None:
    before = recorded.git("ls-remote", "origin").out
    said = told(recorded.git("push", code=1).err, hub)
    assert "next: git models login HOST" in said
    assert recorded.git("ls-remote", "origin").out == before


@pytest.fixture
def without_python(repo: Sandbox, place: Path) -> Sandbox:
    """A clone whose hooks name an interpreter that is gone since, as after an upgrade."""
    repo.models("setup", "--remote", place.as_uri())
    for hook in (repo / ".git/hooks").iterdir():
        if "git-models hook" in hook.read_text():
            hook.write_text(re.sub(r"^python='.*'", "python='/opt/old/bin/python'", hook.read_text(), flags=re.M))
    return repo


GONE = "git models: no longer installed for /opt/old/bin/python; next: pip install git-models && git models setup\n"


def test_a_commit_of_a_weight_stops_when_python_is_gone(without_python: Sandbox) -> None:
    without_python.weight(BEST, 5000)
    assert without_python.commit("Weights", BEST, code=1).err.endswith(GONE)
    assert BEST not in without_python.files_at()


def test_other_commits_do_not_notice_that_python_is_gone(without_python: Sandbox) -> None:
    without_python.write("train.py", "pass\n")
    without_python.git("restore", "--staged", ".", code=None)
    without_python.commit("Code", "train.py")
    assert "train.py" in without_python.files_at()


def test_a_checkout_goes_through_when_the_package_is_gone(
    repo: Sandbox, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.models("setup", "--remote", place.as_uri())
    repo.weight(BEST, 5000)
    repo.commit("Weights")
    repo.git("switch", "-c", "other", "HEAD^")
    for hook in (repo / ".git/hooks").iterdir():
        if "git-models hook" in hook.read_text():
            hook.write_text(re.sub(r"^package='.*'", "package='/opt/old/git_models'", hook.read_text(), flags=re.M))
    assert "no longer installed" in repo.git("switch", "main").err
    assert repo.git("branch", "--show-current").out == "main\n"


def test_a_model_that_runs_code_is_not_recorded_and_the_message_says_what_it_would_run(repo: Sandbox) -> None:
    # Loading this pickle calls posix.system("echo"); nothing here loads it.
    repo.write("best.pt", b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R.")
    assert repo.models("add", "best.pt", code=1).err == (
        "git models: best.pt was not recorded: it is built to run code: imports posix.system\n"
        "  next: git models scan best.pt   # says more\n"
        "        git models add --allow-dangerous best.pt   # if you know what it runs\n"
    )
    assert not repo.exists("models.yaml")
