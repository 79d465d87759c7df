"""A Redis of the tests' own: started on a free port, ended by its process id, and nothing of it is kept."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.ports import accepts, free_port
from tests.support.waiting import until


class Redis:
    """`redis-server`, which listens on a loopback port and a Unix socket."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.socket = folder / "redis.sock"
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "unixsocket": self.socket,
            "save": "",
            "appendonly": "no",
            "dir": folder,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL)

    def wait_until_it_listens(self) -> None:
        """Return once it accepts connections."""
        until(lambda: accepts(self.port), "redis-server")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Lend one Redis to all tests of a run, which have to use keys of their own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    server = Redis(program, tmp_path_factory.mktemp("redis"))
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.stop()
