"""The distribution hinge-lambda needs nothing but Hinge, stays small, and loads only what an app uses."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "backends/hinge_lambda/src/hinge_lambda").glob("*.py"))
MOST_LINES = 442
"""Of code and prose; without the connection, which only tests use."""

APP = """
import sys
from hinge import App, HTTPError, Request
app = App()

@app.get("/")
{handler}

handler = app.compile("lambda")
event = {{"version": "2.0", "rawPath": "{path}", "requestContext": {{"http": {{"method": "GET"}}}}}}
assert handler(event, None)["statusCode"] == {status}
print(*[name for name in ("asyncio", "anyio", "granian", "click", "hinge_lambda.connection") if name in sys.modules])
"""
PLAIN = "def plain() -> dict[str, int]: return {'a': 1}"
COROUTINE = "async def coroutine() -> dict[str, int]: return {'a': 1}"
ASKS = "def asks(request: Request) -> dict[str, int]: return {'a': 1}"
REFUSES = "def refuses() -> None: raise HTTPError(409)"
TYPED = "def typed(number: int) -> int: return number"
SLASHED = "def plain() -> int: return 1\n@app.get('/b')\ndef slashed() -> int: return 1"
STARTS = [
    (PLAIN, "/", 200, ""),
    (PLAIN, "/none", 404, ""),
    (SLASHED, "/b/", 308, ""),
    ("def plain() -> int: return 1\n@app.post('/b')\ndef post() -> int: return 1", "/b", 405, ""),
    (REFUSES, "/", 409, ""),
    (TYPED, "/", 422, ""),
    (COROUTINE, "/", 200, "asyncio anyio"),
    (ASKS, "/", 200, "asyncio anyio"),
]


def test_it_imports_the_standard_library_and_hinge() -> None:
    tops = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert tops - set(sys.stdlib_module_names) == {"hinge", "hinge_lambda"}


def test_it_is_small() -> None:
    texts = [file.read_text("utf-8") for file in SOURCES if file.name != "connection.py"]
    assert 200 < sum(bool(line.strip()) for text in texts for line in text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize(("handler", "path", "status", "loaded"), STARTS)
def test_a_cold_start_loads_what_the_app_uses(handler: str, path: str, status: int, loaded: str) -> None:
    pytest.importorskip("hinge_lambda.handler", reason="the distribution hinge-lambda is not installed")
    program = f"import sys; sys.path += {sys.path!r}\n{APP.format(handler=handler, path=path, status=status)}"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert (run.stdout.strip(), run.stderr) == (loaded, "")
