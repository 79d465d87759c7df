"""A middleware as data: the generator function or the hooks, the colour, what it asks for, where it was written.

Law: a layer is checked when it is declared. It is a generator function, or an object whose `__call__` is one, and takes
the request or nothing; or it is an object with the hooks `before(request)` and `after(request, response)`, or one of
them, which are a generator with an unguarded `response = yield` between them.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from hinge.binding.callbacks import OFF_REQUEST, Callback, and_session
from hinge.diagnostics.location import caller, locate, qualified_name
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour, colour_of, takes_one
from hinge.responses.copies import own
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse, keep

# What is answered with is Any to checkers: they would demand a `return None` at the end of the one, and `yield None` in
# the other. It is checked at run time.
Middleware = Generator[None, Response, Any]
"""What a `def` middleware returns: `response = yield`, then perhaps `return other_response`."""
AsyncMiddleware = AsyncGenerator[Any, Response]
"""What an `async def` middleware returns; as Python has no `return value` there, it yields the other response."""


class Before(Protocol):
    """A middleware with a hook on the way in."""

    def before(self, request: Any, /) -> Response | None:
        """Return None to go on, or what answers in place of the rest of the app."""


class After(Protocol):
    """A middleware with a hook on the way out."""

    def after(self, request: Any, response: Response, /) -> Response | None:
        """Return None for this response, written to or not, or the one that replaces it."""


MiddlewareFunction = Callable[..., Generator[Any, Any, Any] | AsyncGenerator[Any, Any]] | Before | After
"""A generator function of either colour or an object whose call is one, taking the request or nothing; or hooks."""

_TAKEN = {"before": ("request",), "after": ("request", "response")}
"""What each hook is called with."""
_MARKS = ("answers_preflights", "outermost", "cancels")
"""What a ready-made middleware says of itself by an attribute; see `Layer`."""


class Layer(msgspec.Struct, frozen=True):
    """One middleware around a part of the app."""

    start: Callable[[Any], Any]
    """From a request to the generator; hooks have one, too, but need none."""
    is_async: bool
    needs_body: bool
    name: str
    location: str
    answers_preflights: bool = False
    """Whether it answers the browser's question about a request to come (Fetch, "CORS-preflight request")."""
    outermost: bool = False
    """Whether nothing may be around it: it changes what others see of a request."""
    cancels: bool = False
    """Whether it ends what runs inside of it, which a plain handler in a server's thread cannot be."""
    written: tuple[Callback, ...] = ()
    """The functions that somebody wrote."""
    hooks: tuple[Callable[[Any], Any] | None, Callable[[Any, Any], Any] | None] | None = None
    """What is called before and after the rest, None for nothing; None for a generator."""
    plain: "Layer | None" = None
    """What does the same in a thread of the server's, where nothing can be awaited; None: nothing does."""

    def look(self, request: Any) -> None:
        """Let an outermost one change what is seen of a request, before the rest of the app is entered."""
        if self.hooks is not None and self.hooks[0] is not None:
            self.hooks[0](request)

    def misuse(self, what: str) -> ConfigurationError:
        """Return the error of a middleware that broke the protocol at run time."""
        return ConfigurationError(f"middleware {self.name} ({self.location}): {what}")

    def answer(self, value: Any, request: Any) -> Response:
        """Return what the middleware answered with, for the layers around it to write to.

        Raises:
            ConfigurationError: it is not a Response.
        """
        if isinstance(value, Response):
            response = own(value)  # it may answer every request with one and the same
            if isinstance(response, StreamingResponse):
                keep(request, response)
            return response
        if value is None:
            raise self.misuse("it ended without a yield and without a Response. Fix: `response = yield`")
        raise self.misuse(f"it answered with {type(value).__name__}. Fix: return a Response")

    def second_yield(self) -> ConfigurationError:
        """Return the error of a middleware that yields again."""
        return self.misuse("it yielded a second time. Fix: yield exactly once")


def layer_of(middleware: "MiddlewareFunction | Layer | Any", *, needs_body: bool = False) -> Layer:
    """Return the layer of a middleware.

    Raises:
        ConfigurationError: it is neither a generator function nor has hooks, or takes other parameters.
    """
    if isinstance(middleware, Layer):
        return replace(middleware, needs_body=True) if needs_body and not middleware.needs_body else middleware
    asks = needs_body or bool(getattr(middleware, "needs_body", False))
    marks: dict[str, Any] = {mark: True for mark in _MARKS if getattr(middleware, mark, False)}
    if hooks := _hooks_of(middleware):
        return _hooked(middleware, hooks, marks, needs_body=asks)
    name, location = qualified_name(middleware), locate(middleware)
    who = f"middleware {name} ({location})"
    if inspect.isclass(middleware) or not callable(middleware):
        if not callable(middleware):
            who = f"middleware {middleware!r} ({caller()})"
            raise ConfigurationError(
                f"{who}: it is no generator function and has no hooks. Fix: {_written(middleware)}"
            )
        raise ConfigurationError(f"{who}: it is a class. Fix: {_of_class(middleware, name)}")
    colour = colour_of(middleware)
    if colour not in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR):
        raise ConfigurationError(f"{who}: it has no yield. Fix: write it as a generator: `response = yield`")
    try:
        takes_request = takes_one(middleware, who, "the request")
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}{and_session(middleware)}") from None
    written = Callback(middleware, who, "middleware", "the request", int(takes_request), OFF_REQUEST)
    start: Callable[[Any], Any] = middleware if takes_request else (lambda request: middleware())
    return Layer(start, colour is Colour.ASYNC_GENERATOR, asks, name, location, written=(written,), **marks)


def _written(middleware: Any) -> str:
    """Return how what was given is written here."""
    wrapped = getattr(middleware, "cls", None)  # the pair of class and options that Starlette has
    if inspect.isclass(wrapped):
        return _of_class(wrapped, wrapped.__name__)
    if isinstance(middleware, str):
        return "@app.middleware alone, on a generator: `response = yield`"
    if hasattr(middleware, "begin") and hasattr(middleware, "end"):
        return f"app.observe({type(middleware).__name__}(...))"
    return "a generator: `response = yield`, or an object with `before` and `after`"


def _of_class(middleware: Any, name: str) -> str:
    """Return how a class that is no instance is written here."""
    try:
        wraps = next(iter(inspect.signature(middleware).parameters), "")
    except (TypeError, ValueError):
        wraps = ""
    if wraps == "app":
        return f"App(asgi_middleware=[({name}, {{...}})]), or one of hinge.middleware"
    if wraps in ("get_response", "wsgi_app"):
        return "a generator: what stands before `response = yield` comes before the handler"
    return f"pass an instance: {name}(...)"


def _hooks_of(middleware: Any) -> dict[str, Any]:
    """Return the hooks of an object by name; functions and classes have none."""
    if inspect.isroutine(middleware) or inspect.isclass(middleware):
        return {}
    return {name: hook for name in _TAKEN if (hook := getattr(middleware, name, None)) is not None}


def _hooked(middleware: Any, hooks: dict[str, Any], marks: dict[str, Any], *, needs_body: bool) -> Layer:
    name = qualified_name(middleware)
    location = locate(next(iter(hooks.values())))
    if callable(middleware) and colour_of(middleware) is not Colour.SYNC:
        called = " and ".join(hooks)
        raise ConfigurationError(
            f"middleware {name} ({location}): it has {called} and a `__call__` with a yield, of which one would never "
            f"run. Fix: keep one of the two"
        )
    written = tuple(_hook(hook, kind, name) for kind, hook in hooks.items())
    before, after = hooks.get("before"), hooks.get("after")

    def start(request: Any) -> Middleware:
        early = None if before is None else before(request)
        if early is not None:
            return early
        response = yield
        return None if after is None else after(request, response)

    return Layer(start, False, needs_body, name, location, written=written, hooks=(before, after), **marks)


def _hook(hook: Any, kind: str, name: str) -> Callback:
    """Return a hook as what is judged further at compile.

    Raises:
        ConfigurationError: it is no plain function, or takes other parameters than it is called with.
    """
    taken = _TAKEN[kind]
    who, line = f"middleware {name}.{kind} ({locate(hook)})", f"`def {kind}(self, {', '.join(taken)})`"
    if not callable(hook) or inspect.isclass(hook):
        raise ConfigurationError(f"{who}: it is no method. Fix: {line}")
    colour = colour_of(hook)
    if colour is Colour.SYNC_GENERATOR:
        raise ConfigurationError(f"{who}: it has a yield, and a hook returns. Fix: {line} without a yield")
    if colour is not Colour.SYNC:
        raise ConfigurationError(
            f"{who}: it is an async def, and a hook awaits nothing. Fix: an async generator in place of the hooks, "
            f"`async def __call__(self, request)` with `response = yield`"
        )
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{who}: it has no readable signature. Fix: {line}") from None
    try:
        signature.bind(*taken)
    except TypeError:
        shown = ", ".join(str(one.replace(annotation=one.empty)) for one in signature.parameters.values())
        raise ConfigurationError(f"{who}: it takes ({shown}). Fix: {line}") from None
    return Callback(hook, who, "middleware", "the " + " and the ".join(taken), len(taken), OFF_REQUEST)


def preflight_layer(methods: Mapping[str, Any]) -> Layer | None:
    """Return what answers preflights before a path's OPTIONS does, None if no route there has a layer that would.

    The route of the method that is asked for answers, through the layer that would be around the request itself; its
    other layers do not see a preflight, which has no credentials. `methods` are the endpoints by method.
    """
    found: dict[str, Layer] = {}
    for method, endpoint in methods.items():
        layers = endpoint.route.layers if endpoint.route is not None else ()
        layer = next((layer for layer in layers if layer.answers_preflights), None)
        if layer is not None:
            found[method] = layer
    if not found:
        return None

    def start(request: Any) -> Middleware:
        headers = request.headers
        layer = found.get(headers.get("access-control-request-method", ""))
        return _pass() if layer is None or "origin" not in headers else layer.start(request)

    some = next(iter(found.values()))
    return Layer(start, is_async=False, needs_body=False, name=some.name, location=some.location)


def _pass() -> Middleware:
    yield
