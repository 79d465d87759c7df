"""The body of a streaming response on its way.

Law: the request's own task pulls an async source, and closes it; a plain one is stepped in worker threads, in one
context, one step at a time. A chunk is asked for when the one before it was taken by the server. The source is closed
once, whatever happens, and so is the one that a middleware replaced.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Protocol

from hinge.context import carry_back
from hinge.errors import FAILURES
from hinge.events import EventSourceResponse
from hinge.loop.runtime import Runtime, step_threads
from hinge.loop.watch import Ended, Watch, stopping
from hinge.problems import aborted, log_cut, log_failure
from hinge.request import Request
from hinge.response import Response
from hinge.streaming import StreamAborted, StreamingResponse, close_failure, encode_chunk

CHUNKS_IN_A_ROW = 8
"""After so many chunks everybody else gets a turn: neither a source that is always ready nor a server's `send` need
ever wait (Granian's does not once the client has left), and then nothing else would run, not even what notices that."""

_END: Any = object()


class Sink(Protocol):
    """Where one response goes. Each method returns when the server is ready for more.

    Raises OSError if the client has left and the server says so by refusing.
    """

    async def start(self, response: Response) -> None:
        """Send the status and the headers of a response whose body follows in chunks, or not at all."""
        ...

    async def chunk(self, data: bytes) -> None:
        """Send a part of the body, which is never empty."""
        ...

    async def end(self) -> None:
        """End the body."""
        ...


class Unsent(Exception):  # noqa: N818 - carries a failure on to where it is answered
    """A stream failed before anything was sent; `error` is to be answered."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class _Gone(Exception):  # noqa: N818 - an event of the protocol
    """The server took no more, because the client has left."""


async def send_stream(
    runtime: Runtime, sink: Sink, watch: Watch, response: StreamingResponse, request: Request
) -> None:
    """Send a stream from its head to its end.

    Raises:
        Unsent: the source failed, and nothing was sent.
        StreamAborted: the source failed later, or the worker stops; what was sent is not a complete response.

    """
    stream = _Stream(runtime, sink, watch, response, request)
    watch.ends_at_once = stream.is_event_stream
    runtime.register(watch)
    failure: Exception | None = None
    try:
        await watch.run(stream.pump)
    except (Ended, _Gone):
        pass
    except FAILURES as error:  # judged once the source is closed
        failure = error
    finally:
        try:
            await stream.end()
        finally:
            runtime.unregister(watch)  # what stops the worker waits until the source is closed
    if failure is not None:
        stream.fail(failure)
    elif watch.is_cut and not watch.has_left:
        with contextlib.suppress(_Gone):
            await stream.cut()


class _Stream:
    """One source, and how far its response has got."""

    def __init__(
        self,
        runtime: Runtime,
        sink: Sink,
        watch: Watch,
        response: StreamingResponse,
        request: Request,
    ) -> None:
        self._runtime = runtime
        self._sink = sink
        self._watch = watch
        self._request = request
        self._response = response
        self._source: Any = response.iterator
        self._is_async = response.is_async
        self._threads = step_threads(request._endpoint)
        self._is_eager = response.eager_start
        self._context = copy_context()
        self._stepping = threading.Lock()
        self.is_event_stream = isinstance(response, EventSourceResponse)
        self._turn = asyncio.Lock()
        self._has_started = False
        self._is_sending = False
        self._is_complete = False
        self._refusal: Exception | None = None
        self._sent = 0
        self._pinging: asyncio.Task[None] | None = None
        self._send: Callable[..., Awaitable[None]] = self._send_now
        if isinstance(response, EventSourceResponse) and response.ping is not None:
            self._pinging = asyncio.create_task(self._keep_alive(response.ping, response.keep_alive))
            self._send = self._send_in_turn

    # -- sending -------------------------------------------------------------------------------------------------------

    async def pump(self) -> None:
        """Send everything."""
        if self._is_eager:
            await self._send(self._sink.start, self._response)
        pull = self._pull if self._is_async else self._pull_from_thread
        while (chunk := await pull()) is not _END:
            data = encode_chunk(chunk)
            if not data:
                continue  # an empty one would end a chunked body on some servers
            if not self._has_started:
                await self._send(self._sink.start, self._response)
            await self._send(self._sink.chunk, data)
            if self._sent % CHUNKS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        await self._complete()

    async def _complete(self) -> None:
        if not self._has_started:
            await self._send(self._sink.start, self._response)
        await self._send(self._sink.end)
        self._is_complete = True

    async def _send_in_turn(self, step: Callable[..., Awaitable[None]], *what: Any) -> None:
        if self._turn.locked():  # by the keep-alive, which does not begin while anything else is being sent
            async with self._turn:
                await self._send_now(step, *what)
        else:
            await self._send_now(step, *what)

    async def _send_now(self, step: Callable[..., Awaitable[None]], *what: Any) -> None:
        self._is_sending = True
        try:
            await step(*what)
        except OSError:
            raise _Gone from None
        except Exception as error:
            self._refusal = error
            raise
        self._is_sending = False
        self._has_started = True
        self._sent += 1

    async def _keep_alive(self, seconds: float, comment: Callable[[], bytes]) -> None:
        """Send a comment after each silence, so that no proxy takes the stream for dead."""
        while True:
            sent = self._sent
            await asyncio.sleep(seconds)
            if self._has_started and self._sent == sent and not self._is_sending:
                try:
                    async with self._turn:
                        if body := comment():  # made in turn: a coding of the content depends on the order
                            await self._send_now(self._sink.chunk, body)
                except Exception:  # noqa: BLE001 - whatever the server has against it, nobody is there any more
                    self._watch.leave()
                    return

    # -- the source ----------------------------------------------------------------------------------------------------

    async def _pull(self) -> Any:
        """Return the source's next chunk, `_END` after the last."""
        try:
            chunk = await self._source.__anext__()
        except StopAsyncIteration:
            chunk = _END
        self._watch.check()  # it may have taken the end for something else
        return chunk

    async def _pull_from_thread(self) -> Any:
        return await self._watch.undisturbed(self._runtime.in_thread(self._threads, self._step))

    def _step(self) -> Any:
        with self._stepping:
            return self._context.run(next, self._source, _END)

    async def end(self) -> None:
        """Stop what runs beside, and close the source."""
        try:
            if self._pinging is not None:
                self._pinging.cancel()
                await asyncio.wait((self._pinging,))
        finally:
            if self._is_async:
                await close_source(self._runtime, self._request, (self._source, True))
            else:
                await close_source(self._runtime, self._request, (_Steps(self), False))
                carry_back(self._context)

    # -- how it ended --------------------------------------------------------------------------------------------------

    def fail(self, failure: Exception) -> None:
        """Judge what the source, or the server, raised."""
        if self._watch.is_over:
            cut = aborted(self._request, failure)  # it failed while it was ended
            if self._watch.has_left:
                return
            raise cut from None
        if failure is self._refusal:
            raise failure  # the server's own
        if not self._has_started:
            raise Unsent(failure)
        raise aborted(self._request, failure) from None

    async def cut(self) -> None:
        """End a response whose worker stops: an event stream as such, because its client comes back by itself."""
        if self._is_complete:
            return
        if self.is_event_stream:
            # A message that the server has begun to send is whole, or comes again with the client.
            await self._complete()
        elif self._has_started or self._is_sending:
            log_cut(self._request)
            raise StreamAborted(stopping())
        else:
            raise Unsent(stopping())


class _Steps:
    """A plain source whose close waits for the step that a worker thread is in."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def close(self) -> None:
        with self._stream._stepping:
            close = getattr(self._stream._source, "close", None)
            if close is not None:
                self._stream._context.run(close)


async def close_source(runtime: Runtime, request: Request, source: tuple[Any, bool]) -> None:
    """Close a source, async or not; a failure is logged: the response is out, and there is nobody to raise to."""
    iterator, is_async = source
    try:
        close = getattr(iterator, "aclose" if is_async else "close", None)
        if close is None:
            return
        if is_async:
            await close()
        else:
            await runtime.in_thread("teardown", close)
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        failure = close_failure(error)
        if failure is not None:
            log_failure(request, failure)
