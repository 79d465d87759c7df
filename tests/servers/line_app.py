"""An app whose handlers wait for its only worker thread."""

import os
import time
from pathlib import Path
from typing import Any

from hinge import App, Config

came = ran = 0


def counting(wrapped: Any) -> Any:
    async def count_and_serve(scope: Any, receive: Any, send: Any) -> None:
        global came  # noqa: PLW0603 - there is one worker
        came += scope.get("path") == "/ran"
        await wrapped(scope, receive, send)

    return count_and_serve


app = App(config=Config(sync_threads=1), asgi_middleware=[counting])


@app.get("/came", inline=True)
def how_many_came() -> int:
    return came


@app.get("/hold")
def hold() -> str:
    """Return once the file that GATE names is there."""
    while not Path(os.environ["GATE"]).exists():
        time.sleep(0.005)
    return "held"


@app.get("/ran")
def how_many_ran() -> int:
    global ran  # noqa: PLW0603 - there is one thread
    ran += 1
    return ran
