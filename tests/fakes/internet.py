"""A stand-in for the web: https addresses whose bytes the test chooses, behind a proxy with its own certificate.

with Internet(tmp_path) as net:
    net.pages["https://example.com/best.pt"] = data
    run("git models import …", env=net.env)
"""

from __future__ import annotations

import hashlib
import re
import ssl
import subprocess
from pathlib import Path
from types import TracebackType

from tests.fakes.web import Reply, Request, Stream, listen

HOSTS = ("github.com", "example.com", "www.dropbox.com", "huggingface.co", "drive.usercontent.google.com")


class Internet:
    """The server; entering the `with` block starts it, leaving it stops it and raises what went wrong in it."""

    def __init__(self, folder: Path) -> None:
        self.pages: dict[str, bytes | Reply] = {}  # by address; bytes are sent in ranges and with a strong ETag
        self.cut: dict[str, int] = {}  # addresses whose connection breaks in the middle, so many times
        self.asked: list[str] = []
        self._folder = folder
        self._errors: list[str] = []

    def __enter__(self) -> Internet:
        cert, key = self._folder / "web-ca.pem", self._folder / "web-key.pem"
        made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        options = ["-addext", f"subjectAltName={names}", "-out", str(cert), "-keyout", str(key)]
        subprocess.run([*made.split(), *options], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self._listener = listen(self._answer, self._errors.append, context=context)
        proxy = f"http://127.0.0.1:{self._listener.port}"
        self.env = {"HTTPS_PROXY": proxy, "https_proxy": proxy, "REQUESTS_CA_BUNDLE": str(cert)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.stop()
        if self._errors and kind is None:
            raise AssertionError("the stand-in failed:\n" + "\n".join(self._errors))

    def _answer(self, request: Request) -> Reply:
        url = f"https://{request.host}{request.target}"
        self.asked.append(url)
        page = self.pages.get(url, Reply(404, b"not found", {"Content-Type": "text/plain"}))
        if isinstance(page, Reply):
            return page
        headers = {"ETag": f'"{hashlib.sha256(page).hexdigest()}"', "Content-Type": "application/octet-stream"}
        start, stop = 0, len(page)
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", "")):
            start, stop = int(wanted[1]), min(int(wanted[2] or stop - 1) + 1, stop)
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(page)}"
        if self.cut.get(url) and stop - start > 1:
            self.cut[url] -= 1
            return Reply(206 if wanted else 200, Stream(stop - start, _broken(page[start:stop])), headers)
        return Reply(206 if wanted else 200, page[start:stop], headers)


def _broken(data: bytes):  # type: ignore[no-untyped-def]
    from tests.fakes.web import HangUp

    yield data[: len(data) // 2]
    raise HangUp
