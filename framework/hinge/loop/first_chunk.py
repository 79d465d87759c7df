"""The first chunk of a stream, made while the middleware is still around it.

Law: a failure of the first chunk is a failure of the handler. It is answered inside the middleware, so that each of
them sees it, and its answer has their headers. A client that leaves meanwhile is a cancellation, as they know it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.loop.exchange import Exchange
from hinge.loop.runtime import Runtime
from hinge.loop.threaded_source import ThreadedSource
from hinge.loop.watch import ClientLeft, Ended, stopping
from hinge.responses.plain_source import PlainSource
from hinge.responses.producer import Producer
from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, StreamingResponse, chosen, keep

Begin = Callable[[Exchange, StreamingResponse], Awaitable[Response]]


def beginner(endpoint: Endpoint, runtime: Runtime) -> Begin:
    """Return what begins an endpoint's streams; without middleware, sending them does as well."""

    async def begin(exchange: Exchange, streamed: StreamingResponse) -> Response:
        response = chosen(exchange, streamed)
        if not isinstance(response, StreamingResponse) or response.is_at_hand:
            return response
        source: Any = response.iterator
        if endpoint.head_only or response.eager_start or response.status in BODILESS:
            keep(exchange, response)
            return response
        begun: Producer | PlainSource = (
            Producer(asyncio.get_running_loop(), source) if response.is_async else PlainSource(source)
        )
        response.continue_with(begun)
        keep(exchange, response)
        watch = exchange.watched()
        if isinstance(begun, Producer):
            begun.start()  # before the watch, which then never begins where the first chunk waits for nothing
        runtime.register(watch)
        try:
            if isinstance(begun, Producer):
                await watch.run(begun.abegin)
            else:
                await ThreadedSource(runtime, watch, begun, exchange).begin()
                watch.check()
        except Ended:
            if watch.has_left:
                raise ClientLeft from None
            raise stopping() from None
        finally:
            runtime.unregister(watch)
        return response

    return begin if endpoint.layers else _choose


async def _choose(exchange: Exchange, streamed: StreamingResponse) -> Response:
    return chosen(exchange, streamed)
