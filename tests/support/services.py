"""`hinge run`, and what is run like it: a port of its own, a client, and the notes that the app makes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import httpx
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import PATIENCE, until

Serve = Callable[..., "Service"]
"""From arguments of `hinge run` to the service: the fixture `serve` of several folders."""


class Service(Process):
    """`hinge run` in a folder.

    What its app notes are lines in the file `notes` of that folder: a text, a space, and a number.
    """

    def __init__(
        self, folder: Path, *arguments: str, run: str = "hinge run", port: int | None = None, cwd: Path | None = None,
        **environ: str,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        cwd = cwd or folder
        if "--uds" in arguments:
            address: int | str = str(cwd / arguments[arguments.index("--uds") + 1])
        else:
            address, arguments = self.port, (*arguments, "--port", str(self.port))
        super().__init__([*run.split(), *arguments], folder, address, cwd=cwd, environ=environ)

    def started(self, starts: int = 0) -> Self:
        """Return once it listens, and so many workers have noted their start; the first requests wait for a worker."""
        until(lambda: self.process.poll() is not None or self.notes().count("start") >= starts, "a start", self.log)
        self.wait_until_it_listens()
        return self

    def wait_for(self, pattern: str, count: int = 1) -> None:
        """Return once it has printed what matches a pattern so many times."""
        until(lambda: len(re.findall(pattern, self.log())) >= count, f"{count} x {pattern!r}", self.log)

    def notes(self) -> list[str]:
        """Return the texts that the app has noted."""
        return [text for text, _ in self._notes()]

    def noted(self, what: str) -> list[float]:
        """Return the numbers beside a text: process ids, or seconds."""
        return [float(number) for text, number in self._notes() if text == what]

    def _notes(self) -> list[list[str]]:
        file = self.folder / "notes"
        return [line.rsplit(" ", 1) for line in file.read_text().splitlines()] if file.exists() else []

    @cached_property
    def client(self) -> httpx.Client:
        """A client that keeps its connections; it reads no certificates, which takes longer than a request."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, verify=False)

    def get(self, path: str = "/", **options: Any) -> httpx.Response:
        """GET on a connection of its own."""
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE, verify=False, **options)

    def stop(self) -> int:
        """Stop it, leave, and return the exit code."""
        code = super().stop()
        self._leave()
        return code

    def kill(self) -> None:
        """Kill all of it, and leave."""
        super().kill()
        self._leave()

    def _leave(self) -> None:
        if "client" in self.__dict__:
            self.client.close()


@contextmanager
def services(folder: Path, **defaults: Any) -> Iterator[Serve]:
    """Lend what starts services in a folder; what is still running in the end is killed."""
    begun: list[Service] = []

    def serve(*arguments: str, **options: Any) -> Service:
        begun.append(Service(folder, *arguments, **defaults | options))
        return begun[-1]

    try:
        yield serve
    finally:
        for service in begun:
            service.kill()
