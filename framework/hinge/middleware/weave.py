"""Layers around an innermost answer -> one callable from request to response.

Law: the generator is entered, the rest runs, the generator is left; colour decides only who awaits. An exception that
no layer handles becomes a response, outermost at the latest: a woven callable raises no `Exception` but that of `fail`.
What does not become a response (a cancellation, a failure of a WebSocket) is thrown in wherever the yield stands: a
timeout around it has to see it, and each generator that was entered is left.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any

from hinge.middleware.guard import is_guarded
from hinge.middleware.layer import Layer
from hinge.request import Request
from hinge.response import Response

Answer = Callable[[Any], Response]
AsyncAnswer = Callable[[Any], Awaitable[Response]]
Fail = Callable[[Any, Exception], Response]
AsyncFail = Callable[[Any, Exception], Awaitable[Response]]


def weave(layers: Sequence[Layer], inner: Answer, fail: Fail) -> Answer:
    """Return `inner` with sync layers around it, the first one outermost."""
    for layer in reversed(layers):
        inner = _sync_around_sync(layer, inner, fail)
    answer_of = inner

    def answer(request: Request) -> Response:
        try:
            return answer_of(request)
        except Exception as error:  # noqa: BLE001 - every failure is answered here
            return fail(request, error)

    return answer


def weave_async(layers: Sequence[Layer], inner: AsyncAnswer, fail: AsyncFail) -> AsyncAnswer:
    """Return `inner` with layers of both colours around it, the first one outermost. Sync ones run inline."""
    for layer in reversed(layers):
        around = _async_around_async if layer.is_async else _sync_around_async
        inner = around(layer, inner, fail)
    answer_of = inner

    async def answer(request: Request) -> Response:
        try:
            return await answer_of(request)
        except Exception as error:  # noqa: BLE001 - every failure is answered here
            return await fail(request, error)

    return answer


def _sync_around_sync(layer: Layer, inner: Answer, fail: Fail) -> Answer:
    start = layer.start

    def answer(request: Request) -> Response:
        generator = start(request)
        early = _enter(layer, generator)
        if early is not None:
            return early
        try:
            try:
                response = inner(request)
            except Exception as error:
                if is_guarded(generator):
                    raise
                response = fail(request, error)
        except BaseException as error:  # noqa: BLE001 - it is thrown in
            return _throw(layer, generator, error)
        return _leave(layer, generator, response)

    return answer


def _sync_around_async(layer: Layer, inner: AsyncAnswer, fail: AsyncFail) -> AsyncAnswer:
    start = layer.start

    async def answer(request: Request) -> Response:
        generator = start(request)
        early = _enter(layer, generator)
        if early is not None:
            return early
        try:
            try:
                response = await inner(request)
            except Exception as error:
                if is_guarded(generator):
                    raise
                response = await fail(request, error)
        except BaseException as error:  # noqa: BLE001 - it is thrown in
            return _throw(layer, generator, error)
        return _leave(layer, generator, response)

    return answer


def _async_around_async(layer: Layer, inner: AsyncAnswer, fail: AsyncFail) -> AsyncAnswer:
    start = layer.start

    async def answer(request: Request) -> Response:
        generator = start(request)
        early = await _aenter(layer, generator)
        if early is not None:
            return early
        try:
            try:
                response = await inner(request)
            except Exception as error:
                if is_guarded(generator):
                    raise
                response = await fail(request, error)
        except BaseException as error:  # noqa: BLE001 - it is thrown in
            return await _athrow(layer, generator, error)
        return await _aleave(layer, generator, response)

    return answer


# -- one generator, both colours: enter up to the yield, leave with a response, throw a failure in ---------------------


def _enter(layer: Layer, generator: Generator[Any, Any, Any]) -> Response | None:
    try:
        early = next(generator)
    except StopIteration as stop:
        return layer.answer(stop.value)
    if early is None:
        return None
    generator.close()
    return layer.answer(early)


def _leave(layer: Layer, generator: Generator[Any, Any, Any], response: Response) -> Response:
    try:
        generator.send(response)
    except StopIteration as stop:
        return response if stop.value is None else layer.answer(stop.value)
    generator.close()
    raise layer.second_yield()


def _throw(layer: Layer, generator: Generator[Any, Any, Any], error: BaseException) -> Response:
    try:
        generator.throw(error)
    except StopIteration as stop:
        value = stop.value
    else:
        generator.close()
        raise layer.second_yield()
    if value is None:
        # Swallowed: there is no response to go on with, and hiding the failure would be a silent fallback.
        raise error
    return layer.answer(value)


async def _aenter(layer: Layer, generator: AsyncGenerator[Any, Any]) -> Response | None:
    try:
        early = await anext(generator)
    except StopAsyncIteration:
        return layer.answer(None)
    if early is None:
        return None
    await generator.aclose()
    return layer.answer(early)


async def _aleave(layer: Layer, generator: AsyncGenerator[Any, Any], response: Response) -> Response:
    try:
        other = await generator.asend(response)
    except StopAsyncIteration:
        return response
    await generator.aclose()
    if other is None:
        raise layer.second_yield()
    return layer.answer(other)


async def _athrow(layer: Layer, generator: AsyncGenerator[Any, Any], error: BaseException) -> Response:
    other: Any = _SWALLOWED
    try:
        other = await generator.athrow(error)
        await generator.aclose()
    except StopAsyncIteration:
        pass
    if other is _SWALLOWED:
        raise error
    if other is None:
        raise layer.second_yield()
    return layer.answer(other)


_SWALLOWED: Any = object()
