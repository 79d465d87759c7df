"""Observers: told of each request and each WebSocket as it begins, and once more as it ends.

Law: an observer is outside of all middleware, and is told exactly once of each end, whatever it was: an answer of the
framework's own, a failure, the last byte of a stream, a client that left. It changes nothing: one that fails is logged,
and the request goes on. An endpoint without observers is served as if there were none.
"""

import contextlib
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

import msgspec

from hinge.context import observation
from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import caller, qualified_name
from hinge.diagnostics.logger import logger
from hinge.errors import ConfigurationError, HTTPError
from hinge.request import HTTPConnection

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"))
"""Those that are told by their name; of others, clients may invent any number."""


class Ended(msgspec.Struct, eq=False):
    """How a request or a WebSocket ended."""

    request: HTTPConnection
    """Its head; `request.route` is the route that matched, None for a 404, a 405, a redirect."""
    is_websocket: bool = False
    status: int | None = None
    """What was sent, 101 for a WebSocket that was accepted; None: nothing was, the client or the worker left before."""
    size: int = 0
    """The bytes of the body that were handed to the server; not counted of a WebSocket."""
    seconds: float = 0.0
    """From the head to the last byte."""
    error: BaseException | None = None
    """What failed, also behind a 500; `ClientDisconnect` for a client that left before the end; None: nothing."""


@runtime_checkable
class Observer(Protocol):
    """Who is told of requests.

    It may have `once`, a value by which others are the same: of those the outermost one is told of a request, so that
    an app which is mounted in another one is not counted by both. And `router`, a `Router` that the app includes.
    """

    def begin(self, request: HTTPConnection, /) -> Any:
        """Note that a request or a WebSocket begins, in its context; what it returns is handed to `end`."""
        ...

    def end(self, begun: Any, ended: Ended, /) -> None:
        """Note how it ended, in its context; perhaps in another thread."""
        ...


class Mark(msgspec.Struct, eq=False):
    """What the context of a request has of its observation: no more, since what is begun in it may outlive it."""

    route: str | None
    """The template that matched."""
    late: float | None = None
    """When the request began, if the observers hear of that at its end."""
    error: BaseException | None = None
    is_over: bool = False

    def failed(self, error: BaseException) -> None:
        """Note a failure; the first one counts."""
        if self.error is None and not self.is_over:
            self.error = error


class Observation(Ended):
    """A request under way, for backends: they set status and size, and call `end` when the last byte is out."""

    _begun: list[tuple[Observer, Any]] = []
    _started: float = 0.0
    _mark: Mark | None = None
    is_over: bool = False

    def begin(self, started: float | None = None) -> None:
        """Tell the observers of its endpoint, in the order of their registration; it has `started` now, or then."""
        route = self.request.route
        self._mark = Mark(None if route is None else route.path, started)
        self._started = perf_counter() if started is None else started
        observation.set(self._mark)
        for observer in self.request._endpoint.observers:
            try:
                self._begun.append((observer, observer.begin(self.request)))
            except Exception as error:  # noqa: BLE001 - whatever it raises
                _log(observer, "begin", error)

    def end(self, error: BaseException | None = None) -> None:
        """Tell the observers, if they have not been told; `error` is what ended it, if anything did."""
        if self.is_over:
            return
        self.is_over = True
        self.seconds = perf_counter() - self._started
        self.error = error
        if (mark := self._mark) is not None:
            mark.is_over = True
            if mark.error is not None:  # what is behind a 500, or why a stream was cut
                self.error, mark.error = mark.error, None
        for observer, begun in reversed(self._begun):
            try:
                observer.end(begun, self)
            except Exception as failure:  # noqa: BLE001 - as above
                _log(observer, "end", failure)
        self.error = None  # its traceback may have the frame that has this


class Unrouted(Observation):
    """A request that native middleware may answer by itself: the observers hear of it if the app was not asked."""

    asked: list[bool] = []
    """What the app adds to when it is asked."""

    def end(self, error: BaseException | None = None) -> None:
        """Tell the observers that it has begun, and that it is over."""
        if not (self.asked or self.is_over):
            self.begin(self._started)
            super().end(error)


ASKED = "hinge.asked"
"""Where, in what native middleware hands on, the app notes that it was asked."""


def _log(observer: Observer, what: str, error: Exception) -> None:
    logger.error("observer %s.%s failed", qualified_name(observer), what, exc_info=error)


def observer_of(given: Any) -> Observer:
    """Return what is an observer.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(given, type) or not isinstance(given, Observer):
        fix = f"app.observe({given.__name__}())" if isinstance(given, type) else "an object with begin and end"
        raise ConfigurationError(f"App.observe({shown(given)}) ({caller()}): it is no observer. Fix: {fix}")
    return given


def told_once(observers: Iterable[Observer]) -> tuple[Observer, ...]:
    """Return the observers, outermost first, without those that are the same as one before."""
    found: dict[Any, Observer] = {}
    for one in observers:
        found.setdefault(_once(one), one)
    return tuple(found.values())


def check_new(observer: Observer, present: Iterable[Observer]) -> None:
    """Refuse an observer that would be told twice.

    Raises:
        ConfigurationError: the app has one that is the same.
    """
    if any(_once(one) == _once(observer) for one in present):
        name = type(observer).__name__
        raise ConfigurationError(
            f"App.observe({name}(...)) ({caller()}): the app has that already, and each request would be told twice. "
            f"Fix: keep one of the two"
        )


def _once(observer: Observer) -> Any:
    once = getattr(observer, "once", None)
    return id(observer) if once is None else (type(observer), once)


def as_trusted(request: HTTPConnection) -> HTTPConnection:
    """Return the request, as the app sees it behind a proxy that `ProxyHeaders` trusts."""
    layers = request._endpoint.layers
    if layers and layers[0].outermost:
        with contextlib.suppress(HTTPError):  # the proxy's header is malformed: the app answers with 400
            layers[0].look(request)
    return request
