"""The body of a streaming response on its way.

Law: the request's own task pulls an async source, and closes it; a plain one is stepped in worker threads
(`hinge.loop.threaded_source`). A chunk is asked for when the one before it was taken by the server. The source is
closed once, whatever happens, and so is the one that a middleware replaced.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from time import monotonic
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any

from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.error_responses import aborted, log_cut, log_failure
from hinge.loop.keepalive import KeepAlive
from hinge.loop.runtime import Runtime
from hinge.loop.sink import WholeSink
from hinge.loop.threaded_source import close_plain, threaded
from hinge.loop.watch import Ended, Watch, stopping
from hinge.request import Request
from hinge.responses.events import EventSourceResponse
from hinge.responses.frames import unframed
from hinge.responses.sources import close_failure, encode_chunk
from hinge.responses.streaming import StreamAborted, StreamingResponse

if TYPE_CHECKING:
    from hinge.loop.exchange import Exchange

CHUNKS_IN_A_ROW = 112
SECONDS_IN_A_ROW = 0.0005
"""After so many chunks, or so long, everybody else gets a turn: neither a source that is always ready nor a server's
`send` need ever wait (Granian's does not once the client has left), and then nothing else would run, not even what
notices that. The clock is read after every LOOK_EVERY chunks."""

LOOK_EVERY = 16


class Unsent(Exception):  # noqa: N818 - carries a failure on to where it is answered
    """A stream failed before anything was sent; `error` is to be answered."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


# One frame from the request to its source and its server: each chunk passes it, and a silent stream holds it.
async def send_stream(  # noqa: C901, PLR0912, PLR0915
    runtime: Runtime, sink: WholeSink, response: StreamingResponse, request: "Exchange"
) -> None:
    """Send a stream from its head to its end.

    Raises:
        Unsent: the source failed, and nothing was sent.
        StreamAborted: the source failed later, or the worker stops; what was sent is not a complete response.
    """
    watch = request.watched()
    source: Any = response._iterator if response.is_async else threaded(runtime, watch, response.iterator, request)
    items, encode, as_it_is = (
        (source, encode_chunk, bytes) if source.__class__ is AsyncGeneratorType else items_of(source)
    )
    keep_alive = _keep_alive(sink, watch, response) if isinstance(response, EventSourceResponse) else None
    turn = None
    begun = ended = is_complete = False
    at_server = False  # whose failure it is
    failure: Exception | None = None
    runtime.register(watch)
    try:
        watch.open()
        try:
            if response.eager_start:
                begun = at_server = True
                await sink.start(response)
                at_server = False
            if keep_alive is not None:
                watch.begin_beside(keep_alive)
            left = LOOK_EVERY
            async for item in items:
                if watch.is_over:  # the source may have taken the end for something else
                    watch.check()
                data: Any = item if item.__class__ is as_it_is else encode(item)
                if not data:
                    continue  # an empty one would end a chunked body on some servers
                if not begun:
                    begun = at_server = True
                    await sink.start(response)
                if keep_alive is not None:
                    if keep_alive.comment is not None:
                        await keep_alive.quiet()
                    keep_alive.is_sending = True
                at_server = True
                await sink.chunk(data)
                at_server = False
                if keep_alive is not None:
                    keep_alive.is_sending = False
                    keep_alive.sent += 1
                left -= 1
                if not left:
                    left = LOOK_EVERY
                    if turn is None:
                        turn = Turn()
                    elif turn.is_over():
                        watch.begin()
                        await getattr(sink, "turn", _a_turn)()
            ended = True
            if watch.is_over:
                watch.check()
            if keep_alive is not None:
                await keep_alive.stop()
            at_server = True
            if not begun:
                begun = True
                await sink.start(response)
            await sink.end()
            is_complete = True
        except BaseException as error:
            watch.shut(error)
            raise
        watch.shut(None)
    except Ended:
        pass
    except FAILURES as error:  # judged once the source is closed
        if not at_server or not isinstance(error, getattr(sink, "gone", OSError)):  # by which it says that
            failure = failure_in_task(error)
    finally:
        try:
            if keep_alive is not None:
                await keep_alive.stop()
        finally:
            try:
                if not ended or items.__class__ is not AsyncGeneratorType:  # which has closed itself
                    await close_source(runtime, request, (source, True))
            finally:
                runtime.unregister(watch)  # what stops the worker waits until the source is closed
                request.unwatched()
    if failure is not None:
        _fail(failure, watch, request, begun=begun, at_server=at_server)
    elif watch.is_cut and not watch.has_left and not is_complete:
        await _cut(sink, response, request, begun=begun)


def _a_turn() -> Awaitable[None]:
    return asyncio.sleep(0)


class Turn:
    """How much a stream has sent while nobody else had a turn."""

    __slots__ = ("_count", "_left", "_since")

    def __init__(self) -> None:
        self._count = 0
        self._left = LOOK_EVERY
        self._since = monotonic()

    def is_over(self) -> bool:
        """Tell whether it is somebody else's turn, after LOOK_EVERY further chunks."""
        self._count += LOOK_EVERY
        now = monotonic()
        if self._count < CHUNKS_IN_A_ROW and now - self._since < SECONDS_IN_A_ROW:
            return False
        self._count, self._since = 0, now
        return True

    async def shared(self, watch: Watch) -> None:
        """Give others, and the watch, a turn if it is theirs; called for each chunk."""
        self._left -= 1
        if not self._left:
            self._left = LOOK_EVERY
            if self.is_over():
                watch.begin()
                await asyncio.sleep(0)


def items_of(source: Any) -> tuple[Any, Callable[[Any], bytes], type | None]:
    """Return what is iterated, what encodes its items, and the class of those that go out as they are."""
    found = unframed(source)
    return (source, encode_chunk, bytes) if found is None else (*found, None)


def _keep_alive(sink: WholeSink, watch: Watch, response: EventSourceResponse) -> KeepAlive | None:
    watch.ends_at_once = True
    if response.ping is None:
        return None
    return KeepAlive(sink, response.ping, response.keep_alive, watch)


# -- how it ended ------------------------------------------------------------------------------------------------------


def _fail(failure: Exception, watch: Watch, request: Request, *, begun: bool, at_server: bool) -> None:
    """Judge what the source, or the server, raised."""
    if watch.is_over:
        cut = aborted(request, failure)  # it failed while it was ended
        if watch.has_left and cut is not failure:
            return
        raise cut
    if at_server:
        raise failure
    if not begun:
        raise Unsent(failure)
    raise aborted(request, failure)


async def _cut(sink: WholeSink, response: StreamingResponse, request: Request, *, begun: bool) -> None:
    """End a response whose worker stops: an event stream as such, because its client comes back by itself."""
    if isinstance(response, EventSourceResponse):
        # A message that the server has begun to send is whole, or comes again with the client.
        with contextlib.suppress(OSError):
            if not begun:
                await sink.start(response)
            await sink.end()
    elif begun:
        log_cut(request)
        raise StreamAborted(stopping())
    else:
        raise Unsent(stopping())


async def close_source(runtime: Runtime, request: Request, source: tuple[Any, bool]) -> None:
    """Close a source, async or not; a failure is logged: the response is out, and there is nobody to raise to."""
    iterator, is_async = source
    try:
        if not is_async:
            await close_plain(runtime, iterator)
        elif (aclose := getattr(iterator, "aclose", None)) is not None:
            await aclose()
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        failure = close_failure(error)
        if failure is not None:
            log_failure(request, failure)
