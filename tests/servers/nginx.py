"""nginx in front of a server, with what it needs to run anywhere put into a configuration."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.waiting import PATIENCE, until

_PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextlib.contextmanager
def nginx(config: str, port: int, folder: Path, *directives: str) -> Iterator[None]:
    """Run nginx with a configuration that listens on a loopback port; skips where it is not installed."""
    executable = shutil.which("nginx")
    if executable is None:
        pytest.skip("nginx is not installed")
    places = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _PLACES)
    main = ["daemon off", f"pid {folder}/nginx.pid", "error_log stderr", *directives]
    file, log = folder / "nginx.conf", folder / "nginx.log"
    head = "".join(f"{line};\n" for line in main)
    file.write_text(head + config.replace("http {\n", f"http {{\n    access_log off;\n{places}", 1))
    with log.open("wb") as output:
        process = subprocess.Popen([executable, "-p", str(folder), "-c", str(file)], stderr=output)
    try:
        until(lambda: process.poll() is not None or _listens(port), "nginx listens", log.read_text)
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
