"""An ASGI server's side, by hand: scopes, and the peer of one request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


def scope(path: str = "/", kind: str = "http", **more: Any) -> Message:
    """Return the least that a server may say of a request, or of a WebSocket."""
    found: Message = {"type": kind, "http_version": "1.1", "path": path, "query_string": b"", "headers": []}
    return found | ({"method": "GET"} if kind == "http" else {}) | more


class Peer:
    """A client that sends what it is given at first, and then stays until it is told to leave."""

    def __init__(self, *first: Message) -> None:
        self.first = [*first]
        self.left = asyncio.Event()
        self.sent: list[Message] = []
        self.has_sent_body = asyncio.Event()

    async def receive(self) -> Message:
        """Return the next message."""
        if self.first:
            return self.first.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the application's."""
        self.sent.append(message)
        if message.get("body"):
            self.has_sent_body.set()

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        """The body of the answer, as far as it has come."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])


class Lifespan:
    """A server's side of the lifespan protocol."""

    def __init__(self, application: Any, **more: Any) -> None:
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.create_task(application({"type": "lifespan", **more}, self._inbox.get, self._outbox.put))

    def tell(self, what: str) -> None:
        """Send `startup` or `shutdown`."""
        self._inbox.put_nowait({"type": f"lifespan.{what}"})

    async def ask(self, what: str) -> Message:
        """Send it and return the answer."""
        self.tell(what)
        return await self._outbox.get()


async def call(application: Any, path: str = "/", *first: Message, **more: Any) -> Peer:
    """Send a request and return its peer once the application has returned."""
    peer = Peer(*first)
    await application(scope(path, **more), peer.receive, peer.send)
    return peer


def ask(application: Any, path: str = "/", *first: Message, **more: Any) -> Peer:
    """Do that in a loop of its own."""
    return run(lambda: call(application, path, *first, **more))


def run(test: Callable[[], Awaitable[Any]], patience: float = 10) -> Any:
    """Run a coroutine function to its end, which has to come."""

    async def bounded() -> Any:
        async with asyncio.timeout(patience):
            return await test()

    return asyncio.run(bounded())
