"""A request together with its connection, from the head to what is done after the response.

Law: whatever became of the response, what the request holds is given back, and what waits for its end is done. The
client's leaving is watched for only where something can be ended by it.
"""

from collections.abc import Mapping
from typing import Any

from hinge.blueprint import Endpoint
from hinge.request import Request
from hinge_asgi.after import run_after
from hinge_asgi.body import Incoming, Receive
from hinge_asgi.runtime import Runtime
from hinge_asgi.scope import Scope
from hinge_asgi.stream import close_source
from hinge_asgi.watch import Watch, is_cancelled


class Exchange(Request):
    """A request together with its connection."""

    __slots__ = ("incoming", "receive", "watch")

    receive: Receive
    incoming: Incoming | None
    watch: Watch | None

    @classmethod
    def begin(
        cls,
        reader: Any,
        scope: Scope,
        endpoint: Endpoint,
        values: tuple[str, ...],
        state: Mapping[str, Any],
        receive: Receive,
    ) -> "Exchange":
        """Return the exchange of a request that has just come."""
        exchange = cls(reader, scope, endpoint, values, state)
        exchange.receive = receive
        exchange.incoming = exchange.watch = None
        return exchange

    def watched(self) -> Watch:
        """Return the watch for the client's leaving, begun when it is first asked for."""
        if self.watch is None:
            self.watch = Watch(self._disconnected if self.incoming is None else self.incoming.disconnected)
        return self.watch

    def has_lost_its_client(self) -> bool:
        """Tell whether a CancelledError means only that: nobody wants this task itself to end."""
        return self.watch is not None and self.watch.has_left and not is_cancelled()

    async def _disconnected(self) -> None:
        """Return when the client has left; whatever is left of the body is passed over."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def end(self, runtime: Runtime) -> None:
        """Give back what it holds, then do what waits for the response."""
        try:
            if self.watch is not None:
                await self.watch.stop()
        finally:  # the server may cancel the request at any await
            if self._source is not None:
                source, self._source = self._source, None
                await close_source(runtime, self, source)
        if self._after:
            await run_after(runtime, self)
