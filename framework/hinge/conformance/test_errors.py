"""Failures: problem documents, the app's own error handlers, and what is logged."""

import pytest

from hinge import App, Config, HTTPError, JSONResponse, Request, Response
from hinge.errors import RequestInvalid

pytestmark = pytest.mark.clause("errors.answered")


class OutOfStock(Exception):
    pass


class SoldOut(OutOfStock):
    pass


def raising(error, *, coloured=None, with_request=False, **options) -> App:
    app = App(**options)

    def handler() -> None:
        raise error

    def handler_with_request(request: Request) -> None:
        raise error

    chosen = handler_with_request if with_request else handler
    app.get("/")(coloured(chosen) if coloured else chosen)
    return app


# -- HTTPError ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_request", [False, True])
@pytest.mark.parametrize(
    ("error", "document"),
    [
        (HTTPError(404), {"type": "about:blank", "title": "Not Found", "status": 404}),
        (HTTPError(409, "taken"), {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "taken"}),
        (
            HTTPError(402, "broke", type="https://x/y", title="No money", balance=30, accounts=["/1"]),
            {
                "type": "https://x/y",
                "title": "No money",
                "status": 402,
                "detail": "broke",
                "balance": 30,
                "accounts": ["/1"],
            },
        ),
        (HTTPError(418), {"type": "about:blank", "title": "I'm a Teapot", "status": 418}),
        (HTTPError(599), {"type": "about:blank", "title": "Error", "status": 599}),
        (
            HTTPError(503, "ü\n"),
            {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "ü\n"},
        ),
    ],
)
def test_an_http_error_is_a_problem_document(client_for, coloured, with_request, error, document):
    response = client_for(raising(error, coloured=coloured, with_request=with_request)).get("/")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == document["status"]
    assert response.json() == document
    assert list(response.json())[:3] == ["type", "title", "status"]


def test_headers_of_an_http_error(client_for, coloured):
    error = HTTPError(401, headers={"WWW-Authenticate": "Basic", "x-a": "1"})
    response = client_for(raising(error, coloured=coloured)).get("/")
    assert (response.headers["www-authenticate"], response.headers["x-a"]) == ("Basic", "1")


@pytest.mark.clause("errors.logged")
def test_an_http_error_is_not_logged(client_for, coloured, caplog):
    client_for(raising(HTTPError(500), coloured=coloured)).get("/")
    assert caplog.text == ""


@pytest.mark.clause("errors.logged")
def test_a_document_that_is_not_json_is_left_out_and_logged(client_for, coloured, caplog):
    response = client_for(raising(HTTPError(409, "taken", thing=object()), coloured=coloured)).get("/")
    assert response.json() == {"type": "about:blank", "title": "Conflict", "status": 409}
    assert "its document is not JSON" in caplog.text


# -- other exceptions --------------------------------------------------------------------------------------------------


@pytest.mark.clause("errors.logged")
@pytest.mark.parametrize("with_request", [False, True])
def test_another_exception_is_a_500_that_says_nothing_and_is_logged_once(client_for, coloured, with_request, caplog):
    app = raising(LookupError("the secret"), coloured=coloured, with_request=with_request)
    response = client_for(app).get("/?token=x")
    assert response.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert response.status_code == 500
    (record,) = caplog.records
    assert record.name == "hinge"
    assert "handler" in record.getMessage()
    assert "test_errors.py" in record.getMessage()
    assert "LookupError: the secret" in caplog.text


def test_debug_shows_the_cause(client_for, coloured):
    app = raising(LookupError("the cause"), coloured=coloured, config=Config(debug=True))
    document = client_for(app).get("/").json()
    assert document["detail"] == "LookupError: the cause"
    assert any("raise error" in line for line in document["traceback"])


@pytest.mark.parametrize(
    "error", [RuntimeError(), TypeError("x"), KeyError(1), StopIteration(), ValueError("x"), AssertionError()]
)
def test_any_exception_class(client_for, error):
    assert client_for(raising(error)).get("/").status_code == 500


@pytest.mark.clause("errors.logged")
def test_a_path_cannot_forge_log_lines(client_for, caplog):
    app = App()

    @app.get("/{rest:path}")
    def handler(rest: str) -> None:
        raise LookupError

    client_for(app).get("/a%0AERROR forged%1B[31m")
    assert "\nERROR forged" not in caplog.records[0].getMessage()
    assert "\x1b" not in caplog.records[0].getMessage()


@pytest.mark.clause("response.independent")
def test_the_next_request_is_not_affected(client_for, coloured):
    app = App()
    outcomes = iter([LookupError(), None, HTTPError(409), None])

    @app.get("/")
    @coloured
    def handler() -> str:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        return "fine"

    client = client_for(app)
    assert [client.get("/").status_code for _ in range(4)] == [500, 200, 409, 200]


# -- the app's own error handlers --------------------------------------------------------------------------------------


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize("with_request", [False, True])
def test_an_error_handler_answers(client_for, coloured, with_request, caplog):
    app = raising(OutOfStock("tea"), coloured=coloured, with_request=with_request)

    @app.error(OutOfStock)
    @coloured
    def out_of_stock(request: Request, error: OutOfStock) -> JSONResponse:
        return JSONResponse({"gone": str(error), "path": request.path}, status=410)

    response = client_for(app).get("/")
    assert (response.status_code, response.json()) == (410, {"gone": "tea", "path": "/"})
    assert caplog.text == ""


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize(
    ("error", "expected"),
    [(SoldOut(), "sold out"), (OutOfStock(), "out of stock"), (HTTPError(404), "http"), (LookupError(), "anything")],
)
def test_the_most_derived_class_answers(client_for, coloured, error, expected):
    app = raising(error, coloured=coloured)
    for kind, answer in {
        Exception: "anything",
        OutOfStock: "out of stock",
        SoldOut: "sold out",
        HTTPError: "http",
    }.items():

        @coloured
        def handler(request, error, answer=answer):
            return answer

        app.error(kind)(handler)
    assert client_for(app).get("/").text == expected


@pytest.mark.clause("errors.handlers")
def test_a_status_stands_in_front_of_its_class_and_that_of_500_for_failures(client_for, coloured, caplog):
    app = App()
    for kind in (404, 500, HTTPError, OutOfStock):

        @app.error(kind)
        @coloured
        def handler(request, error, name=getattr(kind, "__name__", str(kind))):
            return f"{name}: {error}"

    @app.get("/{number}")
    @coloured
    def read(number: int) -> None:
        raise (KeyError("price"), OutOfStock("lamp"), HTTPError(409), HTTPError(404), HTTPError(500))[number]

    client = client_for(app)
    for target, status, text in (
        ("/2", 409, "HTTPError: 409 Conflict"),
        ("/3", 404, "404: 404 Not Found"),
        ("/x", 404, "404: 404 Not Found"),
        ("/nothing/there", 404, "404: 404 Not Found"),
        ("/1", 500, "OutOfStock: lamp"),
        ("/4", 500, "500: 500 Internal Server Error"),
    ):
        answer = client.get(target)
        assert (answer.status_code, answer.text) == (status, text)
    assert caplog.records == []
    answer = client.get("/0")
    assert (answer.status_code, answer.text) == (500, "500: 500 Internal Server Error")
    assert "KeyError: 'price'" in caplog.text


@pytest.mark.clause("errors.handlers")
def test_the_frameworks_own_errors_come_to_it_as_well(client_for, coloured):
    app = App()

    @app.error(HTTPError)
    @coloured
    def http_error(request: Request, error: HTTPError) -> Response:
        return Response(f"{error.status} {error.title}", status=error.status, headers=error.headers)

    @app.error(RequestInvalid)
    @coloured
    def invalid(request: Request, error: RequestInvalid) -> Response:
        return Response(error.errors[0].where, status=400)

    @app.get("/{number}")
    def handler(number: int, q: int) -> None: ...

    client = client_for(app)
    assert client.get("/a/b").text == "404 Not Found"
    assert client.get("/x?q=1").text == "404 Not Found"
    assert client.get("/1").text == "q"
    assert client.get("/1?" + "a&" * 2000).text == "400 Bad Request"
    assert client.get("/%FF").text == "400 Bad Request"
    framed_twice = {"transfer-encoding": "chunked", "content-length": "5"}
    assert client.post("/1", content=b"hello", headers=framed_twice).text == "400 Bad Request"
    response = client.post("/1")
    assert (response.text, response.headers["allow"]) == ("405 Method Not Allowed", "GET, HEAD, OPTIONS")
    assert client.head("/a/b").content == b""


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize("result", ["text", b"octets", {"a": 1}, None])
def test_an_error_handler_may_return_what_a_handler_may(client_for, coloured, result):
    app = raising(OutOfStock(), coloured=coloured)

    @app.error(OutOfStock)
    @coloured
    def handler(request: Request, error: OutOfStock) -> object:
        return result

    # A plain result keeps the status that the error would have had: 200 would hide the failure.
    assert client_for(app).get("/").status_code == 500


@pytest.mark.clause("errors.handlers")
def test_a_plain_result_keeps_the_status_of_an_http_error(client_for, coloured):
    app = raising(HTTPError(409, "taken"), coloured=coloured)

    @app.error(HTTPError)
    @coloured
    def handler(request: Request, error: HTTPError) -> dict[str, str | None]:
        return {"message": error.detail}

    client = client_for(app)
    response = client.get("/")
    assert (response.status_code, response.json()) == (409, {"message": "taken"})
    assert "x-note" not in response.headers


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize(
    ("result", "expected"),
    [({"a": 1}, ["1"]), ("text", ["1"]), (None, ["1"]), (JSONResponse({}, headers={"x-other": "2"}), [])],
)
def test_a_plain_result_keeps_the_headers_of_an_http_error(client_for, coloured, result, expected):
    app = raising(HTTPError(409, headers={"x-note": "1", "content-type": "text/odd"}), coloured=coloured)

    @app.error(HTTPError)
    @coloured
    def handler(request: Request, error: HTTPError) -> object:
        return result

    client = client_for(app)
    for _ in range(2):  # and of no other's
        response = client.get("/")
        assert response.headers.get_all("x-note") == expected
        assert response.headers.get("content-type") != "text/odd"
    response = client.post("/")
    assert response.headers.get_all("x-note") == []
    assert response.headers.get("allow") == ("GET, HEAD, OPTIONS" if expected else None)


@pytest.mark.clause("errors.handlers")
@pytest.mark.parametrize(("second", "status"), [(LookupError("second"), 500), (HTTPError(418), 418)])
def test_an_error_handler_that_fails(client_for, coloured, second, status, caplog):
    app = raising(OutOfStock(), coloured=coloured)

    @app.error(OutOfStock)
    @coloured
    def handler(request: Request, error: OutOfStock) -> None:
        raise second

    assert client_for(app).get("/").status_code == status
    assert ("second" in caplog.text) == (status == 500)


@pytest.mark.clause("errors.handlers")
def test_an_error_handler_sees_the_request(client_for, coloured):
    app = App()

    @app.post("/{name}", name="named")
    @coloured
    def handler(name: str, request: Request) -> None:
        request.state["seen"] = request.body
        raise OutOfStock

    @app.error(OutOfStock)
    @coloured
    def answer(request: Request, error: OutOfStock) -> list:
        return [
            request.method,
            request.route.name,
            dict(request.path_params),
            request.state["seen"].decode(),
            request.query.get("q"),
        ]

    assert client_for(app).post("/x?q=1", content="body").json() == ["POST", "named", {"name": "x"}, "body", "1"]


def test_errors_raised_in_parameters_without_a_request(client_for, coloured):
    """A route that needs no Request still gives its error handler one."""
    app = App()

    @app.get("/{number}")
    @coloured
    def handler(number: int) -> str:
        return str(number)

    @app.error(HTTPError)
    @coloured
    def answer(request: Request, error: HTTPError) -> list:
        return [request.path, request.route is not None, error.status]

    client = client_for(app)
    assert client.get("/x").json() == ["/x", True, 404]
    assert client.get("/a/b").json() == ["/a/b", False, 404]
