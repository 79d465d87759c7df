"""What stands between a check and a backend's connection.

Law: a request goes through what `compile` returned, or its check fails: a `connect` with a way of its own would be
checked instead of the product. No wait is longer than the kit's, and no upload goes on for ever.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from inspect import isawaitable
from threading import Lock
from typing import Any

from hinge.backend.contract import Backend
from hinge.backend.testing import Connection, ProtocolViolation, Reply, Session
from hinge.conformance.hanging import at_most

MAX_UPLOAD = 4 * 1024 * 1024
"""Bytes of a body that comes in pieces. The checks need a part of that; some would send for ever."""

GRACE = 1.5
"""A connection has a timeout of its own, and says better than an interrupt what it waited for."""


class Driven:
    """A backend whose connections are driven through what it compiled; `timeout` bounds what these wait for."""

    def __init__(self, backend: Backend, timeout: float) -> None:
        self._backend = backend
        self._timeout = timeout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def compile(self, frozen: Any) -> Any:
        """Compile, within the timeout."""
        with at_most(self._timeout, "`compile` did not return"):
            return self._backend.compile(frozen)

    @contextmanager
    def connect(self, application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
        """Connect to the application through a proxy that counts its calls."""
        asked: float | None = options.get("timeout")
        timeout = self._timeout if asked is None else min(asked, self._timeout)
        counted = Counted(application, getattr(self._backend, "entry", "__call__"))
        entered = self._backend.connect(counted, {**options, "timeout": timeout})
        with Timely(entered, GRACE * self._timeout) as connection:
            yield Watched(connection, counted, self._backend.name)


class Timely:
    """A connection's context manager that is entered and left within some seconds each."""

    def __init__(self, manager: AbstractContextManager[Connection], seconds: float) -> None:
        self._manager = manager
        self._seconds = seconds

    def __enter__(self) -> Connection:
        with at_most(self._seconds, "`connect` was not entered"):
            return self._manager.__enter__()

    def __exit__(self, *exc_info: object) -> bool | None:
        with at_most(self._seconds, "`connect` was not left"):
            return self._manager.__exit__(*exc_info)  # type: ignore[arg-type]


class Counted:
    """An application that counts its calls, and otherwise is the one that it stands for."""

    def __init__(self, application: Any, entry: str) -> None:
        vars(self).update(_compiled=application, _entry=entry, _lock=Lock(), calls=0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the application as its server does."""
        return self._counted(self._compiled, "__call__", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._compiled, name)
        if name != self._entry:
            return found
        return lambda *args, **kwargs: self._counted(found, name, args, kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._compiled, name, value)

    def _counted(self, call: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name != self._entry:
            return call(*args, **kwargs)
        self._count(1)
        made = call(*args, **kwargs)
        if not isawaitable(made):
            return made
        self._count(-1)  # until it runs: a coroutine that nobody awaits is no call
        return self._awaited(made)

    async def _awaited(self, made: Any) -> Any:
        self._count(1)
        return await made

    def _count(self, more: int) -> None:
        with self._lock:
            vars(self)["calls"] += more


class Watched:
    """A connection that is held to call the application for what it answers with success."""

    def __init__(self, connection: Connection, counted: Counted, name: str) -> None:
        self._connection = connection
        self._counted = counted
        self._name = name
        self._answered = counted.calls  # some start their lifespans with a call
        self._lock = Lock()

    def request(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]) -> Reply:
        """Send one request."""
        if not isinstance(body, bytes):
            body = bounded(body)
        reply = self._connection.request(method, target, headers, body)
        if reply.status < 400:  # a server may refuse by itself
            self._check(f"{method} {target}")
        return reply

    def websocket(self, target: str, headers: list[tuple[str, str]], subprotocols: list[str]) -> Session:
        """Open a WebSocket."""
        session = self._connection.websocket(target, headers, subprotocols)
        self._check(f"a WebSocket at {target}")
        return session

    def _check(self, what: str) -> None:
        with self._lock:
            self._answered += 1
            if self._counted.calls < self._answered:
                raise ProtocolViolation(
                    f"{what}: `connect` of backend {self._name!r} answered without a call of what `compile` returned. "
                    "Fix: call the application that connect is given; if the server calls a method of it, name that "
                    "method in the backend's `entry`"
                )


def bounded(body: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a body; raises AssertionError where a backend takes more of it than there is to check."""
    taken = 0
    for piece in body:
        taken += len(piece)
        if taken > MAX_UPLOAD:
            raise AssertionError(f"the backend took more than {MAX_UPLOAD} bytes of an upload that does not end")
        yield piece
