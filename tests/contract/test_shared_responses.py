"""One response object for all requests: what is written to it for one of them never reaches another."""

import pytest

from hinge import (
    App,
    AsyncMiddleware,
    FileResponse,
    HTMLResponse,
    HTTPError,
    JSONResponse,
    Middleware,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    TextResponse,
)


class Page(HTMLResponse):
    """An app's own kind, with an attribute."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def greeting(request: Request) -> Middleware:
    response = yield
    response.set_cookie("user", request.headers["x-user"])
    response.headers["x-greets"] = request.headers["x-user"]


async def slow_greeting(request: Request) -> AsyncMiddleware:
    response = yield
    response.set_cookie("user", request.headers["x-user"])
    response.status += 1
    response.body = request.headers["x-user"]


def greeted(client, path, user):
    response = client.get(path, headers={"x-user": user}, follow_redirects=False)
    cookies = [line.partition(";")[0] for line in response.headers.get_all("set-cookie")]
    return response.status_code, cookies, response.text


SHARED = [
    Response("x"),
    TextResponse("x", headers={"x-own": "1"}),
    HTMLResponse("x"),
    JSONResponse("x"),
    RedirectResponse("/x"),
    Page("x"),
]


@pytest.mark.parametrize("shared", SHARED, ids=lambda shared: type(shared).__name__)
@pytest.mark.parametrize("where", ["app", "route"])
def test_a_shared_response_keeps_nothing_of_a_request(client_for, coloured, shared, where):
    before = (shared.status, shared.body, shared.headers.multi_items())
    app = App(middleware=[greeting] if where == "app" else [])

    @coloured
    def handler() -> Response:
        return shared

    app.get("/", middleware=[greeting] if where == "route" else [])(handler)
    app.get("/bare")(handler)
    client = client_for(app)
    for user in ("ann", "bob"):
        status, cookies, text = greeted(client, "/", user)
        assert (status, cookies) == (before[0], [f"user={user}"])
        assert text == before[1].decode()
    assert greeted(client, "/bare", "ann")[1] == (["user=ann"] if where == "app" else [])
    assert (shared.status, shared.body, shared.headers.multi_items()) == before


def test_status_and_body_of_a_shared_response_stay(client_for):
    app, shared = App(middleware=[slow_greeting]), Page("x")
    app.get("/")(lambda: shared)
    client = client_for(app)
    assert greeted(client, "/", "ann") == (201, ["user=ann"], "ann")
    assert greeted(client, "/", "bob") == (201, ["user=bob"], "bob")
    assert (shared.status, shared.body, shared.text) == (200, b"x", "x")


def test_what_is_inside_sees_the_kind_and_the_attributes(client_for):
    app = App()
    seen = []

    @app.middleware
    def look() -> Middleware:
        response = yield
        seen.append((type(response), getattr(response, "text", None)))

    page = Page("x")
    app.get("/")(lambda: page)
    client_for(app).get("/")
    assert seen == [(Page, "x")]


def test_an_error_handler_s_shared_response(client_for, coloured):
    app, shared = App(middleware=[greeting]), Response("gone", status=410)

    @app.error(HTTPError)
    @coloured
    def answer(request: Request, error: HTTPError) -> Response:
        return shared

    @app.get("/")
    def handler() -> None:
        raise HTTPError(400, headers={"connection": "close"})

    client = client_for(app)
    for user in ("ann", "bob"):
        assert greeted(client, "/", user) == (410, [f"user={user}"], "gone")
        assert greeted(client, "/missing", user) == (410, [f"user={user}"], "gone")
    assert shared.headers.multi_items() == Response("gone").headers.multi_items()


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("instead", ["before", "after"])
def test_a_middleware_s_shared_response(client_for, is_async, instead):
    shared = Response("no", status=403)

    def refuse() -> Middleware:
        if instead == "after":
            yield
        return shared
        yield

    async def refuse_slowly() -> AsyncMiddleware:
        if instead == "after":
            yield
        yield shared

    app = App(middleware=[greeting, refuse_slowly if is_async else refuse])
    app.get("/")(lambda: "x")
    client = client_for(app)
    for user in ("ann", "bob"):
        assert greeted(client, "/", user) == (403, [f"user={user}"], "no")
    assert shared.headers.multi_items() == Response("no").headers.multi_items()


@pytest.mark.parametrize("layers", [[], [greeting]])
def test_a_shared_file_is_sent_to_everybody(client_for, tmp_path, layers):
    path = tmp_path / "x.txt"
    path.write_text("content")
    app, shared = App(middleware=layers), FileResponse(path)
    app.get("/")(lambda: shared)
    client = client_for(app)
    for user in ("ann", "bob", "cid"):
        assert greeted(client, "/", user) == (200, [f"user={user}"] if layers else [], "content")
        assert client.head("/", headers={"x-user": user}).headers["content-length"] == "7"


@pytest.mark.parametrize("layers", [[], [greeting]])
def test_a_shared_stream_is_sent_once(client_for, coloured, layers, caplog):
    app, shared = App(middleware=layers), StreamingResponse(["a", "b"])

    @app.get("/")
    @coloured
    def handler() -> Response:
        return shared

    client = client_for(app)
    assert greeted(client, "/", "ann")[::2] == (200, "ab")
    assert greeted(client, "/", "bob")[0] == 500
    assert "Fix: make one for each request" in caplog.text
