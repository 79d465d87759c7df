"""Tasks that a lifespan has running beside the requests, in a task group open across its yield."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest

from hinge import App, Request
from hinge.backend.contract import Backend
from hinge.testing import Client

PATIENCE = 10


@pytest.mark.parametrize("kind", ["anyio", "asyncio"])
def test_one_that_fails_is_told_and_each_lifespan_stops(
    backend: Backend, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    notes: list[str] = []
    fail = threading.Event()

    async def task() -> None:
        await asyncio.to_thread(fail.wait, PATIENCE)
        raise ValueError("in the background")

    @app.lifespan
    def first() -> Iterator[dict[str, str]]:
        yield {"first": "here"}
        notes.append("first stopped")

    @app.lifespan
    async def tasks() -> AsyncIterator[None]:
        if kind == "anyio":
            async with anyio.create_task_group() as group:
                group.start_soon(task)
                yield
        else:
            async with asyncio.TaskGroup() as other:
                other.create_task(task())
                yield

    @app.lifespan
    async def last() -> AsyncIterator[None]:
        yield
        notes.append("last stopped")

    @app.get("/")
    async def handler(request: Request) -> str:
        return str(request.state.first)

    def use(client: Client) -> None:
        assert client.get("/").text == "here"
        assert caplog.records == []
        fail.set()
        end = time.monotonic() + PATIENCE
        while not caplog.records:
            assert time.monotonic() < end
            threading.Event().wait(0.01)
        assert "a task in a lifespan's task group has failed" in caplog.records[0].getMessage()
        assert client.get("/").text == "here"
        assert notes == []

    with pytest.raises(ExceptionGroup) as raised, Client(app, backend.name) as client:
        use(client)
    assert notes == ["last stopped", "first stopped"]
    assert [repr(error) for error in raised.value.exceptions] == ["ValueError('in the background')"]
    told = [record.getMessage() for record in caplog.records[1:]]
    assert told == ["a lifespan failed while it was stopped"]
