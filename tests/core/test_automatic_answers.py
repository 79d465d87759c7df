"""What answers a client's mistake costs little.

The framework's own answers are made once for all paths with the same methods, and serve each of them; an
exception that was answered holds on to nothing, so that no collector has to look for it.
"""

import asyncio
import gc
from typing import Any

import pytest

from hinge import App, Header, HTTPError, Middleware
from hinge.backend.installed import installed_backends
from hinge.testing import Client

PATHS = {"/a": ("GET",), "/b": ("GET",), "/c": ("GET", "POST"), "/d": ("POST", "GET"), "/e": ("POST",)}


def app() -> App:
    made = App()
    for path, methods in PATHS.items():
        made.route(path, methods=methods, name=path[1:])(lambda: "answer")
    return made


def test_paths_with_the_same_methods_share_them() -> None:
    leaves = {template.text: leaf for template, leaf in app().freeze("wsgi").table}
    refusals = {path: leaf.otherwise for path, leaf in leaves.items()}
    assert refusals["/a"] is refusals["/b"]
    assert refusals["/c"] is refusals["/d"]
    assert len({id(endpoint) for endpoint in refusals.values()}) == 3
    assert leaves["/a"].methods["OPTIONS"] is leaves["/b"].methods["OPTIONS"]
    assert leaves["/a"].methods["GET"] is not leaves["/b"].methods["GET"]


@pytest.mark.parametrize("backend", sorted(installed_backends()))
def test_each_path_still_names_its_own_methods(backend: str) -> None:
    with Client(app(), backend) as client:
        for path, methods in PATHS.items():
            allow = ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))
            assert client.request("OPTIONS", path).headers["allow"] == allow
            assert client.request("DELETE", path).headers["allow"] == allow
            assert client.request("HEAD", path).status_code == (200 if "GET" in methods else 405)


@pytest.mark.parametrize("backend", sorted(installed_backends()))
def test_each_answer_behind_a_middleware_is_one_of_its_own(backend: str) -> None:
    made, numbers = app(), iter(range(9))

    @made.middleware
    def numbered() -> Middleware:
        response = yield
        response.headers.append("x-number", str(next(numbers)))
        response.body = response.body + b" "

    with Client(made, backend) as client:
        answers = [client.request(method, path) for method, path in [("GET", "/none"), ("DELETE", "/a")] * 2]
    assert [answer.headers["x-number"] for answer in answers] == ["0", "1", "2", "3"]
    assert [answer.status_code for answer in answers] == [404, 405, 404, 405]
    assert {len(answer.text) - len(answer.text.strip()) for answer in answers} == {1}
    assert answers[3].headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("backend", sorted(installed_backends()))
def test_a_middleware_that_catches_gets_the_error_itself(backend: str) -> None:
    made = app()
    caught = []

    @made.middleware
    def around() -> Middleware:
        yield

    @made.middleware
    def catching() -> Middleware:
        try:
            yield
        except HTTPError as error:
            caught.append(error.status)
            raise

    with Client(made, backend) as client:
        assert client.get("/none").status_code == 404
        assert client.request("DELETE", "/a").status_code == 405
    assert caught == [404, 405]


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize(("query", "status"), [("count=many", 422), ("count=1", 403)])
def test_an_error_that_was_answered_leaves_nothing_to_collect(query: str, status: int, around: bool) -> None:
    made = App()

    @made.get("/")
    async def refused(count: int, x_name: Header[str] = "") -> str:
        raise HTTPError(403, "No.")

    if around:

        @made.middleware
        def passing() -> Middleware:
            yield

    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    async def serve(times: int) -> None:
        for _ in range(times):
            scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": []}
            await made.asgi({**scope, "asgi": {"version": "3.0"}, "http_version": "1.1"}, receive, send)

    async def collected() -> int:
        gc.collect()
        gc.disable()
        try:
            await serve(20)
            return gc.collect()
        finally:
            gc.enable()

    async def least() -> int:
        await serve(5)
        return min([await collected() for _ in range(3)])  # a thread of another test may end meanwhile

    assert asyncio.run(least()) < 20  # not one object of each request
    assert statuses == [status] * 65
