"""A stream that began inside middleware, sent by the task in which its source runs.

Law: no chunk passes from task to task. Yet a cancellation of the source's own (by a timeout or a task group across its
yields) never meets the server's `send`: it is raised where the source waits, at its yield. What ends the stream, and
what cancels its request, does interrupt the `send`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator
from types import coroutine
from typing import Any, cast

from hinge.loop.exchange import Exchange
from hinge.loop.runtime import Runtime
from hinge.loop.sink import WholeSink
from hinge.loop.stream import send_stream
from hinge.loop.watch import Watch
from hinge.responses.producer import Producer
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse


async def send_inside(
    runtime: Runtime, sink: WholeSink, response: StreamingResponse, exchange: Exchange, begun: Producer
) -> None:
    """Send a stream whose first chunk is made, in the task of its source; raises as `send_stream`."""
    watch = exchange.watched()

    async def send(made: list[Any]) -> None:
        watch.owner, watch.task = watch.task, cast("asyncio.Task[Any]", asyncio.current_task())
        source = Inside(begun, made, watch)
        response._iterator = source
        await send_stream(runtime, cast("WholeSink", _ShieldedSink(sink, source)), response, exchange)

    if not await begun.within(send):
        await send_stream(runtime, sink, response, exchange)


class _Failed:
    """What a source has raised before it was asked for its next chunk."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Inside(AsyncIterator[Any]):
    """What is left of an iteration, for who is in its task; the chunks `made` come first."""

    __slots__ = ("_begun", "_made", "_source", "_watch")

    def __init__(self, begun: Producer, made: list[Any], watch: Watch) -> None:
        self._begun = begun
        self._source: Any = begun.source
        self._made = made
        self._watch = watch

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        return self._next() if self._made else self._source.__anext__()

    async def _next(self) -> Any:
        made = self._made.pop(0)
        if isinstance(made, _Failed):
            raise made.error
        return made

    async def aclose(self) -> None:
        """Close the source; raises what that raises."""
        await self._begun.close_within()

    @coroutine
    def shielded(self, work: Awaitable[None]) -> Generator[Any, Any, None]:
        """Wait for what a cancellation of the source's own does not interrupt."""
        steps: Any = work.__await__()
        for waits_for in steps:  # mostly it waits for nothing
            yield from self._rest(steps, waits_for)
            return

    def _rest(self, steps: Any, waits_for: Any) -> Generator[Any, Any, None]:
        while True:
            error: BaseException | None = None
            try:
                yield from _until_done(waits_for)
            except asyncio.CancelledError as cancelled:
                if self._is_source_cancelled():
                    yield from self._raise_in_source(cancelled).__await__()
                    if not self._is_ended():
                        continue
                error = cancelled
            except BaseException as failure:  # noqa: BLE001 - it closes the coroutine
                error = failure
            try:
                waits_for = next(steps) if error is None else steps.throw(error)
            except StopIteration:
                return

    def _is_ended(self) -> bool:
        return self._watch.is_over or self._begun.is_closing

    def _is_source_cancelled(self) -> bool:
        return not (self._made or self._is_ended())

    async def _raise_in_source(self, error: BaseException) -> None:
        try:
            self._made.append(await self._begun.thrown(error))
        except BaseException as failure:  # noqa: BLE001 - raised where the next chunk is asked for
            self._made.append(_Failed(failure))


def _until_done(waits_for: Any) -> Generator[Any, Any, None]:
    """Wait for what a coroutine has given to its task: a future, which is not cancelled with it; None for a turn."""
    if waits_for is None:
        yield
        return
    waits_for._asyncio_future_blocking = False
    while not waits_for.done():
        done = asyncio.get_running_loop().create_future()

        def tell(_: Any, done: "asyncio.Future[None]" = done) -> None:
            if not done.done():
                done.set_result(None)

        waits_for.add_done_callback(tell)
        yield from done


class _ShieldedSink:
    """A sink whose sending the source's own cancellations leave in peace, as far as a stream needs one."""

    __slots__ = ("_shielded", "_sink", "gone")

    def __init__(self, sink: WholeSink, inside: Inside) -> None:
        self._sink = sink
        self._shielded = inside.shielded
        self.gone: Any = getattr(sink, "gone", OSError)

    def start(self, response: Response) -> Awaitable[None]:
        return self._shielded(self._sink.start(response))

    def chunk(self, data: bytes) -> Awaitable[None]:
        return self._shielded(self._sink.chunk(data))

    def turn(self) -> Awaitable[None]:
        return self._shielded(asyncio.sleep(0))

    def end(self) -> Awaitable[None]:
        return self._sink.end()
