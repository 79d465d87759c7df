"""Observers: told once of each request, of what was sent, of what failed, and not before the end."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from hinge import App, ConfigurationError, HTTPError, Request
from hinge.backend.contract import Backend, Feature
from hinge.observability import Ended

pytestmark = pytest.mark.clause("observers.told")


class Watcher:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[tuple[Any, ...]] = []

    def begin(self, request: Any) -> int:
        self.begun += 1
        return self.begun

    def end(self, begun: int, ended: Ended) -> None:
        route = ended.request.route
        told = (route and route.path, ended.status, ended.size, ended.error and type(ended.error))
        self.ended.append((begun, *told))


def app_with(watcher: Watcher) -> App:
    app = App()
    app.get("/items/{name}")(lambda name: name)

    @app.get("/refused")
    def refused() -> None:
        raise HTTPError(409)

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("no")

    @app.get("/plain")
    def plain() -> Iterator[str]:
        yield "abc"
        assert watcher.ended == []
        yield "de"

    @app.get("/async")
    async def asynchronous() -> AsyncIterator[str]:
        yield "abc"
        assert watcher.ended == []
        yield "de"

    @app.get("/request")
    def request(request: Request) -> str:
        return request.path

    app.observe(watcher)
    return app


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/items/abc", ("/items/{name}", 200, 3, None)),
        ("HEAD", "/items/abc", ("/items/{name}", 200, 0, None)),
        ("GET", "/request", ("/request", 200, 8, None)),
        ("GET", "/plain", ("/plain", 200, 5, None)),
        ("GET", "/async", ("/async", 200, 5, None)),
        ("GET", "/refused", ("/refused", 409, None, None)),
        ("GET", "/broken", ("/broken", 500, None, KeyError)),
        ("GET", "/nowhere", (None, 404, None, None)),
        ("DELETE", "/request", (None, 405, None, None)),
    ],
)
def test_observers_are_told_once(
    backend: Backend, client_for: Any, method: str, path: str, told: tuple[Any, ...]
) -> None:
    watcher = Watcher()
    if backend.contract < (2, 1):  # and knows of none
        with pytest.raises(ConfigurationError, match="has no observers"):
            client_for(app_with(watcher))
        return
    answer = client_for(app_with(watcher)).request(method, path)
    route, status, size, error = told
    assert watcher.ended == [(1, route, status, len(answer.content) if size is None else size, error)]
    assert watcher.begun == 1


@pytest.mark.needs(Feature.AFTER_RESPONSE, "it looks at what runs behind the response")
def test_what_runs_after_the_response_is_no_part_of_it(backend: Backend, client_for: Any) -> None:
    watcher, app, late = Watcher(), App(), []

    @app.get("/")
    def handler(request: Request) -> str:
        request.after_response(lambda: late.append(len(watcher.ended)))
        return "ok"

    if backend.contract < (2, 1):
        return
    app.observe(watcher)
    with client_for(app) as client:
        client.get("/")
    assert late == [1]
