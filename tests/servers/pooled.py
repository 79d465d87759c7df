"""An app whose requests share a pool of three connections, of each colour; `pooled:app`.

What is lent and given back stands in the file that SERVED_JOURNAL names, a line for each.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from hinge import App, Body, Depends, Header, HTTPError, StreamingResponse
from hinge.conformance.pools import Pool

SIZE = 3
app = App()
pools = {colour: Pool(SIZE) for colour in ("def", "async def")}


def note(*words: Any) -> None:
    with Path(os.environ["SERVED_JOURNAL"]).open("a") as journal:
        journal.write(" ".join(map(str, (time.monotonic(), os.getpid(), *words))) + "\n")


def noted(colour: str) -> Any:
    """Return a provider that lends a connection, and notes what becomes of it."""
    pool = pools[colour]
    Lent = Annotated[int, Depends(pool.provider(colour))]

    def plain(lent: Lent) -> Iterator[int]:
        note("lent")
        try:
            yield lent
        except BaseException as error:
            note("left", type(error).__name__)
            raise
        note("left", "committed")

    async def coroutine(lent: Lent) -> AsyncIterator[int]:
        note("lent")
        try:
            yield lent
        except BaseException as error:
            note("left", type(error).__name__)
            raise
        note("left", "committed")

    return plain if colour == "def" else coroutine


@app.get("/pools")
async def counted() -> dict[str, dict[str, Any]]:
    return {
        colour: {"out": pool.out, "lent": pool.lent, "most": pool.most, "endings": [str(one) for one in pool.endings]}
        for colour, pool in pools.items()
    }


@app.get("/free")
async def free() -> str:
    return "free"


def fail() -> None:
    raise ValueError("failed")


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65_536


def broken() -> Iterator[bytes]:
    yield b"x"
    raise ValueError("half-way")


async def aendless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536
        await asyncio.sleep(0)


async def abroken() -> AsyncIterator[bytes]:
    yield b"x"
    raise ValueError("half-way")


def declare(colour: str, handlers: str) -> None:
    """Declare the routes of one colour of the provider and one of the handlers."""
    Lent = Annotated[int, Depends(noted(colour))]
    is_async = handlers == "async def"
    base = f"/{colour}/{handlers}".replace(" ", "-")

    def get(path: str, work: Any, wait: float = 0.0) -> None:
        def plain(lent: Lent) -> Any:
            time.sleep(wait)
            return work()

        async def coroutine(lent: Lent) -> Any:
            await asyncio.sleep(wait)
            return work()

        app.get(base + path)(coroutine if is_async else plain)

    def post(path: str, **options: Any) -> None:
        def plain(lent: Lent, data: Body[bytes]) -> int:
            time.sleep(0.005)
            return len(data)

        async def coroutine(lent: Lent, data: Body[bytes]) -> int:
            await asyncio.sleep(0.005)
            return len(data)

        app.post(base + path, **options)(coroutine if is_async else plain)

    get("/fast", lambda: "fast", 0.005)
    get("/fail", fail)
    get("/encode", lambda: {"a": object()})
    get("/large", lambda: b"x" * 20_000_000)
    get("/slow", lambda: "slow", 0.7)
    get("/stream", lambda: StreamingResponse(aendless() if is_async else endless()))
    get("/half", lambda: StreamingResponse(abroken() if is_async else broken()))
    post("/upload", max_body_size=10_000_000)


def signed_in(authorization: Header[str | None] = None) -> None:
    if authorization is None:
        raise HTTPError(401)


async def asigned_in(authorization: Header[str | None] = None) -> None:
    signed_in(authorization)


def upload(data: Body[bytes]) -> int:
    return len(data)


app.post("/guarded/def", dependencies=[Depends(signed_in)], max_body_size=200_000_000)(upload)
app.post("/guarded/async-def", dependencies=[Depends(asigned_in)], max_body_size=200_000_000)(upload)

for one in pools:
    for other in pools:
        declare(one, other)
