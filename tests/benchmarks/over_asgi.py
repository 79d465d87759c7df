"""An ASGI callable without a server: a synthetic scope, its answer, and the time that it takes."""

import asyncio
import atexit
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import Any

from cases import Case

Answer = tuple[int, list[tuple[str, str]], bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]

RUNNER = asyncio.Runner()
atexit.register(RUNNER.close)


def scope_of(case: Case) -> dict[str, Any]:
    """Return an ASGI scope as servers make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("203.0.113.7", 40000),
        "scheme": "http",
        "method": case.method,
        "root_path": "",
        "path": case.path,
        "raw_path": case.path.encode(),
        "query_string": case.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in case.headers],
        "state": {},
    }


class Client:
    """A client that sends its body at once, waits for the whole answer, and then leaves."""

    def __init__(self, case: Case) -> None:
        self._messages = [{"type": "http.request", "body": case.body, "more_body": False}]
        self._answered = asyncio.get_running_loop().create_future()

    async def receive(self) -> dict[str, Any]:
        """Return the body, and then that the client left."""
        if self._messages:
            return self._messages.pop()
        await self._answered
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """Take one message of the answer."""
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._answered.set_result(None)


def answer(application: Callable[..., Any], case: Case) -> Answer:
    """Return an ASGI callable's answer."""
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        client = Client(case)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            await client.send(message)

        await application(scope_of(case), client.receive, send)

    RUNNER.run(run())
    headers = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


_lifespans: list[asyncio.Task[None]] = []


def started(application: Callable[..., Any]) -> Callable[..., Any]:
    """Return an application whose lifespan has started, as servers start it; it lasts as long as the process."""

    async def run() -> None:
        begun = asyncio.get_running_loop().create_future()
        told = iter(({"type": "lifespan.startup"},))

        async def receive() -> dict[str, Any]:
            for message in told:
                return message
            return await asyncio.get_running_loop().create_future()

        async def send(message: dict[str, Any]) -> None:
            begun.set_result(message)

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        _lifespans.append(asyncio.create_task(application(scope, receive, send)))
        message = await begun
        if message["type"] != "lifespan.startup.complete":
            raise RuntimeError(message)

    RUNNER.run(run())
    return application


async def _send(message: dict[str, Any]) -> None:
    pass


def timer(application: Callable[..., Any], case: Case) -> Callable[[int], float]:
    """Return what calls an ASGI callable so many times and returns the seconds.

    Frameworks keep what they parsed in the scope and its state, so each call has its own, as each request has.
    """
    first = scope_of(case)
    message = {"type": "http.request", "body": case.body, "more_body": False}
    clock = perf_counter if case.hops else process_time

    def receiving() -> Receive:
        unread = iter((message,))

        async def receive() -> dict[str, Any]:
            for first_message in unread:
                return first_message
            return await asyncio.get_running_loop().create_future()

        return receive

    async def run(calls: int) -> float:
        requests = [({**first, "state": {}}, receiving()) for _ in range(calls)]
        started = clock()
        for scope, receive in requests:
            await application(scope, receive, _send)
        return clock() - started

    async def stay(calls: int) -> float:
        requests = [({**first, "state": {}}, Client(case)) for _ in range(calls)]
        started = clock()
        for scope, client in requests:
            await application(scope, client.receive, client.send)
        return clock() - started

    coroutine = stay if case.streams else run
    return lambda calls: RUNNER.run(coroutine(calls))
