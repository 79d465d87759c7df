"""hinge.testing.Client: what every backend's in-process connection must do."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from hinge import App, Body, BodyStream, EventSourceResponse, Query, RedirectResponse, Request, Response, WebSocket
from hinge.backend.contract import Feature
from hinge.errors import ConfigurationError
from hinge.testing import Aborted, Client

WAIT = 10


def echo_app() -> App:
    app = App()

    @app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def echo(request: Request) -> dict:
        return {
            "method": request.method,
            "query": request.query.multi_items(),
            "headers": dict(request.headers.multi_items()),
            "cookies": dict(request.cookies),
            "body": request.body.decode(),
        }

    return app


# -- the lifespan (the rest of it is in the kit) -----------------------------------------------------------------------


def test_a_lifespan_that_hangs_is_a_time_out(backend):
    app, hanging = App(), []

    @app.lifespan
    async def resource():
        hanging[:] = [asyncio.get_running_loop(), asyncio.Event()]
        await hanging[1].wait()
        yield

    try:
        with (
            pytest.raises(TimeoutError, match=r"did not start within 0\.05 s"),
            Client(app, backend.name, timeout=0.05),
        ):
            pass
    finally:
        loop, event = hanging
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)


def test_a_client_that_is_not_open_says_so(backend):
    with pytest.raises(RuntimeError, match=r"with Client\(app\) as client"):
        Client(echo_app(), backend.name).get("/echo")


def test_the_configured_backend_is_the_default(monkeypatch, backend):
    monkeypatch.setenv("HINGE_BACKEND", backend.name)
    assert Client(App()).backend == backend.name


def test_an_app_that_does_not_compile_is_refused_at_once(backend):
    app = App()

    @app.get("/{x}")
    def wrong(x: bytes) -> None: ...

    with pytest.raises(ConfigurationError, match="wrong"):
        Client(app, backend.name)


NEVER_LEFT = """
import sys
from hinge import App
from hinge.testing import Client

app = App()

@app.lifespan
async def resource():
    yield
    print("stopped")

client = Client(app, sys.argv[1])
client.__enter__()
assert client.get("/").status_code == 404
"""


def test_a_client_that_nobody_leaves_ends_with_the_process(backend):
    done = subprocess.run(
        [sys.executable, "-c", NEVER_LEFT, backend.name], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


# -- what goes out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_methods(client_for, method):
    client = client_for(echo_app())
    assert getattr(client, method)("/echo").json()["method"] == method.upper()


def test_head_and_options(client_for):
    client = client_for(echo_app())
    head = client.head("/echo")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert client.options("/echo").status_code == 204


def test_default_headers_are_replaced_and_removed(client_for):
    client = client_for(echo_app(), headers={"X-One": "1", "user-agent": None})
    sent = client.get("/echo", headers=[("x-one", "2"), ("x-two", "3"), ("Accept", None)]).json()["headers"]
    assert sent == {"host": "testserver", "x-one": "2", "x-two": "3"}


def test_json_goes_out_with_its_type_and_length(client_for):
    got = client_for(echo_app()).post("/echo", json={"ü": 1}).json()
    assert got["body"] == '{"ü":1}'
    assert (got["headers"]["content-type"], got["headers"]["content-length"]) == ("application/json", "8")


@pytest.mark.parametrize("nothing", [None, False, 0, "", []])
def test_json_sends_values_that_are_false(client_for, nothing):
    assert client_for(echo_app()).post("/echo", json=nothing).json()["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize("content", [b"abc", "abc", bytearray(b"abc"), memoryview(b"abc")])
def test_content_goes_out_with_a_length(client_for, content):
    got = client_for(echo_app()).post("/echo", content=content).json()
    assert (got["body"], got["headers"]["content-length"]) == ("abc", "3")


def test_an_iterable_goes_out_chunked_without_a_length(client_for):
    got = client_for(echo_app()).post("/echo", content=(piece for piece in [b"a", b"", b"bc"])).json()
    assert got["body"] == "abc"
    assert got["headers"]["transfer-encoding"] == "chunked"
    assert "content-length" not in got["headers"]


def test_a_framing_of_the_callers_own_is_sent_as_it_is(client_for):
    got = client_for(echo_app()).post("/echo", content=[b"ab", b"cd"], headers={"content-length": "3"}).json()
    assert got["body"] == "abc"  # what follows would be the next request
    assert "transfer-encoding" not in got["headers"]


def test_a_post_without_a_body_has_the_length_0_and_a_get_has_none(client_for):
    client = client_for(echo_app())
    assert client.post("/echo").json()["headers"]["content-length"] == "0"
    assert "content-length" not in client.get("/echo").json()["headers"]


def test_two_bodies_are_refused(client_for):
    with pytest.raises(TypeError, match="one body"):
        client_for(echo_app()).post("/echo", json=1, content=b"1")
    with pytest.raises(TypeError, match="int"):
        client_for(echo_app()).post("/echo", content=7)


def test_params_are_appended(client_for):
    client = client_for(echo_app())
    got = client.get("/echo?a=0", params={"b": ["1", "2"], "c d": "ü&=+%", "e": True, "f": 1.5})
    assert got.json()["query"] == [["a", "0"], ["b", "1"], ["b", "2"], ["c d", "ü&=+%"], ["e", "true"], ["f", "1.5"]]
    assert client.get("/echo", params=[("a", 1), ("a", 2)]).json()["query"] == [["a", "1"], ["a", "2"]]
    assert client.get("/echo", params={}).json()["query"] == []


def test_targets_are_percent_encoded_once(client_for):
    app = App()

    @app.get("/{name}")
    def name(name: str, q: Query[str] = "") -> list[str]:
        return [name, q]

    client = client_for(app)
    for target in ("/ü ?q=ü", "/%C3%BC%20?q=%C3%BC"):
        assert client.get(target).json() == ["ü ", "ü"]


def test_the_upload_is_pulled_as_the_app_reads_it(client_for):
    app, pulled = App(), []

    @app.post("/")
    def read(body: BodyStream) -> list[int]:
        seen = []
        for _ in body:
            seen.append(len(pulled))
        return seen

    def upload() -> Iterator[bytes]:
        for number in range(3):
            pulled.append(number)
            yield b"x"

    assert client_for(app).post("/", content=upload()).json() == [1, 2, 3]


def test_an_upload_that_fails_is_a_client_that_leaves(client_for):
    app, seen = App(), []

    @app.post("/")
    def read(body: Body[dict]) -> None:
        seen.append(body)

    def upload() -> Iterator[bytes]:
        yield b'{"a":'
        raise ConnectionResetError("gone")

    client = client_for(app)
    with pytest.raises(ConnectionResetError, match="gone"):
        client.post("/", content=upload(), headers={"content-type": "application/json", "content-length": "9"})
    assert seen == []
    assert client.post("/", json={}).status_code == 204


def test_prefix_scheme_host_and_peer(client_for):
    app = App()

    @app.get("/where", name="where")
    def where(request: Request) -> list:
        return [request.path, request.url_for("where"), request.scheme, request.host, request.client]

    client = client_for(app, prefix="/shop/ü/", scheme="https", host="shop.example:8443", client=("::1", None))
    assert client.get("/where").json() == [
        "/where",
        "/shop/%C3%BC/where",
        "https",
        "shop.example:8443",
        ["::1", None],
    ]


# -- cookies -----------------------------------------------------------------------------------------------------------


def cookie_app() -> App:
    app = App()

    @app.get("/set/{name}")
    def set_cookie(name: str, path: Query[str] = "/", secure: Query[bool] = False) -> Response:
        response = Response(status=204)
        response.set_cookie(name, "1", path=path, secure=secure)
        return response

    @app.get("/delete/{name}")
    def delete(name: str) -> Response:
        response = Response(status=204)
        response.delete_cookie(name)
        return response

    @app.get("/{rest:path}")
    def cookies(request: Request, rest: str) -> dict:
        return dict(request.cookies)

    return app


def test_cookies_are_kept_and_deleted(client_for):
    client = client_for(cookie_app(), cookies={"first": "0"})
    assert client.get("/set/a").cookies == {"a": "1"}
    assert client.get("/").json() == {"first": "0", "a": "1"}
    assert dict(client.cookies) == {"first": "0", "a": "1"}
    client.get("/delete/a")
    assert client.get("/").json() == {"first": "0"}


def test_cookies_of_one_request(client_for):
    client = client_for(cookie_app(), cookies={"a": "0"})
    assert client.get("/", cookies={"a": "1", "b": "2"}).json() == {"a": "1", "b": "2"}
    assert client.get("/").json() == {"a": "0"}


def test_cookies_keep_to_their_path(client_for):
    client = client_for(cookie_app())
    client.get("/set/a?path=/inner")
    assert client.get("/").json() == {}
    assert client.get("/inner/x").json() == {"a": "1"}
    assert client.get("/innermost").json() == {}


def test_secure_cookies_stay_off_http(client_for):
    for scheme, expected in (("http", {}), ("https", {"a": "1"})):
        client = client_for(cookie_app(), scheme=scheme)
        client.get("/set/a?secure=true")
        assert client.get("/").json() == expected


# -- redirects ---------------------------------------------------------------------------------------------------------


def redirecting_app() -> App:
    app = App()

    @app.route("/from/{status}", methods=["GET", "POST"])
    def source(status: int, to: Query[str] = "/to?x=1") -> RedirectResponse:
        return RedirectResponse(to, status=status)

    @app.route("/to", methods=["GET", "POST"])
    def target(request: Request) -> list:
        return [request.method, request.body.decode(), request.query.multi_items()]

    return app


def test_redirects_are_followed_on_request_only(client_for):
    client = client_for(redirecting_app())
    assert client.get("/from/307").status_code == 307
    followed = client.get("/from/307", follow_redirects=True)
    assert followed.json() == ["GET", "", [["x", "1"]]]
    assert [response.status_code for response in followed.history] == [307]
    always = client_for(redirecting_app(), follow_redirects=True)
    assert always.get("/from/302").status_code == 200
    assert always.get("/from/302", follow_redirects=False).status_code == 302


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "hi"), (308, "POST", "hi")],
)
def test_redirects_of_a_post(client_for, status, method, body):
    client = client_for(redirecting_app(), follow_redirects=True)
    assert client.post(f"/from/{status}", content="hi").json()[:2] == [method, body]


def test_what_cannot_be_sent_again_or_is_elsewhere_is_not_followed(client_for):
    client = client_for(redirecting_app(), follow_redirects=True)
    assert client.post("/from/308", content=[b"once"]).status_code == 308
    assert client.get("/from/307?to=http://elsewhere.example/to").status_code == 307
    assert client.get("/from/307?to=http://testserver/to").status_code == 200


def test_redirects_in_a_circle_are_an_error(client_for):
    app = App()

    @app.get("/circle")
    def circle() -> RedirectResponse:
        return RedirectResponse("circle")

    with pytest.raises(RuntimeError, match="more than 20 redirects"):
        client_for(app, follow_redirects=True).get("/circle")


def test_redirects_of_a_stream(client_for):
    client = client_for(redirecting_app())
    with client.stream("GET", "/from/302") as response:
        assert (response.status_code, response.history) == (302, [])
    with client.stream("POST", "/from/303", content="x", follow_redirects=True) as response:
        assert (response.url, response.read()) == ("http://testserver/to?x=1", b'["GET","",[["x","1"]]]')
        assert [(past.status_code, past.url) for past in response.history] == [(303, "http://testserver/from/303")]


def test_a_base_url(client_for):
    app = App()

    @app.get("/api/where")
    def where(request: Request) -> list:
        return [request.scheme, request.host]

    client = client_for(app, base_url="https://shop.example:8443/api/")
    for target in ("/where", "where", "https://shop.example:8443/api/where"):
        assert client.get(target).json() == ["https", "shop.example:8443"]
    assert client.get("https://other.example/api/where").json() == ["https", "other.example"]


@pytest.mark.needs(Feature.WEBSOCKET, "it opens one")
def test_a_websocket_at_a_base_url(client_for):
    app = App()

    @app.websocket("/api/where")
    async def where(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send(f"{ws.scheme} {ws.host} {ws.cookies.get('a')}")

    client = client_for(app, base_url="https://shop.example/api", cookies={"a": "1"})
    with client.websocket("where", headers={"host": "other.example"}) as ws:
        assert ws.receive() == "wss other.example 1"


def test_redirects_below_a_prefix(client_for):
    app = App()

    @app.get("/a/")
    def a() -> str:
        return "here"

    client = client_for(app, prefix="/mounted", follow_redirects=True)
    response = client.get("/a")
    assert response.text == "here"
    assert response.history[0].headers["location"] == "/mounted/a/"


# -- streams -----------------------------------------------------------------------------------------------------------


def counting_app(colour: str) -> tuple[App, list, threading.Event]:
    app, produced, closed = App(), [], threading.Event()

    if colour == "sync":

        @app.get("/")
        def count() -> Iterator[str]:
            try:
                for number in range(100):
                    produced.append(number)
                    yield f"{number},"
            finally:
                closed.set()
    else:

        @app.get("/")
        async def acount():
            try:
                for number in range(100):
                    produced.append(number)
                    yield f"{number},"
            finally:
                closed.set()

    return app, produced, closed


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_chunks_are_produced_when_they_are_asked_for(client_for, colour):
    app, produced, closed = counting_app(colour)
    with client_for(app).stream("GET", "/") as response:
        assert response.status_code == 200
        chunks = response.iter_bytes()
        assert [next(chunks) for _ in range(3)] == [b"0,", b"1,", b"2,"]
        assert produced == [0, 1, 2]
        assert not closed.is_set()
    assert closed.is_set()  # the app has noticed by the end of the block
    assert produced == [0, 1, 2]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_stream_is_read_to_its_end(client_for, colour):
    app, produced, closed = counting_app(colour)
    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert next(response.iter_text()) == "0,"
        assert response.read().startswith(b"1,")
    assert closed.is_set()
    assert len(produced) == 100
    assert client.get("/").content.count(b",") == 100


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_streams_that_are_left_open_end_with_the_client(backend, colour):
    app, _, closed = counting_app(colour)
    with Client(app, backend.name) as client:
        stream = client.stream("GET", "/")
        next(stream.__enter__().iter_bytes())
        assert not closed.is_set()
    assert closed.is_set()


def test_text_and_lines_across_chunks(client_for):
    app = App()

    @app.get("/")
    def pieces() -> Iterator[bytes]:
        yield from (b"a\xc3", b"\xbcb\r", b"\nc", b"d\n\ne")

    client = client_for(app)
    with client.stream("GET", "/") as response:
        assert list(response.iter_text()) == ["a", "üb\r", "\nc", "d\n\ne"]
    with client.stream("GET", "/") as response:
        assert list(response.iter_lines()) == ["aüb", "cd", "", "e"]


def test_server_sent_events(client_for):
    app = App()

    @app.get("/")
    def events() -> EventSourceResponse:
        from hinge import Event

        return EventSourceResponse(
            [Event(data="one\ntwo", event="note", id="7", retry=100), Event(comment="quiet"), Event(data={"x": 1})]
        )

    with client_for(app).stream("GET", "/") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        first, second = response.events()
    assert (first.data, first.event, first.id, first.retry) == ("one\ntwo", "note", "7", 100)
    assert (second.data, second.event, second.id) == ('{"x":1}', None, None)


def test_a_stream_that_fails_is_seen_cut_off(client_for):
    app = App()

    @app.get("/")
    def fails() -> Iterator[str]:
        yield "first"
        raise LookupError("later")

    client = client_for(app)
    with client.stream("GET", "/") as response:
        chunks = response.iter_bytes()
        assert next(chunks) == b"first"
        with pytest.raises(Aborted, match="GET /"):
            next(chunks)
    with pytest.raises(Aborted):
        client.get("/")


# -- waiting and threads -----------------------------------------------------------------------------------------------


def test_an_app_that_does_not_answer_is_a_time_out(client_for):
    app, release = App(), threading.Event()

    @app.get("/")
    def hangs() -> str:
        release.wait(WAIT)
        return "x"

    client = client_for(app, timeout=0.05)
    try:
        with pytest.raises(TimeoutError, match=r"GET /: the application did not answer within 0\.05 s"):
            client.get("/")
    finally:
        release.set()


def test_it_works_inside_a_running_event_loop(backend):
    app = App()

    @app.get("/")
    async def handler() -> str:
        await asyncio.sleep(0)
        return "x"

    async def main() -> str:
        with Client(app, backend.name) as client:
            return client.get("/").text

    assert asyncio.run(main()) == "x"


def test_what_a_response_says_about_itself(client_for):
    app = App()

    @app.get("/")
    def latin() -> Response:
        return Response("ü".encode("latin-1"), media_type="text/plain; charset=latin-1", headers={"X-A": "1"})

    response = client_for(app).get("/")
    assert (response.text, response.charset, response.headers["x-a"]) == ("ü", "latin-1", "1")
    assert repr(response) == "<ClientResponse 200 text/plain; charset=latin-1: b'\\xfc'>"


def test_a_client_leaves_no_threads_behind(backend):
    app = App()

    @app.get("/sync")
    def sync() -> str:
        return "x"

    @app.get("/async")
    async def async_():
        yield "x"

    before = set(threading.enumerate())
    for _ in range(3):
        with Client(app, backend.name) as client, client.stream("GET", "/async") as response:
            next(response.iter_bytes())
            assert client.get("/sync").text == "x"
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(WAIT)
    assert not any(thread.is_alive() for thread in left)
