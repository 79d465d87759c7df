"""An endpoint -> the coroutine function that serves its requests, from the head to what is done after the response.

Law: it fits every endpoint. A backend that has a faster way for some (no Request, no middleware) decides at compile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, TypeAlias

from hinge.blueprint import Endpoint
from hinge.body import BodyStream
from hinge.loop.answer import answering, chosen, failing
from hinge.loop.exchange import Exchange
from hinge.loop.runtime import Runtime
from hinge.loop.send import WholeSink, answer_with
from hinge.loop.watch import stopping, take_back_cut
from hinge.response import Response
from hinge.streaming import StreamingResponse

Serve: TypeAlias = Callable[[Any, WholeSink], Awaitable[None]]
"""`(exchange, sink) -> nothing`; raises StreamAborted for a response that is not complete."""


def serving(endpoint: Endpoint, reader: Any, runtime: Runtime) -> Serve:
    """Return what answers an exchange and sends the answer to a sink."""
    answer = answering(endpoint, reader, runtime, _read_body, _open_body)
    fail, head_only = failing(endpoint), endpoint.head_only

    async def serve(exchange: Any, sink: WholeSink) -> None:
        try:
            try:
                response = await answer(exchange)
            except asyncio.CancelledError:  # in a middleware, or while the body came
                if not take_back_cut():
                    raise
                response = await fail(exchange, stopping())
            await answer_with(runtime, sink, response, exchange, fail, head_only=head_only)
        except asyncio.CancelledError:
            if not exchange.has_lost_its_client():
                raise
        finally:
            await exchange.end(runtime)

    def head_of(frame: FrameType) -> Any:
        if frame.f_code is not serve.__code__ or frame.f_locals["runtime"] is not runtime:
            return None
        return frame.f_locals["exchange"].head

    if not runtime.finds_requests:  # by code, which all of these have in common: one is enough
        runtime.find_requests(reader, head_of)
    return serve


def sending(endpoint: Endpoint, runtime: Runtime) -> Callable[[Any, WholeSink, Response | Exception], Awaitable[None]]:
    """Return what sends the response, or the failure, of an endpoint without middleware, and ends the exchange."""
    fail, head_only = failing(endpoint), endpoint.head_only

    async def send(exchange: Any, sink: WholeSink, outcome: Response | Exception) -> None:
        try:
            response = outcome if isinstance(outcome, Response) else await fail(exchange, outcome)
            if isinstance(response, StreamingResponse):
                response = await chosen(response, exchange, fail)
            await answer_with(runtime, sink, response, exchange, fail, head_only=head_only)
        except asyncio.CancelledError:
            if not exchange.has_lost_its_client():
                raise
        finally:
            await exchange.end(runtime)

    return send


async def _read_body(exchange: Exchange, limit: int) -> bytes:
    return await exchange.read_body(limit)


def _open_body(exchange: Exchange, limit: int) -> BodyStream:
    return exchange.open_body(limit)
