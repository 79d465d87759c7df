"""What runs once around a worker's life, undone when a start fails, and what is refused.

Order, state and misuse, as an app sees them, are in the kit: hinge.conformance.test_lifespan.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import ConfigurationError
from hinge.lifespan import LifespanStack, lifespan_of

APP = object()


class Log:
    """Lifespans of both colours that note what happens to them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def sync(
        self, name: str, yielded: Any = None, *, start: Exception | None = None, stop: Exception | None = None
    ) -> Any:
        def lifespan() -> Iterator[Any]:
            self.lines.append(f"start {name}")
            if start is not None:
                raise start
            yield yielded
            self.lines.append(f"stop {name}")
            if stop is not None:
                raise stop

        return lifespan

    def coloured(self, name: str, yielded: Any = None, **failures: Any) -> Any:
        sync = self.sync(name, yielded, **failures)

        async def lifespan() -> AsyncIterator[Any]:
            await asyncio.sleep(0)
            for value in sync():
                yield value
                await asyncio.sleep(0)

        return lifespan


def stack(*functions: Callable[..., Any]) -> LifespanStack:
    return LifespanStack(APP, tuple(lifespan_of(function) for function in functions))


def live(*functions: Callable[..., Any]) -> dict[str, Any]:
    """Start and stop, and return the state in between."""

    async def main() -> dict[str, Any]:
        running = stack(*functions)
        await running.start()
        state = dict(running.state)
        await running.stop()
        assert running.state == {}
        return state

    return asyncio.run(main())


def start(*functions: Callable[..., Any]) -> None:
    asyncio.run(stack(*functions).start())


# -- order and state ---------------------------------------------------------------------------------------------------


def test_the_app_is_handed_over_to_those_that_ask() -> None:
    seen: list[Any] = []

    def takes(app: Any) -> Iterator[None]:
        seen.append(app)
        yield

    class Instance:
        async def __call__(self, app: Any) -> AsyncIterator[None]:
            seen.append(app)
            yield

    def takes_more(more: str, app: Any, url: str = "") -> Iterator[None]:
        seen.append((more, app, url))
        yield

    live(takes, Instance(), functools.partial(takes_more, "more"), functools.partial(takes_more, "more", url="x"))
    assert seen == [APP, APP, ("more", APP, ""), ("more", APP, "x")]


def test_a_second_stop_does_nothing() -> None:
    log = Log()

    async def main() -> None:
        running = stack(log.sync("a"))
        await running.start()
        await running.stop()
        await running.stop()

    asyncio.run(main())
    assert log.lines == ["start a", "stop a"]


# -- failures ----------------------------------------------------------------------------------------------------------


def test_what_fails_while_a_failed_start_is_undone_is_noted_on_the_start_s_failure() -> None:
    log = Log()
    failure = KeyError("first")
    with pytest.raises(KeyError) as caught:
        start(log.sync("a"), log.sync("b", stop=ValueError("second")), log.sync("c", start=failure))
    assert caught.value is failure
    (note,) = caught.value.__notes__
    assert note.startswith("and then lifespan ")
    assert note.endswith(") failed while it was stopped: ValueError('second')")
    assert log.lines[-2:] == ["stop b", "stop a"]


def test_a_lifespan_that_cannot_even_be_called_stops_those_before_it() -> None:
    log = Log()

    def broken(app: Any) -> Any:
        raise AssertionError

    lifespan = msgspec.structs.replace(lifespan_of(log.sync("b")), start=lambda: broken)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        asyncio.run(LifespanStack(APP, (lifespan_of(log.sync("a")), lifespan)).start())
    assert log.lines == ["start a", "stop a"]


def test_a_failing_stop_stops_the_others_and_the_first_failure_is_raised() -> None:
    log = Log()
    with pytest.raises(KeyError, match="first"):
        live(
            log.sync("a"),
            log.coloured("b", stop=ValueError("second")),
            log.sync("c", stop=KeyError("first")),
            log.sync("d"),
        )
    assert log.lines[-4:] == ["stop d", "stop c", "stop b", "stop a"]


def test_a_cancelled_start_is_undone() -> None:
    log = Log()

    async def waits() -> AsyncIterator[None]:
        waiting.set()
        await asyncio.Event().wait()
        yield

    async def main() -> None:
        task = asyncio.create_task(stack(log.sync("a"), waits).start())
        await waiting.wait()
        task.cancel()
        with pytest.raises(RuntimeError, match=r"lifespan .*: it raised CancelledError\(\)"):
            await task

    waiting = asyncio.Event()
    asyncio.run(main())
    assert log.lines == ["start a", "stop a"]


# -- misuse ------------------------------------------------------------------------------------------------------------


def misuse(*functions: Callable[..., Any], run: Callable[..., Any] = live) -> str:
    with pytest.raises(ConfigurationError) as caught:
        run(*functions)
    message = str(caught.value)
    assert message.startswith("lifespan ")
    assert "test_lifespan.py:" in message
    assert "Fix: " in message
    return message


def plain() -> None: ...


async def coroutine() -> None: ...


def two(app: Any, other: Any) -> Iterator[None]:
    yield


def keyword_only(*, app: Any) -> Iterator[None]:
    yield


@contextlib.asynccontextmanager
async def manager() -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (plain, "it has no yield"),
        (coroutine, "it has no yield"),
        (manager, "a generator without @asynccontextmanager"),
        (two, "it takes (app, other). Fix: take the app, or nothing"),
        (keyword_only, "it takes (app). Fix: take the app, or nothing"),
    ],
)
def test_what_is_no_lifespan_is_refused_when_it_is_declared(function: Callable[..., Any], said: str) -> None:
    assert said in misuse(function, run=lifespan_of)


@pytest.mark.parametrize("function", [None, 5, "text"])
def test_what_is_not_even_callable_is_refused_too(function: Any) -> None:
    with pytest.raises(ConfigurationError, match="it cannot be called"):
        lifespan_of(function)
