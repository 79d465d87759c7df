"""Forms that are too much, broken or cut off, on every backend: one clear answer, and no file left behind."""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.contract.forms import MULTIPART, URLENCODED, closed, cut, file, part, text
from tests.support.waiting import until

from hinge import App, ClientDisconnect, Config, Form, FormData, HTTPError, Middleware, UploadFile
from hinge.conformance.layers import LAYERS, ONE_AT_MOST
from hinge.forms import upload
from hinge.testing import Client

if os.environ.get("CI") != "true":
    pytest.importorskip("multipart")

ClientFor = Callable[..., Client]
Coloured = Callable[[Callable[..., Any]], Callable[..., Any]]
PATIENCE = 10


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Return the temporary files that were made; all of them are closed in the end, and not by their collection."""
    files: list[Any] = []
    make = upload._temporary_file

    def temporary_file() -> Any:
        files.append(make())
        return files[-1]

    monkeypatch.setattr(upload.Spool, "__del__", lambda spool: None)
    monkeypatch.setattr(upload, "_temporary_file", temporary_file)
    yield files
    until(lambda: all(file.closed for file in files), "the files are closed")


@pytest.fixture(params=ONE_AT_MOST)
def app(request: pytest.FixtureRequest, coloured: Coloured) -> App:
    app = App(
        config=Config(
            max_body_size=200_000,
            max_form_parts=5,
            max_form_files=3,
            max_form_text=100,
            max_file_size=90_000,
            max_file_memory=1000,
            max_part_headers=4,
            max_part_header_size=200,
        )
    )
    layers = LAYERS[request.param]

    @app.post("/", middleware=layers)
    @coloured
    def form(form: FormData) -> list[str]:
        return [*form]

    @app.post("/fails", middleware=layers)
    @coloured
    def fails(f: UploadFile) -> None:
        raise HTTPError(409, f"{f.size}")

    @app.post("/number", middleware=layers)
    @coloured
    def number(f: UploadFile, number: Form[int]) -> None: ...

    return app


def problem(response: Any) -> tuple[int, str, int | None]:
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    return document["status"], document["detail"], document.get("limit")


BIG = closed(file("f", "x", b"1" * 90_000))


@pytest.mark.parametrize("size", [5000, pytest.param(10**6, marks=pytest.mark.gate)])
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (closed(*[text("a", "b")] * 6), (413, "The form has more than 5 parts.", 5)),
        (closed(*[file("a", "b", b"")] * 4), (413, "The form has more than 3 files.", 3)),
        (
            closed(file("f", "x", b"1" * 90_001)),
            (413, "A file of the form is larger than the 90000 bytes allowed here.", 90_000),
        ),
        (
            closed(text("a", "b" * 100)),
            (413, "The texts of the form are larger than the 100 bytes allowed here.", 100),
        ),
        (
            closed(part('name="a"', b"", "A: 1", "B: 1", "C: 1", "D: 1")),
            (413, "A part of the form has more than 4 headers, or one above 200 bytes.", 200),
        ),
        (
            closed(part('name="a"', b"", "A: " + "1" * 10**5)),
            (413, "A part of the form has more than 4 headers, or one above 200 bytes.", 200),
        ),
        (
            closed(*[file("f", "x", b"1" * 80_000)] * 3),
            (413, "The request body is larger than the 200000 bytes allowed here.", 200_000),
        ),
        (BIG[:-5], (400, "The form ends before its closing boundary.", None)),
        (BIG[:50_000], (400, "The form ends before its closing boundary.", None)),
        (b"x" + BIG, (400, "The first boundary of the form does not begin a line.", None)),
        (BIG.replace(b"form-data", b"attachment"), (400, "The form is not well-formed multipart/form-data.", None)),
    ],
)
def test_each_breach_has_its_answer(
    client_for: ClientFor, app: App, opened: list[Any], body: bytes, answer: Any, size: int
) -> None:
    response = client_for(app).post("/", content=cut(body, size), headers=MULTIPART)
    assert problem(response) == answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "multipart/form-data"}, 400),
        ({"content-type": "multipart/form-data; boundary="}, 400),
        ({"content-type": f"multipart/form-data; boundary={'b' * 71}"}, 400),
        ({"content-type": "multipart/mixed; boundary=b"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json"}, 415),
        ({}, 415),
        (MULTIPART | {"content-encoding": "gzip"}, 415),
        (URLENCODED | {"content-encoding": "gzip"}, 415),
    ],
)
def test_what_is_no_form_is_refused_unread(client_for: ClientFor, app: App, headers: Any, status: int) -> None:
    response = client_for(app).post("/", content=b"x" * 100, headers=headers)
    assert problem(response)[0] == status


def test_two_framings_are_refused_before_anything_else(client_for: ClientFor, app: App) -> None:
    headers = {"content-type": "text/plain", "content-length": "3", "transfer-encoding": "chunked"}
    response = client_for(app).post("/", content=iter([b"abc"]), headers=headers)
    assert problem(response)[:2] == (
        400,
        "A request has either Content-Length or Transfer-Encoding, not both.",
    )


def test_the_limit_of_a_route_is_for_its_whole_form(client_for: ClientFor, opened: list[Any]) -> None:
    app = App(config=Config(max_body_size=1000, max_file_memory=1000))

    @app.post("/", max_body_size=100_000)
    def large(f: UploadFile) -> int:
        return f.size

    @app.post("/small")
    def small(f: UploadFile) -> int:
        return f.size

    client = client_for(app)
    assert client.post("/", content=BIG, headers=MULTIPART).text == "90000"
    assert problem(client.post("/small", content=BIG, headers=MULTIPART))[0] == 413
    assert len(opened) == 1


def test_a_file_is_gone_after_its_response(client_for: ClientFor, app: App, opened: list[Any]) -> None:
    client = client_for(app)
    assert client.post("/", content=BIG, headers=MULTIPART).json() == ["f"]
    assert client.post("/fails", content=BIG, headers=MULTIPART).status_code == 409
    assert client.post("/number", content=BIG, headers=MULTIPART).status_code == 422
    assert len(opened) == 3


@pytest.mark.parametrize("headers", [{}, {"content-length": "200000"}], ids=["chunked", "length"])
def test_a_client_that_leaves_leaves_no_file(
    client_for: ClientFor, app: App, opened: list[Any], headers: dict[str, str]
) -> None:
    def leaving() -> Iterator[bytes]:
        pieces = cut(BIG, 10_000)
        while not opened:
            yield next(pieces)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        client_for(app).post("/", content=leaving(), headers=MULTIPART | headers)
    assert len(opened) == 1


def test_a_handler_that_is_never_called_does_not_see_the_disconnect(client_for: ClientFor, opened: list[Any]) -> None:
    app = App(config=Config(max_file_memory=0))
    seen: list[type[BaseException]] = []

    @app.middleware
    def watching() -> Middleware:
        try:
            yield
        except (ClientDisconnect, HTTPError) as error:
            seen.append(type(error))
            raise

    @app.post("/")
    def handler(f: UploadFile) -> None:
        seen.append(BaseException)

    def leaving() -> Iterator[bytes]:
        yield BIG[:50_000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        client_for(app).post("/", content=leaving(), headers=MULTIPART | {"content-length": str(len(BIG))})
    until(lambda: bool(seen), "the handler is told")
    assert seen == [ClientDisconnect]


def test_a_full_disk_is_a_failure_of_the_server(
    client_for: ClientFor, app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upload, "_temporary_file", full)
    response = client_for(app).post("/", content=BIG, headers=MULTIPART)
    assert response.status_code == 500
    assert "No space left" in caplog.text


def test_the_disk_is_never_touched_on_an_event_loop(
    client_for: ClientFor, app: App, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_loop: list[bool] = []
    flush = upload.Spool.flush

    def watched(spool: upload.Spool) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            on_a_loop.append(False)
        else:
            on_a_loop.append(True)
        flush(spool)

    monkeypatch.setattr(upload.Spool, "flush", watched)
    assert client_for(app).post("/", content=BIG, headers=MULTIPART).json() == ["f"]
    assert on_a_loop == [False]
