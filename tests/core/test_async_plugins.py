"""hinge.testing.AsyncClient in the fixtures and tests of the pytest plugins that run coroutines."""

import subprocess
import sys

import pytest

PLUGINS = {
    "pytest-asyncio": """
import pytest_asyncio
fixture, mark = pytest_asyncio.fixture, pytest.mark.asyncio
""",
    "pytest-asyncio, one loop": """
import pytest_asyncio
fixture = pytest_asyncio.fixture(scope="module", loop_scope="module")
mark = pytest.mark.asyncio(loop_scope="module")
""",
    "anyio": """
fixture, mark = pytest.fixture, pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"
""",
}

SUITE = """
import asyncio

import pytest

from hinge import App
from hinge.testing import AsyncClient

{plugin}

app = App()
made = []


@app.lifespan
async def resource():
    async with asyncio.timeout(60):  # entered and left by one task
        yield


@app.get("/")
async def is_mine() -> bool:
    return made[-1] is asyncio.get_running_loop()


@pytest.fixture(params=["asgi", "wsgi"], scope="module")
def backend(request):
    return request.param


@fixture
async def client(backend):
    made.append(asyncio.get_running_loop())
    async with AsyncClient(app, backend) as client:
        yield client


@mark
@pytest.mark.parametrize("number", [1, 2])
async def test_it(client, backend, number):
    assert (await client.get("/")).json() is (backend == "asgi")
"""

TRIO = """
import pytest

from hinge import App
from hinge.testing import AsyncClient


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_it(anyio_backend):
    async with AsyncClient(App(), "asgi"):
        raise AssertionError
"""


def run(folder, text):
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings =\n  error\n  ignore:The configuration option\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120, check=False).stdout


@pytest.mark.gate
@pytest.mark.parametrize("plugin", PLUGINS)
def test_it_is_a_fixture_of_every_plugin(tmp_path, plugin):
    assert "4 passed" in run(tmp_path, SUITE.format(plugin=PLUGINS[plugin]))


@pytest.mark.gate
def test_trio_is_told_what_to_write(tmp_path):
    assert "ConfigurationError: AsyncClient: no asyncio event loop runs here (trio's is none). Fix:" in run(
        tmp_path, TRIO
    )
