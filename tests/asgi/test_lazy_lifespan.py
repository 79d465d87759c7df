"""Lifespans without a lifespan protocol: the first request starts them, the end of the process stops them."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
import anyio
from hinge import App

app = App()


@app.lifespan
async def life():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        print("started", flush=True)
        yield {"word": "hello"}
        await anyio.sleep(0)
        group.cancel_scope.cancel()
    print("stopped", flush=True)


@app.get("/")
async def home():
    return "home"


async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message):
    if message["type"] == "http.response.body":
        print(message["body"].decode(), flush=True)


scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"", "headers": []}
"""
RUN_AND_LEAVE_THE_LOOP = """
loop = asyncio.new_event_loop()
loop.run_until_complete(app.asgi(scope, receive, send))
loop.run_until_complete(app.asgi(scope, receive, send))
"""
RUN_AND_CANCEL_ALL = """
async def serve():
    await app.asgi(scope, receive, send)
    await app.asgi(scope, receive, send)

asyncio.run(serve())
"""
RUN_AND_BE_TOLD_LATER = """
messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]


async def told():
    return messages.pop(0)


async def hear(message):
    print(message["type"], flush=True)


async def serve():
    await app.asgi(scope, receive, send)
    await app.asgi({"type": "lifespan"}, told, hear)

asyncio.run(serve())
"""


def run(ending: str) -> tuple[list[str], str]:
    return run_program(PROGRAM + ending)


def run_program(program: str) -> tuple[list[str], str]:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return done.stdout.split(), done.stderr


def test_a_lifespan_with_an_open_task_group_stops_when_the_process_ends() -> None:
    assert run(RUN_AND_LEAVE_THE_LOOP) == (["started", "home", "home", "stopped"], "")


def test_a_lifespan_stops_when_the_server_cancels_every_task() -> None:
    # Without a task of the lifespan's own: the server cancels that one, too, and the group fails with it.
    alone = PROGRAM.replace("group.start_soon(anyio.sleep_forever)", "pass")
    assert run_program(alone + RUN_AND_CANCEL_ALL) == (["started", "home", "home", "stopped"], "")


def test_a_server_that_says_it_starts_after_a_request_starts_nothing_twice() -> None:
    told = ["lifespan.startup.complete", "stopped", "lifespan.shutdown.complete"]
    assert run(RUN_AND_BE_TOLD_LATER) == (["started", "home", *told], "")


def test_a_lifespan_that_fails_while_it_is_stopped_is_logged() -> None:
    failing = PROGRAM.replace("await anyio.sleep(0)", "raise ValueError('no end')")
    words, errors = run_program(failing + RUN_AND_LEAVE_THE_LOOP)
    assert words == ["started", "home", "home"]
    assert "a lifespan failed while it was stopped" in errors
    assert "no end" in errors
    assert "atexit" not in errors


WEBSOCKET = """
@app.websocket("/live")
async def live(ws: WebSocket) -> None:
    await ws.accept()
    try:
        await anyio.sleep_forever()
    finally:
        await anyio.sleep(0)
        print("handler-ended", flush=True)


async def receive_websocket():
    if connected:
        await asyncio.Event().wait()
    connected.append(True)
    return {"type": "websocket.connect"}


async def send_websocket(message):
    print(message["type"], flush=True)


connected = []
scope = {"type": "websocket", "http_version": "1.1", "path": "/live", "query_string": b"", "headers": []}

loop = asyncio.new_event_loop()
task = loop.create_task(app.asgi(scope, receive_websocket, send_websocket))
loop.run_until_complete(asyncio.wait([task], timeout=0.05))
"""
CANCELLED_AND_LEFT = "task.cancel()\n"


@pytest.mark.parametrize("leave", ["", CANCELLED_AND_LEFT])
def test_a_websocket_handler_ends_before_the_lifespan(leave: str) -> None:
    program = PROGRAM.replace("import App", "import App, WebSocket") + WEBSOCKET + leave
    words, errors = run_program(program)
    assert words == ["started", "websocket.accept", "handler-ended", "websocket.close", "stopped"]
    assert "Error" not in errors


def test_a_websocket_handler_of_an_app_without_lifespans_ends_too() -> None:
    program = PROGRAM.replace("import App", "import App, WebSocket").replace("@app.lifespan", "") + WEBSOCKET
    assert run_program(program) == (["websocket.accept", "handler-ended", "websocket.close"], "")


TOLD_OF_THE_START_ONLY = """
inbox = [{"type": "lifespan.startup"}]


async def receive_lifespan():
    if inbox:
        return inbox.pop()
    await asyncio.Event().wait()


async def send_lifespan(message):
    print(message["type"], flush=True)


loop = asyncio.new_event_loop()
task = loop.create_task(app.asgi({"type": "lifespan"}, receive_lifespan, send_lifespan))
loop.run_until_complete(asyncio.wait([task], timeout=0.05))
loop.run_until_complete(app.asgi(scope, receive, send))
"""


@pytest.mark.parametrize("leave", ["", CANCELLED_AND_LEFT])
def test_a_lifespan_stops_although_its_server_never_says_so(leave: str) -> None:
    words, errors = run_program(PROGRAM + TOLD_OF_THE_START_ONLY + leave)
    assert words == ["started", "lifespan.startup.complete", "home", "stopped"]
    assert "Error" not in errors
