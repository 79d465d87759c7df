"""Where each colour runs on the backends in Hinge, by the names of their threads: what docs/colour.md says."""

import threading
from collections.abc import Callable

import pytest

from hinge import App, Request
from hinge.backend.contract import Backend
from hinge.conformance.layers import LAYERS, async_layer
from hinge.testing import Client

PLACES = {
    "wsgi": {"def": "wsgi-server", "async": "hinge-loop", "inline/def": "wsgi-server", "inline/async": "wsgi-server"},
    "asgi": {"def": "hinge-worker", "async": "asgi-server", "inline/def": "asgi-server", "inline/async": "asgi-server"},
}
"""The in-process server's thread, the loop's, or a worker thread."""


@pytest.mark.parametrize("path", ["def", "async", "inline/def", "inline/async"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_each_colour_has_its_place(
    client_for: Callable[..., Client], backend: Backend, path: str, layers: list[Callable[..., object]]
) -> None:
    if backend.name not in PLACES:
        pytest.skip("the names of its threads are its own")
    app = App(middleware=layers)

    def name(request: Request) -> str:
        return threading.current_thread().name

    async def coroutine(request: Request) -> str:
        return threading.current_thread().name

    app.get("/def")(name)
    app.get("/async")(coroutine)
    app.get("/inline/def", inline=True)(name)
    app.get("/inline/async", inline=True)(coroutine)
    found = client_for(app).get(f"/{path}").text
    expected = PLACES[backend.name][path]
    if path == "inline/async" and async_layer in layers:
        expected = PLACES[backend.name]["async"]
    assert found == expected
