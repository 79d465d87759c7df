"""A form, read as its body arrives.

Law: parsing is done on the event loop, piece by piece; what touches the disk is done in a worker thread.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from hinge.compiling.frozen import Endpoint
from hinge.loop.body import blocking_read
from hinge.loop.runtime import Runtime

if TYPE_CHECKING:
    from hinge.forms import FormData, FormReader, Read

ReadForm = Callable[[Any], Awaitable["FormData"]]


def form_reading(endpoint: Endpoint, reader: Any, runtime: Runtime) -> ReadForm:
    """Return `(exchange) -> its form`; raises HTTPError and ClientDisconnect as a body does, OSError for the disk."""
    from hinge.forms import is_small  # noqa: PLC0415 - with all that reads forms, for endpoints that do

    in_thread, limit = runtime.in_thread, endpoint.max_body_size
    content_length = reader.header("content-length")

    async def waiting(read: "Read") -> bytes:
        return await in_thread("files", read)

    open_form = endpoint.form_opener(reader, blocking_read, waiting)

    async def read_form(exchange: Any) -> "FormData":
        form = open_form(exchange)
        body = exchange._body
        if not isinstance(body, bytes) and is_small(content_length(exchange._head)):
            body = await exchange.read_body(limit)
        pieces = _of(body) if isinstance(body, bytes) else exchange.open_body(limit)
        async for piece in pieces:
            if form.feed(piece):
                await in_thread("files", form.flush)
        return form.end()

    return read_form


def release(exchange: Any) -> None:
    """Have the files of a form closed after the response, and after the work behind that."""
    from hinge.forms import take_form  # noqa: PLC0415 - as above

    form = take_form(exchange)
    if form is not None:
        exchange.after_response(form.close if form.is_on_disk else _closing(form))


def _closing(form: "FormReader") -> Callable[[], Awaitable[None]]:
    async def close() -> None:  # a coroutine function, which needs no thread
        form.close()

    return close


async def _of(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
