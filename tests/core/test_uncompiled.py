"""An app that does not compile, called as servers call it."""

import asyncio
import json
import logging
from typing import Any

import pytest
from tests.support.wsgi import ask

from hinge import App, ConfigurationError

DETAIL = "The application does not compile; its log says why."


def broken() -> App:
    app = App()

    @app.get("/{item}")
    def read() -> str:
        return "never"

    return app


def as_wsgi(app: App, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    return ask(app, "/x", method)


def as_asgi(app: App, kind: str, *events: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    waiting = [{"type": event} for event in events]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({"type": kind, "method": "GET", "path": "/x", "headers": []}, receive, send))
    return sent


def test_each_wsgi_request_is_refused_and_the_reason_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = broken()
    attempts: list[str] = []
    compile_ = App.compile
    monkeypatch.setattr(App, "compile", lambda self, name: attempts.append(name) or compile_(self, name))
    for _ in range(3):
        status, headers, body = as_wsgi(app)
        assert status == "500 Internal Server Error"
        assert headers == {"content-type": "application/problem+json", "content-length": str(len(body))}
        assert json.loads(body)["detail"] == DETAIL
    assert as_wsgi(app, "HEAD")[1:] == (headers, b"")
    assert attempts == ["wsgi"]
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert "no parameter takes it" in record.getMessage()
    assert record.exc_info is None


def test_the_lifespan_protocol_is_told_why(caplog: pytest.LogCaptureFixture) -> None:
    (failed,) = as_asgi(broken(), "lifespan", "lifespan.startup")
    assert failed["type"] == "lifespan.startup.failed"
    assert "no parameter takes it" in failed["message"]
    assert len(caplog.records) == 1


def test_asgi_requests_and_websockets_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    app = broken()
    start, body = as_asgi(app, "http")
    assert (start["status"], json.loads(body["body"])["detail"]) == (500, DETAIL)
    assert as_asgi(app, "websocket", "websocket.connect") == [
        {"type": "websocket.close", "code": 1011, "reason": ""},
    ]
    assert len(caplog.records) == 1


def test_native_middleware_that_fails_is_a_reason_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def wrap(application: Any) -> Any:
        raise KeyError("SECRET_KEY")

    assert as_wsgi(App(wsgi_middleware=[wrap]))[0] == "500 Internal Server Error"
    (record,) = caplog.records
    assert "KeyError: 'SECRET_KEY'" in record.getMessage()
    assert record.exc_info is not None


def test_a_name_of_the_callable_fails_where_it_stands() -> None:
    """At the import of `application = app.wsgi`, also after a request was refused."""
    app = broken()
    as_wsgi(app)
    for name in ("wsgi", "asgi"):
        with pytest.raises(ConfigurationError, match="no parameter takes it"):
            getattr(app, name)
