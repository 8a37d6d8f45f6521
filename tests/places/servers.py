"""Servers that other people wrote, on loopback: each function is a context manager that gives the server's address."""

from __future__ import annotations

import getpass
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.web import Reply, Request, Stream
from tests.helpers.team import until

BIN = Path(sys.executable).parent
USER, PASSWORD = "ada", "engine no. 1"


def program(name: str, *folders: str) -> str:
    """A program beside this Python, or of the system; without it the test cannot run, which is an error."""
    found = shutil.which(name, path=os.pathsep.join([str(BIN), *folders, os.environ["PATH"]]))
    if not found:
        pytest.fail(f"{name} is not installed: make places does that")
    return found


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether something listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: list[str],
    port: int,
    log: Path,
    env: Mapping[str, str] | None = None,
    ready: Callable[[], bool] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server from when it answers until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )
    try:
        started = until(lambda: process.poll() is not None or (ready() if ready else answers(port)), 60)
        assert started and process.poll() is None, log.read_text(errors="replace")[-3000:]
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


NGINX = """\
%(modules)s
daemon off; master_process off; %(user)s
pid %(dir)s/nginx.pid; error_log %(dir)s/error.log;
events {}
http {
  access_log off; sendfile on; client_max_body_size 0;
  client_body_temp_path %(dir)s/tmp-body; proxy_temp_path %(dir)s/tmp-proxy;
  fastcgi_temp_path %(dir)s/tmp-fastcgi; uwsgi_temp_path %(dir)s/tmp-uwsgi; scgi_temp_path %(dir)s/tmp-scgi;
  server {
    listen 127.0.0.1:%(port)d; root %(dir)s/www;
    location / { dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; }
    location /private/ { dav_methods PUT DELETE MKCOL MOVE; auth_basic models; auth_basic_user_file %(dir)s/users; }
    location /small/ { dav_methods PUT DELETE MKCOL COPY MOVE; client_max_body_size 100k; }
    location /put/ { dav_methods PUT DELETE; }
    location /read/ { gzip_static on; }
    location /forbidden/ { dav_methods PUT DELETE MKCOL MOVE; limit_except GET { deny all; } }
    location /signed/ { secure_link $arg_sig,$arg_e; secure_link_md5 "$secure_link_expires$uri key";
      if ($secure_link = "0") { return 403; } }
  }
}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[tuple[str, Path]]:
    """Debian's nginx with WebDAV: its base URL and the folder that it shows."""
    www = folder / "www"
    for name in ("private", "small", "put", "read", "forbidden", "signed"):
        (www / name).mkdir(parents=True)
    crypted = subprocess.run(
        ["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True
    ).stdout.strip()
    (folder / "users").write_text(f"{USER}:{crypted}\n")
    modules = sorted(Path("/usr/lib/nginx/modules").glob("*dav_ext*.so"))
    port = free_port()
    (folder / "nginx.conf").write_text(
        NGINX
        % {
            "dir": folder,
            "port": port,
            "modules": "".join(f"load_module {m};" for m in modules),
            "user": "user root;" if os.geteuid() == 0 else "",
        }
    )
    command = [program("nginx", "/usr/sbin"), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with running(command, port, folder / "log"):
        yield f"http://127.0.0.1:{port}", www


@contextmanager
def rclone_webdav(folder: Path) -> Iterator[str]:
    """`rclone serve webdav`: its base URL."""
    (folder / "files").mkdir()
    port = free_port()
    command = [program("rclone"), "serve", "webdav", str(folder / "files"), "--addr", f"127.0.0.1:{port}"]
    with running(command, port, folder / "log", {"RCLONE_CONFIG": "/dev/null"}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def wsgidav(folder: Path) -> Iterator[str]:
    """WsgiDAV with basic authentication (USER, PASSWORD): its base URL."""
    (folder / "files").mkdir()
    port = free_port()
    config = {
        "host": "127.0.0.1",
        "port": port,
        "provider_mapping": {"/": str(folder / "files")},
        "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
        "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = [program("wsgidav"), "--config", str(folder / "config.json"), "--server", "cheroot"]
    with running(command, port, folder / "log"):
        yield f"http://127.0.0.1:{port}"


KEY, SECRET = "AKAKAKAK", "SKSKSKSK"


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """moto's S3: its endpoint."""
    port = free_port()
    with running([program("moto_server"), "-H", "127.0.0.1", "-p", str(port)], port, folder / "log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def rclone_s3(folder: Path) -> Iterator[str]:
    """`rclone serve s3`: its endpoint. A folder is a bucket."""
    (folder / "files" / "models").mkdir(parents=True)
    port = free_port()
    command = [program("rclone"), "serve", "s3", str(folder / "files"), "--addr", f"127.0.0.1:{port}"]
    with running([*command, "--auth-key", f"{KEY},{SECRET}"], port, folder / "log", {"RCLONE_CONFIG": "/dev/null"}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """SeaweedFS: the endpoint of its S3 gateway, with a bucket `models`."""
    (folder / "data").mkdir()
    port = free_port()
    parts = ("master.port", "volume.port", "filer.port", "admin.port")
    ports = [f"-{part}{grpc}={free_port()}" for part in parts for grpc in ("", ".grpc")]
    command = [program("weed"), "mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += ["-bucket=models", "-admin.ui=false", "-webdav=false", "-master.telemetry=false", *ports]
    command += [
        f"-s3.port={port}",
        f"-s3.port.grpc={free_port()}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
    ]
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    log = folder / "log"
    with running(command, port, log, keys, lambda: b"S3 Endpoint" in log.read_bytes()):
        yield f"http://127.0.0.1:{port}"


def forward(endpoint: str, request: Request, without: Collection[str] = ()) -> Reply:
    """What the server at an endpoint answers to a request, with some of its headers left out."""
    dropped = {"host", "expect", "transfer-encoding", *without}
    connection = http.client.HTTPConnection(endpoint.partition("://")[2], timeout=30)
    body = b"".join(request.body.blocks())
    named = {k: v for k, v in request.headers.items() if k.lower() not in dropped}
    connection.request(request.method, request.target, body, named)
    answer = connection.getresponse()
    headers = {k: v for k, v in answer.getheaders() if k.lower() not in ("connection", "transfer-encoding")}
    length, data = int(headers.pop("Content-Length", 0)), answer.read()
    connection.close()
    return Reply(answer.status, data or Stream(length, ()), headers)


SSHD = """\
Port %(port)d
ListenAddress 127.0.0.1
HostKey %(dir)s/host
PidFile %(dir)s/pid
AuthorizedKeysFile %(dir)s/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
%(more)s
"""

SSH = """\
Host models.test
  HostName 127.0.0.1
  Port %(port)d
  User %(user)s
  IdentityFile %(dir)s/user
  IdentityAgent none
  UserKnownHostsFile %(dir)s/known
Host stranger.test
  HostName 127.0.0.1
  Port %(port)d
  User %(user)s
  IdentityFile %(dir)s/other
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile %(dir)s/known
  HostKeyAlias models.test
Host unknown.test
  HostName 127.0.0.1
  Port %(port)d
  IdentityAgent none
  UserKnownHostsFile /dev/null
"""


@contextmanager
def sshd(folder: Path, more: str = "") -> Iterator[Path]:
    """OpenSSH's server: a folder with an `ssh` that knows it as models.test, to be put first in PATH."""
    for name in ("host", "user", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port = free_port()
    words = {"port": port, "dir": folder, "more": more, "user": getpass.getuser()}
    (folder / "sshd_config").write_text(SSHD % words)
    (folder / "config").write_text(SSH % words)
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known").write_text(f"models.test,[127.0.0.1]:{port} {kind} {key}\n")
    (folder / "bin").mkdir()
    ssh = folder / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    ssh.chmod(0o755)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    command = [program("sshd", "/usr/sbin"), "-D", "-e", "-f", str(folder / "sshd_config")]
    with running(command, port, folder / "log"):
        yield folder / "bin"


@contextmanager
def olah(folder: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """olah, a mirror of the Hugging Face Hub, over a local git repository ada/weights that holds these files."""
    work = folder / "mirrors" / "models" / "ada" / "weights"
    for path, data in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
    git = ["git", "-C", str(work)]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Models"]):
        subprocess.run([*git, *command], check=True)
    port = free_port()
    (folder / "conf.toml").write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nrepos-path = "{folder}/repos"\nlog-path = "{folder}/logs"\n'
        f'mirrors-path = ["{folder}/mirrors"]\n[accessibility]\noffline = true\n'
    )
    with running([program("olah-cli"), "-c", str(folder / "conf.toml")], port, folder / "log"):
        yield f"http://127.0.0.1:{port}"
