"""A stand-in for ssh, for GIT_SSH_COMMAND: runs what git asks for on this machine, and drops a connection that is idle.

    GIT_SSH_COMMAND="python tests/fakes/ssh.py SECONDS MARK" git push ssh://git@host/path/of/a/bare.git

Once git is silent for SECONDS after the server's greeting, as it is while pre-push runs, the connection
is closed as a server closes it, and the file MARK is made.
"""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import sys


def main(seconds: float, mark: str, command: str) -> int:
    """Serve one connection on stdin and stdout; 255 as ssh when it was dropped."""
    # What the server says goes straight to git: a copy of it could end before its last line.
    with subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE) as server:
        assert server.stdin
        while True:
            if not select.select([0], [], [], seconds)[0]:
                if server.poll() is None:
                    server.kill()
                    with open(mark, "w"):
                        print("Connection to host closed by remote host.", file=sys.stderr)
                    return 255
                return server.returncode
            data = os.read(0, 1 << 16)
            if not data:
                server.stdin.close()
                return server.wait()
            server.stdin.write(data)
            server.stdin.flush()


if __name__ == "__main__":
    # ssh is called with options, the host and the command as one word; git gives the command last.
    sys.exit(main(float(sys.argv[1]), sys.argv[2], sys.argv[-1]))
