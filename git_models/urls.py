"""URLs as strings: taken apart strictly, judged, and cleaned of secrets. No network."""

from __future__ import annotations

import re

_SECRET_KEY = (
    r"x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|signature|sig|"
    r"(?:[a-z_]+[_-])?token|api[_-]?key|password|passwd|secret|client[_-]secret|jwt|awsaccesskeyid|googleaccessid"
)
_USERINFO = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")
_QUERY_SECRET = re.compile(rf"[?&;#](?:{_SECRET_KEY})=", re.I)


def secret(url: str) -> str:
    """Why a URL may not stand in a manifest: what secret it carries. "" if it carries none."""
    if re.search(r"[\x00-\x20\x7f-\x9f\\]", url):
        return "holds a space, a backslash or a control character"
    if _USERINFO.match(url):
        return "carries a user name or a password"
    if _QUERY_SECRET.search(url):
        return "carries a token or a signature"
    return ""
