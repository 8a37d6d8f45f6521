from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL, answer, snapshot
from tests.fakes.github import GitHub
from tests.helpers import inside, team
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox

TOKEN = "GH_ENTERPRISE_TOKEN"


@pytest.fixture
def well(made: Callable[[str], Path], tmp_path: Path) -> Sandbox:
    """A clone in which nothing is wrong."""
    return team.copy(made("well"), tmp_path)


@pytest.fixture
def on_hub(recorded: Sandbox, hub: GitHub) -> Sandbox:
    """A clone whose models go to the stand-in for GitHub."""
    recorded.models("remote", "add", "gh", hub.remote("owner/repo"), "--local")
    recorded.models("setup")
    return recorded


def findings(work: Sandbox, check: str, code: int = 1, **options: dict[str, str]) -> list[tuple[str, str]]:
    """(problem, fix) of one check."""
    import json

    said = json.loads(work.models("doctor", "--json", code=code, **options).out)
    return [(f["problem"], f["fix"]) for c in said["checks"] if c["check"] == check for f in c["findings"]]


def test_a_clone_in_which_nothing_is_wrong_passes_and_is_left_as_it_is(well: Sandbox) -> None:
    before = snapshot(well)
    told = well.models("doctor")
    assert [line.split() for line in told.lines] == [
        ["ok", name]
        for name in (
            *("git", "hooks", "manifest", "places", "store", "excludes", "disk", "models"),
            *("commits", "reading", "sizes", "permissions", "backups"),
        )
    ]
    assert snapshot(well) == before


def test_each_finding_is_printed_with_its_command(recorded: Sandbox) -> None:
    lines = recorded.models("doctor", code=1).lines
    at = lines.index("PROBLEM  hooks")
    assert lines[at + 1 : at + 3] == [
        "  no hooks are installed: commits and pushes carry weights into git",
        "    next: git models setup",
    ]


def test_a_missing_hook_is_named(well: Sandbox) -> None:
    (well / ".git/hooks/pre-push").unlink()
    assert findings(well, "hooks") == [("hooks are missing: pre-push", "git models setup")]


def test_a_hook_that_somebody_replaced_is_foreign(well: Sandbox) -> None:
    well.write(".git/hooks/pre-push", "#!/bin/sh\nexit 0\n")
    ((what, fix),) = findings(well, "hooks")
    assert "pre-push is somebody else's" in what
    assert fix == "git models setup"
    well.models("setup")
    well.models("doctor")


def test_a_hook_whose_python_is_gone_is_old(well: Sandbox) -> None:
    file = well / ".git/hooks/pre-push"
    lines = [("python='/nowhere/python'" if n.startswith("python=") else n) for n in file.read_text().split("\n")]
    file.write_text("\n".join(lines))
    ((what, _),) = findings(well, "hooks")
    assert what.endswith("pre-push starts /nowhere/python, which is gone")


def test_a_hooks_path_set_later_is_called_a_bypass(well: Sandbox) -> None:
    (well / ".husky").mkdir()
    well.git("config", "core.hooksPath", ".husky")
    ((what, fix),) = findings(well, "hooks")
    assert "core.hooksPath" in what
    assert "bypasses" in what
    assert fix == "git models setup"
    well.models("setup")
    well.models("doctor")


def test_hooks_that_are_switched_off_are_noticed(well: Sandbox) -> None:
    assert findings(well, "hooks", env={"GIT_MODELS_SKIP": "1"})[0][1] == "unset GIT_MODELS_SKIP"


def test_patterns_that_the_hooks_do_not_know_are_noticed(well: Sandbox) -> None:
    well.write("models.yaml", well.read("models.yaml") + b"track: ['*.bin']\n")
    assert findings(well, "hooks") == [("the hooks know other patterns than models.yaml", "git models setup")]


def test_a_broken_manifest_is_one_finding_and_the_other_checks_go_on(well: Sandbox) -> None:
    well.write("models.yaml", "version: 1\nmodels: [\n")
    said = answer(well, "doctor", code=1)["checks"]
    assert {c["check"]: c["ok"] for c in said}["manifest"] is False
    assert len(said) == 13


def test_without_a_place_it_says_how_to_name_one(recorded: Sandbox) -> None:
    ((what, fix),) = findings(recorded, "places")
    assert what.startswith("no remote for models")
    assert fix.startswith("git models remote add NAME URL")


def test_a_folder_that_is_not_mounted_is_named(well: Sandbox, tmp_path: Path) -> None:
    well.git("config", "models.store.url", (tmp_path / "not/mounted").as_uri())
    assert "is not there" in findings(well, "places")[0][0]


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "there is no token for 127.0.0.1"),
        ("ro", "may not write to owner/repo"),
        ("nobody", "does not accept the token"),
    ],
)
def test_a_token_that_is_missing_or_may_not_write_leads_to_login(on_hub: Sandbox, token: str, said: str) -> None:
    ((what, fix),) = findings(on_hub, "places", env={TOKEN: token})
    assert said in what
    assert fix.startswith("git models login 127.0.0.1")


def test_a_token_that_may_write_is_no_finding_and_is_never_printed(on_hub: Sandbox, hub: GitHub) -> None:
    hub.token("very-secret-token", can={"owner/repo": "write"})
    told = on_hub.models("doctor", "-v", code=1, env={TOKEN: "very-secret-token"})
    assert "ok       places" in told.lines
    assert "very-secret" not in told.out + told.err


def test_a_store_that_became_a_draft_is_found_and_its_command_mends_it(on_hub: Sandbox, hub: GitHub) -> None:
    on_hub.models("push", env={TOKEN: "rw"})
    hub.delete_tag("owner/repo", "git-models")
    ((what, fix),) = findings(on_hub, "places", env={TOKEN: "rw"})
    assert what == "the release git-models of owner/repo is a draft: nobody can fetch its 1 asset"
    on_hub.run(fix, env={TOKEN: "rw"})
    assert findings(on_hub, "places", env={TOKEN: "rw"}, code=0) == []


def test_a_server_that_is_down_is_named(on_hub: Sandbox, hub: GitHub) -> None:
    hub.stop()
    ((what, fix),) = findings(on_hub, "places", env={TOKEN: "rw"})
    assert "cannot be reached" in what
    assert fix


def test_a_rotten_object_is_found_and_its_command_brings_it_back(well: Sandbox) -> None:
    oid = well.sha256(MODEL)
    well.write(f".git/models/objects/{oid[:2]}/{oid[2:]}", b"\0rotten")
    found = findings(well, "store")
    assert found[0] == (f"the store's copy of {MODEL} failed its hash", f"git models fetch {MODEL}")
    assert "lost" in found[1][0]


def test_an_exclude_block_that_somebody_edited_is_found(well: Sandbox) -> None:
    file = well / ".git/info/exclude"
    file.write_text(file.read_text().replace(f"/{MODEL}\n", ""))
    assert findings(well, "excludes") == [("the block in info/exclude does not match models.yaml", "git models setup")]
    well.models("setup")
    well.models("doctor")


def test_models_that_are_not_here_are_found(well: Sandbox) -> None:
    (well / MODEL).unlink()
    assert findings(well, "models") == [(f"{MODEL} is not here", "git models pull")]


def test_models_that_only_this_clone_has_are_found(recorded: Sandbox) -> None:
    assert findings(recorded, "models") == [(f"{MODEL} is not pushed: this clone has the only copy", "git models push")]


def test_a_hook_that_was_edited_or_made_not_executable_is_named(well: Sandbox) -> None:
    with (well / ".git/hooks/pre-commit").open("a") as file:
        file.write("exit 0\n")
    (well / ".git/hooks/pre-push").chmod(0o644)
    said = [what for what, _ in findings(well, "hooks")]
    assert "pre-commit is not as git models setup writes it" in said[0]
    assert "pre-push is not executable" in said[1]
    assert "hooks edited, replaced or removed (pre-commit, pre-push)" in well.models("status").out
    assert answer(well, "status")["hooks"] == [
        {"event": "pre-commit", "state": "old"},
        {"event": "pre-push", "state": "old"},
    ]
    well.models("setup")
    assert answer(well, "status")["hooks"] == []


def test_status_says_nothing_of_hooks_that_nobody_ever_installed_and_notices_a_bypass(well: Sandbox) -> None:
    (well / ".husky").mkdir()
    well.git("config", "core.hooksPath", ".husky")
    assert "hooks edited, replaced or removed" in well.models("status").out
    well.git("config", "--unset", "core.hooksPath")
    well.models("setup", "--uninstall")
    assert "hooks edited" not in well.models("status").out


def test_a_weight_that_was_committed_past_the_hooks_is_noticed_even_if_a_later_commit_removes_it(well: Sandbox) -> None:
    well.weight("sneaked.pt", 5000, seed=8)
    well.git("add", "sneaked.pt")
    well.git("commit", "--no-verify", "-m", "Past the hooks")
    ((what, fix),) = findings(well, "commits")
    assert what.startswith("sneaked.pt (5.0 KB), a weight file, stands in commit ")
    assert fix == "git models migrate history"
    told = models(well, "status")
    assert "past the hooks         sneaked.pt" in told.out
    assert inside.answer(well, "status")["past_hooks"] == ["sneaked.pt"]
    well.git("rm", "-q", "sneaked.pt")
    well.git("commit", "--no-verify", "-m", "Gone again")
    assert len(findings(well, "commits")) == 1


def test_a_large_weight_that_git_tracks_is_noticed_after_the_push_and_a_small_fixture_is_not(well: Sandbox) -> None:
    well.weight("tests/small.pt", 5000, seed=8)
    well.weight("large.pt", 1_000_000, seed=9)
    well.git("add", ".")
    well.git("commit", "--no-verify", "-m", "Both")
    well.git("push", "--no-verify", "origin", "HEAD")
    assert [what.split()[2] for what, _ in findings(well, "commits")] == ["large.pt"]
    assert "past the hooks" not in models(well, "status").out


def test_a_damaged_backup_is_found_and_a_good_one_is_hashed_once(
    well: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well.git("config", "models.backup", "../safe")
    models(well, "backup", MODEL)
    assert findings(well, "backups", code=0) == []
    (copy,) = (well.root.parent / "safe").glob("*.pt")
    os.utime(copy, (1, 1))
    inside.answer(well, "doctor", code=None)  # the hooks are not those of the Python that runs the tests
    monkeypatch.setattr("git_models.checkup.link.hashed", lambda _: pytest.fail("hashed again"))
    inside.answer(well, "doctor", code=None)
    monkeypatch.undo()
    copy.write_bytes(b"\0" * 4096)
    ((what, fix),) = findings(well, "backups")
    assert what == f"the backup {copy} has another SHA-256 than its metadata say"
    assert fix.startswith(f"rm {copy}*")
    copy.write_bytes(b"\0")
    assert "has 1 bytes instead of 4096" in findings(well, "backups")[0][0]


def test_a_folder_that_may_not_be_written_to_is_named(well: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    real, closed = os.access, str(well / "weights")
    monkeypatch.setattr("git_models.checkup.os.access", lambda f, mode: str(f) != closed and real(f, mode))
    said = inside.answer(well, "doctor", code=1)["checks"]
    (found,) = next(c for c in said if c["check"] == "permissions")["findings"]
    assert found["problem"] == f"no permission to put files into {closed}"
    assert found["fix"].startswith("chmod u+wx")


def test_a_full_disk_is_named_with_what_is_needed(well: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    (well / MODEL).unlink()
    next((well / ".git/models/objects").glob("*/*")).unlink()
    usage = shutil.disk_usage(well.root)
    monkeypatch.setattr("git_models.diagnosis.shutil.disk_usage", lambda _: usage._replace(free=10))
    said = inside.answer(well, "doctor", code=1)["checks"]
    found = next(c for c in said if c["check"] == "disk")["findings"]
    assert found[0]["problem"].startswith("only 10 B are free on the disk of ")
    assert "needs 4.1 KB" in found[0]["problem"]


def test_a_token_without_the_scope_that_storing_needs_is_found(on_hub: Sandbox, hub: GitHub) -> None:
    hub.token("unscoped", can={"owner/repo": "write"}, scopes="read:org, gist")
    ((what, fix),) = findings(on_hub, "places", env={TOKEN: "unscoped"})
    assert "lacks the scope repo" in what
    assert "read:org, gist" in what
    assert fix.startswith("git models login")


def test_a_part_size_above_what_the_place_takes_is_found(on_hub: Sandbox) -> None:
    on_hub.git("config", "models.partSize", "3G")
    ((what, fix),) = findings(on_hub, "sizes", env={TOKEN: "rw"})
    assert what.startswith("models.partSize is 3.0 GB")
    assert fix == "git config --unset models.partSize"


def test_a_place_to_fetch_from_and_a_link_that_do_not_answer_are_found(well: Sandbox, tmp_path: Path) -> None:
    well.git("config", "models.old.url", (tmp_path / "not/mounted").as_uri())
    text = well.read("models.yaml").decode()
    well.write("models.yaml", text.replace("    asset:", '    urls: ["http://127.0.0.1:9/best.pt"]\n    asset:'))
    said = [what for what, _ in findings(well, "reading")]
    assert "old (file://" in said[0]
    assert said[1].startswith(f"{MODEL}: ")


def test_a_place_that_nobody_is_signed_in_at_is_found(repo: Sandbox) -> None:
    repo.models("setup")
    repo.models("remote", "add", "box", "dropbox:///models", "--local", "--no-test")
    told = repo.models("doctor", code=1).out
    assert "dropbox:///models: nobody is signed in at Dropbox here" in told
    assert "git models login dropbox" in told
