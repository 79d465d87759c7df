"""App-scoped dependencies, those of WebSockets, and functions that stand for providers in a test."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest

from hinge import App, Depends, HTTPConnection, HTTPError, Router, State, WebSocket, WebSocketDisconnect
from hinge.backend.contract import Backend
from hinge.conformance.websockets import closed, refusal, websockets
from hinge.testing import Client

pytestmark = pytest.mark.clause("depends.worker")


def shop(notes: list[Any], colour: str) -> tuple[App, Callable[..., Any]]:
    """Return an app with three app-scoped providers, and the one that gives its pool."""

    class Settings:
        def __init__(self) -> None:
            notes.append("settings")
            self.size = 3

    In = Annotated[Settings, Depends(scope="app")]

    def pool(settings: In, app: App) -> Iterator[list[int]]:
        notes.append("pool starts")
        yield [settings.size]
        notes.append("pool stops")

    async def apool(settings: In, *, app: App) -> AsyncIterator[list[int]]:
        await asyncio.sleep(0)
        for one in pool(settings, app):
            yield one

    provider = pool if colour == "def" else apool
    Pool = Annotated[list[int], Depends(provider, scope="app")]
    app = App()

    @app.lifespan
    def life(app: App, pool: Pool) -> Iterator[dict[str, Any]]:
        notes.append("life starts")
        yield {"of_pool": pool}
        notes.append("life stops")

    def first(pool: Pool) -> int:
        return pool[0]

    @app.get("/")
    def handler(pool: Pool, first: Annotated[int, Depends(first)], state: State) -> list[Any]:
        notes.append("request")
        return [pool, first, state.of_pool is pool]

    return app, provider


@pytest.fixture(params=["def", "async def"])
def colour(request: pytest.FixtureRequest) -> str:
    return request.param


def test_it_is_made_once_and_ends_last(backend: Backend, colour: str) -> None:
    notes: list[Any] = []
    app, _ = shop(notes, colour)
    for _ in range(2):
        with Client(app, backend.name) as client:
            assert notes == ["settings", "pool starts", "life starts"]
            assert client.get("/").json() == client.get("/").json() == [[3], 3, True]
        assert notes[3:] == ["request", "request", "life stops", "pool stops"]
        notes.clear()


@pytest.mark.clause("lifespan.failure")
def test_a_start_that_fails_ends_those_before(backend: Backend, colour: str) -> None:
    notes: list[Any] = []
    app, provider = shop(notes, colour)

    def broken(pool: Annotated[list[int], Depends(provider, scope="app")]) -> int:
        raise OSError("no route to the database")

    app.get("/broken")(lambda broken=Depends(broken, scope="app"): broken)
    with pytest.raises(OSError, match="no route"), Client(app, backend.name):
        raise AssertionError
    assert notes == ["settings", "pool starts", "pool stops"]


def test_threads_share_it(client_for: Callable[..., Client], coloured: Any) -> None:
    app, made = App(), []

    def counter() -> list[int]:
        made.append(None)
        return []

    @coloured
    def handler(counter: Annotated[list[int], Depends(counter, scope="app")]) -> int:
        counter.append(1)
        return len(counter)

    app.get("/")(handler)
    client = client_for(app)
    threads = [threading.Thread(target=client.get, args=("/",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("/").json() == 9
    assert len(made) == 1


# -- functions that stand for providers --------------------------------------------------------------------------------


@pytest.mark.clause("depends.order")
def test_another_function_stands_for_a_provider(client_for: Callable[..., Client], coloured: Any, colour: str) -> None:
    app = App()

    def session() -> str:
        raise AssertionError

    def user(session: Annotated[str, Depends(session)]) -> str:
        return f"user of {session}"

    @coloured
    def handler(user: Annotated[str, Depends(user)]) -> str:
        return user

    def fake(name: str = "nothing") -> Iterator[str]:
        yield name

    async def afake(name: str = "nothing") -> AsyncIterator[str]:
        yield name

    app.get("/")(handler)
    client = client_for(app, overrides={session: fake if colour == "def" else afake})
    assert client.get("/?name=a+fake").text == "user of a fake"
    described = client.get("/openapi.json").json()["paths"]["/"]["get"]
    assert "parameters" not in described
    assert client_for(app, overrides={user: lambda: "nobody"}).get("/").text == "nobody"


def test_what_needs_it_is_made_anew(client_for: Callable[..., Client], colour: str) -> None:
    notes: list[Any] = []
    app, provider = shop(notes, colour)

    async def fake() -> AsyncIterator[list[int]]:
        notes.append("fake starts")
        yield [5]
        notes.append("fake stops")

    with_fake = client_for(app, overrides={provider: fake})
    assert with_fake.get("/").json() == [[5], 5, True]
    assert notes == ["fake starts", "life starts", "request"]
    assert client_for(app).get("/").json() == [[3], 3, True]


@pytest.mark.clause("depends.worker")
def test_an_app_has_functions_stand_for_providers(client_for: Callable[..., Client], coloured: Any) -> None:
    router = Router()

    def settings() -> str:
        raise AssertionError

    @coloured
    def pool(settings: Annotated[str, Depends(settings, scope="app")]) -> list[str]:
        return [settings]

    Pool = Annotated[list[str], Depends(pool, scope="app")]

    @coloured
    def handler(pool: Pool) -> list[str]:
        return pool

    router.get("/")(handler)

    def create_app(given: str) -> App:
        app = App(overrides={settings: lambda: given}, openapi_path=None)

        @app.lifespan
        def told(pool: Pool) -> Iterator[None]:
            pool.append("told")
            yield

        app.include(router)
        return app

    first, outer = create_app("first"), create_app("outer")
    outer.mount("/inner", create_app("inner"))
    outer.mount("/again", first)
    outer.mount("/first", first)
    plain = App(openapi_path=None)
    plain.include(router)
    outer.mount("/plain", plain)
    assert client_for(first).get("/").json() == ["first", "told"]
    client = client_for(outer)
    found = {path: client.get(path).json() for path in ("/", "/inner/", "/first/", "/again/", "/plain/")}
    assert {path: one[0] for path, one in found.items()} == {
        "/": "outer", "/inner/": "inner", "/first/": "first", "/again/": "first", "/plain/": "outer",
    }  # fmt: skip
    assert client_for(outer, overrides={settings: lambda: "test"}).get("/inner/").json()[0] == "test"


# -- WebSockets --------------------------------------------------------------------------------------------------------


@websockets
@pytest.mark.clause("depends.websocket")
def test_it_ends_behind_the_handler(client_for: Callable[..., Client]) -> None:
    notes: list[Any] = []

    def session(name: str) -> Iterator[str]:
        notes.append("entered")
        try:
            yield name
        except BaseException as error:
            notes.append(type(error))
            raise
        notes.append("left")

    async def seen(connection: HTTPConnection, session: Annotated[str, Depends(session)]) -> AsyncIterator[str]:
        yield connection.path + session
        notes.append("async left")

    app = App(dependencies=[Depends(lambda: notes.append("app"))])

    @app.websocket("/live")
    async def live(ws: WebSocket, seen: Annotated[str, Depends(seen)], fails: bool = False) -> None:
        await ws.accept()
        await ws.send(seen)
        if fails:
            raise KeyError
        notes.append(await ws.receive())

    client = client_for(app)
    with client.websocket("/live?name=ada") as ws:
        assert ws.receive() == "/liveada"
        ws.send("bye")
    assert notes == ["app", "entered", "bye", "async left", "left"]
    notes.clear()
    with client.websocket("/live?name=ada&fails=true") as ws:
        assert ws.receive() == "/liveada"
        assert closed(ws)[0] == 1011
    assert notes == ["app", "entered", KeyError]


@websockets
@pytest.mark.clause("depends.websocket")
def test_a_guard_refuses_the_handshake(client_for: Callable[..., Client]) -> None:
    def check() -> None:
        raise HTTPError(403)

    app = App(dependencies=[Depends(check)])

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        raise AssertionError

    assert refusal(client_for(app), "/live").status_code == 403


@websockets
@pytest.mark.clause("depends.websocket")
def test_a_peer_that_leaves(client_for: Callable[..., Client]) -> None:
    notes: list[Any] = []

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            notes.append(type(error))
            raise

    app = App()

    @app.websocket("/live")
    async def live(ws: WebSocket, session: Annotated[None, Depends(session)]) -> None:
        await ws.accept()
        await ws.receive()

    with client_for(app).websocket("/live"):
        pass
    assert notes == [WebSocketDisconnect]
