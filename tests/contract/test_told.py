"""What the log says of a result or a chunk that cannot be sent: the handler, and what to write instead."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import App, Event, HTTPError, JSONResponse, RedirectResponse, Request, WebSocket, WebSocketDisconnect
from hinge.backend.contract import Feature
from hinge.testing import Client


class Thing:
    """Msgspec does not know it."""


class Note(msgspec.Struct):
    id: int


async def fetched() -> dict[str, int]:
    return {"a": 1}


def row() -> Any:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    found = connection.execute("select 1 as id").fetchone()
    connection.close()
    return found


def thing():  # type: ignore[no-untyped-def]
    return Thing()


def within() -> dict[str, Any]:
    return {"t": Thing()}


def in_lines() -> Iterator[dict[str, Any]]:
    yield {"t": Thing()}


def a_row() -> Any:
    return row()


def row_for_a_note() -> Note:
    return row()  # type: ignore[no-any-return]


def rows_for_notes() -> list[Note]:
    return [row()]


def streamed_row() -> Iterator[Note]:
    yield row()


def object_for_a_note() -> Note:
    return Thing()  # type: ignore[return-value]


def event():  # type: ignore[no-untyped-def]
    yield Event("x")


async def async_event():  # type: ignore[no-untyped-def]
    yield Event("x")


def items():  # type: ignore[no-untyped-def]
    yield {"a": 1}


async def async_items():  # type: ignore[no-untyped-def]
    yield {"a": 1}


def waiting() -> list[Any]:
    coroutine = fetched()
    coroutine.close()
    return [coroutine]


MADE = (
    "make it a msgspec.Struct or a dataclass, name it in App(types=[CustomType(...)]), or return a dict of what is to "
    "be sent"
)
KEYS = "the Row that the handler answered with has keys and no attribute 'id'. Fix: Note(**row)"
EVENTS = "a streamed chunk is str or bytes, not Event. Fix: return EventSourceResponse(...) around what yields them"
LINES = "a streamed chunk is str or bytes, not dict. Fix: for lines of JSON annotate it, -> "
CASES: list[tuple[Any, str]] = [
    (thing, f"failed: msgspec does not know the class Thing. Fix: {MADE}"),
    (within, f"failed: msgspec does not know the class Thing. Fix: {MADE}"),
    (in_lines, f"failed: msgspec does not know the class Thing. Fix: {MADE}"),
    (waiting, "failed: msgspec does not know the class coroutine. Fix: await it"),
    (a_row, "failed: msgspec does not know the class sqlite3.Row. Fix: return dict(row), or Item(**row) of a Struct"),
    (row_for_a_note, KEYS),
    (rows_for_notes, KEYS),
    (streamed_row, KEYS),
    (object_for_a_note, "the Thing that the handler answered with has no 'id'"),
    (event, EVENTS),
    (async_event, EVENTS),
    (items, f"{LINES}Iterator[dict] or AsyncIterator[dict]"),
    (async_items, f"{LINES}Iterator[dict] or AsyncIterator[dict]"),
]


def with_word(word: str) -> Any:
    def handler(request: Request) -> Any:
        return getattr(request, word)

    return handler


def status_code() -> Any:
    wrong: Any = JSONResponse
    return wrong(1, status_code=201)


def status_of_a_redirect() -> Any:
    wrong: Any = RedirectResponse
    return wrong("/", status_code=303)


def status_set() -> Any:
    response: Any = JSONResponse(1)
    response.status_code = 201
    return response


def status_of_an_error() -> Any:
    wrong: Any = HTTPError
    raise wrong(status_code=404)


async def awaits_the_body(request: Request) -> Any:
    found: Any = request.json()
    return await found


WORDS: list[tuple[str, Any, str]] = [
    ("args", with_word("args"), ": a Request has no 'args'. Fix: request.query"),
    ("query_params", with_word("query_params"), ": a Request has no 'query_params'. Fix: request.query"),
    ("get_json", with_word("get_json"), ": a Request has no 'get_json'. Fix: request.json()"),
    ("form", with_word("form"), ": a Request has no 'form'. Fix: a parameter annotated FormData"),
    ("unknown", with_word("unknown"), "\n"),
    ("status_code", status_code, ": Hinge calls it status. Fix: status=..."),
    (
        "status_of_a_redirect",
        status_of_a_redirect,
        ": Hinge calls it status. Fix: RedirectResponse('/path', status=303)",
    ),
    ("status_set", status_set, ": Hinge calls it status. Fix: response.status"),
    ("status_of_an_error", status_of_an_error, ": Hinge calls it status. Fix: HTTPError(404, ...)"),
    (
        "await",
        awaits_the_body,
        ": what is awaited there is a dict already",
    ),
]


@pytest.mark.parametrize(("handler", "told"), [case[1:] for case in WORDS], ids=[case[0] for case in WORDS])
def test_words_of_other_frameworks(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture, handler: Any, told: str
) -> None:
    app = App()
    app.post("/")(handler)
    assert client_for(app).post("/", json={"a": 1}).status_code == 500
    assert f" failed{told}" in caplog.text


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
@pytest.mark.parametrize("word", ["send_text", "send_bytes"])
def test_words_of_other_websockets(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture, word: str
) -> None:
    app = App()

    @app.websocket("/")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await getattr(ws, word)("x")

    with client_for(app).websocket("/") as ws, pytest.raises(WebSocketDisconnect):
        ws.receive()
    assert f"failed: a WebSocket has no {word!r}. Fix: ws.send(...)" in caplog.text


@pytest.mark.parametrize(("handler", "told"), CASES, ids=[handler.__name__ for handler, _ in CASES])
def test_what_cannot_be_sent(
    client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture, handler: Any, told: str
) -> None:
    app = App()
    app.get("/")(handler)
    assert client_for(app).get("/").status_code == 500
    assert told in caplog.text
    line = handler.__code__.co_firstlineno
    assert (
        f"GET '/': handler tests.contract.test_told.{handler.__name__} (tests/contract/test_told.py:{line})"
        in caplog.text
    )


def test_work_after_the_response_is_named(client_for: Callable[..., Client], caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.get("/plain")
    def plain(request: Request) -> None:
        request.after_response(print, 1, nothing=2)
        request.after_response(failing, 1)

    @app.get("/async")
    async def coroutine(request: Request) -> None:
        request.after_response(failing_async)

    client = client_for(app)
    for path in ("/plain", "/async"):
        assert client.get(path).status_code == 204
    for name, function in (("plain", failing), ("coroutine", failing_async)):
        line = function.__code__.co_firstlineno
        work = f"tests.contract.test_told.{function.__name__} (tests/contract/test_told.py:{line})"
        assert f"after_response({work}) failed" in caplog.text, name
    assert "after_response(builtins.print) failed" in caplog.text
    assert " at 0x" not in "".join(record.getMessage() for record in caplog.records)


def failing(number: int) -> None:
    raise LookupError(number)


async def failing_async() -> None:
    raise LookupError
