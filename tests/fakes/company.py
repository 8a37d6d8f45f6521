"""A company's proxy that looks into TLS: every https host behind it is a stand-in with the company's certificate.

with Company(tmp_path, {"huggingface.co": hub.answer}) as company:
    run("git models push", env=company.env)
"""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from tests.fakes.web import Reply, Request, listen


class Company:
    """The proxy; leaving the `with` block stops it and raises what went wrong in it."""

    def __init__(self, folder: Path, hosts: Mapping[str, Callable[[Request], Reply]]) -> None:
        self.ca = folder / "company-ca.pem"
        self.asked: list[str] = []  # hosts, in the order of the requests
        self._hosts, self._key = hosts, folder / "company-key.pem"
        self._faults: list[str] = []

    def __enter__(self) -> Company:
        made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=company"
        names = ",".join(f"DNS:{host}" for host in self._hosts)
        options = ["-addext", f"subjectAltName={names}", "-out", str(self.ca), "-keyout", str(self._key)]
        subprocess.run([*made.split(), *options], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, self._key)
        self._listener = listen(self._answer, self._faults.append, context=context)
        self.proxy = f"http://127.0.0.1:{self._listener.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.stop()
        # A client that does not trust the company ends the handshake: that is no fault of the proxy's.
        faults = [fault for fault in self._faults if "ssl.SSL" not in fault and "wrap_socket" not in fault]
        if faults and kind is None:
            raise AssertionError("\n".join(faults))

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request.host)
        return self._hosts[request.host](request)
