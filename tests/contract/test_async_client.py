"""hinge.testing.AsyncClient: what `Client` does, on a test's own event loop, which stays free."""

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator

import pytest

from hinge import App, BodyStream, Event, EventSourceResponse, Request, Response, WebSocket
from hinge.backend.contract import Feature
from hinge.errors import ConfigurationError, WebSocketDisconnect
from hinge.testing import Aborted, AsyncClient, Client, WebSocketDenied

WAIT = 10


def several_app() -> App:
    app = App()

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.post("/coroutine")
    async def coroutine(request: Request) -> dict:
        await asyncio.sleep(0)
        return {"body": request.body.decode(), "query": request.query.multi_items()}

    @app.post("/upload")
    async def upload(body: BodyStream) -> list[int]:
        return [len(piece) async for piece in body if piece]

    @app.get("/set")
    def set_cookie() -> Response:
        response = Response(status=204)
        response.set_cookie("a", "1")
        return response

    @app.get("/cookies")
    def cookies(request: Request) -> dict:
        return dict(request.cookies)

    return app


def test_it_sends_what_the_client_sends(backend):
    async def main() -> None:
        async with AsyncClient(several_app(), backend.name, headers={"x-all": "1"}) as client:
            assert client.backend == backend.name
            assert (await client.get("/plain")).text == "plain"
            answer = await client.post("/coroutine", params={"q": [1, 2]}, content="hi")
            assert answer.json() == {"body": "hi", "query": [["q", "1"], ["q", "2"]]}
            assert (await client.get("/set")).cookies == {"a": "1"}
            assert (await client.get("/cookies")).json() == {"a": "1"} == dict(client.cookies)
            for method in ("head", "options", "put", "patch", "delete"):
                assert (await getattr(client, method)("/plain")).method == method.upper()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_an_upload_is_pulled_from_either_kind_of_iterable(backend, kind):
    async def pieces() -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        for piece in (b"a", b"bc"):
            await asyncio.sleep(0)
            assert asyncio.get_running_loop() is loop
            yield piece

    async def main() -> None:
        async with AsyncClient(several_app(), backend.name) as client:
            answer = await client.post("/upload", content=pieces() if kind == "async" else iter([b"a", b"bc"]))
            assert sum(answer.json()) == 3

    asyncio.run(main())


def test_an_async_iterable_that_fails_is_a_client_that_leaves(backend):
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        raise ConnectionResetError("gone")

    async def main() -> None:
        async with AsyncClient(several_app(), backend.name) as client:
            with pytest.raises(ConnectionResetError, match="gone"):
                await client.post("/upload", content=pieces(), headers={"content-length": "9"})
            assert (await client.get("/plain")).text == "plain"

    asyncio.run(main())


def test_an_async_iterable_is_told_to_the_other_client(client_for):
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"

    with pytest.raises(TypeError, match=r"an async iterable\. Fix: AsyncClient"):
        client_for(several_app()).post("/upload", content=pieces())


@pytest.mark.parametrize("colour", ["plain", "async"])
def test_requests_are_under_way_at_once(backend, colour):
    app, arrived = App(), threading.Barrier(20)

    if colour == "plain":

        @app.get("/")
        def wait() -> str:
            arrived.wait(WAIT)
            return "x"
    else:
        here: list[asyncio.Future[None]] = []

        @app.get("/")
        async def await_() -> str:
            here.append(asyncio.get_running_loop().create_future())
            if len(here) == arrived.parties:
                for one in here:
                    one.set_result(None)
            await here[-1 if len(here) == arrived.parties else len(here) - 1]
            return "x"

    async def main() -> None:
        async with AsyncClient(app, backend.name, timeout=WAIT) as client:
            answers = await asyncio.gather(*[client.get("/") for _ in range(arrived.parties)])
            assert [answer.text for answer in answers] == ["x"] * arrived.parties

    asyncio.run(main())


def test_the_loop_stays_free_while_an_answer_takes_its_time(backend):
    app, release = App(), threading.Event()

    @app.get("/")
    def wait() -> str:
        return str(release.wait(WAIT))

    async def main() -> None:
        async with AsyncClient(app, backend.name) as client:
            asking = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0)
            release.set()
            assert (await asking).text == "True"

    asyncio.run(main())


# -- the lifespan ------------------------------------------------------------------------------------------------------


def test_the_block_runs_the_lifespans(backend):
    app, seen = App(), []

    @app.lifespan
    async def resource():
        seen.append("started")
        yield {"number": 7}
        seen.append("stopped")

    @app.get("/")
    async def number(request: Request) -> int:
        return request.state.number

    async def main() -> None:
        for _ in range(2):
            async with AsyncClient(app, backend.name) as client:
                assert (await client.get("/")).json() == 7

    asyncio.run(main())
    assert seen == ["started", "stopped"] * 2


@pytest.mark.parametrize("when", ["start", "stop"])
def test_what_a_lifespan_raises_is_raised_by_the_block(backend, when, caplog):
    caplog.set_level(logging.CRITICAL + 1, "hinge")
    app = App()

    @app.lifespan
    async def resource():
        if when == "start":
            raise LookupError(when)
        yield
        raise LookupError(when)

    async def main() -> None:
        with pytest.raises(LookupError, match=when):
            async with AsyncClient(app, backend.name):
                assert when == "stop"

    asyncio.run(main())


def test_a_block_that_is_cancelled_still_stops_the_lifespans(backend):
    app, seen = App(), []

    @app.lifespan
    async def resource():
        yield
        await asyncio.sleep(0.01)
        seen.append("stopped")

    async def main() -> None:
        inside = asyncio.Event()

        async def block() -> None:
            async with AsyncClient(app, backend.name):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(block())
        await inside.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["stopped"]

    asyncio.run(main())


# -- streams -----------------------------------------------------------------------------------------------------------


def counting_app() -> tuple[App, list, threading.Event]:
    app, produced, closed = App(), [], threading.Event()

    @app.get("/count")
    async def count():
        try:
            for number in range(100):
                produced.append(number)
                yield f"{number}\n"
        finally:
            closed.set()

    @app.get("/events")
    def events() -> EventSourceResponse:
        return EventSourceResponse([Event(data="one\ntwo", event="note"), Event(data={"x": 1})])

    @app.get("/fails")
    async def fails():
        yield "first"
        raise LookupError("later")

    return app, produced, closed


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
def test_chunks_are_produced_when_they_are_asked_for(backend):
    app, produced, closed = counting_app()

    async def main() -> None:
        async with AsyncClient(app, backend.name) as client:
            async with client.stream("GET", "/count") as response:
                assert (response.status_code, response.charset) == (200, "utf-8")
                assert response.raise_for_status().url == response.request.url == "http://testserver/count"
                chunks = response.aiter_bytes()
                assert [await anext(chunks) for _ in range(3)] == [b"0\n", b"1\n", b"2\n"]
                assert produced == [0, 1, 2]
            assert closed.is_set()  # the app has noticed by the end of the block
            assert produced == [0, 1, 2]

    asyncio.run(main())


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
def test_a_body_is_read_as_text_lines_events_and_whole(backend):
    async def main() -> None:
        async with AsyncClient(counting_app()[0], backend.name) as client:
            async with client.stream("GET", "/count") as response:
                assert await anext(response.aiter_text()) == "0\n"
                assert await anext(response.aiter_lines()) == "1"
                assert (await response.aread()).startswith(b"2\n3\n")
                await response.aclose()
            async with client.stream("GET", "/count") as response:
                assert [line async for line in response.aiter_lines()] == [str(number) for number in range(100)]
            async with client.stream("GET", "/events") as response:
                assert [event.data async for event in response.aevents()] == ["one\ntwo", '{"x":1}']

    asyncio.run(main())


@pytest.mark.needs(Feature.ABORT, "a client sees the truncation")
@pytest.mark.needs(Feature.STREAMING, "what is cut off has begun to go out")
@pytest.mark.parametrize("raises", [False, True])
def test_a_stream_that_fails_is_seen_cut_off_or_raised(backend, raises, caplog):
    caplog.set_level(logging.CRITICAL + 1, "hinge")

    async def main() -> None:
        async with AsyncClient(counting_app()[0], backend.name, raise_server_exceptions=raises) as client:
            with pytest.raises(LookupError if raises else Aborted, match="later" if raises else "GET /fails"):
                await client.get("/fails")
            async with client.stream("GET", "/fails") as response:
                chunks = response.aiter_bytes()
                assert await anext(chunks) == b"first"
                with pytest.raises(LookupError if raises else Aborted):
                    await anext(chunks)

    asyncio.run(main())


def test_what_would_block_is_told_the_word_to_write(backend):
    async def main() -> None:
        async with AsyncClient(several_app(), backend.name) as client, client.stream("GET", "/plain") as response:
            for name in ("read", "iter_bytes", "iter_lines", "events", "close"):
                with pytest.raises(AttributeError, match=rf"Fix: \.a{name}\(\)"):
                    getattr(response, name)

    asyncio.run(main())


# -- cancellation ------------------------------------------------------------------------------------------------------


def slow_app() -> tuple[App, threading.Event, threading.Event, list[str]]:
    app, arrived, release, ended = App(), threading.Event(), threading.Event(), []

    @app.get("/")
    async def slow() -> str:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return ""

    @app.get("/stream")
    async def stream():
        try:
            yield "a\n"
            await asyncio.to_thread(release.wait, WAIT)
            yield "b\n"
        finally:
            ended.append("closed")

    return app, arrived, release, ended


async def until(is_so) -> None:
    async with asyncio.timeout(WAIT):
        while not is_so():  # noqa: ASYNC110 - what it waits for may be in another thread
            await asyncio.sleep(0.001)


def test_a_cancelled_request_returns_at_once_and_is_cancelled_with_the_client(backend, caplog):
    app, arrived, _, ended = slow_app()

    async def main() -> None:
        async with AsyncClient(app, backend.name) as client:
            asking = asyncio.create_task(client.get("/"))
            await until(arrived.is_set)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert ended == []
            assert (await client.get("/missing")).status_code == 404
        assert ended == ["cancelled"]

    asyncio.run(main())


@pytest.mark.needs(Feature.DISCONNECT, "nothing is being sent")
def test_the_app_hears_that_a_cancelled_request_has_left(backend):
    app, heard = App(), threading.Event()

    @app.get("/")
    async def endless():
        try:
            while True:
                yield b""
                await asyncio.sleep(0.001)
        finally:
            heard.set()

    async def main() -> None:
        async with AsyncClient(app, backend.name) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.get("/")
            await until(heard.is_set)

    asyncio.run(main())


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
def test_a_chunk_is_not_lost_to_who_is_cancelled(backend):
    app, _, release, _ = slow_app()

    async def main() -> None:
        async with AsyncClient(app, backend.name) as client, client.stream("GET", "/stream") as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "a"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await anext(lines)
            release.set()
            assert await anext(lines) == "b"

    asyncio.run(main())


# -- WebSockets --------------------------------------------------------------------------------------------------------


def chat_app() -> App:
    app = App()

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        await ws.accept(subprotocol="b" if "b" in ws.subprotocols else None)
        async for message in ws:
            if message == "end":
                await ws.close(4000, "over")
                return
            await ws.send(message)

    return app


@pytest.mark.needs(Feature.WEBSOCKET, "it opens one")
def test_a_websocket(backend):
    async def main() -> None:
        async with AsyncClient(chat_app(), backend.name) as client:
            async with client.websocket("/echo", subprotocols=["a", "b"]) as ws:
                assert ws.subprotocol == "b"
                with pytest.raises(TimeoutError, match=r"nothing within 0\.02 s"):
                    await ws.receive(timeout=0.02)
                await ws.send("one")
                assert await ws.receive() == "one"
                await ws.send_json({"a": 1})
                assert await ws.receive_json(dict[str, int]) == {"a": 1}
                await ws.send(b"two")
                await ws.send("end")
                assert [message async for message in ws] == [b"two"]
                assert (ws.close_code, ws.close_reason) == (4000, "over")
                with pytest.raises(WebSocketDisconnect):
                    await ws.receive()
            async with client.websocket("/echo") as ws:
                await ws.close()
                await ws.close()
            with pytest.raises(WebSocketDenied) as denied:
                await client.websocket("/missing").__aenter__()
            assert denied.value.response.status_code in (403, 404)

    asyncio.run(main())


@pytest.mark.needs(Feature.WEBSOCKET, "it opens one")
def test_a_message_is_not_lost_to_who_is_cancelled(backend):
    async def main() -> None:
        async with AsyncClient(chat_app(), backend.name) as client, client.websocket("/echo") as ws:
            receiving = asyncio.create_task(ws.receive())
            await asyncio.sleep(0)
            await ws.send("one")
            receiving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await receiving
            assert await ws.receive() == "one"

    asyncio.run(main())


@pytest.mark.needs(Feature.WEBSOCKET, "it opens one")
def test_what_a_websocket_handler_raises_is_raised_on_wish(backend, caplog):
    caplog.set_level(logging.CRITICAL + 1, "hinge")
    app = App()

    @app.websocket("/")
    async def fails(ws: WebSocket) -> None:
        await ws.accept()
        raise LookupError(await ws.receive())

    async def main() -> None:
        options = {"raise_server_exceptions": True}
        async with AsyncClient(app, backend.name, **options) as client, client.websocket("/") as ws:
            await ws.send("why")
            await ws.receive()

    with pytest.raises(LookupError, match="why"):
        asyncio.run(main())


def test_an_app_that_does_not_answer_is_a_time_out_and_is_left(backend, caplog):
    app, _, _, ended = slow_app()

    async def main() -> None:
        async with AsyncClient(app, backend.name, timeout=0.5) as client:
            with pytest.raises(TimeoutError, match=r"GET /: .* within 0\.5 s"):
                await client.get("/")
        assert ended == ["cancelled"]

    asyncio.run(main())


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_a_client_that_is_not_open_says_so(backend):
    with pytest.raises(RuntimeError, match=r"async with AsyncClient\(app\) as client"):
        asyncio.run(AsyncClient(App(), backend.name).get("/"))


def test_trio_is_refused_with_what_to_write(backend):
    with pytest.raises(ConfigurationError, match=r"no asyncio event loop runs here.*Fix: run the test on asyncio"):
        AsyncClient(App(), backend.name).__aenter__().send(None)


def test_another_event_loop_than_that_of_the_client_is_told(backend):
    async def opened() -> AsyncClient:
        return await AsyncClient(App(), backend.name).__aenter__()

    with asyncio.Runner() as mine, asyncio.Runner() as another:
        client = mine.run(opened())
        with pytest.raises(RuntimeError, match=r"another event loop.*Fix: one loop for the fixture and the test"):
            another.run(client.get("/"))
        mine.run(client.__aexit__())


def test_arguments_that_it_does_not_take_are_told(backend):
    with pytest.raises(ConfigurationError, match="'follow'"):
        AsyncClient(App(), backend.name, follow=True)

    async def main() -> None:
        async with AsyncClient(App(), backend.name) as client:
            with pytest.raises(ConfigurationError, match="did you mean 'params'"):
                await client.get("/", parms={})

    asyncio.run(main())


def test_its_methods_take_what_those_of_the_client_take():
    for name in ("get", "post", "request", "stream", "websocket"):
        assert inspect.signature(getattr(AsyncClient, name)) == inspect.signature(getattr(Client, name))
