"""In-process connections to an application on an event loop: the server's side on the loop, the client's in its thread.

Law: the loop and its thread are the connection's own, so the caller may be anywhere, inside a running loop too; or the
loop is that of an async test, which calls from other threads. A chunk is handed over when the client asks for it, and
the application goes on when it asks for the next, so nothing is produced far ahead. Nothing here knows a protocol: a
backend says in `Served.call` how its application is called.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import Context
from types import SimpleNamespace
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import unquote

from hinge.backend.exits import run_to_end
from hinge.backend.testing import ProtocolViolation
from hinge.diagnostics.logger import logger
from hinge.error_responses import WATCHERS
from hinge.errors import ClientDisconnect
from hinge.loop.client_side import END, ClientSide
from hinge.loop.threads import taking_turns

Start: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
MAX_DIGITS = 20
"""Longer lengths are sent on purpose, and int() is quadratic."""
END_SECONDS = 10.0
"""How long the end of the event loop may take; a task that cannot be cancelled is left behind."""


class BorrowedLoop:
    """The event loop of an async test, to serve on; called from other threads, and none of this class's to run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._turns = ExitStack()
        self._turns.enter_context(taking_turns())

    def run(self, coroutine: Coroutine[Any, Any, Any], timeout: float | None, complaint: str) -> Any:
        """Run a coroutine to its end and return its result.

        Raises:
            TimeoutError: with the complaint, after `timeout` seconds.
        """
        # What the caller has set in its context is not the application's business.
        future = Context().run(asyncio.run_coroutine_threadsafe, coroutine, self.loop)
        try:
            failure = future.exception(timeout)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise TimeoutError(f"{complaint} within {timeout} s") from None
        if failure is not None:  # `result` returns None for one that is false
            raise failure
        return future.result()

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start a coroutine as a task with a context of its own."""
        self.loop.call_soon_threadsafe(self._create, coroutine)

    def _create(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self.loop.create_task(coroutine, context=Context())
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Cancel what still runs of what `start` was given; the loop goes on."""
        self._turns.close()
        self.run(self._end_tasks(), None, "")

    async def _end_tasks(self) -> None:
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS)


class LoopThread(BorrowedLoop):
    """An event loop in a thread of its own, as a server's worker has one."""

    def __init__(self, name: str) -> None:
        super().__init__(asyncio.new_event_loop())
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        # One task from beginning to end, as servers have it: anyio keeps its worker threads for as long as it runs.
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            asyncio.set_event_loop(runner.get_loop())
            run_to_end(self.loop.run_until_complete, self.loop.create_task(self._wait()))

    async def _wait(self) -> None:
        await self._stop.wait()

    def stop(self) -> None:
        """Cancel what still runs and end the thread."""
        self._turns.close()
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(END_SECONDS)


def serving_loop(name: str, options: Mapping[str, Any]) -> BorrowedLoop:
    """Return the loop that a connection's options name, or a new one in a thread of that name."""
    loop = options.get("loop")
    return LoopThread(name) if loop is None else BorrowedLoop(loop)


@contextmanager
def running(
    name: str,
    start: Start,
    stop: Start,
    application: Any,
    timeout: float | None,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Iterator["OpenRequests"]:
    """Run an application's life on a loop in a thread; `Backend.connect` in most of its parts.

    `start` and `stop` are called on the loop, around all requests; what they raise is raised here. `loop` is one that
    is served on in place of a new one: the connection's option.
    """
    served = serving_loop(name, {"loop": loop})
    try:
        served.run(start(), timeout, "the lifespans did not start")
        requests = OpenRequests(application, served)
        try:
            yield requests
        finally:
            try:
                requests.close()
            finally:
                served.run(stop(), timeout, "the lifespans did not stop")
    finally:
        served.stop()


class Openable(Protocol):
    """One request or WebSocket of a connection."""

    on_end: Callable[[], None]

    async def serve(self, application: Any) -> None:
        """Run the application for it; on the loop."""
        ...

    def begin(self) -> None:
        """Wait until it is answered; in the client's thread."""
        ...

    def close(self) -> None:
        """Leave; in the client's thread."""
        ...


Opened = TypeVar("Opened", bound=Openable)


class OpenRequests:
    """What is under way on a connection: a task for each."""

    def __init__(self, application: Any, loop: BorrowedLoop) -> None:
        self._application = application
        self._loop = loop
        self.loop = loop.loop
        self._open: set[Openable] = set()

    def begin(self, one: Opened) -> Opened:
        """Serve one and return it when its head is answered."""
        self._open.add(one)
        one.on_end = lambda: self._open.discard(one)
        self._loop.start(one.serve(self._application))
        one.begin()
        return one

    def close(self) -> None:
        """Leave everything."""
        with ExitStack() as everything:
            for one in tuple(self._open):
                everything.callback(one.close)


class Served(ClientSide):
    """One request and its answer (hinge.backend.Reply); a subclass calls the application in `call`.

    `what` names the request in messages; `headers` and `body` are what the client sends.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        what: str,
        headers: list[tuple[str, str]],
        body: bytes | Iterable[bytes],
        timeout: float | None,
    ) -> None:
        super().__init__(what, timeout)
        self._loop = loop
        self.upload: Upload = Upload(body, _declared(headers))
        self.gone = asyncio.Event()
        """Set once the client has left, or has everything."""
        self.violation: ProtocolViolation | None = None
        self._wanted = asyncio.Semaphore(0)
        self._has_head = False

    # -- on the loop ---------------------------------------------------------------------------------------------------

    async def call(self, application: Any) -> None:
        """Call the application in its protocol; what leaves it is raised to the client."""
        raise NotImplementedError

    def is_over(self) -> bool:
        """Tell whether the response is complete as its protocol has it."""
        return self._has_head

    async def serve(self, application: Any) -> None:
        """Run the application for this request."""
        try:
            await self.call(application)
        except BaseException as error:  # noqa: BLE001 - raised in the client's thread
            self._answers.put(self.violation or (self._noted(error) if self.is_complete() else error))
        else:
            self._answers.put(self.violation or self._incomplete() or END)
        finally:
            self.gone.set()
            self.on_end()
            self._ended.set()

    def is_complete(self) -> bool:
        """Tell whether the client has all of the response, so that a failure of the application changes nothing."""
        return False

    def _noted(self, error: BaseException) -> Any:
        logger.error("%s: the application failed behind its answer", self._what, exc_info=error)
        path = unquote(self._what.partition(" ")[2].partition("?")[0])
        for tell in tuple(WATCHERS):
            tell(SimpleNamespace(path=path), error)
        return END

    def _incomplete(self) -> ProtocolViolation | None:
        if self.is_over() or self.gone.is_set():
            return None
        return ProtocolViolation(f"{self._what}: the application returned without a complete response")

    def break_rule(self, complaint: str) -> ProtocolViolation:
        """Return what to raise for a broken rule of the protocol; the first one is what the client sees."""
        error = ProtocolViolation(f"{self._what}: {complaint}")
        self.violation = self.violation or error
        return error

    async def piece(self) -> bytes | None:
        """Return the next piece of the body, None if it is over or the client left."""
        piece = await self.upload.next(self.gone)
        if self.upload.failure is not None:
            self.gone.set()
        return piece

    async def receive(self) -> bytes:
        """Return the next piece of the body that is not empty, an empty one at its end.

        Raises:
            ClientDisconnect: the client left.
        """
        while (piece := await self.piece()) is not None:
            if piece or self.upload.is_over:
                return piece
        if self.upload.is_over:
            return b""
        raise ClientDisconnect

    def answer(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Hand over the head."""
        self._has_head = True
        self._answers.put((status, [(name.lower(), value) for name, value in headers]))  # names have no case

    def hand_over(self, data: bytes) -> None:
        """Hand over a part of the body that is the last one."""
        if data:
            self._answers.put(data)

    async def chunk(self, data: bytes) -> None:
        """Hand over a part of the body, and return when the client asks for the next."""
        self._answers.put(data)
        await self._wanted.acquire()
        if self.gone.is_set():
            await _let_others_run()  # whoever waits for the leaving hears of it before whoever waits here

    def _leave(self) -> None:
        self.gone.set()
        self._wanted.release()

    # -- in the client's thread ----------------------------------------------------------------------------------------

    def taken(self) -> None:
        """Let the application go on."""
        if not self._ended.is_set():
            self._loop.call_soon_threadsafe(self._wanted.release)

    def leave(self) -> None:
        """Tell the application that the client leaves."""
        self._loop.call_soon_threadsafe(self._leave)


async def _let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def _declared(headers: list[tuple[str, str]]) -> int | None:
    for name, value in headers:
        if name.lower() == "content-length" and value.isdigit() and len(value) < MAX_DIGITS:
            return int(value)
    return None


class Upload:
    """A request body, pulled from the client in a thread, because its iterator may block."""

    def __init__(self, body: bytes | Iterable[bytes], declared: int | None) -> None:
        self._pieces = iter((body,)) if isinstance(body, bytes) else iter(body)
        self._in_thread = not isinstance(body, bytes)
        self._left = declared
        self.is_over = False
        self.failure: BaseException | None = None

    async def next(self, gone: asyncio.Event) -> bytes | None:
        """Return the next piece; None if the body is over or the client left. An iterator ends with an empty piece."""
        if self.is_over or self.failure is not None:
            return None
        piece = await self._pull(gone) if self._in_thread else next(self._pieces)
        if not self._in_thread or piece is END:
            self.is_over = True
        if piece is None:
            return None
        return self._cut(b"" if piece is END else piece)

    def _cut(self, piece: bytes) -> bytes:
        # What follows the declared length is not part of this request.
        if self._left is None:
            return piece
        piece = piece[: self._left]
        self._left -= len(piece)
        if not self._left:
            self.is_over = True
        return piece

    async def _pull(self, gone: asyncio.Event) -> Any:
        loop = asyncio.get_running_loop()
        pulled: asyncio.Future[Any] = loop.create_future()

        def pull() -> None:
            try:
                piece = next(self._pieces, END)
            except BaseException as error:  # noqa: BLE001 - raised in the client's thread
                self.failure = error
                piece = None
            with suppress(RuntimeError):  # the connection was closed meanwhile
                loop.call_soon_threadsafe(_settle, pulled, piece)

        threading.Thread(target=pull, name="upload", daemon=True).start()
        left = loop.create_task(gone.wait())
        try:
            await asyncio.wait({pulled, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
        return pulled.result() if pulled.done() else None


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)
