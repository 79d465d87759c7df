"""The access log: a line for each request and each WebSocket that is over.

Law: a request is one line, and no client writes another: what clients choose is percent-encoded. The query is left out,
since it may hold secrets. Each value is an attribute of the record, too, for formatters that take them apart.
"""

import logging
from collections.abc import Iterable
from typing import Any

from hinge.context import request_id
from hinge.diagnostics.kinds import TEXT, texts, want
from hinge.diagnostics.misuse import fits
from hinge.errors import HTTPError
from hinge.http.percent import quote
from hinge.observability.observer import Ended, as_trusted
from hinge.request import HTTPConnection, Request

FORMAT = (
    '%(client)s - "%(method)s %(path)s %(protocol)s" %(status)s %(duration_ms).3f %(bytes)d %(route)s %(request_id)s'
)
_SAFE = "/:@!$&'()*+,;=-._~"
"""What a path may contain as it is (RFC 3986 section 3.3); everything else but letters and digits is encoded."""


class AccessLog:
    """Log each request when it is over: `app.observe(AccessLog())`, which `hinge run --access-log` does.

    The lines go to the logger of that name at the level INFO, `127.0.0.1 - "GET /items/1 HTTP/1.1" 200 1.234 21
    /items/{item_id} 4c7a...`: client, request line without the query, status, milliseconds, bytes of the body, route
    template and request id, `-` for what is not there. A WebSocket's method is WEBSOCKET, and its status 101 if it was
    accepted. The record has these as `client`, `method`, `path`, `protocol`, `status`, `duration_ms`, `bytes`, `route`
    and `request_id`. `ignore` names path templates that are not logged.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    __slots__ = ("_ignored", "_logger", "once")

    @fits
    def __init__(self, *, logger: str = "hinge.access", ignore: Iterable[str] = ()) -> None:
        want("AccessLog", TEXT, logger=logger)
        (ignored,) = texts("AccessLog", ignore=ignore)
        self._logger = logging.getLogger(logger)
        self.once = logger
        self._ignored = frozenset(ignored)

    def begin(self, request: HTTPConnection) -> None:
        """Do nothing: there is no line before the end."""

    def end(self, begun: None, ended: Ended) -> None:
        """Log it."""
        request = ended.request
        route = request.route
        if (route is not None and route.path in self._ignored) or not self._logger.isEnabledFor(logging.INFO):
            return
        client = as_trusted(request).client
        values: dict[str, Any] = {
            "client": "-" if client is None else quote(client.host, ":[]"),
            "method": quote(request.method) if isinstance(request, Request) else "WEBSOCKET",
            "path": _path(request),
            "protocol": f"HTTP/{request.http_version}",
            "status": "-" if ended.status is None else ended.status,
            "duration_ms": round(ended.seconds * 1e3, 3),
            "bytes": ended.size,
            "route": "-" if route is None else route.path,
            "request_id": quote(request_id.get() or "-", _SAFE),
        }
        self._logger.info(FORMAT, values, extra=values)


def _path(request: HTTPConnection) -> str:
    try:
        return quote(request._reader.prefix(request._head) + request.path, _SAFE)
    except HTTPError:  # it is malformed, and refused: as the server tells it
        native = request._reader.native(request._head)
        if isinstance(native, dict):
            if "PATH_INFO" in native:
                return quote(native["PATH_INFO"], _SAFE, "latin-1")
            return quote(str(native.get("path")).encode("utf-8", "replace").decode(), _SAFE)
        return "-"
