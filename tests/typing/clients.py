"""What a type checker makes of the test clients: both take the same, and give what a test then has."""

from io import BytesIO
from typing import Any, assert_type

from hinge import App, Event
from hinge.testing import (
    AsyncClient,
    AsyncClientWebSocket,
    AsyncStreamedResponse,
    Client,
    ClientRequest,
    ClientResponse,
    ClientWebSocket,
    EachBackend,
    HTTPStatusError,
    StreamedResponse,
)

app = App()


def sign(request: ClientRequest) -> ClientRequest:
    request.headers["x-signed"] = f"{request.method} {request.url} {len(request.content)}"
    return request


def plain() -> None:
    with Client(app, "wsgi", base_url="http://shop.example/api", auth=("a", "b"), params={"a": 1}) as client:
        assert_type(client, Client)
        assert_type(client.get("/", params=[("a", 1)], headers={"accept": None}), ClientResponse)
        client.post("/", json={"a": 1}, cookies={"a": "1"}, auth=sign)
        client.post("/", data={"a": ["1", 2]}, files={"f": ("a.txt", b"x", "text/plain", {"x": "y"})})
        client.put("/", files=[("f", BytesIO(b"x"))], follow_redirects=False)
        client.patch("/", form={"a": "1"}, params="a=1")
        client.headers["authorization"] = "Bearer x"
        client.cookies["a"] = "1"
        client.cookies.set("a", "1", domain="shop.example", path="/")
        response = client.request("GET", "/").raise_for_status()
        assert_type(response, ClientResponse)
        assert_type(response.url, str)
        assert_type(response.request, ClientRequest)
        assert_type(response.history, list[ClientResponse])
        assert_type(response.is_success, bool)
        with client.stream("GET", "/") as streamed:
            assert_type(streamed, StreamedResponse)
        with client.websocket("/", origin="http://shop.example") as ws:
            assert_type(ws, ClientWebSocket)


async def on_a_loop(each_backend: EachBackend) -> None:
    async with AsyncClient(app, backend="asgi", raise_server_exceptions=True) as client:
        assert_type(client, AsyncClient)
        assert_type(await client.get("/", params={"a": 1}), ClientResponse)
        assert_type(await client.request("POST", "/", json=1), ClientResponse)
        async with client.stream("GET", "/", headers={"a": "b"}) as streamed:
            assert_type(streamed.raise_for_status(), AsyncStreamedResponse)
            assert_type(streamed.history, list[ClientResponse])
            assert_type([line async for line in streamed.aiter_lines()], list[str])
            assert_type([event async for event in streamed.aevents()], list[Event])
            assert_type(await streamed.aread(), bytes)
        async with client.websocket("/", subprotocols=["a"]) as ws:
            assert_type(ws, AsyncClientWebSocket)
            assert_type(await ws.receive(timeout=1.0), str | bytes)
            assert_type([message async for message in ws], list[str | bytes])
    async with each_backend(app, ignore=["x-request-id"]) as compared:
        assert_type(compared, AsyncClient)
    with each_backend(app) as also:
        assert_type(also, Client)


def status_of(error: HTTPStatusError) -> Any:
    return error.response.status_code, error.request.method
