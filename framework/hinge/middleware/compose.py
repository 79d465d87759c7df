"""The layers around an answer: entering them, leaving them, and what becomes of a failure between.

Law: the generator is entered, the rest runs, the generator is left; colour decides only who awaits. Hooks are called
where a generator would be entered and left, and None stands for one that was entered. An exception that no layer
handles becomes a response, outermost at the latest: `recovered` raises no `Exception` but that of `fail`. What does not
become a response (`fail` raises it again: a cancellation, a failure of a WebSocket) is thrown in wherever the yield
stands: a timeout around it has to see it, and each generator that was entered is left.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any, TypeAlias

import msgspec

from hinge.diagnostics.failures import FAILURES, members
from hinge.middleware.layer import Layer
from hinge.middleware.yield_guard import is_guarded
from hinge.responses.response import Response

AsyncAnswer = Callable[[Any], Awaitable[Response]]
Fail = Callable[[Any, Exception], Response]
AsyncFail = Callable[[Any, Exception], Awaitable[Response]]

Entry: TypeAlias = tuple[Callable[[Any], Any], bool, bool, Layer]
"""What makes a layer's generator or is its hook on the way in; whether it is a hook, and whether it is async."""


class Around(msgspec.Struct, frozen=True, eq=False):
    """The layers of one endpoint, as the request path goes through them."""

    layers: tuple[Layer, ...]
    outer: tuple[Entry, ...]
    """The layers that are entered before the body is read."""
    inner: tuple[Entry, ...]
    """Those that are entered after that, because one of them needs it."""
    afters: tuple[Callable[[Any, Any], Any], ...]
    """Each layer's hook on the way out."""
    is_async: bool
    """Whether any of them awaits."""

    @classmethod
    def of(cls, layers: Sequence[Layer], body_before: int | None = None) -> Around:
        """Return the layers, the first one outermost; `body_before` is the index of the first that needs the body."""
        entries = tuple((_entering(layer), layer.hooks is not None, layer.is_async, layer) for layer in layers)
        before = len(entries) if body_before is None else body_before
        is_async = any(layer.is_async for layer in layers)
        return cls(tuple(layers), entries[:before], entries[before:], tuple(map(_after, layers)), is_async)


def _entering(layer: Layer) -> Callable[[Any], Any]:
    """Return what makes a layer's generator, or its hook on the way in."""
    return layer.start if layer.hooks is None else layer.hooks[0] or _nothing


def _after(layer: Layer) -> Callable[[Any, Any], Any]:
    """Return a layer's hook on the way out."""
    return (layer.hooks and layer.hooks[1]) or _nothing


def _nothing(*_given: Any) -> None:
    """Stand for a hook that a middleware does not have."""


def enter(entries: tuple[Entry, ...], entered: list[Any], request: Any) -> Response | None:
    """Enter sync layers, and note each in `entered`; return what one of them answers with in place of the rest."""
    generator: Any
    for start, is_hook, _, layer in entries:
        if is_hook:
            generator, early = None, start(request)
        else:
            generator = start(request)
            try:
                early = next(generator)
            except StopIteration as stop:
                return layer.answer(stop.value, request)
        if early is not None:
            return _left_early(layer, generator, early, request)
        entered.append(generator)
    return None


def leave(around: Around, entered: list[Any], request: Any, response: Response) -> Response:
    """Leave the sync layers that were entered, and return what has become of the response."""
    while entered:
        generator = entered.pop()
        if generator is None:
            other = around.afters[len(entered)](request, response)
            if other is not None:
                response = _answered(around.layers[len(entered)], other, response, request)
            continue
        try:
            generator.send(response)
        except StopIteration as stop:
            if stop.value is not None:
                response = _answered(around.layers[len(entered)], stop.value, response, request)
        else:
            raise _yielded_again(around.layers[len(entered)], generator)
    return response


async def aenter(entries: tuple[Entry, ...], entered: list[Any], request: Any) -> Response | None:
    """Do what `enter` does, for layers of both colours."""
    for entry in entries:
        start, _, is_async, layer = entry
        if not is_async:
            early = enter((entry,), entered, request)
            if early is not None:
                return early
            continue
        generator = start(request)
        try:
            early = await anext(generator)
        except StopAsyncIteration:
            return layer.answer(None, request)
        if early is not None:
            return await _afinish(layer, generator, early, request)
        entered.append(generator)
    return None


async def aleave(around: Around, entered: list[Any], request: Any, response: Response) -> Response:
    """Do what `leave` does, for layers of both colours."""
    while entered:
        generator = entered.pop()
        layer = around.layers[len(entered)]
        send = _asend(layer, generator, response, request) if layer.is_async else None
        response = _send(layer, generator, response, request) if send is None else await send
    return response


def compose_async(
    layers: Sequence[Layer],
    inner: AsyncAnswer,
    fail: AsyncFail,
    *,
    body_before: int | None = None,
    read: Callable[[Any], Awaitable[object]] | None = None,
) -> AsyncAnswer:
    """Return `inner` with layers of both colours around it, the first one outermost. Sync ones run inline.

    `read` is called with the request before the layer of the index `body_before`, and those inside it, are entered.
    """
    around = Around.of(layers, body_before)

    async def answer(request: Any) -> Response:
        entered: list[Any] = []
        try:
            response = await aenter(around.outer, entered, request)
            if read is not None and response is None:
                await read(request)
                response = await aenter(around.inner, entered, request)
            if response is None:
                response = await inner(request)
            return await aleave(around, entered, request, response)
        except FAILURES as error:  # every failure is answered here, or by a layer around it
            return await arecovered(around, entered, error, request, fail)

    return answer


# -- a failure: each layer around it that was entered gets its response, or has it thrown in ---------------------------


def recovered(around: Around, entered: list[Any], failure: Exception, request: Any, fail: Fail) -> Response:
    """Leave the layers that were entered, after a failure further in. Raises it where no response comes of it."""
    error: Exception | None = failure
    response: Any = None
    try:
        while entered:
            generator, layer = entered.pop(), around.layers[len(entered)]
            try:
                if error is None:
                    response = _send(layer, generator, response, request)
                elif is_guarded(generator):
                    response, error = _throw(layer, generator, error, request), None
                else:
                    try:
                        response = fail(request, error)
                    except FAILURES as none:
                        response = _throw(layer, generator, none, request)
                    else:
                        response = _send(layer, generator, response, request)
                    error = None
            except FAILURES as raised:  # which the next layer sees
                error = raised
        return response if error is None else fail(request, error)
    finally:  # its traceback has this frame: they would keep each other, and the request's body
        del failure, error


async def arecovered(around: Around, entered: list[Any], failure: Exception, request: Any, fail: AsyncFail) -> Response:
    """Do what `recovered` does, for layers of both colours."""
    error: Exception | None = failure
    response: Any = None
    try:
        while entered:
            generator, layer = entered.pop(), around.layers[len(entered)]
            send, throw = (_asend, _athrow) if layer.is_async else (_send, _throw)
            left: Any
            try:
                if error is None:
                    left = send(layer, generator, response, request)
                elif is_guarded(generator):
                    left = throw(layer, generator, error, request)
                else:
                    try:
                        response = await fail(request, error)
                    except FAILURES as none:
                        left = throw(layer, generator, none, request)
                    else:
                        left = send(layer, generator, response, request)
                response, error = await left if layer.is_async else left, None
            except FAILURES as raised:  # which the next layer sees
                error = raised
        return response if error is None else await fail(request, error)
    finally:  # its traceback has this frame: they would keep each other, and the request's body
        del failure, error


# -- what a generator does instead, and throwing a failure in, for both colours ----------------------------------------


def _send(layer: Layer, generator: Generator[Any, Any, Any] | None, response: Response, request: Any) -> Response:
    if generator is None:
        other = _after(layer)(request, response)
        return response if other is None else _answered(layer, other, response, request)
    try:
        generator.send(response)
    except StopIteration as stop:
        return response if stop.value is None else _answered(layer, stop.value, response, request)
    raise _yielded_again(layer, generator)


async def _asend(layer: Layer, generator: AsyncGenerator[Any, Any], response: Response, request: Any) -> Response:
    try:
        other = await generator.asend(response)
    except StopAsyncIteration:
        return response
    return await _afinish(layer, generator, other, request)


def _left_early(layer: Layer, generator: Generator[Any, Any, Any] | None, early: Any, request: Any) -> Response:
    try:
        return layer.answer(early, request)
    finally:
        if generator is not None:
            generator.close()


def _answered(layer: Layer, other: Any, response: Response, request: Any) -> Response:
    return response if other is response else layer.answer(other, request)


def _yielded_again(layer: Layer, generator: Generator[Any, Any, Any]) -> Exception:
    generator.close()
    return layer.second_yield()


def _throw(layer: Layer, generator: Generator[Any, Any, Any] | None, error: Exception, request: Any) -> Response:
    try:
        if generator is None:  # hooks stand around nothing that could be ended
            raise error
        value: Any = None
        try:
            generator.throw(error)
            generator.close()
        except StopIteration as stop:
            value = stop.value
        except BaseExceptionGroup as group:
            if not _is_only(group, error):
                raise
        else:
            raise layer.second_yield()
        if value is None:
            # Swallowed: there is no response to go on with, and hiding the failure would be a silent fallback.
            raise error
        return layer.answer(value, request)
    finally:
        del error  # as in `recovered`


def _is_only(group: BaseException, error: BaseException) -> bool:
    """Tell whether a task group around the yield has wrapped what was thrown in, and nothing else."""
    while group is not error and isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group is error


async def _athrow(layer: Layer, generator: AsyncGenerator[Any, Any], error: BaseException, request: Any) -> Response:
    other: Any = _SWALLOWED
    try:
        try:
            other = await generator.athrow(error)
        except StopAsyncIteration:
            pass
        except BaseExceptionGroup as group:
            if not _is_only(group, error):
                raise
        if other is _SWALLOWED:
            raise error
    finally:
        del error  # as in `recovered`
    return await _afinish(layer, generator, other, request)


async def _afinish(layer: Layer, generator: AsyncGenerator[Any, Any], answer: Any, request: Any) -> Response:
    """Let a middleware that has yielded its answer run to its end: closing it there would be a failure to its `with`s.

    Raises:
        ConfigurationError: the answer is none, or it yields again.
    """
    if answer is not None:
        if isinstance(answer, Response):
            answer = layer.answer(answer, request)  # noted before what follows may fail
        try:
            await anext(generator)
        except StopAsyncIteration:
            return answer if isinstance(answer, Response) else layer.answer(answer, request)
    try:
        await generator.aclose()
    except BaseExceptionGroup as group:
        if not all(isinstance(one, GeneratorExit) for one in members(group)):
            raise
    raise layer.second_yield()


_SWALLOWED: Any = object()
