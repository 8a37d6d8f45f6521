"""Whatever people do on two clones, in whatever order, killed or not: nothing recorded is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.helpers import world
from tests.helpers.world import CALLS, EVERYTHING, NAMES, PATHS, STRACE, World, version

pytestmark = pytest.mark.slow

# For each seed, of which Hypothesis plays the simplest first; `make machine` asks for more.
SEQUENCES = int(os.environ.get("GIT_MODELS_SEQUENCES", "2"))
SEEDS = 8
STEPS = 10

WHO = st.sampled_from(NAMES)
PATH = st.sampled_from(PATHS)
COMMITS = (
    ("commit", "-m", "Work"),
    ("commit", "-a", "-m", "Work"),
    ("commit", "--amend", "--no-edit"),
    ("commit", "--allow-empty", "-m", "Nothing"),
    ("commit", "-a", "-m", ""),
)
RECORD: tuple[tuple[tuple[str, ...], ...], ...] = (  # what follows on training
    (),
    (("commit", "-a", "-m", "Train"),),
    (("add", "-A"), ("commit", "-m", "Train")),
    (("models", "add", "-u"), ("add", "-A"), ("commit", "-m", "Train")),
    (("models", "add", "."), ("commit", "-m", "Train"), ("push",)),
    (("models", "add", "."), ("commit", "-m", "Train"), ("pull", "--no-rebase", "--no-edit"), ("push",)),
    (("commit", "-am", "Train"), ("pull", "--rebase"), ("push",)),
    (("models", "add", "."), ("commit", "--amend", "--no-edit")),
    (("add", "-A"),),
)
MODELS = (
    ("add", "-u"),
    ("push",),
    ("pull",),
    ("fetch",),
    ("checkout",),
    ("verify",),
    ("status",),
)
SAFE = (  # where git destroys nothing that it does not keep
    ("checkout", "main"),
    ("checkout", "-b", "third"),
    ("checkout", "topic"),
    ("checkout", "HEAD~1"),
    ("checkout", "origin/main"),
    ("merge", "--no-edit", "topic"),
    ("merge", "--no-edit", "main"),
    ("rebase", "main"),
    ("rebase", "topic"),
    ("rebase", "--autostash", "origin/main"),
    ("cherry-pick", "topic"),
    ("cherry-pick", "main"),
    ("revert", "--no-edit", "HEAD"),
    ("stash",),
    ("stash", "-u"),
    ("stash", "pop"),
    ("reset", "HEAD~1"),
    ("reset", "--soft", "HEAD~1"),
    ("reset", "--keep", "HEAD~1"),
    ("restore", "models.yaml"),
    ("checkout", "HEAD~1", "--", "models.yaml"),
)
SHARING = (
    ("push",),
    ("push", "-u", "origin", "HEAD"),
    ("fetch",),
    ("pull", "--no-rebase", "--no-edit"),
    ("pull", "--rebase"),
    ("pull", "--rebase", "--autostash"),
)
KILLS = {  # a command, and whether the model that it is about is trained or deleted before
    "git models add w c.pt": "train",
    "git models add -u": "train",
    "git commit -a -m Killed": "train",
    "git models push": "commit",
    "git push": "commit",
    "git models pull": "delete",
    "git models checkout": "delete",
    "git pull --no-rebase --no-edit": "delete",
    "git checkout HEAD~1": "delete",
    "git checkout main": "",
    "git checkout topic": "",
}


class Machine(RuleBasedStateMachine):
    """Two people at work; `folder` holds the template and, for one sequence at a time, the world."""

    folder: ClassVar[Path]
    template: ClassVar[World]

    @initialize()
    def begin(self) -> None:
        shutil.copytree(self.folder / "template", self.folder / "world", symlinks=True)
        first = self.template
        self.world = World(
            self.folder / "world", dict(first.written), set(first.recorded), {p: set(o) for p, o in first.at.items()}
        )
        self.count = 4
        for who in NAMES:
            self.world.look(who, {})

    def fresh(self) -> bytes:
        self.count += 1
        return version(self.count)

    def there(self, who: str, path: str) -> str:
        """This path, or another one where there is no file."""
        found = self.world.files(who)
        return path if path in found or not found else min(found)

    @rule(who=WHO, path=PATH, replace=st.booleans(), then=st.sampled_from(RECORD))
    def train(self, who: str, path: str, replace: bool, then: tuple[tuple[str, ...], ...]) -> None:
        self.world.write(who, path, self.fresh(), replace=replace)
        for command in then:
            self.world.run(who, "git", *command, commits=command[0] == "commit")

    @rule(who=WHO, path=PATH, back=st.integers(0, 3))
    def put_an_old_version_back(self, who: str, path: str, back: int) -> None:
        self.world.write(who, path, version(max(0, self.count - back)))

    @rule(who=WHO)
    def edit_code(self, who: str) -> None:
        self.count += 1
        self.world.log.append(f"{who}: edit code")
        self.world.clone(who).write(f"{who}.py", f"print({self.count})\n")

    @rule(who=WHO, path=PATH)
    def delete(self, who: str, path: str) -> None:
        self.world.log.append(f"{who}: delete {path}")
        (self.world.clone(who) / self.there(who, path)).unlink(missing_ok=True)

    @rule(who=WHO, path=PATH, to=PATH)
    def rename(self, who: str, path: str, to: str) -> None:
        clone, path = self.world.clone(who), self.there(who, path)
        if clone.exists(path) and not clone.exists(to):
            content = clone.read(path)
            (clone / path).unlink()
            self.world.write(who, to, content)

    @rule(who=WHO, path=PATH, form=st.sampled_from(("-A", "force", "path")))
    def git_add(self, who: str, path: str, form: str) -> None:
        path = self.there(who, path)
        arguments = {"-A": ("-A",), "force": ("-f", path), "path": (path,)}[form]
        self.world.run(who, "git", "add", *arguments)

    @rule(who=WHO, form=st.sampled_from(COMMITS), stage=st.booleans())
    def commit(self, who: str, form: tuple[str, ...], stage: bool) -> None:
        if stage:
            self.world.run(who, "git", "add", "-A")
        self.world.run(who, "git", *form, commits=True)

    @rule(who=WHO, path=PATH)
    def commit_one_path(self, who: str, path: str) -> None:
        path = self.there(who, path)
        self.world.run(who, "git", "add", "-f", path)
        self.world.run(who, "git", "commit", "-m", "Path", "--", path, commits=True)

    @rule(who=WHO, path=PATH)
    def bypass(self, who: str, path: str) -> None:
        path = self.there(who, path)
        self.world.run(who, "git", "add", "-f", path)
        self.world.run(who, "git", "commit", "--no-verify", "-m", "Bypassed")

    @rule(who=WHO, command=st.sampled_from(MODELS))
    def models(self, who: str, command: tuple[str, ...]) -> None:
        self.world.run(who, "git", "models", *command)

    @rule(who=WHO, path=PATH, verb=st.sampled_from(("add", "rm", "rm --cached", "checkout --force")))
    def models_path(self, who: str, path: str, verb: str) -> None:
        self.world.run(who, "git", "models", *verb.split(), path)

    @rule(who=WHO, path=PATH, to=PATH)
    def models_mv(self, who: str, path: str, to: str) -> None:
        path = self.there(who, path)
        entry = self.world.files(who).get(path)
        if entry is not None:
            self.world.at.setdefault(to, set()).add(world.sha256(entry))
        self.world.run(who, "git", "models", "mv", path, to)

    @rule(who=WHO, command=st.sampled_from(SAFE))
    def git(self, who: str, command: tuple[str, ...]) -> None:
        self.world.run(who, "git", *command)

    @rule(who=WHO, command=st.sampled_from(SHARING))
    def share(self, who: str, command: tuple[str, ...]) -> None:
        self.world.run(who, "git", *command)

    @rule(who=WHO, to=st.sampled_from(("HEAD", "HEAD~1", "origin/main", "topic")))
    def reset_hard(self, who: str, to: str) -> None:
        risk = self.world.tracked(who) | self.world.tracked(who, to)
        self.world.run(who, "git", "reset", "--hard", to, may_destroy=risk)

    @rule(who=WHO)
    def clean(self, who: str) -> None:
        self.world.run(who, "git", "clean", "-fdx", may_destroy=EVERYTHING)

    @precondition(lambda self: any(self.world.operation(w) or self.world.unmerged(w) for w in NAMES))
    @rule(how=st.sampled_from(("ours", "theirs", "union", "abort")))
    def settle_conflicts(self, how: str) -> None:
        for who in NAMES:
            operation = self.world.operation(who)
            if how == "abort" and operation:
                self.world.run(who, "git", operation, "--abort", may_destroy=self.world.tracked(who))
            elif self.world.unmerged(who):
                self.world.run(who, "git", "models", "checkout", f"--{how}" if how != "abort" else "--ours")
            if self.world.operation(who) == "merge":
                self.world.run(who, "git", "commit", "--no-edit", commits=True)
            elif self.world.operation(who):
                self.world.run(who, "git", self.world.operation(who), "--continue")

    @precondition(lambda self: STRACE)
    @rule(
        who=WHO,
        path=PATH,
        call=st.sampled_from(CALLS),
        number=st.integers(1, 4),
        command=st.sampled_from(sorted(KILLS)),
    )
    def kill(self, who: str, path: str, call: str, number: int, command: str) -> None:
        if KILLS[command] in ("train", "commit"):
            self.world.write(who, path, self.fresh())
        if KILLS[command] == "commit":
            self.world.run(who, "git", "models", "add", path)
            self.world.run(who, "git", "commit", "-m", "To be pushed", commits=True)
        if KILLS[command] == "delete":
            self.delete(who, path)
        commits = " commit " in command
        self.world.run(who, *command.split(), kill=(call, number), commits=commits)
        self.world.run(who, *command.split(), commits=commits)

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                for who in NAMES:
                    self.world.converge(who)
        finally:
            world.settle(self.folder)
            shutil.rmtree(self.folder / "world", ignore_errors=True)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> type[Machine]:
    """The state machine with a template that all its sequences begin with."""
    folder = tmp_path_factory.mktemp("machine")
    template = world.begin(folder / "world")
    (folder / "world").rename(folder / "template")
    return type("Begun", (Machine,), {"folder": folder, "template": template})


@pytest.mark.parametrize("number", range(SEEDS))
def test_no_sequence_of_commands_on_two_clones_loses_recorded_bytes(number: int, machine: type[Machine]) -> None:
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            # A sequence takes seconds: the whole of it is printed instead of being made shorter.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
        _min_steps=STEPS,
    )
