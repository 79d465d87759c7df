"""`app = SomeMiddleware(app)` under `hinge run`: the wrapper is served, the app inside lives as it does alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.services import Serve
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = """\
import functools
import os

from hinge import App, EventSourceResponse, Request

inner = App(title="Inner")


def note(text):
    with open("notes", "a") as file:
        file.write(f"{text} {os.getpid()}\\n")


@inner.lifespan
async def life(app):
    note("start")
    yield {"pid": os.getpid()}
    note("stop")


@inner.get("/items/{item}")
async def item(request: Request, item: int) -> list:
    return [item, request.state.pid == os.getpid(), request.native["marks"]]


@inner.get("/events")
async def events() -> EventSourceResponse:
    async def endless():
        import anyio

        try:
            while True:
                yield "tick"
                await anyio.sleep(0.05)
        finally:
            note("closed")

    return EventSourceResponse(endless())


class Wsgi:
    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        environ["marks"] = environ.get("marks", 0) + 1

        def marked(status, headers, *exc_info):
            route = environ.get("hinge.route")
            return start_response(status, [*headers, ("x-route", route.path if route else "none")], *exc_info)

        return self.application(environ, marked)


def asgi(application, *, hears=True):
    async def around(scope, receive, send):
        if scope["type"] == "lifespan":
            if not hears:
                raise RuntimeError("this middleware is for requests")
            return await application(scope, receive, send)
        scope["marks"] = scope.get("marks", 0) + 1

        async def marked(message):
            if message["type"] == "http.response.start":
                route = scope["route"].path if "route" in scope else "none"
                message["headers"] = [*message["headers"], (b"x-route", route.encode())]
            await send(message)

        await application(scope, receive, marked)

    return around


wsgi_app = Wsgi(Wsgi(inner))
asgi_app = asgi(asgi(inner))
deaf = asgi(inner, hears=False)
compiled = Wsgi(inner.wsgi) if os.environ.get("COMPILE") else None


def create_app():
    return Wsgi(inner)
"""

KINDS = [("wsgi", "wsgi_app", 2), ("asgi", "asgi_app", 2), ("asgi", "deaf", 1), ("wsgi", "create_app --factory", 1)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize(("backend", "target", "marks"), KINDS)
def test_it_is_served(serve: Serve, backend: str, target: str, marks: int) -> None:
    service = serve(*f"shop:{target}".split(), "--backend", backend, "--graceful-timeout", "5").started()
    answer = service.get("/items/3")
    routes = ["/items/{item}"] * marks
    assert (answer.json(), answer.headers.get_list("x-route")) == ([3, True, marks], routes)
    assert service.get("/nowhere").headers["x-route"].startswith("none")
    with service.client.stream("GET", "/events") as events:
        read = events.iter_text()
        assert next(read).startswith("data: tick")
        service.signal()
        list(read)  # the stop ends it, and does not cut it: httpx would raise
    assert service.wait() == 0
    # What a middleware keeps the lifespan protocol from starts with the first request, and stops with the process.
    assert service.notes() == ["start", "closed", "stop"]
    assert len(set(service.noted("start") + service.noted("stop"))) == 1


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["run", "shop:wsgi_app"], {}, "which speaks WSGI, and backend 'asgi' does not. Fix: backend 'wsgi'"),
        (["run", "shop:asgi_app", "--backend", "wsgi"], {}, "Fix: backend 'asgi', or in place of the wrapper App(wsgi"),
        (["run", "shop:compiled"], {"COMPILE": "1"}, "Fix: Wsgi(app), with the app itself"),
        (["run", "shop:compiled"], {}, "target 'shop:compiled' is None, not a hinge.App"),
    ],
)
def test_it_is_refused(folder: Path, arguments: list[str], environ: dict[str, str], said: str) -> None:
    done = _hinge(folder, *arguments, **environ)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("target", "backend"), [("shop:wsgi_app", "wsgi"), ("shop:asgi_app", "asgi")])
def test_the_other_commands_look_inside(folder: Path, target: str, backend: str) -> None:
    for command, said in (
        (["routes"], "/items/{item}"),
        (["check", "--backend", backend], "ok: "),
        (["explain"], "/items/{item}"),
        (["openapi"], "Inner"),
    ):
        done = _hinge(folder, *command, target)
        assert (done.returncode, said in done.stdout) == (0, True), done.stdout + done.stderr


def _hinge(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hinge", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
