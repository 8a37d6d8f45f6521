"""Whatever a stranger wrote, in models.yaml, in a backup's metadata, in a file's name: no command prints a control."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.commands.conftest import MODEL
from tests.fakes.web import Reply, listen
from tests.helpers.inside import models
from tests.helpers.sandbox import Sandbox

# A C0 and a C1 sequence that clear the screen, a bell, text that runs backwards, an isolate, a mark, a forged line.
NASTY = "a\x1b[2Jb\x07\x9b2Jc\u202ed\u2066e\u200ff\x7f\x85g\rh"
FORGED = "git models: all is well"
LINES = f"{NASTY}\n{FORGED}"
REVERSED = "https://127.0.0.1:9/a\u202eb\u200f"  # other controls in a URL are an error of models.yaml
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

COMMANDS = (
    ("overview",),
    ("push", "-n"),
    ("status",),
    ("list",),
    ("list", "-l"),
    ("show", MODEL),
    ("show", f"{MODEL}@1.0.0"),
    ("log",),
    ("log", MODEL),
    ("log", "--markdown", MODEL),
    ("log", "--local"),
    ("diff",),
    ("diff", "HEAD~1"),
    ("url", MODEL),
    ("url", MODEL, "--sh"),
    ("du",),
    ("du", "-l"),
    ("doctor",),
    ("check",),
    ("check", "--history"),
    ("verify",),
    ("scan", MODEL),
    ("backup", "--all"),
    ("restore",),
    ("restore", "evil"),
    ("restore", MODEL, "../out.pt"),
    ("activate", MODEL),
    ("activate",),
    ("download", MODEL, "../here.pt"),
    ("download", NASTY),
    ("import", f"https://127.0.0.1:9/{NASTY}", "x.pt"),
    ("rollback", f"{MODEL}@{NASTY}"),
    ("tag", MODEL, NASTY),
    ("fetch", f"{MODEL}@nothing"),
    ("remote", "list"),
    ("remote", "add", NASTY, "s3://b/p"),
    ("remote", "add", "x", f"s3://{NASTY}/p"),
    ("remote", "test", "evil"),
    ("remote", "trust", "evil"),
    ("copy", "--from", "evil", "--to", "default"),
    ("archive", "--to", "evil", MODEL),
    ("gc", "--remote"),
    ("prune", "-n"),
    ("migrate", "history", "-n", "--everything"),
    ("migrate", "lfs", "-n"),
    ("migrate", "dvc", "-n"),
    ("export", "lfs", "-n"),
    ("pull",),
    ("checkout",),
    ("adopt", "-n", f"o/{NASTY}"),
    ("add", NASTY),
    ("mv", MODEL, NASTY),
    ("rm", NASTY),
    ("track", NASTY),
    ("untrack", NASTY),
    ("upload", NASTY, NASTY),
    ("edit", NASTY),
    ("nonsense" + NASTY,),
)


@pytest.fixture
def hostile(lone: Sandbox, tmp_path: Path) -> Sandbox:
    """A repository in which every text that somebody can choose is hostile."""
    lone.git("config", "models.layout", "data")
    models(lone, "tag", MODEL, "1.0.0", "-m", LINES)
    models(lone, "backup", MODEL, "-m", LINES)
    said = json.dumps(LINES)
    text = lone.read("models.yaml").decode()
    fields = "".join(f"    {f}: {said}\n" for f in ("description", "notes", "license", "source", "stage"))
    fields += f"    created: {said}\n    metrics: {{{said}: {said}}}\n    {said}: {said}\n"
    fields += f"    urls: [{json.dumps(REVERSED)}]\n"
    text = text.replace(f"  {MODEL}:\n", f"  {MODEL}:\n{fields}")
    text = text.replace(
        '{version: "1.0.0",',
        f'{{version: "9", {said}: 1, sha256: "{"0" * 64}", note: {said}}}\n      - {{version: "1.0.0",',
    )
    remotes = f"remotes: {{evil: {{url: {json.dumps(REVERSED)}}}, other: {{url: {json.dumps('x' + REVERSED)}}}}}\n"
    lone.write("models.yaml", text.replace("models:\n", remotes + "models:\n", 1))
    models(lone, "add", MODEL, code=None)
    lone.git("add", "-A")
    lone.git("commit", "-m", LINES)
    (copy,) = (f for f in (lone / "data/backups").iterdir() if f.name.endswith(".pt"))
    facts = json.loads(copy.with_name(copy.name + ".json").read_text())
    evil = copy.with_name("evil_backup_20260101_000000.pt")
    evil.write_bytes(copy.read_bytes())
    hostile_facts = {**facts, "source": LINES, "note": LINES, "version": LINES}
    evil.with_name(evil.name + ".json").write_text(json.dumps(hostile_facts))
    copy.with_name(f"{NASTY}_backup_20260101_000001.pt").write_bytes(b"x")
    lone.weight(f"{NASTY}.pt", seed=4)
    lone.git("config", "user.name", NASTY)
    return lone


def test_no_command_prints_a_control_character_that_somebody_else_chose(hostile: Sandbox) -> None:
    shown = 0
    for command in COMMANDS:
        for more in ((), ("--json",), ("-v",)):
            said = models(hostile, *command, *more, code=None)
            assert said.code != 3, (command, said.err)
            assert not CONTROL.search(said.out + said.err), (command, more, said.out + said.err)
            if more != ("--json",):
                shown += "\\x1b[2J" in said.out + said.err
            assert not re.search(f"^{FORGED}", said.out + said.err, re.M), (command, said.out + said.err)
    assert shown > 15, f"{shown}: the commands did not even get to what is hostile"


def test_nor_what_a_server_says(lone: Sandbox) -> None:
    page = json.dumps({"message": LINES, "errors": [{"message": LINES}]}).encode()
    reply = Reply(
        403, page, {"Content-Type": "application/json", "Retry-After": "x\x9b2J", "X-Error-Message": "a\x9bb"}
    )
    server = listen(lambda _: reply, lambda _: None)
    try:
        url = f"http://127.0.0.1:{server.port}"
        for place in (f"github+{url}/o/r", f"{url}/folder", f"webdav+{url}/folder"):
            lone.git("config", "models.remote", place)
            for command in (("push",), ("remote", "test", "default"), ("verify", "--remote"), ("du", "--remote")):
                said = models(lone, *command, code=None)
                assert said.code != 3, (command, said.err)
                assert not CONTROL.search(said.out + said.err), (place, command)
                assert not re.search(f"^{FORGED}", said.out + said.err, re.M), (place, command, said.err)
    finally:
        server.stop()
