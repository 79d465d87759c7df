"""The lifespan protocol as other servers and test clients speak it (lifespan spec 2.0)."""

import asyncio
import logging
from typing import Any

import pytest

from hinge import App


@pytest.mark.parametrize("when", ["startup", "shutdown"])
def test_a_failure_is_told_and_raised(when: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, "hinge")
    app, sent = App(), []

    @app.lifespan
    def resource() -> Any:
        if when == "startup":
            raise LookupError("why")
        yield
        raise LookupError("why")

    async def main() -> None:
        told: asyncio.Queue[Any] = asyncio.Queue()
        for message in ("startup", "shutdown"):
            told.put_nowait({"type": f"lifespan.{message}"})

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, told.get, send)

    with pytest.raises(LookupError, match="why"):
        asyncio.run(main())
    assert sent[-1] == {"type": f"lifespan.{when}.failed", "message": "LookupError: why"}
    assert len(sent) == (1 if when == "startup" else 2)


def test_an_event_loop_that_is_not_asyncios_is_told() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match=r"Hinge runs on asyncio.*Fix: the server's asyncio worker"):
        App().asgi({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send).send(None)
    assert sent[0]["type"] == "lifespan.startup.failed"
