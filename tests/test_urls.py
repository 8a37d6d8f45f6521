"""URLs: taken apart, judged, cleaned."""

from __future__ import annotations

import ipaddress
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_models.urls import Url, UrlError, public_address, redact, secret, split


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://github.com@evil",
            "https://github.com\\@evil",
            "https:///github.com/x",
            "https://github.com%0a.evil",
        ),
        *(
            "http://2130706433/",
            "http://0x7f000001/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://1.2.3.4.5/",
            "http://1.2.3.4.",
        ),
        *(
            "https://user:pw@h/",
            "https://h:0/",
            "https://h:99999/",
            "https://h:/",
            "https://h:x/",
            "https://",
            "//h/x",
            "h/x",
            "",
        ),
        *(
            "https://a b/",
            "https://h/a\nb",
            "https://h/\x00",
            "https://h\t/",
            "https://h/%0d%0aX: y",
            "https://[::1%25eth0]/",
        ),
        *(
            "https://[1.2.3.4]/",
            "https://[::1",
            "https://a..b/",
            "https://-a.b/",
            "https://münchen.de/",
            "https://h\u3002com/",
        ),
        *(
            "ssh://-oProxyCommand=x/y",
            "ssh://-x@h/y",
            "ssh://a:b@h/y",
            "https:h/x",
            "javascript:alert(1)",
            "https://a@b@c/",
        ),
    ],
)
def test_a_url_that_some_program_reads_differently_is_refused(url: str) -> None:
    with pytest.raises(UrlError):
        split(url)


def test_a_look_alike_host_is_that_host_and_no_other() -> None:
    assert split("https://github.com.evil/x").host == "github.com.evil"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("HTTPS://GitHub.com:443/a%20b?c=d#e", Url("https", "", "github.com", 443, "/a%20b", "c=d")),
        ("file:///srv/models", Url("file", "", "", None, "/srv/models", "")),
        ("github://owner/repo", Url("github", "", "owner", None, "/repo", "")),
        ("github+http://127.0.0.1:8080/o/r", Url("github+http", "", "127.0.0.1", 8080, "/o/r", "")),
        ("ssh://git@h:22/x", Url("ssh", "git", "h", 22, "/x", "")),
        ("http://[2606:4700::1111]/", Url("http", "", "[2606:4700::1111]", None, "/", "")),
    ],
)
def test_a_plain_url_is_taken_apart(url: str, parts: Url) -> None:
    assert split(url) == parts


@given(
    st.lists(
        st.sampled_from(
            ("https://", "@", ":", "/", "\\", "github.com", "evil", "[", "]", "?", "#", "%0a", "1", ".", " ")
        ),
        max_size=9,
    )
)
def test_an_accepted_url_has_the_host_that_pythons_own_parser_sees(pieces: list[str]) -> None:
    url = "".join(pieces)
    try:
        parts = split(url)
    except UrlError:
        return
    assert parts.host.strip("[]") == (urlsplit(url).hostname or "")
    assert parts.port == urlsplit(url).port


@pytest.mark.parametrize(
    "ip",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "240.0.0.1",
        ),
        *(
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "192.88.99.1",
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fc00::1",
            "fec0::1",
        ),
        *(
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
        ),
        *("2001:0:1::1", "2001:db8::1", "3fff::1", "2130706433", "0x7f000001", "127.1", "example.com", ""),
    ],
)
def test_an_address_inside_somebodys_network_is_not_public(ip: str) -> None:
    assert not public_address(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", "140.82.121.4", "2606:4700::1111", "2a00:1450:4001::1"])
def test_an_address_of_the_internet_is_public(ip: str) -> None:
    assert public_address(ip)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not ip.is_global or ip.is_multicast:
        assert not public_address(str(ip))


@pytest.mark.parametrize(
    "text",
    [
        *("ghp_SECRETabc123", "github_pat_SECRETabc123_x", "gho_SECRETabc123", "ghs_SECRETabc123", "hf_SECRETabc123"),
        *(
            "Authorization: Bearer SECRETabc",
            "authorization: token SECRETabc",
            "{'Authorization': 'Basic SECRET=='}",
            "Bearer SECRETabc1",
        ),
        *(
            "https://user:SECRET@h/x",
            "https://SECRET@github.com/x",
            "ssh://u:SECRET@h",
            "https://u:SE@CRET@h/x",
            "https://u%3aSECRET@h",
        ),
        *(
            "https://h/?X-Amz-Signature=SECRET&x=1",
            "?X-Amz-Credential=SECRET%2F",
            "x-amz-security-token=SECRET",
            "&sig=SECRET",
        ),
        *(
            "?token=SECRET",
            "&access_token=SECRET",
            '{"access_token": "SECRET"}',
            "GITHUB_TOKEN=SECRET",
            "password=SECRET",
        ),
        *(
            "client_secret=SECRET",
            "X-Goog-Signature=SECRET",
            "aws_secret_access_key=SECRET",
            "api_key=SECRET",
            "?Signature=SECRET",
        ),
    ],
)
def test_no_secret_is_left_in_a_message(text: str) -> None:
    for said in (text, f"failed: {text} (try again)", f'"{text}"'):
        assert "SECRET" not in redact(said)
        assert "***" in redact(said)
        assert redact(redact(said)) == redact(said)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "no token: set GH_TOKEN",
            "token refused by github.com",
            "Basic authentication is off",
            "https://h/x?id=1&resourcekey=0-ab",
        ),
        *(
            "ssh://git@github.com/o/r",
            "git@github.com:o/r.git",
            "weights/best.pt@1.2.0",
            "https://d.com/scl/fi/x?rlkey=abc&dl=1",
        ),
    ],
)
def test_ordinary_sentences_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@h/",
        "https://t@h/",
        "ssh://u:p@h/",
        "https://h/?sig=abc",
        "https://h/?X-Amz-Signature=0",
        "https://h/a b",
        "https://h/ghp_abcdefgh1",
    ],
)
def test_a_url_with_a_secret_may_not_stand_in_a_manifest(url: str) -> None:
    assert secret(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://h/x?id=1",
        "ssh://git@h/x",
        "github://o/r",
        "https://drive.google.com/uc?id=1&resourcekey=0-a",
        "rclone:box:models",
    ],
)
def test_a_public_url_may_stand_in_a_manifest(url: str) -> None:
    assert secret(url) == ""


@pytest.mark.parametrize("piece", ["a://", ":", "-a", "token", "eyJ-", "x-", "a:@", "authorization"])
def test_a_long_hostile_text_is_cleaned_in_no_time(piece: str) -> None:
    start = time.process_time()
    redact("https://" + piece * (20_000 // len(piece)))
    assert time.process_time() - start < 20
