"""An HTTP request of ASGI: the request together with its `receive`."""

from collections.abc import Mapping
from typing import Any

from hinge.blueprint import Endpoint
from hinge.loop import Exchange
from hinge_asgi.body import Incoming, Receive
from hinge_asgi.scope import Scope


class ASGIExchange(Exchange):
    """A request together with its connection."""

    __slots__ = ("incoming", "receive")

    receive: Receive
    incoming: Incoming | None

    @classmethod
    def begin(
        cls,
        reader: Any,
        scope: Scope,
        endpoint: Endpoint,
        values: tuple[str, ...],
        state: Mapping[str, Any],
        receive: Receive,
    ) -> "ASGIExchange":
        """Return the exchange of a request that has just come."""
        exchange = cls(reader, scope, endpoint, values, state)
        exchange.receive = receive
        exchange.incoming = exchange.watch = None
        return exchange

    async def disconnected(self) -> None:
        """Return when the client has left; whatever is left of the body is passed over, unless the handler reads it."""
        if self.incoming is not None:
            await self.incoming.disconnected()
            return
        while (await self.receive())["type"] != "http.disconnect":
            pass
