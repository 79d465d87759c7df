"""The in-process ASGI connection: the scopes it makes, its server's side, and the client's side of WebSockets."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from hinge import Address, App, HTTPError, Request, Response, WebSocket, WebSocketDisconnect
from hinge.backend.testing import Aborted, ProtocolViolation
from hinge.testing import Client, WebSocketDenied
from hinge_asgi.inprocess.connection import connect
from hinge_asgi.inprocess.server_scope import http_scope, websocket_scope

WAIT = 10.0
START = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]}
END = {"type": "http.response.body", "body": b"", "more_body": False}


def chunk(data, *, more=True):
    return {"type": "http.response.body", "body": data, "more_body": more}


def served(handler, lifespan=None):
    """Return a hand-written application."""

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            if lifespan is None:
                raise NotImplementedError  # an application that knows no lifespan
            await lifespan(scope, receive, send)
        else:
            await handler(scope, receive, send)

    return application


def ask(handler, method="GET", target="/", headers=(), body=b"", **options):
    with connect(served(handler), {"timeout": WAIT, **options}) as connection:
        reply = connection.request(method, target, list(headers), body)
        return reply.status, reply.headers, list(reply.chunks)


# -- scopes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path", "raw", "query"),
    [
        ("/", "/", b"/", b""),
        ("/a?b=%20&c=?", "/a", b"/a", b"b=%20&c=?"),
        ("/%C3%BC%2F", "/ü/", b"/%C3%BC%2F", b""),
        ("/%FF", "/\ufffd", b"/%FF", b""),
        ("*", "*", b"*", b""),
        ("http://x/y", "http://x/y", b"http://x/y", b""),
    ],
)
def test_paths(target, path, raw, query):
    scope = http_scope("GET", target, [], {}, {})
    assert (scope["path"], scope["raw_path"], scope["query_string"], scope["root_path"]) == (path, raw, query, "")


def test_an_http_scope():
    headers = [("X-A", "1"), ("x-a", "é"), ("x_b", "2")]
    state = {"db": 1}
    options = {"scheme": "https", "prefix": "/p", "client": Address("::1", 80)}
    scope = http_scope("BREW", "/a", headers, options, state)
    assert scope["headers"] == [(b"x-a", b"1"), (b"x-a", b"\xe9"), (b"x_b", b"2")]
    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "BREW", "https")
    assert (scope["path"], scope["root_path"]) == ("/p/a", "/p")
    assert (scope["client"], scope["server"]) == (("::1", "80"), ("testserver", "443"))
    assert scope["state"] == state
    assert scope["state"] is not state


def test_a_websocket_scope():
    scope = websocket_scope("/a", [], ["one", "two"], {"scheme": "https"}, {})
    assert (scope["type"], scope["scheme"], scope["subprotocols"]) == ("websocket", "wss", ["one", "two"])
    assert "websocket.http.response" in scope["extensions"]
    assert "method" not in scope
    assert scope["client"] is None


# -- HTTP --------------------------------------------------------------------------------------------------------------


def test_an_application_that_is_right():
    async def handler(scope, receive, send):
        await send(START)
        await send(chunk(b"a"))
        await send(chunk(b""))
        await send(chunk(b"b", more=False))

    assert ask(handler) == (200, [("x-a", "1")], [b"a", b"b"])


def test_the_body_arrives_in_the_clients_pieces():
    messages = []

    async def handler(scope, receive, send):
        while (message := await receive()).get("more_body"):
            messages.append(message)
        messages.append(message)
        await send(START)
        await send(END)
        messages.append(await receive())

    ask(handler, "POST", body=b"whole")
    ask(handler, "POST", body=iter([b"a", b"b"]))
    ask(handler, "POST", body=b"more than declared", headers=[("content-length", "4")])
    kind = "http.request"
    assert messages == [
        {"type": kind, "body": b"whole", "more_body": False},
        {"type": "http.disconnect"},
        {"type": kind, "body": b"a", "more_body": True},
        {"type": kind, "body": b"b", "more_body": True},
        {"type": kind, "body": b"", "more_body": False},
        {"type": "http.disconnect"},
        {"type": kind, "body": b"more", "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_a_client_that_fails_mid_upload_is_a_disconnect():
    messages = []

    async def handler(scope, receive, send):
        messages.append(await receive())
        messages.append(await receive())
        await send(START)  # nobody hears it

    def pieces():
        yield b"a"
        raise ConnectionResetError("mine")

    with pytest.raises(ConnectionResetError, match="mine"):
        ask(handler, "POST", body=pieces())
    assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]


def test_leaving_wakes_whoever_waits_for_it():
    seen = []

    async def handler(scope, receive, send):
        await receive()
        await send(START)
        seen.append(await receive())
        await send(chunk(b"unheard"))  # nothing happens, and it returns
        seen.append("end")

    with connect(served(handler), {"timeout": WAIT}) as connection:
        reply = connection.request("GET", "/", [], b"")
        assert seen == []
        reply.close()
        reply.close()
    assert seen == [{"type": "http.disconnect"}, "end"]


def test_leaving_mid_upload_is_seen_although_the_upload_goes_on():
    seen, release = [], threading.Event()

    async def handler(scope, receive, send):
        await send(START)
        seen.append(await receive())

    def pieces():
        release.wait(WAIT)
        yield b"late"

    with connect(served(handler), {"timeout": WAIT}) as connection:
        connection.request("POST", "/", [], pieces()).close()
    release.set()
    assert seen == [{"type": "http.disconnect"}]


def test_an_application_that_only_sends_does_not_stop_the_loop():
    sent = []

    async def handler(scope, receive, send):
        async def endless():
            while True:
                await send(chunk(b"x"))
                sent.append(1)

        await send(START)
        task = asyncio.create_task(endless())
        await receive()
        await receive()
        task.cancel()

    with connect(served(handler), {"timeout": WAIT}) as connection:
        reply = connection.request("GET", "/", [], b"")
        assert next(reply.chunks) == b"x"
        assert sent == []  # `send` returns when the next chunk is asked for
        assert next(reply.chunks) == b"x"
        reply.close()


def test_a_header_is_found_whatever_its_case():
    async def handler(scope, receive, send):
        await send({**START, "headers": [(b"Content-Type", b"text/plain"), (b"X-CASE", b"a")]})
        await send(END)

    assert ask(handler)[1] == [("content-type", "text/plain"), ("x-case", "a")]


async def never_answers(scope, receive, send):
    return


async def never_ends(scope, receive, send):
    await send(START)
    await send(chunk(b"x"))


async def swallows(scope, receive, send):
    try:
        await send(END)
    except Exception:
        await send(START)
        await send(END)


async def goes_on(scope, receive, send):
    await send(START)
    await send(END)
    await send(END)


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (never_answers, "returned without a complete response"),
        (never_ends, "returned without a complete response"),
        (swallows, "may not come in the state 'http'"),
        (goes_on, "may not come in the state 'http over'"),
    ],
)
def test_what_breaks_asgi_is_an_error(handler, complaint):
    with pytest.raises(ProtocolViolation, match=complaint):
        ask(handler)


def test_what_an_application_raises_is_raised_here():
    async def at_once(scope, receive, send):
        raise LookupError("mine")

    async def later(scope, receive, send):
        await send(START)
        await send(chunk(b"x"))
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        ask(at_once)
    with pytest.raises(Aborted) as caught:
        ask(later)
    assert isinstance(caught.value.__cause__, LookupError)


def test_an_answer_that_is_complete_is_one_whatever_follows(caplog):
    """As a server has it: Starlette answers a failure, and then raises it."""

    async def behind(scope, receive, send):
        await send(START)
        await send(END)
        raise LookupError("mine")

    assert ask(behind)[0] == 200
    (record,) = caplog.records
    assert record.getMessage() == "GET /: the application failed behind its answer"
    assert isinstance(record.exc_info[1], LookupError)


@pytest.mark.parametrize("read", ["get", "stream"])
def test_what_native_middleware_raises_behind_its_answer_can_be_had(read):
    def around(application):
        async def native(scope, receive, send):
            if scope["type"] != "http":
                return await application(scope, receive, send)
            await send({**START, "status": 500})
            await send(END)
            raise LookupError("mine")

        return native

    def ask_for(client):
        if read == "get":
            return client.get("/a%20b?c=d").status_code
        with client.stream("GET", "/a%20b") as answer:
            answer.read()
            return answer.status_code

    app = App(asgi_middleware=[around])
    with Client(app, "asgi") as client:
        assert ask_for(client) == 500
    with Client(app, "asgi", raise_server_exceptions=True) as client, pytest.raises(LookupError, match="mine"):
        ask_for(client)


# -- the lifespan ------------------------------------------------------------------------------------------------------


def test_the_state_is_copied_into_every_scope():
    seen = []

    async def lifespan(scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["db"] = 1
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        seen.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    async def handler(scope, receive, send):
        seen.append(dict(scope["state"]))
        scope["state"]["db"] = 2
        await send(START)
        await send(END)

    with connect(served(handler, lifespan), {"timeout": WAIT}) as connection:
        for _ in range(2):
            list(connection.request("GET", "/", [], b"").chunks)
    assert seen == [{"db": 1}, {"db": 1}, "shutdown"]


@pytest.mark.parametrize(
    "message", [{"type": "lifespan.startup.failed", "message": "no database"}, {"type": "nonsense"}]
)
def test_a_lifespan_that_fails(message):
    async def lifespan(scope, receive, send):
        await receive()
        await send(message)

    refused = pytest.raises((RuntimeError, ProtocolViolation), match=r"no database|no such message type")
    with refused, connect(served(None, lifespan), {"timeout": WAIT}):
        pass


def test_what_a_lifespan_raised_is_found_behind_native_middleware():
    app = App(asgi_middleware=[lambda application: application])

    @app.lifespan
    def fails():
        raise LookupError("no database")
        yield

    with pytest.raises(LookupError, match="no database"), Client(app, "asgi"):
        pass


# -- WebSockets --------------------------------------------------------------------------------------------------------


def chat_app():
    app, ended = App(), threading.Event()

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        try:
            await ws.accept(
                subprotocol=ws.subprotocols[0] if ws.subprotocols else None,
                headers={"x-seen": ws.headers.get("x-a", "")},
            )
            async for message in ws:
                await ws.send(message)
        finally:
            ended.set()

    @app.websocket("/closes")
    async def closes(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json({"last": 1})
        await ws.close(4001, "enough")

    @app.websocket("/denies/{how}")
    async def denies(ws: WebSocket, how: str) -> None:
        if how == "response":
            repeated = [("link", "<a>"), ("link", "<b>"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
            await ws.deny(Response("later", status=503, headers=repeated))
        elif how == "raises":
            raise HTTPError(401, "who are you?")
        elif how == "closes":
            await ws.close()

    @app.websocket("/about")
    async def about(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json([dict(ws.cookies), ws.query.get("q"), ws.headers.get("origin"), ws.host])

    app.ended = ended
    return app


@pytest.fixture
def app():
    return chat_app()


@pytest.fixture
def client(app):
    with Client(app, "asgi", cookies={"a": "1"}, timeout=WAIT) as client:
        yield client


def test_messages_go_both_ways(client, app):
    with client.websocket("/echo", headers={"x-a": "1"}, subprotocols=["v2", "v1"]) as ws:
        assert (ws.subprotocol, ws.headers["x-seen"]) == ("v2", "1")
        for message in ("text", "", b"bytes", b"", "ü" * 1000):
            ws.send(message)
            assert ws.receive() == message
        ws.send_json({"a": [1]})
        assert ws.receive_json() == {"a": [1]}
        ws.send_json({"a": 1})
        assert ws.receive_json(dict[str, float]) == {"a": 1.0}
        assert not app.ended.is_set()
    assert app.ended.is_set()  # leaving waits for the handler


def test_a_handler_that_closes_is_seen_with_code_and_reason(client):
    with client.websocket("/closes") as ws:
        assert ws.receive_json() == {"last": 1}
        for _ in range(2):
            with pytest.raises(WebSocketDisconnect) as caught:
                ws.receive()
            assert (caught.value.code, caught.value.reason) == (4001, "enough")
        assert (ws.close_code, ws.close_reason) == (4001, "enough")
        with pytest.raises(WebSocketDisconnect):
            ws.send("too late")


def test_iterating_ends_with_the_close(client):
    with client.websocket("/closes") as ws:
        assert list(ws) == ['{"last":1}']
        assert ws.close_code == 4001


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/denies/response", 503, "later"),
        ("/denies/raises", 401, "who are you?"),
        ("/denies/closes", 403, ""),
        ("/denies/returns", 403, ""),
        ("/unknown", 404, "Not Found"),
    ],
)
def test_a_refused_handshake_carries_its_response(client, path, status, body):
    with pytest.raises(WebSocketDenied, match=f"refused: <ClientResponse {status}") as caught:
        client.websocket(path).__enter__()
    assert caught.value.response.status_code == status
    assert body in caught.value.response.text
    if path == "/denies/response":  # a name once, which some servers do not survive twice
        headers = caught.value.response.headers
        assert (headers.get_all("link"), headers.get_all("set-cookie")) == (["<a>, <b>"], ["b=2"])


def test_cookies_params_and_origin_go_with_the_handshake(client):
    with client.websocket("/about", params={"q": "ü"}, cookies={"b": "2"}, origin="http://testserver") as ws:
        assert ws.receive_json() == [{"b": "2", "a": "1"}, "ü", "http://testserver", "testserver"]
    with pytest.raises(WebSocketDenied):
        client.websocket("/about", origin="http://evil.example").__enter__()


def test_silence_is_a_time_out(client):
    with client.websocket("/echo") as ws:
        with pytest.raises(TimeoutError, match=r"sent nothing within 0\.01 s"):
            ws.receive(timeout=0.01)
        ws.send("still open")
        assert ws.receive() == "still open"


def test_websockets_that_are_left_open_end_with_the_client(app):
    with Client(app, "asgi", timeout=WAIT) as client:
        client.websocket("/echo").__enter__()
        assert not app.ended.is_set()
    assert app.ended.is_set()


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "ended without answering the handshake"),
        ([{"type": "websocket.send", "text": "x"}], "may not come in the state 'websocket'"),
    ],
)
def test_a_websocket_application_that_breaks_asgi(messages, complaint):
    async def handler(scope, receive, send):
        await receive()
        for message in messages:
            await send(message)

    with connect(served(handler), {"timeout": WAIT}) as connection, pytest.raises(ProtocolViolation, match=complaint):
        connection.websocket("/", [], [])


def test_a_websocket_application_that_ends_without_a_close_frame_is_1006():
    async def handler(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})

    with connect(served(handler), {"timeout": WAIT}) as connection:
        session = connection.websocket("/", [], [])
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive(WAIT)
    assert caught.value.code == 1006


# -- the framework's own messages --------------------------------------------------------------------------------------


def test_every_message_of_the_framework_names_every_key():
    """Servers disagree on defaults, so nothing is left to them."""
    sent = []

    def spy(application):
        async def spying(scope, receive, send):
            async def noting(message):
                sent.append(message)
                await send(message)

            await application(scope, receive, noting)

        return spying

    app = App(asgi_middleware=[spy])

    @app.get("/plain")
    def plain() -> str:
        return "x"

    @app.get("/request")
    def with_request(request: Request) -> str:
        return request.path

    @app.get("/stream")
    def stream():
        yield "x"

    with Client(app, "asgi") as client:
        for path in ("/plain", "/request", "/stream", "/unknown"):
            for method in ("GET", "HEAD", "OPTIONS"):
                client.request(method, path)
    http = [message for message in sent if message["type"].startswith("http.")]
    assert len(http) > 20
    keys = {"http.response.start": {"type", "status", "headers"}, "http.response.body": {"type", "body", "more_body"}}
    for message in http:
        assert keys[message["type"]] <= message.keys()


def test_a_native_middleware_without_hooks_is_served():
    namespace = SimpleNamespace()

    async def bare(scope, receive, send):
        namespace.seen = scope["type"]
        if scope["type"] == "lifespan":
            raise RuntimeError
        await send(START)
        await send(END)

    app = App(asgi_middleware=[lambda application: bare])
    with Client(app, "asgi") as client:
        assert client.get("/").status_code == 200
    assert namespace.seen == "http"
