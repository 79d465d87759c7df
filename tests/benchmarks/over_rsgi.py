"""An RSGI callable without a server: a synthetic scope and protocol, its answer, and the time that it takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any, Self

from cases import Case
from over_asgi import RUNNER

Answer = tuple[int, list[tuple[str, str]], bytes]


class Headers:
    """A request's headers, no line of which is repeated; what Granian returns are lists of its own each time."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = dict(lines)

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return one line of one name."""
        return self._lines.get(name, default)

    def get_all(self, name: str) -> list[str]:
        """Return the lines of one name."""
        return [self._lines[name]] if name in self._lines else []

    def keys(self) -> list[str]:
        """Return the names of all lines."""
        return list(self._lines)

    def items(self) -> list[tuple[str, str]]:
        """Return all lines."""
        return list(self._lines.items())


def scope_of(case: Case) -> Any:
    """Return an RSGI scope as Granian makes it."""
    return SimpleNamespace(
        proto="http",
        rsgi_version="1.5",
        http_version="1.1",
        server="127.0.0.1:8000",
        client="203.0.113.7:40000",
        scheme="http",
        method=case.method,
        path=case.path,
        query_string=case.query,
        authority=None,
        headers=Headers(case.headers),
    )


class Protocol:
    """A client that sends its body at once, waits for the whole answer, and then leaves; and its transport."""

    def __init__(self, case: Case, sent: list[Any] | None = None) -> None:
        self._body = case.body
        self._sent = sent
        self._gone: asyncio.Future[None] | None = None

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body

    async def client_disconnect(self) -> None:
        """Return when the client has left."""
        self._gone = asyncio.get_running_loop().create_future()
        await self._gone

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Take a whole answer."""
        if self._sent is not None:
            self._sent += [status, headers, body]

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        """Take a whole answer."""
        self.response_bytes(status, headers, body.encode())

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Take an answer without a body."""
        self.response_bytes(status, headers, b"")

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Self:
        """Take the head of an answer."""
        if self._sent is not None:
            self._sent += [status, headers]
        return self

    async def send_bytes(self, data: bytes) -> None:
        """Take a part of an answer."""
        if self._sent is not None:
            self._sent.append(data)

    async def send_str(self, data: str) -> None:
        """Take a part of an answer."""
        await self.send_bytes(data.encode())


def _callable(application: Any) -> Any:
    return getattr(application, "__rsgi__", application)


def answer(application: Any, case: Case) -> Answer:
    """Return an RSGI callable's answer."""
    sent: list[Any] = []
    call = _callable(application)

    async def run() -> None:
        await call(scope_of(case), Protocol(case, sent))

    RUNNER.run(run())
    headers = [line for line in sent[1] if line[0] != "content-length"]  # Granian's, whoever says it
    return sent[0], headers, b"".join(sent[2:])


def timer(application: Any, case: Case) -> Callable[[int], float]:
    """Return what calls an RSGI callable so many times and returns the seconds."""
    call = _callable(application)
    clock = perf_counter if case.hops else process_time

    async def run(calls: int) -> float:
        requests = [(scope_of(case), Protocol(case)) for _ in range(calls)]
        started = clock()
        for scope, protocol in requests:
            await call(scope, protocol)
        return clock() - started

    return lambda calls: RUNNER.run(run(calls))
