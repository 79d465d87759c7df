"""The client of async tests: `Client`, without blocking the test's event loop.

Law: it is the same client. Each call is made in a thread, and the test's loop stays free; an app that is called on an
event loop is called on the test's. What was begun for a caller who is cancelled is not lost: a request's client leaves,
and the next caller gets what the last one waited for.
"""

import asyncio
import functools
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from hinge.errors import ConfigurationError, WebSocketDisconnect
from hinge.loop.client_side import END, WAITING, Waiting
from hinge.loop.threads import Lane
from hinge.responses.events import Event
from hinge.testing.answers import ELSEWHERE, ResponseHead, StreamedResponse, absent
from hinge.testing.client import Client
from hinge.testing.websocket import ClientWebSocket, decoded

P = ParamSpec("P")
T = TypeVar("T")
Opened = TypeVar("Opened")

_LANE = Lane(sys.maxsize)
"""As many threads as there are waits: each of them may be for what another one does."""


def _in_thread(work: Callable[..., T], *args: Any, waiting: Waiting | None = None) -> "asyncio.Future[T]":
    """Return the future result of a call that may block."""
    context = copy_context()
    context.run(WAITING.set, waiting)
    return _LANE.run(asyncio.get_running_loop(), context, work, args)


async def _to_its_end(future: "asyncio.Future[T]") -> T:
    """Return the result of what must not be left half done: a cancellation is raised when it has ended."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait((future,))
        if not future.cancelled():
            future.exception()  # nobody is told
        raise


class _Kept(Generic[T]):
    """A call that blocks, made again and again; a caller who is cancelled leaves its result to the next one."""

    def __init__(self, work: Callable[..., T]) -> None:
        self._work = work
        self._future: asyncio.Future[T] | None = None

    async def __call__(self) -> T:
        future = self._future
        if future is None:
            future = self._future = _in_thread(self._work)
            future.add_done_callback(_retrieved)
        try:
            result = await asyncio.shield(future)
        except asyncio.CancelledError:
            raise  # the next caller asks for what this one gets no more, even if it is there
        except BaseException:
            self._future = None
            raise
        self._future = None
        return result


def _retrieved(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()  # asyncio complains about one that nobody has looked at


class _Pulled(Generic[T]):
    """An iterator whose items are asked for in a thread."""

    def __init__(self, items: Iterator[T]) -> None:
        self._next = _Kept(lambda: next(items, END))

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        item: T = await self._next()
        if item is END:
            raise StopAsyncIteration
        return item


def _pushed(loop: asyncio.AbstractEventLoop, items: AsyncIterable[bytes]) -> Iterator[bytes]:
    """Yield the items of an iterator of the test's loop, in other threads."""
    iterator = aiter(items)

    async def following() -> Any:
        return await anext(iterator, END)

    while (item := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not END:
        yield item


class _Block(AbstractAsyncContextManager[Opened, bool | None], Generic[T, Opened]):
    """A block of the client as an `async with`."""

    def __init__(
        self, client: "AsyncClient", manager: AbstractContextManager[T], opened: Callable[[T], Opened]
    ) -> None:
        self._client = client
        self._manager = manager
        self._opened = opened

    async def __aenter__(self) -> Opened:
        return self._opened(await self._client._given_up(self._enter))

    def _enter(self, waiting: Waiting) -> T:
        value = self._manager.__enter__()
        if waiting.is_given_up:
            self._manager.__exit__(None, None, None)
        return value

    async def __aexit__(self, *exc_info: object) -> bool | None:
        return await _to_its_end(_in_thread(self._leave, exc_info))

    def _leave(self, exc_info: Any) -> bool | None:
        return self._manager.__exit__(*exc_info)


_BLOCKING = {name: f".a{name}()" for name in ("iter_bytes", "iter_text", "iter_lines", "events", "read", "close")}


class AsyncStreamedResponse(ResponseHead):
    """A response whose body is read as the app produces it; each chunk is produced when it is asked for."""

    def __init__(self, response: StreamedResponse) -> None:
        self._response = response
        self.share_head(response)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise absent(self, name, _BLOCKING if name in _BLOCKING else ELSEWHERE)

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Return an iterator of the chunks that are not read yet; it raises as `StreamedResponse.iter_bytes`."""
        return _Pulled(self._response.iter_bytes())

    def aiter_text(self) -> AsyncIterator[str]:
        """Return an iterator of the chunks as text; a character that two chunks share comes with the second."""
        return _Pulled(self._response.iter_text())

    def aiter_lines(self) -> AsyncIterator[str]:
        """Return an iterator of the lines without their ends, each as soon as it is complete."""
        return _Pulled(self._response.iter_lines())

    def aevents(self) -> AsyncIterator[Event]:
        """Return an iterator of the server-sent events; comments are passed over."""
        return _Pulled(self._response.events())

    async def aread(self) -> bytes:
        """Return what is left of the body."""
        return await _in_thread(self._response.read)

    async def aclose(self) -> None:
        """Leave as a client does, and wait until the app has noticed."""
        await _to_its_end(_in_thread(self._response.close))


class AsyncClientWebSocket:
    """A test's side of a WebSocket; see `ClientWebSocket`."""

    def __init__(self, session: ClientWebSocket) -> None:
        self._session = session
        self.subprotocol = session.subprotocol
        self.headers = session.headers
        self._received = _Kept(session.take)

    @property
    def close_code(self) -> int | None:
        """The code that the handler closed with, None until that is received."""
        return self._session.close_code

    @property
    def close_reason(self) -> str:
        """The reason that the handler closed with."""
        return self._session.close_reason

    async def send(self, message: str | bytes) -> None:
        """Send one message: `str` as text, `bytes` as binary.

        Raises:
            WebSocketDisconnect: the handler's close was received before.
            UnicodeEncodeError: the text has no UTF-8 form.
        """
        self._session.send(message)

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON text."""
        self._session.send_json(value)

    async def receive(self, timeout: float | None = None) -> str | bytes:  # noqa: ASYNC109 - as the other client's
        """Return the handler's next message; `timeout` in seconds, the client's if it is None.

        A call that is cancelled loses none: the next one returns what it would have.

        Raises:
            WebSocketDisconnect: the handler closed.
            TimeoutError: nothing came in time.
        """
        limit = self._session.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                return await self._received()
        except TimeoutError:
            raise TimeoutError(f"the application sent nothing within {limit} s") from None

    async def receive_json(self, kind: Any = Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Return the handler's next message decoded from JSON, validated as `kind` if it is given."""
        return decoded(await self.receive(timeout), kind)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the handler closes."""
        try:
            while True:
                yield await self.receive()
        except WebSocketDisconnect:
            return

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait until the handler has ended; a second close does nothing."""
        await _to_its_end(_in_thread(self._session.close, code, reason))


def _takes_as(
    method: Callable[Concatenate[Client, P], Any],
) -> Callable[[Callable[..., Any]], Callable[Concatenate["AsyncClient", P], None]]:
    """Have a method take what one of `Client` takes."""
    return lambda function: function


def _awaited(
    method: Callable[Concatenate[Client, P], T],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, T]]:
    """Return a method of `Client` as one to be awaited."""

    async def call(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._pull(kwargs)
        return await self._given_up(lambda waiting: method(self._client, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _opening(
    method: Callable[Concatenate[Client, P], AbstractContextManager[T]], opened: Callable[[T], Opened]
) -> Callable[Concatenate["AsyncClient", P], AbstractAsyncContextManager[Opened, bool | None]]:
    """Return a method of `Client` that opens a block as one whose block is an `async with`."""

    def call(
        self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[Opened, bool | None]:
        self._pull(kwargs)
        return _Block(self, method(self._client, *args, **kwargs), opened)

    functools.update_wrapper(call, method)
    return call


class AsyncClient:
    """Send requests to an app from an async test; `async with` runs the app's lifespan around it.

    It takes what `Client` takes, and its methods take what those of `Client` take; `content` may also be an async
    iterable. An app on ASGI is called on the test's own event loop, and may use what was made there; on WSGI its
    coroutines have the loop thread that they have under a server. Requests may be under way at once.

    A request that is cancelled is a client that leaves. What it was for may run on until the block of the client is
    left, and is cancelled there.

    Raises:
        ConfigurationError: the app does not compile for the backend; or, on entering, no asyncio event loop runs.
    """

    @_takes_as(Client.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._attach(Client(*args, **kwargs))

    @classmethod
    def around(cls, client: Client) -> Self:
        """Return one that sends through a client that nobody has opened."""
        self = cls.__new__(cls)
        self._attach(client)
        return self

    def _attach(self, client: Client) -> None:
        client.how_to_open = "async with AsyncClient(app) as client: ..."
        self._client = client
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_given_up = False
        self.app = client.app
        self.backend = client.backend
        self.cookies = client.cookies
        self.headers = client.headers
        self.application = client.application

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise absent(self, name)

    async def __aenter__(self) -> Self:
        loop = _running_loop()
        await _to_its_end(_in_thread(self._client.open, {"loop": loop}))
        self._loop = loop
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._check_loop()
        await _to_its_end(_in_thread(self._leave))

    def _leave(self) -> None:
        if self._has_given_up:
            self.application.drain(0)
            self._has_given_up = False
        self._client.__exit__(None, None, None)

    def _check_loop(self) -> None:
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "the client was opened on another event loop than this test's. Fix: one loop for the fixture and the "
                "test (pytest-asyncio: the same loop_scope for both)"
            )

    async def _given_up(self, work: Callable[[Waiting], T]) -> T:
        """Return the result of a call that blocks for an answer; if this is cancelled, the client leaves."""
        self._check_loop()
        waiting = Waiting()
        try:
            return await _in_thread(work, waiting, waiting=waiting)
        except (asyncio.CancelledError, TimeoutError):
            self._has_given_up = True
            waiting.give_up()
            raise

    def _pull(self, options: Any) -> None:
        """Make an async iterable that is to be sent one that threads can pull."""
        content = options.get("content")
        if isinstance(content, AsyncIterable):
            options["content"] = _pushed(asyncio.get_running_loop(), content)

    request = _awaited(Client.request)
    get = _awaited(Client.get)
    head = _awaited(Client.head)
    options = _awaited(Client.options)
    post = _awaited(Client.post)
    put = _awaited(Client.put)
    patch = _awaited(Client.patch)
    delete = _awaited(Client.delete)
    stream = _opening(Client.stream, AsyncStreamedResponse)
    websocket = _opening(Client.websocket, AsyncClientWebSocket)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "AsyncClient: no asyncio event loop runs here (trio's is none). "
            "Fix: run the test on asyncio, with anyio's plugin by the fixture anyio_backend = 'asyncio'; or with Client"
        ) from None
