"""Layers around an innermost answer -> one callable from request to response.

Law: the generator is entered, the rest runs, the generator is left; colour decides only who awaits. An exception that
no layer handles becomes a response, outermost at the latest: a composed callable raises no `Exception` but that of
`fail`. What does not become a response (`fail` raises it again: a cancellation, a failure of a WebSocket) is thrown in
wherever the yield stands: a timeout around it has to see it, and each generator that was entered is left.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any

from hinge.diagnostics.failures import FAILURES, members
from hinge.middleware.layer import Layer
from hinge.middleware.yield_guard import is_guarded
from hinge.request import Request
from hinge.responses.response import Response

Answer = Callable[[Any], Response]
AsyncAnswer = Callable[[Any], Awaitable[Response]]
Fail = Callable[[Any, Exception], Response]
AsyncFail = Callable[[Any, Exception], Awaitable[Response]]


def compose(layers: Sequence[Layer], inner: Answer, fail: Fail) -> Answer:
    """Return `inner` with sync layers around it, the first one outermost."""
    for layer in reversed(layers):
        inner = _sync_around_sync(layer, inner, fail)
    answer_of = inner

    def answer(request: Request) -> Response:
        try:
            return answer_of(request)
        except FAILURES as error:  # every failure is answered here
            return fail(request, error)

    return answer


def compose_async(layers: Sequence[Layer], inner: AsyncAnswer, fail: AsyncFail) -> AsyncAnswer:
    """Return `inner` with layers of both colours around it, the first one outermost. Sync ones run inline."""
    for layer in reversed(layers):
        around = _async_around_async if layer.is_async else _sync_around_async
        inner = around(layer, inner, fail)
    answer_of = inner

    async def answer(request: Request) -> Response:
        try:
            return await answer_of(request)
        except FAILURES as error:  # every failure is answered here
            return await fail(request, error)

    return answer


def _sync_around_sync(layer: Layer, inner: Answer, fail: Fail) -> Answer:
    start = layer.start

    def answer(request: Request) -> Response:
        generator = start(request)
        try:
            early = next(generator)
        except StopIteration as stop:
            return layer.answer(stop.value, request)
        if early is not None:
            return _left_early(layer, generator, early, request)
        try:
            try:
                response = inner(request)
            except FAILURES as error:
                if is_guarded(generator):
                    raise
                response = fail(request, error)
        except BaseException as error:  # noqa: BLE001 - it is thrown in
            return _throw(layer, generator, error, request)
        try:
            generator.send(response)
        except StopIteration as stop:
            return response if stop.value is None else _answered(layer, stop.value, response, request)
        raise _yielded_again(layer, generator)

    return answer


def _sync_around_async(layer: Layer, inner: AsyncAnswer, fail: AsyncFail) -> AsyncAnswer:
    start = layer.start

    async def answer(request: Request) -> Response:
        generator = start(request)
        try:
            early = next(generator)
        except StopIteration as stop:
            return layer.answer(stop.value, request)
        if early is not None:
            return _left_early(layer, generator, early, request)
        try:
            try:
                response = await inner(request)
            except FAILURES as error:
                if is_guarded(generator):
                    raise
                response = await fail(request, error)
        except BaseException as error:  # noqa: BLE001 - it is thrown in
            return _throw(layer, generator, error, request)
        try:
            generator.send(response)
        except StopIteration as stop:
            return response if stop.value is None else _answered(layer, stop.value, response, request)
        raise _yielded_again(layer, generator)

    return answer


def _async_around_async(layer: Layer, inner: AsyncAnswer, fail: AsyncFail) -> AsyncAnswer:
    start = layer.start

    async def answer(request: Request) -> Response:
        generator = start(request)
        try:
            early = await anext(generator)
        except StopAsyncIteration:
            return layer.answer(None, request)
        if early is not None:
            return await _afinish(layer, generator, early, request)
        try:
            try:
                response = await inner(request)
            except FAILURES as error:
                if is_guarded(generator):
                    raise
                response = await fail(request, error)
        except BaseException as error:  # noqa: BLE001 - it is thrown in
            return await _athrow(layer, generator, error, request)
        try:
            other = await generator.asend(response)
        except StopAsyncIteration:
            return response
        return await _afinish(layer, generator, other, request)

    return answer


# -- what a generator does instead, and throwing a failure in, for both colours ----------------------------------------


def _left_early(layer: Layer, generator: Generator[Any, Any, Any], early: Any, request: Any) -> Response:
    try:
        return layer.answer(early, request)
    finally:
        generator.close()


def _answered(layer: Layer, other: Any, response: Response, request: Any) -> Response:
    return response if other is response else layer.answer(other, request)


def _yielded_again(layer: Layer, generator: Generator[Any, Any, Any]) -> Exception:
    generator.close()
    return layer.second_yield()


def _throw(layer: Layer, generator: Generator[Any, Any, Any], error: BaseException, request: Any) -> Response:
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


def _is_only(group: BaseException, error: BaseException) -> bool:
    """Tell whether a task group around the yield has wrapped what was thrown in, and nothing else."""
    while group is not error and isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group is error


async def _athrow(layer: Layer, generator: AsyncGenerator[Any, Any], error: BaseException, request: Any) -> Response:
    other: Any = _SWALLOWED
    try:
        other = await generator.athrow(error)
    except StopAsyncIteration:
        pass
    except BaseExceptionGroup as group:
        if not _is_only(group, error):
            raise
    if other is _SWALLOWED:
        raise error
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
