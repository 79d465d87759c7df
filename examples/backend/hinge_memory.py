"""A backend without a server: an application is awaited with a call, and the call has the answer.

Law: it has everything but WebSockets, and needs of Hinge only the names that docs/backends.md lists.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hinge.backend import (
    BODILESS,
    Colour,
    ConfigurationError,
    Connection,
    Endpoint,
    Exchange,
    Feature,
    FrozenApp,
    HandlerPlan,
    Head,
    OpenRequests,
    PlainReader,
    Reply,
    Response,
    Runtime,
    Serve,
    Served,
    Session,
    framed_lines,
    make_server,
    running,
)


class Call(Served):
    """One request: where its body comes from, and where its answer goes: a `WholeSink`."""

    def __init__(self, loop: Any, head: Head, lines: Any, body: bytes | Iterable[bytes], timeout: Any) -> None:
        super().__init__(loop, f"{head.method} {head.target}", lines, body, timeout)
        self.head = head
        head.native = self

    async def call(self, application: Any) -> None:
        await application(self)

    async def whole(self, response: Response, *, head_only: bool) -> None:
        self.answer(response.status, framed_lines(response))
        if not head_only and response.status not in BODILESS:
            self.hand_over(response.body or b"")
        self.gone.set()

    async def start(self, response: Response) -> None:
        self.answer(response.status, framed_lines(response))

    async def chunk(self, data: bytes) -> None:
        if self.gone.is_set():
            raise BrokenPipeError
        await super().chunk(data)  # returns when the client asks for the next one

    async def end(self) -> None:
        self.gone.set()


class MemoryExchange(Exchange):
    """A request and its call: how its body comes, and how it hears that the client has left."""

    call: Any = None

    def body_length(self, limit: int) -> int | None:
        length: int | None = self.head.body_length(limit)
        return length

    async def next_piece(self) -> bytes:
        piece: bytes = await self.call.receive()
        return piece

    async def disconnected(self) -> None:
        await self.call.gone.wait()


class MemoryApplication:
    """What `compile` returns (hinge.backend.Application): `await application(call)`."""

    exchange = MemoryExchange

    def __init__(self, frozen: FrozenApp) -> None:
        self.runtime = Runtime(frozen)
        self.drain, self.still_open = self.runtime.drain, self.runtime.still_open
        self._match, self._refuse = frozen.matching(self._make, PlainReader()), frozen.refusing(self._make)
        self._unstarted = frozen.unstarted

    def _make(self, endpoint: Endpoint) -> tuple[Endpoint, Serve]:
        return endpoint, make_server(endpoint, PlainReader(), self.runtime)

    async def __call__(self, call: Call) -> None:
        if self.runtime.ready or await self.runtime.start_lazily():
            (endpoint, serve), values = self._match(call.head)
        else:
            (endpoint, serve), values = self._refuse(call.head.method, self._unstarted())
        exchange = self.exchange(PlainReader(), call.head, endpoint, values, self.runtime.state)
        exchange.call = call
        await serve(exchange, call)

    def start(self) -> None:
        """Leave the lifespans to the first call: they need its loop, on which `await runtime.stop()` ends them."""

    stop = start


class MemoryConnection:
    """The test client's way to a running application (hinge.backend.Connection)."""

    def __init__(self, requests: OpenRequests, options: Mapping[str, Any]) -> None:
        self._requests = requests
        self._timeout = options.get("timeout")
        self._options = {name: options[name] for name in ("client", "prefix", "scheme") if name in options}

    def request(self, method: str, target: str, headers: Any, body: bytes | Iterable[bytes]) -> Reply:
        head = Head(method, target, headers, **self._options)
        return self._requests.begin(Call(self._requests.loop, head, headers, body, self._timeout))

    def websocket(self, target: str, headers: Any, subprotocols: list[str]) -> Session:
        raise ConfigurationError(f"{target}: backend 'memory' has no {Feature.WEBSOCKET.value}")


class MemoryBackend:
    """The backend itself (hinge.backend.Backend)."""

    name = interface = "memory"
    deployment = "Fix: await application(Call(...)), in the process itself"
    features = frozenset(Feature) - {Feature.WEBSOCKET}
    contract = (2, 1)

    def compile(self, frozen: FrozenApp) -> MemoryApplication:
        return MemoryApplication(frozen)

    def placement(self, plan: HandlerPlan) -> str:
        awaits = plan.colour in (Colour.ASYNC, Colour.ASYNC_GENERATOR)
        return "the event loop" if awaits or plan.inline else "a worker thread"

    @contextmanager
    def connect(self, application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
        runtime: Runtime = application.runtime
        with running("memory", runtime.start, runtime.stop, application, options.get("timeout")) as requests:
            yield MemoryConnection(requests, options)


backend = MemoryBackend()
"""What the entry point `memory = "hinge_memory:backend"` of the group `hinge.backends` names."""
