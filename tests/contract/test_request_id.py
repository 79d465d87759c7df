"""RequestID: one id in the response, the context variable and the log."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hinge import App, ConfigurationError, Request
from hinge.middleware import RequestID, RequestIDFilter, request_id

SENT = "0d3c7c54-6a3e-4d0c-9f43-8f6f7c1a2b11"


def app_with(**options: Any) -> App:
    app = App(middleware=[RequestID(**options)])
    app.get("/def")(lambda: str(request_id.get()))

    @app.get("/async")
    async def waits() -> str:
        return str(request_id.get())

    @app.get("/stream")
    def stream() -> Iterator[str]:
        yield str(request_id.get())
        yield str(request_id.get())

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("100%")

    return app


@pytest.mark.parametrize("path", ["/def", "/async"])
@pytest.mark.parametrize("sent", [SENT, "a", "x" * 128, "A.b_c~d+e/f=g:h@i-j"])
def test_one_that_is_well_formed_is_taken(each_backend: Any, path: str, sent: str) -> None:
    with each_backend(app_with()) as client:
        answer = client.get(path, headers={"x-request-id": sent})
    assert (answer.text, answer.headers["x-request-id"]) == (sent, sent)


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a b", "a,b", "<b>", "%s", 'a"'])
def test_any_other_is_made_anew(client_for: Any, sent: str | None) -> None:
    client = client_for(app_with())
    headers = {} if sent is None else {"x-request-id": sent}
    made = set()
    for _ in range(3):
        answer = client.get("/def", headers=headers)
        assert answer.text == answer.headers["x-request-id"] != sent
        assert len(answer.text) == 32
        assert int(answer.text, 16) >= 0
        made.add(answer.text)
    assert len(made) == 3


def test_streams_and_errors_have_it(client_for: Any) -> None:
    client = client_for(app_with(header="X-Trace"))
    answer = client.get("/stream", headers={"x-trace": SENT})
    assert (answer.text, answer.headers["x-trace"]) == (SENT * 2, SENT)
    assert client.get("/nowhere", headers={"x-trace": SENT}).headers["x-trace"] == SENT


def test_what_runs_after_the_response_has_it(client_for: Any) -> None:
    app, seen = App(middleware=[RequestID()]), []

    @app.get("/")
    def handler(request: Request) -> None:
        request.after_response(lambda: seen.append(request_id.get()))

    with client_for(app) as client:
        client.get("/", headers={"x-request-id": SENT})
    assert seen == [SENT]


def test_nobody_else_has_it(client_for: Any) -> None:
    outer, inner = App(), app_with()
    outer.get("/")(lambda: str(request_id.get()))
    outer.mount("/with", inner)
    client = client_for(outer)
    assert client.get("/with/def", headers={"x-request-id": SENT}).text == SENT
    assert client.get("/").text == "None"


def test_what_an_app_sets_instead_is_told_and_checked(client_for: Any) -> None:
    app = App(middleware=[RequestID()])

    @app.get("/")
    def handler(other: str) -> str:
        request_id.set(other)
        return "ok"

    client = client_for(app)
    assert client.get("/?other=mine", headers={"x-request-id": SENT}).headers["x-request-id"] == "mine"
    refused = client.get("/?other=a%0D%0Ax-b:%20c", headers={"x-request-id": SENT})
    assert (refused.status_code, refused.headers.get("x-b")) == (500, None)


FORKED = """
import os, sys
from hinge.middleware.request_ids import _new_id
_new_id()  # and others are ready
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, _new_id().encode())
    os._exit(0)
os.wait()
sys.exit(os.read(read, 32).decode() == _new_id())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_process_makes_other_ones() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], check=False, timeout=60).returncode == 0


def test_the_log_shows_it(client_for: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = client_for(app_with()).get("/broken", headers={"x-request-id": SENT})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, SENT)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "hinge"]
    assert line.startswith(f"[{SENT}] ")


def test_a_filter_puts_it_on_records() -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "said", (), None)
    assert RequestIDFilter().filter(record)
    assert vars(record)["request_id"] == "-"
    token = request_id.set(SENT)
    try:
        RequestIDFilter().filter(record)
    finally:
        request_id.reset(token)
    assert vars(record)["request_id"] == SENT


@pytest.mark.parametrize("header", ["no token", "content-length", "", "content-type", "Set-Cookie", "Host", "etag"])
def test_a_header_of_something_else_is_refused(header: str) -> None:
    with pytest.raises(ConfigurationError, match="RequestID"):
        RequestID(header=header)
