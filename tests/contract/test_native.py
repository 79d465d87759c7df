"""`request.native` shows what the server told and Hinge has no word for."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, Request
from hinge.backend import Backend

TARGET: dict[str, Callable[[Any], list[str]]] = {
    "wsgi": lambda environ: [environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["SERVER_PROTOCOL"][:4]],
    "asgi": lambda scope: [scope["method"], scope["path"], scope["type"].upper()],
    "rsgi": lambda scope: [scope.method, scope.path, scope.proto.upper()],
    "memory": lambda call: [call.head.method, call.head.target, "HTTP"],
}
"""Backend -> how its protocol says what a request is for."""


@pytest.mark.parametrize("inline", [False, True])
def test_it_is_what_the_protocol_says(backend: Backend, client_for: Any, inline: bool) -> None:
    if backend.name not in TARGET:
        pytest.skip(f"the protocol of {backend.name} is not known here")
    app = App()

    @app.get("/items", inline=inline)
    async def show(request: Request) -> list[str]:
        return TARGET[backend.name](request.native)

    assert client_for(app).get("/items").json() == ["GET", "/items", "HTTP"]
