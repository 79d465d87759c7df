"""Applications without a framework, which show what a server itself does: `raw:wsgi` and `raw:asgi`.

Each path is one experiment of the tests beside it.
"""

import asyncio
import atexit
import json
import os
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from multiprocessing import util
from typing import Any

JSON = [("content-type", "application/json")]

leaking: ContextVar[str] = ContextVar("leaking", default="nothing")


def note(*words: object) -> None:
    line = f"{time.monotonic():.6f} {os.getpid()} {' '.join(map(str, words))}\n"
    with open(os.environ["SERVED_JOURNAL"], "ab", buffering=0) as journal:  # noqa: PTH123 - unbuffered
        journal.write(line.encode())


# -- WSGI --------------------------------------------------------------------------------------------------------------


class Body:
    """An iterable that notes its steps."""

    def __init__(self, name: str, chunks: list[bytes], *, fails: bool = False, close_waits_for: str = "") -> None:
        self.name = name
        self.chunks = iter(chunks)
        self.fails = fails
        self.close_waits_for = close_waits_for

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> bytes:
        chunk = next(self.chunks, None)
        if chunk is None:
            if self.fails:
                raise ValueError("in the middle")
            raise StopIteration
        return chunk

    def close(self) -> None:
        note("closing", self.name)
        deadline = time.monotonic() + 10
        while self.close_waits_for and not os.path.exists(self.close_waits_for) and time.monotonic() < deadline:  # noqa: PTH110
            time.sleep(0.005)
        note("closed", self.name)


def _report(start_response: Callable[..., Any], value: Any) -> list[bytes]:
    start_response("200 OK", JSON)
    return [json.dumps(value).encode()]


def environ(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    return _report(start_response, {key: value for key, value in environ.items() if isinstance(value, str | bool)})


def lazy(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("404 Not Found", [("x-seen", "yes")])
    yield b"lazy"


def writes(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    write = start_response("200 OK", [])
    return [type(write).__name__.encode()]


def lists(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    return [b"a", b"b"]


def tuples(environ: dict[str, Any], start_response: Callable[..., Any]) -> tuple[bytes, bytes]:
    start_response("200 OK", [])
    return b"a", b"b"


def wrong_length(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("content-length", "100")])
    return [b"short"]


def reads(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    source = environ["wsgi.input"]
    steps = {
        "read()": lambda: [source.read()],
        "read(n)": lambda: list(iter(lambda: source.read(4), b"")),
        "read(n) read()": lambda: [source.read(4), source.read()],
        "read(-1)": lambda: [source.read(-1)],
        "readline": lambda: [source.readline(), source.readline()],
        "iteration": lambda: list(source),
        "readlines": source.readlines,
    }
    try:
        found = [piece.decode() for piece in steps[environ["QUERY_STRING"].replace("%20", " ")]()]
    except Exception as error:
        found = [type(error).__name__]
    return _report(start_response, found)


def length(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read(100_000)
    note("read", len(body), "of", environ.get("CONTENT_LENGTH", "unknown"))
    return _report(start_response, len(body))


def bad_headers(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("x-split", "a\r\nx-evil: b"), ("x-latin", "caf\xe9"), ("x-good", "yes")])
    return [b""]


def hop(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("connection", "close")])
    return [b"hop"]


def fails_midway(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
    start_response("200 OK", [])
    return Body("fails", [b"one", b"two"], fails=True)


def empty_chunk(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
    start_response("200 OK", [])
    return Body("empty", [b"a", b"", b"b"])


def slow_close(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
    headers = [("content-length", "3")] if "sized" in environ["QUERY_STRING"] else []
    start_response("200 OK", headers)
    name = environ["QUERY_STRING"].rpartition("=")[2]
    return Body(name, [b"all"], close_waits_for=f"{os.environ['SERVED_JOURNAL']}-{name}")


def context(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    seen = leaking.get()
    leaking.set("another request's")
    return _report(start_response, seen)


def exits(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    atexit.register(note, "atexit")
    util.Finalize(None, note, args=("finalizer",), exitpriority=10)
    return _report(start_response, None)


def wsgi(environ_: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    name = environ_["PATH_INFO"].strip("/").split("/")[0]
    return globals()[name if name.isidentifier() else "environ"](environ_, start_response)


# -- ASGI --------------------------------------------------------------------------------------------------------------

Message = dict[str, Any]


async def _answer(send: Any, value: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(value).encode(), "more_body": False})


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return ["a tuple", *map(_plain, value)]
    if isinstance(value, list):
        return list(map(_plain, value))
    return value if isinstance(value, str | int | bool | None) else type(value).__name__


async def scope_(scope: Message, receive: Any, send: Any) -> None:
    await _answer(send, _plain({key: value for key, value in scope.items() if key not in ("asgi", "headers")}))


async def headers_(scope: Message, receive: Any, send: Any) -> None:
    await _answer(send, [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]])


async def messages(scope: Message, receive: Any, send: Any) -> None:
    found = [await receive()]
    while found[-1].get("more_body"):
        found.append(await receive())
    await _answer(send, [[message["type"], len(message.get("body", b""))] for message in found])


async def awaitable(scope: Message, receive: Any, send: Any) -> None:
    waiting = receive()
    kind = type(waiting).__name__
    await waiting
    await _answer(send, kind)


async def holds_start(scope: Message, receive: Any, send: Any) -> None:
    events, _, seconds = scope["query_string"].decode().partition("&")
    released.clear()
    kind = b"text/event-stream" if events else b"text/plain"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    deadline = time.monotonic() + float(seconds)
    while not released and time.monotonic() < deadline:  # noqa: ASYNC110 - servers may run this on several loops
        await asyncio.sleep(0.005)
    note("body")
    await send({"type": "http.response.body", "body": b"x", "more_body": False})


released: set[str] = set()


async def release(scope: Message, receive: Any, send: Any) -> None:
    released.add("body")
    await _answer(send, None)


async def sends_on(scope: Message, receive: Any, send: Any) -> None:
    """Send after the client has left, and note whether anything tells."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    try:
        for _ in range(50):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        note("sent", "turns" if turns else "without-a-turn")
    except BaseException as error:
        note("raised", type(error).__name__)
        raise
    finally:
        counting.cancel()


async def raises_midway(scope: Message, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    raise ValueError("in the middle")


async def returns_midway(scope: Message, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})


async def lifespan(scope: Message, receive: Any, send: Any) -> None:
    if os.environ.get("RAW_RAISES"):
        raise ValueError("in the lifespan")
    await receive()
    if "state" in scope:
        scope["state"]["made"] = "at start"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("state", "made" in scope.get("state", {}))
    await send({"type": "lifespan.shutdown.complete"})


async def accepts(scope: Message, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": [(b"x-accepted", b"yes")]})


async def ws_returns(scope: Message, receive: Any, send: Any) -> None:
    await accepts(scope, receive, send)


async def ws_raises(scope: Message, receive: Any, send: Any) -> None:
    await accepts(scope, receive, send)
    raise ValueError("in a WebSocket")


async def ws_closes_while_receiving(scope: Message, receive: Any, send: Any) -> None:
    await accepts(scope, receive, send)
    waiting = asyncio.ensure_future(receive())
    await asyncio.sleep(0.05)
    await send({"type": "websocket.close", "code": 3000, "reason": "done"})
    note("close-sent")
    await waiting


async def ws_notes_the_end(scope: Message, receive: Any, send: Any) -> None:
    await accepts(scope, receive, send)
    message = await receive()
    note("end", message.get("code"), message.get("reason") or "-")


async def ws_sends_empty(scope: Message, receive: Any, send: Any) -> None:
    await accepts(scope, receive, send)
    await send({"type": "websocket.send", "bytes": b""})
    await send({"type": "websocket.send", "text": "after"})
    await receive()


async def ws_closes_with(scope: Message, receive: Any, send: Any) -> None:
    await accepts(scope, receive, send)
    try:
        await send({"type": "websocket.close", "code": int(scope["query_string"]), "reason": "why"})
    except Exception as error:
        note("refused", type(error).__name__)
        await send({"type": "websocket.close", "code": 1000})


async def ws_denies(scope: Message, receive: Any, send: Any) -> None:
    await receive()
    repeated = scope["query_string"] == b"repeated"
    headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")] if repeated else []
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    if repeated:
        await send({"type": "websocket.http.response.body", "body": b"all", "more_body": False})
        return
    try:
        await send({"type": "websocket.http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"two", "more_body": False})
    except Exception as error:
        note("refused", type(error).__name__)


async def asgi(scope: Message, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    name = scope["path"].strip("/").split("/")[0]
    found = globals().get(f"{name}_") or globals().get(name)
    await (found or scope_)(scope, receive, send)
