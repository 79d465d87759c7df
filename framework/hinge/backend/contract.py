"""The contract that a backend fulfils: all that the core knows about one, all that a backend needs of the core.

Law: a backend is a value. It has a name, says which features it has, and compiles a `FrozenApp` into an
`Application`, the callable that a server wants. The core hands it the frozen app and never the app; a backend imports
the core and never another backend.

What the core does for a backend: it matches (`frozen.table`, `Endpoint`), plans and binds (`Endpoint.bind` gives one
closure that gathers the arguments and calls the handler), drives middleware (`hinge.middleware`), turns results and
errors into a `Response`. What remains is the coloured rest: read the body if the plan wants it, call or await, send.

A backend reads the request's head through its own `HeadReader`, whose accessors are made once per name at compile time.
"""

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hinge.backend.testing import Connection
from hinge.http.address import Address
from hinge.http.headers import Headers

if TYPE_CHECKING:
    from hinge.binding.plan import HandlerPlan
    from hinge.compiling.frozen import FrozenApp
    from hinge.config import Config

CONTRACT = (2, 1)
"""The version of this contract. The first number grows with what backends must change, the second with what is new."""


class Feature(enum.Enum):
    """What a route or a test may need and a backend may lack."""

    WEBSOCKET = "WebSocket routes"
    STREAMING = "sending a response while it is made"
    DUPLEX = "reading a body while it arrives and while its response is sent"
    AFTER_RESPONSE = "running on behind the response"
    DISCONNECT = "noticing that a client left while nothing is being sent"
    ABORT = "cutting the connection when a stream fails, so that the client sees the truncation"
    PREFIX = "a mount prefix that the server tells"

    @property
    def without(self) -> str:
        """What an app sees of a backend that lacks it, in a few words."""
        return _WITHOUT[self]


_WITHOUT = {
    Feature.WEBSOCKET: "WebSocket routes are refused at compile",
    Feature.STREAMING: "a stream is collected and answered whole",
    Feature.DUPLEX: "the whole body arrives before the handler starts",
    Feature.AFTER_RESPONSE: "work after the response is done before its end is sent",
    Feature.DISCONNECT: "whoever waits for something else does not hear that the client has left",
    Feature.ABORT: "a client may take a stream that failed for complete",
    Feature.PREFIX: "an app is served at the root only",
}


class HeadReader(Protocol):
    """Read a request's head. `head` is the protocol's own object (a WSGI environ, an ASGI scope), never copied.

    A reader may have one more, `outer_state(head) -> Mapping[str, Any]`: what an application around this one put into a
    state of the request, which is then where `request.state` begins.
    """

    def method(self, head: Any, /) -> str:
        """Return the method as it was sent."""
        ...

    def path(self, head: Any, /) -> str:
        """Return the decoded path without the mount prefix, always with a leading slash.

        Raises:
            HTTPError: 400, the target is not a path or not UTF-8.
        """
        ...

    def prefix(self, head: Any, /) -> str:
        """Return the mount prefix (SCRIPT_NAME, root_path) decoded and without a trailing slash."""
        ...

    def query_string(self, head: Any, /) -> str:
        """Return the undecoded query string, one character a byte."""
        ...

    def header(self, name: str, /) -> Callable[[Any], str | None]:
        """Return an accessor of one header; repeated lines are joined with `,` (Cookie: `; `)."""
        ...

    def headers(self, head: Any, /) -> Headers:
        """Return all headers."""
        ...

    def scheme(self, head: Any, /) -> str:
        """Return http, https, ws or wss."""
        ...

    def http_version(self, head: Any, /) -> str:
        """Return "1.0", "1.1", "2" or "3"."""
        ...

    def client(self, head: Any, /) -> Address | None:
        """Return the peer, None where the server does not tell."""
        ...

    def native(self, head: Any, /) -> Any:
        """Return the platform's own request, as it is: what `request.native` is. Often it is the head itself."""
        ...


class Application(Protocol):
    """What `Backend.compile` returns: the server's callable, and what a worker process does around it.

    Servers that have a lifespan protocol call `start` and `stop` through it; elsewhere the application starts itself
    before its first request and stops when the process ends. All four are idempotent.

    An application may have a fifth, `still_open() -> Collection[object]`: the streams and WebSockets under way. Where
    it is there, the conformance kit checks that nothing is left in it.
    """

    __call__: Callable[..., Any]

    def start(self) -> None:
        """Run the lifespans' start now, from a thread without a running loop.

        Where they need the server's loop it does nothing, and they start with the first request. Raises whatever a
        lifespan raised; the worker must then stop.
        """
        ...

    def drain(self, seconds: float) -> None:
        """End what would keep a worker from stopping.

        WebSockets and event streams end now; other streams, and coroutines of handlers and of work after the response,
        after `seconds`. Safe in a signal handler.
        """
        ...

    def stop(self) -> None:
        """Run the lifespans' stop and end what the application started."""
        ...


@runtime_checkable
class Backend(Protocol):
    """One way to serve a Hinge app.

    It may have four attributes more: `run` (see `OwnServer`); `deployment`, one line of text that says what to do in
    place of `hinge run` where neither Granian nor `run` serves it; `options`, a msgspec.Struct or a dataclass: the
    class of `FrozenApp.options`, whose fields users set in `[tool.hinge.NAME]` and as `HINGE_NAME_FIELD`;
    and `entry`, the name of the application's method that the server calls in place of the application: the conformance
    kit counts these calls.
    """

    name: str
    """What users write after `--backend`."""
    interface: str
    """The protocol of what `compile` returns: `hinge run` serves those that Granian has (`granian --interface`)."""
    features: frozenset[Feature]
    contract: tuple[int, int]
    """The version of the contract that it was written for, as two numbers in its source: what `CONTRACT` was then."""

    def compile(self, frozen: "FrozenApp") -> Application:
        """Return the server's callable. Needs that `features` does not cover were refused before this call."""
        ...

    def placement(self, plan: "HandlerPlan") -> str:
        """Say in a few words where a handler runs, for `hinge explain`."""
        ...

    def connect(self, application: Any, options: Mapping[str, Any]) -> AbstractContextManager[Connection]:
        """Return an in-process connection that runs the application's lifespan while it is open.

        `options` may hold `client` (an Address or None), `prefix` (a mount prefix, above every target), `scheme`,
        `timeout` (seconds that any wait for the application may take, None: for ever), and `loop`: the event loop of an
        async test, on which to call an application that is called on one; the connection is used from other threads
        then. Others pass over it. Entering raises what a lifespan
        raised; leaving ends what is still open, then stops the lifespans and raises what one of them raised.
        """
        ...


class OwnServer(Protocol):
    """What a backend has as well if it has a server of its own: `hinge run` calls it, and Granian is not loaded."""

    def run(self, load: Callable[[], Application], config: "Config", options: Any) -> int | None:
        """Serve until SIGINT or SIGTERM, and return the exit code (None: 0).

        `load` imports and compiles the app: in this process, or by copy in each of the server's own. Lifespans are the
        server's to start and stop, by `Application.start` and `stop` or by its protocol.

        Raises:
            ConfigurationError: a setting is not the default and cannot be obeyed; `hinge run` says so in that line.
            OSError: the server cannot serve, as where the port is taken; told in a line, too.
        """
        ...
