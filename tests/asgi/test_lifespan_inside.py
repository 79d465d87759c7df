"""Native middleware that is for requests alone keeps no app from its lifespan, whatever it does with the protocol."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hinge import App
from hinge.testing import Client


class Middleware:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError


class Raises(Middleware):
    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("requests only")


class Returns(Middleware):
    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        return


class Answers(Middleware):
    """Tells the server that all is well, and the app nothing."""

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})


class Hears(Middleware):
    """Hands it on, and does something of its own beside."""

    async def lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        async def heard() -> Any:
            return await receive()

        await self.application(scope, heard, send)


WAYS: dict[str, Callable[[Any, App], Any]] = {
    "native": lambda middleware, app: app,
    "around": lambda middleware, app: middleware(app),
    "both": lambda middleware, app: middleware(app),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("middleware", [Raises, Returns, Answers, Hears])
def test_the_lifespan_runs_once(middleware: type[Middleware], way: str) -> None:
    noted: list[str] = []
    app = App(asgi_middleware=[middleware] if way != "around" else ())

    @app.lifespan
    async def life() -> AsyncIterator[dict[str, int]]:
        noted.append("start")
        yield {"one": 1}
        noted.append("stop")

    @app.get("/")
    async def index() -> str:
        return noted[-1]

    with Client(WAYS[way](middleware, app), "asgi") as client:
        assert client.get("/").text == "start"
    assert noted == ["start", "stop"]


def test_a_failing_start_is_raised() -> None:
    app = App(asgi_middleware=[Raises])

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    with pytest.raises(LookupError, match="no database"), Client(app, "asgi"):
        pass
