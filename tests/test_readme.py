"""The README's quick start does what it says, typed in exactly as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers import ROOT
from tests.helpers.sandbox import Sandbox

README = (ROOT / "README.md").read_text()
NOT_RUN = "<!-- not run by the tests -->\n"


def test_the_quick_start_does_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(rf"({re.escape(NOT_RUN)})?```sh\n(.*?)```", README, re.DOTALL)
    folder = Sandbox(tmp_path)
    said = folder.run("set -e\n" + "".join(text for skip, text in blocks if not skip)).out

    one, other = re.findall(r"^([0-9a-f]{32})  \S*weights/best.pt$", said, re.MULTILINE)
    assert one == other, "the colleague has the same file"
    assert folder.md5("ada/weights/best.pt") == folder.md5("ben/weights/best.pt"), "the first version is back"
    assert "1 model, 5.0 MB: all here, unchanged and pushed" in said
    ben = Sandbox(folder / "ben")
    assert ben.files_at() == ["models.yaml"], "no weights in git"
    assert ben.status() == []
    hooks = (folder / "ada/.git/hooks").iterdir()
    assert [hook.name for hook in hooks if not hook.name.endswith(".sample")] == [], "uninstalled"


def test_every_link_leads_to_a_file() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).is_file(), link
