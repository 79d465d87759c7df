"""An in-process connection to an RSGI application: what `hinge.testing` sends requests through.

Law: the application sees what Granian would show it, and is held to the protocol: one response, of text and bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import unquote

from hinge.backend import (
    ClientDisconnect,
    ConfigurationError,
    Connection,
    Feature,
    OpenRequests,
    Served,
    Session,
    running,
)
from hinge_rsgi.exchange import ProtocolClosed

_Lines = list[tuple[str, str]]


@contextmanager
def connect(application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
    """Run the application's lifespan and yield a connection; see `hinge.backend.Backend.connect`."""
    if options.get("prefix"):
        raise ConfigurationError(f"backend 'rsgi' lacks {Feature.PREFIX.value}. Fix: use another one for this test")
    runtime = application.runtime
    timeout, loop = options.get("timeout"), options.get("loop")
    with running("rsgi-server", runtime.start, runtime.stop, application, timeout, loop) as requests:
        yield _Connection(requests, options)


class _Connection:
    """The client's side."""

    def __init__(self, requests: OpenRequests, options: Mapping[str, Any]) -> None:
        self._requests = requests
        self._options = options

    def request(self, method: str, target: str, headers: _Lines, body: bytes | Iterable[bytes]) -> "_Call":
        """Send one request and return when its head is answered."""
        path, _, query = target.partition("?")
        host, port = self._options.get("client") or ("", None)
        scope = SimpleNamespace(
            proto="http",
            http_version="1.1",
            client=host and f"[{host}]:{port or ''}",
            scheme=self._options.get("scheme", "http"),
            method=method,
            path=unquote(path, errors="replace"),
            query_string=query,
            authority=None,
            headers=_Headers((name.lower(), value) for name, value in headers),
        )
        what, timeout = f"{method} {target}", self._options.get("timeout")
        return self._requests.begin(_Call(scope, self._requests.loop, what, headers, body, timeout))

    def websocket(self, target: str, headers: _Lines, subprotocols: list[str]) -> Session:
        """Refuse: this backend has no WebSockets."""
        raise ConfigurationError(f"a WebSocket at {target}: backend 'rsgi' has no {Feature.WEBSOCKET.value}")


class _Headers(list[tuple[str, str]]):
    """The headers as Granian has them."""

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        return [*{name: None for name, _ in self}]  # each once

    def items(self) -> _Lines:
        return [line for line in self if line[1].isascii()]

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.items() if key == name]


class _Call(Served):
    """One request and its answer; to the application, its protocol object."""

    def __init__(self, scope: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._scope = scope

    async def call(self, application: Any) -> None:
        await application(self._scope, self)

    async def __call__(self) -> bytes:
        body = b"".join([piece async for piece in self])
        if not self.upload.is_over:
            raise ProtocolClosed
        return body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with suppress(ClientDisconnect):
            while piece := await self.receive():
                yield piece
        if not self.upload.is_over:
            yield b""  # Granian's sign that it broke off
        yield b""  # and that of its end

    async def client_disconnect(self) -> None:
        await self.gone.wait()

    def response_bytes(self, status: int, headers: _Lines, body: bytes) -> None:
        framed = status in (204, 304) or any(name == "content-length" for name, _ in headers)
        self.response_stream(status, headers if framed else [*headers, ("content-length", str(len(body)))])
        self.hand_over(body)

    def response_file_range(self, status: int, headers: _Lines, file: str, start: int, end: int) -> None:
        self.response_stream(status, headers)
        for begin in range(start, end, 65536):
            self.hand_over(Path(file).read_bytes()[begin : min(begin + 65536, end)])

    def response_stream(self, status: int, headers: _Lines) -> Self:
        if self.is_over():
            raise self.break_rule("the application answered twice")
        if type(status) is not int or not all(type(text) is str for line in headers for text in line):
            raise self.break_rule(f"the application answered with {status!r} and {headers!r:.200}")
        self.answer(status, [*headers])
        return self

    async def send_bytes(self, data: bytes) -> None:
        if self.gone.is_set():
            await asyncio.sleep(0)
            raise ProtocolClosed
        await self.chunk(data)
