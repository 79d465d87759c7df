"""Exceptions -> responses: problem documents (RFC 9457), the app's own handlers, and the log.

Law: the most derived registered class wins, and a status wins over `HTTPError` itself; an `HTTPError` nobody registered
is its own problem document; anything else is a 500 that says nothing about its cause unless `debug`, and is logged once
with its traceback, before the handler of 500 gets it as an `HTTPError`. A group of one error is answered as that error:
it is what task groups make of a task that failed. With `propagates`, what no handler of its class answers is raised in
place of that 500, and is for whoever catches it to log.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from hinge.binding.callbacks import OFF_REQUEST, Callback, and_session
from hinge.binding.notes import Notes
from hinge.codecs import encode_json
from hinge.context import observation
from hinge.diagnostics.failures import FAILURES, failure_in_task, failure_of
from hinge.diagnostics.location import caller, locate, qualified_name
from hinge.diagnostics.logger import logger
from hinge.errors import PROBLEM, ClientDisconnect, ConfigurationError, HTTPError
from hinge.http.body import IS_THE_CLIENTS
from hinge.inspection.signature import Colour, colour_of, return_hint
from hinge.inspection.wrappers import Unawaited, refuse_wrappers
from hinge.responses.response import Response, check_status
from hinge.responses.streaming import StreamAborted, StreamingResponse, chosen, keep
from hinge.results.encodable import check_encodable
from hinge.results.result import Results
from hinge.results.returns import Returns, check_returns

_set = BaseException.__setattr__
"""Sets an attribute of an exception whose own class would refuse it: a frozen dataclass."""

ErrorHandler = Callable[[Any, Any], Any]
"""`(request, error) -> result`, sync or async; the result is what a handler may return."""

ErrorKind: TypeAlias = type[Exception] | int
"""What an error handler is registered for: a class of errors, or the status of an `HTTPError`."""

WATCHERS: list[Callable[[Any, BaseException], None]] = []
"""Who is told of each failure that is logged, as `(request, error)`: testing clients."""

_PROBLEM_LINES = (("content-type", PROBLEM),)


class ErrorHandlers:
    """The registered handlers of one app, by exception class or status; `notes` are the app's.

    Raises:
        ConfigurationError: the return annotation of one cannot be resolved, or names what cannot be sent.
    """

    def __init__(
        self,
        handlers: Mapping[ErrorKind, ErrorHandler],
        *,
        debug: bool,
        propagates: bool = False,
        notes: Notes | None = None,
    ) -> None:
        self._handlers = dict(handlers)
        self._page = self._handlers.get(500)
        """What answers for failures that no other handler is for."""
        self._has_statuses = any(isinstance(kind, int) for kind in handlers)
        self._debug = debug
        self._propagates = propagates
        self._returns = {id(handler): _returns(handler, notes or Notes()) for handler in handlers.values()}
        self._responders: dict[tuple[int, int], Callable[[Any], Response]] = {}

    def respond(self, request: Any, error: Exception) -> Response | Awaitable[Response]:
        """Return the response of an error; it is to be awaited if the error's handler is async.

        Raises the error itself if it is one that nobody answers, and `lets_out`.
        """
        if isinstance(error, Unawaited):
            return self._settled(request, error)
        handler, told = self._find(error) if self._handlers else (None, error)
        if handler is None:
            return self.last_resort(request, error) if self._page is None else self._unanswered(request, error)
        return self._called(handler, request, told)

    def _called(self, handler: ErrorHandler, request: Any, error: Exception) -> Response | Awaitable[Response]:
        try:
            result = handler(request, error)
            if hasattr(type(result), "__await__"):
                return self._awaited(handler, result, request, error)
            return self._answer(handler, result, request, error)
        except FAILURES as second:  # a failing error handler must still be answered
            return self._second(handler, request, error, failure_of(second))

    def _unanswered(self, request: Any, error: Exception) -> Response | Awaitable[Response]:
        """Return the response of an error that no handler is for: a failure goes to that of 500, if there is one."""
        if self._page is None or isinstance(only_member(error), HTTPError | ClientDisconnect) or self.lets_out(error):
            return self.last_resort(request, error)
        log_failure(request, error)
        told = self._failure(error)
        told.__cause__ = error
        return self._called(self._page, request, told)

    async def _settled(self, request: Any, unawaited: Unawaited) -> Response:
        """Return the response of a result that turned out to be an awaitable, where nobody else has awaited it."""
        try:
            response: Response = await unawaited.settle()
            return chosen(request, response) if isinstance(response, StreamingResponse) else response
        except FAILURES as error:
            answer = self.respond(request, failure_in_task(error))
            return answer if isinstance(answer, Response) else await answer

    async def _awaited(self, handler: ErrorHandler, result: Awaitable[Any], request: Any, error: Exception) -> Response:
        try:
            return self._answer(handler, await result, request, error)
        except FAILURES as second:  # a failing error handler must still be answered
            answer = self._second(handler, request, error, failure_in_task(second))
            return answer if isinstance(answer, Response) else await answer

    def _answer(self, handler: ErrorHandler, result: Any, request: Any, error: Exception) -> Response:
        if isinstance(result, HTTPError):
            response = self.problem(result, request)
        else:
            response = self._respond(handler, result, error)
        if isinstance(error, HTTPError):
            _let_go(error)
            _keep_connection(response, error)
        if isinstance(response, StreamingResponse):
            keep(request, response)
        return response

    def _respond(self, handler: ErrorHandler, result: Any, error: Exception) -> Response:
        """Return the response of a result; a plain one keeps the status of its error (200 would hide the failure).

        And its headers: a 405 must name the methods that there are, and a 401 what it asks for (RFC 9110).
        """
        status = error.status if isinstance(error, HTTPError) else 500
        which = id(handler), status
        respond = self._responders.get(which)
        if respond is None:
            respond = self._responders[which] = Results(self._returns[id(handler)], status, written_to=True).respond
        response = respond(result)
        if isinstance(error, HTTPError) and error.headers and not isinstance(result, Response):
            others = {name: value for name, value in error.headers.items() if name.lower() != "content-type"}
            _add_headers(response, others, status)
        return response

    def _second(
        self, handler: ErrorHandler, request: Any, first: Exception, second: Exception
    ) -> Response | Awaitable[Response]:
        """Answer the failure of an error handler; the log shows what it was called for."""
        if second is not first and second.__context__ is None:
            _set(second, "__context__", first)
        if handler is self._page:
            return self.last_resort(request, second)
        return self._unanswered(request, second)

    def tells(self, kind: type[Exception]) -> bool:
        """Tell whether the app has a handler for errors of a class, or for some of them."""
        if self._has_statuses and issubclass(kind, HTTPError):
            return True
        return any(base in self._handlers for base in kind.__mro__)

    def _find(self, error: Exception) -> tuple[ErrorHandler | None, Exception]:
        """Return the handler of an error, and what it is called with: a group only if it is registered for groups."""
        kinds: tuple[Any, ...] = type(error).__mro__ if isinstance(error, Exception) else (Exception,)
        if isinstance(error, ExceptionGroup) and not any(kind in self._handlers for kind in _groups(kinds)):
            error = only_member(error)
            kinds = type(error).__mro__
        for kind in kinds:
            if kind is HTTPError and error.status in self._handlers:  # type: ignore[attr-defined]
                return self._handlers[error.status], error  # type: ignore[attr-defined]
            if kind in self._handlers:
                return self._handlers[kind], error
        return None, error

    def lets_out(self, error: BaseException) -> bool:
        """Tell whether a failure that nobody answers leaves the app.

        What is no Exception never does: a SystemExit would end the server's thread, or its event loop.
        """
        return self._propagates and isinstance(error, Exception)

    def last_resort(self, request: Any, error: Exception) -> Response:
        """Return what answers an error without any handler of the app's: a complete response, never a stream.

        Raises as `respond`.
        """
        only = only_member(error)
        if isinstance(only, HTTPError):
            response = self.problem(only, request)
            _let_go(only)
            return response
        if isinstance(only, ClientDisconnect):
            # Nobody is there to read it, and a client that leaves is no failure of the app.
            return _document(_left(only))
        if isinstance(error, Unawaited):
            error.close()
        if self.lets_out(error):
            raise error
        log_failure(request, error)
        return _document(self._failure(error))

    def _failure(self, error: Exception) -> HTTPError:
        if not self._debug:
            return HTTPError(500)
        import traceback  # noqa: PLC0415 - only an app in debug mode pays for these

        from hinge.diagnostics.log import traceback_text  # noqa: PLC0415

        try:
            # Of traceback, which bears an exception whose own str() fails.
            detail = "".join(traceback.format_exception_only(only_member(error))).strip()
            lines = "".join(traceback.format_exception(error)).splitlines()
        except Exception:  # noqa: BLE001 - which bears not every exception's own methods
            detail, lines = qualified_name(type(error)), traceback_text(error).splitlines()
        return HTTPError(500, detail, traceback=lines)

    def problem(self, error: HTTPError, request: Any = None) -> Response:
        """Return the problem document of an HTTPError, with the error's headers; one that cannot be sent is a 500."""
        try:
            return _document(error)
        except FAILURES as unfit:  # without super().__init__(), changed since, or of a class with methods of its own
            failure = failure_of(unfit)
            if failure.__cause__ is None and failure is not error:
                _set(failure, "__cause__", error)
            if self.lets_out(failure):
                raise failure from failure.__cause__
            log_failure(request, failure)
            return _document(self._failure(failure))


def _let_go(error: HTTPError) -> None:
    """Take the frames from an error that was answered: they hold its request, which may hold the error.

    An instance raised again and again would keep those of all requests, and with them their bodies.
    """
    error.with_traceback(None)
    if error.__suppress_context__:  # what led to it, which nobody is shown
        _set(error, "__context__", None)


def _document(error: HTTPError) -> Response:
    """Return the problem document of an HTTPError; raises what makes it one that cannot be answered."""
    status, document = check_status(error.status), error.problem()
    try:
        body = encode_json(document)
    except Exception:  # noqa: BLE001 - whatever the extensions are, and it is logged
        logger.exception("HTTPError(%d): its document is not JSON; it is answered without it", status)
        body = encode_json(HTTPError(status).problem())
    response = Response.trusted(body, status, _PROBLEM_LINES)
    if error.headers:
        _add_headers(response, error.headers, status)
    if error.connection:
        _keep_connection(response, error)
    return response


def _add_headers(response: Response, headers: Mapping[str, str], status: int) -> None:
    try:
        response.headers.update(headers)
    except (ValueError, TypeError) as refused:
        raise ValueError(f"HTTPError({status}): its headers cannot be sent") from refused


def _left(error: ClientDisconnect) -> HTTPError:
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - of a class of the app's
        said = ""
    return HTTPError(400, said or "The client left before its request was complete.")


def only_member(error: Exception) -> Exception:
    """Return what failed: of a group that has one member (at any depth), this one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _groups(kinds: Iterable[type[BaseException]]) -> list[type[BaseException]]:
    return [kind for kind in kinds if issubclass(kind, BaseExceptionGroup)]


def _keep_connection(response: Response, error: HTTPError) -> None:
    """Add what the error says about its connection, which a response cannot say by itself."""
    headers = response.headers
    for name, value in error.connection:
        if value not in headers.get_all(name):
            headers._add(name, value)


def aborted(request: Any, error: Exception) -> Exception:
    """Return what cuts the connection of a stream that failed, to be raised as it is.

    The failure is logged unless it is the client's; or it is what is returned, if the app lets it out.
    """
    if not getattr(only_member(error), IS_THE_CLIENTS, False):
        if request._endpoint.errors.lets_out(error):
            return error
        log_failure(request, error)
    cut = StreamAborted(error)
    cut.__suppress_context__ = True  # `from None`, which would take a failure its cause
    return cut


def log_cut(request: Any) -> None:
    """Log which stream a stopping worker cuts: the server's own line does not say whose it was."""
    logger.warning("the worker stops before a stream has ended: %s is cut", describe(request))


def log_failure(request: Any, error: BaseException) -> None:
    """Log a failure with its traceback, naming the request (if there is one) and the handler."""
    from hinge.diagnostics.hints import hint  # noqa: PLC0415 - only failures have some

    only = only_member(error) if isinstance(error, Exception) else error
    logger.error("%s failed%s", describe(request), hint(only), exc_info=error)
    if (observed := observation.get()) is not None:
        observed.failed(error)
    for tell in tuple(WATCHERS):
        tell(request, error)


def describe(request: Any) -> str:
    """Return a request (or None) and its handler for the log."""
    route = getattr(request, "route", None)
    who = f"handler {qualified_name(route.handler)} ({route.location})" if route is not None else "the framework"
    return f"{_place(request)}: {who}"


def _place(request: Any) -> str:
    if request is None:
        return "a request"
    try:
        # repr(): control characters must not forge log lines.
        method: str = getattr(request, "method", "")
        return f"{method if method.isalnum() else repr(method)} {request.path!r}" if method else repr(request.path)
    except HTTPError:
        return "a malformed target"


def check_error_kind(kind: Any) -> None:
    """Check what `@app.error` is given.

    Raises:
        ConfigurationError: it is no exception class and no status of an `HTTPError`.
    """
    if getattr(kind, "__name__", "") == "RequestValidationError" and kind.__module__.startswith("fastapi."):
        raise ConfigurationError(
            f"@app.error ({caller()}): nobody raises {kind.__module__}.{kind.__name__}. "
            "Fix: @app.error(422); what is wrong is in error.extensions['errors']"
        )
    if isinstance(kind, type) and issubclass(kind, Exception):
        return
    if isinstance(kind, int) and not isinstance(kind, bool):
        if 400 <= kind <= 599:
            return
        raise ConfigurationError(
            f"@app.error ({caller()}): {int(kind)} is no error's status. Fix: 400 to 599, or an exception class"
        )
    given = qualified_name(kind) if callable(kind) else repr(kind)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        raise ConfigurationError(
            f"@app.error ({caller()}): {given} is no Exception. Fix: @app.error(Exception), which answers for all"
        )
    raise ConfigurationError(
        f"@app.error ({caller()}): {given} is no exception class. Fix: @app.error(SomeError), with the class; "
        "@app.error(404), with a status"
    )


def _returns(handler: ErrorHandler, notes: Notes) -> Returns:
    who = _named(handler)
    annotation = notes.obeyed(return_hint(handler, who), f"{who}: the return annotation")
    returns = check_returns(annotation, who)
    check_encodable(annotation, who, errors=True, types=notes.types)
    return returns


def callback_of(handler: ErrorHandler) -> Callback:
    """Return what is to be judged of an error handler's parameters."""
    return Callback(handler, _named(handler), "error handler", "(request, error)", 2, OFF_REQUEST)


def _named(handler: Any) -> str:
    return f"error handler {qualified_name(handler)} ({locate(handler)})"


def check_error_handler(handler: Any) -> str:
    """Check what `@app.error(kind)` decorates, and return the start of every message about it.

    Raises:
        ConfigurationError: it does not take (request, error), or is a generator.
    """
    if not callable(handler):
        raise ConfigurationError(
            f"error handler {handler!r} ({caller()}): it cannot be called. Fix: decorate a function"
        )
    who = _named(handler)
    if colour_of(handler) not in (Colour.SYNC, Colour.ASYNC):
        raise ConfigurationError(f"{who}: it is a generator. Fix: return the response")
    refuse_wrappers(handler, who)
    try:
        inspect.signature(handler).bind(None, None)
    except (TypeError, ValueError):
        fix = f"take two parameters, (request, error){and_session(handler)}"
        raise ConfigurationError(f"{who}: it cannot be called so. Fix: {fix}") from None
    return who
