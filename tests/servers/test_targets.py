"""What each server can be told to serve, and what it does with an app that does not compile."""

from pathlib import Path

import pytest
from tests.servers.test_lifespan_servers import ENDS
from tests.support.servers import KINDS, running, start

pytestmark = [pytest.mark.server, pytest.mark.gate]

REASON = "handler uncompiled.read"


@pytest.mark.parametrize("kind", KINDS)
def test_an_app_that_does_not_compile(kind: str, tmp_path: Path) -> None:
    server = start(kind, "uncompiled:app", tmp_path, ready=kind not in ENDS)
    try:
        if kind in ENDS:
            server.wait()
        else:  # where nothing is told to the server, it goes on, and every request is refused
            for method, target in (("GET", "/x"), ("HEAD", "/x"), ("GET", "/unknown/path")):
                answer = server.request(method, target)
                assert (answer.status, answer["content-type"]) == (500, "application/problem+json")
                assert answer.complete
            assert answer.json()["detail"] == "The application does not compile; its log says why."
    finally:
        server.stop()
    log = server.log()
    assert log.count("the app does not compile, nothing is served: " + REASON) == 1
    assert "the path has {item} but no parameter takes it" in log
    if kind != "hypercorn":  # which shows where its own failure was raised
        assert "Traceback" not in log


# -- gunicorn ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["served:app", "served:make()", "served:make('wsgi')", "named:application"])
def test_gunicorn_takes_a_name_or_a_call(target: str, tmp_path: Path) -> None:
    with running("gunicorn", target, tmp_path) as server:
        assert server.get("/plain").text == "plain"


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("uvicorn", "served:app.asgi"),
        ("hypercorn", "served:app.asgi"),
        ("daphne", "served:app.asgi"),
        ("waitress", "served:app.wsgi"),
    ],
)
def test_other_servers_do(kind: str, target: str, tmp_path: Path) -> None:
    with running(kind, target, tmp_path) as server:
        assert server.get("/plain").text == "plain"
