"""An in-process connection to an ASGI application: what `hinge.testing` sends requests through.

Law: the application runs on an event loop of its own, in a thread of its own, so the caller may be anywhere, inside a
running loop too; or on the loop of an async test. It sees what Granian would show it, and every message it sends is
checked. `send` of a chunk returns when the client asks for the next one.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from hinge.backend.testing import Connection
from hinge.loop.inprocess import BorrowedLoop, OpenRequests, serving_loop
from hinge_asgi.inprocess.checker import MessageChecker
from hinge_asgi.inprocess.request import ServedHTTP
from hinge_asgi.inprocess.server_scope import http_scope, websocket_scope
from hinge_asgi.inprocess.session import ClientSession


@contextmanager
def connect(application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
    """Run the application's lifespan and yield a connection; see `hinge.backend.Backend.connect`."""
    timeout: float | None = options.get("timeout")
    loop = serving_loop("asgi-server", options)
    try:
        lifespan = loop.run(_Lifespan.begin(application), timeout, "the lifespans did not start")
        connection = _Connection(application, options, loop, lifespan.state)
        try:
            yield connection
        finally:
            connection.close()
            loop.run(lifespan.end(), timeout, "the lifespans did not stop")
    finally:
        loop.stop()


class _Connection(OpenRequests):
    """The client's side."""

    def __init__(self, application: Any, options: Mapping[str, Any], loop: BorrowedLoop, state: dict[str, Any]) -> None:
        super().__init__(application, loop)
        self._options = options
        self._timeout: float | None = options.get("timeout")
        self._state = state

    def request(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]
    ) -> ServedHTTP:
        """Send one request and return when its head is answered."""
        scope = http_scope(method, target, headers, self._options, self._state)
        return self.begin(ServedHTTP(self._loop.loop, scope, headers, body, f"{method} {target}", self._timeout))

    def websocket(self, target: str, headers: list[tuple[str, str]], subprotocols: list[str]) -> ClientSession:
        """Open a WebSocket."""
        scope = websocket_scope(target, headers, subprotocols, self._options, self._state)
        return self.begin(ClientSession(self._loop.loop, scope, f"WebSocket {target}", self._timeout))


class _Lifespan:
    """The lifespan scope of the application, one task from start to stop."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.state: dict[str, Any] = {}
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._checker = MessageChecker("lifespan startup", "lifespan")
        self._failure: BaseException | None = None

    @classmethod
    async def begin(cls, application: Any) -> "_Lifespan":
        """Start the application; raises what a lifespan raised."""
        lifespan = cls(application)
        lifespan._task = asyncio.get_running_loop().create_task(lifespan._serve(), context=Context())
        await lifespan._ask("startup")
        return lifespan

    _task: "asyncio.Task[None]"

    async def _serve(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._application(scope, self._inbox.get, self._send)
        except Exception as error:  # noqa: BLE001 - an application without a lifespan raises, and is served
            self._failure = error
        finally:
            self._answers.put_nowait(None)

    async def _send(self, message: dict[str, Any]) -> None:
        self._checker.check(message)
        self._answers.put_nowait(message)

    async def _ask(self, what: str) -> None:
        self._inbox.put_nowait({"type": f"lifespan.{what}"})
        answer = await self._answers.get()
        if self._checker.violation is not None:
            raise self._checker.violation
        if answer is not None and answer["type"].endswith("failed"):
            await self._task
            runtime, failure = (
                getattr(self._application, "runtime", None),
                "failure" if what == "startup" else "stop_failure",
            )
            error = getattr(runtime, failure, None)
            raise RuntimeError(answer.get("message", "a lifespan failed")) if error is None else error

    async def end(self) -> None:
        """Stop the application; raises what a lifespan raised."""
        if not self._task.done():
            self._checker.state = "lifespan shutdown"
            await self._ask("shutdown")
        await self._task
