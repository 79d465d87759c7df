"""What the checks of streams share: sources of every kind that tell what becomes of them, and how they are served."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Protocol

import pytest

from hinge import App, StreamingResponse
from hinge.backend.contract import Backend, Feature
from hinge.conformance.layers import LAYERS
from hinge.testing import Aborted, Client

PATIENCE = 10
LEAVING = 6.0
"""Seconds within which a client's leaving has to be noticed: one, and what a busy machine adds."""


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, entry: str) -> None:
        """Add an entry."""
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()

    def wait_for(self, entry: str, seconds: float = PATIENCE) -> None:
        """Wait until there is such an entry; raises TimeoutError with what there is instead."""
        with self._changed:
            if not self._changed.wait_for(lambda: entry in self.entries, seconds):
                raise TimeoutError(f"no {entry!r} in {self.entries}")


@pytest.fixture
def log() -> Log:
    """Where sources and handlers write what happens to them."""
    return Log()


class Chunks:
    """A sync iterator that is no generator."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = iter(chunks)

    def __iter__(self) -> "Chunks":
        return self

    def __next__(self) -> Any:
        self.log("next")
        return or_raise(next(self.chunks))

    def close(self) -> None:
        """Be closed."""
        self.log("closed")


class AsyncChunks:
    """An async iterator that is no generator."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = iter(chunks)

    def __aiter__(self) -> "AsyncChunks":
        return self

    async def __anext__(self) -> Any:
        self.log("next")
        await asyncio.sleep(0)
        for chunk in self.chunks:
            return or_raise(chunk)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Be closed."""
        await asyncio.sleep(0)
        self.log("closed")


class Closable:
    """An iterable that is no iterator, and has to be closed itself (PEP 3333), as a database's result has."""

    def __init__(self, log: Log, *chunks: Any) -> None:
        self.log = log
        self.chunks = chunks

    def __iter__(self) -> Iterator[Any]:
        for chunk in self.chunks:
            self.log("next")
            yield or_raise(chunk)

    def close(self) -> None:
        """Be closed."""
        self.log("closed")


class AsyncClosable(Closable):
    """The same for async iteration, which goes before where there are both."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        for chunk in self.chunks:
            self.log("next")
            await asyncio.sleep(0)
            yield or_raise(chunk)

    async def aclose(self) -> None:
        """Be closed."""
        await asyncio.sleep(0)
        self.log("closed")


def or_raise(chunk: Any) -> Any:
    """Return a chunk, or raise it."""
    if isinstance(chunk, BaseException):
        raise chunk
    return chunk


def generate(log: Log, *chunks: Any) -> Iterator[Any]:
    """Yield the chunks, or raise those that are exceptions."""
    try:
        for chunk in chunks:
            log("next")
            yield or_raise(chunk)
        log("next")
    finally:
        log("closed")


async def agenerate(log: Log, *chunks: Any) -> AsyncIterator[Any]:
    """Yield the chunks, or raise those that are exceptions."""
    try:
        for chunk in chunks:
            log("next")
            await asyncio.sleep(0)
            yield or_raise(chunk)
        log("next")
    finally:
        await asyncio.sleep(0)
        log("closed")


def is_closed(source: Callable[..., Any], log: Log) -> bool:
    """Tell whether a source was closed exactly once; a generator that has never begun has nothing to close."""
    return log.entries.count("closed") == 1 or (source in (generate, agenerate) and not log.entries)


SOURCES: dict[str, Callable[..., Any]] = {
    "generator": generate,
    "async generator": agenerate,
    "iterator": Chunks,
    "async iterator": AsyncChunks,
    "async iterable": AsyncClosable,
}


@pytest.fixture(params=list(SOURCES))
def source(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return `source(log, *chunks)`, an iterable that raises the exceptions among its chunks."""
    return SOURCES[request.param]


@pytest.fixture(params=["bare", "both"])
def layers(request: pytest.FixtureRequest) -> list[Any]:
    """What stands around the handler."""
    return LAYERS[request.param]


@pytest.fixture(params=["returned", "in a response", "from a coroutine", "inline"])
def serve(
    request: pytest.FixtureRequest, client_for: Callable[..., Client], layers: list[Any]
) -> Callable[[Callable[[], Any]], Client]:
    """Return `serve(make)`: a client of an app that answers GET / with the stream that `make()` returns."""

    def served(make: Callable[[], Any]) -> Client:
        app = App()
        if request.param == "returned":
            app.get("/", middleware=layers)(make)
        elif request.param == "in a response":
            app.get("/", middleware=layers)(lambda: StreamingResponse(make()))
        elif request.param == "inline":
            app.get("/", middleware=layers, inline=True)(make)
        else:

            @app.get("/", middleware=layers)
            async def handler() -> Any:
                await asyncio.sleep(0)
                return make()

        return client_for(app)

    return served


Serve = Callable[[Callable[[], Any]], Client]


class CutOff(Protocol):
    """What reads a response that is cut off."""

    def __call__(self, chunks: Iterable[Any], *, more: int | None = None) -> Aborted | None:
        """Read the rest; `more` chunks may come before the cut, None: any number."""
        ...


@pytest.fixture
def cut_off(backend: Backend) -> CutOff:
    """Return what reads a response that is cut off: with Feature.ABORT it shows, and what it shows is returned."""

    def expect(chunks: Iterable[Any], *, more: int | None = None) -> Aborted | None:
        try:
            for number, chunk in enumerate(chunks):
                if number == more:
                    pytest.fail(f"{chunk!r} came behind the failure")
        except Aborted as aborted:
            return aborted
        if Feature.ABORT in backend.features:
            pytest.fail("the response is not complete, and looks so")
        return None

    return expect
