"""Middleware without a protocol: where a failure goes, who is entered and left, and what is refused.

The exception tables that `is_guarded` reads differ between CPython versions, so this module runs on each of them.
"""

import asyncio
import contextlib
import functools
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.diagnostics.failures import failure_of
from hinge.errors import ConfigurationError
from hinge.middleware import AsyncMiddleware, Layer, Middleware, layer_of, yield_guard
from hinge.middleware.compose import Around, compose_async, enter, leave, recovered
from hinge.middleware.yield_guard import is_guarded, may_be_guarded
from hinge.request import Request
from hinge.responses.response import Response

# -- whether a yield is guarded ----------------------------------------------------------------------------------------


class Manager:
    """A context manager of both colours that swallows nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> None:
        await nothing()

    async def __aexit__(self, *_: object) -> None:
        await nothing()


async def nothing() -> None:
    """Be something to await that never waits."""


async def once() -> AsyncIterator[int]:
    """Be something to iterate."""
    yield 1


NAMESPACE = {"Manager": Manager, "nothing": nothing, "once": once}


def suspended(source: str, *, is_async: bool) -> Any:
    """Return the generator of a function body, suspended at its first yield."""
    keyword = "async def" if is_async else "def"
    namespace: dict[str, Any] = dict(NAMESPACE)
    exec(f"{keyword} middleware():\n{textwrap.indent(source, '    ')}", namespace)
    generator = namespace["middleware"]()
    advance(generator)
    return generator


def advance(generator: Any) -> None:
    """Run a generator of either colour to its next yield."""
    if hasattr(generator, "__anext__"):
        with pytest.raises(StopIteration):  # what a coroutine that never waits ends with
            generator.__anext__().send(None)
    else:
        next(generator)


def finish(generator: Any) -> None:
    """Close a generator of either colour."""
    if hasattr(generator, "aclose"):
        with pytest.raises(StopIteration):
            generator.aclose().send(None)
    else:
        generator.close()


# A wrapper's code with a hole for what it surrounds, and whether it guards what stands there.
WRAPPERS: list[tuple[str, bool]] = [
    ("try:\n{}\nfinally:\n    done = 1", True),
    ("try:\n{}\nexcept KeyError:\n    raise", True),
    ("try:\n{}\nexcept KeyError as error:\n    raise\nexcept ValueError:\n    pass\nelse:\n    done = 1", True),
    ("with Manager():\n{}", True),
    ("with Manager() as a, Manager():\n{}", True),
    ("try:\n    pass\nexcept KeyError:\n    pass\nelse:\n{}", False),
    ("try:\n    pass\nexcept KeyError:\n    pass\nelse:\n{}\nfinally:\n    done = 1", True),
    ("try:\n    raise KeyError\nexcept KeyError:\n{}", False),
    ("try:\n    raise KeyError\nexcept KeyError as error:\n{}", False),
    ("try:\n    raise KeyError\nexcept KeyError as error:\n{}\nfinally:\n    done = 1", True),
    ("try:\n    raise ExceptionGroup('', [KeyError()])\nexcept* KeyError as error:\n{}", False),
    ("try:\n    done = 1\nfinally:\n{}", False),
    ("try:\n    raise KeyError\nfinally:\n{}", False),
    ("for item in range(2):\n{}", False),
    ("while True:\n{}\n    break", False),
    ("if NAME:\n{}", False),
    ("try:\n    pass\nfinally:\n    done = 1\n{outside}", False),
    ("try:\n    raise KeyError\nexcept KeyError as error:\n    pass\n{outside}", False),
    ("with Manager():\n    pass\n{outside}", False),
    ("listed = [item for item in range(3)]\n{outside}", False),
    ("match 1:\n    case 1:\n    {}", False),
]
ASYNC_WRAPPERS: list[tuple[str, bool]] = [
    ("async with Manager():\n{}", True),
    ("async for item in once():\n{}", False),
    ("await nothing()\n{outside}\nawait nothing()", False),
    ("async with Manager():\n    await nothing()\n{outside}", False),
    ("listed = [item async for item in once()]\n{outside}", False),
]


def wrapped(inner: str, wrapper: str) -> str:
    indented = textwrap.indent(inner, "    ")
    if "match" in wrapper:
        indented = textwrap.indent(inner, "        ").removeprefix("    ")
    return wrapper.replace("{outside}", inner).replace("{}", indented).replace("NAME", "not None")


def bodies(*, is_async: bool) -> st.SearchStrategy[tuple[str, bool]]:
    wrappers = WRAPPERS + (ASYNC_WRAPPERS if is_async else [])
    return st.lists(st.sampled_from(wrappers), max_size=5).map(build)


def build(wrappers: list[tuple[str, bool]]) -> tuple[str, bool]:
    source, guarded = "response = yield", False
    for wrapper, guards in wrappers:
        source, guarded = wrapped(source, wrapper), guarded or guards
    return source, guarded


@pytest.mark.parametrize(("wrapper", "guards"), WRAPPERS)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_yield_is_guarded_if_a_handler_around_it_was_written(wrapper: str, guards: bool, is_async: bool) -> None:
    generator = suspended(wrapped("response = yield", wrapper), is_async=is_async)
    assert is_guarded(generator) is guards
    finish(generator)


@pytest.mark.parametrize(("wrapper", "guards"), ASYNC_WRAPPERS)
def test_a_yield_of_an_async_generator_is_judged_by_the_same_rule(wrapper: str, guards: bool) -> None:
    generator = suspended(wrapped("response = yield", wrapper), is_async=True)
    assert is_guarded(generator) is guards
    finish(generator)


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
@given(data=st.data())
def test_any_nesting_is_judged_right(data: st.DataObject, is_async: bool) -> None:
    source, guarded = data.draw(bodies(is_async=is_async))
    generator = suspended(source, is_async=is_async)
    assert is_guarded(generator) is guarded, source
    finish(generator)


def test_a_long_function_has_offsets_of_several_bytes() -> None:
    filler = "done = [1, 2, 3]\n" * 2000
    for body, guarded in (("response = yield", False), ("try:\n    response = yield\nfinally:\n    done = 1", True)):
        generator = suspended(filler + body + "\n" + filler, is_async=False)
        assert is_guarded(generator) is guarded


def test_a_debugger_or_a_coverage_tool_changes_nothing() -> None:
    """They rewrite the bytecode while it runs."""

    def trace(frame: Any, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes = True
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        found = [
            is_guarded(suspended(source, is_async=is_async))
            for source in ("response = yield", "try:\n    response = yield\nfinally:\n    done = 1")
            for is_async in (False, True)
        ]
    finally:
        sys.settrace(before)
    assert found == [False, False, True, True]


def plain() -> Generator[Any, Any, Any]:
    return (yield)


def guarded() -> Generator[Any, Any, Any]:
    try:
        return (yield)
    finally:
        pass


def delegate(inner: Callable[[], Iterator[Any]]) -> Generator[Any, Any, Any]:
    return (yield from inner())


def delegate_guarded(inner: Callable[[], Iterator[Any]]) -> Generator[Any, Any, Any]:
    with contextlib.nullcontext():
        return (yield from inner())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: delegate(plain), False),
        (lambda: delegate(guarded), True),
        (lambda: delegate_guarded(plain), True),
        (lambda: delegate_guarded(guarded), True),
        (lambda: delegate(lambda: delegate(plain)), False),
        (lambda: delegate(lambda: delegate(guarded)), True),
        (lambda: delegate(lambda: iter([None, None])), False),
    ],
)
def test_yield_from_is_judged_by_the_tries_around_both(make: Callable[[], Any], expected: bool) -> None:
    generator = make()
    next(generator)
    assert is_guarded(generator) is expected


class Called:
    def __call__(self) -> Iterator[None]:
        yield


def guarded_elsewhere() -> Iterator[None]:
    with contextlib.suppress(KeyError):
        {}["key"]
    yield


async def guarded_async() -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack():
        yield


async def plain_async() -> AsyncIterator[None]:
    async for _ in plain_async():
        await asyncio.sleep(0)
    yield


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        (plain, False),
        (plain_async, False),
        (Called(), False),
        (Called().__call__, False),
        (guarded, True),
        (guarded_async, True),
        (guarded_elsewhere, True),
        (delegate, True),
        (functools.partial(plain), True),
        (lambda: guarded(), True),  # noqa: PLW0108 - what returns another function's generator
        (object(), True),
    ],
)
def test_only_what_surely_has_no_guard_is_told_to_have_none(middleware: Any, expected: bool) -> None:
    assert may_be_guarded(middleware) is expected


def test_each_yield_of_a_function_is_judged_by_itself_however_often() -> None:
    def both() -> Iterator[None]:
        yield
        with contextlib.nullcontext():
            yield

    for _ in range(2):
        generator = both()
        next(generator)
        assert not is_guarded(generator)
        next(generator)
        assert is_guarded(generator)


def test_functions_that_are_made_at_run_time_are_not_remembered_without_bound() -> None:
    for number in range(1500):
        space: dict[str, Any] = {}
        exec(f"def made():\n    yield {number}", space)
        generator = space["made"]()
        next(generator)
        assert not is_guarded(generator)
    assert len(yield_guard._known) <= 1024


def test_what_is_no_suspended_generator_is_not_guarded() -> None:
    generator = guarded()
    next(generator)
    generator.close()
    assert not is_guarded(generator)
    assert not is_guarded(iter([]))


# -- drivers: what becomes of the generators (tests/contract/test_middleware.py has what clients see) ------------------

REQUEST: Any = object()


async def to_coroutine(awaitable: Awaitable[Response]) -> Response:
    return await awaitable


def inner(request: Any) -> Response:
    return Response("inner")


def fail(request: Any, error: Exception) -> Response:
    return Response(type(failure_of(error)).__name__, status=500)


async def fail_async(request: Any, error: Exception) -> Response:
    await asyncio.sleep(0)
    return fail(request, error)


def through(
    layers: list[Layer], answer: Callable[[Any], Response], fail: Callable[[Any, Exception], Response]
) -> Response:
    """Return what a request comes to, as a backend goes through plain layers."""
    around, entered = Around.of(layers), list[Any]()
    try:
        response = enter(around.outer, entered, REQUEST)
        return leave(around, entered, REQUEST, answer(REQUEST) if response is None else response)
    except Exception as error:
        return recovered(around, entered, error, REQUEST, fail)


class Kept:
    """A middleware whose generator is kept alive, so that only an explicit close ends it."""

    def __init__(self, middleware: Callable[..., Any]) -> None:
        self._middleware = middleware
        self.generator: Any = None

    def layer(self) -> Layer:
        return msgspec.structs.replace(layer_of(self._middleware), start=self.start)

    def start(self, request: Any) -> Any:
        self.generator = self._middleware(request)
        return self.generator

    @property
    def has_ended(self) -> bool:
        frame = "ag_frame" if hasattr(self.generator, "ag_frame") else "gi_frame"
        return getattr(self.generator, frame) is None


def early_sync(request: Request) -> Any:
    yield Response("early")


async def early_async(request: Request) -> Any:
    yield Response("early")


def twice_sync(request: Request) -> Any:
    yield
    yield


async def twice_async(request: Request) -> Any:
    yield
    yield


async def replacing_async(request: Request) -> Any:
    yield
    yield Response("other")


def again_sync(request: Request) -> Any:
    try:
        yield
    except KeyError:
        yield


async def again_async(request: Request) -> Any:
    try:
        yield
    except KeyError:
        yield


async def caught_async(request: Request) -> Any:
    try:
        yield
    except KeyError:
        yield Response("caught")


@pytest.mark.parametrize("outcome", [None, KeyError()])
@pytest.mark.parametrize(
    "middleware",
    [early_sync, early_async, twice_sync, twice_async, replacing_async, again_sync, again_async, caught_async],
)
def test_every_generator_is_closed_at_once_and_not_by_the_garbage_collector(
    middleware: Callable[..., Any], outcome: Exception | None
) -> None:
    kept = Kept(middleware)
    layers = [kept.layer()]

    def answer(request: Any) -> Response:
        if outcome is not None:
            raise outcome
        return inner(request)

    async def answer_async(request: Any) -> Response:
        await asyncio.sleep(0)
        return answer(request)

    async def main() -> bool:
        await compose_async(layers, answer_async, fail_async)(REQUEST)
        return kept.has_ended  # before the loop closes what is left

    assert asyncio.run(main())
    if not layers[0].is_async:
        through(layers, answer, fail)
        assert kept.has_ended


# -- cancellation, and failures that no response answers ---------------------------------------------------------------


def test_a_plain_cancellation_leaves_every_layer_and_goes_on() -> None:
    log: list[str] = []

    def outer(request: Request) -> Middleware:
        try:
            yield
        finally:
            log.append("outer")
        return None

    async def middle(request: Request) -> AsyncMiddleware:
        yield None
        log.append("never")

    async def innermost(request: Request) -> AsyncMiddleware:
        try:
            yield None
        except asyncio.CancelledError:
            log.append("inner")
            raise

    layers = [layer_of(layer) for layer in (outer, middle, innermost)]

    async def main() -> None:
        running = asyncio.Event()

        async def forever(request: Any) -> Response:
            running.set()
            await asyncio.Event().wait()
            raise AssertionError

        answer = compose_async(layers, forever, fail_async)
        task = asyncio.ensure_future(to_coroutine(answer(REQUEST)))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert log == ["inner", "outer"]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_failure_that_cannot_be_answered_leaves_the_layers(is_async: bool) -> None:
    """Behind an accepted WebSocket no response answers a failure; the generators still end, with the failure."""
    seen: list[str] = []

    async def inner(request: Any) -> Response:
        raise KeyError("late")

    async def fail(request: Any, error: Exception) -> Response:
        raise error

    async def plain_async(request: Request) -> AsyncMiddleware:
        yield None
        seen.append("went on")

    def plain_sync(request: Request) -> Middleware:
        yield
        seen.append("went on")
        return None

    kept = Kept(plain_async if is_async else plain_sync)

    async def main() -> bool:
        with pytest.raises(KeyError, match="late"):
            await compose_async([kept.layer()], inner, fail)(REQUEST)
        return kept.has_ended  # before the loop closes what is left

    assert asyncio.run(main())
    assert seen == []


# -- what is a middleware ----------------------------------------------------------------------------------------------


class Timing:
    """A ready-made middleware: an instance whose call is a generator."""

    needs_body = True

    def __call__(self, request: Request) -> Middleware:
        yield
        return None


class AsyncTiming:
    async def __call__(self, request: Request) -> AsyncMiddleware:
        yield None

    @staticmethod
    def static(request: Request) -> Middleware:
        yield
        return None

    def method(self, request: Request) -> Middleware:
        yield
        return None


def with_options(request: Request, *, loud: bool = False) -> Middleware:
    yield
    return None


def with_keywords(request: Request, **options: Any) -> Middleware:
    yield
    return None


def with_anything(*args: Any) -> Middleware:
    assert args == (REQUEST,)
    yield
    return None


def test_every_form_of_a_middleware_is_taken() -> None:
    def nothing_taken() -> Middleware:
        yield
        return None

    @functools.wraps(with_options)
    def decorated(request: Request) -> Middleware:
        return (yield from with_options(request))

    forms: list[tuple[Any, bool]] = [
        (Timing(), False),
        (AsyncTiming(), True),
        (AsyncTiming().method, False),
        (AsyncTiming.static, False),
        (functools.partial(with_options, loud=True), False),
        (with_options, False),
        (with_keywords, False),
        (with_anything, False),
        (decorated, False),
        (nothing_taken, False),
    ]
    for form, is_async in forms:
        layer = layer_of(form)
        assert layer.is_async is is_async
        generator = layer.start(REQUEST)
        advance(generator)
        finish(generator)
        assert "test_middleware_core.py:" in layer.location


def test_needs_body_is_asked_for_or_declared() -> None:
    assert layer_of(Timing()).needs_body
    assert layer_of(with_options, needs_body=True).needs_body
    assert not layer_of(with_options).needs_body
    layer = layer_of(with_options)
    assert layer_of(layer) is layer
    assert layer_of(layer, needs_body=True).needs_body


def no_yield(request: Request) -> None: ...


async def coroutine(request: Request) -> None: ...


def two(request: Request, call_next: Any) -> Middleware:
    yield
    return None


def keyword_only(*, request: Request) -> Middleware:
    yield
    return None


@pytest.mark.parametrize(
    ("middleware", "said"),
    [
        (no_yield, "it has no yield. Fix: write it as a generator: `response = yield`"),
        (coroutine, "it has no yield. Fix: write it as a generator: `response = yield`"),
        (two, "it takes (request, call_next). Fix: take the request, or nothing"),
        (keyword_only, "Fix: take the request, or nothing"),
        (Timing, "Fix: pass an instance: "),
        ("text", "has no hooks. Fix: @app.middleware alone, on a generator: `response = yield`"),
        (None, "it is no generator function and has no hooks. Fix: a generator: `response = yield`, or an object with"),
        (contextlib.contextmanager(two), "it has no yield"),
    ],
)
def test_what_is_no_middleware_is_refused(middleware: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        layer_of(middleware)
    assert said in str(caught.value)
    assert str(caught.value).startswith("middleware ")
    if callable(middleware):
        assert "test_middleware_core.py:" in str(caught.value)


class AsyncBefore:
    async def before(self, request: Request) -> None: ...


class YieldingAfter:
    def after(self, request: Request, response: Response) -> Any:
        yield


class LonelyAfter:
    def after(self, response: Response) -> None: ...


class Both:
    def before(self, request: Request) -> None: ...

    def __call__(self, request: Request) -> Middleware:
        yield
        return None


class NoMethod:
    after = "text"


class Passing:
    needs_body = True

    def before(self, request: Request, loud: bool = False) -> None: ...


@pytest.mark.parametrize(
    ("middleware", "said"),
    [
        (AsyncBefore(), "Fix: an async generator in place of the hooks, `async def __call__(self, request)`"),
        (YieldingAfter(), "it has a yield, and a hook returns. Fix: `def after(self, request, response)`"),
        (LonelyAfter(), "it takes (response). Fix: `def after(self, request, response)`"),
        (Both(), "it has before and a `__call__` with a yield, of which one would never run. Fix: keep one"),
        (NoMethod(), "it is no method. Fix: `def after(self, request, response)`"),
        (Passing, "Fix: pass an instance: "),
    ],
)
def test_hooks_are_judged_where_they_are_registered(middleware: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        layer_of(middleware)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"middleware {__name__}.")


def test_hooks_have_a_place_and_a_default_is_their_own_affair() -> None:
    layer = layer_of(Passing())
    assert (layer.is_async, layer.needs_body, layer.name) == (False, True, f"{__name__}.Passing")
    assert "test_middleware_core.py:" in layer.location
    early = through([layer], inner, fail)
    assert early.status == 200
