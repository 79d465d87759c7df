"""What it adds to an application to be called by the other protocol: mounted in Hinge, or wrapped by an adapter.

Law: an application alone is called in its own protocol, the same one inside Hinge and each adapter in the other. Turns
of all sides follow one another in every round, so that whatever else the machine does falls on all alike. Threads take
part, so it is the clock on the wall that counts, and of each side the fastest rounds.

`python tests/benchmarks/mounted.py` measures and prints; `--quick` takes some seconds.
"""

import asyncio
import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from a2wsgi import ASGIMiddleware, WSGIMiddleware
from asgiref.wsgi import WsgiToAsgi
from inprocess import measure

from hinge import App

ROUNDS, QUICK_ROUNDS = 150, 40
PATH = "/old/x"
JSON = b'{"message":"hello"}'
BODY = b'{"name":"lamp","price":9.5}' * 3
CHUNK = b"x" * 512
CHUNKS = 20


# -- the applications --------------------------------------------------------------------------------------------------


def wsgi_json(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with a little JSON."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(JSON)))])
    return [JSON]


def wsgi_echo(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with the body."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def wsgi_stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Answer in chunks."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (CHUNK for _ in range(CHUNKS))


async def asgi_json(scope: Any, receive: Any, send: Any) -> None:
    """Answer with a little JSON."""
    await _answer(send, JSON)


async def asgi_echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await _answer(send, body)


async def asgi_stream(scope: Any, receive: Any, send: Any) -> None:
    """Answer in chunks."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


CASES: list[tuple[str, Any, Any, bytes]] = [
    ("JSON", wsgi_json, asgi_json, b""),
    ("JSON body and answer", wsgi_echo, asgi_echo, BODY),
    (f"{CHUNKS} chunks", wsgi_stream, asgi_stream, b""),
]


# -- the callers -------------------------------------------------------------------------------------------------------


def _environ(body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST" if body else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "*/*",
        "HTTP_USER_AGENT": "benchmark",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _wsgi_timer(application: Any, body: bytes, size: int) -> Callable[[int], float]:
    def call() -> None:
        answer = application(_environ(body), lambda status, headers, exc_info=None: None)
        try:
            received = sum(map(len, answer))
        finally:
            if hasattr(answer, "close"):
                answer.close()
        if received != size:
            raise AssertionError(f"{application} answered {received} of {size} bytes")

    def timer(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            call()
        return time.perf_counter() - begun

    return timer


def _scope(body: bytes) -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), (b"user-agent", b"benchmark")]
    length = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))] if body else []
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST" if body else "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers + length,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


def _asgi_timer(loop: asyncio.AbstractEventLoop, application: Any, body: bytes, size: int) -> Callable[[int], float]:
    async def call() -> None:
        received, asked = 0, False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal received
            received += len(message.get("body", b""))

        await application(_scope(body), receive, send)
        if received != size:
            raise AssertionError(f"{application} answered {received} of {size} bytes")

    async def calls(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            await call()
            await asyncio.sleep(0)  # as with a server, between two requests the loop goes round
        return time.perf_counter() - begun

    return lambda count: loop.run_until_complete(calls(count))


def _mounted(application: Any, backend: str, *, inside: bool = False) -> Any:
    app = App(openapi_path=None, middleware=[_layer] if inside else [])
    app.mount("/old", application)
    return app.compile(backend)


def _layer(request: Any) -> Any:
    yield


# -- the report --------------------------------------------------------------------------------------------------------


def compare(rounds: int) -> list[dict[str, Any]]:
    """Return a row for each direction and case: microseconds alone, and what each side adds."""
    with asyncio.Runner() as runner:
        loop, timers = runner.get_loop(), {}
        for case, wsgi, asgi, body in CASES:
            size = {b"": len(JSON), BODY: len(BODY)}[body] if "chunks" not in case else CHUNKS * len(CHUNK)
            sides = {
                "WSGI under ASGI": (
                    _wsgi_timer(wsgi, body, size),
                    {
                        "hinge": _mounted(wsgi, "asgi"),
                        "a2wsgi": WSGIMiddleware(wsgi),
                        "asgiref": WsgiToAsgi(wsgi),
                    },
                ),
                "ASGI under WSGI": (
                    _asgi_timer(loop, asgi, body, size),
                    {"hinge": _mounted(asgi, "wsgi"), "a2wsgi": ASGIMiddleware(asgi)},
                ),
                "WSGI under WSGI": (
                    _wsgi_timer(wsgi, body, size),
                    {"hinge": _mounted(wsgi, "wsgi"), "inside": _mounted(wsgi, "wsgi", inside=True)},
                ),
                "ASGI under ASGI": (
                    _asgi_timer(loop, asgi, body, size),
                    {"hinge": _mounted(asgi, "asgi"), "inside": _mounted(asgi, "asgi", inside=True)},
                ),
            }
            for direction, (alone, others) in sides.items():
                timers[f"{direction}|{case}|alone"] = alone
                for who, application in others.items():
                    under = direction[-4:]
                    timers[f"{direction}|{case}|{who}"] = (
                        _wsgi_timer(application, body, size)
                        if under == "WSGI"
                        else _asgi_timer(loop, application, body, size)
                    )
        samples = measure(timers, rounds)
    return [_row(samples, *name.split("|")) for name in timers if name.endswith("|alone")]


def _row(samples: dict[str, list[float]], direction: str, case: str, who: str) -> dict[str, Any]:
    prefix = f"{direction}|{case}|"
    least = {name.removeprefix(prefix): min(times) for name, times in samples.items() if name.startswith(prefix)}
    alone = least.pop(who)
    added = {one: round(found - alone, 2) for one, found in least.items()}
    return {"direction": direction, "case": case, "alone_us": round(alone, 2), "added": added}


def main() -> None:
    """Measure and print."""
    for row in compare(QUICK_ROUNDS if "--quick" in sys.argv else ROUNDS):
        sys.stdout.write(f"{row['direction']:16} {row['case']:22} {row['alone_us']:7.2f} {row['added']}\n")


if __name__ == "__main__":
    main()
