"""A Redis of the tests' own: started on a free port, ended by its process id, and nothing of it is kept."""

import contextlib
import shutil
import socket
import subprocess
import threading
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


class Cut:
    """A way to a Redis that ends, or never answers, where the answer to a script is awaited."""

    def __init__(self, redis: Redis, *, closes: bool) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._there, self._closes, self.is_on = redis.port, closes, False
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._doing = [threading.Thread(target=self._accept, daemon=True)]
        self._doing[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                self._doing.append(threading.Thread(target=self._pass, args=(here,), daemon=True))
                self._doing[-1].start()

    def _pass(self, here: socket.socket) -> None:
        with here, socket.create_connection(("127.0.0.1", self._there)) as there, contextlib.suppress(OSError):
            while asked := here.recv(65536):
                there.sendall(asked)
                answer = there.recv(65536)
                if self.is_on and b"EVALSHA" in asked:
                    self.is_on = False
                    if self._closes:
                        return
                else:
                    here.sendall(answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._doing:
            one.join(10)


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
