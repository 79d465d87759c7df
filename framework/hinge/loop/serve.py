"""An endpoint -> the coroutine function that serves its requests, from the head to what is done after the response.

Law: it fits every endpoint. A backend that has a faster way for some (no Request, no middleware) decides at compile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from hinge.backend.contract import Feature
from hinge.compiling.frozen import Endpoint
from hinge.errors import HTTPError
from hinge.loop.answer import make_answer, make_failure
from hinge.loop.runtime import Runtime
from hinge.loop.send import send_instead, sent
from hinge.loop.sink import WholeSink
from hinge.loop.stream import Unsent
from hinge.loop.watch import stopping, take_back_cut
from hinge.loop.without import HeldBack, sent_whole
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse, chosen

Serve: TypeAlias = Callable[[Any, WholeSink], Awaitable[None]]
"""`(exchange, sink) -> nothing`; raises StreamAborted for a response that is not complete."""


def make_server(endpoint: Endpoint, reader: Any, runtime: Runtime) -> Serve:
    """Return what answers an exchange and sends the answer to a sink."""
    answer, finish = make_answer(endpoint, reader, runtime), _finishing(endpoint, runtime)

    complete = _completing(finish, runtime)

    def serve(exchange: Any, sink: WholeSink) -> Awaitable[None]:
        return complete(exchange, sink, answer(exchange))

    runtime.find_requests(reader, finish, _head_of)
    if endpoint.observers:
        from hinge.loop.observed import observed  # noqa: PLC0415 - only observed apps pay for it

        return observed(serve)
    return serve


def _head_of(names: Mapping[str, Any]) -> Any:
    return names["exchange"].head


def make_sender(
    endpoint: Endpoint, runtime: Runtime
) -> Callable[[Any, WholeSink, Response | Exception | Awaitable[Response]], Awaitable[None]]:
    """Return what sends the response of an endpoint, what makes it, or its failure, and ends the exchange."""
    fail, complete = make_failure(endpoint), _completing(_finishing(endpoint, runtime), runtime)
    has_layers = bool(endpoint.layers)  # in which streams have begun

    def send(exchange: Any, sink: WholeSink, outcome: Response | Exception | Awaitable[Response]) -> Awaitable[None]:
        if isinstance(outcome, StreamingResponse) and not has_layers:
            try:
                outcome = chosen(exchange, outcome)
            except HTTPError as error:
                outcome = error
        return complete(exchange, sink, fail(exchange, outcome) if isinstance(outcome, BaseException) else outcome)

    return send


_Finish: TypeAlias = Callable[[Any, Any, Response | Awaitable[Response]], Awaitable[None]]
"""`(exchange, sink, response, or what makes it) -> nothing`: send the response, and end the exchange."""


def _completing(finish: _Finish, runtime: Runtime) -> _Finish:
    """Return what ends the exchange before the response is complete, where nothing runs behind it."""
    if Feature.AFTER_RESPONSE in runtime.features:
        return finish

    async def complete(exchange: Any, sink: WholeSink, response: Response | Awaitable[Response]) -> None:
        held = HeldBack(sink)
        try:
            await finish(exchange, held, response)
        finally:  # what the end of the exchange raises takes no answer back
            await held.go()

    return complete


def _finishing(endpoint: Endpoint, runtime: Runtime) -> _Finish:
    fail, head_only = make_failure(endpoint), endpoint.head_only
    send = sent if Feature.STREAMING in runtime.features else sent_whole

    async def finish(exchange: Any, sink: WholeSink, response: Response | Awaitable[Response]) -> None:
        try:
            if not isinstance(response, Response):
                try:
                    response = await response
                except asyncio.CancelledError:  # in a middleware, or while the body came
                    if not take_back_cut():
                        raise
                    response = await fail(exchange, stopping())
            if not isinstance(response, StreamingResponse):
                await sink.whole(response, head_only=head_only)
                return
            try:
                await send(runtime, sink, response, exchange, head_only=head_only)
            except Unsent as unsent:
                await send_instead(send, runtime, sink, unsent.error, exchange, fail, head_only=head_only)
        except asyncio.CancelledError:
            if not exchange.has_lost_its_client():
                raise
        finally:
            if exchange.is_unfinished:
                await exchange.end(runtime)

    return finish
