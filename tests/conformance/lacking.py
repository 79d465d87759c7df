"""The in-memory backend as an honest platform with gaps: what it lacks, it really cannot do."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hinge_memory import Call, MemoryApplication, MemoryBackend, MemoryConnection, MemoryExchange

from hinge.backend import (
    ClientDisconnect,
    ConfigurationError,
    Connection,
    Feature,
    FrozenApp,
    Head,
    Reply,
    Response,
    StreamAborted,
)


class GapCall(Call):
    """A request on a platform that lacks some Features."""

    lacks: frozenset[Feature] = frozenset()
    body: list[bytes] | None = None

    async def call(self, application: Any) -> None:
        if Feature.DUPLEX in self.lacks and not await self._take_body():
            return
        self.answered = asyncio.Event()
        task = asyncio.ensure_future(super().call(application))
        answered = asyncio.ensure_future(self.answered.wait())
        await asyncio.wait({task, answered}, return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()
        if Feature.AFTER_RESPONSE in self.lacks and not task.done():
            task.cancel()  # as a process is that is frozen behind its answer
        try:
            await task
        except StreamAborted:
            if Feature.ABORT not in self.lacks:
                raise

    async def _take_body(self) -> bool:
        """Wait for the whole body, as the platform does before it calls anybody; False if the client leaves."""
        self.body = []
        try:
            while piece := await super().receive():
                self.body.append(piece)
        except ClientDisconnect:
            return False
        return True

    async def receive(self) -> bytes:
        if self.body is None:
            return await super().receive()
        whole, self.body = b"".join(self.body), []
        return whole

    async def whole(self, response: Response, *, head_only: bool) -> None:
        await super().whole(response, head_only=head_only)
        self.answered.set()

    async def start(self, response: Response) -> None:
        self._needs_streaming()
        await super().start(response)

    async def chunk(self, data: bytes) -> None:
        self._needs_streaming()
        await super().chunk(data)

    async def end(self) -> None:
        self._needs_streaming()
        await super().end()
        self.answered.set()

    def _needs_streaming(self) -> None:
        if Feature.STREAMING in self.lacks:
            raise NotImplementedError("this platform takes whole responses only")


class DeafExchange(MemoryExchange):
    """One that hears of nobody's leaving."""

    async def disconnected(self) -> None:
        await asyncio.Event().wait()


class GapApplication(MemoryApplication):
    exchange = DeafExchange


class GapConnection(MemoryConnection):
    lacks: frozenset[Feature] = frozenset()

    def request(self, method: str, target: str, headers: Any, body: bytes | Iterable[bytes]) -> Reply:
        lines = _joined(headers) if len(self.lacks) > 1 else headers
        head = Head(method, target, lines, **self._options)
        call = GapCall(self._requests.loop, head, headers, body, self._timeout)
        call.lacks = self.lacks
        return self._requests.begin(call)


def _joined(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return one line for each name, as platforms tell them that hand heads over as mappings."""
    found: dict[str, str] = {}
    for name, value in ((name.lower(), value) for name, value in lines):
        found[name] = f"{found[name]}{'; ' if name == 'cookie' else ','}{value}" if name in found else value
    return list(found.items())


class GapBackend(MemoryBackend):
    def __init__(self, lacks: frozenset[Feature]) -> None:
        self.name = self.interface = "gaps"
        self.features = MemoryBackend.features - lacks

    def compile(self, frozen: FrozenApp) -> MemoryApplication:
        return (MemoryApplication if Feature.DISCONNECT in self.features else GapApplication)(frozen)

    @contextmanager
    def connect(self, application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
        lacks = MemoryBackend.features - self.features
        if options.get("prefix") and Feature.PREFIX in lacks:
            raise ConfigurationError(f"backend 'gaps' lacks {Feature.PREFIX.value}")
        with super().connect(application, options) as connection:
            found = GapConnection(connection._requests, options)  # type: ignore[attr-defined]
            found.lacks = lacks
            yield found


def lacking(*features: Feature) -> GapBackend:
    """Return a backend without these Features."""
    return GapBackend(frozenset(features))


GAPS = {f"without_{one.name.lower()}": (one,) for one in Feature if one in MemoryBackend.features}
GAPS["without_all"] = tuple(MemoryBackend.features)
"""Name -> what is lacking; each is an attribute of this module, for entry points."""

globals().update({name: lacking(*features) for name, features in GAPS.items()})
