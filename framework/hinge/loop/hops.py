"""How composed handlers run their plain parts from an event loop.

Law: a hop ends with what it runs, even if its task is cancelled meanwhile: what was entered in a thread is not left
while that thread still works with it, and what nobody waits for any more is not committed. Teardown has threads of its
own.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.dependencies.hops import Hops
from hinge.dependencies.sparing import spared
from hinge.loop.runtime import Runtime, handler_threads
from hinge.loop.threads import Disconnected
from hinge.responses.streaming import StreamingResponse

Hop = Callable[..., Awaitable[Any]]
"""`(work without arguments) -> its result`."""


def hops_of(endpoint: Endpoint, runtime: Runtime) -> Hops | None:
    """Return the hops of an endpoint, None for one that has no dependencies."""
    if endpoint.plan.composed is None:
        return None
    in_thread, handlers = runtime.in_thread, handler_threads(endpoint)
    return Hops(
        to_its_end(lambda work: in_thread(handlers, work)),
        to_its_end(lambda work: in_thread("teardown", work)),
        spared,
        given_up=_given_up,
        is_apart=bool(endpoint.layers),  # see hinge.loop.first_chunk
    )


def to_its_end(hop: Hop) -> Hop:
    """Return what does the same, `(function, *arguments)`, and waits for what has begun if its task is cancelled."""

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        begun = _Begun()

        def work() -> Any:
            if begun.is_taken():
                return None  # nobody waits for it any more
            try:
                return function(*arguments)
            finally:
                begun.end()

        try:
            return await hop(work)
        except BaseException:
            if begun.is_taken():
                await begun.ended()
            raise

    return run


def all_in_thread(
    runtime: Runtime, threads: str, call: Callable[..., Any], disconnected: Disconnected | None
) -> Callable[..., Awaitable[Any]]:
    """Return `call(head, values, body, request)` of a plain composed handler as one hop.

    If its task is cancelled once it has begun, it is told so (`Hops.given_up`) and waited for.
    """
    in_thread = runtime.in_thread

    def work(begun: _Begun, head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        if begun.is_taken():
            return None  # nobody waits for it any more
        _here.begun = begun
        try:
            begun.result = call(head, values, body, request)
            return begun.result
        finally:
            _here.begun = None
            begun.end()

    async def run(head: Any, values: tuple[str, ...], body: Any, request: Any) -> Any:
        begun = _Begun()
        try:
            return await in_thread(threads, work, begun, head, values, body, request, disconnected=disconnected)
        except BaseException:
            if begun.is_taken():
                begun.is_given_up = True
                await begun.ended()
                await _unsent(begun.result, in_thread)
            raise

    return run


async def _unsent(result: Any, in_thread: Callable[..., Awaitable[Any]]) -> None:
    """Close a stream that was there before its thread knew that nobody sends it, and so leave what it holds."""
    if isinstance(result, StreamingResponse):
        close = getattr(result.iterator, "aclose" if result.is_async else "close", None)
        if close is not None:
            await (close() if result.is_async else in_thread("teardown", close))


class _Here(threading.local):
    """What a thread does."""

    begun: "_Begun | None" = None


_here = _Here()


def _given_up() -> BaseException | None:
    begun = _here.begun
    return asyncio.CancelledError() if begun is not None and begun.is_given_up else None


class _Begun:
    """Whether work has begun in another thread, and has ended."""

    __slots__ = ("_is_over", "_loop", "_ticket", "_waiter", "is_given_up", "result")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ticket = [None]
        self._is_over = self.is_given_up = False
        self.result: Any = None
        self._waiter: asyncio.Future[None] | None = None

    def is_taken(self) -> bool:
        """Tell whether the other side was here first: the work has begun, or will not begin."""
        try:
            self._ticket.pop()
        except IndexError:
            return True
        return False

    def end(self) -> None:
        """Say that the work has ended; in its thread."""
        self._is_over = True
        waiter = self._waiter
        if waiter is not None:
            try:
                self._loop.call_soon_threadsafe(_settle, waiter)
            except RuntimeError:  # the loop is closed, and nobody waits
                return

    async def ended(self) -> None:
        """Return when it has; a further cancellation is put off until then."""
        self._waiter = self._loop.create_future()
        while not self._is_over and not self._waiter.done():
            try:
                await asyncio.shield(self._waiter)
            except asyncio.CancelledError:
                continue


def _settle(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
