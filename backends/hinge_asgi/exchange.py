"""An HTTP request of ASGI: the request together with its `receive`."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from hinge.http.body import BodyStream
from hinge.loop.exchange import Exchange
from hinge.loop.watch import Watch
from hinge_asgi import lines
from hinge_asgi.body import Incoming, Receive, read_body
from hinge_asgi.scope import Indexed, Scope


class _Watch(Watch, eq=False):
    def is_leaving(self, told: dict[str, Any] | None) -> bool:
        return told is None or told["type"] == "http.disconnect"


class ASGIExchange(Exchange, kw_only=True):
    """A request together with its connection."""

    incoming: Incoming | None = None
    receive: Receive

    @property
    def scope(self) -> Scope:
        """The scope of which it is."""
        scope: Scope = self._reader.native(self._head)
        return scope

    def _indexed(self) -> Indexed:
        head: Any = self._head
        return head if self._reader is lines else lines.indexed(head)

    watch_class, spares_end = _Watch, True

    async def disconnected(self) -> None:
        """Return when the client has left; whatever is left of the body is passed over, unless the handler reads it."""
        await (until_disconnected(self.receive) if self.incoming is None else self.incoming.disconnected())

    def leaving(self) -> Any:
        """Return what brings the next message: a future under Granian, a coroutine elsewhere."""
        if self.incoming is not None:
            return self.incoming.disconnected()
        waiting = self.receive()
        if asyncio.isfuture(waiting) or asyncio.iscoroutine(waiting):
            return waiting
        return until_disconnected(self.receive, waiting)

    def read_body(self, limit: int) -> Awaitable[bytes]:
        """Return the whole body; raises as `hinge_asgi.body.read_body`."""
        scope, found = self._indexed()
        return read_body(scope, found, self.receive, limit)

    def open_body(self, limit: int) -> BodyStream:
        """Return the body in pieces; raises HTTPError as `read_body` where the head tells already."""
        scope, found = self._indexed()
        self.incoming = Incoming(scope, found, self.receive, limit)
        return self.incoming.stream


async def until_disconnected(receive: Receive, waiting: Awaitable[dict[str, Any]] | None = None) -> None:
    """Return when the client has left; whatever is left of the body is passed over. `waiting` is for its first."""
    message = await (receive() if waiting is None else waiting)
    while message["type"] != "http.disconnect":
        message = await receive()
