"""Which paths may stand in a manifest."""

from __future__ import annotations

import ntpath
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_models.errors import PathError
from git_models.paths import check, clashes

REFUSED = (
    # what git refuses
    *("../b", "a/../../b", "a/./b", "/abs", "a//b", ".git/hooks/x", "a/.git/config", ".GIT/x", "git~1/x", ".git /x"),
    *(".git./x", ".git::$INDEX_ALLOCATION/x", ".git\\hooks\\x", "", ".", "..", "a/", ".git", "a/.Git"),
    # what git on Linux accepts
    *("a\\..\\..\\b", "C:x.pt", "C:/x", "CON", "aux/x.pt", "x.pt:stream", "x.pt.", "x.pt ", "a./x", "a /x", "git~2/x"),
    *(".g\u200cit/x", ".gi\ufefft/x", ".gitmodules", "a/.gitattributes", ".GitIgnore", "models.yaml", "Models.YAML"),
    *(
        "\\\\server\\share\\x",
        "//server/share/x",
        "\\\\?\\C:\\x",
        "nul.pt",
        "a/Prn.pth.tar",
        "com1.pt",
        "LPT9",
        "COM¹.pt",
    ),
    *("conin$", "CONOUT$.pt", "con .pt", "com0", "gitmod~1", "GI7EBA~1", "a/gi250a~3", ".gitmodules/x", ".git . /x"),
    *(
        "a\nb.pt",
        "a\tb",
        "a\x00b",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "a\u202eb.pt",
        "\udcff.pt",
        "a*b",
        "a?b",
        "a<b",
        'a"b',
        "a|b",
    ),
    *("n" * 256, "ż" * 128, "/".join(["n" * 200] * 6), "models\u200b.yaml", "ﬁ/.ｇit/x", ".git\u00ad/x"),
)
ACCEPTED = (
    *(
        "w.pt",
        "weights/best.pt",
        "żółw best (1)+v2.pt",
        "-dash.pt",
        " lead.pt",
        "a b.pt",
        "#x.pt",
        "yes",
        "😀.pt",
        "👩‍🔬.pt",
    ),
    *(
        "'q'.pt",
        ".hidden/x.pt",
        "git/x.pt",
        "a.git/x.pt",
        "github/x.pt",
        "legit/.gitkeep",
        "digit~1",
        "console.pt",
        "auxiliary/x",
    ),
    *(
        "com10.pt",
        "nullable",
        "a/models.yaml",
        "models.yaml.pt",
        "...pt",
        "..a",
        "a..b",
        "n" * 255,
        "x.pth.tar",
        "$x",
        "~x",
        "%2e%2e/x",
    ),
)


@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_is_unsafe_on_any_system_is_refused_with_the_reason(path: str) -> None:
    with pytest.raises(PathError) as caught:
        check(path)
    assert "cannot be a model's path: " in caught.value.what
    assert caught.value.what.isprintable() or not path.isprintable()


@pytest.mark.parametrize("path", ACCEPTED)
def test_an_odd_but_harmless_path_is_accepted(path: str) -> None:
    check(path)


def test_a_backslash_is_refused_with_the_path_to_write() -> None:
    with pytest.raises(PathError, match="write 'weights/best.pt'".replace(".", "[.]")):
        check("weights\\best.pt")


PIECES = st.sampled_from(
    (
        *"aA./\\: ~1",
        "..",
        ".git",
        "GIT~1",
        "con",
        "\u200c",
        "\u00ad",
        "\n",
        "models.yaml",
        "C:",
        ".gitmodules",
        "nul",
        "ı",
        "İ",
        "ſ",
    )
)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
def test_no_accepted_path_leaves_the_work_tree_or_enters_gits_folder(path: str) -> None:
    try:
        check(path)
    except PathError:
        return
    for module in (posixpath, ntpath):
        assert not module.isabs(path) and not module.splitdrive(path)[0]
        inside = module.normpath(module.join(module.sep + "root", path))
        assert inside.startswith(module.sep + "root" + module.sep)
        parts = inside.split(module.sep)[2:]
        assert len(parts) == path.count("/") + 1
        assert not any(part.lower().rstrip(". ") == ".git" for part in parts)
    assert path.encode().decode() == path


def test_pairs_that_cannot_lie_side_by_side_are_named() -> None:
    assert clashes(["a", "a/b", "a/c/d", "x.pt", "X.PT", "caf\u00e9", "cafe\u0301", "ab/c"]) == [
        ("a", "a/b", "prefix"),
        ("a", "a/c/d", "prefix"),
        ("cafe\u0301", "caf\u00e9", "unicode"),
        ("X.PT", "x.pt", "case"),
    ]


@given(st.lists(st.lists(st.sampled_from("aAb"), min_size=1, max_size=4).map("/".join), max_size=6))
def test_a_path_under_another_is_always_found(paths: list[str]) -> None:
    found = {(one, other) for one, other, kind in clashes(paths) if kind == "prefix"}
    assert found == {(a, b) for a in paths for b in paths if b.startswith(a + "/")}
