"""A mounted application under a server whose `send` says nothing, and waits for nothing, once the client has left."""

import asyncio
from typing import Any

import pytest

from hinge import App


@pytest.mark.parametrize("asks", ["never", "before", "beside"])
def test_an_endless_stream_ends_with_its_client(asks: str) -> None:
    ends: list[str] = []

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError
        if asks == "before":
            assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        beside = asyncio.ensure_future(receive()) if asks == "beside" else None
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while beside is None or not beside.done() or beside.result()["type"] != "http.disconnect":
                if beside is not None and beside.done():
                    beside = asyncio.ensure_future(receive())
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except OSError:
            ends.append("told")
            assert (await receive())["type"] == ("http.request" if asks == "never" else "http.disconnect")
            raise
        ends.append("heard")

    app = App()
    app.mount("/old", endless)
    sent: list[Any] = []
    left = asyncio.Event()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 100:
            left.set()

    async def serve() -> None:
        scope = {"type": "http", "method": "GET", "path": "/old", "query_string": b"", "headers": [], "asgi": {}}
        await asyncio.wait_for(app.asgi(scope, receive, send), 5)
        for _ in range(5):  # a wake-up takes more than one turn of the loop
            await asyncio.sleep(0)
        assert not [task for task in asyncio.all_tasks() if "receive" in repr(task)]

    asyncio.run(serve())
    assert ends in ([["told"], ["heard"]] if asks == "beside" else [["told"]])
    assert 100 <= len(sent) < 1000
