"""Serve examples/hello.py from an installed wheel, on both backends, and ask it one question each: `smoke.py`."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

LIMIT = 30.0


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, server: subprocess.Popen[bytes]) -> int:
    """The status of a GET, tried until the server is up."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


def check(backend: str) -> None:
    """Run `hinge run` on the backend, expect a 200 and a clean stop."""
    port = free_port()
    hinge = str(Path(sys.executable).with_name("hinge"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HINGE_", "PYTHON"))}
    command = [hinge, "run", "hello.py", "--backend", backend, "--port", str(port)]
    with subprocess.Popen(command, env=environ) as server:
        try:
            status = ask(f"http://127.0.0.1:{port}/", server)
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(LIMIT)
    if (status, code) != (200, 0):
        sys.exit(f"{backend}: answered {status}, stopped with exit code {code}")
    print(f"{backend}: 200 from the wheel, clean stop")


if __name__ == "__main__":
    for name in ("asgi", "wsgi"):
        check(name)
