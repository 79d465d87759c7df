"""A request together with its connection, from the head to what is done after the response.

Law: whatever became of the response, what the request holds is given back, and what waits for its end is done. The
client's leaving is watched for only where something can be ended by it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, ClassVar

from hinge.http.body import BodyStream
from hinge.loop.after import run_after
from hinge.loop.body import body_stream, declared_pieces
from hinge.loop.runtime import Runtime
from hinge.loop.stream import close_source
from hinge.loop.watch import Watch, is_cancelled
from hinge.request import Request
from hinge.responses.streaming import unsent


class Exchange(Request):
    """A request together with its connection.

    A backend says in `disconnected` how it hears that the client left, and in `next_piece` and `body_length` how a body
    comes; one with a faster way to a whole body overrides `read_body`. It is a `msgspec.Struct`: what a subclass keeps
    is declared as fields with defaults, without an `__init__`.
    """

    watch: Watch | None = None
    """None until `watched` is called."""
    closes_behind: bool = False
    """Whether this request's body was left on the connection."""

    @property
    def head(self) -> Any:
        """What the backend's HeadReader reads."""
        return self._head

    @property
    def closes(self) -> bool:
        """Whether the connection is closed behind the response; see `hinge.compiling.frozen.Endpoint`."""
        return self.closes_behind or self._endpoint.closes

    @property
    def has_work_after(self) -> bool:
        """Whether something waits for the end of the response."""
        return self._after is not None

    spares_end: ClassVar[bool] = False
    """Whether `end` may be left out where nothing is watched, nor waits for the response: it does nothing else then."""
    watch_class: ClassVar[type[Watch]] = Watch

    async def disconnected(self) -> None:
        """Return when the client has left. A backend that is not told waits for ever, as this does."""
        await asyncio.Event().wait()

    async def next_piece(self) -> bytes:
        """Return the next piece of the body, an empty one at its end.

        Raises:
            ClientDisconnect: the client has left.
        """
        raise NotImplementedError

    def body_length(self, limit: int) -> int | None:
        """Return how long the body says it is; see `hinge.http.body.framed_length`."""
        raise NotImplementedError

    def read_body(self, limit: int) -> Awaitable[bytes]:
        """Return the whole body.

        Raises:
            HTTPError: 413 above `limit` bytes, 400 if it is framed wrongly or ends before its declared length.
            ClientDisconnect: the client left.
        """
        return _joined(self.open_body, limit)

    def keep_body(self, body: bytes | Exception | None) -> None:
        """Keep a body that was read whole for error handlers, or what made that impossible; None: nobody reads it."""
        if body is not None:
            self._body = body

    def open_body(self, limit: int) -> BodyStream:
        """Return the body in pieces; raises HTTPError as `read_body` where the head tells already."""
        return body_stream(declared_pieces(self.next_piece, self.body_length(limit)), limit)

    def leaving(self) -> Any:
        """Return what the watch waits for: `disconnected`, or a future that spares its task."""
        return self.disconnected()

    def watched(self) -> Watch:
        """Return the watch for the client's leaving, begun when it is first asked for."""
        if self.watch is None:
            self.watch = self.watch_class(None, self)
        return self.watch

    def unwatched(self) -> None:
        """Let go of a watch whose end is not to be waited for, as most are: `end` may be spared then."""
        watch = self.watch
        if self.spares_end and watch is not None and not (watch.has_task or watch.has_left):
            watch.give_up()
            self.watch = None

    def has_lost_its_client(self) -> bool:
        """Tell whether a CancelledError means only that: nobody wants this task itself to end."""
        return self.watch is not None and self.watch.has_left and not is_cancelled()

    @property
    def is_unfinished(self) -> bool:
        """Whether there is anything for `end` to do."""
        return self.watch is not None or self._sources is not None or self._after is not None

    async def end(self, runtime: Runtime) -> None:
        """Give back what it holds, then do what waits for the response."""
        try:
            if self.watch is not None:
                await self.watch.stop()
        finally:  # the server may cancel the request at any await
            if self._sources is not None:
                async with AsyncExitStack() as stack:  # the newest first, and each of them
                    for source in unsent(self, None):
                        stack.push_async_callback(close_source, runtime, self, source)
        if self._after:
            await run_after(runtime, self)


async def _joined(open_body: Callable[[int], BodyStream], limit: int) -> bytes:
    return b"".join([piece async for piece in open_body(limit)])
