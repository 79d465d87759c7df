"""An ASGI application (ASGI 3) as an async handler.

Law: it runs in one task from beginning to end, so task groups and cancel scopes may span all that it sends. Between
that task and whoever wants the answer lies a mailbox of AHEAD bytes: `send` waits until there is room, and what is in
it is taken in one. A piece of the body is read when `receive` wants it, by who wants the answer: on WSGI the server's
own thread reads. Once the client has left, `receive` says so and `send` raises OSError; an application that asks
neither is cancelled.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import copy_context
from typing import Any

from hinge.context import carry_back
from hinge.error_responses import log_failure
from hinge.errors import ClientDisconnect, HTTPError
from hinge.http.body import BodyStream, WholeBody, is_short
from hinge.mounted.answers import Counted, Streamed, as_status, head_of, whole
from hinge.mounted.eager import started
from hinge.mounted.heads import is_scope, scope_of
from hinge.request import Request
from hinge.responses.response import Lines, Response
from hinge.state import MOUNTED

A_MOMENT = 0.02
"""Seconds that a head waits for its body: most answers are complete then, and go out whole."""
NOTICE_SECONDS = 0.5
"""How long an application may not notice that its client has left."""

AHEAD = 65536
"""Bytes that an application may send before the server has taken what came before."""
DISCONNECT = {"type": "http.disconnect"}
_NO_BODY = {"type": "http.request", "body": b"", "more_body": False}


class Tasks(set["asyncio.Task[None]"]):
    """What an application still does."""

    def keep(self, task: "asyncio.Task[None]") -> None:
        """Keep a task until it has ended."""
        self.add(task)
        task.add_done_callback(self.discard)

    async def end(self) -> None:
        """Cancel those of this event loop, and wait for them."""
        loop = asyncio.get_running_loop()
        mine = [task for task in self if task.get_loop() is loop]
        for task in mine:
            task.cancel()
        if mine:
            await asyncio.wait(mine)


def handler_for(
    app: Callable[..., Any], prefix: str, key: str, tasks: Tasks, *, whole_body: bool
) -> Callable[..., Any]:
    """Return the handler of an application below `prefix`; `key` is under which its lifespan's state is kept."""

    async def answered(request: Request, incoming: "dict[str, Any] | BodyStream") -> Response:
        if not is_scope(request.native) and request.headers.get("upgrade", "").lower() == "websocket":
            raise HTTPError(426, "The backend that serves this has no WebSockets.", headers={"upgrade": "websocket"})
        own = request._lifespan_state.get(MOUNTED, {}).get(key, {})
        exchange = Exchange(request, incoming)
        exchange.begin(app, scope_of(request, prefix, own), tasks)
        try:
            return await exchange.answer()
        except BaseException:
            await exchange.abort()
            raise

    async def handle(request: Request, body: BodyStream) -> Response:
        return await answered(request, await _if_short(request, body))

    async def handle_read(request: Request) -> Response:
        return await answered(request, _NO_BODY | {"body": request.body})

    return handle_read if whole_body else handle


async def _if_short(request: Request, body: BodyStream) -> dict[str, Any] | BodyStream:
    """Return a body that is there, or known to be short, as the one message of it."""
    if isinstance(body, WholeBody):
        return _NO_BODY | {"body": body.whole} if body.whole else _NO_BODY
    header, head = request._reader.header, request._head
    if not is_short(request.method, header("content-length")(head), header("transfer-encoding")(head)):
        return body
    return _NO_BODY | {"body": b"".join([piece async for piece in body])}


class Exchange:
    """One request to an application."""

    __slots__ = (
        "_app_waits",
        "_chunks",
        "_context",
        "_declared",
        "_error",
        "_feeding",
        "_has_ended",
        "_has_left",
        "_head",
        "_is_complete",
        "_is_streamed",
        "_is_told",
        "_leaving",
        "_loop",
        "_message",
        "_pieces",
        "_received",
        "_refused",
        "_request",
        "_size",
        "_task",
        "_wanted",
        "_wants_piece",
    )

    def __init__(self, request: Request, incoming: "dict[str, Any] | BodyStream") -> None:
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._task: asyncio.Task[None]
        # What goes in.
        is_whole = isinstance(incoming, dict)
        self._message: dict[str, Any] | None = incoming if isinstance(incoming, dict) else None
        self._pieces: AsyncIterator[bytes] | None = None if isinstance(incoming, dict) else aiter(incoming)
        self._declared = None if is_whole else request._reader.header("content-length")(request._head)
        self._received = 0
        self._wants_piece = False
        self._feeding: asyncio.Task[None] | None = None
        self._refused: Exception | None = None
        # What comes out.
        self._head: tuple[int, Lines, int | None] | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._has_ended = False
        self._error: BaseException | None = None
        self._is_complete = self._is_streamed = False
        self._has_left = self._is_told = False
        self._leaving: asyncio.Task[None] | None = None
        self._app_waits: set[asyncio.Future[None]] = set()
        self._wanted: asyncio.Future[None] | None = None
        """Of who wants the answer."""

    def begin(self, app: Callable[..., Any], scope: Mapping[str, Any], tasks: Tasks) -> None:
        """Start the application's task."""
        self._task = started(self._run(app, scope), self._context)
        if not self._has_ended:
            tasks.keep(self._task)

    async def _run(self, app: Callable[..., Any], scope: Mapping[str, Any]) -> None:
        try:
            await app(scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - it is told to who wants the answer, or to the log
            self._error = error
        self._has_ended = True
        self._tell()

    # -- the application's side ----------------------------------------------------------------------------------------

    async def receive(self) -> Mapping[str, Any]:
        """Return the next message to the application."""
        while True:
            if self._message is not None:
                message, self._message = self._message, None
                return message
            if self._has_left or self._is_complete:
                self._is_told = True
                return dict(DISCONNECT)
            if self._pieces is not None:
                self._wants_piece = True
                self._tell()
            elif self._leaving is None:
                self._watch()
            await self._until_told()

    async def send(self, message: Mapping[str, Any]) -> None:
        """Take a message of the application's.

        Raises:
            OSError: the client has left.
            RuntimeError: it is no message that can be sent now.
        """
        kind = message["type"]
        self._check_client()
        if kind == "http.response.start" and self._head is None:
            lines = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ()))
            self._head = head_of(message["status"], lines)
        elif kind == "http.response.body" and self._head is not None and not self._is_complete:
            chunk, more = bytes(message.get("body", b"")), message.get("more_body", False)
            while self._size >= AHEAD:
                await self._until_told()
                self._check_client()
            if not more:
                self._is_complete = True
                self._tell_app()  # a task of its own that waits for the client's leaving
            if chunk:
                self._chunks.append(chunk)
                self._size += len(chunk)
        else:
            raise RuntimeError(f"the ASGI message {kind!r} cannot be sent here, or not now")
        self._tell()

    def _check_client(self) -> None:
        if self._has_left:
            self._is_told = True
            raise ConnectionResetError("the client has left")

    async def _until_told(self) -> None:
        waiting = self._loop.create_future()
        self._app_waits.add(waiting)
        try:
            await waiting
        finally:
            self._app_waits.discard(waiting)

    def _tell_app(self) -> None:
        for waiting in self._app_waits:
            if not waiting.done():
                waiting.set_result(None)

    def leave(self, *_: Any) -> None:
        """Tell the application that its client has left."""
        self._has_left = True
        self._tell_app()

    def _watch(self) -> None:
        """Hear of the client's leaving while no answer has begun, where the server tells."""
        disconnected = getattr(self._request, "disconnected", None)
        if disconnected is not None and not self._is_streamed:  # which is watched by who sends it
            self._leaving = self._loop.create_task(_quietly(disconnected))
            self._leaving.add_done_callback(self._heard)

    def _heard(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            self.leave()

    # -- who wants the answer ------------------------------------------------------------------------------------------

    def _tell(self, *_: Any) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def _news(self) -> None:
        """Wait until the application has sent something or has ended; give it its body meanwhile."""
        if self._wants_piece and self._feeding is None and self._message is None:
            # In the context of who wants the answer: its thread reads, where threads do.
            self._feeding = self._loop.create_task(self._feed())
        self._wanted = self._loop.create_future()
        try:
            await self._wanted
        finally:
            self._wanted = None

    async def _feed(self) -> None:
        piece = b""
        try:
            if self._pieces is not None:
                piece = await anext(self._pieces, b"")
        except ClientDisconnect:
            self.leave()
        except HTTPError as error:
            self._refused = error
            self.leave()
        else:
            self._received += len(piece)
            is_over = not piece or str(self._received) == self._declared
            if is_over:
                self._pieces = None
            self._message = {"type": "http.request", "body": piece, "more_body": not is_over}
            self._tell_app()
        finally:
            self._feeding, self._wants_piece = None, False
            self._tell()

    async def answer(self) -> Response:
        """Return the answer: whole, if it is complete in a moment."""
        while self._head is None and not self._has_ended:
            await self._news()
        if not (self._size or self._is_complete or self._has_ended):
            await self._a_moment()
        carry_back(self._context)
        if self._leaving is not None:
            await self._stop_watching(self._leaving)
        self._check_begun()
        status, lines, length = self._head or (500, (), None)
        if self._is_complete:
            if self._has_ended:
                self._log()
            else:
                self._tell_app()
                self._request.after_response(self.finish)
            return whole(self._taken(), status, lines, length, self._request.method)
        self._is_streamed = True
        chunks = _Chunks(self, Counted(length))
        return Streamed(chunks, status, lines, length, is_async=True, eager=not self._size)

    async def _a_moment(self) -> None:
        until = self._loop.time() + A_MOMENT
        timer = self._loop.call_at(until, self._tell)
        try:
            while not (self._size or self._is_complete or self._has_ended) and self._loop.time() < until:
                await self._news()
        finally:
            timer.cancel()

    def _taken(self) -> bytes:
        chunks, self._chunks, self._size = self._chunks, [], 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _check_begun(self) -> None:
        """Raise why there is no answer, or no end of it, if there is none."""
        if self._refused is not None:
            raise self._refused
        if self._has_ended and not self._is_complete:
            if self._error is not None:
                raise as_status(self._error)
            if self._has_left:
                raise ClientDisconnect
            raise RuntimeError("the mounted ASGI application has ended without a complete answer")

    def _log(self) -> None:
        if self._error is not None and not isinstance(self._error, asyncio.CancelledError):
            log_failure(self._request, self._error)

    async def _stop_watching(self, leaving: "asyncio.Task[None]") -> None:
        leaving.cancel()
        await asyncio.wait((leaving,))
        self._leaving = None

    async def next(self) -> bytes | None:
        """Return what there is, None behind the end; raises what the application raised before that."""
        while not self._size:
            if self._is_complete:
                return None
            self._check_begun()
            await self._news()
        taken = self._taken()
        self._tell_app()
        return taken

    async def close(self) -> None:
        """Have the application end; what it does behind a complete answer is waited for behind the response."""
        if self._is_complete and not self._size:
            if self._has_ended:
                self._log()
            else:
                self._request.after_response(self.finish)
            return
        self.leave()
        try:
            await asyncio.wait((self._task,), timeout=NOTICE_SECONDS)
            if not self._has_ended and not self._is_told:
                self._task.cancel()
            await asyncio.wait((self._task,))
        except BaseException:
            self._task.cancel()
            raise
        if not isinstance(self._error, OSError):
            self._log()

    async def finish(self) -> None:
        """Wait for what the application does behind its answer; raises what it raises."""
        await self._task
        if self._error is not None:
            raise self._error

    async def abort(self) -> None:
        """End the application, which is not waited for any more than it takes."""
        self.leave()
        for task in (self._feeding, self._leaving, None if self._has_ended else self._task):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait((task,))


async def _quietly(disconnected: Callable[[], Any]) -> None:
    try:
        await disconnected()
    except Exception:  # noqa: BLE001 - a connection that cannot be read is none
        return


class _Chunks(AsyncIterator[bytes]):
    """The body of an answer."""

    closes_once = True

    __slots__ = ("_counted", "_exchange")

    def __init__(self, exchange: Exchange, counted: Counted) -> None:
        self._exchange = exchange
        self._counted = counted

    async def __anext__(self) -> bytes:
        chunk = await self._exchange.next()
        if chunk is None:
            self._counted.end()
            raise StopAsyncIteration
        return self._counted.take(chunk)

    async def aclose(self) -> None:
        """End the answer."""
        await self._exchange.close()
