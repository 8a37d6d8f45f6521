"""Entries and manifests for the tests."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from hypothesis import strategies as st

from git_models import manifest
from git_models.errors import PathError
from git_models.manifest import Entry, Part, Version
from git_models.paths import CONTROLS, check


def entry(path: str, seed: int = 1) -> Entry:
    """A complete entry whose hashes depend on path and seed."""
    data = f"{path}:{seed}".encode()
    sha256 = hashlib.sha256(data).hexdigest()
    return Entry(path, hashlib.md5(data).hexdigest(), sha256, 1000 + seed, manifest.asset_name(path, sha256))


def safe(path: str) -> bool:
    try:
        check(path)
    except PathError:
        return False
    return True


SHA256 = st.sampled_from(("a" * 64, "0" * 64, "1e10" * 16))
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    (
        "yes",
        "1.0",
        "# no",
        "a: b",
        "'q'",
        '"q"',
        "- x",
        "<<",
        "&a *b !c",
        "|",
        "line\nline\n",
        "\u2028",
        "\ufeff",
        "~",
        "😀",
    )
)
NAMES = TEXTS.filter(lambda text: not re.search(CONTROLS, text))
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
METRICS = st.dictionaries(TEXTS, st.floats() | st.integers(-100, 100) | TEXTS, max_size=3)
PARTS = st.just(()) | st.builds(lambda sha256: (Part("x.1", 3, sha256), Part("x.2", 4, sha256)), SHA256)
VERSIONS = st.lists(
    st.builds(
        lambda version, sha256, more: Version(version, "2026", "", sha256, 7, "x.pt", **more),
        NAMES.filter(bool),
        SHA256,
        st.fixed_dictionaries({}, optional={"note": TEXTS, "metrics": METRICS, "parts": PARTS}),
    ),
    max_size=2,
    unique_by=lambda v: v.version,
).map(tuple)
EXTRA = st.dictionaries(TEXTS.filter(lambda k: k not in Entry._fields and k != "<<"), PLAIN, max_size=2)
URLS = st.lists(st.sampled_from(("https://example.com/a", "https://example.org/b?x=1")), unique=True).map(tuple)
ENTRIES = st.builds(
    lambda needed, more: Entry("", **needed, **more),
    st.sampled_from(
        ({"md5": "1" * 32}, {"sha256": "a" * 64}, {"md5": "2" * 32, "sha256": "b" * 64, "size": 7, "asset": "b.pt"})
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "name": NAMES,
            **dict.fromkeys(("description", "notes", "license", "source", "created", "stage"), TEXTS),
            "metrics": METRICS,
            "urls": URLS,
            "parts": PARTS,
            "versions": VERSIONS,
            "extra": EXTRA,
        },
    ),
)
ODD_PATHS = (
    *(
        "żółw best (1)+v2.pt",
        "-dash.pt",
        "#x.pt",
        "yes",
        "1.0",
        "'q'.pt",
        "a'b.pt",
        "😀.pt",
        "null",
        "~",
        "&a.pt",
        "!x",
    ),
    *(
        "[1].pt",
        "{a}.pt",
        "a, b.pt",
        "@x.pt",
        "%x.pt",
        "0x1f",
        "1e5",
        "1_000",
        "2026-11-24",
        "0o17",
        "=",
        "- a",
        "a #b",
    ),
)
PATHS = st.one_of(
    st.sampled_from(ODD_PATHS),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(safe),
)
