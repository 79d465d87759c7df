"""Layers around an innermost answer -> one callable from request to response.

Law: the generator is entered, the rest runs, the generator is left; colour decides only who awaits. Hooks are called
where a generator would be entered and left, and None stands for one that was entered. An exception that
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


def compose(layers: Sequence[Layer], inner: Answer, fail: Fail) -> Answer:  # noqa: C901 - one frame for each request
    """Return `inner` with sync layers around it, the first one outermost."""
    layers = tuple(layers)
    ways, afters = tuple((_enter(layer), layer.hooks is not None) for layer in layers), tuple(map(_after, layers))

    def answer(request: Request) -> Response:  # noqa: PLR0912 - as it says
        generator: Any
        entered: list[Any] = []
        try:
            for enter, is_hook in ways:
                if is_hook:
                    generator, early = None, enter(request)
                else:
                    generator = enter(request)
                    try:
                        early = next(generator)
                    except StopIteration as stop:
                        response = layers[len(entered)].answer(stop.value, request)
                        break
                if early is not None:
                    response = _left_early(layers[len(entered)], generator, early, request)
                    break
                entered.append(generator)
            else:
                response = inner(request)
            while entered:
                generator = entered.pop()
                if generator is None:
                    other = afters[len(entered)](request, response)
                    if other is not None:
                        response = _answered(layers[len(entered)], other, response, request)
                    continue
                try:
                    generator.send(response)
                except StopIteration as stop:
                    if stop.value is not None:
                        response = _answered(layers[len(entered)], stop.value, response, request)
                else:
                    raise _yielded_again(layers[len(entered)], generator)
        except FAILURES as error:  # every failure is answered here, or by a layer around it
            return _recovered(layers, entered, error, request, fail)
        return response

    return answer


def compose_async(  # noqa: C901 - one frame for each request
    layers: Sequence[Layer], inner: AsyncAnswer, fail: AsyncFail
) -> AsyncAnswer:
    """Return `inner` with layers of both colours around it, the first one outermost. Sync ones run inline."""
    layers = tuple(layers)
    ways = tuple((_enter(layer), layer.is_async, layer.hooks is not None) for layer in layers)
    afters = tuple(map(_after, layers))

    async def answer(request: Request) -> Response:  # noqa: C901, PLR0912 - as it says
        generator: Any
        entered: list[Any] = []
        try:
            for enter, is_async, is_hook in ways:
                if is_hook:
                    generator, early = None, enter(request)
                else:
                    generator = enter(request)
                    try:
                        early = (await anext(generator)) if is_async else next(generator)
                    except (StopIteration, StopAsyncIteration) as stop:
                        response = layers[len(entered)].answer(getattr(stop, "value", None), request)
                        break
                if early is not None:
                    leave = _afinish if is_async else _left_early
                    left = leave(layers[len(entered)], generator, early, request)
                    response = left if isinstance(left, Response) else await left
                    break
                entered.append(generator)
            else:
                response = await inner(request)
            while entered:
                generator = entered.pop()
                if generator is None:
                    other = afters[len(entered)](request, response)
                    if other is not None:
                        response = _answered(layers[len(entered)], other, response, request)
                    continue
                if ways[len(entered)][1]:
                    response = await _asend(layers[len(entered)], generator, response, request)
                    continue
                try:
                    generator.send(response)
                except StopIteration as stop:
                    if stop.value is not None:
                        response = _answered(layers[len(entered)], stop.value, response, request)
                else:
                    raise _yielded_again(layers[len(entered)], generator)
        except FAILURES as error:  # every failure is answered here, or by a layer around it
            return await _arecovered(layers, entered, error, request, fail)
        return response

    return answer


def _enter(layer: Layer) -> Callable[[Any], Any]:
    """Return what makes a layer's generator, or its hook on the way in."""
    return layer.start if layer.hooks is None else layer.hooks[0] or _nothing


def _after(layer: Layer) -> Callable[[Any, Any], Any]:
    """Return a layer's hook on the way out."""
    return (layer.hooks and layer.hooks[1]) or _nothing


def _nothing(*_given: Any) -> None:
    """Stand for a hook that a middleware does not have."""


# -- a failure: each layer around it that was entered gets its response, or has it thrown in ---------------------------


def _recovered(layers: Sequence[Layer], entered: list[Any], failure: Exception, request: Any, fail: Fail) -> Response:
    """Leave the layers that were entered, after a failure further in. Raises it where no response comes of it."""
    error: Exception | None = failure
    response: Any = None
    while entered:
        generator, layer = entered.pop(), layers[len(entered)]
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


async def _arecovered(
    layers: Sequence[Layer], entered: list[Any], failure: Exception, request: Any, fail: AsyncFail
) -> Response:
    """Do what `_recovered` does, for layers of both colours."""
    error: Exception | None = failure
    response: Any = None
    while entered:
        generator, layer = entered.pop(), layers[len(entered)]
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
