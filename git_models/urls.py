"""URLs as strings: taken apart strictly, judged, and cleaned of secrets. No network, no name look-up."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from git_models.errors import ModelsError


class UrlError(ModelsError):
    """A URL that two programs could read in two ways, or that is none."""


class Url(NamedTuple):
    """A URL in its parts; nothing is decoded."""

    scheme: str  # lower case
    user: str  # "" without; never a password
    host: str  # lower case, ASCII, an IPv6 address in brackets; "" only for `file`
    port: int | None
    path: str  # begins with "/" or is empty
    query: str  # without the "?"


# Texts, not compiled: `re` does that on use and remembers it, and most commands never look at a URL.
_SCHEME = r"(?s:([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?\Z)"
_BAD = "[\x00-\x20\x7f-\x9f\\\\\u2028\u2029]"
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?\Z"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z"
# A last label that looks like a number makes the whole host one (WHATWG URL, "ends in a number").
_NUMERIC = r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?\Z"
_ENCODED_CONTROL = r"%(?i:0[0-9a-f]|1[0-9a-f]|7f)"


def split(url: str) -> Url:
    """The parts of a URL; raises UrlError for every form that some program reads differently.

    So: no control character or space (encoded or not) and no backslash, a host that is a plain
    name, an IPv4 address as four decimal numbers or an IPv6 address in brackets, no password.
    """
    if re.search(_BAD, url) or re.search(_ENCODED_CONTROL, url):
        raise UrlError(f"{redact(url)!r}: a URL holds no spaces, backslashes or control characters")
    found = re.match(_SCHEME, url)
    if not found:
        raise UrlError(f"{redact(url)!r} is no URL: it should begin with https:// or the like")
    scheme, authority, path, query = found[1].lower(), found[2], found[3], found[4] or ""
    user, at, place = authority.rpartition("@")
    if at and not (re.match(_USER, user) and scheme not in ("http", "https")):
        raise UrlError(f"{redact(url)!r}: what stands before the @ is no host; give no user or password in a URL")
    host, port = _host(place.lower(), url)
    if not host and scheme != "file":
        raise UrlError(f"{redact(url)!r} has no host")
    return Url(scheme, user, host, port, path, query)


def _host(place: str, url: str) -> tuple[str, int | None]:
    """Host and port of an authority without user."""
    found = re.match(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?\Z", place)
    if not found or (found[2] and not 0 < int(found[2]) < 65536):
        raise UrlError(f"{redact(url)!r}: {place!r} is no host and port")
    host = found[1]
    if host.startswith("["):
        if not _canonical(host[1:-1], 6):
            raise UrlError(f"{redact(url)!r}: {host} is no IPv6 address")
    elif re.match(_NUMERIC, host):
        if not _canonical(host, 4):
            raise UrlError(f"{redact(url)!r}: {host} is a number that programs read in different ways; write a.b.c.d")
    elif host and (not re.match(_HOST, host) or len(host) > 253):
        raise UrlError(f"{redact(url)!r}: {host!r} is no host name")
    return host, int(found[2]) if found[2] else None


def _canonical(host: str, version: int) -> bool:
    import ipaddress

    try:
        # An IPv6 zone (%eth0) names a network card of whoever wrote it.
        return "%" not in host and ipaddress.ip_address(host).version == version
    except ValueError:
        return False


# Not in every Python's own tables: documentation (RFC 9637), the retired 6to4 relays (RFC 7526).
_MORE = ("3fff::/20", "192.88.99.0/24")


def public_address(ip: str) -> bool:
    """Whether an address, as a resolver gives it, belongs to the public internet.

    False for private, loopback, link-local (cloud metadata), shared (CGNAT), multicast, reserved
    and documentation ranges, for every IPv6 form that carries an IPv4 address, and for anything that
    is no address.
    """
    import ipaddress

    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if any(address in ipaddress.ip_network(net) for net in _MORE):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        # 6to4 and Teredo end wherever the embedded address says; mapped, compatible and NAT64 forms
        # lie outside 2000::/3, where all public addresses are.
        embeds = address.sixtofour or address.teredo
        return address in ipaddress.ip_network("2000::/3") and address.is_global and not embeds
    return address.is_global and not address.is_multicast and not address.is_reserved


def inside(host: str) -> bool:
    """Whether a host, as `split` gives it, is written as an address that does not belong to the public internet."""
    return (host.startswith("[") or bool(re.match(_NUMERIC, host))) and not public_address(host.strip("[]"))


class _Secrets(NamedTuple):
    """The forms of secrets."""

    forms: tuple[tuple[re.Pattern[str], str], ...]
    pair: re.Pattern[str]
    key: re.Pattern[str]


@cache
def _secrets() -> _Secrets:
    """Compiled when the first text is looked at: that takes 5 ms, and most commands print none."""
    # Names of parameters, fields and variables whose value opens something. `resourcekey` and `rlkey`
    # are not among them: they are part of a public link.
    key = re.compile(
        r"(?:token|api[_-]?key|passw(?:or)?d|secret|access[_-]?key(?:[_-]?id)?|x-(?:amz|goog)-(?:signature|credential))\Z|"
        r"\A(?:signature|sig|googleaccessid|key-pair-id|policy|jwt|authorization|credentials?)\Z",
        re.I,
    )
    # key=value, key%3Dvalue, "key": "value". Each run of word characters is tried once: no text, however
    # long and hostile, takes more than linear time.
    pair = re.compile(r"(?<![\w-])([\w-]+)(=|%3D|[\"']\s{0,9}:\s{0,9}[\"'])[^\s&;#,\"'<>}]+", re.I)
    forms = (
        # By prefix: GitHub, GitLab, Hugging Face, Slack, Dropbox, Google, AWS key ids, JSON Web Tokens.
        (re.compile(r"\b(?:gh[pousr]_\w{8,}|github_pat_\w{8,}|glpat-[\w-]{8,}|hf_[A-Za-z0-9]{8,})"), "***"),
        (re.compile(r"\b(?:xox[a-z]-[\w-]{8,}|sl\.[\w-]{16,}|ya29\.[\w.-]{8,}|1//[\w-]{16,}|GOCSPX-[\w-]{8,})"), "***"),
        (re.compile(r"(?<![\w-])(?:(?:AKIA|ASIA)[A-Z0-9]{16}\b|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"), "***"),
        # Headers; the scheme's name alone is a word of ordinary sentences.
        (re.compile(r"((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)[^\r\n\"',}]+", re.I), r"\1***"),
        (re.compile(r"\b((?i:bearer|basic|token)\s+)(?=\S*[0-9=]|\S*[a-z][A-Z])[\w.~+/=-]{8,}"), r"\1***"),
        # user:password@, up to the last @ that can belong to it; a token may be the user of a web address,
        # while the account of ssh://git@host is none.
        (re.compile(r"(\bhttps?://)[^/?#\s\"'<>]{0,500}@", re.I), r"\1***@"),
        (
            re.compile(
                r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/?#\s\"'<>@]{0,200}?(?::|%3a)[^/?#\s\"'<>]{0,500}@", re.I
            ),
            r"\1***@",
        ),
    )
    return _Secrets(forms, pair, key)


def redact(text: str) -> str:
    """`text` with every token, password and signature in it replaced by `***`.

    By form, whatever the message is about: prefixes of known tokens, authorisation headers, user
    and password of a URL, parameters that sign or open something.
    """
    forms, pair, key = _secrets()
    for pattern, replacement in forms:
        text = pattern.sub(replacement, text)
    return pair.sub(lambda found: f"{found[1]}{found[2]}***" if key.search(found[1]) else found[0], text)


def secret(url: str) -> str:
    """Why a URL may not stand in a manifest, as the end of "this URL …"; "" if it may.

    An account name alone, as in `ssh://git@host`, is none; for a web address it is.
    """
    if re.search(_BAD, url):
        return "holds a space, a backslash or a control character"
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)@", url)
    if found and (":" in found[2] or "%3a" in found[2].lower() or found[1].lower() in ("http", "https")):
        return "carries a user name or a password"
    if redact(url) != url:
        return "carries a token or a signature"
    return ""
