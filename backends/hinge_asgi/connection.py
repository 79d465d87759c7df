"""An in-process connection to an ASGI application: what `hinge.testing` sends requests through.

Law: the application runs on an event loop of its own, in a thread of its own, so the caller may be anywhere, inside a
running loop too. It sees what Granian would show it, and every message it sends is checked. `send` of a chunk returns
when the client asks for the next one.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import Context
from typing import Any

from hinge.backend import Connection
from hinge_asgi.checker import MessageChecker
from hinge_asgi.exchange import Exchange
from hinge_asgi.server_scope import http_scope, websocket_scope
from hinge_asgi.session import ClientSession

END_SECONDS = 10.0
"""How long the end of the event loop may take; a task that cannot be cancelled is left behind."""


@contextmanager
def connect(application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
    """Run the application's lifespan and yield a connection; see `hinge.backend.Backend.connect`."""
    timeout: float | None = options.get("timeout")
    loop = LoopThread()
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


class LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._serve, name="asgi-server", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        # One task from beginning to end, as servers have it: anyio keeps its worker threads for as long as it runs.
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._stop.wait()

    def run(self, coroutine: Coroutine[Any, Any, Any], timeout: float | None, complaint: str) -> Any:
        """Run a coroutine to its end and return its result.

        Raises:
            TimeoutError: with the complaint, after `timeout` seconds.

        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise TimeoutError(f"{complaint} within {timeout} s") from None

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start a coroutine as a task with a context of its own."""
        self.loop.call_soon_threadsafe(self._create, coroutine)

    def _create(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self.loop.create_task(coroutine, context=Context())
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Cancel what still runs and end the thread."""
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(END_SECONDS)


class _Connection:
    """The client's side: one task for each request that is under way."""

    def __init__(self, application: Any, options: Mapping[str, Any], loop: LoopThread, state: dict[str, Any]) -> None:
        self._application = application
        self._options = options
        self._timeout: float | None = options.get("timeout")
        self._loop = loop
        self._state = state
        self._open: set[Exchange | ClientSession] = set()

    def request(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]
    ) -> Exchange:
        """Send one request and return when its head is answered."""
        scope = http_scope(method, target, headers, self._options, self._state)
        exchange = Exchange(self._loop.loop, scope, body, f"{method} {target}", self._timeout)
        self._open.add(exchange)
        exchange.on_end = lambda: self._open.discard(exchange)
        self._loop.start(exchange.serve(self._application))
        exchange.begin()
        return exchange

    def websocket(self, target: str, headers: list[tuple[str, str]], subprotocols: list[str]) -> ClientSession:
        """Open a WebSocket."""
        scope = websocket_scope(target, headers, subprotocols, self._options, self._state)
        session = ClientSession(self._loop.loop, scope, f"WebSocket {target}", self._timeout)
        self._open.add(session)
        session.on_end = lambda: self._open.discard(session)
        self._loop.start(session.serve(self._application))
        session.begin()
        return session

    def close(self) -> None:
        with ExitStack() as everything:
            for one in tuple(self._open):
                everything.callback(one.close)


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
            runtime = getattr(self._application, "runtime", None)
            raise getattr(runtime, "failure", None) or RuntimeError(answer.get("message", "a lifespan failed"))

    async def end(self) -> None:
        """Stop the application; raises what a lifespan raised."""
        if not self._task.done():
            self._checker.state = "lifespan shutdown"
            await self._ask("shutdown")
        await self._task
