"""Lists of download addresses as people keep them, and addresses of pages made into those of the files behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from git_models import urls
from git_models.errors import ModelsError


class Wanted(NamedTuple):
    """A file to import."""

    name: str
    url: str
    md5: str = ""
    sha256: str = ""
    line: int = 0


_ELEMENT = re.compile(
    r"""(?:([A-Za-z_]\w*)=?\(?\s*)?\[\s*(?:"([^"]*)"|'([^']*)'|([^\]"']+?))\s*\]=(?:"([^"]*)"|'([^']*)'|(\S+))"""
)
_SIMPLE = re.compile(r"""(?:export\s+|readonly\s+)?([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*(?:#.*)?\Z""")
_OPENING = re.compile(r"(?:declare|typeset|local)\s+(?:-\w+\s+)*([A-Za-z_]\w*)=\(|([A-Za-z_]\w*)=\(")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_HASHES = {32: "md5", 64: "sha256"}


def read(text: str) -> list[Wanted]:
    """What a list names: lines `NAME URL [MD5]`, or a bash associative array `MODEL_URLS[name]=url`.

    A second array with md5 or sha in its name gives hashes. Variables that the file itself sets are
    put in; nothing is run. Raises ModelsError, with the line, for what is neither.
    """
    found: dict[str, Wanted] = {}
    hashes: dict[str, dict[str, str]] = {}
    known: dict[str, str] = {}
    array = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if opening := _OPENING.match(line):
            array = opening[1] or opening[2]
        elements = list(_ELEMENT.finditer(line)) if not line.startswith("#") else []
        for element in elements:
            owner = element[1] if element[1] and element[1] not in ("declare", "typeset") else array
            name = _filled(next(g for g in element.group(2, 3, 4) if g is not None), known, number)
            worth = _filled(next(g for g in element.group(5, 6, 7) if g is not None).rstrip(")"), known, number)
            if kind := _hash_kind(worth):
                hashes.setdefault(name, {})[kind] = worth.lower()
            elif not re.search("md5|sha", owner, re.I):
                found[name] = Wanted(name, _url(worth, number), line=number)
        if elements or not line or line.startswith("#") or line in (")", "("):
            continue
        if simple := _SIMPLE.match(line):
            known[simple[1]] = _filled(next((g for g in simple.group(2, 3, 4) if g is not None), ""), known, number)
        elif "://" in line and not line.startswith(("curl", "wget", "echo")):
            wanted = _line(line, known, number)
            found[wanted.name] = wanted
        elif "://" in line:
            raise _unclear(line, number)
    return [
        w._replace(md5=given.get("md5", w.md5), sha256=given.get("sha256", w.sha256))
        for w in found.values()
        for given in [hashes.get(w.name, {})]
    ]


def _line(line: str, known: Mapping[str, str], number: int) -> Wanted:
    words = [_filled(word, known, number) for word in line.partition(" #")[0].replace(",", " ").split()]
    if len(words) not in (2, 3) or "://" not in words[1]:
        raise _unclear(line, number)
    made = Wanted(words[0], _url(words[1], number), line=number)
    if len(words) == 2:
        return made
    kind = _hash_kind(words[2])
    if not kind:
        raise ModelsError(f"line {number}: {words[2]!r} is no MD5 (32 hexadecimal digits) and no SHA-256 (64)")
    return made._replace(md5=words[2].lower()) if kind == "md5" else made._replace(sha256=words[2].lower())


def _unclear(line: str, number: int) -> ModelsError:
    shown = urls.redact(line)
    return ModelsError(f"line {number} is not NAME URL [MD5]: {shown}", "one model a line: best.pt https://… [MD5]")


def _hash_kind(text: str) -> str:
    return _HASHES.get(len(text), "") if re.fullmatch("[0-9a-fA-F]+", text) else ""


def _filled(text: str, known: Mapping[str, str], number: int) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in known:
            raise ModelsError(f"line {number}: ${name} is set nowhere in this list")
        return known[name]

    return _VARIABLE.sub(value, text)


def _url(text: str, number: int) -> str:
    if not text.startswith(("https://", "http://")):
        raise ModelsError(f"line {number}: {urls.redact(text)!r} is no web address")
    return text


def direct(url: str) -> str:
    """The address of a file where people copy that of a page about it; any other as it is. Raises ModelsError.

    Dropbox shows a page unless `dl=1`; GitHub and Hugging Face have `blob` in pages; Google Drive sends
    a large file without a question only from its download host.
    """
    parts = urls.split(url)
    steps = [step for step in parts.path.split("/") if step]
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.host in ("www.dropbox.com", "dropbox.com"):
        if steps[:1] == ["sh"] or steps[:2] == ["scl", "fo"]:
            raise ModelsError("this Dropbox link is of a folder", "copy the link of the file itself")
        return f"https://{parts.host}{parts.path}?{urlencode({**query, 'dl': '1'})}"
    if parts.host in ("github.com", "huggingface.co") and len(steps) > 4 and steps[2] == "blob":
        steps[2] = "raw" if parts.host == "github.com" else "resolve"
        return f"https://{parts.host}/{'/'.join(steps)}"
    if parts.host in ("drive.google.com", "docs.google.com"):
        if "folders" in steps:
            raise ModelsError("this Google Drive link is of a folder", "copy the link of the file itself")
        name = query.get("id") or (steps[steps.index("d") + 1] if "d" in steps[:-1] else "")
        if not name:
            raise ModelsError(f"{urls.redact(url)} names no file of Google Drive", "copy the link of the file itself")
        more = {"resourcekey": query["resourcekey"]} if "resourcekey" in query else {}
        wanted = urlencode({"id": name, "export": "download", "confirm": "t", **more})
        return f"https://drive.usercontent.google.com/download?{wanted}"
    return url


def file_name(url: str) -> str:
    """What the file behind an address is called, "" where the address does not say."""
    from urllib.parse import unquote

    last = unquote(urls.split(url).path.rpartition("/")[2])
    return last if last not in ("download", "view", "edit", "open", "uc") else ""
