"""HEAD, OPTIONS, 405, and methods nobody knows."""

import pytest

from hinge import App, FileResponse, HTTPError, Request, Response, StreamingResponse, WebSocket
from hinge.backend.contract import Feature

pytestmark = pytest.mark.clause("response.bodiless")


def app_with(*methods: str) -> App:
    app = App()

    @app.route("/", methods=methods)
    def handler(request: Request) -> str:
        return request.method

    return app


# -- HEAD --------------------------------------------------------------------------------------------------------------


def test_head_is_get_without_the_body(backend, client_for, coloured, tmp_path):
    app = App()
    file = tmp_path / "file.txt"
    file.write_text("four")
    closed = []

    def chunks():
        try:
            yield b"never sent"
        finally:
            closed.append(True)

    results = {
        "text": lambda: "text",
        "json": lambda: {"a": 1},
        "response": lambda: Response(b"abc", headers={"x-a": "1"}),
        "none": lambda: None,
        "file": lambda: FileResponse(file),
        "stream": lambda: StreamingResponse(chunks(), media_type="text/x"),
    }

    @app.get("/{kind}")
    @coloured
    def handler(kind: str) -> object:
        return results[kind]()

    client = client_for(app)
    for kind in results:
        get, head = client.get(f"/{kind}"), client.head(f"/{kind}")
        assert head.content == b""
        assert head.status_code == get.status_code
        expected = sorted(get.headers.multi_items())
        if kind == "stream" and Feature.STREAMING not in backend.features:
            expected.remove(("content-length", "10"))  # known only of what is made (RFC 9110 section 9.3.2)
        assert sorted(head.headers.multi_items()) == expected
    assert len(closed) <= 2


@pytest.mark.clause("head.method")
def test_head_is_answered_as_get_to_the_handler(client_for):
    response = client_for(app_with("GET")).head("/")
    assert (response.status_code, response.headers["content-length"]) == (200, "4")  # "HEAD"


def test_a_head_handler_of_its_own(client_for):
    app = App()

    @app.get("/")
    def get() -> str:
        return "get"

    @app.head("/")
    def head() -> Response:
        return Response("longer", headers={"x-head": "1"})

    client = client_for(app)
    response = client.head("/")
    assert (response.headers["x-head"], response.content) == ("1", b"")
    assert "x-head" not in client.get("/").headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/unknown", 404),
        ("/post", 405),
        ("/post/", 308),
        ("/fails", 500),
        ("/denied", 403),
        ("/%FF", 400),
        ("/number/x", 404),
    ],
)
def test_head_has_no_body_whatever_the_answer(client_for, path, status):
    app = App()

    @app.post("/post")
    def post() -> None: ...

    @app.get("/fails")
    def fails() -> None:
        raise LookupError

    @app.get("/denied")
    async def denied(request: Request) -> None:
        raise HTTPError(403)

    @app.get("/number/{number}")
    def number(number: int) -> None: ...

    response = client_for(app).head(path)
    assert (response.status_code, response.content) == (status, b"")


@pytest.mark.clause("body.framing")
@pytest.mark.parametrize("headers", [{"transfer-encoding": "chunked", "content-length": "1"}, {"content-length": "x"}])
def test_head_of_a_malformed_request_has_no_body(client_for, headers):
    response = client_for(app_with("GET")).head("/", headers=headers)
    assert (response.status_code, response.content) == (400, b"")


# -- OPTIONS -----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("response.automatic")
@pytest.mark.parametrize(
    ("methods", "allow"),
    [
        (["GET"], "GET, HEAD, OPTIONS"),
        (["POST", "PUT"], "OPTIONS, POST, PUT"),
        (["PROPFIND"], "OPTIONS, PROPFIND"),
        (["HEAD"], "HEAD, OPTIONS"),
    ],
)
def test_options_answers_with_allow(client_for, methods, allow):
    response = client_for(app_with(*methods)).options("/")
    assert (response.status_code, response.headers["allow"], response.content) == (204, allow, b"")


@pytest.mark.clause("response.automatic")
def test_an_options_handler_of_its_own(client_for):
    response = client_for(app_with("GET", "OPTIONS")).options("/")
    assert response.text == "OPTIONS"


@pytest.mark.clause("response.automatic")
def test_options_of_an_unknown_path_is_404(client_for):
    assert client_for(app_with("GET")).options("/unknown").status_code == 404


@pytest.mark.clause("response.automatic")
def test_options_of_the_whole_server(client_for):
    response = client_for(app_with("GET")).options("*")
    assert response.status_code in (204, 404)
    assert client_for(app_with("GET")).get("*").status_code in (400, 404)


# -- 405 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.clause("response.automatic")
@pytest.mark.parametrize(
    "method", ["POST", "get", "Get", "BREW", "__CLASS__", "__init__", "M-SEARCH", "TRACE", "CONNECT"]
)
def test_another_method_is_405_with_allow(client_for, method):
    response = client_for(app_with("GET")).request(method, "/")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert response.json() == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "This resource answers GET, HEAD, OPTIONS.",
    }


@pytest.mark.clause("response.automatic")
def test_a_method_of_an_unknown_path_is_404(client_for):
    assert client_for(app_with("GET")).request("BREW", "/unknown").status_code == 404


@pytest.mark.clause("response.automatic")
def test_the_other_spelling_redirects_whatever_the_method(client_for):
    app = App()

    @app.get("/items")
    def items() -> None: ...

    assert client_for(app).post("/items/").status_code == 308


@pytest.mark.clause("websocket.absent")
def test_http_on_a_websocket_path_is_426(client_for):
    app = App()

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None: ...

    client = client_for(app, skip_unsupported=True)
    response = client.get("/live")
    assert response.status_code == 426
    assert response.json()["detail"] == "This resource speaks WebSocket only."
    assert client.head("/live").content == b""
    assert client.post("/live").status_code == 405
