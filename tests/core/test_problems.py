"""Exceptions become responses: whose handler, which document, what is logged, and that nothing escapes."""

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from hinge import ClientDisconnect, ConfigurationError, HTTPError, JSONResponse, Response
from hinge.error_responses import ErrorHandlers, aborted, check_error_handler, check_error_kind, log_failure
from hinge.errors import FieldError, RequestInvalid
from hinge.http.body import IS_THE_CLIENTS


def route_handler() -> None: ...


REQUEST = SimpleNamespace(
    method="GET",
    path="/items/\n7",
    route=SimpleNamespace(handler=route_handler, location="shop.py:7"),
    _endpoint=SimpleNamespace(errors=ErrorHandlers({}, debug=False)),
)


def answer(error: Exception, handlers: dict[Any, Any] | None = None, *, debug: bool = False) -> Response:
    """Return the response, awaited if it has to be."""
    response = ErrorHandlers(handlers or {}, debug=debug).respond(REQUEST, error)
    if isinstance(response, Response):
        return response

    async def wait() -> Response:
        return await response

    return asyncio.run(wait())


def document(response: Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = msgspec.json.decode(response.body or b"")
    assert found["status"] == response.status
    return found


# -- problem documents (RFC 9457) --------------------------------------------------------------------------------------


def test_an_http_error_is_its_own_document() -> None:
    error = HTTPError(
        409, "taken", type="https://errors.example/taken", title="Name taken", headers={"Retry-After": "5"}, name="x"
    )
    response = answer(error)
    assert response.status == 409
    assert response.headers["retry-after"] == "5"
    assert list(document(response).items()) == [
        ("type", "https://errors.example/taken"),
        ("title", "Name taken"),
        ("status", 409),
        ("detail", "taken"),
        ("name", "x"),
    ]


def test_what_is_left_out_has_its_standard_value() -> None:
    assert document(answer(HTTPError(404))) == {"type": "about:blank", "title": "Not Found", "status": 404}
    assert document(answer(HTTPError(499)))["title"] == "Error"


def test_a_422_lists_its_errors() -> None:
    response = answer(RequestInvalid([FieldError("body", "/a/0", "is required"), FieldError("query", "n", "is wrong")]))
    assert document(response)["errors"] == [
        {"in": "body", "pointer": "/a/0", "message": "is required"},
        {"in": "query", "name": "n", "message": "is wrong"},
    ]


def test_http_errors_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer(HTTPError(503, "busy"))
    answer(ClientDisconnect())
    assert caplog.records == []


def test_a_client_that_left_is_no_failure() -> None:
    assert answer(ClientDisconnect()).status == 400


def test_any_other_exception_is_a_500_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    response = answer(KeyError("a secret"))
    assert document(response) == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("hinge", logging.ERROR)
    assert "handler test_problems.route_handler (shop.py:7) failed" in record.getMessage().replace("tests.core.", "")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


def test_a_log_line_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A path or method with control characters must not forge one (CVE-2020-7694 and its kind)."""
    request = SimpleNamespace(method="GET\n\x1b[31m", path="/a\r\nERROR forged", route=None)
    log_failure(request, KeyError())
    (record,) = caplog.records
    assert record.getMessage().isprintable()


class Malformed:
    route = None
    method = "GET"

    @property
    def path(self) -> str:
        raise HTTPError(400)


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (None, "a request: the framework failed"),
        (SimpleNamespace(path="/live", route=None), "'/live': the framework failed"),
        (Malformed(), "a malformed target: the framework failed"),
    ],
)
def test_every_failure_can_be_logged(request_: Any, where: str, caplog: pytest.LogCaptureFixture) -> None:
    log_failure(request_, KeyError())
    assert caplog.records[0].getMessage() == where


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [KeyError("why"), ExceptionGroup("several", [KeyError(), OSError()]), Hostile()])
def test_debug_shows_the_cause(error: Exception) -> None:
    try:
        raise error
    except Exception as raised:
        found = document(answer(raised, debug=True))
    assert type(error).__name__ in found["detail"]
    assert any("test_problems.py" in line for line in found["traceback"])


def test_debug_changes_nothing_for_http_errors() -> None:
    assert document(answer(HTTPError(404), debug=True)) == document(answer(HTTPError(404)))


# -- what cannot be sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(404, "x", thing=object()),
        HTTPError(404, "lone \ud800 surrogate"),
        HTTPError(404, object()),  # type: ignore[arg-type]
        HTTPError(404, type=object()),  # type: ignore[arg-type]
    ],
)
def test_a_document_that_is_no_json_is_left_out_and_logged(error: HTTPError, caplog: pytest.LogCaptureFixture) -> None:
    assert document(answer(error)) == {"type": "about:blank", "title": "Not Found", "status": 404}
    assert "its document is not JSON" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\r\nset-cookie: b"}, {"x": "é"}, {"bad name": "x"}, {"x": 5}, {5: "x"}, {"content-length": "5"}],
)
def test_headers_that_cannot_be_sent_are_a_500_and_logged(headers: Any, caplog: pytest.LogCaptureFixture) -> None:
    response = answer(HTTPError(401, headers=headers))
    assert document(response)["status"] == 500
    (record,) = caplog.records
    assert "its headers cannot be sent" in str(record.exc_text)


def test_a_content_type_of_the_error_takes_the_place_of_the_standard_one() -> None:
    response = answer(HTTPError(400, headers={"Content-Type": "application/xml"}))
    assert response.headers.get_all("content-type") == ["application/xml"]


@pytest.mark.parametrize("name", ["connection", "Connection"])
def test_an_error_may_close_the_connection_or_ask_for_another_protocol(name: str) -> None:
    assert answer(HTTPError(400, headers={name: "close"})).headers.get("connection") == "close"
    assert answer(HTTPError(426, headers={"Upgrade": "websocket"})).headers.get("upgrade") == "websocket"
    assert answer(HTTPError(400, headers={name: "keep-alive"})).status == 500


def own(request: Any, error: HTTPError) -> Response:
    """Answer as the documentation shows it."""
    return JSONResponse({"oh": error.title}, status=error.status, headers=error.headers)


async def own_async(request: Any, error: HTTPError) -> Response:
    return own(request, error)


@pytest.mark.parametrize("handler", [own, own_async, lambda request, error: HTTPError(400, headers=error.headers)])
def test_what_an_error_says_about_its_connection_outlives_a_handler_of_the_app(handler: Any) -> None:
    """A handler that passes the headers on must neither fail nor keep a connection that cannot be trusted."""
    for name, value in (("connection", "close"), ("Upgrade", "websocket")):
        error = HTTPError(400, headers={name: value, "retry-after": "5"})
        assert error.headers == {"retry-after": "5"}
        response = answer(error, {HTTPError: handler})
        assert (response.status, response.headers["retry-after"]) == (400, "5")
        assert response.headers.get_all(name) == [value]


def test_one_response_for_many_errors_keeps_nothing_of_one() -> None:
    shared = Response(status=400)
    for _ in range(3):
        error = HTTPError(400, headers={"connection": "close"})
        response = answer(error, {HTTPError: lambda request, error: shared})
        assert response.headers.get_all("connection") == ["close"]
    assert "connection" not in shared.headers


# -- the app's own handlers --------------------------------------------------------------------------------------------


class Base(Exception): ...


class Derived(Base): ...


def says(text: str) -> Callable[[Any, Any], Any]:
    return lambda request, error: Response(text, status=418)


def test_the_most_derived_class_wins() -> None:
    handlers = {Base: says("base"), Derived: says("derived"), Exception: says("any"), HTTPError: says("http")}
    assert answer(Base(), handlers).body == b"base"
    assert answer(Derived(), handlers).body == b"derived"
    assert answer(KeyError(), handlers).body == b"any"
    assert answer(HTTPError(404), handlers).body == b"http"
    assert answer(RequestInvalid([]), handlers).body == b"http"
    assert answer(RequestInvalid([]), {**handlers, RequestInvalid: says("invalid")}).body == b"invalid"
    assert answer(Derived(), {Base: says("base")}).body == b"base"


def test_a_handler_gets_the_request_and_the_error() -> None:
    seen: list[Any] = []

    def handler(request: Any, error: Exception) -> Response:
        seen.extend([request, error])
        return JSONResponse({"a": 1}, status=400)

    error = Derived()
    response = answer(error, {Derived: handler})
    assert (seen, response.status, response.body) == ([REQUEST, error], 400, b'{"a":1}')


async def coroutine(request: Any, error: Exception) -> Response:
    await asyncio.sleep(0)
    return Response("async", status=418)


def wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapped


class Instance:
    async def __call__(self, request: Any, error: Exception) -> Response:
        return await coroutine(request, error)

    def method(self, request: Any, error: Exception) -> Response:
        return Response("async", status=418)


@pytest.mark.parametrize("handler", [coroutine, wrapper(coroutine), Instance(), Instance().method])
def test_handlers_of_every_form_and_colour(handler: Any) -> None:
    response = answer(Base(), {Base: handler})
    assert (response.status, response.body) == (418, b"async")


def test_an_async_handler_is_awaited_by_the_backend_alone() -> None:
    found: Any = ErrorHandlers({Base: coroutine}, debug=False).respond(REQUEST, Base())
    assert inspect.iscoroutine(found)
    assert asyncio.run(found).body == b"async"


def test_what_a_handler_returns_is_what_any_handler_may() -> None:
    assert answer(Base(), {Base: lambda request, error: {"a": 1}}).body == b'{"a":1}'
    assert answer(Base(), {Base: lambda request, error: None}).status == 500


@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_may_return_or_raise_an_http_error(is_async: bool) -> None:
    def returning(request: Any, error: Exception) -> HTTPError:
        return HTTPError(404, "returned")

    def raising(request: Any, error: Exception) -> HTTPError:
        raise HTTPError(404, "raised")

    for handler, detail in ((returning, "returned"), (raising, "raised")):
        response = answer(Base(), {Base: asynchronous(handler) if is_async else handler})
        assert document(response)["detail"] == detail


def asynchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    async def handler(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return handler


@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_that_fails_is_a_500_whose_log_shows_both(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def failing(request: Any, error: Exception) -> Response:
        raise LookupError("second")

    first = Base("first")
    response = answer(first, {Base: asynchronous(failing) if is_async else failing})
    assert document(response)["status"] == 500
    (record,) = caplog.records
    assert record.exc_info is not None
    second = record.exc_info[1]
    assert isinstance(second, LookupError)
    assert second.__context__ is first


@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_that_raises_the_error_again_lets_it_be(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def again(request: Any, error: Exception) -> Response:
        raise error

    handler = asynchronous(again) if is_async else again
    assert answer(Base(), {Base: handler}).status == 500
    assert len(caplog.records) == 1
    assert answer(HTTPError(404), {HTTPError: handler}).status == 404
    assert len(caplog.records) == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_a_result_that_cannot_be_encoded_is_a_500(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Any, error: Exception) -> Any:
        return object()

    assert answer(Base(), {Base: asynchronous(handler) if is_async else handler}).status == 500
    assert len(caplog.records) == 1


def test_a_stream_that_fails_is_logged_unless_it_is_the_client_s_doing(caplog: pytest.LogCaptureFixture) -> None:
    for error in (ClientDisconnect(), HTTPError(413)):
        setattr(error, IS_THE_CLIENTS, True)  # as a body does with what it raises
        assert aborted(REQUEST, error).__cause__ in (None, error)
        assert caplog.records == []
    for count, error in enumerate((KeyError("late"), ClientDisconnect(), HTTPError(413)), 1):
        assert isinstance(aborted(REQUEST, error), Exception)
        assert len(caplog.records) == count


# -- statuses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("debug", [False, True])
def test_that_of_500_is_handed_what_nobody_answers_for(
    debug: bool, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[HTTPError] = []

    def page(request: Any, error: HTTPError) -> str:
        told.append(error)
        return "page"

    failure = KeyError("price")
    response = answer(failure, {500: asynchronous(page) if is_async else page}, debug=debug)
    assert (response.status, response.body) == (500, b"page")
    (record,), (error,) = caplog.records, told
    assert record.exc_info is not None
    assert record.exc_info[1] is failure is error.__cause__
    assert (error.detail, "traceback" in error.extensions) == (("KeyError: 'price'", True) if debug else (None, False))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_page_that_fails_is_answered_by_that_of_500_and_that_one_s_failure_by_a_document(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(request: Any, error: Exception) -> Response:
        raise LookupError("second")

    page = asynchronous(failing) if is_async else failing
    response = answer(HTTPError(404), {404: page, 500: lambda request, error: "sorry"})
    assert (response.status, response.body, len(caplog.records)) == (500, b"sorry", 1)
    caplog.clear()
    response = answer(HTTPError(404), {404: page, 500: asynchronous(failing)})
    assert (document(response)["status"], len(caplog.records)) == (500, 2)


def test_a_client_that_leaves_is_no_failure_for_500(caplog: pytest.LogCaptureFixture) -> None:
    assert document(answer(ClientDisconnect(), {500: lambda request, error: "sorry"}))["status"] == 400
    assert caplog.records == []


# -- what @app.error takes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["KeyError", KeyError(), BaseException, KeyboardInterrupt, int, None, coroutine, True, 4.04, 200, 399, 600]
)
def test_only_exception_classes_and_statuses_have_handlers(kind: Any) -> None:
    why = "exception class|Exception|error's status"
    with pytest.raises(ConfigurationError, match=rf"test_problems.py:\d+\): .* is no ({why})\. Fix: "):
        check_error_kind(kind)


def generator(request: Any, error: Exception) -> Iterator[str]:
    yield ""


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (lambda: None, "Fix: take two parameters, (request, error)"),
        (lambda request: None, "Fix: take two parameters, (request, error)"),
        (lambda request, error, more: None, "Fix: take two parameters, (request, error)"),
        (generator, "it is a generator. Fix: return the response"),
        (5, "cannot be called"),
    ],
)
def test_a_handler_takes_the_request_and_the_error(handler: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_error_handler(handler)
    assert said in str(caught.value)
    assert not callable(handler) or "test_problems.py:" in str(caught.value)


@pytest.mark.parametrize("handler", [coroutine, Instance(), Instance().method, lambda *args: None, says("x")])
def test_handlers_that_take_both_pass(handler: Any) -> None:
    assert check_error_handler(handler).startswith("error handler ")


def test_an_error_that_is_raised_again_and_again_keeps_no_frames() -> None:
    shared = HTTPError(404)
    for _ in range(3):
        with pytest.raises(HTTPError) as raised:
            raise shared
        answer(raised.value)
    assert shared.__traceback__ is None
