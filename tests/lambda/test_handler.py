"""An app through `handler(event, context)`: what Lambda calls, and when."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from hinge import (
    App,
    Body,
    BodyStream,
    Config,
    EventSourceResponse,
    FileResponse,
    Form,
    Middleware,
    Request,
    Response,
    StreamingResponse,
    UploadFile,
    WebSocket,
)
from hinge.errors import ConfigurationError

EventError = pytest.importorskip(
    "hinge_lambda.event", reason="the distribution hinge-lambda is not installed"
).EventError
Ask = Callable[..., Any]
EVERY_GATEWAY = ["http-api", "function-url", "rest", "http-api-1", "alb", "alb-multi"]


@pytest.fixture(params=EVERY_GATEWAY)
def gateway(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(event: Callable[..., dict[str, Any]]) -> Ask:
    """Return `ask(app, path, body=b"", gateway="function-url", **headers)`: the answer of the app's handler."""

    def ask(app: App, path: str = "/", body: bytes = b"", *, gateway: str = "function-url", **headers: str) -> Any:
        asked = event(gateway, body=b64encode(body).decode(), isBase64Encoded=True)
        method = "POST" if body else "GET"
        asked["rawPath" if "rawPath" in asked else "path"] = path
        if "path" in asked["requestContext"]:
            asked["requestContext"]["path"] = path
        if "http" in asked["requestContext"]:
            asked["requestContext"]["http"]["method"] = method
        asked["httpMethod"] = method
        lines = {"host": "example.org", **{name.replace("_", "-"): value for name, value in headers.items()}}
        for key, many in (("headers", lines), ("multiValueHeaders", {name: [value] for name, value in lines.items()})):
            if key in asked:
                asked[key] = many
        answer = app.compile("lambda")(asked, None)
        assert json.loads(json.dumps(answer)) == answer
        return answer

    return ask


def body_of(answer: dict[str, Any]) -> bytes:
    return b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()


def test_every_gateway_gets_its_answer(ask: Ask, gateway: str) -> None:
    app = App()

    @app.post("/echo/{name}")
    def echo(name: str, body: Body[dict[str, int]]) -> dict[str, Any]:
        return {"name": name, **body}

    answer = ask(app, "/echo/x", b'{"a": 1}', gateway=gateway, content_type="application/json")
    assert (answer["statusCode"], body_of(answer)) == (200, b'{"name":"x","a":1}')
    assert ("multiValueHeaders" in answer) is (gateway in ("rest", "http-api-1", "alb-multi"))


def test_native_is_the_event(ask: Ask, gateway: str) -> None:
    app = App()

    @app.get("/")
    def account(request: Request) -> list[str]:
        return sorted(request.native["requestContext"])

    @app.get("/async")
    async def again(request: Request) -> list[str]:
        return account(request)

    assert ask(app, gateway=gateway)["body"] == ask(app, "/async", gateway=gateway)["body"]
    assert ("elb" in ask(app, gateway=gateway)["body"]) is gateway.startswith("alb")


def app_of_all_kinds(tmp_path: Path, seen: list[Any]) -> App:
    app = App()
    (tmp_path / "file.bin").write_bytes(b"\xff" * 10)

    def layer(request: Request) -> Middleware:
        response = yield
        response.headers["x-layer"] = "1"

    @app.get("/coroutine")
    async def coroutine() -> str:
        await asyncio.sleep(0)
        return "ok"

    @app.get("/layered", middleware=[layer])
    def layered() -> str:
        return "ok"

    @app.get("/chunks")
    def chunks() -> Iterator[str]:
        yield from "ok"

    @app.get("/async-chunks")
    async def async_chunks() -> AsyncIterator[str]:
        for chunk in "ok":
            await asyncio.sleep(0)
            yield chunk

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(tmp_path / "file.bin")

    @app.post("/form")
    def form(name: Form[str], file: UploadFile) -> str:
        return name + file.read().decode()

    @app.post("/stream")
    def stream(body: BodyStream) -> str:
        return b"".join(body).decode()

    @app.get("/after")
    def after(request: Request) -> str:
        request.after_response(seen.append, "def")
        return "ok"

    @app.get("/async-after")
    async def async_after(request: Request) -> str:
        async def work() -> None:
            await asyncio.sleep(0)
            seen.append("async")

        request.after_response(work)
        return "ok"

    @app.get("/fails")
    def fails() -> None:
        raise ValueError("no")

    @app.get("/cut")
    def cut() -> Iterator[str]:
        yield "o"
        raise ValueError("no")

    return app


MULTIPART = (
    b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\no\r\n'
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nk\r\n--x--\r\n'
)
KINDS = [
    ("/coroutine", b"", "", 200, b"ok"),
    ("/layered", b"", "", 200, b"ok"),
    ("/chunks", b"", "", 200, b"ok"),
    ("/async-chunks", b"", "", 200, b"ok"),
    ("/file", b"", "", 200, b"\xff" * 10),
    ("/form", MULTIPART, "multipart/form-data; boundary=x", 200, b"ok"),
    ("/stream", b"ok", "text/plain", 200, b"ok"),
    ("/after", b"", "", 200, b"ok"),
    ("/async-after", b"", "", 200, b"ok"),
    ("/fails", b"", "", 500, None),
    ("/cut", b"", "", 500, None),
    ("/none", b"", "", 404, None),
    ("/coroutine", b"x", "", 405, None),
]


@pytest.mark.parametrize(("path", "body", "media_type", "status", "expected"), KINDS)
def test_what_handlers_are_and_answer(
    ask: Ask, tmp_path: Path, path: str, body: bytes, media_type: str, status: int, expected: bytes | None
) -> None:
    if media_type.startswith("multipart"):
        pytest.importorskip("multipart")
    seen: list[Any] = []
    app = app_of_all_kinds(tmp_path, seen)
    try:
        answer = ask(app, path, body, **({"content_type": media_type} if media_type else {}))
        assert answer["statusCode"] == status
        assert expected is None or body_of(answer) == expected
        assert ("x-layer" in answer["headers"]) is (path == "/layered")
        assert seen == (["async" if "async" in path else "def"] if "after" in path else [])
    finally:
        app.compile("lambda").stop()


def test_a_plain_handler_runs_in_the_thread_that_brings_the_event_and_leaves_no_context(ask: Ask) -> None:
    app, variable = App(), ContextVar("variable", default=0)

    @app.get("/")
    def handler() -> list[int]:
        variable.set(variable.get() + 1)
        return [threading.get_ident(), variable.get()]

    assert json.loads(ask(app)["body"]) == json.loads(ask(app)["body"]) == [threading.get_ident(), 1]
    assert variable.get() == 0


def test_an_event_stream_and_a_websocket_are_refused_at_compile() -> None:
    app = App()

    @app.get("/events")
    def events() -> EventSourceResponse:
        return EventSourceResponse(iter(()))

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None: ...

    with pytest.raises(ConfigurationError) as refused:
        app.compile("lambda")
    assert "events" in str(refused.value)
    assert "socket" in str(refused.value)


def test_a_stream_that_is_too_long_is_a_500(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.get("/")
    def endless() -> StreamingResponse:
        return StreamingResponse(iter(lambda: b"x" * 65536, None))

    try:
        assert ask(app)["statusCode"] == 500
        assert "its stream is longer than" in caplog.text
    finally:
        app.compile("lambda").stop()


def test_a_foreign_event_is_raised_and_not_answered() -> None:
    app = App()
    with pytest.raises(EventError, match=r"aws:sqs.*Fix: "):
        app.compile("lambda")({"Records": [{"eventSource": "aws:sqs"}]}, None)


# -- lifespans ---------------------------------------------------------------------------------------------------------


def app_with_life(notes: list[str], fails: list[Exception]) -> App:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[dict[str, Any]]:
        notes.append("start")
        if fails:
            raise fails.pop()
        yield {"answer": 42}
        notes.append("stop")

    @app.get("/")
    def handler(request: Request) -> int:
        return int(request.state["answer"])

    return app


def test_lifespans_start_before_the_first_event_and_once(ask: Ask) -> None:
    notes: list[str] = []
    app = app_with_life(notes, [])
    handler = app.compile("lambda")
    assert notes == []
    assert [ask(app)["body"], ask(app)["body"]] == ["42", "42"]
    assert notes == ["start"]
    handler.stop()
    assert notes == ["start", "stop"]


@pytest.mark.parametrize(
    ("kind", "started"), [("on-demand", ["start"]), ("provisioned-concurrency", ["start"]), ("snap-start", [])]
)
def test_lifespans_start_while_lambda_initialises(
    monkeypatch: pytest.MonkeyPatch, kind: str, started: list[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", kind)
    former = signal.getsignal(signal.SIGTERM)
    notes: list[str] = []
    try:
        handler = app_with_life(notes, []).compile("lambda")
        assert notes == started
        handler.stop()
    finally:
        signal.signal(signal.SIGTERM, former)


def test_a_start_that_fails_is_raised_and_tried_again_at_the_next_event(ask: Ask) -> None:
    notes: list[str] = []
    app = app_with_life(notes, [OSError("no database")])
    with pytest.raises(OSError, match="no database"):
        ask(app)
    assert ask(app)["body"] == "42"
    assert notes == ["start", "start"]
    app.compile("lambda").stop()


TERMINATED = """
import os, signal, sys, threading
from hinge import App
app = App()

@app.lifespan
async def life():
    print("start", flush=True)
    yield
    print("stop", flush=True)

{former}
if {in_thread}:
    threading.Thread(target=app.compile, args=("lambda",)).start()
    while threading.active_count() > 1: pass
else:
    app.compile("lambda")
os.kill(os.getpid(), signal.SIGTERM)
print("not reached")
"""
FORMER = "signal.signal(signal.SIGTERM, lambda number, frame: (print('former'), sys.stdout.flush(), os._exit(7)))"


@pytest.mark.parametrize(
    ("former", "in_thread", "told", "code"),
    [
        ("", False, ["start", "stop"], -signal.SIGTERM),
        (FORMER, False, ["start", "stop", "former"], 7),
        ("", True, ["start"], -signal.SIGTERM),
    ],
)
def test_sigterm_stops_the_lifespans_and_is_handed_on(former: str, in_thread: bool, told: list[str], code: int) -> None:
    program = f"import sys; sys.path += {sys.path!r}\n{TERMINATED.format(former=former, in_thread=in_thread)}"
    environ = {**os.environ, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.stdout.split(), run.returncode) == (told, code), run.stderr


def test_hinge_run_says_what_to_do_instead(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("from hinge import App\napp = App()\n")
    program = f"import sys; sys.path += {sys.path!r}\nfrom hinge.cli import main\nmain()"
    run = subprocess.run(
        [sys.executable, "-c", program, "run", "shop.py", "--backend", "lambda"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode != 0
    assert 'Fix: handler = app.compile("lambda")' in run.stderr
    assert len(run.stderr.splitlines()) == 1


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gateway", "size", "status"), [("rest", 7_000_000, 500), ("alb", 1_100_000, 500)])
def test_an_answer_that_the_platform_would_refuse(
    ask: Ask, gateway: str, size: int, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.get("/")
    def large() -> Response:
        return Response("x" * size)

    assert ask(app, gateway=gateway)["statusCode"] == status
    assert "Fix: " in caplog.text


def test_a_body_that_is_too_large_is_413(ask: Ask) -> None:
    app = App(config=Config(max_body_size=10))

    @app.post("/")
    def read(request: Request) -> int:
        return len(request.body)

    assert ask(app, "/", b"x" * 11)["statusCode"] == 413
