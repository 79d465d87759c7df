"""How servers take an App that nobody compiled by hand: its callables, or an explanation.

Law: what cannot be served is said once, with its reason, and no request compiles again. An app is its own WSGI and ASGI
callable, and passes on what Granian looks for on a target: a bare `granian MODULE:app` serves if an installed backend
has the interface that Granian was told; if not, the server ends with exit code 1: without that Granian starts, and
answers every request with an empty 500. Under a server that runs the lifespan protocol the start of an app that does
not compile fails; elsewhere each request is answered with the same 500, which says nothing about the cause.
"""

import re
import sys
import threading
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

from hinge.diagnostics.logger import logger
from hinge.errors import PROBLEM, ConfigurationError, HTTPError

if TYPE_CHECKING:
    from hinge.backend.contract import Application


class ServerEntry:
    """What servers find in an app; `compile` is the app's."""

    if TYPE_CHECKING:
        compile: Callable[..., Any]

    def _open_to_servers(self) -> None:
        """Have servers that ask `iscoroutinefunction(app.__call__)` take the app for the ASGI callable it also is.

        uvicorn, hypercorn and daphne look the attribute up on the instance; real calls use the class's method.
        """
        self._lock = threading.RLock()
        self._served_by: dict[str, Any] = {}

        async def __call__(scope: Any, receive: Any, send: Any) -> None:  # noqa: N807 - the name servers look up
            await self._asgi_or_refusal(scope, receive, send)

        vars(self)["__call__"] = __call__

    @cached_property
    def wsgi(self) -> Any:
        """The WSGI callable (PEP 3333)."""
        return self.compile("wsgi")

    @cached_property
    def asgi(self) -> Any:
        """The ASGI 3 callable."""
        return self.compile("asgi")

    @property
    def application(self) -> "Application":
        """The callable of the configured backend."""
        application: Application = self.compile()
        return application

    def __call__(self, scope: Any, receive: Any, send: Any = None) -> Any:
        """Serve as ASGI `(scope, receive, send)` or as WSGI `(environ, start_response)`.

        An app that does not compile logs once why, fails an ASGI server's start, and answers every request with 500.
        """
        if send is None:
            return self._wsgi_or_refusal(scope, receive)
        return self._asgi_or_refusal(scope, receive, send)

    @cached_property
    def _wsgi_or_refusal(self) -> Any:
        return self._served("wsgi", _refusing_wsgi)

    @cached_property
    def _asgi_or_refusal(self) -> Any:
        return self._served("asgi", _refusing_asgi)

    def _served(self, name: str, refusing: Callable[[str], Any]) -> Any:
        """Return the compiled callable or the one that refuses everything, the same one to each of several threads."""
        with self._lock:
            if name not in self._served_by:
                try:
                    self._served_by[name] = getattr(self, name)
                except Exception as error:  # noqa: BLE001 - also what native middleware raises
                    self._served_by[name] = refusing(_logged(error))
            return self._served_by[name]

    def _answer_with(self, interface: str, application: Any) -> None:
        """Answer calls of a protocol with a compiled application; None: with what the app compiles to, as ever."""
        name = f"_{interface}_or_refusal"
        if application is None:
            vars(self).pop(name, None)
        else:
            vars(self)[name] = application

    def _forget_served(self) -> None:
        """Forget the callables, which are made anew when they are asked for."""
        self._served_by.clear()
        for name in ("wsgi", "asgi", "_wsgi_or_refusal", "_asgi_or_refusal"):
            vars(self).pop(name, None)

    if not TYPE_CHECKING:  # which would then take any name for one

        def __getattr__(self, name: str) -> Any:
            hook = _HOOK.fullmatch(name)
            if hook is not None and hook[1] in _interfaces():
                return _hook_of(self, hook[1], name)
            return super().__getattr__(name)


# -- what Granian looks for --------------------------------------------------------------------------------------------

_HOOK = re.compile("__([a-z]+?)(_init|_del)?__")
"""The names of Granian's interface X: `__X__` is called for a request, `__X_init__` and `__X_del__` by a worker."""


def _interfaces() -> list[str]:
    """Return the names of Granian's interfaces; none in a process in which no Granian could ask."""
    constants = sys.modules.get("granian.constants")
    return [] if constants is None else [one.value for one in constants.Interfaces]


def _hook_of(app: Any, interface: str, name: str) -> Any:
    """Return what the backend of an interface made of the app has under a name, or what explains.

    Raises:
        AttributeError: there is no such backend, it cannot serve the app, or there is nothing under the name.
    """
    from hinge.backend.installed import usable_backends  # noqa: PLC0415 - Granian's question alone, about all of them

    speakers = [backend.name for backend in usable_backends().values() if backend.interface == interface]
    explain: Callable[[Any], NoReturn] = refusing(interface)
    if speakers:
        try:
            application = app.compile(speakers[0])
            return application if name == f"__{interface}__" else getattr(application, name)
        except ConfigurationError as error:
            explain = partial(_end, str(error))
    if name.endswith("_init__"):
        return explain
    raise AttributeError(f"{name}: no backend serves the app by that interface", name=name, obj=app)


def refusing(interface: str) -> Callable[[Any], NoReturn]:
    """Return what Granian calls when a worker starts with an interface that is not served: it explains and exits."""
    return partial(
        _end,
        f"this is a WSGI and ASGI application, and granian's interface here is {interface.upper()}, its default. "
        "Fix: granian --interface asgi MODULE:app, granian --interface wsgi MODULE:app, or hinge run MODULE:app",
    )


def _end(reason: str, loop: Any) -> NoReturn:
    # Written here rather than given to SystemExit, which a worker that is a thread would swallow.
    sys.stderr.write(f"Error: {reason}\n")
    sys.stderr.flush()
    raise SystemExit(1)


# -- an app that does not compile --------------------------------------------------------------------------------------


def _problem() -> tuple[bytes, str]:
    """Return the body of the answer to everything, and its length."""
    from hinge.codecs import encode_json  # noqa: PLC0415 - for an app that does not compile

    body = encode_json(HTTPError(500, "The application does not compile; its log says why.").problem())
    return body, str(len(body))


def _logged(error: Exception) -> str:
    """Log why nothing is served, and return that."""
    expected = isinstance(error, ConfigurationError)
    reason = str(error) if expected else f"{type(error).__name__}: {error}"
    logger.critical("the app does not compile, nothing is served: %s", reason, exc_info=None if expected else error)
    return reason


def _refusing_wsgi(reason: str) -> Any:
    problem, length = _problem()

    def refuse(environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Internal Server Error", [("content-type", PROBLEM), ("content-length", length)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [problem]

    return refuse


def _refusing_asgi(reason: str) -> Any:
    problem, length = _problem()
    headers = [(b"content-type", PROBLEM.encode()), (b"content-length", length.encode())]

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            body = b"" if scope["method"] == "HEAD" else problem
            await send({"type": "http.response.start", "status": 500, "headers": headers, "trailers": False})
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.failed", "message": reason})
        else:
            await send({"type": "websocket.close", "code": 1011, "reason": ""})

    return refuse
