"""Observers: told once of each request and WebSocket, of its status, its bytes and its end."""

import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import until

from hinge import (
    App,
    ClientDisconnect,
    ConfigurationError,
    Depends,
    FileResponse,
    HTTPError,
    Middleware,
    Request,
    Response,
    WebSocket,
)
from hinge.backend import Aborted, Denied, Feature
from hinge.backend.installed import installed_backends
from hinge.observability import Ended
from hinge.testing import Client


class Watcher:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.ended: list[dict[str, Any]] = []
        self.late: list[int] = []
        self.told = threading.Condition()

    def begin(self, request: Any) -> int:
        self.begun.append(request)
        return len(self.begun)

    def end(self, number: int, ended: Ended) -> None:
        route = ended.request.route
        with self.told:
            self.ended.append(
                {
                    "number": number,
                    "route": None if route is None else route.path,
                    "status": ended.status,
                    "size": ended.size,
                    "error": type(ended.error),
                    "seconds": ended.seconds,
                    "is_websocket": ended.is_websocket,
                }
            )
            self.told.notify_all()

    def only(self) -> dict[str, Any]:
        with self.told:
            assert self.told.wait_for(lambda: self.ended, 10)
        assert len(self.ended) == len(self.begun) == 1
        return self.ended[0]


def refuse() -> None:
    raise HTTPError(401)


def app_with(watcher: Any) -> App:
    app = App()

    @app.middleware
    def header(request: Request) -> Middleware:
        response = yield
        response.headers["x-seen"] = "yes"

    app.get("/def/{number}")(lambda number: f"n{number}")
    app.get("/guarded", dependencies=[Depends(refuse)])(lambda: "in")
    app.get("/none")(lambda: None)
    app.get("/file")(lambda: FileResponse(Path(__file__)))

    @app.post("/body", max_body_size=3)
    def body(request: Request) -> str:
        return "ok"

    @app.get("/async")
    async def waits() -> str:
        return "waited"

    @app.get("/plain")
    def plain() -> Iterator[str]:
        yield "ab"
        yield "cd"

    @app.get("/events")
    async def streams() -> AsyncIterator[str]:
        yield "abc"
        yield "def"

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("no")

    @app.get("/broken-async")
    async def broken_async() -> None:
        raise KeyError("no")

    @app.get("/after")
    def after(request: Request) -> str:
        request.after_response(lambda: watcher.late.append(len(watcher.ended)))
        return "first"

    app.observe(watcher)
    return app


SIZE = Path(__file__).stat().st_size
NONE = type(None)
ROWS = [
    ("GET", "/def/7", "/def/{number}", 200, 2, NONE),
    ("HEAD", "/def/7", "/def/{number}", 200, 0, NONE),
    ("GET", "/async", "/async", 200, 6, NONE),
    ("GET", "/none", "/none", 204, 0, NONE),
    ("GET", "/plain", "/plain", 200, 4, NONE),
    ("GET", "/events", "/events", 200, 6, NONE),
    ("HEAD", "/plain", "/plain", 200, 0, NONE),
    ("GET", "/file", "/file", 200, SIZE, NONE),
    ("HEAD", "/file", "/file", 200, 0, NONE),
    ("GET", "/guarded", "/guarded", 401, None, NONE),
    ("GET", "/broken", "/broken", 500, None, KeyError),
    ("GET", "/broken-async", "/broken-async", 500, None, KeyError),
    ("POST", "/body", "/body", 413, None, NONE),
    ("GET", "/nowhere", None, 404, None, NONE),
    ("DELETE", "/async", None, 405, None, NONE),
    ("BREW", "/async", None, 405, None, NONE),
    ("OPTIONS", "/async", None, 204, 0, NONE),
    ("GET", "/async/", None, 308, 0, NONE),
]


@pytest.mark.parametrize(("method", "path", "route", "status", "size", "error"), ROWS)
def test_each_end_is_told_once(
    client_for: Any, method: str, path: str, route: str | None, status: int, size: int | None, error: type
) -> None:
    watcher = Watcher()
    client = client_for(app_with(watcher))
    answer = client.request(method, path, content=b"abcd" if method == "POST" else None)
    assert answer.status_code == status
    assert "x-seen" in answer.headers
    told = watcher.only()
    assert (told["route"], told["status"], told["error"]) == (route, status, error)
    if method != "HEAD":
        assert told["size"] == len(answer.content)
    assert told["size"] == (len(answer.content) if size is None else size)
    assert 0 < told["seconds"] < 10


@pytest.mark.needs(Feature.AFTER_RESPONSE, "it looks at what runs behind the response")
def test_what_runs_after_the_response_is_no_part_of_it(client_for: Any) -> None:
    watcher = Watcher()
    client = client_for(app_with(watcher))
    assert client.get("/after").text == "first"
    until(lambda: watcher.late, "what runs after the response")
    assert watcher.late == [1]


@pytest.mark.needs(Feature.STREAMING, "the client leaves while a response is sent")
@pytest.mark.parametrize("path", ["/endless", "/endless-async"])
def test_a_client_that_leaves_ends_its_stream(client_for: Any, path: str) -> None:
    watcher, app = Watcher(), App()

    @app.get("/endless")
    def endless() -> Iterator[str]:
        while True:
            yield "x" * 1000

    @app.get("/endless-async")
    async def endless_async() -> AsyncIterator[str]:
        while True:
            yield "x" * 1000

    app.observe(watcher)
    client = client_for(app)
    with client.stream("GET", path) as answer:
        next(iter(answer.iter_bytes()))
    told = watcher.only()
    assert (told["status"], told["error"]) == (200, ClientDisconnect)
    assert told["size"] >= 1000


@pytest.mark.needs(Feature.STREAMING, "a response fails while it is sent")
def test_a_stream_that_fails_tells_why(client_for: Any) -> None:
    watcher, app = Watcher(), App()

    @app.get("/")
    def half() -> Iterator[str]:
        yield "abc"
        raise KeyError("no")

    app.observe(watcher)
    with contextlib.suppress(Aborted, ConnectionError):
        client_for(app).get("/")
    told = watcher.only()
    assert (told["status"], told["size"], told["error"]) == (200, 3, KeyError)


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
@pytest.mark.parametrize(
    ("path", "route", "status", "error"),
    [
        ("/ws", "/ws", 101, NONE),
        ("/denied", "/denied", 418, NONE),
        ("/broken", "/broken", 101, KeyError),
        ("/nowhere", None, 404, NONE),
    ],
)
def test_a_websocket_is_told_when_it_is_over(
    client_for: Any, path: str, route: str | None, status: int, error: type
) -> None:
    watcher, app = Watcher(), App()

    @app.websocket("/ws")
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws:
            assert watcher.ended == []
            await ws.send(text)

    @app.websocket("/denied")
    async def denied(ws: WebSocket) -> None:
        await ws.deny(Response(status=418))

    @app.websocket("/broken")
    async def broken(ws: WebSocket) -> None:
        await ws.accept()
        raise KeyError("no")

    app.observe(watcher)
    client = client_for(app)
    with contextlib.suppress(Denied, Exception), client.websocket(path) as ws:
        if path == "/ws":
            ws.send("one")
            assert ws.receive() == "one"
    told = watcher.only()
    assert (told["route"], told["status"], told["error"], told["is_websocket"]) == (route, status, error, True)


@pytest.mark.parametrize("name", ["wsgi", "asgi", "rsgi"])
def test_a_request_that_is_framed_in_two_ways_is_told_once(name: str) -> None:
    if name not in installed_backends():
        pytest.skip(f"backend {name} is not installed")
    watcher, app = Watcher(), App()

    @app.post("/")
    def body(request: Request) -> str:
        return "ok"

    app.observe(watcher)
    with Client(app, name) as client:
        headers = {"transfer-encoding": "chunked", "content-length": "4"}
        assert client.post("/", content=b"abcd", headers=headers).status_code == 400
    assert watcher.only()["status"] == 400


def odd_status(environ: Any, start_response: Any) -> Any:
    start_response("OK", [("content-length", "many")])
    return [b"odd"]


def late_failure(environ: Any, start_response: Any) -> Any:
    class Body:
        def __iter__(self) -> Any:
            raise KeyError("no")

    start_response("200 OK", [])
    return Body()


@pytest.mark.parametrize("mounted", [odd_status, late_failure])
def test_what_a_mounted_application_does_wrong_is_its_own(mounted: Any) -> None:
    """The observer changes nothing of it."""
    outcomes = []
    watcher = Watcher()
    for observers in ([], [watcher]):
        app = App()
        app.mount("/odd", mounted, interface="wsgi")
        for one in observers:
            app.observe(one)
        with Client(app, "wsgi") as client:
            try:
                answer = client.get("/odd/x")
                outcomes.append((answer.status_code, answer.content))
            except Exception as error:
                outcomes.append((type(error), str(error)))
    assert outcomes[0] == outcomes[1]
    assert watcher.only()["route"] == "/odd/{path:path}"


def test_a_mounted_app_is_observed_by_its_own_and_by_those_around_it(client_for: Any) -> None:
    outer, inner, around, own = App(), App(), Watcher(), Watcher()
    inner.get("/{name}")(lambda name: name)
    outer.mount("/in", inner)
    outer.get("/")(lambda: "out")
    outer.observe(around)
    inner.observe(own)
    client = client_for(outer)
    assert client.get("/in/x").text == "x"
    assert client.get("/").text == "out"
    assert client.get("/in/x/y").status_code == 404
    assert client.get("/else").status_code == 404
    assert [one["route"] for one in around.ended] == ["/in/{name}", "/", None, None]
    assert [one["route"] for one in own.ended] == ["/in/{name}", None]


def test_the_same_of_a_mounted_app_is_told_once(client_for: Any) -> None:
    class Same(Watcher):
        once = "the same"

    outer, inner, around, own, other = App(), App(), Same(), Same(), Watcher()
    inner.get("/")(lambda: "in")
    inner.observe(own)
    inner.observe(other)
    outer.mount("/in", inner)
    outer.observe(around)
    with pytest.raises(ConfigurationError, match=r"App\.observe\(Same\(\.\.\.\)\) \(.*\): the app has that already"):
        outer.observe(Same())
    assert client_for(outer).get("/in/").status_code == 200
    assert [len(one.ended) for one in (around, own, other)] == [1, 0, 1]


def test_several_are_told_in_order_and_left_in_reverse(client_for: Any) -> None:
    said: list[str] = []

    class Saying:
        def __init__(self, name: str) -> None:
            self.name = name

        def begin(self, request: Any) -> None:
            said.append(f"{self.name} begins")

        def end(self, begun: None, ended: Ended) -> None:
            said.append(f"{self.name} ends")

    app = App()
    app.get("/")(lambda: said.append("handler"))
    for name in "ab":
        app.observe(Saying(name))
    client_for(app).get("/")
    assert said == ["a begins", "b begins", "handler", "b ends", "a ends"]


@pytest.mark.parametrize("hook", ["begin", "end"])
def test_one_that_fails_costs_no_request(client_for: Any, caplog: pytest.LogCaptureFixture, hook: str) -> None:
    app, watcher = App(), Watcher()

    class Failing(Watcher):
        def begin(self, request: Any) -> int:
            if hook == "begin":
                raise KeyError("no")
            return 0

        def end(self, number: int, ended: Ended) -> None:
            raise KeyError("no")

    app.get("/")(lambda: "ok")
    app.observe(Failing())
    app.observe(watcher)
    assert client_for(app).get("/").text == "ok"
    assert watcher.only()["status"] == 200
    (line,) = [record for record in caplog.records if record.name == "hinge" and record.levelno == logging.ERROR]
    assert f"Failing.{hook} failed" in line.getMessage()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Watcher, r"it is no observer\. Fix: app\.observe\(Watcher\(\)\)"),
        (len, r"it is no observer\. Fix: an object with begin and end"),
    ],
)
def test_what_is_no_observer_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        App().observe(given)


def test_it_comes_before_the_compile() -> None:
    app = App()
    with Client(app):
        pass
    with pytest.raises(ConfigurationError, match=r"^observe\(\) \(.*\) comes too late"):
        app.observe(Watcher())


def test_a_backend_that_knows_of_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from hinge_asgi import ASGIBackend

    monkeypatch.setattr(ASGIBackend, "contract", (2, 0))
    app = app_with(Watcher())
    with pytest.raises(ConfigurationError, match=r"app\.observe\(Watcher\(\.\.\.\)\): backend 'asgi' is written for"):
        app.compile("asgi")
