"""Request ids: one name for a request in the answer, in the log, and in whatever the app calls meanwhile.

Law: an id that came from a client is taken if it is well-formed, and is never trusted to be anything but a text: what
is not, or is missing, is made anew. It stays set for all that belongs to the request, streams and what runs after the
response included.
"""

import os
import re
from typing import Any

from hinge.context import request_id
from hinge.diagnostics.kinds import wrong
from hinge.diagnostics.misuse import fits
from hinge.request import Request
from hinge.responses.response import Response, ResponseHeaders
from hinge.websocket import WebSocket

_OTHERS = frozenset({
    *("accept", "accept-ranges", "age", "allow", "authorization", "cache-control", "connection", "cookie", "date"),
    *("content-disposition", "content-encoding", "content-language", "content-location", "content-range"),
    *("content-security-policy", "content-type", "etag", "expires", "forwarded", "host", "last-modified", "link"),
    *("location", "origin", "referer", "refresh", "retry-after", "server", "set-cookie", "strict-transport-security"),
    *("user-agent", "vary", "via", "www-authenticate", "x-content-type-options", "x-frame-options"),
})  # fmt: skip
"""Headers whose values browsers, caches and servers act on: an id there would be taken for something else."""
_is_well_formed = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}").fullmatch


class RequestID:
    """Give each request an id: the client's or the proxy's own, or a new one of 32 hexadecimal digits.

    One that came is taken if it has 1 to 128 letters, digits and `._~+/=:@-`. The response has it in the same header,
    `hinge.middleware.request_id` has it for the length of the request, and the lines that Hinge logs begin with it.

    Raises:
        ConfigurationError: `header` is no header that a response can have, or one that means something else.
    """

    __slots__ = ("_header",)

    @fits
    def __init__(self, *, header: str = "x-request-id") -> None:
        try:
            (self._header,) = ResponseHeaders([(header, "")])
        except (TypeError, ValueError) as error:
            raise wrong("RequestID", "header", header, str(error), "a name such as x-request-id") from None
        if self._header in _OTHERS:
            raise wrong("RequestID", "header", header, "it means something else", "a name such as x-request-id")

    def before(self, request: Request | WebSocket) -> None:
        """Take the id that came, or make one."""
        came = request._reader.header(self._header)(request._head)
        if came is None or _is_well_formed(came) is None:
            came = _new_id()
        request._memo["request_id"] = came
        request_id.set(came)

    def after(self, request: Request | WebSocket, response: Response) -> None:
        """Tell the client."""
        told = request_id.get()
        if told is None:
            return
        headers: Any = response._headers
        if headers.__class__ is tuple:  # which they seldom are, as in `CORS`
            headers = response.headers
        if told is request._memo["request_id"]:  # and so well-formed
            headers.put(self._header, told)
        else:
            headers[self._header] = told


_ready: list[str] = []
if hasattr(os, "register_at_fork"):  # where processes fork: no two of them make the same
    os.register_at_fork(after_in_child=_ready.clear)


def _new_id() -> str:
    try:
        return _ready.pop()
    except IndexError:  # asking the system takes as long for many as for one
        digits = os.urandom(16 * 64).hex()
        _ready.extend(digits[start : start + 32] for start in range(32, len(digits), 32))
        return digits[:32]


class RequestIDFilter:
    """A filter for handlers of `logging`: each record has `request_id`, `-` outside of requests that have one."""

    def filter(self, record: Any) -> bool:
        """Set it, and let the record pass."""
        record.request_id = request_id.get() or "-"
        return True
