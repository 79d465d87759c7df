"""The contract that a backend fulfils: all that the core knows about one, all that a backend needs of the core.

Law: a backend is a value. It has a name, says which features it has, and compiles a `FrozenApp` into an
`Application`, the callable that a server wants. The core hands it the frozen app and never the app; a backend imports
the core and never another backend.

What the core does for a backend: it matches (`frozen.table`, `Endpoint`), plans and binds (`Endpoint.bind` gives one
closure that gathers the arguments and calls the handler), drives middleware (`Endpoint.compose`), turns results and
errors into a `Response`. What remains is the coloured rest: read the body if the plan wants it, call or await, send.

A backend reads the request's head through its own `HeadReader`, whose accessors are made once per name at compile time.
"""

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hinge.errors import ConfigurationError
from hinge.extras import DISTRIBUTION
from hinge.http.address import Address as Address
from hinge.http.headers import Headers

if TYPE_CHECKING:
    from hinge.binding.plan import HandlerPlan
    from hinge.compiling.frozen import FrozenApp

CONTRACT = (1, 0)
"""The version of this contract. The first number grows with what backends must change, the second with what is new."""

GROUP = "hinge.backends"
"""The entry-point group in which backends are found."""


class Feature(enum.Enum):
    """What a route or a test may need and a backend may lack."""

    WEBSOCKET = "WebSocket routes"
    DISCONNECT = "noticing that a client left while nothing is being sent"
    ABORT = "cutting the connection when a stream fails, so that the client sees the truncation"
    PREFIX = "a mount prefix that the server tells"
    REPEATED_HEADERS = "telling repeated header lines from one line with commas"


class HeadReader(Protocol):
    """Read a request's head. `head` is the protocol's own object (a WSGI environ, an ASGI scope), never copied."""

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

        Raises whatever a lifespan raised; the worker must then stop.
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


class Reply(Protocol):
    """An answer as the in-process connection saw it.

    `chunks` yields body parts as the application produces them: the next one is asked for when the caller asks. Its end
    is the application's end, work after the response included. Every wait is bounded by the connection's `timeout`.

    Iterating raises `Aborted` if the application fails, and `ProtocolViolation`.
    """

    status: int
    headers: list[tuple[str, str]]
    chunks: Iterator[bytes]

    def close(self) -> None:
        """Leave as a client does, and wait until the application has noticed."""
        ...


class Session(Protocol):
    """The client's side of one in-process WebSocket. Messages are `str` or `bytes`."""

    subprotocol: str | None
    headers: list[tuple[str, str]]
    """The headers of the accepted handshake."""

    def send(self, message: str | bytes) -> None:
        """Send one message to the handler."""
        ...

    def receive(self, timeout: float | None) -> str | bytes:
        """Return the handler's next message.

        Raises:
            WebSocketDisconnect: the handler closed.
            TimeoutError: nothing came within `timeout` seconds.

        """
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Leave, and wait until the handler has ended."""
        ...


class Denied(Exception):  # noqa: N818 - an answer, not a failure
    """The application refused a WebSocket with an HTTP response."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"WebSocket denied with {reply.status}")
        self.reply = reply


class Aborted(Exception):  # noqa: N818 - an event of the protocol
    """The application failed while its response was being sent; a client sees it cut off. The failure is the cause."""


class ProtocolViolation(AssertionError):  # noqa: N818 - wsgiref's validator calls its own AssertionError, too
    """The application broke the rules of its protocol (PEP 3333, ASGI 3)."""


class Connection(Protocol):
    """An in-process connection to a compiled application, as `hinge.testing.Client` uses it."""

    def request(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]) -> Reply:
        """Send one request and return when its head is answered.

        `target` is a percent-encoded path and query; `headers` are complete, framing included. An iterable body is
        pulled as the application reads it; if it raises, the client leaves mid-upload, and its exception is raised
        here.

        Raises:
            ProtocolViolation: the application broke its protocol's rules.
            TimeoutError: it did not answer in time.

        Also raises whatever left the application before it answered.
        """
        ...

    def websocket(self, target: str, headers: list[tuple[str, str]], subprotocols: list[str]) -> Session:
        """Open a WebSocket.

        Raises:
            Denied: the application answered with an HTTP response.
            ConfigurationError: the backend lacks `Feature.WEBSOCKET`.

        """
        ...


@runtime_checkable
class Backend(Protocol):
    """One way to serve a Hinge app."""

    name: str
    """What users write after `--backend`."""
    interface: str
    """Granian's name of the protocol (`--interface`)."""
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

        `options` may hold `client` (an Address or None), `prefix` (a mount prefix, above every target), `scheme`, and
        `timeout` (seconds that any wait for the application may take, None: for ever). Entering raises what a lifespan
        raised; leaving ends what is still open, then stops the lifespans and raises what one of them raised.
        """
        ...


def installed_backends() -> dict[str, Any]:
    """Return the entry point of every installed backend by name, unloaded, sorted by name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 10 ms that only a compile by name pays

    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


_loaded: dict[str, Backend] = {}


def load_backend(name: str) -> Backend:
    """Return the installed backend of that name.

    Raises:
        ConfigurationError: no such backend is installed, its package does not import, or it is for another contract.

    """
    if name in _loaded:
        return _loaded[name]
    entries = installed_backends()
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise ConfigurationError(f"no backend {name!r} is installed; installed: {known}. Fix: name one of these")
    try:
        backend = entries[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"backend {name!r} ({entries[name].value}) does not import: {error}. Fix: install what it needs"
        ) from error
    _check(f"backend {name!r} ({entries[name].value})", backend)
    return _loaded.setdefault(name, backend)


_PARTS = ("name", "interface", "features", "contract", "compile", "placement", "connect")


def _check(who: str, backend: Any) -> None:
    missing = [part for part in _PARTS if not hasattr(backend, part)]
    if missing:
        raise ConfigurationError(f"{who} has no {missing[0]}, which hinge.backend.Backend asks for. Fix: update it")
    match backend.contract:
        case (int(major), int(minor)):
            pass
        case other:
            raise ConfigurationError(f"{who}: its contract is {other!r}. Fix: contract = {CONTRACT}, two numbers")
    here = f"{who} is written for contract {major}.{minor} of hinge.backend, and this Hinge has {_dotted(CONTRACT)}"
    if (major, minor) > CONTRACT:
        raise ConfigurationError(f"{here}. Fix: update {DISTRIBUTION}")
    if major < CONTRACT[0]:
        raise ConfigurationError(f"{here}. Fix: update the backend, or keep the Hinge it was written for")


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
