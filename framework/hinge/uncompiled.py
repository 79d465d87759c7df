"""What serves in the place of an app that does not compile, under servers that are given the app itself.

Law: the reason is logged once; no request compiles again. A server that runs the lifespan protocol is told that the
start failed, and ends; elsewhere each request is answered with the same 500, which says nothing about the cause.
"""

from typing import Any

from hinge.codecs import encode_json
from hinge.errors import ConfigurationError, HTTPError
from hinge.log import logger
from hinge.problems import PROBLEM

_PROBLEM = encode_json(HTTPError(500, "The application does not compile; its log says why.").problem())
_LENGTH = str(len(_PROBLEM))


def refusing(protocol: str, error: Exception) -> Any:
    """Log why nothing is served and return the callable that refuses everything; `protocol` is "wsgi" or "asgi"."""
    expected = isinstance(error, ConfigurationError)
    reason = str(error) if expected else f"{type(error).__name__}: {error}"
    logger.critical("the app does not compile, nothing is served: %s", reason, exc_info=None if expected else error)
    return _refusing_asgi(reason) if protocol == "asgi" else _refuse_wsgi


def _refuse_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("500 Internal Server Error", [("content-type", PROBLEM), ("content-length", _LENGTH)])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [_PROBLEM]


def _refusing_asgi(reason: str) -> Any:
    headers = [(b"content-type", PROBLEM.encode()), (b"content-length", _LENGTH.encode())]

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            body = b"" if scope["method"] == "HEAD" else _PROBLEM
            await send({"type": "http.response.start", "status": 500, "headers": headers, "trailers": False})
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.failed", "message": reason})
        else:
            await send({"type": "websocket.close", "code": 1011, "reason": ""})

    return refuse
