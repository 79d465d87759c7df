"""A frozen app, as a backend gets it: endpoints in a table, and what surrounds them.

Law: everything is decided here that does not depend on a protocol. An `Endpoint` is anything that can answer: a
route's handler, and just so the framework's own answers (404, 405, OPTIONS, redirects), so that a backend knows one
kind only and middleware is around all of them.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from hinge.backend.contract import Feature
from hinge.binding.bind import Bound, bind
from hinge.binding.plan import HandlerPlan
from hinge.config import Config
from hinge.dependencies.hops import Hops
from hinge.error_responses import ErrorHandlers
from hinge.errors import HTTPError
from hinge.http.body import UNLIMITED, check_framing
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.lifespan import Lifespan, LifespanStack
from hinge.middleware.layer import Layer
from hinge.responses.response import Response
from hinge.results.result import Results
from hinge.routing import Route, RouteTable

if TYPE_CHECKING:
    from hinge.forms.reader import OpenForm
    from hinge.forms.upload import Blocking, Waiting
    from hinge.observability.observer import Observer

T = TypeVar("T")
U = TypeVar("U")


class Endpoint(msgspec.Struct, frozen=True, eq=False):
    """One answer of the app: a planned handler and all that its answer depends on."""

    plan: HandlerPlan
    path_names: tuple[str, ...]
    config: Config
    errors: ErrorHandlers
    url_for: Callable[..., str]
    layers: tuple[Layer, ...] = ()
    route: Route | None = None
    status: int | None = None
    """The status of plain results; None: 200, or 204 for None."""
    head_only: bool = False
    """The answer to HEAD: computed like GET's, sent without its body (RFC 9110 section 9.3.2)."""
    max_body_size: int = 0
    closes: bool = False
    """Whether the connection is closed behind the answer, whatever middleware makes of that: what follows may be a
    smuggled request."""
    mounted: str | None = None
    """Under which key the state of its app is kept (hinge.state.MOUNTED); None: it is the outermost one's."""
    ignored: tuple[type, ...] = ()
    """The classes of notes in types that its app ignores."""
    types: Types = NO_TYPES
    """Its app's own."""
    observers: "tuple[Observer, ...]" = ()
    """Who is told of its requests (hinge.observability)."""

    @property
    def body_before(self) -> int | None:
        """The index of the first layer that needs the body; it is read just outside of it. None: no layer does."""
        for index, layer in enumerate(self.layers):
            if layer.needs_body:
                return index
        return None

    @property
    def is_guarded(self) -> bool:
        """Whether dependencies are called before the body is read (`bind_guards`)."""
        return self.plan.composed is not None and self.plan.composed.is_guarded

    @property
    def needs_request(self) -> bool:
        """Whether a `Request` object must exist: a layer, guards, the handler, its `BodyStream` or form hang on one."""
        plan = self.plan
        return bool(self.layers) or plan.needs_request or plan.streams_body or plan.reads_form or self.is_guarded

    @property
    def has_async_layers(self) -> bool:
        """Whether any layer awaits."""
        return any(layer.is_async for layer in self.layers)

    def is_handed_over(self, interface: str) -> bool:
        """Whether it is a mounted application of the backend's protocol, and nothing is around it."""
        is_of_protocol = self.route is not None and self.route.interface == interface
        return is_of_protocol and not self.layers and self.plan.composed is None and self.max_body_size == UNLIMITED

    def plainly(self) -> "Endpoint":
        """Return what does the same without a layer that awaits, where that can be; itself otherwise."""
        layers = tuple(layer.plain or layer for layer in self.layers)
        return self if any(layer.is_async for layer in layers) else replace(self, layers=layers)

    def bind(self, reader: Any, *, deferred: bool = False, hops: Hops | None = None) -> Bound:
        """Return `(head, path values, body, request) -> result` for heads that `reader` reads.

        If `deferred`, the handler is not called: the result is a function that calls it with its arguments. `hops` is
        how the backend runs what a handler depends on, where something of that is awaited.

        Raises:
            ConfigurationError: a parameter's type cannot come from its source, or `hops` are needed.
        """
        plan = self.plan
        if plan.composed is not None:
            plan = plan.composed.bound(plan, hops)
        if deferred:
            plan = replace(plan, handler=partial(partial, plan.handler))
        return bind(plan, self.path_names, reader, max_query_fields=self.config.max_query_fields)

    def bind_guards(self, reader: Any, hops: Hops | None = None) -> Bound:
        """Return what is called before the body is read, where the endpoint `is_guarded`.

        It is `(head, path values, None, request) -> held`, or a coroutine of it, by the colour of the plan; `held` is
        to be kept as `request._held` before the body is read and what `bind` gives is called. Raises as `bind`.
        """
        composed = self.plan.composed
        if composed is None:
            raise ValueError("the endpoint has no guards")
        plan = composed.guarding(self.plan, hops)
        return bind(plan, self.path_names, reader, max_query_fields=self.config.max_query_fields)

    def form_opener(self, reader: Any, blocking: "Blocking", waiting: "Waiting") -> "OpenForm":
        """Return `(request) -> the reader of its form`, for heads that `reader` reads; see `hinge.forms.FormReader`.

        Files are read back through `blocking`, which raises RuntimeError on an event loop, or `waiting`.
        """
        from hinge.binding.form_arguments import is_optional, reads_parts  # noqa: PLC0415 - only forms need these
        from hinge.forms.limits import FormLimits  # noqa: PLC0415
        from hinge.forms.reader import form_opener  # noqa: PLC0415

        plan, limits = self.plan, FormLimits.of(self.config)
        optional, parts = is_optional(plan), reads_parts(plan)
        return form_opener(limits, reader.header, blocking, waiting, is_optional=optional, parts=parts)

    def results(self, header: Callable[[str], Any] | None = None) -> Results:
        """Return what becomes of its results; `header` makes of a media type what the backend sends it as."""
        return Results(self.plan.returned, self.status, written_to=bool(self.layers), header=header)

    def responder(self) -> Callable[[Any], Response]:
        """Return the function that makes a response of any result; it raises TypeError for what cannot be encoded."""
        return self.results().respond


class Leaf(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """What is registered at one path: an answer for each method, and one for all others."""

    methods: Mapping[str, T]
    otherwise: T

    def map(self, change: Callable[[T], U]) -> "Leaf[U]":
        """Return the leaf of changed answers."""
        return Leaf({method: change(answer) for method, answer in self.methods.items()}, change(self.otherwise))


class FrozenApp(msgspec.Struct, frozen=True, eq=False):
    """A frozen app."""

    app: Any
    """Given to lifespans, and otherwise opaque."""
    config: Config
    table: RouteTable[Leaf[Endpoint]]
    not_found: Leaf[Endpoint]
    """Answers every path that is not in the table: 404, or a redirect to the path's other spelling."""
    refused: Leaf[Endpoint]
    """Answers what is refused before a route is found: with the error that it gets in place of path values."""
    distrusted: Leaf[Endpoint]
    """The same where what follows on the connection may be a smuggled request, so that it is closed."""
    websockets: RouteTable[Endpoint]
    websocket_not_found: Endpoint
    errors: ErrorHandlers
    lifespans: tuple[Lifespan, ...]
    features: frozenset[Feature]
    """What the backend has; what serves the endpoints (`hinge.loop.serve`) does without the others."""
    wrappers: tuple[Callable[[Any], Any], ...] = ()
    """Native middleware of the backend's protocol, outermost first."""
    exposes_route: bool = False
    """Whether the backend leaves the route that matched in its platform's request, for what is around the app."""
    options: Any = None
    """What the backend's class of options (`hinge.backend.Backend`) was made into; None without one."""

    def lifespan(self) -> LifespanStack:
        """Return a new, not yet started stack of the app's lifespans."""
        return LifespanStack(self.app, self.lifespans)

    def matching(self, make: Callable[[Endpoint], U], reader: Any) -> Callable[[Any], tuple[U, tuple[str, ...]]]:
        """Return `(head) -> (what make made of the endpoint that answers it, path values)`; `make` is called at once.

        A head that names no path, or frames its body in two ways, is answered by an endpoint that says so.
        """
        made = cache(make)  # paths and methods share endpoints
        find = self.table.map(lambda leaf: leaf.map(made)).find
        not_found, refuse = self.not_found.map(made), self.refusing(made)
        encoding, length = reader.header("transfer-encoding"), reader.header("content-length")

        def match(head: Any) -> tuple[U, tuple[str, ...]]:
            method = reader.method(head)
            try:
                coding = encoding(head)
                if coding is not None:
                    check_framing(coding, length(head))
                found = find(reader.path(head))
            except HTTPError as error:
                return refuse(method, error)
            leaf, values = (not_found, ()) if found is None else found
            return leaf.methods.get(method, leaf.otherwise), values

        return match

    def refusing(self, make: Callable[[Endpoint], U]) -> Callable[[str, HTTPError], tuple[U, tuple[Any, ...]]]:
        """Return `(method, error) -> (what make made of the endpoint that answers with the error, path values)`.

        It is for what is refused before a route is found; middleware is around it. `make` is called at once: a request
        brings its error and nothing to compile.
        """
        refused, distrusted = self.refused.map(make), self.distrusted.map(make)

        def refuse(method: str, error: HTTPError) -> tuple[U, tuple[Any, ...]]:
            leaf = distrusted if error.connection else refused
            return leaf.methods.get(method, leaf.otherwise), (error,)

        return refuse

    @staticmethod
    def unstarted() -> HTTPError:
        """Return what is answered where a lifespan failed to start."""
        return HTTPError(503, "The application failed to start.")

    def endpoints(self) -> list[Endpoint]:
        """Return every endpoint once."""
        found = [self.websocket_not_found]
        for leaf in (self.not_found, self.refused, self.distrusted, *(leaf for _, leaf in self.table)):
            found += [*leaf.methods.values(), leaf.otherwise]
        found += [endpoint for _, endpoint in self.websockets]
        return found

    def wrap(self, application: Any) -> Any:
        """Return the native callable inside the app's native middleware."""
        for wrapper in reversed(self.wrappers):
            application = wrapper(application)
        return application


def head_of(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint that answers HEAD as this one answers GET."""
    return replace(endpoint, head_only=True)
