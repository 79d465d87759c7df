"""Other test clients, given the App itself: requests, streams, WebSockets, lifespans, and what fails.

Law: a client that cannot run the app as it is says so, and the line that helps is run here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hinge import App, Config, Request, WebSocket

pytestmark = [
    pytest.mark.gate,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using `httpx`"),
]

Made = tuple[App, list[str]]
SEEN = {"state": 7, "body": "x", "lines": "0\n1\n"}


def made(*, websocket: bool = False, **config: Any) -> Made:
    app, life = App(config=Config(**config)), []

    @app.lifespan
    async def resource() -> AsyncIterator[dict[str, int]]:
        life.append("up")
        yield {"number": 7}
        life.append("down")

    @app.get("/state")
    async def state(request: Request) -> int:
        return request.state.number

    @app.post("/body")
    def body(request: Request) -> str:
        return request.body.decode()

    @app.get("/lines")
    def lines() -> Iterator[str]:
        yield from ("0\n", "1\n")

    @app.get("/fails")
    async def fails() -> None:
        raise LookupError("why")

    if websocket:

        @app.websocket("/upper")
        async def upper(ws: WebSocket) -> None:
            await ws.accept()
            async for text in ws:
                await ws.send(text.upper())

    return app, life


def httpx_wsgi(app: Any) -> dict[str, Any]:
    import httpx

    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://testserver") as client:
        answers = client.get("/state"), client.post("/body", content="x"), client.get("/lines")
    return {"state": answers[0].json(), "body": answers[1].text, "lines": answers[2].text}


def webtest_app(app: Any) -> dict[str, Any]:
    import webtest

    client = webtest.TestApp(app)  # which puts its lint around it
    return {
        "state": client.get("/state").json,
        "body": client.post("/body", "x").text,
        "lines": client.get("/lines").text,
    }


def werkzeug_client(app: Any) -> dict[str, Any]:
    from werkzeug.test import Client

    client = Client(app)
    return {
        "state": client.get("/state").json,
        "body": client.post("/body", data="x").text,
        "lines": client.get("/lines").text,
    }


def requests_adapter(app: Any) -> dict[str, Any]:
    import requests
    from wsgiadapter import WSGIAdapter

    with requests.Session() as session:
        session.mount("http://testserver/", WSGIAdapter(app))
        return {
            "state": session.get("http://testserver/state").json(),
            "body": session.post("http://testserver/body", data="x").text,
            "lines": session.get("http://testserver/lines").text,
        }


def with_length_as_text(app: Any) -> Any:
    """Return the app for requests-wsgi-adapter 0.4.1, whose CONTENT_LENGTH is an int and no text (PEP 3333)."""
    return lambda environ, start: app({**environ, "CONTENT_LENGTH": str(environ["CONTENT_LENGTH"])}, start)


@pytest.mark.parametrize(
    ("run", "around"),
    [(httpx_wsgi, None), (webtest_app, None), (werkzeug_client, None), (requests_adapter, with_length_as_text)],
)
def test_clients_of_wsgi(run: Callable[[Any], dict[str, Any]], around: Callable[[Any], Any] | None) -> None:
    app, life = made()
    assert run(around(app) if around else app) == SEEN
    assert life == ["up"]  # with the first request
    app.wsgi.stop()
    assert life == ["up", "down"]


@pytest.mark.upstream
def test_requests_wsgi_adapter_alone_breaks_pep_3333() -> None:
    import requests
    from wsgiadapter import WSGIAdapter

    lengths: list[Any] = []

    def application(environ: Any, start: Any) -> list[bytes]:
        lengths.append(environ["CONTENT_LENGTH"])
        start("204 No Content", [])
        return []

    with requests.Session() as session:
        session.mount("http://testserver/", WSGIAdapter(application))
        session.post("http://testserver/", data="x")
    assert lengths == [1]  # 0.4.1


@pytest.mark.parametrize("manager", ["asgi-lifespan", None])
def test_httpx_on_asgi(manager: str | None) -> None:
    import httpx
    from asgi_lifespan import LifespanManager

    app, life = made()

    async def ask(served: Any) -> dict[str, Any]:
        transport = httpx.ASGITransport(app=served)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            answers = await client.get("/state"), await client.post("/body", content="x"), await client.get("/lines")
        return {"state": answers[0].json(), "body": answers[1].text, "lines": answers[2].text}

    async def main() -> None:
        if manager is None:
            assert await ask(app) == SEEN
            assert life == ["up"]  # with the first request, until the loop ends
        else:
            async with LifespanManager(app) as managed:
                assert life == ["up"]
                assert await ask(managed.app) == SEEN
            assert life == ["up", "down"]

    asyncio.run(main())
    assert life == ["up", "down"]


def test_starlettes_test_client() -> None:
    from starlette.testclient import TestClient

    app, life = made(websocket=True)
    with TestClient(app) as client:
        assert life == ["up"]
        with client.websocket_connect("/upper") as ws:
            ws.send_text("a")
            assert ws.receive_text() == "A"
        seen = {"state": client.get("/state").json(), "body": client.post("/body", content="x").text}
        assert seen | {"lines": client.get("/lines").text} == SEEN
        assert client.get("/fails").status_code == 500
    assert life == ["up", "down"]


def test_what_is_let_out_is_raised_by_the_clients_that_raise() -> None:
    import httpx
    from starlette.testclient import TestClient

    app, _ = made(propagate_exceptions=True)
    with TestClient(app) as client, pytest.raises(LookupError, match="why"):
        client.get("/fails")
    wsgi = httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://testserver")
    with wsgi, pytest.raises(LookupError, match="why"):
        wsgi.get("/fails")
    app.wsgi.stop()


@pytest.mark.parametrize("client", ["starlette", "asgi-lifespan"])
@pytest.mark.parametrize("when", ["start", "stop"])
def test_what_a_lifespan_raises_is_raised_in_the_test(client: str, when: str) -> None:
    app = App()

    @app.lifespan
    async def resource() -> AsyncIterator[None]:
        if when == "start":
            raise LookupError("no database")
        yield
        raise LookupError("no database")

    def starlette() -> None:
        from starlette.testclient import TestClient

        with TestClient(app):
            pass

    async def managed() -> None:
        from asgi_lifespan import LifespanManager

        async with LifespanManager(app):
            pass

    with pytest.raises(LookupError, match="no database"):
        starlette() if client == "starlette" else asyncio.run(managed())


def test_trio_is_told_what_to_write() -> None:
    from starlette.testclient import TestClient

    client = TestClient(made()[0], backend="trio")
    with pytest.raises(RuntimeError, match=r"runs on asyncio.*Fix: .*TestClient\(app, backend='asyncio'\)"), client:
        pass


def test_websockets_are_refused_where_there_are_none() -> None:
    import httpx

    app, _ = made(websocket=True)
    client = httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://testserver")
    with client:
        assert client.get("/state").status_code == 500  # the log says that /upper needs WebSocket routes
