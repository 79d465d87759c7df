"""A PostgreSQL of the tests' own: started on a free port, ended by its process id, and nothing of it is kept."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.support.ports import accepts, free_port
from tests.support.waiting import until

_USERS = ("postgres", "nobody")
"""Whom it runs as where the tests are root's: PostgreSQL refuses to be."""
_LOG = "log"


class Postgres:
    """A server of a cluster in a folder that goes with it, which trusts whoever comes over the loopback address."""

    def __init__(self, programs: Path) -> None:
        self.port = free_port()
        self.url = self._url("postgres")
        self._numbers = count(1)
        self._programs = programs
        self._user = _user()
        # Not below pytest's folder, which lets nobody in but who runs the tests.
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        words = ["-D", data, "-p", self.port, "-h", "127.0.0.1", "-k", self._folder]
        words += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
        with (self._folder / _LOG).open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in (programs / "postgres", *words)], user=self._user, stdout=log, stderr=log
            )

    def wait_until_it_serves(self) -> None:
        """Return once it answers queries."""
        until(lambda: accepts(self.port) and self._psql("select 1") == 0, "postgres", self._log)

    def database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        if self._psql(f"create database {name}") != 0:
            raise RuntimeError(self._log())
        return self._url(name)

    def stop(self) -> None:
        """End it at once, whoever is connected, and remove its folder."""
        self._process.send_signal(signal.SIGINT)  # "fast": its clients are disconnected
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait(20)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def _psql(self, query: str) -> int:
        words = [self._programs / "psql", "-q", "-d", self.url, "-c", query]
        return subprocess.run(words, check=False, capture_output=True, timeout=20).returncode

    def _run(self, program: str, *words: object) -> None:
        command = [str(word) for word in (self._programs / program, *words)]
        subprocess.run(command, user=self._user, check=True, capture_output=True, timeout=60)

    def _log(self) -> str:
        return (self._folder / _LOG).read_text()


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs: on PATH, or where Debian puts them; None: it is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return known[-1].parent if known else None


def _user() -> str | None:
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in names)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Lend one PostgreSQL to all tests of a run, each with a `database()` of its own."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    server = Postgres(found)
    try:
        server.wait_until_it_serves()
        yield server
    finally:
        server.stop()
