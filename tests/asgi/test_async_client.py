"""hinge.testing.AsyncClient on ASGI: the app is called on the test's own event loop."""

import asyncio

import pytest

from hinge import App
from hinge.backend.installed import usable_backends
from hinge.testing import AsyncClient


class Pool:
    """Connections as a driver of a database hands them out: bound to the loop that they were made on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._free: asyncio.Queue[str] = asyncio.Queue()
        self._free.put_nowait("connection")

    async def query(self) -> str:
        assert asyncio.get_running_loop() is self._loop
        connection = await self._free.get()
        await asyncio.sleep(0)
        self._free.put_nowait(connection)
        return connection


@pytest.mark.parametrize("backend", ["asgi", "rsgi"])
def test_what_a_test_has_made_on_its_loop_is_used_by_handlers(backend):
    if backend not in usable_backends():
        pytest.skip(f"{backend} is not installed here")

    async def main() -> None:
        app, pool = App(), Pool()

        @app.get("/")
        async def query() -> str:
            return await pool.query()

        async with AsyncClient(app, backend) as client:
            answers = await asyncio.gather(*[client.get("/") for _ in range(5)])
            assert {answer.text for answer in answers} == {"connection"}
            assert await pool.query() == "connection"

    asyncio.run(main())


def test_nothing_of_the_app_is_left_on_the_loop():
    app = App()

    @app.lifespan
    async def resource():
        yield

    @app.get("/")
    async def forever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with AsyncClient(app, "asgi") as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.get("/")
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
