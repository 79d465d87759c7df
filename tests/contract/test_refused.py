"""What is refused before a route is found: whoever sends garbage gets an answer, and nothing is compiled for it."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, HTTPError, Middleware, Request, Response
from hinge.compiling.frozen import Endpoint
from hinge.testing import Client

AMBIGUOUS = {"transfer-encoding": "chunked", "content-length": "4"}


def passes() -> Middleware:
    yield


@pytest.mark.parametrize("layers", [[], [passes]], ids=["bare", "layered"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(("target", "headers"), [("/", AMBIGUOUS), ("/unknown", AMBIGUOUS), ("/%FF", {})])
def test_nothing_is_compiled_for_it(
    client_for: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    layers: list[Any],
    method: str,
    target: str,
    headers: dict[str, str],
) -> None:
    app = App(middleware=layers)

    @app.post("/")
    def handler() -> str:
        return "x"

    bind, bound = Endpoint.bind, []
    monkeypatch.setattr(Endpoint, "bind", lambda *args, **kwargs: bound.append(1) or bind(*args, **kwargs))
    client = client_for(app)
    assert bound, "it is compiled by now"
    bound.clear()
    for _ in range(2):
        assert client.request(method, target, headers=headers).status_code == 400
    assert bound == []


def test_each_request_gets_its_own_error(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.error(HTTPError)
    def told(request: Request, error: HTTPError) -> Response:
        return Response(f"{error.detail} {request.path_params}", status=error.status)

    client = client_for(app)
    answers = [client.get("/%FF").text, client.get("/", headers=AMBIGUOUS).text, client.get("/%FF").text]
    assert answers[0] == answers[2] == "The path is not valid UTF-8. {}"
    assert answers[1].startswith("A request has either")
