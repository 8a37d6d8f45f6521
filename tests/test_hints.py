"""The commands that messages advise are safe to copy into a shell, whatever a stranger called his files."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_models.errors import word

PACKAGE = Path(__file__).parent.parent / "git_models"
_COMMAND = re.compile(
    r"(?:\A|[\s(;&`])(?:git models [a-z]|git (?:add|restore|mv|rm|lfs|worktree|-C) |ls -|rm |cd )[^#]*\Z"
)
# What no stranger chooses, or what was checked to hold letters, digits, dots and dashes alone.
_HARMLESS = re.compile(
    r"(?:.*\.)?host|.*place\.name|self\.(?:target\.|_target\.)?name|target\.name|(?:manifest\.)?NAME|typed|event|lost|parts|"
    r"_words\(args\)|self\.url|found\.repository|close\[0\]|meant|near or .*|secrets\.token_hex\(16\)|journal\.what"
)


def _unquoted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, expression) of values that are put into an advised command without `word`."""
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        before = ""
        for part in text.values:
            if isinstance(part, ast.Constant):
                before += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                said = ast.unparse(part.value)
                quoted = re.match(r"(?:word|shlex\.quote|shlex\.join|quote|_argument)\(", said)
                if _COMMAND.search(before.rpartition("\n")[2]) and not quoted and not _HARMLESS.fullmatch(said):
                    yield part.lineno, said
                before += "\0"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_value_in_an_advised_command_is_one_word(file: Path) -> None:
    assert list(_unquoted(ast.parse(file.read_text(encoding="utf-8")))) == []


def test_the_rule_sees_a_value_that_is_not_quoted() -> None:
    assert list(_unquoted(ast.parse('f"git models scan {path}"'))) == [(1, "path")]
    assert not list(_unquoted(ast.parse('f"{path}: git models scan {word(path)}   # not {why}"')))


@pytest.mark.parametrize("plain", ["best.pt", "runs/train-1/best.pt", "größe.pt", "owner/repo:best.pt@1.2.0"])
def test_ordinary_names_stay_as_they_are(plain: str) -> None:
    assert word(plain) == plain


@settings(max_examples=25)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20), max_size=30))
@example(["-", "--help", "-n"])
@example(
    ["$(echo marker)", "`id`", "a b", "it's", "a\nb", "~", "*", "x;id", "a\\b", "\x1b[2J", "", "&&", "'", "a'\n$(id)"]
)
def test_a_shell_gives_every_word_back(texts: list[str]) -> None:
    script = "printf '%s\\0' " + " ".join(map(word, texts)) if texts else ":"
    said = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    paths = [f"./{text}" if text.startswith("-") else text for text in texts]  # no command takes it for an option
    assert said == b"".join(path.encode() + b"\0" for path in paths)
