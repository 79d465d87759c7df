"""What an app sees of a platform that lacks Features: the same answers, made in another order.

The platform is the in-memory backend with honest gaps (lacking.py), frozen for each run as `load_backend` would.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.conformance.kit import MEMORY

import hinge.backend.installed
from hinge import App, BodyStream, EventSourceResponse, Middleware, Request, Response, StreamingResponse
from hinge.backend import Aborted, Feature
from hinge.cli.explain import command
from hinge.errors import ConfigurationError
from hinge.testing import Client
from hinge.testing.differences import Answer, Difference, EachBackend, Transcript


@pytest.fixture
def client_without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return `client_without(app, *features)`: a client of the app on a backend that lacks them."""
    monkeypatch.syspath_prepend(str(MEMORY))
    from tests.conformance.lacking import lacking

    opened: list[Client] = []

    def open_client(app: App, *features: Feature, **options: Any) -> Client:
        monkeypatch.setitem(hinge.backend.installed._loaded, "gaps", lacking(*features))
        opened.append(Client(app, "gaps", **options))
        return opened[-1].__enter__()

    yield open_client
    for client in opened:
        client.__exit__(None, None, None)


def chunks(log: list[str], *, fail: bool = False) -> Iterator[str]:
    try:
        yield "a"
        yield "b"
        if fail:
            raise LookupError("midway")
    finally:
        log.append("closed")


async def async_chunks(log: list[str], *, fail: bool = False) -> AsyncIterator[str]:
    for chunk in chunks(log, fail=fail):
        await asyncio.sleep(0)
        yield chunk


def layer() -> Middleware:
    response = yield
    response.headers["x-layer"] = "seen"


SOURCES = {"plain": chunks, "async": async_chunks}


@pytest.mark.parametrize("layers", [[], [layer]], ids=["bare", "layer"])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_stream_is_answered_whole(client_without: Any, source: Any, layers: list[Any]) -> None:
    app, log = App(), list[str]()
    app.get("/", middleware=layers, status=201)(lambda: source(log))
    response = client_without(app, Feature.STREAMING).get("/")
    assert (response.status_code, response.content, response.headers["content-length"]) == (201, b"ab", "2")
    assert response.headers.get("x-layer") == ("seen" if layers else None)
    assert log == ["closed"]


STREAMED = [("content-type", "text/plain; charset=utf-8")]


@pytest.mark.parametrize(
    ("headers", "streams", "complaint"),
    [
        (STREAMED, True, None),
        ([("content-length", "2"), *STREAMED], True, None),
        ([("content-length", "3"), *STREAMED], True, "differ in the headers"),
        (STREAMED, False, "differ in the headers"),
        ([*STREAMED, ("x-more", "1")], True, "differ in the headers"),
    ],
)
def test_the_length_of_a_stream_is_no_difference(
    client_without: Any, headers: list[tuple[str, str]], *, streams: bool, complaint: str | None
) -> None:
    app = App()
    app.get("/")(lambda: StreamingResponse(iter("ab"), media_type="text/plain"))
    client_without(app, Feature.STREAMING)
    before = Answer("GET /", 200, headers, content=b"ab", streams=streams)
    each = EachBackend("gaps", Transcript("before", clients=[[before]]), pytest.fail)
    fails = nullcontext() if complaint is None else pytest.raises(Difference, match=complaint)
    with fails, each(app) as client:
        client.get("/")


@pytest.mark.parametrize("layers", [[], [layer]], ids=["bare", "layer"])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_stream_that_fails_midway_is_a_failure(
    client_without: Any, source: Any, layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app, log = App(), list[str]()
    app.get("/", middleware=layers)(lambda: source(log, fail=True))
    app.error(LookupError)(lambda request, error: Response(f"told {error}", status=418))
    response = client_without(app, Feature.STREAMING).get("/")
    assert (response.status_code, response.text, log) == (418, "told midway", ["closed"])
    assert not caplog.records


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_failure_is_logged_once(client_without: Any, source: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    app.get("/")(lambda: source([], fail=True))
    assert client_without(app, Feature.STREAMING).get("/").status_code == 500
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [LookupError]


def test_head_and_bodiless_answers_close_the_stream(client_without: Any) -> None:
    app, log = App(), list[str]()
    app.get("/")(lambda: chunks(log))
    app.get("/none")(lambda: StreamingResponse(chunks(log), status=204))
    client = client_without(app, Feature.STREAMING)
    for method, path in (("HEAD", "/"), ("GET", "/none")):
        response = client.request(method, path)
        assert (response.content, "content-length" in response.headers) == (b"", False)
    assert set(log) <= {"closed"}


@pytest.mark.parametrize("colour", ["plain", "async"])
def test_a_stream_that_never_ends_is_bounded(
    client_without: Any, colour: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(16 * 1024)

    async def async_endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(16 * 1024)

    app = App()
    app.get("/")(endless if colour == "plain" else async_endless)
    assert client_without(app, Feature.STREAMING).get("/").status_code == 500
    assert "its stream is longer than 16777216 bytes, and this backend lacks sending" in caplog.text


def events() -> EventSourceResponse:
    return EventSourceResponse([1, 2])


def test_event_streams_are_refused_at_compile(client_without: Any) -> None:
    app = App()
    app.get("/events")(events)

    @app.get("/some")
    def some() -> dict[str, int] | EventSourceResponse:
        return {}

    with pytest.raises(ConfigurationError) as refused:
        client_without(app, Feature.STREAMING)
    lines = str(refused.value).splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("events", "some"), strict=True):
        assert name in line
        assert "test_lacking.py:" in line
        assert "needs sending a response while it is made, which backend 'gaps' does not have. Fix: " in line
    client = client_without(app, Feature.STREAMING, skip_unsupported=True)
    assert [client.get(path).status_code for path in ("/events", "/some")] == [501, 501]
    assert client.options("/some").status_code == 204


def test_an_event_stream_that_nobody_declared_is_a_failure(
    client_without: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    app.get("/")(lambda: EventSourceResponse([1, 2]))
    client = client_without(app, Feature.STREAMING)
    assert [client.get("/").status_code, client.head("/").status_code] == [500, 500]
    assert "it answered with an event stream, and this backend lacks sending" in caplog.text


@pytest.mark.parametrize("is_async", [False, True])
def test_a_body_stream_is_complete_before_the_handler_starts(client_without: Any, is_async: bool) -> None:
    app, log = App(), list[str]()

    def upload() -> Iterator[bytes]:
        for piece in (b"one", b"two"):
            log.append("sent")
            yield piece

    if is_async:

        @app.post("/")
        async def read(body: BodyStream) -> str:
            log.append("started")
            return str([piece async for piece in body])
    else:

        @app.post("/")
        def read_plainly(body: BodyStream) -> str:
            log.append("started")
            return str(list(body))

    client = client_without(app, Feature.DUPLEX)
    assert client.post("/", content=upload()).text == "[b'onetwo']"
    assert log == ["sent", "sent", "started"]


def test_a_body_stream_above_the_limit_is_413_before_the_handler(client_without: Any) -> None:
    app, called = App(), list[int]()

    @app.post("/", max_body_size=10)
    def read(body: BodyStream) -> str:
        called.append(1)
        return str(list(body))

    client = client_without(app, Feature.DUPLEX)
    assert client.post("/", content=iter([b"x" * 6] * 3)).status_code == 413
    assert called == []


@pytest.mark.parametrize("lacks", [(), (Feature.STREAMING,)], ids=["streaming", "whole"])
@pytest.mark.parametrize("kind", ["whole", "stream", "failure"])
def test_work_after_the_response_is_done_before_its_end(
    client_without: Any, kind: str, lacks: tuple[Feature, ...]
) -> None:
    app, log = App(), list[str]()

    @app.get("/")
    def index(request: Request) -> Any:
        request.after_response(log.append, "work")
        request.after_response(request.after_response, log.append, "more")
        if kind == "failure":
            raise LookupError
        return chunks(log) if kind == "stream" else "ab"

    client = client_without(app, Feature.AFTER_RESPONSE, *lacks)
    with client.stream("GET", "/") as response:
        if kind == "stream" and not lacks:
            assert next(response.iter_bytes()) == b"a"
            assert log == []
        else:
            assert log[-2:] == ["work", "more"], "the answer goes out behind it"
        response.read()
    assert log[-2:] == ["work", "more"]


def test_explain_says_what_each_route_does_without(tmp_path: Path, client_without: Any) -> None:
    (tmp_path / "explained.py").write_text(
        "from collections.abc import Iterator\n"
        "from hinge import App, BodyStream, EventSourceResponse, Request\n"
        "app = App()\n"
        "@app.get('/plain')\n"
        "def plain() -> str: ...\n"
        "@app.get('/work')\n"
        "def work(request: Request) -> str: ...\n"
        "@app.get('/stream')\n"
        "def stream() -> Iterator[bytes]: ...\n"
        "@app.get('/events')\n"
        "def events() -> EventSourceResponse: ...\n"
        "@app.post('/body')\n"
        "def body(body: BodyStream) -> str: ...\n"
    )
    client_without(App(), Feature.STREAMING, Feature.DUPLEX, Feature.AFTER_RESPONSE)
    shown = (
        CliRunner().invoke(command, [f"{tmp_path}/explained.py", "--backend", "gaps"], catch_exceptions=False).output
    )
    assert [line.strip() for line in shown.splitlines() if line.startswith("    gaps")] == [
        f"gaps        {text}"
        for text in (
            "a worker thread",
            "a worker thread; work after the response is done before its end is sent",
            "a worker thread; a stream is collected and answered whole",
            "not served: it cannot send event streams; answered with 501",
            "a worker thread; the whole body arrives before the handler starts",
        )
    ]


def test_a_stream_that_a_stop_cuts_before_it_begins_is_answered(client_without: Any) -> None:
    """The end of the exchange is cancelled with it, which takes back no answer that waits for that end."""

    async def endless() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)

    app = App()
    app.middleware(layer)

    @app.get("/")
    async def stream() -> StreamingResponse:
        return StreamingResponse(endless())

    client = client_without(app, Feature.AFTER_RESPONSE)
    client.application.drain(0.0)
    for _ in range(3):
        with client.stream("GET", "/") as response:
            if response.status_code != 503:
                with pytest.raises(Aborted):
                    list(response.iter_bytes())
