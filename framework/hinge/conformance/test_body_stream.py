"""BodyStream: a body read piece by piece in both colours, with its limits, its mistakes and its client's leaving."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio.to_thread
import pytest

from hinge import App, BodyStream, ClientDisconnect, Config, Request
from hinge.backend.contract import Feature
from hinge.conformance.layers import LAYERS
from hinge.conformance.streams import CutOff
from hinge.testing import Client

pytestmark = pytest.mark.clause("body.stream")

PATIENCE = 10
BUSY = 6.0
"""Seconds that a thing may take which is owed at once or within one second: a busy machine adds the rest."""


@pytest.fixture(params=list(LAYERS))
def layers(request: pytest.FixtureRequest) -> list[Any]:
    return LAYERS[request.param]


@pytest.fixture
def app(layers: list[Any]) -> App:
    """POST /def and /async answer with the pieces of the body, /echo/def and /echo/async send them back."""
    app = App(config=Config(max_body_size=1000))

    @app.post("/def", middleware=layers)
    def plain(body: BodyStream) -> dict[str, Any]:
        pieces = [piece.decode() for piece in body]
        return {"pieces": pieces, "received": body.received, "again": [piece.decode() for piece in body]}

    @app.post("/async", middleware=layers)
    async def coroutine(body: BodyStream) -> dict[str, Any]:
        pieces = [piece.decode() async for piece in body]
        return {"pieces": pieces, "received": body.received, "again": [piece.decode() async for piece in body]}

    @app.post("/echo/def", middleware=layers)
    def echo(body: BodyStream) -> Iterator[bytes]:
        for piece in body:
            yield piece.upper()

    @app.post("/echo/async", middleware=layers)
    async def async_echo(body: BodyStream) -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece.upper()

    return app


PATHS = pytest.mark.parametrize("path", ["/def", "/async"])
ECHOES = pytest.mark.parametrize("path", ["/echo/def", "/echo/async"])


@PATHS
def test_a_body_with_a_length_is_read(client_for: Callable[..., Client], app: App, path: str) -> None:
    answer = client_for(app).post(path, content=b"x" * 500).json()
    assert "".join(answer["pieces"]) == "x" * 500
    assert (answer["received"], answer["again"]) == (500, [])


@PATHS
def test_a_body_without_a_length_is_read(client_for: Callable[..., Client], app: App, path: str) -> None:
    answer = client_for(app).post(path, content=iter([b"one", b"two", b"three"])).json()
    assert "".join(answer["pieces"]) == "onetwothree"
    assert (answer["received"], answer["again"]) == (11, [])


@PATHS
@pytest.mark.parametrize("content", [b"", None, iter(())])
def test_there_may_be_no_body(client_for: Callable[..., Client], app: App, path: str, content: Any) -> None:
    assert client_for(app).post(path, content=content).json() == {"pieces": [], "received": 0, "again": []}


@PATHS
def test_a_body_of_single_bytes_is_read(client_for: Callable[..., Client], app: App, path: str) -> None:
    answer = client_for(app).post(path, content=(b"x" for _ in range(200))).json()
    assert "".join(answer["pieces"]) == "x" * 200


@PATHS
def test_empty_pieces_end_nothing(client_for: Callable[..., Client], app: App, path: str) -> None:
    answer = client_for(app).post(path, content=iter([b"", b"a", b"", b"b", b""])).json()
    assert "".join(answer["pieces"]) == "ab"
    assert "" not in answer["pieces"]


@pytest.mark.clause("body.limit")
@PATHS
def test_a_declared_body_above_the_limit_is_refused_unread(
    client_for: Callable[..., Client], app: App, path: str
) -> None:
    response = client_for(app).post(path, content=b"x" * 1001)
    assert (response.status_code, response.json()["limit"]) == (413, 1000)


@pytest.mark.needs(Feature.DUPLEX, "the body has no end to wait for")
@pytest.mark.clause("body.limit")
@PATHS
def test_an_undeclared_body_above_the_limit_is_refused_where_it_passes_it(
    client_for: Callable[..., Client], app: App, path: str
) -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 100

    response = client_for(app).post(path, content=endless())
    assert (response.status_code, response.json()["limit"]) == (413, 1000)
    assert len(sent) < 20


@pytest.mark.clause("body.limit")
@PATHS
def test_a_limit_of_the_route_counts(client_for: Callable[..., Client], layers: list[Any], path: str) -> None:
    app = App(config=Config(max_body_size=10))

    @app.post("/def", max_body_size=100, middleware=layers)
    def plain(body: BodyStream) -> int:
        return sum(len(piece) for piece in body)

    @app.post("/async", max_body_size=100, middleware=layers)
    async def coroutine(body: BodyStream) -> int:
        return sum([len(piece) async for piece in body])

    client = client_for(app)
    assert client.post(path, content=b"x" * 100).json() == 100
    assert client.post(path, content=b"x" * 101).status_code == 413


@pytest.mark.clause("body.complete")
@PATHS
def test_a_truncated_body_is_the_clients_mistake(
    client_for: Callable[..., Client], app: App, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = client_for(app).post(path, content=iter([b"x" * 50]), headers={"content-length": "100"})
    assert response.status_code == 400
    assert "50 of 100" in response.json()["detail"]
    assert caplog.records == []


@pytest.mark.clause("body.complete")
@PATHS
def test_nothing_is_read_past_the_declared_length(client_for: Callable[..., Client], app: App, path: str) -> None:
    answer = client_for(app).post(path, content=b"abcdef", headers={"content-length": "3"}).json()
    assert "".join(answer["pieces"]) == "abc"


@pytest.mark.parametrize("path", ["/def", "/async"])
def test_reading_on_after_a_failure_fails_again(
    client_for: Callable[..., Client], layers: list[Any], path: str
) -> None:
    app = App()

    @app.post("/def", middleware=layers)
    def plain(body: BodyStream) -> str:
        with pytest.raises(ClientDisconnect):
            list(body)
        return b"".join(body).decode()

    @app.post("/async", middleware=layers)
    async def coroutine(body: BodyStream) -> str:
        with pytest.raises(ClientDisconnect):
            [piece async for piece in body]
        return b"".join([piece async for piece in body]).decode()

    response = client_for(app).post(path, content=iter([b"x" * 50]), headers={"content-length": "100"})
    assert response.status_code == 400


@pytest.mark.clause("body.unread")
def test_a_handler_need_not_read_its_body(client_for: Callable[..., Client], layers: list[Any]) -> None:
    app = App()

    @app.post("/def", middleware=layers)
    def plain(body: BodyStream) -> str:
        return "unread"

    @app.post("/async", middleware=layers)
    async def coroutine(body: BodyStream) -> str:
        async for _ in body:
            break
        return "unread"

    client = client_for(app)
    for path in ("/def", "/async"):
        assert client.post(path, content=(b"x" for _ in range(5))).text == "unread"
        assert client.post(path, content=b"x" * 100_000).text == "unread"


def test_for_and_async_for_are_each_for_their_colour(
    client_for: Callable[..., Client], layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.post("/", middleware=layers)
    async def coroutine(body: BodyStream) -> int:
        return len(list(body))

    assert client_for(app).post("/", content=b"abc").status_code == 500
    assert "`async for`" in caplog.text


def test_a_coroutine_may_hand_its_body_to_a_thread(client_for: Callable[..., Client], layers: list[Any]) -> None:
    app = App()

    @app.post("/", middleware=layers)
    async def coroutine(body: BodyStream) -> int:
        return await anyio.to_thread.run_sync(lambda: sum(len(piece) for piece in body))

    assert client_for(app).post("/", content=iter([b"abc", b"de"])).json() == 5


# -- while the response is on its way ----------------------------------------------------------------------------------


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.needs(Feature.DUPLEX, "the client waits for the answer to a piece")
@pytest.mark.clause("body.duplex")
@ECHOES
def test_an_echo_answers_each_piece_before_the_next_is_sent(
    client_for: Callable[..., Client], app: App, path: str
) -> None:
    answered = threading.Semaphore(0)

    def pieces() -> Iterator[bytes]:
        yield b"one "
        for piece in (b"two ", b"three"):
            assert answered.acquire(timeout=PATIENCE)
            yield piece

    got: list[bytes] = []
    with client_for(app).stream("POST", path, content=pieces()) as response:
        for chunk in response.iter_bytes():
            got.append(chunk)
            answered.release()
    assert b"".join(got) == b"ONE TWO THREE"
    assert got[0] == b"ONE "


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.needs(Feature.DUPLEX, "the response begins before the body has ended")
@pytest.mark.clause("body.duplex")
@ECHOES
def test_an_echo_above_the_limit_is_refused_or_cut_off(
    client_for: Callable[..., Client], app: App, path: str, caplog: pytest.LogCaptureFixture, cut_off: CutOff
) -> None:
    client = client_for(app)
    assert client.post(path, content=iter([b"x" * 1001])).status_code == 413
    with client.stream("POST", path, content=iter([b"x" * 600, b"x" * 600])) as response:
        cut_off(response.iter_bytes())
    assert caplog.records == []


@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.needs(Feature.DUPLEX, "the response begins before the body has ended")
@pytest.mark.clause("body.duplex")
@ECHOES
def test_an_echo_of_a_truncated_body_is_cut_off(
    client_for: Callable[..., Client], app: App, path: str, caplog: pytest.LogCaptureFixture, cut_off: CutOff
) -> None:
    headers = {"content-length": "100"}
    with client_for(app).stream("POST", path, content=iter([b"x" * 50]), headers=headers) as response:
        cut_off(response.iter_bytes())
    assert caplog.records == []


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.needs(Feature.DUPLEX, "the body has no end to wait for")
@pytest.mark.clause("body.duplex")
@ECHOES
def test_a_client_that_leaves_while_its_echo_comes_ends_both(
    client_for: Callable[..., Client], app: App, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10

    client = client_for(app)
    with client.stream("POST", path, content=endless()) as response:
        chunks = response.iter_bytes()
        assert next(chunks)
        assert next(chunks)
    assert client.post("/def", content=b"x").json()["pieces"] == ["x"]
    assert caplog.records == []


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.needs(Feature.DUPLEX, "the response begins before the body has ended")
@pytest.mark.clause("stream.left")
@pytest.mark.needs(Feature.DISCONNECT, "nothing is sent while the source waits")
@pytest.mark.parametrize("pieces", [0, 1, 2])
def test_a_leaving_is_noticed_although_the_body_is_not_read_on(
    client_for: Callable[..., Client], layers: list[Any], pieces: int
) -> None:
    app = App()
    closed = threading.Event()

    @app.post("/", middleware=layers)
    async def handler(body: BodyStream) -> AsyncIterator[str]:
        try:
            yield "begun"
            read = 0
            if pieces:
                async for _ in body:
                    read += 1
                    if read == pieces:
                        break
            yield "read"
            await asyncio.Event().wait()
        finally:
            closed.set()

    def upload() -> Iterator[bytes]:
        for _ in range(pieces + 10):
            yield b"x"
        closed.wait(PATIENCE)

    with client_for(app).stream("POST", "/", content=upload()) as response:
        chunks = response.iter_bytes()
        assert (next(chunks), next(chunks)) == (b"begun", b"read")
        started = time.monotonic()
    assert closed.is_set()
    assert time.monotonic() - started < BUSY


class Leaving(Exception):
    """What makes a client leave mid-upload."""


@pytest.mark.clause("body.left")
@pytest.mark.parametrize("path", ["/def", "/async", "/echo/def", "/echo/async"])
@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_a_client_that_leaves_mid_upload_ends_the_handler(
    client_for: Callable[..., Client], app: App, path: str, pieces: int, caplog: pytest.LogCaptureFixture
) -> None:
    def leaving() -> Iterator[bytes]:
        for _ in range(pieces):
            yield b"x"
        raise Leaving

    client = client_for(app)
    with pytest.raises(Leaving):
        client.post(path, content=leaving(), headers={"content-length": "900"})
    assert client.post("/def", content=b"x").json()["pieces"] == ["x"]
    assert caplog.records == []


@pytest.mark.needs(Feature.DUPLEX, "the handler starts before the body has ended")
@pytest.mark.clause("body.left")
@PATHS
def test_the_handler_sees_that_its_client_left(client_for: Callable[..., Client], layers: list[Any], path: str) -> None:
    app = App()
    seen: list[str] = []

    @app.post("/def", middleware=layers)
    def plain(body: BodyStream, request: Request) -> None:
        request.after_response(seen.append, "after")
        try:
            list(body)
        except ClientDisconnect:
            seen.append("left")
            raise

    @app.post("/async", middleware=layers)
    async def coroutine(body: BodyStream, request: Request) -> None:
        request.after_response(seen.append, "after")
        try:
            [piece async for piece in body]
        except ClientDisconnect:
            seen.append("left")
            raise

    def leaving() -> Iterator[bytes]:
        yield b"x"
        raise Leaving

    with pytest.raises(Leaving):
        client_for(app).post(path, content=leaving(), headers={"content-length": "900"})
    assert seen == ["left", "after"]


@pytest.mark.needs(Feature.DUPLEX, "the pieces come as they were sent")
@pytest.mark.clause("body.duplex")
def test_a_body_may_be_read_by_a_task_beside_the_response(client_for: Callable[..., Client], layers: list[Any]) -> None:
    app = App()

    @app.post("/", middleware=layers)
    async def relay(body: BodyStream) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def read() -> None:
            async for piece in body:
                await queue.put(piece)
            await queue.put(None)

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            while (piece := await queue.get()) is not None:
                yield piece[::-1]

    assert client_for(app).post("/", content=iter([b"abc", b"def"])).content == b"cbafed"


def test_a_task_that_reads_on_after_the_request_is_told(client_for: Callable[..., Client], layers: list[Any]) -> None:
    app = App()
    ended: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    go = threading.Event()

    @app.post("/", middleware=layers)
    async def handler(body: BodyStream) -> str:
        async def read_later() -> None:
            await asyncio.to_thread(go.wait, PATIENCE)
            try:
                async for _ in body:
                    pass
                ended.append("end")
            except (RuntimeError, ClientDisconnect) as error:
                ended.append(type(error).__name__)

        tasks.append(asyncio.create_task(read_later()))
        return "answered"

    @app.get("/wait")
    async def wait() -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)

    client = client_for(app)
    assert client.post("/", content=b"abc").text == "answered"
    go.set()
    assert client.get("/wait").status_code == 204
    assert ended[0] in ("RuntimeError", "ClientDisconnect", "end")
