"""How servers take an App that nobody compiled by hand: the callable of an installed backend, or an explanation.

Law: what cannot be served is said once, with its reason, and no request compiles again. A bare `granian MODULE:app`
serves if a backend for its default interface is installed; if not, the server ends with exit code 1: without that
Granian starts, and answers every request with an empty 500. Under a server that runs the lifespan protocol the start
fails; elsewhere each request is answered with the same 500, which says nothing about the cause.
"""

import sys
from typing import Any, NoReturn

from hinge.backend.installed import installed_backends, load_backend
from hinge.codecs import encode_json
from hinge.diagnostics.log import logger
from hinge.error_responses import PROBLEM
from hinge.errors import ConfigurationError, HTTPError

INTERFACE = "rsgi"


def refuse_rsgi(loop: Any) -> NoReturn:
    """Explain and end the worker; Granian calls this as `__rsgi_init__`.

    Raises:
        SystemExit: always, with 1.

    """
    _end(
        "this is a WSGI and ASGI application, and granian's default interface is RSGI. "
        "Fix: granian --interface asgi MODULE:app, granian --interface wsgi MODULE:app, or hinge run MODULE:app"
    )


def _end(reason: str) -> NoReturn:
    # Written here rather than given to SystemExit, which a worker that is a thread would swallow.
    sys.stderr.write(f"Error: {reason}\n")
    sys.stderr.flush()
    raise SystemExit(1)


class BareGranian:
    """What an app has for `granian MODULE:app`; `compile` is the app's."""

    @property
    def __rsgi__(self) -> Any:
        """The callable of the backend that speaks RSGI.

        Raises:
            AttributeError: there is none, or it cannot serve the app; `__rsgi_init__` says so.

        """
        try:
            return self.__speaker()
        except (LookupError, ConfigurationError) as error:
            raise AttributeError(str(error)) from error

    def __rsgi_init__(self, loop: Any) -> None:
        """Start the app's lifespans, or explain."""
        try:
            speaker = self.__speaker()
        except LookupError:
            refuse_rsgi(loop)
        except ConfigurationError as error:
            _end(str(error))
        speaker.__rsgi_init__(loop)

    def __rsgi_del__(self, loop: Any) -> None:
        """Stop them."""
        self.__speaker().__rsgi_del__(loop)

    def __speaker(self) -> Any:
        for name in installed_backends():
            if load_backend(name).interface == INTERFACE:
                return self.compile(name)  # type: ignore[attr-defined]
        raise LookupError("no installed backend speaks RSGI")


# -- an app that does not compile --------------------------------------------------------------------------------------

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
