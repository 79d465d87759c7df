"""How a worker of `hinge run` begins and ends when the app's own code would end it: real processes, each backend."""

from pathlib import Path

import pytest
from tests.support.services import Serve

from hinge.backend.installed import installed_backends

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = """\
import asyncio
import os

from hinge import App, Request

app = App()


def note(text):
    with open("notes", "a") as file:
        file.write(f"{text} {os.getpid()}\\n")


class Own(BaseException):
    pass


RAISES = {
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "SystemExit": lambda: SystemExit(0),
    "KeyboardInterrupt": KeyboardInterrupt,
    "BaseExceptionGroup": lambda: BaseExceptionGroup("both", [Own(), ValueError()]),
    "Own": Own,
}


def fail(when):
    if os.environ.get("AT") == when:
        raise RAISES[os.environ["RAISES"]]()


@app.lifespan
async def first():
    note("start")
    yield
    note("stop")


@app.lifespan
async def life():
    fail("start")
    yield
    fail("stop")


@app.get("/")
async def home() -> int:
    return os.getpid()


async def leaves():
    await asyncio.sleep(0)
    fail("task")


@app.get("/task")
async def task() -> int:
    asyncio.create_task(leaves())
    return os.getpid()


@app.get("/fails")
async def fails() -> None:
    fail("request")
"""

KINDS = ["CancelledError", "GeneratorExit", "SystemExit", "KeyboardInterrupt", "BaseExceptionGroup", "Own"]
backends = pytest.mark.parametrize(
    "backend", [name for name in ("wsgi", "asgi", "rsgi") if name in installed_backends()]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lives.py").write_text(APP)
    return tmp_path


@backends
@pytest.mark.parametrize("raised", KINDS)
def test_a_start_that_fails_ends_the_service(serve: Serve, backend: str, raised: str) -> None:
    service = serve("lives:app", "--backend", backend, AT="start", RAISES=raised)
    assert service.wait() == 1
    assert service.log().count("Error: lives:app did not start, nothing is served") == 1
    assert raised in service.log()
    assert 'lives.py", line ' in service.log()
    assert service.notes() == ["start", "stop"], "nothing is respawned"


@backends
@pytest.mark.parametrize("raised", KINDS)
def test_a_stop_that_fails_is_told_and_ends_with_1(serve: Serve, backend: str, raised: str) -> None:
    service = serve("lives:app", "--backend", backend, AT="stop", RAISES=raised).started(1)
    assert service.get().status_code == 200
    assert service.stop() == 1
    assert service.log().count("Error: lives:app did not stop as it should") == 1
    assert "did not start" not in service.log()
    assert raised in service.log()
    assert 'lives.py", line ' in service.log()
    assert service.notes() == ["start", "stop"]


@backends
@pytest.mark.parametrize("raised", ["SystemExit", "KeyboardInterrupt"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_task_that_exits_is_a_task_that_fails(
    serve: Serve, folder: Path, backend: str, raised: str, loop: str
) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    else:
        (folder / "uvloop.py").write_text("raise ImportError")
    service = serve("lives:app", "--backend", backend, AT="task", RAISES=raised).started(1)
    pid = service.get("/task").json()
    service.wait_for(f"(?s)Task exception was never retrieved.*{raised}")
    assert service.get().json() == service.get("/task").json() == pid
    assert service.stop() == 0
    assert service.notes() == ["start", "stop"]
    assert "did not start" not in service.log()


@backends
@pytest.mark.parametrize("raised", KINDS)
def test_a_request_that_fails_is_one_that_fails(serve: Serve, backend: str, raised: str) -> None:
    service = serve("lives:app", "--backend", backend, AT="request", RAISES=raised).started(1)
    pid = service.get().json()
    assert service.get("/fails").status_code == 500
    assert service.get().json() == pid
    assert service.stop() == 0
    assert service.notes() == ["start", "stop"]
    assert "did not start" not in service.log()
