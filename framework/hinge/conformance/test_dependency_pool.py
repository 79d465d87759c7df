"""A pool of one connection: it is lent and given back, and knows why, however a request ends."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, NoReturn

import pytest

from hinge import (
    App,
    Body,
    ClientDisconnect,
    ConfigurationError,
    Depends,
    HTTPError,
    Request,
    StreamingResponse,
    WebSocket,
)
from hinge.backend.contract import Backend, Feature
from hinge.backend.testing import Aborted
from hinge.conformance.pools import PATIENCE, Pool
from hinge.conformance.websockets import closed, websockets
from hinge.middleware import Timeout, timeout
from hinge.middleware.timeout import Bound
from hinge.testing import Client

pytestmark = pytest.mark.clause("depends.failures")

PROVIDERS = ("def", "async def")


@pytest.fixture(params=PROVIDERS)
def colour(request: pytest.FixtureRequest) -> str:
    """The colour of the provider."""
    return request.param


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def lends(pool: Pool, colour: str) -> Any:
    """What a handler takes a connection with."""
    return Annotated[int, Depends(pool.provider(colour))]


@pytest.fixture
def app(lends: Any) -> App:
    """An app with a route that needs the one connection: an answer of it says that it is back."""
    app = App()

    @app.get("/again")
    def again(connection: lends) -> str:
        return "again"

    return app


def is_back(client: Client, pool: Pool, *endings: Any) -> None:
    """Tell that everything lent was given back, once, with these endings, and can be lent again."""
    assert (pool.endings, pool.out) == ([*endings], 0)
    assert client.get("/again").text == "again"
    assert (pool.lent, pool.out) == (len(endings) + 1, 0)


# -- what handlers do --------------------------------------------------------------------------------------------------


def returns() -> Any:
    return {"a": 1}


def fails() -> Any:
    raise ValueError("failed")


def answers_with_an_error() -> Any:
    raise HTTPError(409)


def gives_what_nobody_encodes() -> Any:
    return {"a": object()}


def ends_the_process() -> Any:
    raise SystemExit(3)


def is_cancelled() -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("does", "status", "ending"),
    [
        (returns, 200, None),
        (fails, 500, ValueError),
        (answers_with_an_error, 409, HTTPError),
        (gives_what_nobody_encodes, 500, TypeError),
        (ends_the_process, 500, SystemExit),
        (is_cancelled, 500, asyncio.CancelledError),
    ],
)
def test_whatever_a_handler_does(
    client_for: Callable[..., Client],
    coloured: Any,
    app: App,
    pool: Pool,
    lends: Any,
    does: Callable[[], Any],
    status: int,
    ending: Any,
) -> None:
    @coloured
    def handler(connection: lends) -> Any:
        return does()

    app.get("/")(handler)
    client = client_for(app)
    assert client.get("/").status_code == status
    is_back(client, pool, ending)


def failing(colour: str, name: str, notes: list[Any]) -> Any:
    """Return a provider whose teardown fails."""

    def teardown() -> NoReturn:
        notes.append((name, "fails"))
        raise KeyError(f"of {name}")

    def plain() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            notes.append((name, str(error)))
            raise
        teardown()

    async def coroutine() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            notes.append((name, str(error)))
            raise
        teardown()

    return plain if colour == "def" else coroutine


@pytest.mark.parametrize("colours", [("def", "def"), ("async def", "async def"), ("def", "async def")])
def test_two_teardowns_that_fail(
    client_for: Callable[..., Client], coloured: Any, app: App, pool: Pool, lends: Any, colours: tuple[str, str]
) -> None:
    notes: list[Any] = []
    outer, inner = failing(colours[0], "outer", notes), failing(colours[1], "inner", notes)

    @coloured
    def handler(
        connection: lends, outer: Annotated[None, Depends(outer)], inner: Annotated[None, Depends(inner)]
    ) -> str:
        return "fine"

    app.get("/")(handler)
    client = client_for(app)
    assert client.get("/").status_code == 500
    assert notes == [("inner", "fails"), ("outer", "'of inner'")]
    is_back(client, pool, KeyError)


# -- what takes too long -----------------------------------------------------------------------------------------------


NEVER = 3600.5
"""Seconds of a Timeout that ends when a check says so."""


class Late:
    """Ends a `Timeout(NEVER)` from within: at a moment that is known, and not after some time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def bound(seconds: float) -> Bound:
            self._bound, self._loop = Bound(seconds), asyncio.get_running_loop()
            return self._bound

        monkeypatch.setattr(timeout, "Bound", bound)

    def now(self) -> None:
        """Have the time be over; in a thread, return once the request's task knows."""
        self._loop.call_soon_threadsafe(self._bound.end)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            for _ in range(6):
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(PATIENCE)

    async def forever(self) -> None:
        """Have the time be over, and wait."""
        self.now()
        await asyncio.Event().wait()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    return Late(monkeypatch)


@pytest.fixture
def out(app: App, pool: Pool) -> list[int]:
    """How many connections are out when a 504 goes on its way."""
    seen: list[int] = []

    @app.middleware
    def around(request: Request) -> Any:
        response = yield
        if response.status == 504:
            seen.append(pool.out)

    return seen


def test_a_timeout_waits_for_the_teardown(
    client_for: Callable[..., Client], app: App, pool: Pool, lends: Any, late: Late, out: list[int]
) -> None:
    async def slow(connection: lends) -> AsyncIterator[int]:
        try:
            yield connection
        finally:
            await asyncio.sleep(0.05)  # nobody cancels it again
            out.append(-1)

    @app.get("/", middleware=[Timeout(NEVER)])
    async def handler(connection: Annotated[int, Depends(slow)]) -> str:
        await late.forever()
        raise AssertionError

    client = client_for(app)
    assert client.get("/").status_code == 504
    assert out == [-1, 0]
    is_back(client, pool, asyncio.CancelledError)


@pytest.mark.parametrize("ending", [None, ValueError])
def test_a_timeout_does_not_cut_a_teardown_in_half(
    client_for: Callable[..., Client], app: App, pool: Pool, lends: Any, colour: str, late: Late, ending: Any
) -> None:
    notes: list[str] = []

    def committed(connection: lends) -> Iterator[None]:
        try:
            yield
        finally:
            late.now()
            notes.append("whole")

    async def acommitted(connection: lends) -> AsyncIterator[None]:
        try:
            yield
        finally:
            late.now()
            for _ in range(6):
                await asyncio.sleep(0)
            notes.append("whole")

    @app.get("/", middleware=[Timeout(NEVER)])
    async def handler(committed: Annotated[None, Depends(committed if colour == "def" else acommitted)]) -> str:
        if ending is not None:
            raise ending
        return "fine"

    client = client_for(app)
    assert client.get("/").status_code == (200 if ending is None else 500)
    assert notes == ["whole"]
    is_back(client, pool, ending)


def test_somebody_else_s_cancellation_during_a_teardown(
    client_for: Callable[..., Client], app: App, pool: Pool, lends: Any
) -> None:
    """Which nobody can keep off: what is left to be left is left all the same."""
    scopes: list[Any] = []

    async def scoped(request: Request) -> Any:
        try:
            async with asyncio.timeout(None) as bound:
                scopes.append((bound, asyncio.get_running_loop()))
                yield
        except TimeoutError as error:
            raise HTTPError(504) from error

    def inner(connection: lends) -> Iterator[None]:
        yield
        bound, loop = scopes[-1]
        loop.call_soon_threadsafe(lambda: bound.reschedule(loop.time()))
        for _ in range(6):
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(PATIENCE)

    async def between(inner: Annotated[None, Depends(inner)]) -> AsyncIterator[None]:
        yield

    @app.get("/", middleware=[scoped])
    async def handler(inner: Annotated[None, Depends(inner)], between: Annotated[None, Depends(between)]) -> str:
        return "fine"

    client = client_for(app)
    assert client.get("/").status_code == 504
    (ending,) = pool.endings
    is_back(client, pool, ending)


def test_a_timeout_while_a_provider_waits(
    client_for: Callable[..., Client], app: App, pool: Pool, lends: Any, late: Late, out: list[int]
) -> None:
    async def waiting(connection: lends) -> int:
        await late.forever()
        return connection

    @app.get("/", middleware=[Timeout(NEVER)])
    async def handler(waiting: Annotated[int, Depends(waiting)]) -> str:
        raise AssertionError

    client = client_for(app)
    assert client.get("/").status_code == 504
    assert out == [0]
    is_back(client, pool, asyncio.CancelledError)


WHERE = ("provider", "guard", "handler", "handler behind a guard", "stream")


@pytest.mark.clause("depends.guards")
@pytest.mark.parametrize("where", WHERE)
def test_a_timeout_does_not_take_a_connection_from_a_thread(
    client_for: Callable[..., Client],
    backend: Backend,
    app: App,
    pool: Pool,
    lends: Any,
    late: Late,
    out: list[int],
    where: str,
) -> None:
    notes: list[int] = []

    def is_late() -> None:
        late.now()
        notes.append(pool.out)

    def provider(connection: lends) -> int:
        if where in ("provider", "guard"):
            is_late()
        return connection

    def handler(provider: Annotated[int, Depends(provider)], items: Body[list[int]]) -> Any:
        if where.startswith("handler"):
            is_late()
        if where == "stream":
            is_late()
            return StreamingResponse(iter(["late"]))
        return "late"

    guards = [Depends(provider)] if "guard" in where else []
    app.post("/", middleware=[Timeout(NEVER)], dependencies=guards)(handler)
    if backend.interface == "wsgi":
        with pytest.raises(ConfigurationError, match="cannot end a `def` handler"):
            client_for(app)
        return
    client = client_for(app)
    assert client.post("/", json=[1]).status_code == 504
    assert (notes, out) == ([1], [0])
    is_back(client, pool, asyncio.CancelledError)


@pytest.mark.clause("depends.guards")
@pytest.mark.parametrize("where", ["guard", "handler"])
def test_a_timeout_behind_a_guard(
    client_for: Callable[..., Client], app: App, pool: Pool, lends: Any, late: Late, out: list[int], where: str
) -> None:
    async def guard(connection: lends) -> None:
        if where == "guard":
            await late.forever()

    @app.post("/", middleware=[Timeout(NEVER)], dependencies=[Depends(guard)])
    async def handler(items: Body[list[int]]) -> str:
        await late.forever()
        raise AssertionError

    client = client_for(app)
    assert client.post("/", json=[1]).status_code == 504
    assert out == [0]
    is_back(client, pool, asyncio.CancelledError)


# -- streams -----------------------------------------------------------------------------------------------------------


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 4096


def broken() -> Iterator[bytes]:
    yield b"x"
    raise ValueError("half-way")


async def aendless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 4096
        await asyncio.sleep(0)


async def asilent() -> AsyncIterator[bytes]:
    yield b"x"
    await asyncio.Event().wait()


async def abroken() -> AsyncIterator[bytes]:
    yield b"x"
    raise ValueError("half-way")


def leaves(client: Client) -> None:
    """Begin to read, and leave."""
    with client.stream("GET", "/") as answer:
        next(answer.iter_bytes())


def reads(client: Client) -> None:
    """Read until the answer is cut."""
    with pytest.raises(Aborted):
        client.get("/")


def stops(client: Client) -> None:
    """Have the worker stop, which cuts the answer."""
    with client.stream("GET", "/") as answer:
        chunks = answer.iter_bytes()
        next(chunks)
        client.application.drain(0.01)
        with pytest.raises(Aborted):
            list(chunks)


@pytest.mark.needs(Feature.STREAMING, "it ends half-way")
@pytest.mark.needs(Feature.ABORT, "the client sees the cut")
@pytest.mark.clause("depends.streams")
@pytest.mark.parametrize(
    ("source", "does", "ending"),
    [
        (broken, reads, ValueError),
        (abroken, reads, ValueError),
        (endless, leaves, ClientDisconnect),
        (aendless, leaves, ClientDisconnect),
        (endless, stops, ClientDisconnect),
        (aendless, stops, ClientDisconnect),
        (asilent, stops, ClientDisconnect),
    ],
)
def test_whatever_becomes_of_a_stream(
    backend: Backend, coloured: Any, app: App, pool: Pool, lends: Any, source: Any, does: Any, ending: Any
) -> None:
    @coloured
    def handler(connection: lends) -> StreamingResponse:
        return StreamingResponse(source())

    app.get("/")(handler)
    with Client(app, backend.name) as client:
        does(client)
    assert (pool.endings, pool.out) == ([ending], 0)
    with Client(app, backend.name) as client:
        is_back(client, pool, ending)


# -- a worker that stops -----------------------------------------------------------------------------------------------


@pytest.mark.clause("drain.cut")
def test_a_handler_that_is_cut(client_for: Callable[..., Client], app: App, pool: Pool, lends: Any) -> None:
    entered = threading.Event()

    @app.get("/")
    async def handler(connection: lends) -> str:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    client = client_for(app)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(client.get("/")))
    thread.start()
    assert entered.wait(PATIENCE)
    client.application.drain(0.01)
    thread.join(PATIENCE)
    assert [one.status_code for one in answers] == [503]
    assert (pool.endings, pool.out) == ([asyncio.CancelledError], 0)


# -- many at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/upload"])
def test_a_pool_of_three_and_many_requests(
    client_for: Callable[..., Client], coloured: Any, colour: str, path: str
) -> None:
    pool, app, statuses = Pool(3), App(), []
    lends = Annotated[int, Depends(pool.provider(colour))]

    @coloured
    def handler(connection: lends) -> str:  # type: ignore[valid-type]
        return str(connection)

    @coloured
    def upload(connection: lends, request: Request) -> str:  # type: ignore[valid-type]
        return str(len(request.body))

    app.get("/")(handler)
    app.post("/upload")(upload)
    client = client_for(app)

    def ask() -> None:
        body = None if path == "/" else b"x" * 100_000
        statuses.append(client.request("GET" if body is None else "POST", path, content=body).status_code)

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    assert statuses == [200] * 30
    assert (pool.out, pool.lent) == (0, 30)
    assert pool.most <= 3


@pytest.mark.clause("depends.colour")
def test_a_provider_that_blocks_blocks_nobody_else(client_for: Callable[..., Client], app: App, pool: Pool) -> None:
    blocks, release, answers = threading.Event(), threading.Event(), []

    def blocking() -> None:
        blocks.set()
        assert release.wait(PATIENCE)

    @app.get("/blocked")
    async def blocked(blocking: Annotated[None, Depends(blocking)]) -> str:
        return "late"

    @app.get("/free")
    async def free() -> str:
        return "free"

    client = client_for(app)
    thread = threading.Thread(target=lambda: answers.append(client.get("/blocked").text))
    thread.start()
    try:
        assert blocks.wait(PATIENCE)
        assert client.get("/free").text == "free"
        assert client.get("/again").text == "again"
    finally:
        release.set()
    thread.join(PATIENCE)
    assert answers == ["late"]


# -- WebSockets --------------------------------------------------------------------------------------------------------


@websockets
@pytest.mark.clause("depends.websocket")
@pytest.mark.parametrize("how", ["returns", "fails", "leaves", "stops", "refuses"])
def test_whatever_becomes_of_a_websocket(
    client_for: Callable[..., Client], app: App, pool: Pool, lends: Any, how: str
) -> None:
    @app.websocket("/live")
    async def live(ws: WebSocket, connection: lends) -> None:
        if how == "refuses":
            raise HTTPError(403)
        await ws.accept()
        await ws.send("hello")
        if how == "fails":
            raise ValueError
        if how in ("leaves", "stops"):
            await ws.receive()

    client = client_for(app)
    if how == "refuses":
        with pytest.raises(Exception, match="403"), client.websocket("/live"):
            raise AssertionError
    else:
        with client.websocket("/live") as ws:
            assert ws.receive() == "hello"
            if how == "stops":
                client.application.drain(10.0)
            if how != "leaves":
                closed(ws)
    (ending,) = pool.endings
    expected = {"returns": (None,), "fails": (ValueError,), "refuses": (HTTPError,)}
    names = {"leaves": "WebSocketDisconnect", "stops": "CancelledError"}
    assert ending in expected[how] if how in expected else ending is not None and ending.__name__ == names[how]
    assert pool.out == 0
