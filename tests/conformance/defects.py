"""The in-memory backend with one distinct defect each: what the kit has to find."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hinge_memory import Call, MemoryApplication, MemoryBackend, MemoryConnection, MemoryExchange

import hinge.loop.answer
import hinge.loop.exchange
import hinge.loop.send
import hinge.loop.stream
from hinge.backend.head import Head, PlainReader
from hinge.backend.testing import Connection
from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.loop.inprocess import running
from hinge.loop.runtime import Runtime
from hinge.loop.serve import Serve, make_server

kept: list[Any] = []
"""What would be closed if nobody held it."""


class Forgetful(MemoryApplication):
    """Send everything but the last chunk of a stream."""

    async def __call__(self, call: Call) -> None:
        held: list[bytes] = []
        chunk, end = call.chunk, call.end

        async def later(data: bytes) -> None:
            if held:
                await chunk(held.pop())
            held.append(data)

        call.chunk, call.end = later, end  # type: ignore[method-assign]
        await super().__call__(call)


class Boundless(MemoryApplication):
    """Take bodies of any size."""

    def _make(self, endpoint: Endpoint) -> tuple[Endpoint, Serve]:
        made = make_server(endpoint, PlainReader(), self.runtime)

        async def serve(exchange: Any, sink: Any) -> None:
            exchange.__class__ = BoundlessExchange
            await made(exchange, sink)

        return endpoint, serve


class BoundlessExchange(MemoryExchange):
    def body_length(self, limit: int) -> int | None:
        return super().body_length(2**62)

    async def read_body(self, limit: int) -> bytes:
        return await super().read_body(2**62)


class LoopRuntime(Runtime):
    async def in_thread(self, purpose: str, work: Any, *args: Any) -> Any:
        return work(*args)


class Blocking(MemoryApplication):
    """Run plain handlers on the event loop."""

    def _make(self, endpoint: Endpoint) -> tuple[Endpoint, Serve]:
        self.runtime.__class__ = LoopRuntime
        return super()._make(endpoint)


class Unstopped(MemoryBackend):
    """Start lifespans and never stop them."""

    @contextmanager
    def connect(self, application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
        runtime: Runtime = application.runtime

        async def forget() -> None:
            kept.append(runtime._lifespans._stack._running[:])
            runtime._lifespans._stack._running.clear()
            await runtime.stop()

        with running("memory", runtime.start, forget, application, options.get("timeout")) as requests:
            yield MemoryConnection(requests, options)


class Leaky(MemoryApplication):
    """Close no source of a stream."""

    def __init__(self, frozen: FrozenApp) -> None:
        super().__init__(frozen)
        for module in (hinge.loop.stream, hinge.loop.send, hinge.loop.exchange):
            module.close_source = _keep


async def _keep(runtime: Runtime, request: Any, source: Any) -> None:
    kept.append(source)  # or its end would close it


class Hoarding(MemoryApplication):
    """Keep the files of forms behind the response."""

    def __init__(self, frozen: FrozenApp) -> None:
        hinge.loop.answer.release = lambda exchange: None
        super().__init__(frozen)


class CaseReader(PlainReader):
    """Give the query decoded."""

    def query_string(self, head: Head) -> str:
        from urllib.parse import unquote

        return unquote(super().query_string(head))


class Decoding(MemoryApplication):
    """Decode the query string before the core does."""

    def _make(self, endpoint: Endpoint) -> tuple[Endpoint, Serve]:
        return endpoint, make_server(endpoint, CaseReader(), self.runtime)


class Dividing(MemoryApplication):
    """Fail at once, which nobody sees who asks for more than the application."""

    async def __call__(self, call: Call) -> None:
        1 / 0


class Hanging(MemoryApplication):
    """Answer nothing."""

    async def __call__(self, call: Call) -> None:
        await asyncio.Event().wait()


class Deaf(MemoryBackend):
    """Hang at one step of a connection: the backend's `step`."""

    def __init__(self, step: str) -> None:
        self.name = "broken"
        self.step = step

    def hang(self, step: str) -> None:
        while step == self.step:
            time.sleep(60)

    def compile(self, frozen: FrozenApp) -> MemoryApplication:
        self.hang("compile")
        application: MemoryApplication = (Blocked if self.step == "loop" else MemoryApplication)(frozen)
        if self.step == "drain":
            application.drain = lambda seconds: self.hang("drain")
        return application

    @contextmanager
    def connect(self, application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
        self.hang("connect")
        with super().connect(application, options) as connection:
            yield connection
        self.hang("stop")


class Blocked(MemoryApplication):
    """Block the event loop with the first request."""

    async def __call__(self, call: Call) -> None:
        time.sleep(60)  # noqa: ASYNC251 - the defect


class Mute(MemoryBackend):
    """Fail everything, and wait for nothing."""

    name = "broken"

    def compile(self, frozen: FrozenApp) -> MemoryApplication:
        raise NotImplementedError


class Greedy(MemoryApplication):
    """Take the whole body, however long, before anybody is asked."""

    async def __call__(self, call: Call) -> None:
        pieces = [piece async for piece in _until_empty(call.receive)]

        async def receive() -> bytes:
            return pieces.pop(0) if pieces else b""

        call.receive = receive  # type: ignore[method-assign]
        await super().__call__(call)


class Gulping(MemoryApplication):
    """Take what nobody has asked for, behind the answer."""

    async def __call__(self, call: Call) -> None:
        await super().__call__(call)
        call.gone.clear()
        async for _ in _until_empty(call.receive):
            pass


class ForeignReader(PlainReader):
    """Give another object whenever the platform's own request is asked for."""

    def native(self, head: Head) -> Any:
        return object()


class Foreign(MemoryApplication):
    """Show no request of the platform."""

    def _make(self, endpoint: Endpoint) -> tuple[Endpoint, Serve]:
        return endpoint, make_server(endpoint, ForeignReader(), self.runtime)

    async def __call__(self, call: Call) -> None:
        (endpoint, serve), values = self._match(call.head)
        exchange = self.exchange(ForeignReader(), call.head, endpoint, values, self.runtime.state)
        exchange.watch, exchange.call = None, call
        await serve(exchange, call)


async def _until_empty(receive: Any) -> AsyncIterator[bytes]:
    while piece := await receive():
        yield piece


class Aside(Call):
    async def call(self, application: Any) -> None:
        await MemoryApplication.__call__(application, self)


class Pretending(Aside):
    async def call(self, application: Any) -> None:
        application(self).close()
        await super().call(application)


class Bypassing(MemoryBackend):
    """Connect to what is inside of the application, so that the application itself is never called."""

    aside: type[Call] = Aside

    def compile(self, frozen: FrozenApp) -> MemoryApplication:
        return Dividing(frozen)

    @contextmanager
    def connect(self, application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
        with super().connect(application, options) as connection:
            begin = connection._requests.begin  # type: ignore[attr-defined]

            def begin_aside(call: Any) -> Any:
                call.__class__ = self.aside
                return begin(call)

            connection._requests.begin = begin_aside  # type: ignore[attr-defined]
            yield connection


class Pretender(Bypassing):
    """The same, behind a call of the application that never runs."""

    aside = Pretending


def _compiling(application: type[MemoryApplication]) -> MemoryBackend:
    class Broken(MemoryBackend):
        def compile(self, frozen: FrozenApp) -> MemoryApplication:
            return application(frozen)

    found = Broken()
    found.name = "broken"
    return found


forgetful, boundless, blocking = map(_compiling, (Forgetful, Boundless, Blocking))
decoding, leaky, hoarding = map(_compiling, (Decoding, Leaky, Hoarding))
dividing, hanging, greedy, gulping, foreign = map(_compiling, (Dividing, Hanging, Greedy, Gulping, Foreign))
unstopped, bypassing, pretending = Unstopped(), Bypassing(), Pretender()
unstopped.name = bypassing.name = pretending.name = "broken"
compiling, connecting, stopping, draining, looping = map(Deaf, ("compile", "connect", "stop", "drain", "loop"))
mute = Mute()
