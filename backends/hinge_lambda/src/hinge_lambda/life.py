"""What an environment keeps from one event to the next: the event loop and the running lifespans.

Law: the loop runs in the thread that waits for something on it: a coroutine costs no change of threads. Between two
events Lambda freezes the process, and the loop with it.
"""

import asyncio
import os
import signal
import threading
from asyncio.base_events import _run_until_complete_cb  # type: ignore[attr-defined]
from atexit import register, unregister
from collections.abc import Awaitable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from hinge.backend import Endpoint, Exchange, Response, Runtime, failure_of, make_sender, make_server, run_to_end
from hinge_lambda import event as reader
from hinge_lambda.reply import MOST, whole


class Life:
    """The event loop, and what runs on it."""

    def __init__(self, frozen: Any) -> None:
        self.runtime = Runtime(frozen, max_response_size=MOST)
        self.runtime.find_requests(reader, _request, lambda names: names["head"])
        self._runner = asyncio.Runner(loop_factory=self._make_loop)
        self._turn = threading.Lock()

    def _make_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        self._keeper = loop.create_task(asyncio.Event().wait())
        self._keeper.add_done_callback(_run_until_complete_cb)  # anyio keeps its threads while such a task runs
        register(self.stop)
        return loop

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine and return its result; what it sets in its context, the caller sees."""
        loop, context = self._runner.get_loop(), copy_context()
        if self._turn.acquire(blocking=False):
            try:
                return self._run_until(loop.create_task(coroutine, context=context))
            finally:
                for variable, value in context.items():
                    variable.set(value)
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)  # another thread runs the loop: in tests only
        while not future.done():
            if self._turn.acquire(timeout=0.001):
                self._run_until(asyncio.wrap_future(future, loop=loop))
        return future.result()

    def _run_until(self, ended: asyncio.Future[Any]) -> Any:
        loop = ended.get_loop()
        waiter, told = loop.create_future(), list[Any]()
        waiter.add_done_callback(told.append)
        ended.add_done_callback(lambda _: waiter.set_result(None))
        try:
            run_to_end(loop.run_until_complete, waiter)
            if not told:  # an exit came before the loop's own stop, which must not be the next one's
                loop.call_soon(loop.stop)
                loop.run_forever()
        finally:
            _ = ended.done() and not ended.cancelled() and ended.exception()  # so that nobody misses it in the log
            self._turn.release()
        return ended.result()

    def run_request(self, head: reader.Head, coroutine: Awaitable[Any]) -> Any:
        """Run a part of a request."""
        return self.run(_request(self.runtime, head, coroutine))

    def start(self) -> None:
        """Start the lifespans, and in Lambda, stop them at SIGTERM."""
        Context().run(self.run, self.runtime.start())
        if threading.current_thread() is threading.main_thread() and "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
            self._former = signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, number: int, frame: Any) -> None:
        try:
            self.stop()
        finally:
            signal.signal(number, self._former or signal.SIG_DFL)
            signal.raise_signal(number)

    def stop(self) -> None:
        """Stop the lifespans, and cancel what is left on the loop."""
        try:
            Context().run(self.run, self.runtime.stop())
        finally:
            self._keeper.remove_done_callback(_run_until_complete_cb)
            unregister(self.stop)
            self._runner.close()
            self._runner = asyncio.Runner(loop_factory=self._make_loop)

    def exchange(self, endpoint: Endpoint, head: reader.Head, values: tuple[str, ...], body: Any) -> "LambdaExchange":
        """Return a new request; `body` is what was read, or why it could not be."""
        exchange = LambdaExchange(reader, head, endpoint, values, self.runtime.state)
        exchange.keep_body(body)
        return exchange

    def server(self, endpoint: Endpoint) -> Any:
        """Return what answers an endpoint of any kind, on the loop."""
        serve: Any = make_server(endpoint, reader, self.runtime)

        def answer(head: reader.Head, values: tuple[str, ...]) -> Any:
            exchange = self.exchange(endpoint, head, values, None)
            try:
                self.run_request(head, serve(exchange, exchange))
            except Exception as error:  # noqa: BLE001 - a stop, which came while a stream was being closed
                return self.send(endpoint, exchange, error)
            return exchange.answer

        return answer

    def send(self, endpoint: Endpoint, exchange: "LambdaExchange", outcome: Response | Exception) -> Any:
        """Return the answer of a response or a failure."""
        send: Any = make_sender(endpoint, self.runtime)
        self.run_request(exchange.head, send(exchange, exchange, outcome))
        return exchange.answer


async def _request(runtime: Runtime, head: reader.Head, part: Awaitable[Any]) -> Any:
    try:
        return await part
    except asyncio.CancelledError as error:
        raise failure_of(error) from error


class LambdaExchange(Exchange):
    """A request, whose body is there, and where its response goes: a `WholeSink`, as far as one without streams is."""

    answer: Any = None
    _rest: bytes = b""

    def body_length(self, limit: int) -> int | None:
        """Return how long the body is."""
        self._rest = reader.whole_body(self.head, limit)
        return len(self._rest)

    async def next_piece(self) -> bytes:
        """Return the body, then its end."""
        piece, self._rest = self._rest, b""
        return piece

    async def whole(self, response: Response, *, head_only: bool) -> None:
        """Keep the answer of a response."""
        self.answer = whole(self.head, response, head_only=head_only)
