"""How what providers have entered is left: when the body is there, at a failure, behind a stream."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import anyio
import pytest

from hinge import (
    App,
    ClientDisconnect,
    Depends,
    Event,
    EventSourceResponse,
    FileResponse,
    HTTPError,
    Request,
    Response,
    StreamingResponse,
)
from hinge.backend.contract import Feature
from hinge.backend.testing import Aborted
from hinge.testing import Client

pytestmark = pytest.mark.clause("depends.ended")


class Session:
    """What a provider of each colour enters, and what it notes of its end."""

    def __init__(self, colour: str, notes: list[Any], name: str = "session", failing: Any = None) -> None:
        self.notes, self.name, self.failing = notes, name, failing
        self.provider: Callable[..., Any] = self.plain if colour == "def" else self.coroutine

    def end(self) -> None:
        self.notes.append(f"{self.name} committed")
        if self.failing is not None:
            raise self.failing

    def plain(self) -> Iterator[str]:
        self.notes.append(f"{self.name} entered")
        try:
            yield self.name
        except BaseException as error:
            self.notes.append((self.name, type(error)))
            raise
        self.end()

    async def coroutine(self) -> AsyncIterator[str]:
        self.notes.append(f"{self.name} entered")
        try:
            await asyncio.sleep(0)
            yield self.name
        except BaseException as error:
            self.notes.append((self.name, type(error)))
            raise
        await asyncio.sleep(0)
        self.end()


@pytest.fixture(params=["def", "async def"])
def colour(request: pytest.FixtureRequest) -> str:
    """The colour of the providers."""
    return request.param


@pytest.fixture
def notes() -> list[Any]:
    return []


def test_it_ends_once_the_body_is_there(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any]
) -> None:
    app, session = App(), Session(colour, notes)

    @coloured
    def handler(session: Annotated[str, Depends(session.provider)]) -> Response:
        return Response(session, headers={"x-one": "1"})

    @app.middleware
    def around(request: Request) -> Any:
        response = yield
        notes.append("middleware")
        response.headers["x-two"] = "2"

    app.get("/")(handler)
    answer = client_for(app).get("/")
    assert (answer.text, answer.headers["x-one"], answer.headers["x-two"]) == ("session", "1", "2")
    assert notes == ["session entered", "session committed", "middleware"]


def test_a_commit_that_fails_is_a_500(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any]
) -> None:
    app = App()
    outer = Session(colour, notes, "outer")
    inner = Session(colour, notes, "inner", failing=ValueError("no commit"))

    @coloured
    def handler(outer: Annotated[str, Depends(outer.provider)], inner: Annotated[str, Depends(inner.provider)]) -> str:
        return "created"

    app.post("/", status=201)(handler)
    assert client_for(app).post("/").status_code == 500
    assert notes == ["outer entered", "inner entered", "inner committed", ("outer", ValueError)]


@pytest.mark.clause("depends.failures")
@pytest.mark.parametrize("failure", [ValueError("failed"), HTTPError(409), SystemExit(3), KeyError()])
def test_a_failure_is_thrown_in_in_reverse(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any], failure: BaseException
) -> None:
    app = App()
    one, two = Session(colour, notes, "one"), Session("async def", notes, "two")
    three = Session("def", notes, "three")

    @coloured
    def handler(
        one: Annotated[str, Depends(one.provider)],
        two: Annotated[str, Depends(two.provider)],
        three: Annotated[str, Depends(three.provider)],
    ) -> str:
        raise failure

    app.get("/")(handler)
    assert client_for(app).get("/").status_code == (409 if isinstance(failure, HTTPError) else 500)
    kind = type(failure)
    assert notes[:3] == ["one entered", "two entered", "three entered"]
    assert notes[3:] == [("three", kind), ("two", kind), ("one", kind)]


@pytest.mark.clause("depends.failures")
def test_a_provider_that_fails_ends_those_before_it(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any]
) -> None:
    app, one = App(), Session(colour, notes, "one")

    def refusing(one: Annotated[str, Depends(one.provider)]) -> str:
        raise HTTPError(403, "not you")

    @coloured
    def handler(refusing: Annotated[str, Depends(refusing)]) -> str:
        raise AssertionError

    app.get("/")(handler)
    answer = client_for(app).get("/")
    assert (answer.status_code, answer.json()["detail"]) == (403, "not you")
    assert notes == ["one entered", ("one", HTTPError)]


@pytest.mark.clause("depends.failures")
def test_what_is_swallowed_goes_on(
    client_for: Callable[..., Client], coloured: Any, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    def plain() -> Iterator[None]:
        with contextlib.suppress(ValueError):
            yield

    async def coroutine() -> AsyncIterator[None]:
        with contextlib.suppress(ValueError):
            yield

    @coloured
    def handler(session: Annotated[None, Depends(plain if colour == "def" else coroutine)]) -> str:
        raise ValueError("failed")

    app.get("/")(handler)
    with caplog.at_level(logging.WARNING):
        assert client_for(app).get("/").status_code == 500
    assert any("swallowed" in one.getMessage() for one in caplog.records)


@pytest.mark.clause("depends.failures")
def test_the_first_failure_is_answered(
    client_for: Callable[..., Client], coloured: Any, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    def failing() -> Iterator[None]:
        try:
            yield
        finally:
            raise KeyError("teardown")

    async def afailing() -> AsyncIterator[None]:
        try:
            yield
        finally:
            raise KeyError("teardown")

    @coloured
    def handler(session: Annotated[None, Depends(failing if colour == "def" else afailing)]) -> str:
        raise HTTPError(409)

    app.get("/")(handler)
    assert client_for(app).get("/").status_code == 409
    assert any("failed while it was left" in one.getMessage() for one in caplog.records)


@pytest.mark.clause("depends.failures")
def test_an_http_error_answers_in_place_of_a_failure(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any]
) -> None:
    app, outer = App(), Session(colour, notes, "outer")

    def translating(outer: Annotated[str, Depends(outer.provider)]) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise HTTPError(409, "taken") from error

    async def atranslating(outer: Annotated[str, Depends(outer.provider)]) -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            raise HTTPError(409, "taken") from error

    @coloured
    def handler(session: Annotated[None, Depends(translating if colour == "def" else atranslating)]) -> str:
        raise ValueError("unique")

    app.get("/")(handler)
    assert client_for(app).get("/").json()["detail"] == "taken"
    assert notes == ["outer entered", ("outer", HTTPError)]


@pytest.mark.clause("depends.failures")
def test_a_failing_provider_is_an_error_handler_s(
    client_for: Callable[..., Client], coloured: Any, colour: str
) -> None:
    app, notes = App(), []
    session = Session(colour, notes, failing=KeyError("late"))

    @app.error(KeyError)
    def told(request: Request, error: KeyError) -> Response:
        return Response("told", status=418)

    @coloured
    def handler(session: Annotated[str, Depends(session.provider)]) -> str:
        return "fine"

    app.get("/")(handler)
    answer = client_for(app).get("/")
    assert (answer.status_code, answer.text) == (418, "told")


@pytest.mark.parametrize("yields", [0, 2])
def test_a_generator_yields_once(
    client_for: Callable[..., Client], coloured: Any, colour: str, yields: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    def plain() -> Iterator[int]:
        yield from range(yields)

    async def coroutine() -> AsyncIterator[int]:
        for number in range(yields):
            yield number

    @coloured
    def handler(number: Annotated[int, Depends(plain if colour == "def" else coroutine)]) -> int:
        return number

    app.get("/")(handler)
    assert client_for(app).get("/").status_code == 500
    text = "".join(str(one.exc_info[1]) for one in caplog.records if one.exc_info)
    assert ("without a yield" if yields == 0 else "a second time") in text
    assert "test_dependency_endings.py:" in text


@pytest.mark.clause("depends.colour")
def test_task_groups_span_a_yield(client_for: Callable[..., Client], coloured: Any) -> None:
    app, notes = App(), []

    async def group() -> AsyncIterator[Any]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
            with anyio.CancelScope():
                yield tasks
        notes.append("closed")

    async def inner(group: Annotated[Any, Depends(group)]) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.sleep(0))
            yield

    @coloured
    def handler(inner: Annotated[None, Depends(inner)]) -> str:
        return "fine"

    app.get("/")(handler)
    assert client_for(app).get("/").text == "fine"
    assert notes == ["closed"]


# -- streams -----------------------------------------------------------------------------------------------------------


def streaming(colour: str, chunks: Callable[[], Iterator[Any]]) -> Any:
    """Return chunks as a source of a colour."""
    if colour == "def":
        return chunks()

    async def awaited() -> AsyncIterator[Any]:
        for chunk in chunks():
            await asyncio.sleep(0)
            yield chunk

    return awaited()


@pytest.fixture(params=["def", "async def"])
def source(request: pytest.FixtureRequest) -> str:
    """The colour of what is streamed."""
    return request.param


@pytest.fixture(params=["bare", "inside middleware"])
def around(request: pytest.FixtureRequest) -> Callable[[App], None]:
    """What is around the handler."""

    def middleware(request: Request) -> Any:
        yield

    return (lambda app: app.middleware(middleware)) if request.param != "bare" else lambda app: None


def streamed(coloured: Any, session: Session, source: str, chunks: Callable[[], Iterator[Any]]) -> Callable[..., Any]:
    """Return a handler that holds a session and answers with a stream."""

    @coloured
    def handler(session: Annotated[str, Depends(session.provider)]) -> StreamingResponse:
        return StreamingResponse(streaming(source, chunks))

    return handler  # type: ignore[no-any-return]


@pytest.mark.clause("depends.streams")
def test_a_stream_s_end_is_the_end(
    client_for: Callable[..., Client], coloured: Any, colour: str, source: str, notes: list[Any], around: Any
) -> None:
    app, session = App(), Session(colour, notes)
    around(app)

    def chunks() -> Iterator[str]:
        yield "a"
        notes.append("streaming")
        yield "b"

    app.get("/")(streamed(coloured, session, source, chunks))
    client = client_for(app)
    assert client.get("/").text == "ab"
    assert notes == ["session entered", "streaming", "session committed"]
    notes.clear()
    assert client.head("/").status_code == 200
    assert notes == ["session entered", "session committed"]


@pytest.mark.clause("depends.streams")
@pytest.mark.needs(Feature.STREAMING, "a collected stream is answered with its failure")
@pytest.mark.needs(Feature.ABORT, "the client sees the cut")
def test_a_stream_s_failure_is_thrown_in(
    client_for: Callable[..., Client], coloured: Any, colour: str, source: str, notes: list[Any], around: Any
) -> None:
    app, session = App(), Session(colour, notes)
    around(app)

    def chunks() -> Iterator[str]:
        yield "a"
        raise ValueError("in the stream")

    app.get("/")(streamed(coloured, session, source, chunks))
    with pytest.raises(Aborted):
        client_for(app).get("/")
    assert notes == ["session entered", ("session", ValueError)]


@pytest.mark.clause("depends.streams")
@pytest.mark.needs(Feature.STREAMING, "a client leaves in the middle of it")
def test_a_stream_that_is_cut_is_told_so(
    client_for: Callable[..., Client], coloured: Any, colour: str, source: str, notes: list[Any], around: Any
) -> None:
    app, session = App(), Session(colour, notes)
    around(app)

    def chunks() -> Iterator[bytes]:
        while True:
            yield b"x" * 4096

    app.get("/")(streamed(coloured, session, source, chunks))
    client = client_for(app)
    with client.stream("GET", "/") as answer:
        next(answer.iter_bytes())
    assert notes == ["session entered", ("session", ClientDisconnect)]


@pytest.mark.clause("depends.streams")
def test_a_stream_that_fails_before_its_first_chunk(
    client_for: Callable[..., Client], coloured: Any, colour: str, source: str, notes: list[Any], around: Any
) -> None:
    app, session = App(), Session(colour, notes)
    around(app)

    def chunks() -> Iterator[str]:
        raise HTTPError(409)
        yield

    app.get("/")(streamed(coloured, session, source, chunks))
    assert client_for(app).get("/").status_code == 409
    assert notes == ["session entered", ("session", HTTPError)]


@pytest.mark.clause("depends.streams")
def test_a_generator_handler_is_a_stream(client_for: Callable[..., Client], colour: str, notes: list[Any]) -> None:
    app, session = App(), Session(colour, notes)

    @app.get("/plain")
    def plain(session: Annotated[str, Depends(session.provider)]) -> Iterator[str]:
        yield session
        notes.append("streamed")

    @app.get("/async")
    async def coroutine(session: Annotated[str, Depends(session.provider)]) -> AsyncIterator[dict[str, str]]:
        yield {"session": session}
        notes.append("streamed")

    client = client_for(app)
    assert client.get("/plain").text == "session"
    assert client.get("/async").text == '{"session":"session"}\n'
    assert notes == ["session entered", "streamed", "session committed"] * 2


@pytest.mark.clause("depends.streams")
def test_a_file_is_sent_before_the_end(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any], tmp_path: Any
) -> None:
    app, session = App(), Session(colour, notes)
    (tmp_path / "large").write_bytes(b"x" * 700_000)

    @coloured
    def handler(session: Annotated[str, Depends(session.provider)]) -> FileResponse:
        return FileResponse(tmp_path / "large")

    app.get("/")(handler)
    client = client_for(app)
    assert len(client.get("/").content) == 700_000
    assert client.get("/", headers={"range": "bytes=0-9"}).content == b"x" * 10
    assert notes == ["session entered", "session committed"] * 2


@pytest.mark.clause("depends.streams")
@pytest.mark.needs(Feature.STREAMING, "they are events")
def test_events(client_for: Callable[..., Client], coloured: Any, colour: str, source: str, notes: list[Any]) -> None:
    app, session = App(), Session(colour, notes)

    @coloured
    def handler(session: Annotated[str, Depends(session.provider)]) -> EventSourceResponse:
        def chunks() -> Iterator[Event]:
            yield Event(data="one")

        return EventSourceResponse(streaming(source, chunks))

    app.get("/")(handler)
    assert "data: one" in client_for(app).get("/").text
    assert notes == ["session entered", "session committed"]


@pytest.mark.clause("depends.streams")
def test_task_groups_span_a_stream(client_for: Callable[..., Client], source: str, around: Any) -> None:
    app, notes = App(), []
    around(app)

    async def group() -> AsyncIterator[Any]:
        task = asyncio.current_task()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
            yield tasks
        notes.append(asyncio.current_task() is task)

    @app.get("/")
    async def handler(group: Annotated[Any, Depends(group)]) -> StreamingResponse:
        return StreamingResponse(streaming(source, lambda: iter(("a", "b"))))

    assert client_for(app).get("/").text == "ab"
    assert notes == [True]


def test_work_after_the_response_comes_after_the_end(
    client_for: Callable[..., Client], coloured: Any, colour: str, notes: list[Any]
) -> None:
    app, session = App(), Session(colour, notes)

    @coloured
    def handler(request: Request, session: Annotated[str, Depends(session.provider)]) -> str:
        request.after_response(notes.append, "after")
        return "fine"

    app.get("/")(handler)
    assert client_for(app).get("/").text == "fine"
    assert notes == ["session entered", "session committed", "after"]


@pytest.mark.clause("drain.cut")
def test_a_stopping_worker_lets_it_end(client_for: Callable[..., Client], coloured: Any) -> None:
    app, notes = App(), []
    ending = threading.Event()

    async def session() -> AsyncIterator[str]:
        yield "session"
        ending.set()
        await asyncio.sleep(0.3)
        notes.append("closed")

    @coloured
    def handler(session: Annotated[str, Depends(session)]) -> str:
        return session

    app.get("/")(handler)
    client = client_for(app)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(client.get("/")))
    thread.start()
    assert ending.wait(10)
    client.application.drain(0.01)
    thread.join()
    assert notes == ["closed"]
    assert answers[0].text == "session"
