"""A response that somebody may write to, of one that a handler may answer every request with."""

import copy

from hinge.diagnostics.location import qualified_name
from hinge.responses.response import (
    HTMLResponse,
    JSONResponse,
    Lines,
    RedirectResponse,
    Response,
    ResponseHeaders,
    TextResponse,
)

_new = object.__new__
WHOLE = frozenset({Response, TextResponse, HTMLResponse, JSONResponse, RedirectResponse})
"""The classes whose instances consist of status, headers and body."""


def own(response: Response) -> Response:
    """Return a copy whose status, headers and body can be set without a trace in `response`."""
    kind = response.__class__
    if kind in WHOLE:
        copied = _new(kind)
        copied._status = response._status
        copied._body = response._body
    else:
        copied = copy.copy(initialised(response))
    copied._headers = own_headers(response)
    return copied


def own_headers(response: Response) -> ResponseHeaders | Lines:
    """Return headers that can be set without a trace in `response`."""
    headers = response._headers
    return headers if isinstance(headers, tuple) else headers.copy()


def initialised(response: Response) -> Response:
    """Return a response of a subclass that has all that a response consists of.

    Raises:
        TypeError: its class left some of that out.
    """
    if not all(hasattr(response, part) for part in Response.__slots__):
        name = qualified_name(type(response))
        raise TypeError(f"{name}: its __init__ did not call super().__init__(). Fix: call it with content and status")
    return response
