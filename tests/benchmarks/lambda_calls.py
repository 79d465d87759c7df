"""What a call of a Lambda handler costs, and a cold start: hinge-lambda beside Mangum and apig-wsgi, with the same app.

Run: python tests/benchmarks/lambda_calls.py, with hinge-lambda and, to compare, mangum and apig-wsgi installed.
"""

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hinge import App

ROUNDS, CALLS, STARTS = 15, 300, 12
EVENTS = Path(__file__).parents[1] / "lambda" / "events"
Handler = Callable[[Any, Any], dict[str, Any]]

BARE = "import msgspec"
COLD = """
import json, sys
from hinge import App
app = App()
@app.get("/items/{{name}}")
{colour} item(name: str, tag: str = "") -> dict[str, str]:
    return {{"hello": name}}
handler = app.compile("lambda")
handler(json.loads(sys.argv[1]), None)
"""


def app_of(colour: str) -> App:
    app = App()

    def item(name: str, tag: str = "") -> dict[str, str]:
        return {"hello": name}

    async def async_item(name: str, tag: str = "") -> dict[str, str]:
        return {"hello": name}

    app.get("/items/{name}")(item if colour == "def" else async_item)
    return app


@contextlib.contextmanager
def handlers(colour: str) -> Iterator[dict[str, Handler]]:
    """Yield a handler of each, as far as they are installed; afterwards ours is stopped and Mangum's loop is closed."""
    ours = app_of(colour).compile("lambda")
    made: dict[str, Handler] = {"hinge-lambda": ours}
    with contextlib.ExitStack() as stack:
        stack.callback(ours.stop)
        if importlib.util.find_spec("mangum"):
            from mangum import Mangum

            loop = stack.enter_context(contextlib.closing(asyncio.new_event_loop()))
            asyncio.set_event_loop(loop)  # which it asks for
            stack.callback(asyncio.set_event_loop, None)
            made["Mangum"] = Mangum(app_of(colour).compile("asgi"), lifespan="off")
        if importlib.util.find_spec("apig_wsgi"):
            from apig_wsgi import make_lambda_handler

            made["apig-wsgi"] = make_lambda_handler(app_of(colour).compile("wsgi"))
        yield made


def event() -> dict[str, Any]:
    """Return a small GET, as an HTTP API sends it."""
    asked: dict[str, Any] = json.loads((EVENTS / "http-api.json").read_text("utf-8"))
    asked["requestContext"]["http"]["method"] = "GET"
    asked["requestContext"]["http"]["path"] = "/items/lamp"
    del asked["headers"]["content-length"]
    return asked | {"rawPath": "/items/lamp", "rawQueryString": "tag=a&b=c", "body": None}


def per_call(colour: str) -> dict[str, float]:
    """Return microseconds of processor time for a call of each, the median of rounds that take turns."""
    asked = event()
    with handlers(colour) as made:
        spent: dict[str, list[float]] = {name: [] for name in made}
        for name, handler in made.items():
            assert json.loads(handler(asked, None)["body"]) == {"hello": "lamp"}, name
        for _ in range(ROUNDS):
            for name, handler in made.items():
                started = time.process_time()
                for _ in range(CALLS):
                    handler(asked, None)
                spent[name].append((time.process_time() - started) / CALLS * 1e6)
    return {name: statistics.median(times) for name, times in spent.items()}


def cold_start(colour: str) -> float:
    """Return seconds of processor time until the first answer, beyond those of Python with msgspec."""
    programs = [[BARE], [COLD.format(colour=colour), json.dumps(event())]]
    least = [float("inf")] * 2
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(STARTS):
        for number, program in enumerate(programs):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", *program], env=environ, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            least[number] = min(least[number], took)
    return least[1] - least[0]


def main() -> None:
    """Print both."""
    logging.disable(logging.CRITICAL)
    for colour in ("def", "async def"):
        told = ", ".join(f"{name} {time:.1f} us" for name, time in per_call(colour).items())
        cold = cold_start(colour) * 1e3
        print(f"{colour}: a call {told}; a cold start {cold:.0f} ms over Python with msgspec")  # noqa: T201


if __name__ == "__main__":
    main()
