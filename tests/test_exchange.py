"""What arrives, until it is an object of the store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_models import exchange, manifests, objects, partfile, repo
from git_models.output import Output
from tests.helpers.sandbox import Sandbox
from tests.helpers.team import MODEL, holds


def test_no_file_that_another_process_could_go_on_with_waits_for_its_name(
    ready: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hand-written entry nobody knows how large the file is, so it can be continued, by anybody."""
    monkeypatch.chdir(ready.root)
    here = repo.find()
    entry = manifests.current(here).models[MODEL]
    waiting: dict[str, bool] = {}
    close = partfile.PartFile.close

    def noted(self: partfile.PartFile, landed: bool = False) -> None:
        waiting[os.path.basename(self.path)] = os.path.exists(self.path)
        close(self, landed)

    monkeypatch.setattr(partfile.PartFile, "close", noted)
    done = exchange.fetch(here, manifests.current(here), [entry._replace(size=-1)], Output())
    assert [e.path for e in done.got] == [MODEL] and objects.has(here.models, entry.sha256)
    assert waiting == {f"{entry.sha256}.part": False}
    assert list(Path(here.models, "incomplete").iterdir()) == []


def test_a_manifest_of_another_worktree_that_leads_to_a_device_without_end_is_passed_over(ready: Sandbox) -> None:
    ready.git("worktree", "add", "-b", "evil", "../evil", env={"GIT_MODELS_SKIP": "1"})
    evil = Sandbox(ready.root.parent / "evil")
    (evil / "models.yaml").unlink()
    (evil / "models.yaml").symlink_to("/dev/zero")
    ready.weight("b.pt", seed=2)
    # 2 GiB: without the rule memory ends here, and not that of the machine.
    ready.run("ulimit -v 2000000 && git models add b.pt")
    assert sorted(ready.entries()) == ["b.pt", MODEL]
    assert holds(ready, 1)


def test_how_long_an_upload_takes_is_judged_by_what_the_same_place_took_before(ready: Sandbox) -> None:
    slow, other = ready.root.parent / "slow", ready.root.parent / "other"
    (ready / ".git/models/rates").write_text(f"{slow.as_uri()}\t10\n")
    for place in (slow, other):
        ready.models("remote", "add", place.name, place.as_uri())
    assert "about 7 min" in ready.models("push", "--remote", "slow").err
    assert "about" not in ready.models("push", "--remote", "other").err


def test_the_rate_of_a_place_is_that_of_the_last_upload_large_enough_to_tell(ready: Sandbox) -> None:
    ready.weight("large.pt", size=6 * 10**6)
    ready.models("add", "large.pt")
    ready.models("push")
    ((place, rate),) = [line.split("\t") for line in (ready / ".git/models/rates").read_text().split("\n") if line]
    assert place == (ready.root.parent / "place").as_uri() and int(rate) > 10**6
