"""Streams that are made of what providers gave: these are left when the stream ends, and know how it ended.

Law: the end of the source is the end of the scope; its failure is thrown in, and a close before its end is a
ClientDisconnect. A source that cannot await what is to be left has that closed behind it.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered, leave, tell
from hinge.dependencies.mixed import leave_all
from hinge.diagnostics.failures import is_cancellation
from hinge.errors import ClientDisconnect
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse

_CUT = "The response was not sent to its end."


def keep_open(response: StreamingResponse, exits: list[Entered], request: Any, hops: Hops | None) -> Response:
    """Return a stream that leaves what was entered when it ends; `request` is there where one was to be expected.

    Raises:
        TypeError: none was, and what was entered has to be awaited.
    """
    scope = Scope(exits, hops)
    if request is None and not scope.is_plain:
        raise TypeError(
            "the handler returned a stream, of which its annotation does not tell, and async dependencies are to "
            "outlive it. Fix: annotate -> StreamingResponse, or AsyncIterator[...]"
        )
    response._is_taken = False  # whoever sends it takes it once more
    if response.as_file() is not None and request is not None:
        _close_behind(request, scope)  # its bytes are promised: it is sent as what it is
    elif response.is_async and (scope.is_plain or not scope.is_apart):
        scope.stay()
        response.continue_with(AsyncScoped(response.iterator, scope))
    elif scope.is_plain:
        response.continue_with(Scoped(response.iterator, scope))
    else:
        observed: Any = AsyncObserved if response.is_async else Observed
        response.continue_with(observed(response.iterator, scope))
        _close_behind(request, scope)
    return response


def _close_behind(request: Any, scope: "Scope") -> None:
    """Have the scope closed behind the answer, whatever that is in the end."""
    scope.stay()
    end: Any = _PlainEnd(scope) if scope.is_plain else _AsyncEnd(scope)
    sources = request._sources = request._sources or []
    sources.append((end, not scope.is_plain))


class Scope:
    """What was entered for one stream, and how the stream has ended."""

    __slots__ = ("_exits", "_hops", "_leave", "is_apart", "is_plain", "outcome")

    def __init__(self, exits: list[Entered], hops: Hops | None) -> None:
        self._exits = exits
        self._hops = hops
        self.is_apart = hops is not None and hops.is_apart
        """Whether async sources run in a task of their own, and nobody stays to leave it."""
        self.is_plain = not any(step.is_async for _, step in exits)
        self.outcome: BaseException | None = None
        self._leave: Any = None

    def stay(self) -> None:
        """Have the task that has entered it leave it, where a stream is another task's."""
        if not self.is_plain and self._hops is not None and self._hops.stay is not None:
            self._leave = self._hops.stay(self._left)

    def leave(self, error: BaseException | None) -> None:
        """Leave plain generators; raises what they raise in place of the error."""
        if self._exits:
            tell(leave(self._exits, error), error)

    async def aleave(self, error: BaseException | None) -> None:
        """Leave generators of both colours; raises as `leave`."""
        if self._exits:
            how = self._left if self._leave is None else self._leave
            tell(await how(error), error)

    async def _left(self, error: BaseException | None) -> BaseException | None:
        if self._hops is None:
            return leave(self._exits, error)
        return await leave_all(self._exits, error, self._hops)


class _PlainEnd:
    """What closes a scope behind an answer."""

    closes_once = True

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def close(self) -> None:
        """Leave what was entered."""
        self._scope.leave(self._scope.outcome)


class _AsyncEnd(AsyncIterator[Any]):
    """The same for what is awaited; an iterator of nothing, as what is closed behind an answer is one."""

    closes_once = True

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __anext__(self) -> Any:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Leave what was entered."""
        await self._scope.aleave(self._scope.outcome)


class _Source:
    """What the three kinds of sources share: they are closed once."""

    __slots__ = ("_has_begun", "_scope", "_source")
    closes_once = True

    def __init__(self, source: Any, scope: Scope) -> None:
        self._source = source
        self._scope = scope
        self._has_begun = False

    def _unfinished(self) -> ClientDisconnect | None:
        """Return what a close before the end means; one that was never asked for anything was not to be sent."""
        return ClientDisconnect(_CUT) if self._has_begun else None


class Scoped(_Source, Iterator[Any]):
    """A plain source, and plain generators to leave."""

    __slots__ = ()

    def __next__(self) -> Any:
        self._has_begun = True
        try:
            return next(self._source)
        except StopIteration:
            self._scope.leave(None)
            raise
        except BaseException as error:
            self._scope.leave(error)
            raise

    def close(self) -> None:
        """Close the source, then leave what was entered."""
        try:
            _close(self._source)
        except BaseException as error:
            self._scope.leave(error)
            raise
        self._scope.leave(self._unfinished())


class _Observed(_Source):
    """A source whose end is noted for who leaves the scope behind it."""

    __slots__ = ("_is_over",)

    def __init__(self, source: Any, scope: Scope) -> None:
        super().__init__(source, scope)
        self._is_over = False

    def _note(self, outcome: BaseException | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._scope.outcome = ClientDisconnect(_CUT) if outcome and is_cancellation(outcome) else outcome


class Observed(_Observed, Iterator[Any]):
    """A plain one."""

    __slots__ = ()

    def __next__(self) -> Any:
        self._has_begun = True
        try:
            return next(self._source)
        except BaseException as error:
            self._note(None if isinstance(error, StopIteration) else error)
            raise

    def close(self) -> None:
        """Close the source."""
        self._note(self._unfinished())
        _close(self._source)


class AsyncObserved(_Observed, AsyncIterator[Any]):
    """An async one."""

    __slots__ = ()

    async def __anext__(self) -> Any:
        self._has_begun = True
        try:
            return await anext(self._source)
        except BaseException as error:
            self._note(None if isinstance(error, StopAsyncIteration) else error)
            raise

    async def aclose(self) -> None:
        """Close the source."""
        self._note(self._unfinished())
        if (aclose := getattr(self._source, "aclose", None)) is not None:
            await aclose()


class AsyncScoped(_Source, AsyncIterator[Any]):
    """An async source, and generators of any colour to leave."""

    __slots__ = ()

    async def __anext__(self) -> Any:
        self._has_begun = True
        try:
            return await anext(self._source)
        except StopAsyncIteration:
            await self._scope.aleave(None)
            raise
        except BaseException as error:
            await self._scope.aleave(ClientDisconnect(_CUT) if is_cancellation(error) else error)
            raise

    async def aclose(self) -> None:
        """Close the source, then leave what was entered."""
        try:
            if (aclose := getattr(self._source, "aclose", None)) is not None:
                await aclose()
        except BaseException as error:
            await self._scope.aleave(error)
            raise
        await self._scope.aleave(self._unfinished())


def _close(source: Any) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()
