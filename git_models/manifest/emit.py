"""Values as YAML text, in the one form that `git models` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from git_models.manifest.tree import Text, value
from git_models.manifest.values import Entry, Part, Version

# Escaped in double quotes: what YAML cannot hold, what ends a line for some readers and not for
# others, and what reorders text on a screen.
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **{code: f"\\u{code:04x}" for code in (0xFEFF, 0xFFFE, 0xFFFF)},
    0x09: "\\t",
    0x0A: "\\n",
    0x22: '\\"',
    0x5C: "\\\\",
}
# A key that no YAML reader of any version takes for anything but this text: it begins with a letter,
# or holds one that is in no number.
_BARE = re.compile(r"(?:[A-Za-z_]|[0-9][A-Za-z0-9_.+-]*[g-np-wyzG-NP-WYZ/])[A-Za-z0-9_./+-]*\Z")
_WORD = re.compile(r"(?:y|n|yes|no|on|off|true|false|null)\Z", re.I)

# In the order in which a new block has them.
ENTRY = [
    *("md5", "sha256", "size", "asset", "name", "description", "notes", "license", "source", "created", "stage"),
    *("urls", "metrics", "parts", "versions"),
]
_VERSION = ["version", "date", "md5", "sha256", "size", "asset", "note", "metrics", "parts"]
_PART = ["asset", "size", "sha256", "md5"]


def key(text: str) -> str:
    """A mapping's key, in quotes where some reader would take it for something else."""
    return text if _BARE.match(text) and not _WORD.match(text) else quoted(text)


def quoted(text: str) -> str:
    """A text in double quotes."""
    return f'"{text.translate(_ESCAPES)}"'


def scalar(node: Any) -> str:
    """One scalar; texts always in double quotes."""
    if isinstance(node, Text):
        if node and not isinstance(value(node), str):
            return str(node)  # as a person wrote it: 1.10 may be a version
        node = str(node) if node else value(node)
    if isinstance(node, str):
        return quoted(node)
    if node is None or isinstance(node, bool):
        return {None: "null", True: "true", False: "false"}[node]
    if isinstance(node, int):
        return str(node)
    text = repr(float(node))
    if text.strip("-") in ("inf", "nan"):
        return text.replace("inf", ".inf").replace("nan", ".nan")
    # YAML 1.1 readers take 1e-05 for a text.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def flow(node: Any) -> str:
    """A value on one line."""
    if isinstance(node, Mapping):
        return "{" + ", ".join(f"{key(k)}: {flow(v)}" for k, v in node.items()) + "}"
    if isinstance(node, (list, tuple)):
        return "[" + ", ".join(map(flow, node)) + "]"
    return scalar(node)


def block(name: str, node: Any, indent: int, inline: bool = False) -> list[str]:
    """The lines of `name: node` at this indent; `inline` keeps a mapping on one line."""
    head = f"{' ' * indent}{key(name)}:"
    if isinstance(node, Mapping) and node and not inline:
        return [head, *(row for k, v in node.items() for row in block(k, v, indent + 2, name == "remotes"))]
    if isinstance(node, (list, tuple)) and node:
        return [head, *items(node, indent + 2)]
    return [f"{head} {flow(node)}"]


def items(nodes: Any, indent: int) -> list[str]:
    """The lines of a sequence."""
    return [f"{' ' * indent}- {flow(node)}" for node in nodes]


def entry(made: Entry) -> dict[str, Any]:
    """An entry as plain data, in the order of a new block."""
    return {**_fields(made, ENTRY), **made.extra}


def field(made: Entry, name: str) -> Any:
    """One field of an entry as plain data; None where it is absent."""
    return _fields(made, [name]).get(name)


def version(made: Version) -> dict[str, Any]:
    """A tagged version as plain data."""
    return {**_fields(made, _VERSION), **made.extra}


def _fields(made: Entry | Version | Part, names: list[str]) -> dict[str, Any]:
    """Those fields that say something."""
    found: dict[str, Any] = {}
    for name in names:
        worth = getattr(made, name)
        if name == "parts":
            worth = [_fields(part, _PART) for part in worth]
        elif name == "versions":
            worth = [version(each) for each in worth]
        if worth not in ("", -1, (), [], {}):
            found[name] = worth
    return found
