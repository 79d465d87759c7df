"""The first chunk of a stream, made while the middleware is still around it.

Law: a failure of the first chunk is a failure of the handler. It is answered inside the middleware, so that each of
them sees it, and its answer has their headers.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.request import Request
from hinge.responses.plain_source import PlainSource
from hinge.responses.response import Response
from hinge.responses.streaming import BODILESS, StreamingResponse, chosen, keep
from hinge_wsgi.producer import PortalProducer
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.waiting import Cut, current, on_request_thread


def beginner(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request, StreamingResponse], Response]:
    """Return what begins the streams that an endpoint with middleware answers with."""

    def begin(request: Request, streamed: StreamingResponse) -> Response:
        response = chosen(request, streamed)
        source = _begun(endpoint, runtime, request, response)
        if isinstance(source, PortalProducer):
            runtime.register(source)
            try:
                source.begin()
            finally:
                runtime.unregister(source)
            _refuse_cut(source)
        elif source is not None:
            source.begin()
        return response

    return begin


def async_beginner(endpoint: Endpoint, runtime: Runtime) -> Callable[[Request, Response], Awaitable[Response]]:
    """Return what does the same on the loop."""

    async def begin(request: Request, response: Response) -> Response:
        if not isinstance(response, StreamingResponse):
            return response
        response = chosen(request, response)
        source = _begun(endpoint, runtime, request, response)
        if isinstance(source, PortalProducer):
            waiting = current.get()
            waiting.is_streaming = True
            runtime.register(source)
            try:
                await source.abegin()
            finally:
                runtime.unregister(source)
                waiting.is_streaming = False
            _refuse_cut(source)
        elif source is not None:
            await on_request_thread(source.begin)
        return response

    return begin


def _begun(
    endpoint: Endpoint, runtime: Runtime, request: Request, response: Response
) -> PlainSource | PortalProducer | None:
    if not isinstance(response, StreamingResponse) or response.is_at_hand:
        return None
    source: Any = response.iterator
    if endpoint.head_only or response.eager_start or response.status in BODILESS:
        keep(request, response)
        return None
    begun: PlainSource | PortalProducer = (
        PortalProducer(runtime.portal, source) if response.is_async else PlainSource(source)
    )
    response.continue_with(begun)
    keep(request, response)
    return begun


def _refuse_cut(source: PortalProducer) -> None:
    if source.is_cut:
        raise Cut
