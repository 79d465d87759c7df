"""A form, read as its body arrives: parsed and written to the disk in the server's thread."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from hinge.compiling.frozen import Endpoint
from hinge.loop.body import blocking_read
from hinge.request import Request
from hinge_wsgi import environ as reader
from hinge_wsgi.body import body_stream, read_body
from hinge_wsgi.waiting import on_request_thread

if TYPE_CHECKING:
    from hinge.forms import FormData, Read


def form_getter(endpoint: Endpoint) -> Callable[[Request], "FormData"]:
    """Return `(request) -> its form`; raises HTTPError and ClientDisconnect as a body does, OSError for the disk."""
    from hinge.forms import is_small  # noqa: PLC0415 - with all that reads forms, for endpoints that do

    open_form, limit = endpoint.form_opener(reader, blocking_read, _waiting), endpoint.max_body_size

    def read_form(request: Request) -> "FormData":
        form = open_form(request)
        body: Any = request._body
        if not isinstance(body, bytes) and is_small(request._head.get("CONTENT_LENGTH")):
            body = read_body(request._head, limit)
        pieces: Any = [body] if isinstance(body, bytes) else body_stream(request._head, limit, on_request_thread)
        for piece in pieces:
            if piece and form.feed(piece):
                form.flush()
        return form.end()

    return read_form


def release(request: Request) -> None:
    """Have what is left of a form removed after the response, and after the work behind that."""
    from hinge.forms import release_form  # noqa: PLC0415 - as above

    release_form(request)


def _waiting(read: "Read") -> Awaitable[bytes]:
    return on_request_thread(read)
