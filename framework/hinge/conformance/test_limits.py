"""Sizes and framing of request bodies: nothing too large, cut off or ambiguous reaches a handler."""

import pytest

from hinge import App, Body, BodyStream, Config, Request
from hinge.backend.contract import Feature

pytestmark = pytest.mark.clause("body.limit")


def counting(
    colour=lambda handler: handler, *, limit: int | None = None, route_limit: int | None = None, takes: str = "request"
) -> App:
    """Return an app whose handler answers with the size of the body; `app.calls` counts its calls."""
    app = App(config=None if limit is None else Config(max_body_size=limit))
    app.calls = []

    def of_request(request: Request) -> int:
        app.calls.append(1)
        return len(request.body)

    def of_raw(body: Body[bytes]) -> int:
        app.calls.append(1)
        return len(body)

    def of_json(text: Body[str]) -> int:
        app.calls.append(1)
        return len(text) + 2

    def of_stream(body: BodyStream) -> int:
        app.calls.append(1)
        return sum(map(len, body))

    async def of_async_stream(body: BodyStream) -> int:
        app.calls.append(1)
        return sum([len(piece) async for piece in body])

    handlers = {"request": of_request, "raw": of_raw, "json": of_json, "stream": of_stream}
    if takes == "async stream":
        handler = of_async_stream
    elif takes == "stream":
        handler = of_stream
    else:
        handler = colour(handlers[takes])
    app.post("/", max_body_size=route_limit)(handler)
    return app


TAKES = ["request", "raw", "json", "stream", "async stream"]
JSON = {"content-type": "application/json"}


def text_of(size: int) -> bytes:
    """Return a JSON text of that many bytes."""
    return b'"' + b"x" * (size - 2) + b'"'


@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_413(client_for, coloured, takes, chunked):
    app = counting(coloured, limit=100, takes=takes)
    client = client_for(app)

    def send(size):
        body = text_of(size)
        return client.post("/", content=[body[:50], body[50:]] if chunked else body, headers=JSON)

    assert send(100).json() == 100
    response = send(101)
    assert (response.status_code, response.json()["status"]) == (413, 413)
    assert response.json()["limit"] == 100
    if not takes.endswith("stream"):
        assert len(app.calls) == 1


@pytest.mark.parametrize("takes", TAKES)
def test_a_declared_length_above_the_limit_is_refused_unread(backend, client_for, takes):
    app = counting(limit=100, takes=takes)
    pulled = []

    def upload():
        pulled.append(1)
        yield b"x"

    response = client_for(app).post("/", content=upload(), headers={"content-length": "101", **JSON})
    assert response.status_code == 413
    assert pulled == [] or Feature.DUPLEX not in backend.features
    assert app.calls == []


@pytest.mark.parametrize("takes", TAKES)
def test_a_routes_limit_comes_before_the_apps(client_for, coloured, takes):
    larger = client_for(counting(coloured, limit=10, route_limit=100, takes=takes))
    assert larger.post("/", content=text_of(100), headers=JSON).json() == 100
    smaller = client_for(counting(coloured, limit=100, route_limit=10, takes=takes))
    assert smaller.post("/", content=text_of(11), headers=JSON).status_code == 413
    none = client_for(counting(coloured, limit=100, route_limit=0, takes=takes))
    assert none.post("/", content=text_of(2), headers=JSON).status_code == 413


@pytest.mark.parametrize("takes", ["request", "stream", "async stream"])
def test_an_empty_body_fits_every_limit(client_for, coloured, takes):
    client = client_for(counting(coloured, limit=0, takes=takes))
    assert client.post("/").json() == 0
    assert client.post("/", content=[]).json() == 0


@pytest.mark.clause("body.complete")
@pytest.mark.parametrize("takes", TAKES)
def test_a_body_that_is_cut_off_is_400(client_for, coloured, takes):
    app = counting(coloured, takes=takes)
    response = client_for(app).post("/", content=[b'"x', b'x"'], headers={"content-length": "5", **JSON})
    assert response.status_code == 400
    if not takes.endswith("stream"):
        assert app.calls == []


@pytest.mark.clause("body.complete")
@pytest.mark.parametrize("takes", TAKES)
def test_what_follows_the_declared_length_is_not_read(client_for, takes):
    response = client_for(counting(takes=takes)).post(
        "/", content=[b'"xx', b'"POST /evil'], headers={"content-length": "4", **JSON}
    )
    assert response.json() == 4


@pytest.mark.clause("body.framing")
@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize(
    "length",
    ["x", "-1", "+4", "4.0", "0x4", "4 4", "4, 4", "\u0664".encode().decode("latin-1"), "1" * 5_000, "1_0"],
)
def test_a_length_that_is_no_number_is_400(client_for, takes, length):
    app = counting(takes=takes)
    response = client_for(app).post("/", content=[b'"xx"'], headers={"content-length": length, **JSON})
    assert response.status_code == (413 if length == "1" * 5_000 else 400)
    assert app.calls == []


@pytest.mark.clause("body.framing")
@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize(
    "framing",
    [
        [("transfer-encoding", "chunked"), ("content-length", "4")],
        [("transfer-encoding", "gzip, chunked")],
        [("transfer-encoding", "identity")],
        [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        [("transfer-encoding", "xchunked")],
        [("transfer-encoding", "\x0bchunked")],
        [("content-length", "4"), ("content-length", "5")],
    ],
)
def test_an_ambiguous_framing_is_400(client_for, takes, framing):
    app = counting(takes=takes)
    response = client_for(app).post("/", content=[b'"xx"'], headers=[*framing, *JSON.items()])
    assert response.status_code == 400
    assert app.calls == []


@pytest.mark.clause("body.framing")
def test_an_ambiguous_framing_is_400_on_every_route(client_for):
    app = App()

    @app.get("/")
    def handler() -> str:
        return "x"

    client = client_for(app)
    for method, target in (("GET", "/"), ("POST", "/"), ("GET", "/unknown")):
        response = client.request(method, target, headers={"transfer-encoding": "chunked", "content-length": "4"})
        assert response.status_code == 400


@pytest.mark.clause("body.framing")
@pytest.mark.parametrize(("method", "target", "status"), [("GET", "/", 200), ("POST", "/", 405), ("GET", "/no", 404)])
def test_a_length_that_is_no_number_is_no_failure_where_nothing_is_read(client_for, method, target, status):
    app = App()
    app.get("/")(lambda: "x")
    response = client_for(app).request(method, target, headers={"content-length": "x"})
    assert response.status_code in (status, 400), "a server may refuse it, and need not"


@pytest.mark.clause("body.whole")
@pytest.mark.parametrize("takes", TAKES)
def test_one_byte_chunks(client_for, takes):
    body = text_of(1_200)  # more than calls may be nested
    client = client_for(counting(takes=takes))
    assert client.post("/", content=(body[i : i + 1] for i in range(len(body))), headers=JSON).json() == 1_200


@pytest.mark.clause("body.left")
@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize("declared", [False, True])
def test_a_client_that_leaves_mid_upload(client_for, takes, declared, caplog):
    app = counting(takes=takes)

    def upload():
        yield b'"xx'
        raise ConnectionResetError

    headers = {"content-length": "4", **JSON} if declared else JSON
    with pytest.raises(ConnectionResetError):
        client_for(app).post("/", content=upload(), headers=headers)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("limit", [10, 1_000])
def test_the_default_limit_and_the_environment(client_for, coloured, monkeypatch, limit):
    monkeypatch.setenv("HINGE_MAX_BODY_SIZE", str(limit))
    client = client_for(counting(coloured, limit=5))
    assert client.post("/", content=b"x" * limit).json() == limit
    assert client.post("/", content=b"x" * (limit + 1)).status_code == 413


@pytest.mark.needs(Feature.DUPLEX, "the handler starts before the body has ended")
@pytest.mark.clause("body.unread")
def test_a_body_nobody_asks_for_is_not_read(client_for):
    app, pulled = App(config=Config(max_body_size=1)), []

    @app.post("/")
    def handler() -> str:
        return "x"

    def upload():
        pulled.append(1)
        yield b"xxx"

    assert client_for(app).post("/", content=upload()).text == "x"
    assert pulled == []
