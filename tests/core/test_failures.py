"""The table of what an exception means: a failure, another one in its place, or what is passed on."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from hinge import App
from hinge.backend.installed import installed_backends
from hinge.diagnostics.failures import failure_in_task, failure_of, is_close
from hinge.testing import Client


class Own(BaseException): ...


ITSELF: dict[str, BaseException] = {
    "Exception": ValueError(),
    "SystemExit": SystemExit(1),
    "own": Own(),
    "group": BaseExceptionGroup("", [Own(), ValueError()]),
}
ANOTHER: dict[str, BaseException] = {"CancelledError": asyncio.CancelledError(), "GeneratorExit": GeneratorExit()}
PASSED_ON: dict[str, BaseException] = {
    "KeyboardInterrupt": KeyboardInterrupt(),
    "in a group": BaseExceptionGroup("", [ValueError(), BaseExceptionGroup("", [KeyboardInterrupt()])]),
}


def in_plain_code(judge: Callable[[BaseException], Any], error: BaseException) -> Any:
    return judge(error)


def in_a_task(judge: Callable[[BaseException], Any], error: BaseException) -> Any:
    async def judging() -> Any:
        try:
            return judge(error), None
        except BaseException as raised:  # a KeyboardInterrupt would end the loop
            return None, raised

    failure, raised = asyncio.run(judging())
    if raised is not None:
        raise raised
    return failure


@pytest.mark.parametrize(
    ("where", "judge"), [(in_plain_code, failure_of), (in_a_task, failure_of), (in_a_task, failure_in_task)]
)
class TestEverywhere:
    @pytest.mark.parametrize("name", ITSELF)
    def test_a_failure_is_itself(self, where: Any, judge: Any, name: str) -> None:
        assert where(judge, ITSELF[name]) is ITSELF[name]

    @pytest.mark.parametrize("name", ANOTHER)
    def test_what_nobody_meant_is_a_failure_caused_by_it(self, where: Any, judge: Any, name: str) -> None:
        failure = where(judge, ANOTHER[name])
        assert type(failure) is RuntimeError
        assert failure.__cause__ is ANOTHER[name]

    @pytest.mark.parametrize("name", PASSED_ON)
    def test_an_interrupt_is_passed_on(self, where: Any, judge: Any, name: str) -> None:
        with pytest.raises(type(PASSED_ON[name])) as raised:
            where(judge, PASSED_ON[name])
        assert raised.value is PASSED_ON[name]


@pytest.mark.parametrize("judge", [failure_of, failure_in_task])
def test_a_cancellation_that_was_asked_for_is_passed_on(judge: Any) -> None:
    async def judging() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            judge(error)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(judging())


def test_a_coroutine_that_is_closed_is_left() -> None:
    judged: list[Any] = []

    async def judging() -> None:
        try:
            await asyncio.sleep(0)
        except GeneratorExit as error:
            judged.append(failure_in_task(error))

    coroutine = judging()
    coroutine.send(None)
    coroutine.close()
    assert judged == []


def test_a_generator_tells_its_close_from_what_came_from_within() -> None:
    told: list[bool] = []

    def inner() -> Any:
        yield
        raise GeneratorExit

    def outer(items: Any) -> Any:
        try:
            for item in items:
                yield str(item)
        except GeneratorExit as error:
            told.append(is_close(error))

    closed = outer(inner())
    next(closed)
    closed.close()
    assert [*outer(inner())] == ["None"]
    assert told == [True, False]


def test_it_does_without_asyncio() -> None:
    program = (
        "import sys, hinge.diagnostics.failures as f\n"
        "class Own(BaseException): ...\n"
        "assert type(f.failure_of(Own())) is Own\n"
        "assert type(f.failure_of(GeneratorExit())) is RuntimeError\n"
        "assert 'asyncio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("backend", [name for name in ("asgi", "rsgi") if name in installed_backends()])
def test_a_request_that_the_server_cancels_is_passed_on(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    cancelled: list[str] = []

    @app.get("/")
    async def handler() -> None:
        server = next(task for task in asyncio.all_tasks() if task is asyncio.current_task())
        server.cancel()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.append("handler")
            raise

    with Client(app, backend) as client, pytest.raises(asyncio.CancelledError):
        client.get("/")
    assert cancelled == ["handler"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
