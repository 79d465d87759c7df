"""Headers and cookies that providers set on the answer (`ResponseHeaders` as a parameter).

Law: they go onto what the handler answers with, whatever that is; a header of the handler's own wins, and cookies are
added. A failure is answered without them: an `HTTPError` has headers of its own.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from hinge.binding.plan import Argument, HandlerPlan, Source
from hinge.inspection.wrappers import is_awaitable
from hinge.responses.copies import own
from hinge.responses.response import Response, ResponseHeaders
from hinge.responses.streaming import StreamingResponse

_HEADERS = Argument("(headers)", Source.ANSWER, "(headers)", ResponseHeaders)
"""Its name is no identifier, so it is nobody else's."""
_ADDED = frozenset({"set-cookie", "vary", "link", "www-authenticate", "server-timing"})
"""Headers whose lines stand beside those that are there."""

Respond = Callable[[Any], Response]


def answering(plan: HandlerPlan, respond: Respond) -> HandlerPlan:
    """Return the plan of a handler whose answer gets the headers that were set before; `respond` makes a response."""
    handler = plan.handler

    async def later(headers: ResponseHeaders, result: Awaitable[Any]) -> Any:
        return answered(headers, await result)

    def answered(headers: ResponseHeaders, result: Any) -> Any:
        if is_awaitable(result):
            return later(headers, result)
        return _with(headers, respond(result)) if headers else result

    async def handle_async(headers: ResponseHeaders, *arguments: Any, **keywords: Any) -> Any:
        return answered(headers, await handler(*arguments, **keywords))

    def handle(headers: ResponseHeaders, *arguments: Any, **keywords: Any) -> Any:
        return answered(headers, handler(*arguments, **keywords))

    return replace(plan, handler=handle_async if plan.is_async else handle, arguments=(_HEADERS, *plan.arguments))


def _with(headers: ResponseHeaders, answer: Response) -> Response:
    """Return a response with further headers; the handler may answer every request with one and the same."""
    response = own(answer)
    if isinstance(response, StreamingResponse):
        response._is_taken = False  # whoever sends it takes it once more
    given = response.headers
    there = set(given)
    for name, value in headers.multi_items():
        if name in _ADDED:
            given.append(name, value)
        elif name not in there:
            given[name] = value
    return response
