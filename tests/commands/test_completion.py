"""Completion, asked of the shells themselves where they are installed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from git_models import manifest, tagging
from git_models.commands.completion import candidates
from tests.commands.conftest import MODEL
from tests.helpers.sandbox import Sandbox

SECONDS = 20
GIT = "/usr/share/bash-completion/completions/git"


@pytest.fixture
def tagged(ready: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A repository whose one model has the version 1.0.0, and the current folder in it."""
    entry = tagging.tag(manifest.parse(ready.read("models.yaml")).models[MODEL], "1.0.0", "the first")
    ready.write("models.yaml", manifest.update(ready.read("models.yaml"), {MODEL: entry}))
    monkeypatch.chdir(ready.root)
    return ready


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dow", ["download"]),
        ("no-such-command x", []),
        ("show w", [MODEL]),
        ("show best.pt@", ["best.pt@1.0.0", "best.pt@latest", "best.pt@previous"]),
        ("show best.pt@1", ["best.pt@1.0.0"]),
        ("tag best.pt ", []),
        ("log --mark", ["--markdown"]),
        ("add b", []),
        ("remote tr", ["trust"]),
        ("remote trust fi", ["file"]),
        ("push --remote fi", ["file"]),
        ("push -j 4 be", ["best.pt"]),
        ("completion f", ["fish"]),
        ("ls be", ["best.pt"]),
    ],
)
def test_what_a_line_can_become(tagged: Sandbox, line: str, expected: list[str]) -> None:
    assert [word for word, _ in candidates(line.split(" "))] == expected


def test_outside_a_repository_commands_are_completed_and_no_models() -> None:
    assert ("download", "one model, any version, from any repository, to a file") in list(candidates([""]))
    assert list(candidates(["show", ""])) == []


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


@pytest.mark.parametrize("line", ["git models show best.pt@1", "git models show be", "git-models down"])
def test_bash_completes_what_is_typed(tagged: Sandbox, line: str) -> None:
    script = """
eval "$(git models completion bash)"
COMP_LINE=$1 COMP_POINT=${#1}
_git_models
printf '<%s>' "${COMPREPLY[@]}"
"""
    said = subprocess.run(["bash", "-c", script, "bash", line], capture_output=True, text=True, check=True).stdout
    # What stands before the last @ is not replaced: bash takes it for a word of its own.
    expected = {"best.pt@1": "<1.0.0 >", "be": "<best.pt >", "down": "<download >"}
    assert said == expected[line.split()[-1].removeprefix("git-models ")]


@pytest.mark.skipif(not os.path.exists(GIT), reason="git's own completion is not installed")
def test_gits_own_completion_asks_ours(tagged: Sandbox) -> None:
    script = f"""
source {GIT}
eval "$(git models completion bash)"
COMP_LINE='git models show be' COMP_POINT=18 COMP_WORDS=(git models show be) COMP_CWORD=3
__git_wrap__git_main
printf '<%s>' "${{COMPREPLY[@]}}"
"""
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "<best.pt >", said.stderr


@needs("fish")
@pytest.mark.slow
def test_fish_completes_what_is_typed(tagged: Sandbox) -> None:
    script = (
        "git models completion fish | source; complete -C 'git models show best.pt@1'; complete -C 'git models dow'"
    )
    said = subprocess.run(["fish", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.splitlines() == [
        "best.pt@1.0.0\tthe first",
        "download\tone model, any version, from any repository, to a file",
    ]


@needs("zsh")
@pytest.mark.slow
def test_zsh_completes_what_is_typed(tagged: Sandbox) -> None:
    terminal, inside = pty.openpty()
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    try:
        _type(terminal, "PS1='ready> '; autoload -Uz compinit; compinit -u; eval \"$(git models completion zsh)\"\n")
        _until(terminal, r"\nready> |\rready> ")
        _type(terminal, "git models show best.pt@1\t")
        assert _until(terminal, r"best\.pt@1\x07?\.0\.0")
        _type(terminal, "\x15git models dow\t")
        assert _until(terminal, "dow\x07?nload")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def _type(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def _until(terminal: int, wanted: str) -> str:
    """What the shell writes, up to the pattern."""
    seen, end = "", time.monotonic() + SECONDS
    while not re.search(wanted, seen):
        left = end - time.monotonic()
        assert left > 0 and select.select([terminal], [], [], left)[0], f"{wanted!r} did not come: {seen!r}"
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.slow
def test_each_shell_takes_its_script(shell: str, repo: Sandbox) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    repo.run(f"git models completion {shell} > script && {shell} -n script")
