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
from time import monotonic
from types import GeneratorType
from typing import Any

from hinge.context import carry_back
from hinge.errors import FAILURES
from hinge.events import EventSourceResponse
from hinge.frames import unframed
from hinge.loop.line import Gone, KeepAlive, Line, Sink
from hinge.loop.runtime import Runtime, step_threads
from hinge.loop.watch import Ended, Watch, stopping
from hinge.problems import aborted, log_cut, log_failure
from hinge.request import Request
from hinge.streaming import StreamAborted, StreamingResponse, close_failure, encode_chunk

CHUNKS_IN_A_ROW = 64
SECONDS_IN_A_ROW = 0.0005
"""After so many chunks, or so long, everybody else gets a turn: neither a source that is always ready nor a server's
`send` need ever wait (Granian's does not once the client has left), and then nothing else would run, not even what
notices that. The clock is read after every LOOK_EVERY chunks."""

LOOK_EVERY = 8

_END: Any = object()


class _Over(Exception):  # noqa: N818 - as StopAsyncIteration
    """A plain source has ended."""


class Unsent(Exception):  # noqa: N818 - carries a failure on to where it is answered
    """A stream failed before anything was sent; `error` is to be answered."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


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
    except (Ended, Gone):
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
        with contextlib.suppress(Gone):
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
        self._line = Line(sink)
        self._is_complete = False
        self._keep_alive: KeepAlive | None = None
        if isinstance(response, EventSourceResponse) and response.ping is not None:
            self._keep_alive = KeepAlive(self._line, response.ping, response.keep_alive, watch.leave)

    async def pump(self) -> None:
        """Send everything."""
        line, watch = self._line, self._watch
        pull: Callable[[], Awaitable[Any]] = self._pull_from_thread
        over: type[Exception] = _Over
        as_it_is: Any = bytes
        encode: Callable[[Any], bytes] = encode_chunk
        if self._is_async:
            source = self._source
            if (items := unframed(source)) is not None:
                source, encode = items
                as_it_is = None
            pull, over = source.__anext__, StopAsyncIteration
        if self._is_eager:
            await line.start(self._response)
        since = monotonic()
        while True:
            try:
                chunk: Any = await pull()
            except over:
                break
            if watch.has_left or watch.is_cut:  # the source may have taken the end for something else
                raise Ended
            data: bytes = chunk if chunk.__class__ is as_it_is else encode(chunk)
            if not data:
                continue  # an empty one would end a chunked body on some servers
            if not line.sent:
                await line.start(self._response)
            await line.chunk(data)
            if line.sent % LOOK_EVERY == 0 and (
                line.sent % CHUNKS_IN_A_ROW == 0 or monotonic() - since > SECONDS_IN_A_ROW
            ):
                await asyncio.sleep(0)
                since = monotonic()
        watch.check()
        await self._complete()

    async def _complete(self) -> None:
        if not self._line.sent:
            await self._line.start(self._response)
        await self._line.end()
        self._is_complete = True

    # -- the source ----------------------------------------------------------------------------------------------------

    async def _pull_from_thread(self) -> Any:
        chunk = await self._watch.undisturbed(self._runtime.in_thread(self._threads, self._step))
        if chunk is _END:
            raise _Over
        return chunk

    def _step(self) -> Any:
        with self._stepping:
            return self._context.run(next, self._source, _END)

    async def end(self) -> None:
        """Stop what runs beside, and close the source."""
        try:
            if self._keep_alive is not None:
                await self._keep_alive.stop()
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
        if failure is self._line.refusal:
            raise failure  # the server's own
        if not self._line.sent:
            raise Unsent(failure)
        raise aborted(self._request, failure) from None

    async def cut(self) -> None:
        """End a response whose worker stops: an event stream as such, because its client comes back by itself."""
        if self._is_complete:
            return
        if self.is_event_stream:
            # A message that the server has begun to send is whole, or comes again with the client.
            await self._complete()
        elif self._line.sent or self._line.is_sending:
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


def _is_at_rest(iterator: Any) -> bool:
    """Tell whether an iterator is a generator that has not begun, as a file's that the server sends, or has ended."""
    return isinstance(iterator, GeneratorType) and not iterator.gi_running and not iterator.gi_suspended


async def close_source(runtime: Runtime, request: Request, source: tuple[Any, bool]) -> None:
    """Close a source, async or not; a failure is logged: the response is out, and there is nobody to raise to."""
    iterator, is_async = source
    try:
        close = getattr(iterator, "aclose" if is_async else "close", None)
        if close is None:
            return
        if is_async:
            await close()
        elif _is_at_rest(iterator):
            close()  # none of its code runs: no thread is needed
        else:
            await runtime.in_thread("teardown", close)
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        failure = close_failure(error)
        if failure is not None:
            log_failure(request, failure)
