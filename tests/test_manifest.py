"""Reading, writing and editing models.yaml."""

from __future__ import annotations

import marshal
import subprocess
import sys
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from git_models import manifest
from git_models.errors import ManifestError
from git_models.manifest import EMPTY, Entry, Version
from tests.manifests import ENTRIES, ODD_PATHS, PATHS, entry

MD5, SHA256 = "0" * 31 + "a", "0" * 63 + "a"
HEAD = "version: 1\nmodels:\n"


def one(fields: str) -> bytes:
    return f"{HEAD}  a.pt:\n{fields}".encode()


HAND = f"""\
# My models

version: 1   # the format
owner: [me, "you"]
models:
  # about a
  a.pt:
    sha256: {SHA256.upper()}
    colour: red   # unknown to us
    size: 5 # bytes
    versions:
      # the first
      - {{version: 1.10, sha256: "{SHA256}", mine: true}}

  # alone between blank lines

  "c.pt":   # quoted
    md5: '{MD5}'
    notes: |
      two

      lines
    # inside c
  # last word
tail: ~
"""


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment", b"---\n", b"\xef\xbb\xbf"])
def test_a_file_that_says_nothing_is_an_empty_manifest(data: bytes) -> None:
    assert manifest.parse(data) == EMPTY


def test_a_hand_written_manifest_is_read_whole() -> None:
    read = manifest.parse(HAND.encode())
    a, c = read.models["a.pt"], read.models["c.pt"]
    assert (a.sha256, a.md5, a.size, a.asset, a.extra) == (SHA256, "", 5, "", {"colour": "red"})
    assert a.versions == (Version("1.10", "", "", SHA256, -1, "", extra={"mine": True}),)
    assert (c.md5, c.notes, c.label) == (MD5, "two\n\nlines\n", "c.pt")


@pytest.mark.parametrize(
    "change", [lambda t: t.replace("\n", "\r\n"), lambda t: "\ufeff" + t, lambda t: t.rstrip("\n")]
)
def test_line_ends_a_bom_and_a_missing_final_newline_change_nothing(change: object) -> None:
    assert manifest.parse(change(HAND).encode()) == manifest.parse(HAND.encode())  # type: ignore[operator]


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (one(f"    md5: {'1' * 32}\n"), 4, "quotes"),
        (one(f"    md5: {'1' * 30}e1\n"), 4, "quotes"),
        (one('    md5: ""\n'), 4, "32 hexadecimal"),
        (one("    md5:\n"), 4, "32 hexadecimal"),
        (one('    sha256: "abc"\n'), 4, "64 hexadecimal"),
        (one(f'    sha256: "{"g" * 64}"\n'), 4, "64 hexadecimal"),
        (one(f"    sha256: [{SHA256}]\n"), 4, "64 hexadecimal"),
        (one("    size: 5\n"), 3, "no md5 and no sha256"),
        (f"{HEAD}  a.pt:\n".encode(), 3, "no md5 and no sha256"),
        (one(f'    md5: "{MD5}"\n    size: -1\n'), 5, "size"),
        (one(f'    md5: "{MD5}"\n    size: 9007199254740993\n'), 5, "size"),
        (one(f'    md5: "{MD5}"\n    size: 1.5\n'), 5, "size"),
        (one(f'    md5: "{MD5}"\n    asset: "../x"\n'), 5, "asset"),
        (one(f'    md5: "{MD5}"\n    name: "a\\nb"\n'), 5, "line break"),
        (one(f'    md5: "{MD5}"\n    name: "a\\e[2J"\n'), 5, "control"),
        (one(f'    md5: "{MD5}"\n    versions: [{{version: "1\\n2", md5: "{MD5}"}}]\n'), 5, "line break"),
        (one(f'    md5: "{MD5}"\n    versions: [{{version: "1\\u202E", md5: "{MD5}"}}]\n'), 5, "control"),
        (one(f'    md5: "{MD5}"\n    versions: [{{version: "1", date: "\\x9b2J", md5: "{MD5}"}}]\n'), 5, "control"),
        (one(f'    md5: "{MD5}"\n    asset: "-rf"\n'), 5, "asset"),
        (one(f'    md5: "{MD5}"\n    md5: "{MD5}"\n'), 5, "twice"),
        (one(f'    md5: "{MD5}"\n  a.pt:\n    md5: "{MD5}"\n'), 5, "twice"),
        (one(f'    md5: "{MD5}"\n  "a.pt/b":\n    md5: "{MD5}"\n'), 5, "lies under"),
        (f'{HEAD}  weights\\best.pt:\n    md5: "{MD5}"\n'.encode(), 3, "weights/best.pt"),
        (f'{HEAD}  "../x.pt":\n    md5: "{MD5}"\n'.encode(), 3, "no name"),
        (one(f'    md5: &x "{MD5}"\n'), 4, "anchors"),
        (one("    md5: *x\n"), 4, "aliases"),
        (one(f'    md5: !!str "{MD5}"\n'), 4, "tags"),
        (one("    !!python/object/apply:os.system [id]\n"), 4, "tags"),
        (one(f"    <<: {{md5: '{MD5}'}}\n"), 4, "merge keys"),
        (one("    x: [[[[[[[[[[1]]]]]]]]]]\n"), 4, "deep"),
        (b"version: 1\n---\nversion: 1\n", 2, "second document"),
        (b"%YAML 1.1\n---\nversion: 1\n", 1, "directives"),
        (b"version: 2\n", 1, "newer"),
        (b"version: one\n", 1, "must be 1"),
        (b"version: true\n", 1, "must be 1"),
        (b"models: {}\n", 1, "version: 1"),
        (b"- a\n", 1, "mapping"),
        (b"version: 1\nmodels: [a]\n", 2, "models must be a mapping"),
        (b"version: 1\nmodels: {\n", 3, "not valid YAML"),
        (b"version: 1\n\xff\n", 2, "UTF-8"),
        ("version: 1\n# \u2028models: {}\n".encode(), 2, "U+2028"),
        (b"version: 1\n# x\rmodels: {}\n", 2, "U+000D"),
        (b"version: 1\n<<<<<<< HEAD\nx: 1\n=======\nx: 2\n>>>>>>> b\n", 2, "unresolved conflict in models.yaml line 2"),
        (b'version: 1\nremotes: {"-x": {url: "s3://a"}}\n', 2, "name for a remote"),
        (b"version: 1\nremotes: {x: {}}\n", 2, "no url"),
        (b'version: 1\nremotes: {x: {url: "https://me:pw@h/"}}\n', 2, "password"),
        (one(f'    md5: "{MD5}"\n    urls: ["https://h/x?X-Amz-Signature=0"]\n'), 5, "signature"),
        (one(f'    md5: "{MD5}"\n    urls: ["https://h/x?token=abcdef"]\n'), 5, "token"),
        (b'version: 1\ntrack: ["*.bin\\n:(exclude)*"]\n', 2, "line break"),
        (b'version: 1\ntrack: ["*.pt",\n "*a*a*a*a*a*b"]\n', 3, "more than 5 wildcards"),
        (b'version: 1\nactive: {"../x": "a.pt"}\n', 2, "no name"),
        (b'version: 1\nactive: {x: "../a.pt@1"}\n', 2, "no name"),
        (b'version: 1\nactive: {x: "a@b/../../c.pt@1"}\n', 2, "no name"),
        (
            one(f'    md5: "{MD5}"\n    size: 9\n    parts: [{{asset: "a", size: 1, sha256: "{SHA256}"}}]\n'),
            6,
            "together",
        ),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused_with_its_line(data: bytes, line: int, says: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.parse(data)
    assert says in caught.value.what
    assert caught.value.line == line


def test_a_merge_bomb_is_refused_at_once() -> None:
    bomb = "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 10)
    )
    start = time.process_time()
    with pytest.raises(ManifestError, match="anchors"):
        manifest.parse(bomb.encode())
    assert time.process_time() - start < 10


def test_a_file_out_of_proportion_to_its_entries_is_refused() -> None:
    with pytest.raises(ManifestError, match="larger than 1 MiB"):
        manifest.parse(b"version: 1\n#" + b"x" * (1 << 20))


def test_ten_thousand_entries_load() -> None:
    big = manifest.update(b"", {f"w/{i:05d}.pt": entry(f"w/{i:05d}.pt") for i in range(10_000)})
    assert len(manifest.parse(big).models) == 10_000


def test_paths_that_are_one_file_on_some_systems_are_warned_about() -> None:
    paths = ("Best.pt", "best.pt", "caf\u00e9.pt", "cafe\u0301.pt")
    read = manifest.parse(manifest.update(b"", {path: entry(path) for path in paths}))
    assert [w.rpartition(" differ only ")[2].split(":")[0] for w in manifest.warnings(read)] == [
        "in case",
        "in their Unicode form",
    ]


def test_freezing_and_thawing_loses_nothing() -> None:
    read = manifest.parse(manifest.update(HAND.encode(), {"b.pt": entry("b.pt")}, track=["*.pt"], active={"d": "b.pt"}))
    assert manifest.thaw(marshal.loads(marshal.dumps(manifest.freeze(read)))) == read


def test_a_new_manifest_says_how_to_get_the_weights() -> None:
    made = manifest.update(b"", {"a.pt": Entry("a.pt", MD5, SHA256, 5, "a-0.pt")}, remotes={"github": "github://o/r"})
    assert made.decode() == (
        "# Weights are not in git. Get them: pip install git-models && git models pull\n"
        "# (or with curl from the release page). Managed by `git models`; safe to edit by hand.\n"
        'version: 1\nremotes:\n  github: {url: "github://o/r"}\nmodels:\n  a.pt:\n'
        f'    md5: "{MD5}"\n    sha256: "{SHA256}"\n    size: 5\n    asset: "a-0.pt"\n'
    )


def test_a_changed_value_changes_its_own_line_only() -> None:
    old = manifest.parse(HAND.encode()).models["a.pt"]
    done = manifest.update(HAND.encode(), {"a.pt": old._replace(size=6)}).decode()
    assert done == HAND.replace("size: 5 # bytes", "size: 6 # bytes")


def test_a_removed_model_takes_the_comment_above_it_and_nothing_else() -> None:
    done = manifest.update(HAND.encode(), {"a.pt": None}).decode()
    start, end = HAND.index("  # about a"), HAND.index("\n  # alone")
    assert done == HAND[:start] + HAND[end:]


def test_a_new_model_goes_to_its_place_in_the_order() -> None:
    done = manifest.update(HAND.encode(), {"b.pt": entry("b.pt"), "d.pt": entry("d.pt")}).decode()
    assert [line for line in done.split("\n") if line not in HAND.split("\n")] == [
        line
        for path in ("b.pt", "d.pt")
        for line in manifest.update(b"", {path: entry(path)}).decode().split("\n")[4:-1]
    ]
    assert (
        done.index("a.pt") < done.index("  b.pt:") < done.index('"c.pt"') < done.index("  d.pt:") < done.index("tail")
    )


def test_a_new_version_leaves_the_earlier_ones_as_they_stand() -> None:
    old = manifest.parse(HAND.encode()).models["a.pt"]
    more = Version("2", "2026-01-01", MD5, SHA256, 5, "a.pt")
    done = manifest.update(HAND.encode(), {"a.pt": old._replace(versions=(*old.versions, more))}).decode()
    new = f'      - {{version: "2", date: "2026-01-01", md5: "{MD5}", sha256: "{SHA256}", size: 5, asset: "a.pt"}}\n'
    at = HAND.index("\n  # alone")
    assert done == HAND[:at] + new + HAND[at:]


def test_a_moved_model_keeps_its_comments_and_unknown_keys() -> None:
    done = manifest.move(HAND.encode(), "a.pt", "yes").decode()
    start, end, place = HAND.index("  # about a"), HAND.index("\n  # alone"), HAND.index("tail: ~")
    block = HAND[start:end].replace("  a.pt:", '  "yes":')
    last = HAND.index("  # last word")
    assert done == HAND[:start] + HAND[end:last] + block + HAND[last:place] + HAND[place:]
    with pytest.raises(ManifestError, match="not in models"):
        manifest.move(HAND.encode(), "nothing.pt", "x.pt")
    with pytest.raises(ManifestError, match="already"):
        manifest.move(HAND.encode(), "a.pt", "c.pt")


def test_nothing_to_change_changes_no_byte_and_a_change_normalises_once() -> None:
    odd = b"\xef\xbb\xbf" + HAND.replace("\n", "\r\n").encode()
    old = manifest.parse(odd)
    assert manifest.update(odd, {"a.pt": old.models["a.pt"]}) == odd
    assert manifest.update(odd, {"c.pt": None}) == manifest.update(HAND.encode(), {"c.pt": None})


@pytest.mark.parametrize(
    "text",
    [
        '{version: 1, models: {a.pt: {md5: "%s"}}}',
        'version: 1\nmodels: {a.pt: {md5: "%s", x: [1, {y: 2}]}}\n# end',
        'version: 1\nmodels:\n    "a.pt": {md5: "%s"} # flow',
        'version: 1\nmodels:\n  ? a.pt\n  : md5: "%s"',
        '--- {version: 1, models: {a.pt: {md5: "%s"}}}\n...',
        '---\nversion: 1\nmodels:\n a.pt:\n        md5: "%s"\n...\n',
        "version: 1\nmodels:\n  a.pt:\n    md5:\n      '%s'",
    ],
)
def test_unusual_shapes_are_edited_to_what_was_meant(text: str) -> None:
    data = (text % MD5).encode()
    old = manifest.parse(data).models["a.pt"]
    done = manifest.update(data, {"a.pt": old._replace(size=5, md5="f" * 32), "b.pt": entry("b.pt")})
    read = manifest.parse(done)
    assert read.models == {"a.pt": old._replace(size=5, md5="f" * 32), "b.pt": entry("b.pt")}
    assert data.count(b"#") == done.count(b"#")
    assert manifest.parse(manifest.update(done, dict.fromkeys(read.models))).models == {}
    assert manifest.parse(manifest.move(data, "a.pt", "z/a.pt")).models == {"z/a.pt": old._replace(path="z/a.pt")}


def test_sections_come_and_go() -> None:
    base = HAND.encode()
    done = manifest.update(base, remotes={"s3": "s3://b/p"}, track=["*.pt", "!x.pt"], active={"d": "a.pt@1.10"})
    read = manifest.parse(done)
    assert (read.remotes, read.track, read.active) == ({"s3": "s3://b/p"}, ("*.pt", "!x.pt"), {"d": "a.pt@1.10"})
    assert manifest.update(done, remotes={"s3": None}, track=[], active={"d": None}) == base


def test_what_may_not_be_written_is_refused() -> None:
    for bad in (Entry("a.pt"), Entry("a.pt", "xyz"), Entry("../a.pt", MD5), Entry("a.pt", MD5, size=-5, asset="a/b")):
        with pytest.raises(ManifestError):
            manifest.update(HAND.encode(), {bad.path: bad})


@pytest.mark.parametrize("path", ODD_PATHS)
def test_every_yaml_reader_sees_the_same_path_and_hashes(path: str) -> None:
    made = entry(path)._replace(md5="1" * 32, sha256="12345678e9" + "0" * 54)
    text = manifest.update(b"", {path: made})
    assert manifest.parse(text).models == {path: made}
    read = yaml.safe_load(text)["models"]
    assert read == {path: {"md5": made.md5, "sha256": made.sha256, "size": made.size, "asset": made.asset}}


@settings(max_examples=60)
@given(
    start=st.dictionaries(PATHS, ENTRIES, max_size=4), changes=st.dictionaries(PATHS, st.none() | ENTRIES, max_size=3)
)
def test_an_edit_says_what_was_meant_and_leaves_other_models_lines(
    start: dict[str, Entry], changes: dict[str, Entry | None]
) -> None:
    try:
        text = manifest.update(HAND.encode(), start)
        done = manifest.update(text, changes)
    except ManifestError as error:
        assert "lies under" in error.what
        return
    before, after = manifest.parse(text).models, manifest.parse(done).models
    assert after.keys() == {p for p in before.keys() | changes.keys() if changes.get(p, 1) is not None}
    for path, made in changes.items():
        assert (
            made is None or repr(after[path]) == repr(made._replace(path=path)) or after[path]._replace(path="") == made
        )
    kept = [p for p in before if p not in changes]
    assert [after[p] for p in kept] == [before[p] for p in kept]
    for row in HAND.split("\n"):
        if {"a.pt", "c.pt"}.isdisjoint(changes):
            assert row in done.decode().split("\n")
    assert manifest.update(done, {p: after.get(p) for p in changes}) == done
    assert yaml.safe_load(done)["models"].keys() == after.keys()


@settings(max_examples=60)
@given(path=PATHS, made=ENTRIES)
def test_adding_a_model_and_removing_it_gives_the_same_bytes(path: str, made: Entry) -> None:
    if path not in ("a.pt", "c.pt"):
        assert manifest.update(manifest.update(HAND.encode(), {path: made}), {path: None}) == HAND.encode()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("weights/best.pt", "best-0123456789ab.pt"),
        ("a/żółw best (1)+v2.pt", "w-best-1-v2-0123456789ab.pt"),
        ("x.pth.tar", "x-0123456789ab.pth.tar"),
        ("-dash.pt", "dash-0123456789ab.pt"),
        (".hidden", "hidden-0123456789ab"),
        ("模型.onnx", "model-0123456789ab.onnx"),
        ("v1.2.3", "v1.2-0123456789ab.3"),
        ("x.日本", "x-0123456789ab"),
        ("n" * 300 + ".pt", "n" * 80 + "-0123456789ab.pt"),
    ],
)
def test_an_assets_name_is_stem_hash_and_suffix(path: str, name: str) -> None:
    assert manifest.asset_name(path, "0123456789abcdef" * 4) == name


@given(st.text())
def test_an_assets_name_is_safe_everywhere(path: str) -> None:
    name = manifest.asset_name(path, "a" * 64)
    assert name.isascii() and name[0] not in ".-" and len(name) < 128
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def test_importing_the_manifest_loads_no_yaml() -> None:
    code = "import sys; from git_models import manifest; print({'yaml', 'rich', 'requests', 'pygit2'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


FORBIDDEN = """\
version: 1
remotes:
  x:
    url: "s3://bucket/models"
    command: "touch ran"
    endpoint: "https://evil.example"
    profile: "default"
    keyFile: "/home/ada/.ssh/id_ed25519"
    credentials: "/home/ada/.aws/credentials"
    verify: false
    sslVerify: false
    proxy: "http://evil.example:8080"
    cache: "/tmp/cache"
hooks: {post-checkout: "touch ran"}
core: {hooksPath: "hooks", sshCommand: "touch ran"}
models:
  a.pt:
    md5: "%s"
    command: "touch ran"
    store: "/tmp/store"
    link: "symlink"
"""


def test_what_a_manifest_cannot_say_is_kept_and_has_no_effect() -> None:
    read = manifest.parse((FORBIDDEN % MD5).encode())
    assert read.remotes == {"x": "s3://bucket/models"}, "a place is its URL and nothing else"
    assert set(read._fields) == {"version", "remotes", "models", "track", "active"}
    extra = {"command": "touch ran", "store": "/tmp/store", "link": "symlink"}
    assert read.models["a.pt"] == Entry("a.pt", MD5, extra=extra)
    changed = manifest.update((FORBIDDEN % MD5).encode(), {"a.pt": read.models["a.pt"]._replace(size=5)}).decode()
    assert set(FORBIDDEN.replace("%s", MD5).splitlines()) <= set(changed.splitlines())


@pytest.mark.parametrize(("depth", "fine"), [(5, True), (6, False), (100_000, False)])
def test_eight_levels_are_enough(depth: int, fine: bool) -> None:
    text = one(f'    md5: "{MD5}"\n    x: {"[" * depth}1{"]" * depth}\n')
    if fine:
        manifest.parse(text)
        return
    with pytest.raises(ManifestError, match=r"deep|depth"):
        manifest.parse(text)


@pytest.mark.parametrize(("size", "fine"), [("0", True), (str(2**53), True), (str(2**53 + 1), False), ("-1", False)])
def test_a_size_is_within_what_every_reader_keeps_exactly(size: str, fine: bool) -> None:
    text = one(f'    md5: "{MD5}"\n    size: {size}\n')
    if fine:
        assert manifest.parse(text).models["a.pt"].size == int(size)
        return
    with pytest.raises(ManifestError, match="size") as caught:
        manifest.parse(text)
    assert caught.value.line == 5


def test_a_merge_bomb_of_615_bytes_is_refused_before_anything_is_built() -> None:
    lines = ["a0: &a0 {x: 1}"]
    while len("\n".join(lines)) < 560:
        n = len(lines)
        lines.append(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}")
    bomb = "\n".join(lines).ljust(615, "#").encode()[:615]
    start = time.process_time()
    with pytest.raises(ManifestError, match="anchors") as caught:
        manifest.parse(bomb)
    assert time.process_time() - start < 10 and caught.value.line == 1


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.text(st.sampled_from("&*!<>:{}[]-|#'\"\n a1~%"), max_size=200).map(str.encode))
def test_whatever_the_bytes_are_a_manifest_or_an_error_with_a_line_comes_out(data: bytes) -> None:
    try:
        manifest.parse(data)
    except ManifestError as error:
        assert error.line >= 0
