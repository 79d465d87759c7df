"""The request: every attribute, the same on every backend."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from hinge import Address, App, HTTPError, Middleware, Request, Response, WebSocket
from hinge.backend.contract import Feature

pytestmark = pytest.mark.clause("head.headers")


def about(path: str = "/{rest:path}", **options):
    """Return a decorator that puts a function of the request on an app."""

    def make(function) -> App:
        app = App(**options)

        @app.route(path, methods=["GET", "POST", "PUT"], name="here", tags=["t"])
        def handler(request: Request, rest: str) -> object:
            return function(request)

        return app

    return make


def ask(client_for, function, target="/", method="GET", client_options=None, **options):
    response = client_for(about()(function), **(client_options or {})).request(method, target, **options)
    assert response.status_code == 200, response
    return response.json()


@pytest.mark.clause("head.native")
def test_native_is_the_platform_s_own_request(client_for):
    app, seen = App(), []

    @app.middleware
    def look(request: Request):
        seen.append(request.native)
        yield

    @app.get("/")
    def handler(request: Request) -> None:
        seen.append(request.native)

    assert client_for(app).get("/").status_code == 204
    assert seen[0] is seen[1] is not None


@pytest.mark.clause("head.native")
@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_a_websocket_has_one_too(client_for):
    app, seen = App(), []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        seen.append(ws.native)
        seen.append(ws.native)
        await ws.accept()

    with client_for(app).websocket("/"):
        pass
    assert seen[0] is seen[1] is not None


# -- method, path, scheme ----------------------------------------------------------------------------------------------


@pytest.mark.clause("head.method")
def test_method(client_for):
    assert ask(client_for, lambda request: [request.method], method="PUT") == ["PUT"]


@pytest.mark.clause("head.path")
@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a%20b?c", "/a b"),
        ("/%C3%BC/ü", "/ü/ü"),
        ("/a%3Fb", "/a?b"),
        ("/%25", "/%"),
        ("//a//", "//a//"),
        ("http://evil.example/x", "/x"),
    ],
)
def test_path(client_for, target, path):
    assert ask(client_for, lambda request: [request.path], target) == [path]


@pytest.mark.clause("head.path")
def test_path_below_a_prefix(client_for):
    options = {"prefix": "/mount/ü"}
    assert ask(client_for, lambda request: [request.path], "/a", client_options=options) == ["/a"]


@pytest.mark.clause("head.peer")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_scheme(client_for, scheme):
    assert ask(client_for, lambda request: [request.scheme], client_options={"scheme": scheme}) == [scheme]


@pytest.mark.clause("head.peer")
def test_forwarded_headers_are_not_believed(client_for):
    headers = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "6.6.6.6",
        "forwarded": "for=6.6.6.6;proto=https;host=evil.example",
        "x-script-name": "/evil",
        "x-http-method-override": "PUT",
    }
    seen = ask(
        client_for,
        lambda request: [
            request.scheme,
            request.host,
            request.client.host,
            request.url_for("here", rest="x"),
            request.method,
        ],
        headers=headers,
    )
    assert seen == ["http", "testserver", "127.0.0.1", "/x", "GET"]


@pytest.mark.clause("head.peer")
def test_http_version(client_for):
    assert ask(client_for, lambda request: [request.http_version]) == ["1.1"]


# -- host --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "host"),
    [
        ("example.org", "example.org"),
        ("Example.ORG:8080", "example.org:8080"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_host(client_for, sent, host):
    assert ask(client_for, lambda request: [request.host], headers={"host": sent}) == [host]


BAD_HOSTS = [
    [("host", None)],
    [("host", "")],
    [("host", "a"), ("host", "b")],
    [("host", "a,b")],
    [("host", "a b")],
    [("host", "a/b")],
    [("host", "user@a")],
    [("host", "a?b")],
    [("host", "a#b")],
    [("host", "a:b")],
    [("host", "a:80:80")],
    [("host", "a:99999")],
    [("host", "[::1")],
    [("host", "[nonsense]")],
    [("host", "a\\b")],
]


@pytest.mark.parametrize("headers", BAD_HOSTS)
def test_a_missing_repeated_or_malformed_host_is_400_where_it_is_used(client_for, headers):
    client = client_for(about()(lambda request: request.host))
    response = client.get("/", headers=headers)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", BAD_HOSTS)
def test_a_bad_host_does_not_matter_where_it_is_not_used(client_for, headers):
    assert client_for(about()(lambda request: request.path)).get("/x", headers=headers).text == "/x"


# -- client ------------------------------------------------------------------------------------------------------------


@pytest.mark.clause("head.peer")
@pytest.mark.parametrize(
    ("peer", "seen"),
    [(("10.0.0.1", 1234), ["10.0.0.1", 1234]), (("::1", None), ["::1", None]), (None, None)],
)
def test_client(client_for, peer, seen):
    def client(request: Request) -> object:
        assert request.client is None or isinstance(request.client, Address)
        return [request.client]

    found = ask(client_for, client, client_options={"client": peer})
    assert found == [seen] or (seen and found == [[seen[0], None]])  # not every server tells the port


# -- headers and query -------------------------------------------------------------------------------------------------


def test_an_empty_header_is_there(client_for):
    """It has one value, the empty one, whoever is asked."""

    def empty(request: Request) -> list:
        found = request.headers
        return [
            "x-a" in found,
            found["x-a"],
            found.get("x-a"),
            found.get_all("x-a"),
            found.multi_items().count(("x-a", "")),
        ]

    assert ask(client_for, empty, headers=[("X-A", "")]) == [True, "", "", [""], 1]


def test_an_empty_header_of_an_answer_is_there(client_for):
    app, seen = App(), []

    def layer() -> Middleware:
        response = yield
        headers = response.headers
        seen.append(["x-a" in headers, headers["x-a"], headers.get("x-a"), headers.get_all("x-a")])

    @app.get("/", middleware=[layer])
    def handler() -> Response:
        return Response(b"x", headers={"X-A": ""})

    headers = client_for(app).get("/").headers
    assert ["x-a" in headers, headers["x-a"], headers.get("x-a"), headers.get_all("x-a")] == [True, "", "", [""]]
    assert seen == [[True, "", "", [""]]]


def test_headers(client_for):
    def headers(request: Request) -> list:
        found = request.headers
        return [
            found["X-A"],
            found.get("x-a"),
            found.get_all("x-a"),
            found.get("x-missing"),
            found.get_all("x-missing"),
            "X-B" in found,
            "x-missing" in found,
            sorted(name for name in found if name.startswith("x-") and name != "x-forwarded-proto"),
        ]

    sent = [("x-a", "1"), ("X-A", '2, "3,4"'), ("x-b", "")]
    assert ask(client_for, headers, headers=sent) == [
        '1,2, "3,4"',
        '1,2, "3,4"',
        ["1", "2", '"3,4"'],
        None,
        [],
        True,
        False,
        ["x-a", "x-b"],
    ]


def test_a_missing_header_is_a_key_error(client_for):
    def missing(request: Request) -> str:
        with pytest.raises(KeyError):
            request.headers["x-missing"]
        return "raised"

    assert client_for(about()(missing)).get("/").text == "raised"


def test_content_headers(client_for):
    seen = ask(
        client_for,
        lambda request: [request.headers.get("content-type"), request.headers.get("content-length")],
        method="POST",
        content="abc",
        headers={"content-type": "text/x"},
    )
    assert seen == ["text/x", "3"]
    assert ask(
        client_for, lambda request: ["content-type" in request.headers, "content-length" in request.headers]
    ) == [
        False,
        False,
    ]


def test_non_ascii_header_values_read_as_empty(client_for):
    assert ask(client_for, lambda request: [request.headers["x-a"]], headers={"x-a": "caf\xe9"}) == [""]


def test_a_line_that_is_not_ascii_is_not_seen_beside_others(client_for):
    """Some servers leave it out and do not tell, so its neighbours may be all that there is, or go with it."""
    sent = [("x-a", "1"), ("x-a", "caf\xe9")]
    assert ask(client_for, lambda request: [request.headers["x-a"]], headers=sent) in ([""], ["1"])


def test_many_headers(client_for):
    sent = [("x-many", str(number)) for number in range(2_000)]
    assert ask(client_for, lambda request: [len(request.headers.get_all("x-many"))], headers=sent) == [2_000]


@pytest.mark.clause("head.query")
def test_query(client_for):
    def query(request: Request) -> list:
        found = request.query
        return [found["a"], found.get_all("a"), found.get("missing"), found.multi_items(), list(found), len(found)]

    seen = ask(client_for, query, "/?a=1&b=%C3%BC+x&a=2&c&&=e")
    items = [["a", "1"], ["b", "ü x"], ["a", "2"], ["c", ""], ["", "e"]]
    assert seen == ["1", ["1", "2"], None, items, ["a", "b", "c", ""], 4]


@pytest.mark.clause("head.query")
def test_a_query_of_too_many_fields_is_400_where_it_is_used(client_for):
    many = "&".join(["a=1"] * 10_000)
    assert client_for(about()(lambda request: request.query.multi_items())).get(f"/?{many}").status_code == 400
    assert client_for(about()(lambda request: "unused")).get(f"/?{many}").status_code == 200


LINKS = [
    ("/", {}, "/"),
    (
        "/",
        {"at": datetime(2026, 1, 1, tzinfo=UTC), "took": timedelta(minutes=1)},
        "/?at=2026-01-01T00:00:00Z&took=PT60S",
    ),
    ("/?page=1", {"page": None}, "/"),
    ("/a%20b?page=1&tag=x", {"page": 2}, "/a%20b?page=2&tag=x"),
    ("/?tag=x&page=1&tag=y", {"tag": ["ä", "&=#"]}, "/?tag=%C3%A4&tag=%26%3D%23&page=1"),
    ("/?q=a+b%26c", {"at": "2026-01-01T00:00,7", "all": True}, "/?q=a%20b%26c&at=2026-01-01T00:00,7&all=true"),
    ("/?a%26b=1", {"self": 1}, "/?a%26b=1&self=1"),
    ("//evil/x", {"n": HTTPStatus.OK}, "/evil/x?n=200"),
]
"""A target, changes of its query, and the link that this makes."""


def test_url_with(client_for):
    links = iter(LINKS)
    client = client_for(about()(lambda request: [request.url_with(**next(links)[1])]))
    assert [client.get(target).json() for target, _, _ in LINKS] == [[link] for _, _, link in LINKS]


def test_url_with_below_a_prefix(client_for):
    told = ask(client_for, lambda request: [request.url_with(page=2)], "/a?b=1", client_options={"prefix": "/ü"})
    assert told == ["/%C3%BC/a?b=1&page=2"]


def test_what_no_query_says(client_for):
    def told(request):
        for value in (b"x", {"a": 1}, [b"x"], object()):
            with pytest.raises(TypeError):
                request.url_with(q=value)
        return []

    assert ask(client_for, told) == []


ACCEPTED = {
    None: "text/html",
    "*/*": "text/html",
    "application/json": "application/json",
    "text/html;q=0.5, application/*": "application/json",
    "image/png": None,
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "text/html",
}
"""What a client accepts, and which of HTML and JSON it gets."""


def test_accepts(client_for):
    def told(request):
        with pytest.raises(ValueError, match="has two parts"):
            request.accepts("html", "text/plain")
        return [request.accepts("text/html", "application/json")]

    client = client_for(about()(told))
    found = {accept: client.get("/", headers={"accept": accept}).json()[0] for accept in ACCEPTED}
    assert found == ACCEPTED


@pytest.mark.clause("head.cookies")
def test_cookies_are_a_mapping(client_for):
    assert ask(client_for, lambda request: dict(request.cookies), cookies={"a": "1"}) == {"a": "1"}


# -- path_params, route, state -----------------------------------------------------------------------------------------


@pytest.mark.clause("head.path")
def test_path_params_are_decoded_and_not_converted(client_for):
    app = App()

    @app.get("/{number}/{name}")
    def handler(request: Request, number: int, name: str) -> dict:
        return dict(request.path_params)

    assert client_for(app).get("/007/a%20b").json() == {"number": "007", "name": "a b"}


@pytest.mark.clause("head.arguments")
def test_route(client_for):
    def route(request: Request) -> list:
        return [
            request.route.name,
            str(request.route.template),
            sorted(request.route.methods),
            list(request.route.tags),
        ]

    assert ask(client_for, route) == ["here", "/{rest:path}", ["GET", "POST", "PUT"], ["t"]]


@pytest.mark.clause("head.state")
def test_state_is_the_lifespans_copied_for_each_request(client_for, coloured):
    app = App()

    @app.lifespan
    async def resources():
        yield {"shared": [0], "number": 1}

    @app.get("/")
    @coloured
    def handler(request: Request) -> list:
        state = request.state
        seen = [state["number"], state["shared"][0], "mine" in state]
        state["number"] += 1
        state["shared"][0] += 1
        state["mine"] = True
        return seen

    client = client_for(app)
    assert [client.get("/").json() for _ in range(2)] == [[1, 0, False], [1, 1, False]]


# -- the body ----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("body.whole")
@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\0\xff" * 1_000, b"x" * 1_000_000, [b"a", b"b"], [b"x"] * 1_000],
    ids=["empty", "x", "odd", "big", "2", "1000"],
)
def test_body(client_for, coloured, content):
    app = App()

    @app.post("/")
    @coloured
    def handler(request: Request) -> bytes:
        assert request.body is request.body
        return request.body

    expected = content if isinstance(content, bytes) else b"".join(content)
    assert client_for(app).post("/", content=content).content == expected


@pytest.mark.clause("body.whole")
def test_get_has_an_empty_body(client_for):
    assert ask(client_for, lambda request: [request.body.decode()]) == [""]


@pytest.mark.clause("body.whole")
def test_get_may_have_a_body(client_for):
    assert ask(client_for, lambda request: [request.body.decode()], content="x") == ["x"]


@pytest.mark.clause("body.whole")
def test_json(client_for):
    assert ask(client_for, lambda request: request.json(), method="POST", content='{"a":[1]}') == {"a": [1]}
    client = client_for(about()(lambda request: request.json()))
    for content in ("", "{", b"\xff", "[" * 100_000):
        assert client.post("/", content=content).status_code == 400


@pytest.mark.clause("body.whole")
def test_the_body_and_a_decoded_body_together(client_for, coloured):
    from hinge import Body

    app = App()

    @app.post("/")
    @coloured
    def handler(request: Request, numbers: Body[list[int]]) -> list:
        return [request.body.decode(), numbers]

    assert client_for(app).post("/", json=[1, 2]).json() == ["[1,2]", [1, 2]]


@pytest.mark.clause("body.whole")
def test_a_body_that_was_not_read_says_how_to_read_it(client_for):
    app, seen = App(), []

    @app.middleware
    def middleware(request: Request):
        with pytest.raises(RuntimeError, match="needs_body=True"):
            _ = request.body
        seen.append(True)
        yield

    @app.post("/")
    def handler() -> None: ...

    assert client_for(app).post("/", content="x").status_code == 204
    assert seen == [True]


@pytest.mark.clause("response.independent")
def test_requests_do_not_see_each_other(client_for, coloured):
    import threading

    app, meeting = App(), threading.Barrier(2, timeout=10)

    @app.post("/{name}")
    def handler(request: Request, name: str) -> list:
        before = [request.path, request.body.decode(), request.headers["x-name"]]
        meeting.wait()
        return [*before, request.path, request.path_params["name"], request.query["q"]]

    client, answers = client_for(app), {}

    def send(name: str) -> None:
        answers[name] = client.post(f"/{name}?q={name}", content=name, headers={"x-name": name}).json()

    threads = [threading.Thread(target=send, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == {name: [f"/{name}", name, name, f"/{name}", name, name] for name in "ab"}


@pytest.mark.clause("errors.answered")
def test_an_http_error_from_a_request_attribute_can_be_caught(client_for):
    def host(request: Request) -> str:
        try:
            return request.host
        except HTTPError as error:
            return f"caught {error.status}"

    assert client_for(about()(host)).get("/", headers={"host": "a b"}).text == "caught 400"
